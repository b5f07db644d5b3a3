# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the reports of a bundle are made from: its manifest, its locks, what its wheels declare, who needs whom.

The reports state no time but the manifest's and the audit's, so that the same
bundle gives the same bytes.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import (
    _closure,
    _license,
    _lock,
    _manifest,
    _packaging,
    _proof,
    _target,
)
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import make_folder, read_if_there, write_atomic

# The number that the JSON reports of ours carry.
FORMAT = 1
SBOM = "sbom.cdx.json"
AUDIT = "audit.json"
CHANGES = "changes.json"
REPORT = "report.html"
DEPENDENCIES = "dependencies.txt"


class LockEvidence(t.NamedTuple):
    """One lock: its pins, the requirements it was resolved from, and which project needs which, on its target."""

    set: str
    target: str
    pins: t.Tuple[_lock.Pin, ...]
    roots: t.Tuple[str, ...]
    edges: t.Tuple[_closure.Edge, ...]

    @property
    def label(self) -> str:
        """How the lock is called: set/target."""
        return "%s/%s" % (self.set, self.target)


class Evidence(t.NamedTuple):
    """A bundle as it describes itself; ``licenses`` is by path of the file."""

    manifest: t.Mapping[str, t.Any]
    locks: t.Tuple[LockEvidence, ...]
    licenses: t.Mapping[str, _license.License]


def read(root: str) -> Evidence:
    """Read a bundle whose manifest is written; raises AirgapError and OSError."""
    manifest = _manifest.read(root)
    targets = {target.name: target for target in _target.parse_all(manifest["targets"])[0]}
    # The sums in the manifest are those of the files: bundle_manifest has just compared them.
    known = [_pin(entry) for entry in manifest["files"]]
    prover = _proof.Prover(_packaging.load(), os.path.join(root, _manifest.POOL), known)
    locks = []
    for one, name, lock in _proof.read_locks(root, manifest):
        if name not in targets:
            raise AirgapError(
                "Set %s is for %s, which is no target of the bundle %s. Stage it again." % (one["name"], name, root)
            )
        roots = tuple(_proof.roots_of(one, lock)[0])
        proof = prover.prove(lock.pins, roots, (), targets[name])
        locks.append(LockEvidence(one["name"], name, lock.pins, roots, proof.edges))
    licenses = {}
    for entry in manifest["files"]:
        licenses[entry["path"]] = _license.read(prover.head(_pin(entry)))
    return Evidence(manifest, tuple(locks), licenses)


def _pin(entry: t.Mapping[str, t.Any]) -> _lock.Pin:
    """Return a file of a manifest as locks name it."""
    filename = os.path.basename(entry["path"])
    return _lock.Pin(entry["name"], entry["version"], entry["sha256"], filename, entry["size"])


def put(root: str, name: str, text: str, check_mode: bool) -> t.Dict[str, t.Any]:
    """Write a report unless it is there already or in check mode; return a module's result with the difference."""
    path = os.path.join(root, _manifest.REPORTS, name)
    # Half a character, which JSON can hold and UTF-8 cannot, is written as JSON escapes it.
    data = text.encode("utf-8", "backslashreplace")
    before = read_if_there(path)
    if before != data and not check_mode:
        make_folder(os.path.dirname(path))
        write_atomic(path, data)
    result: t.Dict[str, t.Any] = {"changed": before != data, "dest": path}
    if result["changed"]:
        result["diff"] = {
            "before": (before or b"").decode("utf-8", "replace"),
            "after": data.decode("utf-8"),
            "before_header": path,
            "after_header": path,
        }
    return result
