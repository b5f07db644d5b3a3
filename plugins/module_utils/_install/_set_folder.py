# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environments of one requirement set on a node: ``SET`` is a link to ``.sets/SET/ID``, which one rename(2) replaces.

Paths in an environment name the link, so that programs look the same before and after.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import shutil
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _files
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import (
    _inspection,
    _set_history,
    _venv,
    _venv_plan,
)

# Next to the links; no set can have a name that begins with a dot.
FOLDER = _venv_plan.SETS_FOLDER
# The history of a set, in its folder.
HISTORY = "history"
# The wheel of pip, where earlier versions of this collection kept it.
FORMER_PIP = ".pip"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def check_name(name: str) -> None:
    """Raise AirgapError for a name that would lead to another folder."""
    if not _NAME.fullmatch(name):
        raise AirgapError("%r is not a valid name of a set. Correct airgap_sets." % name)


class SetFolder:
    """The link of a set and its environments."""

    def __init__(self, root: str, name: str) -> None:
        check_name(name)
        self.root = root
        self.name = name
        self.link = os.path.join(root, name)
        self.folder = os.path.join(root, FOLDER, name)

    def path(self, one: str) -> str:
        """Return the folder of an environment."""
        return os.path.join(self.folder, one)

    @property
    def is_plain(self) -> bool:
        """Return whether there is a folder in place of the link, as earlier versions created it."""
        return os.path.isdir(self.link) and not os.path.islink(self.link)

    def current(self) -> str:
        """Return the environment that the link names, "" if there is none; raises AirgapError for another link."""
        if not os.path.islink(self.link):
            return ""
        target = os.readlink(self.link)
        folder, dummy, one = target.rpartition("/")
        if folder != "%s/%s" % (FOLDER, self.name) or not _set_history.is_id(one):
            raise AirgapError(
                "%s is a link to %s, which something else created. Move it away, or set install_dir."
                % (self.link, target)
            )
        return one

    def inspect_current(self) -> _inspection.Inspected:
        """Return what serves now; raises AirgapError if something else created it."""
        one = self.current()
        found = _inspection.inspect(self.path(one) if one else self.link)
        _venv_plan.check_owner(self.link, found.found)
        return found

    def all(self) -> t.List[str]:
        """Return all environments, complete or not."""
        try:
            return sorted(one for one in os.listdir(self.folder) if _set_history.is_id(one))
        except FileNotFoundError:
            return []

    def complete(self) -> t.List[str]:
        """Return the environments that a run completed."""
        return [one for one in self.all() if os.path.isfile(os.path.join(self.path(one), _venv_plan.LOCK_COPY))]

    def history(self) -> t.List[str]:
        """Return the environments that were installed and are kept, the last one at the end."""
        data = _files.read_if_exists(os.path.join(self.folder, HISTORY)) or b""
        return _set_history.parse(data.decode("utf-8", "replace"), self.complete(), self.current())

    def new_id(self, lock_text: str, executable: str) -> str:
        """Return a name for another environment."""
        return _set_history.new_id(lock_text, executable, self.all())

    def adopt_plain(self, executable: str) -> str:
        """Move the folder of an earlier version to the other environments, and put the link in its place."""
        found = _inspection.inspect(self.link)
        one = self.new_id(found.lock_text, executable)
        _files.make_folder(self.folder)
        self._write_history([one])
        link = self._new_link(one)
        # Nothing serves between these two calls.
        os.rename(self.link, self.path(one))
        os.rename(link, self.link)
        _files.fsync_dir(self.root)
        return one

    def switch(self, one: str, is_new: bool = True) -> None:
        """Let the link name an environment, in one rename(2); a new one becomes the last of the history.

        A run that is killed before the rename leaves what looks like a rollback, and the next run switches again.
        """
        if is_new:
            self._write_history(_set_history.installed(self.history(), self.current(), one))
        os.rename(self._new_link(one), self.link)
        _files.fsync_dir(self.root)

    def _new_link(self, one: str) -> str:
        link = os.path.join(self.folder, _files.TEMPORARY_PREFIX + "link")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(link)
        os.symlink("%s/%s/%s" % (FOLDER, self.name, one), link)
        return link

    def _write_history(self, history: t.Iterable[str]) -> None:
        _files.write_atomic(os.path.join(self.folder, HISTORY), _set_history.render(history).encode("utf-8"))

    def surplus(self, keep: int) -> t.List[str]:
        """Return the environments to remove: those that are not among the ones to keep, and unfinished ones."""
        history, current = self.history(), self.current()
        unknown = [one for one in self.all() if one not in history and one != current]
        return unknown + _set_history.surplus(history, current, keep)

    def remove(self, one: str) -> None:
        """Remove an environment that does not serve; what a killed run leaves of it is not complete."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.path(one), _venv_plan.LOCK_COPY))
        shutil.rmtree(self.path(one))

    def remove_all(self) -> None:
        """Remove the link, and then the environments."""
        if os.path.islink(self.link):
            os.unlink(self.link)
        elif self.is_plain:
            shutil.rmtree(self.link)
        for one in self.all():
            self.remove(one)
        for name in (HISTORY, _files.TEMPORARY_PREFIX + "link"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.folder, name))
        self.remove_empty()

    def remove_empty(self) -> None:
        """Remove the folders that are not needed."""
        for path in (self.folder, os.path.dirname(self.folder)):
            with contextlib.suppress(OSError):
                os.rmdir(path)

    def copy(self, source: str, target: str) -> None:
        """Copy an environment; the copy is complete only when something marks it so."""

        def without_mark(folder: str, names: t.List[str]) -> t.List[str]:
            left = [name for name in names if name.startswith(_files.TEMPORARY_PREFIX)]
            return left + [_venv_plan.LOCK_COPY] if folder == self.path(source) else left

        try:
            shutil.copytree(self.path(source), self.path(target), symlinks=True, ignore=without_mark)
        except shutil.Error as error:
            # It has a list of all files that could not be copied, and no code.
            texts = [str(one[-1]) for one in error.args[0]]
            full = [code for code in (errno.ENOSPC, errno.EDQUOT) if any(os.strerror(code) in text for text in texts)]
            if full:
                raise OSError(full[0], os.strerror(full[0]), self.path(target)) from error
            raise OSError("; ".join(texts[:3])) from error


def link_path(environment: str, path: str) -> t.List[str]:
    """Write the path of the link into the scripts of an environment; return the changed files."""
    changed = []
    folder = os.path.dirname(_venv.python_in(environment))
    names = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    for name in [*names, os.path.join(environment, "pyvenv.cfg")]:
        if os.path.islink(name) or not os.path.isfile(name):
            continue
        with open(name, "rb") as stream:
            data = stream.read()
        new = data.replace(os.fsencode(environment), os.fsencode(path))
        if new != data:
            _files.write_atomic(name, new, os.stat(name).st_mode & 0o777)
            changed.append(name)
    return changed


def sync(path: str) -> None:
    """Write everything on the file system of a folder to the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
        if syncfs is None or syncfs(handle) != 0:
            os.sync()
    finally:
        os.close(handle)
