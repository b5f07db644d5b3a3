# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that every lock of a bundle is closed, from the bundle alone."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout, _ledger, _locks, _manifest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser
from ansible_collections.airgap.python.plugins.module_utils._wheels import (
    _closure,
    _closure_checker,
    _packaging,
    _pip_wheels,
)


class CheckedLock(t.NamedTuple):
    """One lock that was checked: its set, its target, the number of its files, and the result."""

    set: str
    target: str
    files: int
    closure: _closure.Closure

    def as_dict(self) -> t.Dict[str, t.Any]:
        """Return the entry in the result of bundle_closure."""
        return {
            "set": self.set,
            "target": self.target,
            "files": self.files,
            "edges": len(self.closure.edges),
            "unused": list(self.closure.unused),
            "excluded": list(self.closure.excluded),
            "failures": [failure._asdict() for failure in self.closure.failures],
        }


def check_unless_imported(root: str, sha256: str, ledger: str, warn: t.Callable[[str], t.Any]) -> None:
    """Check a bundle as check_bundle() does, unless the ledger has an import of exactly this bundle: it was checked before that.

    ``sha256`` is that of its SHA256SUMS, which stands for every byte.
    """
    done = _ledger.read(ledger).done if ledger else []
    if not any(one.sums == sha256 for one in done):
        check_bundle(root, warn)


def check_bundle(root: str, warn: t.Callable[[str], t.Any]) -> t.Dict[str, t.Any]:
    """Return the result of bundle_closure; ``warn`` gets each warning once.

    Raises AirgapError for a lock that is not closed, with the result in its details, and OSError.
    """
    manifest = _manifest.read(root)
    targets, warnings = _target_parser.parse_all(manifest["targets"])
    target_by_name = {target.name: target for target in targets}
    # What a delta does not carry is checked if it happens to be here.
    others = [entry for entry in _manifest.entries(manifest) if not _manifest.is_carried(entry)]
    missing = [entry for entry in others if not os.path.isfile(os.path.join(root, entry["path"]))]
    _manifest.check_whole(root, manifest, missing)
    locks = _locks.read_locks(root, manifest)
    pool = os.path.join(root, _layout.POOL)
    pins = [pin for one in locks for pin in one[2].pins]
    packaging = _packaging.load(_pip_wheels.pip_wheels_of(pins, pool))
    checker = _closure_checker.ClosureChecker(packaging, pool)
    checked = []
    for requirement_set, name, lock in locks:
        if name not in target_by_name:
            raise AirgapError(
                "%s: set %s is for target %s, which the bundle does not have. Stage the bundle again."
                % (root, requirement_set["name"], name)
            )
        requirements, warning = _locks.requirements_of(requirement_set, lock)
        if warning and warning not in warnings:
            warnings.append(warning)
        closure = checker.check(lock.pins, requirements, (), target_by_name[name])
        checked.append(CheckedLock(requirement_set["name"], name, len(lock.pins), closure))
    warnings += sorted({extra.message for one in checked for extra in one.closure.unknown_extras})
    for text in warnings:
        warn(text)
    result: t.Dict[str, t.Any] = {
        "locks": [one.as_dict() for one in checked],
        "packaging": "%s %s" % (packaging.source, packaging.version),
    }
    failures = [
        failure._replace(message="set %s: %s" % (one.set, failure.message))
        for one in checked
        for failure in one.closure.failures
    ]
    if failures:
        raise AirgapError(*_closure.describe_failures(failures).split("\n"), **result)
    return result
