#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_seal
short_description: Write the installer and the sums of a bundle
version_added: 0.1.0
description:
  - Writes C(SHA256SUMS) over every file of a bundle. The same content gives the same bytes.
  - Files that the manifest leaves to the base are not in C(SHA256SUMS). The manifest has their sums, and its own sum is
    in C(SHA256SUMS).
  - With O(script), it first writes that as C(install.sh), and C(install/), the Python files that it starts to verify the bundle and
    to install from it without Ansible. They are the program and every file that it imports, byte for byte as in
    C(plugins/module_utils) on the control host. Files that do not belong to the program any more are removed.
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
    description:
      - Shows the sums and the texts before and after, the files of C(install/) with their SHA-256, and the ids in O(memory).
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
  script:
    description: The text of C(install.sh). Without it, C(install.sh) and C(install/) are left as they are.
    type: str
  readme:
    description: The text of C(README.md). Without it, the file is left as it is.
    type: str
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
    script: "{{ lookup('ansible.builtin.file', 'install.sh', rstrip=false) }}"
    readme: "{{ lookup('ansible.builtin.template', 'README.md.j2') }}"
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
from ansible_collections.airgap.python.plugins.module_utils._install import _program_files


def main() -> None:
    """Seal the bundle."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "memory": {"type": "path"},
            "script": {"type": "str"},
            "readme": {"type": "str"},
        },
        supports_check_mode=True,
    )
    if module.check_mode and not os.path.isdir(module.params["path"]):
        module.exit_json(changed=True, sha256="", unsigned=False)
    texts = {_program_files.SCRIPT: (module.params["script"], 0o755), "README.md": (module.params["readme"], 0o644)}
    try:
        diffs = _program_files.update(
            module.params["path"],
            {name: (text.encode("utf-8"), mode) for name, (text, mode) in texts.items() if text is not None},
            module.check_mode,
        )
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
    result = plan.result()
    result["changed"] = result["changed"] or bool(diffs)
    module.exit_json(**dict(result, **({"diff": diffs + plan.diffs()} if module._diff else {})))


if __name__ == "__main__":
    main()
