# SPDX-License-Identifier: GPL-3.0-or-later
"""The exchange of devpi's data leaves the old ones or the new ones, wherever it is killed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import sqlite3
import typing as t

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _migration

WHEEL = hashlib.sha256(b"wheel").hexdigest()
STORED = "+files/airgap/prod/+f/%s/%s/a.whl" % (WHEEL[:3], WHEEL[3:16])


class Killed(Exception):
    """The run was killed."""


def write(folder: pathlib.Path, version: str) -> None:
    """Write data as devpi has them."""
    (folder / STORED).parent.mkdir(parents=True)
    (folder / STORED).write_bytes(b"wheel")
    (folder / ".serverversion").write_text(version, encoding="utf-8")
    (folder / ".nodeinfo").write_text("{}", encoding="utf-8")


@pytest.fixture(name="data")
def data_fixture(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a data folder with old data, and new ones that wait for the exchange."""
    data = tmp_path / "data"
    write(data, "4")
    with contextlib.closing(sqlite3.connect(str(data / ".sqlite"))) as database:
        database.execute("CREATE TABLE changelog (serial INTEGER)")
        database.execute("INSERT INTO changelog VALUES (7)")
        database.commit()
    (data / "lost+found").mkdir()
    write(pathlib.Path(_migration.new_data(str(data))), "5")
    (pathlib.Path(_migration.new_data(str(data))) / ".sqlite_alchemy").write_text("new", encoding="utf-8")
    return data


def names(data: pathlib.Path) -> t.List[str]:
    """Return the names in a data folder."""
    return sorted(os.listdir(data))


OLD = ["+files", ".nodeinfo", ".serverversion", ".sqlite", "lost+found"]
NEW = ["+files", ".nodeinfo", ".serverversion", ".sqlite_alchemy", "lost+found"]


def test_new_data_take_the_place_of_the_old_ones_which_are_kept_until_the_end(data: pathlib.Path) -> None:
    _migration.exchange(str(data), 7)
    assert (data / ".serverversion").read_text(encoding="utf-8") == "5"
    assert names(data) == sorted([*NEW, ".former"])
    _migration.discard(str(data))
    assert names(data) == NEW


def test_old_data_come_back(data: pathlib.Path) -> None:
    _migration.exchange(str(data), 7)
    assert _migration.is_pending(str(data))
    assert _migration.restore(str(data))
    assert (data / ".serverversion").read_text(encoding="utf-8") == "4"
    assert names(data) == OLD
    assert _migration.read_serial(str(data)) == 7
    assert not _migration.restore(str(data))


@pytest.mark.parametrize("step", range(12))
def test_exchange_killed_at_any_step_is_undone(data: pathlib.Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    rename = os.rename
    done: t.List[str] = []

    def killed(source: str, target: str) -> None:
        if len(done) == step:
            raise Killed
        done.append(source)
        rename(source, target)

    monkeypatch.setattr(os, "rename", killed)
    with contextlib.suppress(Killed):
        _migration.exchange(str(data), 7)
    monkeypatch.undo()
    _migration.restore(str(data))
    assert names(data) == OLD
    assert (data / ".serverversion").read_text(encoding="utf-8") == "4"
    assert _migration.read_serial(str(data)) == 7


@pytest.mark.parametrize("step", range(7))
def test_restore_killed_at_any_step_is_finished_by_the_next(
    data: pathlib.Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    _migration.exchange(str(data), 7)
    rename = os.rename
    done: t.List[str] = []

    def killed(source: str, target: str) -> None:
        if len(done) == step:
            raise Killed
        done.append(source)
        rename(source, target)

    monkeypatch.setattr(os, "rename", killed)
    with contextlib.suppress(Killed):
        _migration.restore(str(data))
    monkeypatch.undo()
    _migration.restore(str(data))
    assert names(data) == OLD
    assert _migration.read_serial(str(data)) == 7


def test_what_was_published_meanwhile_is_not_lost(data: pathlib.Path) -> None:
    with pytest.raises(AirgapError, match="Someone published.*Nothing was changed"):
        _migration.exchange(str(data), 6)
    assert (data / ".serverversion").read_text(encoding="utf-8") == "4"


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_new_data_without_a_file_or_with_a_damaged_one_are_refused(data: pathlib.Path, damage: str) -> None:
    assert _migration.check_converted(str(data)) == 1
    place = pathlib.Path(_migration.new_data(str(data))) / STORED
    place.unlink() if damage == "missing" else place.write_bytes(b"wheeL")
    with pytest.raises(AirgapError, match="a.whl. The old data are unchanged"):
        _migration.check_converted(str(data))
