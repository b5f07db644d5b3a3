# SPDX-License-Identifier: GPL-3.0-or-later
"""RECORD: a file that was changed or removed is named, and a script with another path gets its new hash."""

from __future__ import annotations

import os

import pytest
from ansible_collections.airgap.python.plugins.module_utils._install import _record


@pytest.fixture(name="environment")
def environment_fixture(tmp_path):
    """Return an environment with one project, which has a module and a program."""
    site = tmp_path / "lib/python3.11/site-packages"
    info = site / "app-1.dist-info"
    info.mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib64").symlink_to("lib")
    (site / "app.py").write_bytes(b"one")
    (tmp_path / "bin/app").write_bytes(b"#!/old/bin/python\n")
    rows = ["%s,%s,3" % ("app.py", _record._hash_of(b"one")), "app.pyc,,", "app-1.dist-info/RECORD,,"]
    rows.append("../../../bin/app,%s,18" % _record._hash_of(b"#!/old/bin/python\n"))
    (info / "RECORD").write_bytes("\r\n".join(rows).encode() + b"\r\n")
    return tmp_path


def test_environment_whose_files_are_as_installed_has_no_damage(environment):
    assert len(_record.info_folders(str(environment))) == 1
    assert _record.damage(str(environment)) == []


def test_each_file_that_differs_is_named_with_what_is_wrong(environment):
    site = environment / "lib/python3.11/site-packages"
    (site / "app.py").write_bytes(b"two")
    assert _record.damage(str(environment)) == ["lib/python3.11/site-packages/app.py was changed"]
    (site / "app.py").unlink()
    assert _record.damage(str(environment)) == ["lib/python3.11/site-packages/app.py is missing"]
    os.mkfifo(str(site / "app.py"))
    assert _record.damage(str(environment)) == ["lib/python3.11/site-packages/app.py is not a file any more"]
    (site / "app-1.dist-info/RECORD").unlink()
    assert "RECORD cannot be read" in _record.damage(str(environment))[0]


def test_changed_script_gets_its_hash_and_size_and_nothing_else_changes(environment):
    record = environment / "lib/python3.11/site-packages/app-1.dist-info/RECORD"
    before = record.read_bytes()
    script = environment / "bin/app"
    script.write_bytes(b"#!/opt/airgap/base/bin/python\n")
    assert _record.damage(str(environment)) == ["bin/app was changed"]
    _record.update(str(environment), [str(script)])
    assert _record.damage(str(environment)) == []
    lines = list(zip(before.split(b"\r\n"), record.read_bytes().split(b"\r\n")))
    assert [one != other for one, other in lines] == [False, False, False, True, False]
