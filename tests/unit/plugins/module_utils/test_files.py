# SPDX-License-Identifier: GPL-3.0-or-later
"""What the one place that holds folders promises: one run at a time, and no endless wait where none is wanted."""

from __future__ import annotations

import os

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _files


def test_run_that_waits_for_another_one_gives_up_in_time_and_says_for_whom_it_waited(tmp_path):
    folder = str(tmp_path / "pool")
    again = _files.held(folder, False, 0.1)
    with _files.held(folder, False), pytest.raises(_files.FileError, match=folder + " for .*Run this again"):
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
