# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was there before a change and comes back when the change does not work: files, owners and one environment.

It is written down beside the unit before anything is changed, so that a run which takes up a killed one still has it.
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

# What an environment is called that another has taken the place of, and one that is being made.
FORMER = ".former"
NEW = ".new"
# What a former file is called beside the one in its place: a second name for it, which comes back on a full disk too.
KEPT = ".kept"


class Former:
    """The former state of a unit: note() it before the first change, then forget() or bring_back() it."""

    def __init__(self, unit_path: str) -> None:
        self.path = unit_path + FORMER

    @property
    def is_noted(self) -> bool:
        """Say whether a change was begun and neither ended well nor was taken back."""
        return os.path.exists(self.path)

    def note(self, texts: t.Iterable[str], owned: t.Iterable[str], active: str) -> None:
        """Write down files with their text, of others the owner and mode, and the state that systemd gave of the unit.

        What is noted already stays: that worked. A link is let be, as what it leads to may be anybody's.
        """
        if self.is_noted:
            return
        entries = []
        for path in texts:
            if os.path.islink(path):
                continue
            data = read_if_exists(path)
            if data is not None:
                _keep(path)
            entries.append(dict(_owner(path), text=None if data is None else data.decode("utf-8", "surrogateescape")))
        entries += [_owner(path) for path in owned if os.path.exists(path) and not os.path.islink(path)]
        write_atomic(self.path, json.dumps({"active": active, "entries": entries}).encode("utf-8"), 0o600)

    @property
    def active(self) -> str:
        """Return the state of the unit as it is noted."""
        return str(self._noted().get("active", "inactive"))

    def bring_back(self) -> None:
        """Have everything as it was noted; raises OSError, and keeps the note, if something is not back after all was tried."""
        failed = None
        for entry in self._entries():
            try:
                _bring_back(entry)
            except OSError as error:
                failed = OSError(error.errno, error.strerror, entry["path"])
        if failed is not None:
            raise failed
        self.forget()

    def forget(self) -> None:
        """Let go of it: the change works, or was taken back."""
        kept = [entry["path"] + KEPT for entry in self._entries() if "text" in entry]
        for path in (self.path, *kept):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def _entries(self) -> t.List[t.Dict[str, t.Any]]:
        return self._noted().get("entries", [])

    def _noted(self) -> t.Dict[str, t.Any]:
        data = read_if_exists(self.path)
        return json.loads(data.decode("utf-8")) if data else {}


def _keep(path: str) -> None:
    """Give a file a second name; where the file system has no hard links, the note has the text."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path + KEPT)
    with contextlib.suppress(OSError):
        os.link(path, path + KEPT)


def _bring_back(entry: t.Mapping[str, t.Any]) -> None:
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


def has_former(venv: str) -> bool:
    """Say whether an environment has taken the place of another one that is kept."""
    return os.path.isdir(venv + FORMER)


def swap_in(venv: str) -> None:
    """Put the finished VENV.new in its place, and keep what was there, unless something is kept already: that worked."""
    if has_former(venv):
        shutil.rmtree(venv)
    else:
        os.rename(venv, venv + FORMER)
    os.rename(venv + NEW, venv)


def swap_back(venv: str) -> bool:
    """Put a kept environment back in its place; say whether there was one."""
    if not has_former(venv):
        return False
    if os.path.isdir(venv):
        os.rename(venv, venv + NEW)
    os.rename(venv + FORMER, venv)
    shutil.rmtree(venv + NEW, ignore_errors=True)
    return True


def drop(venv: str) -> None:
    """Let go of what is kept, and of what a killed run left half-made."""
    for rest in (FORMER, NEW):
        shutil.rmtree(venv + rest, ignore_errors=True)
