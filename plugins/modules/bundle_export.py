#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_export
short_description: Write a bundle into a folder that a disk can carry
version_added: 0.1.0
description:
  - Writes C(airgap-ID) into a folder, where ID is the begin of the bundle's id. Everything of the bundle but the pool lies
    in it in the open, to be read and signed; the pool is in volumes of at most a given size.
  - Without O(volume) and O(volumes) it verifies the bundle and says which volumes there are to write. With O(volume) it
    writes that one; with O(volumes), the sums of all of them, the open part and, last, C(volumes.json), their list.
  - Each file appears under its name complete or not at all. What is there already and right is left alone, so that a run
    that was killed goes on where it was, and a new signature costs one small file.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and say what would change.
    support: full
  diff_mode:
    description: Volumes are no text, so there is no difference to show.
    support: none
options:
  path:
    description: The bundle.
    type: path
    required: true
  dest:
    description: The folder that is carried. It is made if it is not there.
    type: path
    required: true
  volume_size:
    description: The most that a volume may hold, in bytes. FAT32 takes files of less than 4 GiB.
    type: int
    default: 4194304000
  id:
    description: The bundle's id, as RV(id) said before. Another bundle is not exported.
    type: str
    default: ""
  volume:
    description: Name of the volume to write.
    type: str
  volumes:
    description: All volumes, each with its name and SHA-256, as RV(volume) had them.
    type: list
    elements: dict
    suboptions:
      name:
        description: The volume.
        type: str
        required: true
      sha256:
        description: Its SHA-256.
        type: str
        required: true
  missing_ok:
    description: Return RV(found=false) instead of failing where there is no bundle.
    type: bool
    default: false
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Plan the volumes
  airgap.python.bundle_export:
    path: /srv/airgap/bundle
    dest: /mnt/disk
  register: plan

- name: Write each
  airgap.python.bundle_export:
    path: /srv/airgap/bundle
    dest: /mnt/disk
    id: "{{ plan.id }}"
    volume: "{{ item.name }}"
  loop: "{{ plan.volumes }}"
  register: written

- name: Write the open part
  airgap.python.bundle_export:
    path: /srv/airgap/bundle
    dest: /mnt/disk
    id: "{{ plan.id }}"
    volumes: "{{ written.results | map(attribute='volume') }}"
"""

RETURN = r"""
found:
  description: Whether there is a bundle.
  type: bool
  returned: without O(volume) and O(volumes)
id:
  description: The bundle's id.
  type: str
  returned: without O(volume) and O(volumes) when RV(found=true)
base:
  description: Id of the bundle that it adds to; empty where it adds to none.
  type: str
  returned: without O(volume) and O(volumes) when RV(found=true)
folder:
  description: The folder of this bundle in O(dest).
  type: str
  returned: without O(volume) and O(volumes) when RV(found=true)
volumes:
  description: The volumes to write.
  type: list
  elements: dict
  returned: without O(volume) and O(volumes) when RV(found=true)
  contains:
    name:
      description: Its name.
      type: str
    size:
      description: Its size in bytes.
      type: int
bytes:
  description: Size of everything that is carried, in bytes.
  type: int
  returned: without O(volume) and O(volumes) when RV(found=true)
volume:
  description: The volume that was written, for O(volumes).
  type: dict
  returned: with O(volume)
  contains:
    name:
      description: Its name.
      type: str
    sha256:
      description: Its SHA-256.
      type: str
written:
  description: Paths below RV(folder) that were written, or would be in check mode.
  type: list
  elements: str
  returned: with O(volumes)
removed:
  description: Paths below RV(folder) that an earlier export had left, and that were removed, or would be in check mode.
  type: list
  elements: str
  returned: with O(volumes)
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._folder_lock import locked_folder
from ansible_collections.airgap.python.plugins.module_utils._transfer._export import Export


def write(params, check_mode):
    """Write what is asked for, or say what there is to write."""
    if params["missing_ok"] and not os.path.exists(os.path.join(params["path"], _layout.SUMS)):
        return {"changed": False, "found": False}
    export = Export(params["path"], params["dest"], params["volume_size"], check_mode)
    if params["id"] not in ("", export.identity):
        raise AirgapError("%s was staged anew meanwhile. Run the export again." % params["path"])
    if params["volume"] is None and params["volumes"] is None:
        return dict(export.plan(), changed=False)
    with locked_folder(export.folder, check_mode):
        if params["volume"] is not None:
            volume, changed = export.write_volume(params["volume"])
            return {"changed": changed, "volume": {"name": volume.name, "sha256": volume.sha256}}
        written, removed = export.finish({one["name"]: one["sha256"] for one in params["volumes"]})
        return {"changed": bool(written or removed), "written": written, "removed": removed}


def main():
    """Export the bundle."""
    listed = {"name": {"type": "str", "required": True}, "sha256": {"type": "str", "required": True, "no_log": False}}
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "dest": {"type": "path", "required": True},
            "volume_size": {"type": "int", "default": 4000 << 20},
            "id": {"type": "str", "default": ""},
            "volume": {"type": "str"},
            "volumes": {"type": "list", "elements": "dict", "options": listed},
            "missing_ok": {"type": "bool", "default": False},
        },
        mutually_exclusive=[("volume", "volumes")],
        supports_check_mode=True,
    )
    if module.params["volume_size"] < 1 << 16:
        module.fail_json(msg="volume_size is %d bytes. Give at least 65536." % module.params["volume_size"])
    try:
        result = write(module.params, module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
