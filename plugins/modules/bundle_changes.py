#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_changes
short_description: Write what changed since the previous bundle
version_added: 0.1.0
description:
  - Writes C(reports/changes.json) with what was added, upgraded, downgraded, replaced (another file of the same version)
    and removed, for each set and target. In the first bundle, everything is added.
  - The bundle is compared with O(base) if that is set, or else with the last bundle in O(memory). A bundle that is staged
    again without a change is compared with the same bundle as before.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Works in check mode; reports a change if there is no manifest yet.
    support: full
  diff_mode:
    description: Shows the report before and after.
    support: full
options:
  path:
    description: The bundle, with the manifest that M(airgap.python.bundle_manifest) wrote.
    type: path
    required: true
  memory:
    description: The file in which M(airgap.python.bundle_seal) records what was sealed.
    type: path
    required: true
  base:
    description:
      - The bundle that this one adds to, as a C(manifest.json) or as an C(inventory.json) of an index host.
      - An inventory does not list sets. Unless O(memory) has the manifest of that bundle, each lock is compared with all
        files of the inventory, and removed files are known only for the bundle as a whole.
    type: path
requirements:
  - packaging >= 22, or pip >= 24.1
seealso:
  - module: airgap.python.bundle_seal
"""

EXAMPLES = r"""
- name: Write what changed
  airgap.python.bundle_changes:
    path: /srv/airgap/bundle
    memory: /srv/airgap/stage/sealed-manifests.json
"""

RETURN = r"""
dest:
  description: The file.
  type: str
  returned: success
against:
  description: Id of the bundle that it was compared with; empty for the first bundle.
  type: str
  returned: success
counts:
  description: Number of changes of each kind; the same change in several sets or targets is counted once.
  type: dict
  returned: success
  sample: {added: 2, upgraded: 5, downgraded: 0, replaced: 0, removed: 1}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._report._changes_report import write_changes


def main() -> None:
    """Write the changes."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "memory": {"type": "path", "required": True},
            "base": {"type": "path"},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        result = write_changes(params["path"], params["memory"], params["base"], module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
