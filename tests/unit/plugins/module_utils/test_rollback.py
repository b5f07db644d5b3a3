# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state that worked is restored completely, even after a run that was killed at any moment."""

from __future__ import annotations

import errno
import os

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _files, _rollback


@pytest.fixture(name="unit")
def unit_fixture(tmp_path):
    """Return the paths of a unit, a configuration and a secret."""
    for name, mode in (("unit", 0o644), ("config", 0o640), ("secret", 0o600)):
        (tmp_path / name).write_text("former " + name)
        (tmp_path / name).chmod(mode)
    return tmp_path


def recorded(folder):
    former = _rollback.Rollback(str(folder / "unit"))
    former.record(
        [str(folder / "unit"), str(folder / "config"), str(folder / "absent")], [str(folder / "secret")], "active"
    )
    return former


def test_files_are_restored_with_their_modes_and_new_ones_removed(unit):
    former = recorded(unit)
    (unit / "unit").write_text("bad")
    (unit / "config").unlink()
    (unit / "secret").chmod(0o644)
    (unit / "absent").write_text("new")
    former.restore()
    assert (unit / "unit").read_text() == "former unit"
    assert (unit / "config").read_text() == "former config"
    assert (unit / "config").stat().st_mode & 0o777 == 0o640
    assert (unit / "secret").stat().st_mode & 0o777 == 0o600
    assert not (unit / "absent").exists()
    assert not former.is_recorded


def test_unchanged_file_keeps_its_time(unit):
    os.utime(unit / "unit", (5, 5))
    former = recorded(unit)
    former.restore()
    assert (unit / "unit").stat().st_mtime == 5


def full(*_arguments):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere")


def test_files_are_restored_on_a_full_disk(unit, monkeypatch):
    former = recorded(unit)
    for name in ("unit", "config"):
        _files.write_atomic(str(unit / name), b"bad")
    monkeypatch.setattr(_rollback, "write_atomic", full)
    former.restore()
    assert (unit / "unit").read_text() == "former unit"
    assert (unit / "config").read_text() == "former config"
    assert (unit / "config").stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(unit)) == ["config", "secret", "unit"]


def test_files_are_restored_without_hard_links(unit, monkeypatch):
    monkeypatch.setattr(os, "link", full)
    former = recorded(unit)
    (unit / "unit").write_text("bad")
    former.restore()
    assert (unit / "unit").read_text() == "former unit"


def test_everything_that_can_be_restored_is_and_the_rest_is_tried_again(unit, monkeypatch):
    monkeypatch.setattr(os, "link", full)
    former = recorded(unit)
    (unit / "unit").write_text("bad")
    (unit / "absent").write_text("new")
    monkeypatch.setattr(_rollback, "write_atomic", full)
    with pytest.raises(OSError, match="unit"):
        former.restore()
    assert not (unit / "absent").exists() and former.is_recorded
    monkeypatch.undo()
    former.restore()
    assert (unit / "unit").read_text() == "former unit"


def test_nothing_is_left_next_to_the_files_when_the_new_ones_work(unit):
    # A run was killed before it recorded anything.
    (unit / "unit.kept").write_text("of an earlier run")
    former = recorded(unit)
    _files.write_atomic(str(unit / "unit"), b"good")
    former.discard()
    assert sorted(os.listdir(unit)) == ["config", "secret", "unit"]
    assert (unit / "unit").read_text() == "good"


def test_second_run_does_not_record_the_state_that_a_killed_one_left(unit):
    recorded(unit)
    (unit / "unit").write_text("bad")
    again = recorded(unit)
    assert again.active == "active"
    again.restore()
    assert (unit / "unit").read_text() == "former unit"


def test_record_is_readable_only_by_root_and_holds_no_secret(unit):
    former = recorded(unit)
    assert os.stat(former.path).st_mode & 0o777 == 0o600
    with open(former.path, encoding="utf-8") as stream:
        assert "former secret" not in stream.read()


def test_target_of_a_link_is_neither_recorded_nor_changed(unit):
    (unit / "device").write_text("")
    (unit / "device").chmod(0o666)
    (unit / "config").unlink()
    (unit / "config").symlink_to(unit / "device")
    former = recorded(unit)
    (unit / "config").unlink()
    (unit / "config").write_text("new")
    former.restore()
    assert (unit / "config").read_text() == "new" and (unit / "config").stat().st_mode & 0o777 != 0o666
    former = recorded(unit)
    (unit / "secret").unlink()
    (unit / "secret").symlink_to(unit / "device")
    former.restore()
    assert (unit / "device").stat().st_mode & 0o777 == 0o666


def venv(path, text):
    os.mkdir(path)
    with open(os.path.join(path, "what"), "w", encoding="utf-8") as stream:
        stream.write(text)


def what(path):
    with open(os.path.join(path, "what"), encoding="utf-8") as stream:
        return stream.read()


def test_environment_is_replaced_and_restored(tmp_path):
    path = str(tmp_path / "venv")
    venv(path, "former")
    venv(path + ".new", "new")
    _rollback.replace_venv(path)
    assert what(path) == "new" and _rollback.has_former_venv(path)
    assert _rollback.restore_venv(path)
    assert what(path) == "former"
    assert os.listdir(tmp_path) == ["venv"]
    assert not _rollback.restore_venv(path)


def test_environment_that_worked_survives_several_that_did_not(tmp_path):
    path = str(tmp_path / "venv")
    venv(path, "worked")
    for name in ("bad", "worse"):
        venv(path + ".new", name)
        _rollback.replace_venv(path)
    _rollback.restore_venv(path)
    assert what(path) == "worked"


def test_environment_is_restored_after_a_run_that_was_killed_between_the_two_renames(tmp_path):
    path = str(tmp_path / "venv")
    venv(path + ".former", "worked")
    venv(path + ".new", "new")
    assert _rollback.restore_venv(path)
    assert what(path) == "worked"


def test_former_environment_is_removed_when_the_new_one_works(tmp_path):
    path = str(tmp_path / "venv")
    venv(path, "former")
    venv(path + ".new", "new")
    _rollback.replace_venv(path)
    _rollback.discard_former_venv(path)
    assert os.listdir(tmp_path) == ["venv"]
