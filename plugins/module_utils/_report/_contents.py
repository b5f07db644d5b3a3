# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contents of a bundle for its reports: its manifest, its locks, declared licences, which package needs which.

The only times in the reports are those of the manifest and the audit, so that the
same bundle gives the same bytes.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout, _locks, _manifest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._report import _license
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser
from ansible_collections.airgap.python.plugins.module_utils._wheels import _closure, _closure_checker, _lock, _packaging


class LockContents(t.NamedTuple):
    """One lock: its pins, the requirements that it was resolved from, and which project needs which on its target."""

    set: str
    target: str
    pins: t.Tuple[_lock.Pin, ...]
    roots: t.Tuple[str, ...]
    edges: t.Tuple[_closure.Edge, ...]

    @property
    def label(self) -> str:
        """The lock's name: set/target."""
        return "%s/%s" % (self.set, self.target)


class Contents(t.NamedTuple):
    """A bundle as it describes itself; ``licenses`` is indexed by the path of the file."""

    manifest: t.Mapping[str, t.Any]
    locks: t.Tuple[LockContents, ...]
    licenses: t.Mapping[str, _license.License]


def read_contents(root: str) -> Contents:
    """Return the contents of a bundle whose manifest is written; raises AirgapError and OSError."""
    manifest = _manifest.read(root)
    targets = {target.name: target for target in _target_parser.parse_all(manifest["targets"])[0]}
    # bundle_manifest has just compared the sums in the manifest with the files.
    known = [_pin(entry) for entry in manifest["files"]]
    checker = _closure_checker.ClosureChecker(_packaging.load(), os.path.join(root, _layout.POOL), known)
    locks = []
    for one, name, lock in _locks.read_locks(root, manifest):
        if name not in targets:
            raise AirgapError(
                "Set %s is for target %s, which the bundle %s does not have. Stage the bundle again."
                % (one["name"], name, root)
            )
        roots = tuple(_locks.requirements_of(one, lock)[0])
        closure = checker.check(lock.pins, roots, (), targets[name])
        locks.append(LockContents(one["name"], name, lock.pins, roots, closure.edges))
    licenses = {}
    for entry in manifest["files"]:
        licenses[entry["path"]] = _license.read(checker.head(_pin(entry)))
    return Contents(manifest, tuple(locks), licenses)


def _pin(entry: t.Mapping[str, t.Any]) -> _lock.Pin:
    """Return a file of a manifest as a pin."""
    filename = os.path.basename(entry["path"])
    return _lock.Pin(entry["name"], entry["version"], entry["sha256"], filename, entry["size"])
