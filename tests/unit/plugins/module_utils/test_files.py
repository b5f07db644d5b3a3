# SPDX-License-Identifier: GPL-3.0-or-later
"""What the one place that holds folders promises: one run at a time, and no endless wait where none is wanted."""

from __future__ import annotations

import os

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _files
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def test_run_that_waits_for_another_one_gives_up_in_time_and_says_for_whom_it_waited(tmp_path):
    folder = str(tmp_path / "pool")
    again = _files.held(folder, False, 0.1)
    with _files.held(folder, False), pytest.raises(AirgapError, match=folder + " for .*Run this again"):
        again.__enter__()
    with _files.held(folder, False, 0.1):
        pass


def test_folder_of_a_bundle_is_nobody_elses_to_write_whatever_the_umask(tmp_path):
    before = os.umask(0o002)
    try:
        with _files.held(str(tmp_path / "bundle/wheels"), False):
            pass
        assert os.umask(0o002) == 0o002
    finally:
        os.umask(before)
    assert [(tmp_path / path).stat().st_mode & 0o777 for path in ("bundle", "bundle/wheels")] == [0o755, 0o755]


def test_owner_and_mode_of_what_a_link_names_stay(tmp_path):
    (tmp_path / "shadow").write_text("x")
    (tmp_path / "shadow").chmod(0o644)
    (tmp_path / "secret").symlink_to(tmp_path / "shadow")
    with pytest.raises(AirgapError, match="secret is a link"):
        _files.keep_secret(str(tmp_path / "secret"), None, os.geteuid(), os.getegid())
    assert (tmp_path / "shadow").stat().st_mode & 0o777 == 0o644


def test_owner_and_mode_of_what_is_there_are_mended_once(tmp_path):
    (tmp_path / "file").write_text("x")
    for path, mode in ((tmp_path, 0o750), (tmp_path / "file", 0o600)):
        path.chmod(0o755)
        own = (str(path), os.geteuid(), os.getegid(), mode)
        assert _files.own(*own, True) and _files.own(*own) and not _files.own(*own)
        assert path.stat().st_mode & 0o777 == mode
    assert not _files.own(str(tmp_path / "absent"), 0, 0, 0o600)
