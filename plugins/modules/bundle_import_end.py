#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_import_end
short_description: Record in the ledger how the import of a bundle ended
version_added: 0.1.0
description:
  - Adds a line to the ledger after a bundle was published, or after publishing failed.
  - After a success it writes the inventory, the list of what is on the index.
author:
  - airgap.python authors (@airgap-python)
options:
  run:
    description:
      - What M(airgap.python.bundle_import_start) returned as RV(airgap.python.bundle_import_start#module:run).
      - Empty where it wrote nothing. Then a success is not recorded either, and a failure with both its lines.
    type: str
    default: ""
  result:
    description: How the import ended.
    type: str
    choices: [ok, failed]
    default: ok
  reason:
    description: Why it failed.
    type: str
    default: ""
  uploaded:
    description: How many files were published.
    type: int
    default: 0
  present:
    description: How many files were on the index already.
    type: int
    default: 0
  uploaded_bytes:
    description: How many bytes were published.
    type: int
    default: 0
  inventory:
    description:
      - Where to write the inventory after an import that succeeded.
      - Carried outside, it serves as the base of the next bundle.
    type: path
seealso:
  - module: airgap.python.bundle_import_start
  - module: airgap.python.bundle_ledger_info
extends_documentation_fragment:
  - airgap.python.ledger
  - airgap.python.bundle_import
"""

EXAMPLES = r"""
- name: Record that the import succeeded
  airgap.python.bundle_import_end:
    path: /srv/airgap/ledger.jsonl
    bundle: /srv/airgap/bundle
    run: "{{ started.run }}"
    uploaded: 43
    inventory: /srv/airgap/inventory.json
"""

RETURN = r"""
run:
  description: The id of this import in the ledger; empty where nothing was written.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _import
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def main() -> None:
    """Record the end of the import."""
    module = AnsibleModule(
        argument_spec=dict(
            _import.OPTIONS,
            run={"type": "str", "default": ""},
            result={"type": "str", "choices": ["ok", "failed"], "default": "ok"},
            reason={"type": "str", "default": ""},
            uploaded={"type": "int", "default": 0},
            present={"type": "int", "default": 0},
            uploaded_bytes={"type": "int", "default": 0},
            inventory={"type": "path"},
        ),
        supports_check_mode=True,
    )
    try:
        result = _import.end(module.params, module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
