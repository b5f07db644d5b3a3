#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_installer
short_description: Write the program of install.sh into a bundle
version_added: 0.1.0
description:
  - Writes C(install/), the Python files that C(install.sh) starts to verify the bundle and to install from it without Ansible.
  - They are files of this collection, byte for byte as C(plugins/module_utils) of the control host has them, and those that the
    program imports. Files that do not belong to it any more are removed.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and say what would change.
    support: full
  diff_mode:
    description: Shows which files there are, with their SHA-256, before and after.
    support: full
options:
  path:
    description: The bundle.
    type: path
    required: true
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Write the program that installs without Ansible
  airgap.python.bundle_installer:
    path: /srv/airgap/bundle
"""

RETURN = r"""
files:
  description: Paths in the bundle of the files that are there now, or would be in check mode.
  type: list
  elements: str
  returned: success
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _manifest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _program_files


def main():
    """Write the files."""
    module = AnsibleModule(argument_spec={"path": {"type": "path", "required": True}}, supports_check_mode=True)
    root = module.params["path"]
    try:
        before, after = _program_files.found(root), _program_files.files()
        if before != after and not module.check_mode:
            _program_files.apply(root, before, after)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    result = {"changed": before != after, "files": sorted(after)}
    if module._diff:
        place = os.path.join(root, _manifest.INSTALL)
        header = {"before_header": place, "after_header": place}
        result["diff"] = dict(header, before=_program_files.listing(before), after=_program_files.listing(after))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
