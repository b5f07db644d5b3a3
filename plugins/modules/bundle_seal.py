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
  - Files that the manifest leaves to the base are not in C(SHA256SUMS). The manifest has their sums, and its own sum is
    in C(SHA256SUMS).
  - Signatures over other sums than the new ones are removed; M(airgap.python.bundle_verify) would refuse them.
  - Afterwards the manifest is recorded in O(memory), so that M(airgap.python.bundle_report) can compare the next bundle
    with this one.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and return what would change.
    support: full
  diff_mode:
    description: Shows the sums before and after, and the ids in O(memory) before and after.
    support: full
options:
  path:
    description: The bundle, with the manifest that M(airgap.python.bundle_manifest) wrote.
    type: path
    required: true
  memory:
    description:
      - A file outside the bundle with the manifests of the bundle that was sealed last and of the one before it. It is
        replaced as a whole.
      - Without it nothing is recorded.
    type: path
requirements:
  - python >= 3.8
seealso:
  - module: airgap.python.bundle_report
"""

EXAMPLES = r"""
- name: Seal the bundle
  airgap.python.bundle_seal:
    path: /srv/airgap/bundle
    memory: /srv/airgap/stage/sealed-manifests.json
"""

RETURN = r"""
sha256:
  description: SHA-256 of C(SHA256SUMS), which stands for every byte of the bundle.
  type: str
  returned: success; empty in check mode where the bundle does not exist yet
unsigned:
  description: Whether signatures over the former sums were removed, or would be in check mode.
  type: bool
  returned: success
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _seal
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def main() -> None:
    """Seal the bundle."""
    module = AnsibleModule(
        argument_spec={"path": {"type": "path", "required": True}, "memory": {"type": "path"}},
        supports_check_mode=True,
    )
    if module.check_mode and not os.path.isdir(module.params["path"]):
        module.exit_json(changed=True, sha256="", unsigned=False)
    try:
        plan = _seal.plan(module.params["path"], module.params["memory"] or "")
        if not module.check_mode:
            _seal.apply(plan)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    if plan.removes_signatures:
        module.warn(
            "The content changed, so the signatures over it %s removed. Have the bundle signed again."
            % ("would be" if module.check_mode else "were")
        )
    module.exit_json(**dict(plan.result(), **({"diff": plan.diffs()} if module._diff else {})))


if __name__ == "__main__":
    main()
