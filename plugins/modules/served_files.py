#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: served_files
short_description: Serve the files of a bundle that are not wheels
version_added: 0.1.0
description:
  - Writes a release of the files below C(files/) of a bundle, as hard links where that is possible, reads it back, and serves
    it with one rename. Clients get the former files or the new ones.
  - The folder is for any file server; with the role C(front) they are at C(/files/NAME).
  - If the bundle has no such files and none were served, nothing is created.
  - With O(installer=true), C(install.sh) and what it needs to install from the index are served as well; with the role C(front)
    they are at C(/+bundle/).
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and return what would be served.
    support: full
  diff_mode:
    description: Shows the files that were served and those that are.
    support: full
options:
  path:
    description: The folder of the releases. Its link C(current) leads to the one that is served.
    type: path
    required: true
  src:
    description: The bundle, which has been verified. Without it, a bundle that was served before is served again.
    type: path
  bundle_id:
    description: The id of the bundle.
    type: str
    required: true
  keep:
    description: Of how many bundles the files stay, that one included.
    type: int
    default: 2
  links:
    description:
      - Whether C(current) is a link to the release that is served. Then the switch is one rename.
      - With V(false), for a file system without symbolic links, C(current) is the release itself, and the switch takes two
        renames. Between them, nothing is served. The next run completes a switch that was interrupted there.
      - A file system without symbolic links is refused with V(true), before anything is written.
    type: bool
    default: true
  mount:
    description: A mount point above O(path). If nothing is mounted there, nothing is written.
    type: path
  installer:
    description:
      - Serve C(install.sh) of the bundle as well, with its program, the locks, the manifest, the sums and the signatures.
      - Ignored without O(src); a bundle that was served before is served as it was.
    type: bool
    default: false
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Serve the files of the bundle
  airgap.python.served_files:
    path: /var/lib/airgap-files
    src: /srv/airgap/bundle
    bundle_id: 0123456789abcdef0123456789abcdef
"""

RETURN = r"""
bundle_id:
  description: The bundle whose files are served.
  type: str
  returned: success
files:
  description: The names of the files that are served.
  type: list
  elements: str
  returned: success
removed:
  description: The releases that were removed.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _served_files


def main() -> None:
    """Serve the files."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "src": {"type": "path"},
            "bundle_id": {"type": "str", "required": True},
            "keep": {"type": "int", "default": 2},
            "links": {"type": "bool", "default": True},
            "mount": {"type": "path"},
            "installer": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        result = _served_files.publish(module.params, module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
