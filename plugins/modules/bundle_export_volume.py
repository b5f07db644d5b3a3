#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_export_volume
short_description: Write one volume of the export of a bundle
version_added: 0.1.0
description:
  - Writes a volume that M(airgap.python.bundle_export_info) has planned. M(airgap.python.bundle_export) follows when all
    volumes are written.
  - The volume gets its name when it is complete. One that exists and is correct is not written again, so that a run after a
    killed one continues where that one stopped.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and report what would change.
    support: full
options:
  id:
    description: The bundle's id, from RV(airgap.python.bundle_export_info#module:id). Another bundle is not exported.
    type: str
    required: true
  name:
    description: Name of the volume, from RV(airgap.python.bundle_export_info#module:volumes).
    type: str
    required: true
extends_documentation_fragment:
  - airgap.python.export
"""

EXAMPLES = r"""
- name: Write the volumes
  airgap.python.bundle_export_volume:
    path: /srv/airgap/bundle
    dest: /mnt/disk
    id: "{{ plan.id }}"
    name: "{{ item.name }}"
  loop: "{{ plan.volumes }}"
  register: written
"""

RETURN = r"""
volume:
  description: The volume, for O(airgap.python.bundle_export#module:volumes).
  type: dict
  returned: success
  contains:
    name:
      description: Its name.
      type: str
    sha256:
      description: Its SHA-256.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._transfer import _export


def main() -> None:
    """Write the volume."""
    module = AnsibleModule(
        argument_spec={
            **_export.OPTIONS,
            "id": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    try:
        export = _export.open_export(module.params)
        volume, changed = export.write_volume(module.params["name"], module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, volume={"name": volume.name, "sha256": volume.sha256})


if __name__ == "__main__":
    main()
