# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A correction of the ledger: officers sign that the time of an entry from the future does not count."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _clock, _import, _ledger, _signature
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

# The namespace of the signature, so that no signature over a bundle serves as a correction, nor the other way round.
NAMESPACE = "airgap-ledger"
_FIX = "Sign the line that the playbook history shows with ssh-keygen -Y sign -n %s." % NAMESPACE


def statement(one: _ledger.Import) -> str:
    """Return the line that officers sign to state that an entry's time does not count.

    The run is in no other ledger, so the line serves nowhere else.
    """
    return "airgap-ledger: the time %s of bundle %s, run %s, does not count\n" % (one.created, one.id, one.run)


def find_entry(ledger: _ledger.Ledger, text: str, at: datetime.datetime) -> _ledger.Import:
    """Return the entry that a statement is about; raises AirgapError unless it is in this ledger and in the future."""
    for one in ledger.done:
        if statement(one) != text:
            continue
        if not one.corrected and not _clock.is_ahead(one.created, at):
            raise AirgapError(
                "Run %s of bundle %s was created on %s, which is not in the future of this host's clock, %s. Such an entry "
                "counts and needs no correction." % (one.run, one.id, one.created, _clock.render(at))
            )
        return one
    raise AirgapError(
        "%r is not a statement about an entry of this ledger. Sign exactly the line that the playbook history shows, "
        "including its line end." % text[:300]
    )


def check_signatures(params: t.Mapping[str, t.Any]) -> t.List[_signature.Signer]:
    """Return who signed the statement; raises AirgapError unless enough of the allowed signers did."""
    allowed = _signature.allowed_signers(params["allowed_signers"])
    if not allowed:
        raise AirgapError(
            "Nobody may correct the ledger %s: the list of allowed signers is empty. A correction needs "
            "publish_allowed_signers, and a signature by one of them." % params["path"]
        )
    blocks = _signature.split((params["signatures"] or "").encode("utf-8"), "The signature of the correction")
    signers, rejected = _signature.check(
        params["statement"].encode("utf-8"), blocks, allowed, params["revoked_signers"], namespace=NAMESPACE
    )
    required = max(1, params["required_signatures"])
    _signature.require("The correction of " + params["path"], required, signers, rejected, True, _FIX)
    return signers


def correct(params: t.Mapping[str, t.Any], check_mode: bool) -> t.Dict[str, t.Any]:
    """Record that the time of an entry does not count, if officers signed that; return the result of the module."""
    signers = [one._asdict() for one in check_signatures(params)]
    one = find_entry(_ledger.read(params["path"]), params["statement"], _clock.now())
    if not one.corrected and not check_mode:
        record = {
            "event": "correction",
            "run": one.run,
            "when": _clock.render_precisely(_clock.now()),
            "id": one.id,
            "created": one.created,
            "statement": params["statement"],
            "signatures": params["signatures"],
            "signers": signers,
            "operator": params["operator"],
            "user": _import.login_user(),
        }
        _ledger.append(params["path"], [record])
    return {"changed": not one.corrected, "signers": signers}
