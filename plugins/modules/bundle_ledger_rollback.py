#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_ledger_rollback
short_description: Record in the ledger that a former bundle is served again
version_added: 0.1.0
description:
  - Adds one line to the ledger after the index was switched to a bundle that was imported before. Nothing is written where
    the ledger says already that this bundle is served.
  - From then on M(airgap.python.bundle_import_start) refuses the bundle that was replaced, so that the next run does not
    undo the rollback, until another bundle is imported, this one is served again, or an older one is allowed.
author:
  - airgap.python authors (@airgap-python)
options:
  id:
    description: The id of the bundle that is served again.
    type: str
    required: true
  index:
    description: The index that serves the bundle.
    type: str
    required: true
seealso:
  - module: airgap.python.bundle_ledger_info
extends_documentation_fragment:
  - airgap.python.ledger
"""

EXAMPLES = r"""
- name: Record that a former bundle is served again
  airgap.python.bundle_ledger_rollback:
    path: /srv/airgap/ledger.jsonl
    id: 3f2a9c0d51e84b7690ab12cd34ef5678
    operator: "{{ lookup('ansible.builtin.env', 'USER') }}"
    index: airgap/prod
"""

RETURN = r"""
replaced:
  description: The id of the bundle that the ledger had as served; empty where nothing was written.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _import
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def main() -> None:
    """Record the rollback."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "id": {"type": "str", "required": True},
            "operator": {"type": "str", "default": ""},
            "index": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    try:
        result = _import.record_rollback(module.params, module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
