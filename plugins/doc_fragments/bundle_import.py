# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules share that record an import in the ledger."""

from __future__ import annotations


class ModuleDocFragment:
    """Options that describe the import."""

    DOCUMENTATION = r"""
options:
  bundle:
    description: The bundle that is imported.
    type: path
    required: true
  sha256:
    description:
      - SHA-256 of the bundle's C(SHA256SUMS), as M(airgap.python.bundle_verify) returned it. A bundle that changed since then is
        refused. If it is empty, that is not checked.
    type: str
    default: ""
  signers:
    description: Who signed the bundle, as M(airgap.python.bundle_verify) returns it.
    type: list
    elements: dict
    default: []
  index:
    description: The index that the bundle is published to.
    type: str
    default: ""
attributes:
  action_group:
    description: Use C(group/airgap.python.bundle_import) in C(module_defaults) to set these options once.
    support: full
    membership:
      - airgap.python.bundle_import
"""
