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
from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import make_folder, read_if_exists, write_atomic
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_bytes
from ansible_collections.airgap.python.plugins.module_utils._install import _installer


def found(root):
    """Return path to content of what lies in install/ of a bundle."""
    folder = os.path.join(root, _layout.INSTALL)
    if not os.path.lexists(folder):
        return {}
    if os.path.islink(folder) or not os.path.isdir(folder):
        raise AirgapError("%s is not a folder. Remove it." % folder)
    paths = [os.path.join(_layout.INSTALL, path) for path in _folder.walk(folder)]
    return {path: read_if_exists(os.path.join(root, path)) or b"" for path in paths}


def apply(root, before, after):
    """Write what is new or different, and remove the rest."""
    for path in sorted(set(before) - set(after)):
        os.unlink(os.path.join(root, path))
    for folder, _folders, _names in os.walk(os.path.join(root, _layout.INSTALL), topdown=False):
        if not os.listdir(folder):
            os.rmdir(folder)
    for path in sorted(after):
        if before.get(path) != after[path]:
            make_folder(os.path.dirname(os.path.join(root, path)))
            write_atomic(os.path.join(root, path), after[path])


def listing(files):
    """Return the lines of a diff."""
    return "".join("%s  %s\n" % (sha256_bytes(files[path]), path) for path in sorted(files))


def main():
    """Write the files."""
    module = AnsibleModule(argument_spec={"path": {"type": "path", "required": True}}, supports_check_mode=True)
    root = module.params["path"]
    try:
        before, after = found(root), _installer.files()
        if before != after and not module.check_mode:
            apply(root, before, after)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    result = {"changed": before != after, "files": sorted(after)}
    if module._diff:
        place = os.path.join(root, _layout.INSTALL)
        header = {"before_header": place, "after_header": place}
        result["diff"] = dict(header, before=listing(before), after=listing(after))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
