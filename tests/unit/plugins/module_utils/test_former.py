# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What worked comes back whole, also after a run that was killed at any moment."""

from __future__ import annotations

import errno
import os

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _files, _former


@pytest.fixture(name="unit")
def unit_fixture(tmp_path):
    """Return the paths of a unit, a configuration and a secret."""
    for name, mode in (("unit", 0o644), ("config", 0o640), ("secret", 0o600)):
        (tmp_path / name).write_text("former " + name)
        (tmp_path / name).chmod(mode)
    return tmp_path


def noted(folder):
    former = _former.Former(str(folder / "unit"))
    former.note(
        [str(folder / "unit"), str(folder / "config"), str(folder / "absent")], [str(folder / "secret")], "active"
    )
    return former


def test_files_come_back_with_their_modes_and_new_ones_go(unit):
    former = noted(unit)
    (unit / "unit").write_text("bad")
    (unit / "config").unlink()
    (unit / "secret").chmod(0o644)
    (unit / "absent").write_text("new")
    former.bring_back()
    assert (unit / "unit").read_text() == "former unit"
    assert (unit / "config").read_text() == "former config"
    assert (unit / "config").stat().st_mode & 0o777 == 0o640
    assert (unit / "secret").stat().st_mode & 0o777 == 0o600
    assert not (unit / "absent").exists()
    assert not former.is_noted


def test_what_did_not_change_keeps_its_time(unit):
    os.utime(unit / "unit", (5, 5))
    former = noted(unit)
    former.bring_back()
    assert (unit / "unit").stat().st_mtime == 5


def full(*_arguments):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere")


def test_files_come_back_on_a_disk_that_is_full(unit, monkeypatch):
    former = noted(unit)
    for name in ("unit", "config"):
        _files.write_atomic(str(unit / name), b"bad")
    monkeypatch.setattr(_former, "write_atomic", full)
    former.bring_back()
    assert (unit / "unit").read_text() == "former unit"
    assert (unit / "config").read_text() == "former config"
    assert (unit / "config").stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(unit)) == ["config", "secret", "unit"]


def test_files_come_back_where_there_are_no_hard_links(unit, monkeypatch):
    monkeypatch.setattr(os, "link", full)
    former = noted(unit)
    (unit / "unit").write_text("bad")
    former.bring_back()
    assert (unit / "unit").read_text() == "former unit"


def test_all_that_can_come_back_does_and_the_rest_is_tried_again(unit, monkeypatch):
    monkeypatch.setattr(os, "link", full)
    former = noted(unit)
    (unit / "unit").write_text("bad")
    (unit / "absent").write_text("new")
    monkeypatch.setattr(_former, "write_atomic", full)
    with pytest.raises(OSError, match="unit"):
        former.bring_back()
    assert not (unit / "absent").exists() and former.is_noted
    monkeypatch.undo()
    former.bring_back()
    assert (unit / "unit").read_text() == "former unit"


def test_nothing_is_left_beside_the_files_when_the_new_ones_work(unit):
    # A run that was killed before it had noted anything.
    (unit / "unit.kept").write_text("of an earlier run")
    former = noted(unit)
    _files.write_atomic(str(unit / "unit"), b"good")
    former.forget()
    assert sorted(os.listdir(unit)) == ["config", "secret", "unit"]
    assert (unit / "unit").read_text() == "good"


def test_second_run_does_not_take_what_a_killed_one_left_for_what_worked(unit):
    noted(unit)
    (unit / "unit").write_text("bad")
    again = noted(unit)
    assert again.active == "active"
    again.bring_back()
    assert (unit / "unit").read_text() == "former unit"


def test_note_is_for_root_alone_and_holds_no_secret(unit):
    former = noted(unit)
    assert os.stat(former.path).st_mode & 0o777 == 0o600
    with open(former.path, encoding="utf-8") as stream:
        assert "former secret" not in stream.read()


def test_what_a_link_names_is_neither_noted_nor_changed(unit):
    (unit / "device").write_text("")
    (unit / "device").chmod(0o666)
    (unit / "config").unlink()
    (unit / "config").symlink_to(unit / "device")
    former = noted(unit)
    (unit / "config").unlink()
    (unit / "config").write_text("new")
    former.bring_back()
    assert (unit / "config").read_text() == "new" and (unit / "config").stat().st_mode & 0o777 != 0o666
    former = noted(unit)
    (unit / "secret").unlink()
    (unit / "secret").symlink_to(unit / "device")
    former.bring_back()
    assert (unit / "device").stat().st_mode & 0o777 == 0o666


def venv(path, text):
    os.mkdir(path)
    with open(os.path.join(path, "what"), "w", encoding="utf-8") as stream:
        stream.write(text)


def what(path):
    with open(os.path.join(path, "what"), encoding="utf-8") as stream:
        return stream.read()


def test_environment_is_swapped_in_and_back(tmp_path):
    path = str(tmp_path / "venv")
    venv(path, "former")
    venv(path + ".new", "new")
    _former.swap_in(path)
    assert what(path) == "new" and _former.has_former(path)
    assert _former.swap_back(path)
    assert what(path) == "former"
    assert os.listdir(tmp_path) == ["venv"]
    assert not _former.swap_back(path)


def test_environment_that_worked_outlives_several_that_did_not(tmp_path):
    path = str(tmp_path / "venv")
    venv(path, "worked")
    for name in ("bad", "worse"):
        venv(path + ".new", name)
        _former.swap_in(path)
    _former.swap_back(path)
    assert what(path) == "worked"


def test_environment_comes_back_where_a_run_was_killed_between_the_two_renames(tmp_path):
    path = str(tmp_path / "venv")
    venv(path + ".former", "worked")
    venv(path + ".new", "new")
    assert _former.swap_back(path)
    assert what(path) == "worked"


def test_what_is_kept_goes_when_the_new_one_works(tmp_path):
    path = str(tmp_path / "venv")
    venv(path, "former")
    venv(path + ".new", "new")
    _former.swap_in(path)
    _former.drop(path)
    assert os.listdir(tmp_path) == ["venv"]
