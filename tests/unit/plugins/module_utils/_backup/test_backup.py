# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup holds everything as it was at one time, its check finds any change, and it is restored to a fresh host only."""

from __future__ import annotations

import contextlib
import datetime
import errno
import hashlib
import json
import os
import pathlib
import pwd
import shutil
import sqlite3
import subprocess
import sys
import types
import typing as t

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _program_source
from ansible_collections.airgap.python.plugins.module_utils._backup import _check, _program, _restore, _snapshot
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

START = datetime.datetime(2026, 1, 31, 23, 59, 59, tzinfo=datetime.timezone.utc)


class Site:
    """The folders of an index host, as small as they can be."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.data = root / "data"
        self.config = root / "etc"
        self.backups = root / "backups"
        self.backups.mkdir(mode=0o700)
        self.config.mkdir(mode=0o750)
        (self.config / "secret").write_text("s3cret\n", encoding="utf-8")
        (self.config / "secret").chmod(0o600)
        self.data.mkdir()
        self.database = sqlite3.connect(str(self.data / ".sqlite"))
        self.database.execute("PRAGMA journal_mode=wal")
        self.database.execute("CREATE TABLE file (path TEXT)")
        self.database.commit()
        self.ticks = 0
        (self.data / "link").symlink_to("+files")

    @property
    def sources(self) -> t.List[_snapshot.Source]:
        """The sources of a backup, one of which does not exist."""
        return [
            _snapshot.Source("data", str(self.data)),
            _snapshot.Source("config", str(self.config)),
            _snapshot.Source("ledger", str(self.root / "ledger.jsonl"), True),
        ]

    def store(self, content: bytes, name: str = "a.whl") -> pathlib.Path:
        """Store a file as devpi does, and name it in the database."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.data / "+files/airgap/prod/+f" / sha256[:3] / sha256[3:16] / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        self.database.execute("INSERT INTO file VALUES (?)", [str(path.relative_to(self.data))])
        self.database.commit()
        return path

    def back_up(self) -> pathlib.Path:
        """Make a backup, a second after the last one."""
        self.ticks += 1
        at = START + datetime.timedelta(seconds=self.ticks)
        return pathlib.Path(_snapshot.create(str(self.backups), self.sources, at))

    def lose(self) -> None:
        """Lose the disk with everything but the backups."""
        self.database.close()
        shutil.rmtree(self.data)
        shutil.rmtree(self.config)

    def restore(self, check_mode: bool = False) -> t.Dict[str, t.Any]:
        """Restore the newest backup."""
        return _restore.ensure_restored(str(self.backups), self.sources, check_mode)


@pytest.fixture(name="site")
def site_fixture(tmp_path: pathlib.Path) -> t.Iterator[Site]:
    """Return a site with one file in its index."""
    site = Site(tmp_path)
    site.store(b"wheel")
    yield site
    site.database.close()


def paths_in(database: pathlib.Path) -> t.List[str]:
    """Return the paths that a database names."""
    with contextlib.closing(sqlite3.connect(str(database))) as opened:
        return [str(row[0]) for row in opened.execute("SELECT path FROM file")]


def test_backup_of_a_running_index_holds_every_file_that_its_database_names(site: Site) -> None:
    site.store(b"not yet in the main file of the database")
    assert (site.data / ".sqlite-wal").stat().st_size > 0
    backup = site.back_up()
    named = paths_in(backup / "data/.sqlite")
    assert len(named) == 2
    assert [path for path in named if not (backup / "data" / path).is_file()] == []
    assert (backup / "config/secret").read_text(encoding="utf-8") == "s3cret\n"
    assert not list(backup.rglob("*-wal"))
    assert _check.find_problems(str(backup)) == []


def test_database_that_a_killed_server_left_half_written_is_not_backed_up_as_it_is(
    site: Site, tmp_path: pathlib.Path
) -> None:
    path = str(tmp_path / "killed")
    code = (
        "import os, sqlite3; database = sqlite3.connect(%r, isolation_level=None); database.execute('PRAGMA cache_size=1');"
        "database.execute('CREATE TABLE t (a)'); database.execute('BEGIN');"
        "[database.execute('INSERT INTO t VALUES (zeroblob(4000))') for one in range(200)]; os.kill(os.getpid(), 9)"
        % path
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert os.path.exists(path + "-journal")
    copy = str(tmp_path / "copy")
    # Root may repair it while it reads; a reader that may not write refuses it.
    with contextlib.suppress(AirgapError):
        _snapshot.copy_database(path, copy)
        with contextlib.closing(sqlite3.connect(copy)) as opened:
            assert opened.execute("SELECT count(*) FROM t").fetchone() == (0,)
            assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_only_root_can_read_a_backup(site: Site) -> None:
    assert site.back_up().stat().st_mode & 0o777 == 0o700


def test_copy_starts_again_where_a_file_is_removed_meanwhile(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    going = site.store(b"going")
    real, calls = _snapshot.copy_database, []

    def copy_and_remove(path: str, copy: str) -> None:
        real(path, copy)
        calls.append(path)
        if len(calls) == 1:
            site.database.execute("DELETE FROM file WHERE path LIKE ?", ["%" + going.parent.name + "%"])
            site.database.commit()
            going.unlink()

    monkeypatch.setattr(_snapshot, "copy_database", copy_and_remove)
    backup = site.back_up()
    assert len(calls) == 2
    named = paths_in(backup / "data/.sqlite")
    assert len(named) == 1
    assert [path for path in named if not (backup / "data" / path).is_file()] == []


def test_unchanged_file_takes_no_space_again_and_nothing_is_linked_to_the_original(site: Site) -> None:
    first, second = site.back_up(), site.back_up()
    (one,) = first.rglob("a.whl")
    (two,) = second.rglob("a.whl")
    (original,) = site.data.rglob("a.whl")
    assert one.stat().st_ino == two.stat().st_ino != original.stat().st_ino


def test_same_file_in_the_bundle_and_in_the_index_takes_its_space_once(site: Site) -> None:
    bundle = site.root / "bundle/wheels"
    bundle.mkdir(parents=True)
    (bundle / "a.whl").write_bytes(b"wheel")
    at = START + datetime.timedelta(seconds=9)
    sources = [*site.sources, _snapshot.Source("bundle", str(site.root / "bundle"))]
    one, two = pathlib.Path(_snapshot.create(str(site.backups), sources, at)).rglob("a.whl")
    assert one.stat().st_ino == two.stat().st_ino


def test_changed_file_is_copied_again_even_with_its_old_size_and_time(site: Site) -> None:
    (original,) = site.data.rglob("a.whl")
    site.back_up()
    times = original.stat()
    original.write_bytes(b"WHEEL")
    os.utime(original, ns=(times.st_atime_ns, times.st_mtime_ns))
    (copy,) = site.back_up().rglob("a.whl")
    assert copy.read_bytes() == b"WHEEL"


@pytest.mark.parametrize("damage", ["change", "remove", "add", "truncate", "database", "link"])
def test_check_finds_any_damage(site: Site, damage: str) -> None:
    backup = site.back_up()
    (wheel,) = backup.rglob("a.whl")
    if damage == "change":
        wheel.write_bytes(b"wheeL")
    elif damage == "remove":
        wheel.unlink()
    elif damage == "add":
        (backup / "data/more").write_bytes(b"")
    elif damage == "truncate":
        wheel.write_bytes(b"whee")
    elif damage == "link":
        (backup / "data/link").unlink()
        (backup / "data/link").symlink_to("/etc")
    else:
        with open(backup / "data/.sqlite", "r+b") as stream:
            stream.seek(4096)
            stream.write(bytes(4096))
        document = json.loads((backup / "backup.json").read_text(encoding="utf-8"))
        for entry in document["sources"]["data"]:
            if entry.get("database"):
                entry["sha256"] = hashlib.sha256((backup / "data/.sqlite").read_bytes()).hexdigest()
        (backup / "backup.json").write_text(json.dumps(document), encoding="utf-8")
    assert len(_check.find_problems(str(backup))) == 1


def test_file_that_the_index_damaged_before_the_backup_is_found(site: Site) -> None:
    (original,) = site.data.rglob("a.whl")
    original.write_bytes(b"wheeL")
    (problem,) = _check.find_problems(str(site.back_up()))
    assert "not the file that the index stored" in problem


def test_restored_site_is_what_was_backed_up(site: Site) -> None:
    os.chmod(site.data, 0o750)
    site.back_up()
    site.lose()
    assert site.restore(check_mode=True)["changed"]
    assert not site.data.exists()
    result = site.restore()
    assert result["restored"] == [str(site.data), str(site.config)]
    assert (site.config / "secret").stat().st_mode & 0o777 == 0o600
    assert site.data.stat().st_mode & 0o777 == 0o750
    assert os.readlink(site.data / "link") == "+files"
    assert [path for path in paths_in(site.data / ".sqlite") if (site.data / path).read_bytes() != b"wheel"] == []
    assert not list(site.root.glob("*" + _restore.ASIDE))


def test_second_restore_changes_nothing_though_the_database_went_on(site: Site) -> None:
    site.back_up()
    site.lose()
    site.restore()
    with contextlib.closing(sqlite3.connect(str(site.data / ".sqlite"))) as database:
        database.execute("INSERT INTO file VALUES ('more')")
        database.commit()
    assert not site.restore()["changed"]


def test_restored_server_is_another_one_for_its_replicas_and_a_second_restore_changes_nothing(site: Site) -> None:
    note = site.data / ".nodeinfo"
    note.write_text(json.dumps({"role": "primary", "uuid": "former"}), encoding="utf-8")
    note.chmod(0o640)
    sources = [site.sources[0]._replace(name="devpi")]
    _snapshot.create(str(site.backups), sources, START)
    site.lose()
    assert _restore.ensure_restored(str(site.backups), sources, False)["changed"]
    assert json.loads(note.read_text(encoding="utf-8")) == {"role": "primary"}
    assert note.stat().st_mode & 0o777 == 0o640
    # The server notes its new identity when it starts.
    note.write_text(json.dumps({"role": "primary", "uuid": "new"}), encoding="utf-8")
    assert not _restore.ensure_restored(str(site.backups), sources, False)["changed"]


def test_account_of_the_index_that_a_fresh_host_lacks_is_created_before_it_gets_its_files(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = site.back_up() / _snapshot.LIST
    site.lose()
    # Another host, where the number of the index's account belongs to someone else, and to nobody yet that of its group.
    document = json.loads(listed.read_text())
    document["users"] = {str(os.getuid()): "web"}
    document["groups"] = {str(os.getgid()): "web-group"}
    document["comments"] = {
        "web": "of this collection",
        "web-group": "of this collection",
        "other": "of this collection",
    }
    listed.write_text(json.dumps(document))
    created: t.List[str] = []

    def find(name: str) -> types.SimpleNamespace:
        if name not in created:
            raise KeyError(name)
        return types.SimpleNamespace(pw_uid=os.getuid(), gr_gid=os.getgid())

    monkeypatch.setattr("pwd.getpwnam", find)
    monkeypatch.setattr("grp.getgrnam", find)

    def restore(*comments: str, check_mode: bool = False) -> t.Dict[str, t.Any]:
        return _restore.ensure_restored(
            str(site.backups), site.sources, check_mode, comments, lambda name, comment: created.append(name)
        )

    with pytest.raises(AirgapError, match="here that number belongs to"):
        restore("of another program")
    restore("of this collection", check_mode=True)
    assert created == []
    assert restore("of this collection")["changed"]
    assert created == ["web", "web-group"]
    assert not restore("of this collection")["changed"]
    assert created == ["web", "web-group"]


def test_backup_says_which_accounts_the_collection_created(site: Site) -> None:
    own = pwd.getpwuid(os.getuid())
    document = json.loads((site.back_up() / _snapshot.LIST).read_text())
    assert document["comments"][own.pw_name] == own.pw_gecos.strip(",")


def test_restore_replaces_nothing(site: Site) -> None:
    site.back_up()
    site.lose()
    site.data.mkdir()
    (site.data / "precious").write_text("mine", encoding="utf-8")
    with pytest.raises(AirgapError, match="data exists on this host and differs.*play teardown"):
        site.restore()
    assert not site.config.exists()
    assert (site.data / "precious").read_text(encoding="utf-8") == "mine"


def test_killed_restore_is_done_again(site: Site) -> None:
    site.back_up()
    site.lose()
    left = pathlib.Path(str(site.data) + _restore.ASIDE)
    left.mkdir()
    (left / "half").write_text("h", encoding="utf-8")
    site.restore()
    assert not (site.data / "half").exists()
    assert not left.exists()


def test_damaged_backup_is_not_restored(site: Site) -> None:
    (wheel,) = site.back_up().rglob("a.whl")
    wheel.write_bytes(b"wheeL")
    site.lose()
    with pytest.raises(AirgapError, match="a.whl was changed.*Nothing was restored"):
        site.restore()
    assert not site.data.exists()


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a//b", "a/../../b", "."])
def test_path_that_leads_out_of_a_backup_is_refused(site: Site, path: str) -> None:
    backup = site.back_up()
    document = json.loads((backup / "backup.json").read_text(encoding="utf-8"))
    document["sources"]["data"][1]["path"] = path
    (backup / "backup.json").write_text(json.dumps(document), encoding="utf-8")
    site.lose()
    with pytest.raises(AirgapError, match="entries of data are not valid"):
        site.restore()


def test_backup_that_lacks_a_source_is_refused(site: Site) -> None:
    site.back_up()
    site.lose()
    sources = [*site.sources, _snapshot.Source("front", "/nowhere")]
    with pytest.raises(AirgapError, match="does not contain front"):
        _restore.ensure_restored(str(site.backups), sources, False)


def config(site: Site, keep: int = 2) -> t.Dict[str, t.Any]:
    """Return the configuration of the program."""
    return {"folder": str(site.backups), "keep": keep, "sources": [one._asdict() for one in site.sources]}


def test_oldest_backups_go_after_a_new_one_was_checked(site: Site) -> None:
    first, second = site.back_up(), site.back_up()
    result = _program.run(config(site))
    assert result["ok"] and result["removed"] == [first.name]
    assert _snapshot.names(str(site.backups)) == [second.name, result["backup"]]
    assert _program.read_state(str(site.backups)) == result


def test_damaged_backup_removes_no_older_one_and_is_reported(site: Site) -> None:
    first = site.back_up()
    (original,) = site.data.rglob("a.whl")
    original.write_bytes(b"wheeL")
    result = _program.run(config(site, keep=1))
    assert not result["ok"] and "was removed" in result["message"]
    assert _snapshot.names(str(site.backups)) == [first.name]
    assert not _program.read_state(str(site.backups))["ok"]


def test_missing_source_is_reported_and_no_backup_is_made(site: Site) -> None:
    shutil.rmtree(site.config)
    result = _program.run(config(site))
    assert "etc, which every backup contains, does not exist. Is its disk mounted?" in result["message"]
    assert os.listdir(site.backups) == [_program.STATE]


def test_full_disk_leaves_no_half_backup(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_origin: str, copy: str) -> str:
        pathlib.Path(copy).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", copy)

    monkeypatch.setattr(_snapshot, "copy_hashed", full)
    result = _program.run(config(site))
    assert "The disk is full" in result["message"]
    assert os.listdir(site.backups) == [_program.STATE]


def test_program_runs_from_one_file_with_the_standard_library_alone(site: Site, tmp_path: pathlib.Path) -> None:
    packed = _program_source.zip_program(_program)
    assert packed == _program_source.zip_program(_program)
    (tmp_path / "backup.pyz").write_bytes(packed)
    (tmp_path / "config.json").write_text(json.dumps(config(site)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(tmp_path / "backup.pyz"), str(tmp_path / "config.json")],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert "checked" in done.stdout
    assert len(_snapshot.names(str(site.backups))) == 1
