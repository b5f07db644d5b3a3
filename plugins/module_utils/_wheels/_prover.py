# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove locks by the wheels of a pool on disk: the reading around _closure, which judges."""

from __future__ import annotations

import os
import sys
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_file
from ansible_collections.airgap.python.plugins.module_utils._target._target import Target
from ansible_collections.airgap.python.plugins.module_utils._wheels import _closure, _lock, _wheel
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import Pin
from ansible_collections.airgap.python.plugins.module_utils._wheels._packaging import Packaging
from ansible_collections.airgap.python.plugins.module_utils._wheels._versions import release


class Prover:
    """Proves locks whose files lie in one pool; each file is read once.

    ``known`` are pins whose files the caller has just compared with their sums.
    """

    def __init__(self, packaging: Packaging, pool: str, known: t.Iterable[Pin] = ()) -> None:
        self.packaging = packaging
        self.pool = pool
        self._sums = {pin.filename: pin.sha256 for pin in known}
        self._heads: t.Dict[str, str] = {}

    def head(self, pin: Pin) -> str:
        """Return the head of the METADATA of a pin's file; raises AirgapError, also where it is not the file of the pin."""
        path = os.path.join(self.pool, pin.filename)
        if pin.filename not in self._heads:
            try:
                if pin.filename not in self._sums:
                    self._sums[pin.filename] = sha256_file(path)
                self._heads[pin.filename] = _wheel.head(_wheel.read_metadata(path))
            except FileNotFoundError as error:
                raise AirgapError("%s is in a lock and not in the pool. Stage again." % path) from error
            except OSError as error:
                raise AirgapError(str(error)) from error
        if self._sums[pin.filename] != pin.sha256:
            raise AirgapError(
                "A lock says that %s has sha256 %s, and the file in the pool has %s. Stage again."
                % (pin.filename, pin.sha256, self._sums[pin.filename])
            )
        return self._heads[pin.filename]

    def prove(
        self, pins: t.Iterable[Pin], roots: t.Iterable[str], constraints: t.Iterable[str], target: Target
    ) -> _closure.Proof:
        """Prove one lock; raises AirgapError where a file cannot be read, and for nothing else."""
        wheels = [_closure.Wheel(pin.name, pin.version, pin.filename, self.head(pin)) for pin in pins]
        return _closure.prove(self.packaging, roots, constraints, wheels, target.name, target.markers(), target.tags())


def read_locks(root: str, manifest: t.Mapping[str, t.Any]) -> t.List[t.Tuple[t.Mapping[str, t.Any], str, _lock.Lock]]:
    """Return (set, target name, lock) for each lock that a manifest promises; raises AirgapError and AirgapError."""
    locks = []
    for one in manifest["sets"]:
        names = one.get("targets") or [target["name"] for target in manifest["targets"]]
        for name in names:
            path = _layout.lock_path(one["name"], name)
            _layout.check_name(path, _layout.MANIFEST)
            where = os.path.join(root, path)
            locks.append((one, name, _lock.read(_folder.read_text(where), where)))
    return locks


def roots_of(one: t.Mapping[str, t.Any], lock: _lock.Lock) -> t.Tuple[t.Sequence[str], str]:
    """Return the requirements that a lock must meet, and a warning where it does not name them itself."""
    if lock.roots is not None:
        return lock.roots, ""
    if one.get("requirements") and not one.get("requirements_file"):
        return one["requirements"], ""
    return [pin.name for pin in lock.pins], (
        "The locks of set %s do not name its requirements: that they are whole is proved, but not that extras are "
        "there and that no file is too many. Stage the set again." % one["name"]
    )


def pip_wheels(files: t.Iterable[t.Tuple[str, str]]) -> t.List[str]:
    """Return, of files given by path and SHA-256, the wheels of pip that run here and have that content, the newest first."""
    found: t.Dict[str, t.Tuple[int, ...]] = {}
    for path, sha256 in files:
        try:
            version = _wheel.pip_version(os.path.basename(path))
            # Code is run from it, so it must be the file that is meant.
            if path in found or not os.path.isfile(path) or sha256_file(path) != sha256:
                continue
            oldest = _wheel.oldest_python(_wheel.parse_metadata(_wheel.read_metadata(path)))
        except AirgapError:
            continue
        if sys.version_info[: len(oldest)] >= oldest:
            found[path] = release(version)
    return sorted(found, key=lambda path: found[path], reverse=True)


def pip_wheels_of(pins: t.Iterable[Pin], pool: str) -> t.List[str]:
    """Return the wheels of pip that some of the pins name, in a pool; see pip_wheels()."""
    return pip_wheels((os.path.join(pool, pin.filename), pin.sha256) for pin in pins if pin.name == "pip")
