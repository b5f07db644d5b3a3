# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of a backup: everything in its list is there and unchanged, nothing else is, and each database is sound."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import stat
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._backup import _snapshot
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_files

# Where devpi stores a file: the first 16 digits of its SHA-256 are in its path.
_STORED = re.compile(r"(?:.*/)?\+f/([0-9a-f]{3})/([0-9a-f]{13})/[^/]+\Z")
MOST_NAMED = 20


def find_problems(path: str) -> t.List[str]:
    """Return what is wrong with a backup, at most 20 things; none if it can be restored. Raises AirgapError, OSError."""
    document = _snapshot.read(path)
    problems: t.List[str] = []
    hashed: t.List[t.Tuple[str, str]] = []
    expected = {_snapshot.LIST}
    for name, entries in document["sources"].items():
        for entry in entries:
            place = os.path.join(name, entry["path"]) if entry["path"] else name
            expected.add(place)
            problem = _problem(os.path.join(path, place), entry)
            if problem:
                problems.append("%s %s" % (place, problem))
            elif entry["type"] == "file":
                hashed.append((place, entry["sha256"]))
                stored = _STORED.match(place)
                if stored and entry["sha256"][:16] != stored.group(1) + stored.group(2):
                    problems.append("%s is not the file that the index stored under this name" % place)
    sums = sha256_files(os.path.join(path, place) for place, dummy in hashed)
    problems += ["%s was changed" % place for (place, wanted), found in zip(hashed, sums) if found != wanted]
    problems += ["%s is not in the list" % place for place in sorted(_places(path) - expected)]
    databases = [
        os.path.join(path, name, entry["path"]) if entry["path"] else os.path.join(path, name)
        for name, entries in document["sources"].items()
        for entry in entries
        if entry.get("database")
    ]
    if not problems:
        problems += [problem for database in databases for problem in _database_problems(database)]
    return problems[:MOST_NAMED]


def _problem(path: str, entry: t.Mapping[str, t.Any]) -> str:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return "is missing"
    tests = {"file": stat.S_ISREG, "folder": stat.S_ISDIR, "link": stat.S_ISLNK}
    if not tests[entry["type"]](status.st_mode):
        return "is not a %s" % entry["type"]
    if entry["type"] == "file" and status.st_size != entry["size"]:
        return "has %d bytes instead of %d" % (status.st_size, entry["size"])
    if entry["type"] == "link" and os.readlink(path) != entry["target"]:
        return "leads elsewhere"
    return ""


def _places(path: str) -> t.Set[str]:
    found = set()
    for folder, folders, files in os.walk(path):
        for name in files + folders:
            found.add(os.path.relpath(os.path.join(folder, name), path))
    return found


def _database_problems(path: str) -> t.List[str]:
    try:
        # Nobody writes to it, and the check must not.
        address = "file:%s?mode=ro&immutable=1" % _snapshot.quoted(path)
        with contextlib.closing(sqlite3.connect(address, uri=True)) as database:
            result = [str(row[0]) for row in database.execute("PRAGMA integrity_check")]
    except sqlite3.Error as error:
        result = [str(error)]
    return [] if result == ["ok"] else ["%s is a damaged database: %s" % (path, result[0])]
