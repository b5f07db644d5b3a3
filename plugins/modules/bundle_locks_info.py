#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_locks_info
short_description: Read the locks of a bundle
version_added: 0.1.0
description:
  - Reads the locks of sets and targets that the caller names, all at once, so that no node has a say in which file of the
    index host is read for it.
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
  path:
    description: The bundle.
    type: path
    required: true
  sets:
    description: Names of requirement sets.
    type: list
    elements: str
    required: true
  targets:
    description: Names of targets.
    type: list
    elements: str
    required: true
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Read the locks that nodes install from
  airgap.python.bundle_locks_info:
    path: /srv/airgap/bundle
    sets: [airgap-pip, base]
    targets: [node39, node311]
  register: locks
"""

RETURN = r"""
found:
  description: Whether there is a bundle.
  type: bool
  returned: success
locks:
  description: The locks that the bundle has.
  type: list
  elements: dict
  returned: success
  contains:
    set:
      description: The set.
      type: str
    target:
      description: The target.
      type: str
    content:
      description: The lock in base64.
      type: str
"""

import base64
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def is_there(path):
    """Say whether there is something; raises OSError where nobody can say."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True


def main():
    """Read each lock that is there."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "sets": {"type": "list", "elements": "str", "required": True},
            "targets": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    locks = []
    try:
        found = is_there(os.path.join(module.params["path"], _layout.MANIFEST))
        for set_name in module.params["sets"]:
            for target in module.params["targets"]:
                relative = _layout.lock_path(set_name, target)
                _layout.check_name(relative, "the inventory")
                path = os.path.join(module.params["path"], relative)
                if not is_there(path):
                    continue
                content = base64.b64encode(_folder.read_text(path).encode("utf-8")).decode("ascii")
                locks.append({"set": set_name, "target": target, "content": content})
    except AirgapError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        # What stands in the way is no reason to stage again.
        module.fail_json(msg="%s cannot be read: %s." % (module.params["path"], error.strerror))
    module.exit_json(changed=False, found=found, locks=locks)


if __name__ == "__main__":
    main()
