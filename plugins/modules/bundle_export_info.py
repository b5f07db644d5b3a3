#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_export_info
short_description: Verify a bundle and plan its export
version_added: 0.1.0
description:
  - Verifies a bundle and returns the volumes that its pool needs, for M(airgap.python.bundle_export_volume) to write.
  - Changes nothing.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and return what it would return otherwise.
    support: full
options:
  missing_ok:
    description: Return RV(found=false) instead of failing if there is no bundle.
    type: bool
    default: false
extends_documentation_fragment:
  - airgap.python.export
"""

EXAMPLES = r"""
- name: Plan the export
  airgap.python.bundle_export_info:
    path: /srv/airgap/bundle
    dest: /mnt/disk
  register: plan
"""

RETURN = r"""
found:
  description: Whether there is a bundle.
  type: bool
  returned: success
id:
  description: The bundle's id.
  type: str
  returned: when RV(found=true)
base:
  description: Id of the bundle that it adds to; empty if it does not add to one.
  type: str
  returned: when RV(found=true)
folder:
  description: The folder of the export in O(dest).
  type: str
  returned: when RV(found=true)
volumes:
  description: The volumes to write.
  type: list
  elements: dict
  returned: when RV(found=true)
  contains:
    name:
      description: The name of the volume.
      type: str
    size:
      description: Its size in bytes.
      type: int
bytes:
  description: Size of all files of the export, in bytes.
  type: int
  returned: when RV(found=true)
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._transfer import _export


def main() -> None:
    """Plan the export."""
    module = AnsibleModule(
        argument_spec={**_export.OPTIONS, "missing_ok": {"type": "bool", "default": False}}, supports_check_mode=True
    )
    params = module.params
    if params["missing_ok"] and not os.path.exists(os.path.join(params["path"], _layout.SUMS)):
        module.exit_json(changed=False, found=False)
    try:
        plan = _export.open_export(params).plan()
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **plan)


if __name__ == "__main__":
    main()
