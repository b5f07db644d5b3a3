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
# The reason of a version that is served again because another index host does not have it as withdrawn.
SAME = "as on the first index host"
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


def plan_same(
    ledger: _ledger.Ledger, wanted: t.Iterable[t.Mapping[str, t.Any]]
) -> t.List[t.Tuple[str, str, t.List[str]]]:
    """Return what to record so that a ledger has as withdrawn what another index host has: how, reason and versions."""
    now = {pin: (one.how, one.reason) for pin, one in ledger.withdrawn.items()}
    then = {
        "%s==%s" % (normalize(one["name"]), one["version"]): (
            _ledger.GONE if one["gone"] else _ledger.YANKED,
            one["reason"],
        )
        for one in wanted
    }
    found: t.Dict[t.Tuple[str, str], t.List[str]] = {}
    for pin in sorted({*now, *then}):
        if now.get(pin) != then.get(pin):
            found.setdefault(then.get(pin, (_ledger.RESTORED, SAME)), []).append(pin)
    return [(how, reason, versions) for (how, reason), versions in sorted(found.items())]


def is_gone(withdrawn: t.Iterable[t.Mapping[str, t.Any]], name: str, version: str) -> bool:
    """Return whether a version of a project is withdrawn and not served at all."""
    return any((one["name"], one["version"]) == (normalize(name), version) and one["gone"] for one in withdrawn)


def record(params: t.Mapping[str, t.Any], check_mode: bool) -> t.Dict[str, t.Any]:
    """Record a withdrawal, unless the ledger has it; return the result of the module."""
    ledger = _ledger.read(params["path"])
    same = params.get("same_as")
    planned = _plan_given(ledger, params) if same is None else plan_same(ledger, same)
    lines = [
        _ledger.Withdrawal(
            run=uuid.uuid4().hex,
            versions=versions,
            how=how,
            reason=reason,
            operator=params["operator"],
            user=_import.login_user(),
            published_to=params["index"],
            when=_clock.render_precisely(_clock.now()),
            after=len(ledger.imports),
        )
        for how, reason, versions in planned
    ]
    if lines and not check_mode:
        written = ({key: value for key, value in one._asdict().items() if key != "after"} for one in lines)
        _ledger.append(params["path"], [dict(one, event="withdrawal") for one in written])
    ledger = ledger._replace(withdrawals=[*ledger.withdrawals, *lines])
    return {
        "changed": bool(lines),
        "versions": [version for one in lines for version in one.versions],
        "withdrawn": _ledger.withdrawn_options(ledger),
    }


def _plan_given(ledger: _ledger.Ledger, params: t.Mapping[str, t.Any]) -> t.List[t.Tuple[str, str, t.List[str]]]:
    """Return how, reason and versions of the record for a withdrawal that is asked for; none where the ledger has it."""
    if params["how"] != _ledger.RESTORED and not params["reason"].strip():
        raise AirgapError("withdraw_reason is empty. Set it: the ledger keeps the reason for the next person.")
    known = versions_in(_manifest.read(params["bundle"]))
    versions = plan(ledger, params["versions"], params["how"], params["reason"], known)
    return [(params["how"], params["reason"], versions)] if versions else []
