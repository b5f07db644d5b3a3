# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The signatures of a bundle, one line for each."""

from __future__ import annotations

DOCUMENTATION = r"""
name: signature_lines
short_description: The signatures of a bundle, one line for each
version_added: 0.1.0
author: airgap.python authors (@airgap-python)
description:
  - Formats the result of M(airgap.python.bundle_verify) for people.
positional: _input, unverified
options:
  _input:
    description: The result of M(airgap.python.bundle_verify), with C(signers) and C(rejected).
    type: dict
    required: true
  unverified:
    description: Signatures that were not compared with a list of signers, as M(airgap.python.bundle_sign) returns them.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
lines: "{{ verified | airgap.python.signature_lines }}"
"""

RETURN = r"""
_value:
  description: The lines. For a signature that does not count, the line has the reason.
  type: list
  elements: str
"""

import typing as t

Signature = t.Mapping[str, t.Any]


def signature_lines(result: t.Mapping[str, t.Any], unverified: t.Iterable[Signature] = ()) -> t.List[str]:
    """Return a line for each signature: those that count first."""
    return [
        *("%s %s (%s)" % (one["principal"], one["key"], one["type"]) for one in result["signers"]),
        *("does not count: %s (%s)" % (one["key"], one["reason"]) for one in result["rejected"]),
        *("not verified, publish_allowed_signers is empty: %s (%s)" % (one["key"], one["type"]) for one in unverified),
    ]


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return it by its name."""
        return {"signature_lines": signature_lines}
