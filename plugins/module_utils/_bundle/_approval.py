# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a bundle may be used here: enough allowed signers signed it, and it is neither older than the last one nor from the future."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import (
    _clock,
    _folder,
    _layout,
    _ledger,
    _manifest,
    _signature,
    _succession,
)
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

# The options of every module that checks whether a bundle may be used; documented in the doc fragment approval.
OPTIONS: t.Dict[str, t.Dict[str, t.Any]] = {
    "allowed_signers": {"type": "list", "elements": "str", "default": []},
    "required_signatures": {"type": "int"},
    "revoked_signers": {"type": "list", "elements": "str", "default": []},
    "ledger": {"type": "path"},
    "older_ok": {"type": "bool", "default": False},
}


class Approval(t.NamedTuple):
    """Who signed, each key once, and the signatures that do not count."""

    signers: t.List[_signature.Signer]
    rejected: t.List[_signature.Rejected]

    def result(self) -> t.Dict[str, t.Any]:
        """Return the approval as modules return it."""
        return {
            "signers": [one._asdict() for one in self.signers],
            "rejected": [one._asdict() for one in self.rejected],
        }


def check(root: str, params: t.Mapping[str, t.Any]) -> Approval:
    """Check by the options of OPTIONS whether the bundle in a folder may be used; changes nothing.

    Raises AirgapError with what is missing, too old or too new. Call _verify.verify() afterwards: it checks that the
    files are those of the sums.
    """
    approval = _check_signatures(root, params)
    if params.get("ledger"):
        ledger = _ledger.read(params["ledger"])
        _succession.check(ledger, _manifest.read(root), bool(params.get("older_ok")), _clock.now())
    return approval


def _check_signatures(root: str, params: t.Mapping[str, t.Any]) -> Approval:
    allowed = _signature.allowed_signers(params.get("allowed_signers") or [])
    required = params.get("required_signatures")
    if required is None:
        # A list with comments alone was meant to name a signer.
        required = 1 if params.get("allowed_signers") else 0
    if required < 0:
        raise AirgapError("%d signatures cannot be required. Set 0 or more." % required)
    if required and not allowed:
        raise AirgapError(
            "%d signatures are required, and the list of allowed signers is empty. Set publish_allowed_signers."
            % required
        )
    sums, blocks = _folder.read_signatures(root)
    if not allowed:
        return Approval([], [])
    signers, rejected = _signature.check(sums, blocks or [], allowed, params.get("revoked_signers") or [])
    where = os.path.join(root, _layout.SIGNATURE)
    _signature.require(where, required, signers, rejected, blocks is not None)
    return Approval(signers, rejected)
