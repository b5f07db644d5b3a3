#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_sign
short_description: Add a signature to a bundle
version_added: 0.1.0
description:
  - Signs the bundle's C(SHA256SUMS) on the control host with C(ssh-keygen -Y sign), namespace V(airgap-bundle), and adds
    the signature to C(SHA256SUMS.sig) on the bundle's host. Other signatures stay.
  - The private key never leaves the control host. It signs only bytes that were hashed on the control host, whatever the
    bundle's host claims.
  - Changes nothing if the key has signed these sums already.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and return whether it would sign.
    support: full
  diff_mode:
    description: A difference of signatures would tell a reader nothing.
    support: none
options:
  path:
    description: The bundle.
    type: path
    required: true
  key:
    description:
      - The private key, a path on the control host. Or a public key (C(.pub)) whose private key is in an ssh-agent.
      - There is no prompt for a passphrase. Load a key that has one into an ssh-agent first.
    type: path
    required: true
  sha256:
    description:
      - The SHA-256 of the C(SHA256SUMS) that was read, 64 hex digits. Only bytes with this sum are signed.
      - Without it nothing is signed, and the error shows the sum of the existing file, computed on the control host.
    type: str
  block:
    description: The signature. The action plugin sets it.
    type: str
notes:
  - The control host needs ssh-keygen (openssh-client), the bundle's host does not.
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Sign the bundle
  airgap.python.bundle_sign:
    path: /srv/airgap/bundle
    key: ~/.ssh/officer_ed25519
    sha256: 5d2f0c4b0f5e5a4d0d5b8a4e7e0f6a3c2b1d9e8f7a6b5c4d3e2f1a0b9c8d7e6f
"""

RETURN = r"""
key:
  description: SHA-256 fingerprint of the key.
  type: str
  returned: success
  sample: SHA256:8FbiG/n5fmKDobTiCk+lQ54PtUtHrsSVoPIksJWgFLU
signatures:
  description:
    - The content of the signature file, with C(key), C(type) and C(namespace) of each signature.
    - None of it is verified; M(airgap.python.bundle_verify) does that.
  type: list
  elements: dict
  returned: success
"""

import base64
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout, _signature
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import write_atomic
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_bytes


def main() -> None:
    """Without a signature, return the sums to sign; with one, add it."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "key": {"type": "path", "required": True, "no_log": False},
            "sha256": {"type": "str", "no_log": False},
            "block": {"type": "str"},
        },
        required_by={"block": ("sha256",)},
        supports_check_mode=True,
    )
    root = module.params["path"]
    if module.check_mode and not os.path.exists(os.path.join(root, _layout.SUMS)):
        module.exit_json(changed=True, found=False)
    try:
        sums, blocks = _folder.read_signatures(root)
        armor = b"".join(block.armor for block in blocks or [])
        if module.params["block"] is None:
            module.exit_json(
                changed=False,
                found=True,
                sums=base64.b64encode(sums).decode("ascii"),
                armor=armor.decode("ascii"),
            )
        if sha256_bytes(sums) != module.params["sha256"]:
            raise AirgapError("%s changed while it was being signed. Find out why, and sign again." % root)
        path = os.path.join(root, _layout.SIGNATURE)
        armor += module.params["block"].encode("ascii")
        _signature.split(armor, path)
        write_atomic(path, armor)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
