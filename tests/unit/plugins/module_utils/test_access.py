# SPDX-License-Identifier: GPL-3.0-or-later
"""Owners and modes are set once, and never through a link."""

from __future__ import annotations

import os

import pytest
from ansible_collections.airgap.python.plugins.module_utils._access import set_owner
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._secret_file import write_secret


def test_a_secret_is_not_written_through_a_link_and_the_links_target_keeps_its_owner_and_mode(tmp_path):
    (tmp_path / "shadow").write_text("x")
    (tmp_path / "shadow").chmod(0o644)
    (tmp_path / "secret").symlink_to(tmp_path / "shadow")
    with pytest.raises(AirgapError, match="secret is a link"):
        write_secret(str(tmp_path / "secret"), None, os.geteuid(), os.getegid())
    assert (tmp_path / "shadow").stat().st_mode & 0o777 == 0o644


def test_owner_and_mode_of_an_existing_path_are_corrected_once(tmp_path):
    (tmp_path / "file").write_text("x")
    for path, mode in ((tmp_path, 0o750), (tmp_path / "file", 0o600)):
        path.chmod(0o755)
        wanted = (str(path), os.geteuid(), os.getegid(), mode)
        assert set_owner(*wanted, True) and set_owner(*wanted) and not set_owner(*wanted)
        assert path.stat().st_mode & 0o777 == mode
    assert not set_owner(str(tmp_path / "absent"), 0, 0, 0o600)
