#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_media_info
short_description: Judge what a disk brings
version_added: 0.1.0
description:
  - Looks for the folder C(airgap-ID) that M(airgap.python.bundle_export) wrote, in one folder or in several, checks all
    that lies in it in the open, and says which volumes there are.
  - Checks who signed it, if O(allowed_signers) is given, before anybody takes a volume.
  - Fails with the name of the file where the open part or the list of volumes is wrong, and for links and devices.
  - A damaged or foreign volume is no failure here, but is named. Changes nothing.
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
    description: The begin of the id of the bundle to look for, at least 12 digits, where the folders have several.
    type: str
    default: ""
  check:
    description:
      - Names of the volumes whose SHA-256 is checked. By default all.
      - The others are checked by their size only.
    type: list
    elements: str
requirements:
  - python >= 3.8
  - ssh-keygen, of OpenSSH 8.2 or newer, if O(allowed_signers) is given
extends_documentation_fragment:
  - airgap.python.approval
"""

EXAMPLES = r"""
- name: Judge the disk
  airgap.python.bundle_media_info:
    paths: [/mnt/disk]
  register: offer
"""

RETURN = r"""
id:
  description: The bundle's id.
  type: str
  returned: success
base:
  description: Id of the bundle that it adds to; empty where it adds to none.
  type: str
  returned: success
created:
  description: The time that its manifest states.
  type: str
  returned: success
folder:
  description: Where the open part lies.
  type: str
  returned: success
sha256:
  description: SHA-256 of C(SHA256SUMS).
  type: str
  returned: success
signatures_sha256:
  description: SHA-256 of C(SHA256SUMS.sig); empty where there is none.
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
      description: Its name.
      type: str
    size:
      description: Its size in bytes.
      type: int
    path:
      description: Where it lies; empty where no right one is here.
      type: str
damaged:
  description: Paths of volumes that are not what the list of volumes says, and of which there is no right one before.
  type: list
  elements: str
  returned: success
foreign:
  description: Paths of files among the volumes that are none of this bundle.
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
  description: Names of the volumes of which no right one is here.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _approval, _layout
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._transfer import _media, _volumes


def main():
    """Judge the media and return what they offer."""
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
        if params["bundle"] and (len(params["bundle"]) < 12 or not params["bundle"].isalnum()):
            raise AirgapError("%r is no bundle id: it has 32 hex digits. Give 12 or more." % params["bundle"])
        offer = _media.judge(_media.find(params["paths"], params["bundle"]), params["check"])
        approval = _approval.check(offer.folder, params)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=False,
        id=offer.manifest["id"],
        base=offer.manifest["base"] or "",
        created=offer.manifest.get("created", ""),
        folder=offer.folder,
        sha256=offer.sums[_layout.SUMS],
        signatures_sha256=offer.sums.get(_layout.SIGNATURE, ""),
        volumes_sha256=offer.sums[_volumes.LIST],
        volumes=[{"name": one.name, "size": one.size, "path": offer.usable.get(one.name, "")} for one in offer.volumes],
        damaged=offer.damaged,
        foreign=offer.foreign,
        missing=[one.name for one in offer.volumes if one.name not in offer.usable],
        **approval.result(),
    )


if __name__ == "__main__":
    main()
