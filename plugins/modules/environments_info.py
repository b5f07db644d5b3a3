#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: environments_info
short_description: Find the environments that have a version of a project
version_added: 0.1.0
description:
  - Looks into the virtual environments in a folder for versions of projects, for example after these were withdrawn.
  - It also names former environments that are kept for a rollback, and sets that the role P(airgap.python.install#role)
    installed into an interpreter itself.
author:
  - airgap.python authors (@airgap-python)
options:
  path:
    description: The folder of the environments.
    type: path
    default: /opt/airgap
  versions:
    description: The versions, each as C(NAME==VERSION).
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    description: Can run in check mode and return the same result.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Find the environments that still have a withdrawn version
  airgap.python.environments_info:
    versions: [requests==2.31.0]
"""

RETURN = r"""
found:
  description: The environments and what they have, such as V(/opt/airgap/base has requests==2.31.0).
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _environments


def main() -> None:
    """Find the environments."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "default": "/opt/airgap"},
            "versions": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    try:
        found = _environments.find(module.params["path"], module.params["versions"])
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, found=found)


if __name__ == "__main__":
    main()
