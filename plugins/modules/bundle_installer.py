#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_installer
short_description: Write install.sh, its program and the README into a bundle
version_added: 0.1.0
description:
  - Writes C(install/), the Python files that C(install.sh) starts to verify the bundle and to install from it without Ansible.
  - They are the program and every file that it imports, byte for byte as in C(plugins/module_utils) on the control host.
    Files that do not belong to the program any more are removed.
  - Writes C(install.sh) and C(README.md) as well, if their texts are given.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and report what would change.
    support: full
  diff_mode:
    description: Shows the files of C(install/) with their SHA-256, and the texts, before and after.
    support: full
options:
  path:
    description: The bundle.
    type: path
    required: true
  script:
    description: The text of C(install.sh).
    type: str
  readme:
    description: The text of C(README.md).
    type: str
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Write the program that installs without Ansible
  airgap.python.bundle_installer:
    path: /srv/airgap/bundle
    script: "{{ lookup('ansible.builtin.file', 'install.sh', rstrip=false) }}"
    readme: "{{ lookup('ansible.builtin.template', 'README.md.j2') }}"
"""

RETURN = r"""
files:
  description: Paths in the bundle of the program's files after the run, or as they would be in check mode.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _program_files


def main() -> None:
    """Write the files."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "script": {"type": "str"},
            "readme": {"type": "str"},
        },
        supports_check_mode=True,
    )
    texts = {"install.sh": (module.params["script"], 0o755), "README.md": (module.params["readme"], 0o644)}
    try:
        result = _program_files.update(
            module.params["path"],
            {name: (text.encode("utf-8"), mode) for name, (text, mode) in texts.items() if text is not None},
            module.check_mode,
        )
    except AirgapError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
