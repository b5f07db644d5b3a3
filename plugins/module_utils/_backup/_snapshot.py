# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One backup: a folder with a copy of each source, and backup.json, the list of what is in it with sums.

It is made while the index serves and publishes. Databases are copied first, through SQLite's own backup
(https://www.sqlite.org/backup.html), so each is consistent. Then the files are copied: devpi only adds files to its
store, and never changes one. Where a file was removed in between, the copy starts again.
"""

from __future__ import annotations

import contextlib
import datetime
import grp
import os
import pwd
import re
import shutil
import sqlite3
import stat
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import (
    TEMPORARY_PREFIX,
    fsync_dir,
    make_folder,
    open_plain,
    write_atomic,
)
from ansible_collections.airgap.python.plugins.module_utils._hashes import copy_hashed, is_sha256, sha256_file

FORMAT = 1
LIST = "backup.json"
TRIES = 5
_NAME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{6}Z\Z")
_SOURCE = re.compile(r"[a-z][a-z-]*\Z")
_DATABASE = b"SQLite format 3\0"
# What SQLite keeps next to a database, devpi next to a file that it still receives, and devpi-web's search, which changes
# all the time and is made again at each start.
_PASSING = re.compile(r"(.*(-wal|-shm|-journal|-tmp)|\.indices)\Z")
Entry = t.Dict[str, t.Any]


class Source(t.NamedTuple):
    """What is backed up: a file or folder, its name in the backup, and whether a backup without it is one."""

    name: str
    path: str
    optional: bool = False


class Vanished(Exception):
    """A file was removed while it was copied."""


def names(folder: str) -> t.List[str]:
    """Return the names of the backups in a folder, the oldest first."""
    if not os.path.isdir(folder):
        return []
    found = (name for name in os.listdir(folder) if _NAME.match(name))
    return sorted(name for name in found if os.path.isfile(os.path.join(folder, name, LIST)))


def name_of(at: datetime.datetime) -> str:
    """Return the name of a backup that starts at a time (UTC)."""
    return at.strftime("%Y-%m-%dT%H%M%SZ")


def read(path: str) -> t.Dict[str, t.Any]:
    """Return the list of a backup; raises AirgapError unless its structure and its paths are valid."""
    where = os.path.join(path, LIST)
    try:
        with open_plain(where) as stream:
            text = stream.read().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AirgapError("%s is not a backup: %s cannot be read: %s." % (path, LIST, error)) from error
    document = _json.parse(text, where)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise AirgapError(
            "%s is not a list of format %d. Use the collection version that made the backup." % (where, FORMAT)
        )
    sources = document.get("sources")
    if not isinstance(sources, dict) or not all(_SOURCE.match(name) for name in sources):
        raise AirgapError("%s names no sources. Use another backup." % where)
    for name, entries in sources.items():
        if not isinstance(entries, list) or not entries or not all(is_entry(one) for one in entries):
            raise AirgapError("%s: the entries of %s are not valid. Use another backup." % (where, name))
    return document


def is_entry(entry: t.Any) -> bool:
    """Return whether an entry of a list has a path below its source, a type, and what that type needs."""
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
        return False
    parts = entry["path"].split("/") if entry["path"] else []
    if any(part in ("", ".", "..") for part in parts) or "\0" in entry["path"]:
        return False
    if not all(isinstance(entry.get(key), int) for key in ("mode", "uid", "gid")):
        return False
    kind = entry.get("type")
    if kind == "file":
        return isinstance(entry.get("size"), int) and is_sha256(str(entry.get("sha256")))
    return kind == "folder" or (kind == "link" and isinstance(entry.get("target"), str))


def _is_database(path: str) -> bool:
    try:
        with open_plain(path) as stream:
            return stream.read(len(_DATABASE)) == _DATABASE
    except FileNotFoundError as error:
        raise Vanished(path) from error


def _walk(root: str) -> t.Dict[str, os.stat_result]:
    """Return path below the root to status of everything there, folders before what they hold; "" is the root itself."""
    found = {"": os.lstat(root)}
    waiting = [""] if stat.S_ISDIR(found[""].st_mode) else []
    while waiting:
        folder = waiting.pop()
        try:
            items = sorted(os.scandir(os.path.join(root, folder)), key=lambda item: item.name)
            for item in items:
                path = os.path.join(folder, item.name)
                if not _PASSING.match(item.name):
                    found[path] = item.stat(follow_symlinks=False)
                    if stat.S_ISDIR(found[path].st_mode):
                        waiting.append(path)
        except FileNotFoundError as error:
            raise Vanished(folder) from error
    return found


def identify(status: os.stat_result) -> str:
    """Return what changes whenever a file's content does: the kernel sets the ctime, and nobody else can."""
    return "%d %d %d %d" % (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


class Snapshot:
    """A backup that is being made in a folder that is not called a backup yet."""

    def __init__(self, work: str, former: str) -> None:
        self.work = work
        self.former = former
        self.before: t.Dict[t.Tuple[str, str], Entry] = {}
        # The first copy of each content, so that a wheel that is in the bundle and in the index takes its space once.
        self.copies: t.Dict[str, str] = {}
        if former:
            for name, entries in read(former)["sources"].items():
                self.before.update({(name, entry["path"]): entry for entry in entries})

    def add(self, source: Source) -> t.List[Entry]:
        """Copy a source; return its entries. Raises Vanished where it must start again."""
        target = os.path.join(self.work, source.name)
        seen = _walk(source.path)
        databases = {path for path, status in seen.items() if self._may_be_database(source, path, status)}
        done: t.Dict[str, Entry] = {}
        for path in sorted(databases):
            copy = os.path.join(target, path) if path else target
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            copy_database(os.path.join(source.path, path) if path else source.path, copy)
            done[path] = {"sha256": sha256_file(copy), "size": os.path.getsize(copy), "database": True}
        listed = _walk(source.path)
        entries = []
        for path, status in listed.items():
            entry: Entry = {
                "path": path,
                "mode": stat.S_IMODE(status.st_mode),
                "uid": status.st_uid,
                "gid": status.st_gid,
            }
            entries.append(dict(entry, **(done.get(path) or {}), **self._copy(source, path, status, path in done)))
        # What was there before the database was read, and is not there now, may be named in it.
        if (set(seen) | set(listed)) - set(_walk(source.path)):
            raise Vanished(source.path)
        return entries

    def _may_be_database(self, source: Source, path: str, status: os.stat_result) -> bool:
        entry = self.before.get((source.name, path))
        if not stat.S_ISREG(status.st_mode) or (
            entry and not entry.get("database") and entry.get("identity") == identify(status)
        ):
            return False
        return _is_database(os.path.join(source.path, path) if path else source.path)

    def _copy(self, source: Source, path: str, status: os.stat_result, is_done: bool) -> Entry:
        origin = os.path.join(source.path, path) if path else source.path
        copy = os.path.join(self.work, source.name, path) if path else os.path.join(self.work, source.name)
        if stat.S_ISDIR(status.st_mode):
            os.makedirs(copy, exist_ok=True)
            return {"type": "folder"}
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        if stat.S_ISLNK(status.st_mode):
            target = os.readlink(origin)
            os.symlink(target, copy)
            return {"type": "link", "target": target}
        if not stat.S_ISREG(status.st_mode):
            raise AirgapError("%s is neither a file, a folder nor a link, and cannot be backed up. Remove it." % origin)
        if is_done:
            return {"type": "file"}
        return dict(self._copy_file(source.name, path, origin, copy, status), type="file")

    def _copy_file(self, name: str, path: str, origin: str, copy: str, status: os.stat_result) -> Entry:
        identity = identify(status)
        before = self.before.get((name, path))
        if before is not None and before.get("identity") == identity:
            former = os.path.join(self.former, name, path) if path else os.path.join(self.former, name)
            with contextlib.suppress(OSError):
                os.link(former, copy)
                self.copies.setdefault(before["sha256"], copy)
                return {"sha256": before["sha256"], "size": before["size"], "identity": identity}
        try:
            sha256 = copy_hashed(origin, copy)
        except FileNotFoundError as error:
            raise Vanished(origin) from error
        first = self.copies.setdefault(sha256, copy)
        if first != copy:
            os.unlink(copy)
            os.link(first, copy)
        return {"sha256": sha256, "size": os.path.getsize(copy), "identity": identity}


def copy_database(path: str, copy: str) -> None:
    """Copy an SQLite database that others may be writing to; raises AirgapError where it cannot be read.

    A database in WAL mode that no process uses cannot be read from a folder that is read-only here, unless SQLite
    knows that there is no writer (https://www.sqlite.org/wal.html#readonly).
    """
    address = "file:%s?mode=ro" % quoted(path)
    try:
        try:
            _copy_pages(address, copy)
        except sqlite3.OperationalError:
            if _is_in_use(path):
                raise
            _copy_pages(address + "&immutable=1", copy)
            if _is_in_use(path):
                raise Vanished(path) from None
    except sqlite3.Error as error:
        raise AirgapError(
            "The database %s cannot be copied: %s. If its server was killed, start it once, so that it repairs the "
            "database; else check the disk." % (path, error)
        ) from error


def _is_in_use(path: str) -> bool:
    """Return whether a writer has changes that are not in the main file of a database yet, or left such changes behind."""
    return any(os.path.exists(path + ending) for ending in ("-wal", "-journal"))


def _copy_pages(address: str, copy: str) -> None:
    with contextlib.closing(sqlite3.connect(address, uri=True, timeout=60)) as origin, contextlib.closing(
        sqlite3.connect(copy)
    ) as target:
        origin.backup(target)


def quoted(path: str) -> str:
    """Return a path as SQLite's URI file names need it (https://www.sqlite.org/uri.html)."""
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _account_names(sources: t.Mapping[str, t.Sequence[Entry]]) -> t.Tuple[t.Dict[str, str], t.Dict[str, str]]:
    """Return the names of all owners and groups, by their number as a text."""
    users, groups = {}, {}
    for entries in sources.values():
        for entry in entries:
            with contextlib.suppress(KeyError):
                users[str(entry["uid"])] = pwd.getpwuid(entry["uid"]).pw_name
            with contextlib.suppress(KeyError):
                groups[str(entry["gid"])] = grp.getgrgid(entry["gid"]).gr_name
    return users, groups


def _account_comments(names: t.Iterable[str]) -> t.Dict[str, str]:
    """Return the comments of the accounts that have these names: they tell which ones this collection created."""
    comments = {}
    for name in names:
        with contextlib.suppress(KeyError):
            comments[name] = pwd.getpwnam(name).pw_gecos.strip(",")
    return comments


def create(folder: str, sources: t.Sequence[Source], at: datetime.datetime) -> str:
    """Make a backup in a folder and return its path; raises AirgapError, and OSError where the disk does.

    It gets its name when it is complete and on the disk. Unchanged files are hard links to those of the last backup.
    The folder must be locked: what a killed run left there is removed.
    """
    path = os.path.join(folder, name_of(at))
    if os.path.lexists(path):
        raise AirgapError("%s exists already. Wait a second, and run this again." % path)
    remove_unfinished(folder)
    for source in sources:
        if not source.optional and not os.path.lexists(source.path):
            raise AirgapError(
                "%s, which every backup contains, does not exist. Is its disk mounted? Nothing was backed up."
                % source.path
            )
    former = names(folder)
    for left in range(TRIES - 1, -1, -1):
        work = os.path.join(folder, TEMPORARY_PREFIX + os.path.basename(path))
        shutil.rmtree(work, ignore_errors=True)
        make_folder(work)
        os.chmod(work, 0o700)
        snapshot = Snapshot(work, os.path.join(folder, former[-1]) if former else "")
        try:
            found = {one.name: snapshot.add(one) for one in sources if os.path.lexists(one.path)}
        except Vanished as error:
            if left:
                continue
            raise AirgapError(
                "Files were removed while they were copied, %d times in a row, the last one %s. Run this again when "
                "nothing is removed from the index." % (TRIES, error)
            ) from error
        break
    users, groups = _account_names(found)
    document = {
        "format": FORMAT,
        "created": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "sources": found,
        "users": users,
        "groups": groups,
        "comments": _account_comments({*users.values(), *groups.values()}),
    }
    write_atomic(os.path.join(work, LIST), _json.render(document).encode("utf-8"), 0o600)
    os.sync()
    os.rename(work, path)
    fsync_dir(folder)
    return path


def remove_unfinished(folder: str) -> None:
    """Remove what killed runs left in the folder of the backups."""
    for name in os.listdir(folder):
        if name.startswith(TEMPORARY_PREFIX):
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)


def rotate(folder: str, keep: int) -> t.List[str]:
    """Remove the oldest backups but ``keep``; return their names. One that is being removed is not called a backup."""
    gone = names(folder)[:-keep]
    for name in gone:
        aside = os.path.join(folder, TEMPORARY_PREFIX + name)
        os.rename(os.path.join(folder, name), aside)
        shutil.rmtree(aside)
    return gone


def size_of(path: str) -> t.Tuple[int, int]:
    """Return how many files a backup has, and their bytes."""
    files = [one for entries in read(path)["sources"].values() for one in entries if one["type"] == "file"]
    return len(files), sum(one["size"] for one in files)
