# SPDX-License-Identifier: GPL-3.0-or-later
"""Owner, group and mode: folders and programs can be entered and run by whoever can read them."""

from __future__ import annotations

import os

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _permissions


def test_mode_of_files_is_given_and_folders_and_programs_can_also_be_entered_and_run(tmp_path):
    root = tmp_path / "venv"
    (root / "bin").mkdir(parents=True)
    (root / "bin/app").write_text("")
    (root / "bin/app").chmod(0o755)
    (root / "text").write_text("")
    outside = tmp_path / "outside"
    outside.write_text("")
    outside.chmod(0o644)
    (root / "bin/python").symlink_to(outside)
    wanted = _permissions.parse("", "", "0640")
    assert not _permissions.fit(str(root), wanted)
    _permissions.apply(str(root), wanted)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (root, root / "bin", root / "bin/app", root / "text")}
    assert modes == {"venv": 0o750, "bin": 0o750, "app": 0o750, "text": 0o640}
    assert outside.stat().st_mode & 0o777 == 0o644
    assert _permissions.fit(str(root), wanted)


def test_nothing_is_asked_for_by_default():
    wanted = _permissions.parse("", "", "")
    assert not wanted.any and _permissions.fit("/nonexistent", wanted)
    _permissions.apply("/nonexistent", wanted)


def test_numbers_are_owners_and_unknown_names_and_unquoted_modes_are_errors():
    assert _permissions.parse("0", str(os.getgid()), "") == _permissions.Permissions(0, os.getgid(), None)
    with pytest.raises(AirgapError, match="This host has no user nobody-here, which owner names"):
        _permissions.parse("nobody-here", "", "")
    with pytest.raises(AirgapError, match="must be four octal digits in quotes, such as '0640'"):
        _permissions.parse("", "", "416")
