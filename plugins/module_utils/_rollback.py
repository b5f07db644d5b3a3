# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state before a change, restored if the change fails: files, owners and one environment.

It is recorded next to the unit before anything is changed, so that the run after a killed one still has it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._access import set_owner
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import fsync_dir, read_if_exists, write_atomic

# Suffixes of the former environment, which another one replaced, and of one that is being built.
FORMER = ".former"
NEW = ".new"
# Suffix of a former file: a second name (hard link), which can be renamed back even on a full disk.
KEPT = ".kept"


class Rollback:
    """The former state of a unit: record() it before the first change, then discard() or restore() it."""

    def __init__(self, unit_path: str) -> None:
        self.path = unit_path + FORMER

    @property
    def is_recorded(self) -> bool:
        """Return whether a change was started and neither succeeded nor was rolled back."""
        return os.path.exists(self.path)

    def record(self, texts: t.Iterable[str], owned: t.Iterable[str], active: str) -> None:
        """Record files with their text, the owner and mode of others, and the state of the unit that systemd reported.

        An earlier record stays, because it is of a state that worked. Links are left out: their targets may be
        anyone's.
        """
        if self.is_recorded:
            return
        entries = []
        for path in texts:
            if os.path.islink(path):
                continue
            data = read_if_exists(path)
            if data is not None:
                _add_second_name(path)
            entries.append(dict(_owner(path), text=None if data is None else data.decode("utf-8", "surrogateescape")))
        entries += [_owner(path) for path in owned if os.path.exists(path) and not os.path.islink(path)]
        write_atomic(self.path, json.dumps({"active": active, "entries": entries}).encode("utf-8"), 0o600)

    @property
    def active(self) -> str:
        """Return the recorded state of the unit."""
        return str(self._read().get("active", "inactive"))

    def restore(self) -> None:
        """Restore everything; if something cannot be restored, do the rest, keep the record and raise OSError."""
        failed = None
        for entry in self._entries():
            try:
                _restore(entry)
            except OSError as error:
                failed = OSError(error.errno, error.strerror, entry["path"])
        if failed is not None:
            raise failed
        self.discard()

    def discard(self) -> None:
        """Discard the record: the change works, or was rolled back."""
        kept = [entry["path"] + KEPT for entry in self._entries() if "text" in entry]
        for path in (self.path, *kept):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def _entries(self) -> t.List[t.Dict[str, t.Any]]:
        entries: t.List[t.Dict[str, t.Any]] = self._read().get("entries", [])
        return entries

    def _read(self) -> t.Dict[str, t.Any]:
        data = read_if_exists(self.path)
        return json.loads(data.decode("utf-8")) if data else {}


def _add_second_name(path: str) -> None:
    """Give a file a second name; on a file system without hard links the record has the text."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path + KEPT)
    with contextlib.suppress(OSError):
        os.link(path, path + KEPT)


def _restore(entry: t.Mapping[str, t.Any]) -> None:
    path = entry["path"]
    if "text" in entry and entry["text"] is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return
    if "text" in entry:
        data = entry["text"].encode("utf-8", "surrogateescape")
        if read_if_exists(path) != data:
            if read_if_exists(path + KEPT) == data:
                os.rename(path + KEPT, path)
                fsync_dir(os.path.dirname(path))
            else:
                write_atomic(path, data, entry["mode"])
    with contextlib.suppress(AirgapError):
        set_owner(path, entry["uid"], entry["gid"], entry["mode"])


def _owner(path: str) -> t.Dict[str, t.Any]:
    if not os.path.exists(path):
        return {"path": path, "uid": 0, "gid": 0, "mode": 0o600}
    found = os.stat(path)
    return {"path": path, "uid": found.st_uid, "gid": found.st_gid, "mode": stat.S_IMODE(found.st_mode)}


def has_former_venv(venv: str) -> bool:
    """Return whether the environment replaced a former one that is still kept."""
    return os.path.isdir(venv + FORMER)


def replace_venv(venv: str) -> None:
    """Replace an environment by the finished VENV.new. Keep the former one, unless one is kept already: that one worked."""
    if has_former_venv(venv):
        shutil.rmtree(venv)
    else:
        os.rename(venv, venv + FORMER)
    os.rename(venv + NEW, venv)


def restore_venv(venv: str) -> bool:
    """Restore the former environment; return whether there was one."""
    if not has_former_venv(venv):
        return False
    if os.path.isdir(venv):
        os.rename(venv, venv + NEW)
    os.rename(venv + FORMER, venv)
    shutil.rmtree(venv + NEW, ignore_errors=True)
    return True


def discard_former_venv(venv: str) -> None:
    """Remove the former environment, and an unfinished one that a killed run left."""
    for rest in (FORMER, NEW):
        shutil.rmtree(venv + rest, ignore_errors=True)
