#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_media_info
short_description: Verify the bundle on a disk
version_added: 0.1.0
description:
  - Looks for the folder C(airgap-ID) that M(airgap.python.bundle_export) wrote, in one folder or in several, verifies its
    open part, and returns which volumes are there.
  - Verifies its signatures if O(allowed_signers) is given, before any volume is read.
  - Fails with the name of the file if the open part or the list of volumes is wrong, and for links and devices.
  - A damaged or foreign volume is not a failure here; it is returned. Changes nothing.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and return what it would return otherwise.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
options:
  paths:
    description: Where the disks are mounted on this host, or folders with what was copied from them.
    type: list
    elements: path
    required: true
  bundle:
    description: The first digits of the id of the bundle to look for, at least 12, if the folders have several.
    type: str
    default: ""
  check:
    description:
      - Names of the volumes whose SHA-256 is verified. By default all.
      - Of the others only the size is compared.
    type: list
    elements: str
requirements:
  - python >= 3.8
  - ssh-keygen, of OpenSSH 8.2 or newer, if O(allowed_signers) is given
extends_documentation_fragment:
  - airgap.python.approval
"""

EXAMPLES = r"""
- name: Verify the disk
  airgap.python.bundle_media_info:
    paths: [/mnt/disk]
  register: media
"""

RETURN = r"""
id:
  description: The bundle's id.
  type: str
  returned: success
base:
  description: Id of the bundle that it adds to; empty if it does not add to one.
  type: str
  returned: success
created:
  description: The time in its manifest.
  type: str
  returned: success
folder:
  description: The folder of the open part.
  type: str
  returned: success
sha256:
  description: SHA-256 of C(SHA256SUMS).
  type: str
  returned: success
signatures_sha256:
  description: SHA-256 of C(SHA256SUMS.sig); empty if there is none.
  type: str
  returned: success
volumes_sha256:
  description: SHA-256 of C(volumes.json), the list of the volumes.
  type: str
  returned: success
volumes:
  description: All volumes of the bundle.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The name of the volume.
      type: str
    size:
      description: Its size in bytes.
      type: int
    path:
      description: Where it is; empty if no intact one is here.
      type: str
damaged:
  description: Paths of volumes that are not what the list of volumes describes, and of which no intact one was found before.
  type: list
  elements: str
  returned: success
foreign:
  description: Paths of files that do not belong to this bundle.
  type: list
  elements: str
  returned: success
signers:
  description: Who of O(allowed_signers) signed it, each key once, with C(principal), C(key) (SHA-256 fingerprint) and C(type).
  type: list
  elements: dict
  returned: success
rejected:
  description:
    - The signatures that do not count, with C(key), C(type), C(reason) and C(detail).
    - C(reason) is V(unknown key), V(revoked), V(expired), V(not yet valid), V(other content), V(other namespace),
      V(same key twice), V(unknown option) or V(unreadable).
  type: list
  elements: dict
  returned: success
missing:
  description: Names of the volumes of which no intact one is here.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _approval, _layout
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._transfer import _media, _volumes


def main() -> None:
    """Verify the disks and return what they carry."""
    module = AnsibleModule(
        argument_spec={
            "paths": {"type": "list", "elements": "path", "required": True},
            "bundle": {"type": "str", "default": ""},
            "check": {"type": "list", "elements": "str"},
            **_approval.OPTIONS,
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        media = _media.read(params["paths"], params["bundle"], params["check"])
        approval = _approval.check(media.folder, params)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=False,
        id=media.manifest["id"],
        base=media.manifest["base"] or "",
        created=media.manifest.get("created", ""),
        folder=media.folder,
        sha256=media.sums[_layout.SUMS],
        signatures_sha256=media.sums.get(_layout.SIGNATURE, ""),
        volumes_sha256=media.sums[_volumes.LIST],
        volumes=[{"name": one.name, "size": one.size, "path": media.usable.get(one.name, "")} for one in media.volumes],
        damaged=media.damaged,
        foreign=media.foreign,
        missing=[one.name for one in media.volumes if one.name not in media.usable],
        **approval.result(),
    )


if __name__ == "__main__":
    main()
