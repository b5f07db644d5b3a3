# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a bundle may be imported after those that were: neither from the future, nor older than the last one."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _clock, _ledger
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

_FIX = "Transfer the newest bundle, or set publish_older: true to go back to this one."


def check(ledger: _ledger.Ledger, manifest: t.Mapping[str, t.Any], older_ok: bool, at: datetime.datetime) -> None:
    """Raise AirgapError if a bundle may not be imported at the time ``at``.

    It may not be from the future, which nothing can allow, and not be older than the last one that was imported,
    unless that is allowed. An empty ledger allows any bundle that is not from the future.
    """
    if _clock.is_ahead(manifest["created"], at):
        raise AirgapError(
            "Bundle %s states that it was created on %s, and the clock of this host says %s. A bundle from the future would "
            "block every bundle after it. Set the clock that is wrong, that of the internet host or of this host; if it was "
            "that of the internet host, stage the bundle again and have it signed again."
            % (manifest["id"], manifest["created"], _clock.render(at))
        )
    if not older_ok:
        _check_order(ledger, manifest, at)


def check_rollback(ledger: _ledger.Ledger, identity: str) -> None:
    """Raise AirgapError for a bundle that someone has replaced by a former one since it was imported."""
    back = ledger.rollback
    if back and back.id != identity and identity in ledger.ids:
        raise AirgapError(
            "Bundle %s was rolled back on %s by %s: bundle %s is served instead, and a run must not undo that by itself. "
            "Transfer a newer bundle; or serve this one again with -e publish_rollback=%s; or keep publish_rollback: %s "
            "in group_vars/all.yml until there is a newer one."
            % (
                identity,
                back.when[:19],
                back.operator or back.user or "(unknown)",
                back.id,
                identity[:12],
                back.id[:12],
            )
        )


def _check_order(ledger: _ledger.Ledger, manifest: t.Mapping[str, t.Any], at: datetime.datetime) -> None:
    """Raise AirgapError if a bundle is older than the last one: a replay would bring back old versions.

    The last one may be imported again, and the one that is served after a rollback. The id of a bundle counts first, then the time that its manifest states.
    """
    done = ledger.done
    if not done or manifest["id"] in (done[-1].id, ledger.served):
        return
    for one in reversed(done):
        if one.id == manifest["id"]:
            raise AirgapError(
                "Bundle %s is an older bundle: it was imported on %s, and %s after it. %s"
                % (one.id, one.ended, done[-1].id, _FIX)
            )
    ahead = ledger.ahead(at)
    if ahead:
        raise AirgapError(
            "Cannot compare the age of bundle %s, created on %s, with the last import: %s Set the clock of this host if it is "
            "wrong. Otherwise have an officer sign that the entry does not count: the playbook history shows how."
            % (manifest["id"], manifest["created"], describe_ahead(ahead[-1], at))
        )
    counted = [one for one in done if not one.corrected]
    if not counted:
        return
    last = counted[-1]
    if _clock.parse(manifest["created"], "Bundle %s" % manifest["id"]) < _clock.parse(
        last.created, "Bundle %s" % last.id
    ):
        raise AirgapError(
            "Bundle %s is an older bundle: it was created on %s, and the last one imported, %s, on %s. %s"
            % (manifest["id"], manifest["created"], last.id, last.created, _FIX)
        )


def describe_ahead(one: _ledger.Import, at: datetime.datetime) -> str:
    """Return what is wrong with an entry from the future."""
    return (
        "the ledger's entry %s, bundle %s, states that it was created on %s, which is in the future of this host's clock, %s."
        % (one.run[:8], one.id, one.created, _clock.render(at))
    )
