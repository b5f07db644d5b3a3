# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The locks of a set as files, one for each target, and the files that they name."""

from __future__ import annotations

import glob
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import read_if_exists
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_files
from ansible_collections.airgap.python.plugins.module_utils._target import _target
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock


class LockFolder:
    """The folder of a set's locks, next to those of other sets."""

    def __init__(self, folder: str, targets: t.Sequence[_target.Target]) -> None:
        self.folder = folder
        self.targets = targets

    def path(self, target: _target.Target) -> str:
        """Return the path of a target's lock."""
        return os.path.join(self.folder, target.name + ".txt")

    def read(self, target: _target.Target) -> t.Optional[_lock.Lock]:
        """Return the lock of a target, or None where it is missing or cannot be read."""
        text = read_if_exists(self.path(target))
        try:
            return _lock.parse_lock(text.decode("utf-8"), self.path(target)) if text else None
        except (AirgapError, UnicodeDecodeError):
            return None

    def other_locks(self, names: t.Optional[t.Sequence[str]]) -> t.List[str]:
        """Return the paths of the locks of other sets: those of these names, FOLDER or FOLDER/TARGET, or all."""
        own = {self.path(target) for target in self.targets}
        parent = os.path.dirname(self.folder.rstrip("/"))
        if names is None:
            names = [os.path.basename(os.path.dirname(path)) for path in glob.glob(glob.escape(parent) + "/*/")]
        paths = []
        for path in [os.path.join(parent, name) for name in sorted(names)]:
            paths += sorted(glob.glob(glob.escape(path) + "/*.txt")) if os.path.isdir(path) else [path + ".txt"]
        # Reading a pipe would never end.
        return [path for path in paths if path not in own and os.path.isfile(path)]


def read_pins(path: str) -> t.List[_lock.Pin]:
    """Return the pins of a lock; of any other file, which may be large, only the first line is read."""
    header = _lock.HEADER.encode("utf-8") + b"\n"
    with open(path, "rb") as stream:
        if stream.readline(len(header)) != header:
            return []
        return _lock.parse_pins((header + stream.read()).decode("utf-8"), path)


def matching_files(candidates: t.Iterable[t.Tuple[_lock.Pin, str]]) -> t.Dict[_lock.Pin, str]:
    """Return pin to path of those (pin, path) whose file exists and has the pin's SHA-256."""
    files = [(pin, path) for pin, path in candidates if os.path.isfile(path)]
    return {
        pin: path
        for (pin, path), sha256 in zip(files, sha256_files(path for dummy, path in files))
        if sha256 == pin.sha256
    }
