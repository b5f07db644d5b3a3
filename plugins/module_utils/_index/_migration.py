# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devpi's data in the format of another major version: exported by the old one, imported by the new one, and exchanged.

devpi's own way between formats is devpi-export and devpi-import (https://devpi.net/docs/devpi/devpi/stable/+doc/adminman/server.html,
"Upgrading"). The old server goes on serving while both work. Everything happens in the data folder, so that it may be
a file system of its own: DATA/.upgrade holds the new data, DATA/.former the old ones after the exchange. A file named
.serverversion makes a folder one with data, so it is moved away first and in last: whatever a killed run left can be told.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import sqlite3
import subprocess
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_file
from ansible_collections.airgap.python.plugins.module_utils._index._data_folder import become, in_child

UPGRADE = ".upgrade"
FORMER = ".former"
VERSION = ".serverversion"
# The format of the data (.serverversion) that each major version of devpi-server writes.
FORMATS = {"4": "4", "5": "4", "6": "4", "7": "5"}
# The formats between which devpi-export and devpi-import were tried.
PATHS = {("4", "5")}
# The data of a former primary, which became a replica.
REPLACED = ".replaced"
_STAYS = {"lost+found", UPGRADE, FORMER, REPLACED}
_EXPORT = "from devpi_server.importexport import export; export()"
_IMPORT = "from devpi_server.importexport import import_; import_()"
_STORED = re.compile(r".*/\+f/([0-9a-f]{3})/([0-9a-f]{13})/[^/]+\Z")


def format_of(version: str, default: str) -> str:
    """Return the format that a version of devpi-server writes, ``default`` for a version that is not known."""
    return FORMATS.get(version.split(".")[0], default)


def is_pending(data: str) -> bool:
    """Return whether data were exchanged by a run that did not end: the old ones are still kept."""
    return os.path.isdir(os.path.join(data, FORMER))


def new_data(data: str) -> str:
    """Return the folder of the new data before the exchange."""
    return os.path.join(data, UPGRADE, "data")


def read_serial(data: str) -> int:
    """Return the number of the last change in data of format 4; raises AirgapError if it cannot be read."""
    path = os.path.join(data, ".sqlite")
    try:
        database = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
        try:
            return int(database.execute("SELECT max(serial) FROM changelog").fetchone()[0])
        finally:
            database.close()
    except (sqlite3.Error, TypeError, ValueError) as error:
        raise AirgapError("The database %s cannot be read: %s." % (path, error)) from error


def convert(data: str, account: pwd.struct_passwd, former_python: str, python: str) -> int:
    """Export the data with the old version and import them with the new one, as the account; return their serial."""
    serial = read_serial(data)
    aside = os.path.join(data, UPGRADE)
    _remove(aside)

    def work() -> None:
        become(account)
        os.mkdir(aside, 0o700)
        exported = os.path.join(aside, "export")
        _run([former_python, "-c", _EXPORT, "--serverdir", data, exported], aside, "devpi-export")
        _run([python, "-c", _IMPORT, "--serverdir", new_data(data), "--no-root-pypi", exported], aside, "devpi-import")
        shutil.rmtree(exported)

    in_child(work)
    return serial


def _run(command: t.Sequence[str], home: str, name: str) -> None:
    done = subprocess.run(
        list(command),
        env={"PATH": "/usr/bin:/bin", "HOME": home, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=home,
        check=False,
    )
    if done.returncode != 0:
        output = done.stdout.decode("utf-8", "replace").strip()
        raise AirgapError("%s failed: %s" % (name, output[-1500:]))


def stored_files(data: str) -> t.Dict[str, str]:
    """Return path to full path of every file that an index stores."""
    root = os.path.join(data, "+files")
    found = {}
    for folder, _folders, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if _STORED.match(path) and not name.endswith("-tmp"):
                found[os.path.relpath(path, root)] = path
    return found


def check_converted(data: str) -> int:
    """Return how many files were converted; raises AirgapError unless all of them are there and what their names promise."""
    before, after = stored_files(data), stored_files(new_data(data))
    missing = sorted(set(before) - set(after))
    damaged = []
    for path, place in sorted(after.items()):
        stored = _STORED.match(place)
        if stored and path in before and sha256_file(place)[:16] != stored.group(1) + stored.group(2):
            damaged.append(path)
    if missing or damaged:
        raise AirgapError(
            "The new data lack %d files and have %d damaged ones, the first is %s. The old data are unchanged. Check the disk "
            "(df -h, dmesg), and play index again." % (len(missing), len(damaged), (missing + damaged)[0])
        )
    return len(before)


def exchange(data: str, serial: int) -> None:
    """Exchange old and new data, while no server runs; raises AirgapError where the old ones changed meanwhile."""
    if read_serial(data) != serial:
        raise AirgapError(
            "Someone published to the index while its data were converted. Nothing was changed. Run this again when "
            "no one publishes."
        )
    former = os.path.join(data, FORMER)
    os.mkdir(former, 0o700)
    _move(data, former)
    _move(new_data(data), data)
    os.sync()
    _remove(os.path.join(data, UPGRADE))


def _move(source: str, target: str) -> None:
    """Move all names from one folder to another; the one that marks it as data leaves first and arrives last."""
    names = sorted(set(os.listdir(source)) - _STAYS - {VERSION})
    version = os.path.join(source, VERSION)
    waiting = os.path.join(target, VERSION + ".moving")
    if os.path.exists(version):
        os.rename(version, waiting)
    for name in names:
        os.rename(os.path.join(source, name), os.path.join(target, name))
    os.sync()
    if os.path.exists(waiting):
        os.rename(waiting, os.path.join(target, VERSION))


def restore(data: str) -> bool:
    """Undo an exchange, also one that was killed in the middle; return whether there was one. No server may run."""
    former = os.path.join(data, FORMER)
    if not os.path.isdir(former):
        _remove(os.path.join(data, UPGRADE))
        return False
    if os.path.exists(os.path.join(former, VERSION)):
        # The old data are all there: what is in their place is new.
        for name in sorted(set(os.listdir(data)) - _STAYS):
            _remove(os.path.join(data, name))
    _move(former, data)
    moving = os.path.join(data, VERSION + ".moving")
    if os.path.exists(moving):
        os.rename(moving, os.path.join(data, VERSION))
    _remove(former)
    _remove(os.path.join(data, UPGRADE))
    return True


def clear(data: str) -> None:
    """Remove the data of a replica, which can be copied again. No server may run."""
    for name in sorted(set(os.listdir(data)) - _STAYS):
        _remove(os.path.join(data, name))


def set_aside(data: str) -> None:
    """Move the data of a former primary aside. No server may run."""
    aside = os.path.join(data, REPLACED)
    os.mkdir(aside, 0o700)
    _move(data, aside)


def take_back(data: str) -> None:
    """Undo set_aside(). No server may run."""
    aside = os.path.join(data, REPLACED)
    clear(data)
    _move(aside, data)
    os.rmdir(aside)


def discard(data: str) -> None:
    """Remove the old data: the new ones are served."""
    _remove(os.path.join(data, FORMER))
    _remove(os.path.join(data, UPGRADE))


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
