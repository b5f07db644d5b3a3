#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_piece
short_description: Bring one piece of a bundle to the control host
version_added: 0.1.0
description:
  - Writes runs of bytes of a bundle's files one after another into one piece, and fetches it to the control host
    over the connection that Ansible has.
  - Wheels go as they are; other files, which shrink to a fraction, are packed with xz.
  - It is the sending half of M(airgap.python.bundle_receive).
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Does nothing in check mode.
    support: none
  diff_mode:
    description: Changes nothing that lasts, so there is no difference to show.
    support: none
options:
  path:
    description: The bundle on this host.
    type: path
    required: true
  parts:
    description: What the piece holds, as C(path), C(offset) and C(length) in bytes; from RV(airgap.python.bundle_receive#module:pieces).
    type: list
    elements: dict
    required: true
  piece:
    description: Where to write the piece on this host. Set by the action plugin.
    type: path
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Bring the first piece to the control host
  airgap.python.bundle_piece:
    path: /srv/airgap/bundle
    parts: "{{ plan.pieces[0] }}"
  delegate_to: internet
  register: piece
"""

RETURN = r"""
local:
  description: The piece on the control host. It is removed at the end of the run.
  type: str
  returned: success
encoding:
  description: How the files that are no wheels are packed in the piece; V(xz), or empty where they are not.
  type: str
  returned: success
sha256:
  description: SHA-256 of the piece.
  type: str
  returned: success
size:
  description: Size of the piece, in bytes.
  type: int
  returned: success
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _manifest, _pieces


def main():
    """Write the piece and give it to the user who will fetch it."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "parts": {"type": "list", "elements": "dict", "required": True},
            "piece": {"type": "path"},
        },
    )
    piece = module.params["piece"]
    if not piece:
        module.fail_json(msg="bundle_piece runs through its action plugin, which says where the piece goes.")
    parts = _pieces.parts_of(module.params["parts"])
    try:
        with open(os.open(piece, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            sha256, encoding, size = _pieces.write(module.params["path"], parts, stream)
            owner = os.stat(os.path.dirname(piece))
            # By the handle: under the name, the login user could have put a link meanwhile.
            os.fchown(stream.fileno(), owner.st_uid, owner.st_gid)
    except (_manifest.BundleError, OSError) as error:
        module.fail_json(msg="The piece could not be made: %s" % error)
    module.exit_json(changed=False, sha256=sha256, encoding=encoding, size=size)


if __name__ == "__main__":
    main()
