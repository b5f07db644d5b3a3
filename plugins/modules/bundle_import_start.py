#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_import_start
short_description: Record in the ledger that the import of a bundle starts
version_added: 0.1.0
description:
  - Adds a line to the ledger before a bundle is published. M(airgap.python.bundle_import_end) adds another one after it.
    A line that exists is never changed.
  - An import that has started and not ended was interrupted, and is shown as interrupted.
  - Where the last import was of the same bundle with the same signers and succeeded, nothing is written, unless
    O(force=true).
  - A bundle whose C(created) is more than an hour in the future of this host's clock is refused. So is one that was taken
    back, see M(airgap.python.bundle_ledger_rollback), unless O(older_ok=true).
author:
  - airgap.python authors (@airgap-python)
options:
  older_ok:
    description: Allow a bundle that is older than the last one. One from the future is always refused.
    type: bool
    default: false
  force:
    description: Write the line even where nothing is new, because something is going to be published again.
    type: bool
    default: false
seealso:
  - module: airgap.python.bundle_import_end
  - module: airgap.python.bundle_ledger_info
extends_documentation_fragment:
  - airgap.python.ledger
  - airgap.python.bundle_import
"""

EXAMPLES = r"""
- name: Record that the import starts
  airgap.python.bundle_import_start:
    path: /srv/airgap/ledger.jsonl
    bundle: /srv/airgap/bundle
    operator: "{{ lookup('ansible.builtin.env', 'USER') }}"
  register: started
"""

RETURN = r"""
id:
  description: The id of the bundle.
  type: str
  returned: success
run:
  description: The id of this import in the ledger; empty where nothing was written.
  type: str
  returned: success
recorded:
  description: Whether the import was recorded, or would be in check mode.
  type: bool
  returned: success
withdrawn:
  description: What is withdrawn, as the ledger says, for the modules that publish.
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
from ansible_collections.airgap.python.plugins.module_utils._bundle import _import
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def main() -> None:
    """Record the start of the import."""
    module = AnsibleModule(
        argument_spec=dict(
            _import.OPTIONS,
            older_ok={"type": "bool", "default": False},
            force={"type": "bool", "default": False},
        ),
        supports_check_mode=True,
    )
    try:
        result = _import.start(module.params, module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
