# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Withdrawals: versions of a bundle that the index does not serve, or only to those who pin them (PEP 592)."""

from __future__ import annotations

import re
import typing as t
import uuid

from ansible_collections.airgap.python.plugins.module_utils._bundle import _clock, _import, _ledger, _manifest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import normalize

_PIN = re.compile(
    r"\s*(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*==\s*(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)\s*\Z"
)
HOW = (_ledger.GONE, _ledger.YANKED, _ledger.RESTORED)
Versions = t.Mapping[str, t.Iterable[str]]


def parse(pin: str) -> t.Tuple[str, str]:
    """Return the normalized name and the version of NAME==VERSION; raises AirgapError for any other text."""
    found = _PIN.match(pin)
    if not found:
        raise AirgapError(
            "%r is not a version of a project. Write NAME==VERSION, for example requests==2.31.0." % pin[:80]
        )
    return normalize(found.group("name")), found.group("version")


def versions_in(manifest: t.Mapping[str, t.Any]) -> t.Dict[str, t.List[str]]:
    """Return the versions that a bundle has of each project."""
    found: t.Dict[str, t.List[str]] = {}
    for entry in manifest["files"]:
        versions = found.setdefault(normalize(entry["name"]), [])
        if entry["version"] not in versions:
            versions.append(entry["version"])
    return found


def plan(ledger: _ledger.Ledger, pins: t.Iterable[str], how: str, reason: str, known: Versions) -> t.List[str]:
    """Return the versions to record, as NAME==VERSION: those that the ledger does not have in that way already.

    Raises AirgapError for a version that the bundle does not have, and that is not withdrawn either.
    """
    now = ledger.withdrawn
    wanted = []
    for name, version in (parse(one) for one in pins):
        pin = "%s==%s" % (name, version)
        if pin not in now and version not in known.get(name, ()):
            versions = ", ".join(known.get(name, ()))
            raise AirgapError(
                "%s is not in the bundle, which has %s of %s. Write the version as the bundle does."
                % (pin, versions or "no version", name)
            )
        is_recorded = pin in now and (now[pin].how, now[pin].reason) == (how, reason)
        if how == _ledger.RESTORED:
            is_recorded = pin not in now
        if not is_recorded and pin not in wanted:
            wanted.append(pin)
    return wanted


def is_gone(withdrawn: t.Iterable[t.Mapping[str, t.Any]], name: str, version: str) -> bool:
    """Return whether a version of a project is withdrawn and not served at all."""
    return any((one["name"], one["version"]) == (normalize(name), version) and one["gone"] for one in withdrawn)


def record(params: t.Mapping[str, t.Any], check_mode: bool) -> t.Dict[str, t.Any]:
    """Record a withdrawal, unless the ledger has it; return the result of the module."""
    ledger = _ledger.read(params["path"])
    if params["how"] != _ledger.RESTORED and not params["reason"].strip():
        raise AirgapError("No reason is given, and the ledger keeps it for the next person. Set withdraw_reason.")
    known = versions_in(_manifest.read(params["bundle"]))
    versions = plan(ledger, params["versions"], params["how"], params["reason"], known)
    if versions:
        line = _ledger.Withdrawal(
            run=uuid.uuid4().hex,
            versions=versions,
            how=params["how"],
            reason=params["reason"],
            operator=params["operator"],
            user=_import.login_user(),
            published_to=params["index"],
            when=_clock.render_precisely(_clock.now()),
            after=len(ledger.imports),
        )
        if not check_mode:
            written = {key: value for key, value in line._asdict().items() if key != "after"}
            _ledger.append(params["path"], [dict(written, event="withdrawal")])
        ledger = ledger._replace(withdrawals=[*ledger.withdrawals, line])
    return {"changed": bool(versions), "versions": versions, "withdrawn": _ledger.withdrawn_options(ledger)}
