# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that a setting names is searched for next to the inventory first, then next to the playbook."""

from __future__ import annotations

import os

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.plugin_utils import _site_files


def look(path):
    """Return a path where something is there."""
    return path if os.path.exists(path) else None


def test_relative_path_begins_at_the_inventory_and_then_at_the_playbook(tmp_path):
    places = _site_files.folders({"inventory_dir": tmp_path / "inventory", "playbook_dir": tmp_path / "playbook"})
    for name in ("playbook", "inventory"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "base.json").write_text(name)
        assert _site_files.find("base.json", places, look, "") == str(tmp_path / name / "base.json")


def test_file_that_is_nowhere_is_named_with_each_folder_and_the_fix(tmp_path):
    with pytest.raises(AirgapError, match=r"no base.json in \S*/one or \S*/two\. Bring it\."):
        _site_files.find("base.json", [str(tmp_path / "one"), str(tmp_path / "two")], look, "Bring it.")
    assert _site_files.folders(None) == [os.getcwd()]
