# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the modules that decide whether a bundle may be used."""

from __future__ import annotations


class ModuleDocFragment:
    """Options: who must have signed a bundle, and which bundles were imported before."""

    DOCUMENTATION = r"""
options:
  allowed_signers:
    description:
      - Who may sign, one line each, in the format ALLOWED SIGNERS of ssh-keygen(1), such as V(alice@example.org ssh-ed25519 AAAA...).
      - An entry may contain several lines. If the list is empty, only the form of signatures is checked.
      - The host needs C(ssh-keygen) if the list has a line.
    type: list
    elements: str
    default: []
  required_signatures:
    description:
      - How many different keys of O(allowed_signers) must have signed the bundle. With fewer, it fails and reports why
        each of the other signatures does not count.
      - By default 1 if O(allowed_signers) has an entry, otherwise 0.
    type: int
  revoked_signers:
    description: Public keys whose signatures no longer count, each the content of a C(.pub) file.
    type: list
    elements: str
    default: []
  ledger:
    description:
      - The ledger of the index host, which M(airgap.python.bundle_import_start) writes. A bundle that is older than the last
        one in it is refused. It need not exist.
      - If it is set, a bundle whose C(created) is more than an hour ahead of this host's clock is refused as well.
    type: path
  older_ok:
    description: Accept a bundle that is older than the last one in O(ledger), but never one from the future.
    type: bool
    default: false
"""
