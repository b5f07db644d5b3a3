#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_ledger_withdrawal
short_description: Record in the ledger that versions are withdrawn
version_added: 0.1.0
description:
  - Adds one line to the ledger that says which versions are not served any more, why, and who decided it. Nothing is written
    where the ledger says that already.
  - The modules that publish follow the ledger, so what is withdrawn stays withdrawn in the next bundles, too.
author:
  - airgap.python authors (@airgap-python)
options:
  bundle:
    description:
      - The bundle that is served. A version that it does not have is an error, because it is probably a typo.
      - Required with O(versions).
    type: path
  versions:
    description:
      - The versions, each as C(NAME==VERSION).
      - One of O(versions) and O(same_as) is required.
    type: list
    elements: str
  same_as:
    description:
      - Everything that another index host has as withdrawn, as RV(withdrawn). What differs is recorded, and what is not in it is
        recorded as restored.
    type: list
    elements: dict
    suboptions:
      name:
        description: The project.
        type: str
        required: true
      version:
        description: Its version.
        type: str
        required: true
      reason:
        description: Why.
        type: str
        default: ""
      gone:
        description: Whether it is not served at all.
        type: bool
        default: false
  how:
    description:
      - V(gone) is not served at all. V(yanked) stays listed for those who pin it (PEP 592), which a static index can do.
        V(restored) is served again.
    type: str
    choices: [gone, yanked, restored]
    default: gone
  reason:
    description: The reason. It is needed with O(versions), unless O(how=restored).
    type: str
    default: ""
  index:
    description: The index.
    type: str
    required: true
seealso:
  - module: airgap.python.bundle_ledger_info
extends_documentation_fragment:
  - airgap.python.ledger
"""

EXAMPLES = r"""
- name: Record that a version is withdrawn
  airgap.python.bundle_ledger_withdrawal:
    path: /srv/airgap/ledger.jsonl
    bundle: /srv/airgap/bundle
    versions: [requests==2.31.0]
    reason: CVE-2024-35195
    operator: "{{ lookup('ansible.builtin.env', 'USER') }}"
    index: airgap/prod
"""

RETURN = r"""
versions:
  description: What was recorded, each as C(NAME==VERSION).
  type: list
  elements: str
  returned: success
withdrawn:
  description: Everything that is withdrawn from now on.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The project.
      type: str
    version:
      description: Its version.
      type: str
    reason:
      description: Why.
      type: str
    gone:
      description: Whether it is not served at all.
      type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _ledger, _withdrawal
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def main() -> None:
    """Record the withdrawal."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "bundle": {"type": "path"},
            "versions": {"type": "list", "elements": "str"},
            "same_as": {
                "type": "list",
                "elements": "dict",
                "options": _ledger.WITHDRAWN,
            },
            "how": {"type": "str", "choices": list(_withdrawal.HOW), "default": "gone"},
            "reason": {"type": "str", "default": ""},
            "operator": {"type": "str", "default": ""},
            "index": {"type": "str", "required": True},
        },
        required_one_of=[["versions", "same_as"]],
        mutually_exclusive=[["versions", "same_as"]],
        required_by={"versions": "bundle"},
        supports_check_mode=True,
    )
    try:
        result = _withdrawal.record(module.params, module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
