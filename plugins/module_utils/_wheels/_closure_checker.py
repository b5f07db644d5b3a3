# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check locks against the wheels of a pool on disk: this reads the files, _closure decides."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_file
from ansible_collections.airgap.python.plugins.module_utils._target._target import Target
from ansible_collections.airgap.python.plugins.module_utils._wheels import _closure, _metadata
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import Pin
from ansible_collections.airgap.python.plugins.module_utils._wheels._packaging import Packaging


class ClosureChecker:
    """Checks locks whose files are in one pool; each file is read once.

    ``known`` are pins whose files the caller has just compared with their sums.
    """

    def __init__(self, packaging: Packaging, pool: str, known: t.Iterable[Pin] = ()) -> None:
        self.packaging = packaging
        self.pool = pool
        self._sums = {pin.filename: pin.sha256 for pin in known}
        self._heads: t.Dict[str, str] = {}

    def head(self, pin: Pin) -> str:
        """Return the headers of METADATA of a pin's file; raises AirgapError, also if the file does not match the pin."""
        path = os.path.join(self.pool, pin.filename)
        if pin.filename not in self._heads:
            try:
                if pin.filename not in self._sums:
                    self._sums[pin.filename] = sha256_file(path)
                self._heads[pin.filename] = _metadata.headers(_metadata.read(path))
            except FileNotFoundError as error:
                raise AirgapError("%s is in a lock but not in the pool. Stage the bundle again." % path) from error
            except OSError as error:
                raise AirgapError(str(error)) from error
        if self._sums[pin.filename] != pin.sha256:
            raise AirgapError(
                "A lock pins %s with sha256 %s, but the file in the pool has %s. Stage the bundle again."
                % (pin.filename, pin.sha256, self._sums[pin.filename])
            )
        return self._heads[pin.filename]

    def check(
        self, pins: t.Iterable[Pin], roots: t.Iterable[str], constraints: t.Iterable[str], target: Target
    ) -> _closure.Closure:
        """Check one lock; raises AirgapError only if a file cannot be read."""
        wheels = [_closure.Wheel(pin.name, pin.version, pin.filename, self.head(pin)) for pin in pins]
        return _closure.check(self.packaging, roots, constraints, wheels, target.name, target.markers(), target.tags())
