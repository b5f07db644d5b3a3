# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules share that judge whether a bundle may be used."""

from __future__ import annotations


class ModuleDocFragment:
    """Options that say who must have signed a bundle, and which came before it."""

    DOCUMENTATION = r"""
options:
  allowed_signers:
    description:
      - Who may sign, one line each, as ssh-keygen(1) has it under ALLOWED SIGNERS; V(alice@example.org ssh-ed25519 AAAA...).
      - An entry may hold several lines. Empty, signatures are checked for their form only.
      - The host needs C(ssh-keygen) as soon as there is a line.
    type: list
    elements: str
    default: []
  required_signatures:
    description:
      - How many different keys of O(allowed_signers) must have signed the bundle. Fewer are an error that says why
        each of the others does not count.
      - By default 1 if O(allowed_signers) has an entry, else 0.
    type: int
  revoked_signers:
    description: Public keys that do not count any more, each the content of a C(.pub) file.
    type: list
    elements: str
    default: []
  ledger:
    description:
      - The ledger of the index host, which M(airgap.python.bundle_import_start) writes. A bundle that is older than the last
        one in it is an error. It need not be there.
      - Where it is given, a bundle whose C(created) is more than an hour ahead of this host's clock is an error, too.
    type: path
  older_ok:
    description: Take an older bundle than the last one in O(ledger). Not one from the future.
    type: bool
    default: false
"""
