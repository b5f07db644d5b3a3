#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_seal
short_description: Write the sums of a bundle
version_added: 0.1.0
description:
  - Writes C(SHA256SUMS) over every file of a bundle. The same content gives the same bytes.
  - Files that the manifest leaves to the base are not in it; the manifest has their sums, and its own is in it.
  - Signatures over other sums than the new ones are removed; M(airgap.python.bundle_verify) would refuse them.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and say what would change.
    support: full
  diff_mode:
    description: Shows the sums before and after.
    support: full
options:
  path:
    description: The bundle, with the manifest that M(airgap.python.bundle_manifest) wrote.
    type: path
    required: true
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Seal the bundle
  airgap.python.bundle_seal:
    path: /srv/airgap/bundle
"""

RETURN = r"""
sha256:
  description: SHA-256 of C(SHA256SUMS), which stands for every byte of the bundle.
  type: str
  returned: success; empty in check mode where there is no bundle yet
unsigned:
  description: Whether signatures over the sums before were removed, or would be in check mode.
  type: bool
  returned: success
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout, _manifest, _sums
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import read_if_exists, write_atomic
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_bytes


def left_out(root):
    """Return the paths that the manifest leaves to the base."""
    if not os.path.lexists(os.path.join(root, _layout.MANIFEST)):
        return ()
    return {entry.path for entry in _manifest.left_out(_manifest.read(root))}


def main():
    """Seal the bundle."""
    module = AnsibleModule(argument_spec={"path": {"type": "path", "required": True}}, supports_check_mode=True)
    if module.check_mode and not os.path.isdir(module.params["path"]):
        module.exit_json(changed=True, sha256="", unsigned=False)
    path = os.path.join(module.params["path"], _layout.SUMS)
    signature = os.path.join(module.params["path"], _layout.SIGNATURE)
    try:
        before = read_if_exists(path)
        sums = _sums.compute(module.params["path"], left_out(module.params["path"]))
        after = _sums.render(sums).encode("utf-8")
        result = {
            "changed": before != after,
            "sha256": sha256_bytes(after),
            "unsigned": before != after and os.path.exists(signature),
        }
        if result["changed"] and not module.check_mode:
            if result["unsigned"]:
                os.unlink(signature)
            write_atomic(path, after)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    if result["unsigned"]:
        module.warn(
            "The content changed, so the signatures over it %s removed. Have the bundle signed again."
            % ("would be" if module.check_mode else "were")
        )
    if module._diff:
        header = {"before_header": path, "after_header": path}
        result["diff"] = dict(header, before=(before or b"").decode("utf-8", "replace"), after=after.decode("utf-8"))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
