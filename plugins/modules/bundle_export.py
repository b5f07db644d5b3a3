#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_export
short_description: Complete the export of a bundle
version_added: 0.1.0
description:
  - Writes the open part of a bundle, which is everything except its pool, next to the volumes that
    M(airgap.python.bundle_export_volume) has written, and last C(volumes.json), the list of the volumes.
  - The open part can be read and signed on the disk. A file that exists and is correct is not written again, so a new
    signature costs one small file.
  - Removes files of earlier exports. A file that no export wrote is an error, and so is a signature in the folder that the
    bundle does not have.
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
  volumes:
    description: All volumes, from RV(airgap.python.bundle_export_volume#module:volume).
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the volume.
        type: str
        required: true
      sha256:
        description: Its SHA-256.
        type: str
        required: true
extends_documentation_fragment:
  - airgap.python.export
"""

EXAMPLES = r"""
- name: Plan the export
  airgap.python.bundle_export_info:
    path: /srv/airgap/bundle
    dest: /mnt/disk
  register: plan

- name: Write the volumes
  airgap.python.bundle_export_volume:
    path: /srv/airgap/bundle
    dest: /mnt/disk
    id: "{{ plan.id }}"
    name: "{{ item.name }}"
  loop: "{{ plan.volumes }}"
  register: written

- name: Write the open part and the list of the volumes
  airgap.python.bundle_export:
    path: /srv/airgap/bundle
    dest: /mnt/disk
    id: "{{ plan.id }}"
    volumes: "{{ written.results | map(attribute='volume') }}"
"""

RETURN = r"""
written:
  description: Paths in RV(airgap.python.bundle_export_info#module:folder) that were written, or would be in check mode.
  type: list
  elements: str
  returned: success
removed:
  description: Paths there that an earlier export wrote, and that were removed, or would be in check mode.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._transfer import _export


def main() -> None:
    """Write the open part and the list of the volumes."""
    volume = {"name": {"type": "str", "required": True}, "sha256": {"type": "str", "required": True, "no_log": False}}
    module = AnsibleModule(
        argument_spec={
            **_export.OPTIONS,
            "id": {"type": "str", "required": True},
            "volumes": {"type": "list", "elements": "dict", "required": True, "options": volume},
        },
        supports_check_mode=True,
    )
    sums = {one["name"]: one["sha256"] for one in module.params["volumes"]}
    try:
        changes = _export.open_export(module.params).write_open_part(sums, module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(changes.written or changes.removed), written=changes.written, removed=changes.removed)


if __name__ == "__main__":
    main()
