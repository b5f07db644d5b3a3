#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_ledger_correction
short_description: Record in the ledger that the time of an import does not count
version_added: 0.1.0
description:
  - An entry of the ledger whose C(created) is in the future blocks all later bundles. This records that its time does
    not count, if enough of O(allowed_signers) signed that. Nothing else takes it out of the count.
  - The line to sign is the C(statement) in RV(airgap.python.bundle_ledger_info#module:ahead).
author:
  - airgap.python authors (@airgap-python)
options:
  statement:
    description:
      - What was signed, a C(statement) with its line end, byte by byte.
      - It names one import of one ledger, so it serves once and nowhere else.
    type: str
    required: true
  signatures:
    description: The signatures over O(statement), as C(ssh-keygen -Y sign -n airgap-ledger) prints them, one after another.
    type: str
    required: true
  allowed_signers:
    description: Who may sign a correction, as in M(airgap.python.bundle_verify).
    type: list
    elements: str
    default: []
  required_signatures:
    description: How many different keys of O(allowed_signers) must have signed it; at least 1.
    type: int
    default: 1
  revoked_signers:
    description: Public keys that no longer count, each the content of a C(.pub) file.
    type: list
    elements: str
    default: []
requirements:
  - ssh-keygen, of OpenSSH 8.2 or newer
extends_documentation_fragment:
  - airgap.python.ledger
"""

EXAMPLES = r"""
- name: Record that an entry from the future does not count
  airgap.python.bundle_ledger_correction:
    path: /srv/airgap/ledger.jsonl
    statement: "{{ lookup('ansible.builtin.file', 'correction.txt', rstrip=false) }}"
    signatures: "{{ lookup('ansible.builtin.file', 'correction.txt.sig', rstrip=false) }}"
    allowed_signers: "{{ publish_allowed_signers }}"
"""

RETURN = r"""
signers:
  description: Who of O(allowed_signers) signed the correction, with C(principal), C(key) and C(type).
  type: list
  elements: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _correction
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def main() -> None:
    """Correct the ledger."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "statement": {"type": "str", "required": True},
            "signatures": {"type": "str", "required": True},
            "allowed_signers": {"type": "list", "elements": "str", "default": []},
            "required_signatures": {"type": "int", "default": 1},
            "revoked_signers": {"type": "list", "elements": "str", "default": []},
            "operator": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    try:
        result = _correction.correct(module.params, module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
