# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May this bundle be used here: who signed it, and is it neither from the future nor an older one than was imported."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import (
    _folder,
    _layout,
    _ledger,
    _manifest,
    _signature,
)
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

# The options of every module that judges a bundle; documented in the doc fragment approval.
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
        """Return it as a module does."""
        return {
            "signers": [one._asdict() for one in self.signers],
            "rejected": [one._asdict() for one in self.rejected],
        }


def judge(root: str, params: t.Mapping[str, t.Any]) -> Approval:
    """Judge the bundle in a folder by the options of OPTIONS, changing nothing.

    Raises AirgapError with what is missing, too old or too new. Whether the files are
    those of the sums is for _verify.verify() to say, which is to follow.
    """
    approval = _judge_signatures(root, params)
    if params.get("ledger"):
        ledger = _ledger.read(params["ledger"])
        _ledger.judge(ledger, _manifest.read(root), bool(params.get("older_ok")), _ledger.clock())
    return approval


def _judge_signatures(root: str, params: t.Mapping[str, t.Any]) -> Approval:
    allowed = _signature.allowed_signers(params.get("allowed_signers") or [])
    required = params.get("required_signatures")
    if required is None:
        # A list without any key in it was meant to allow somebody.
        required = 1 if params.get("allowed_signers") else 0
    if required < 0:
        raise AirgapError("%d signatures cannot be required. Give 0 or more." % required)
    if required and not allowed:
        raise AirgapError(
            "%d signatures are required, and the list of allowed signers is empty. Give publish_allowed_signers."
            % required
        )
    sums, blocks = _folder.read_signatures(root)
    if not allowed:
        return Approval([], [])
    signers, rejected = _signature.judge(sums, blocks or [], allowed, params.get("revoked_signers") or [])
    where = os.path.join(root, _layout.SIGNATURE)
    _signature.require(where, required, signers, rejected, blocks is not None)
    return Approval(signers, rejected)
