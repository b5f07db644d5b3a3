#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_locks_info
short_description: Read the locks of a bundle
version_added: 0.1.0
description:
  - Reads the locks of the given sets and targets all at once. So no node can influence which file of the index host is
    read for it.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Changes nothing, and returns the same in check mode.
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
  collections:
    description: Also return the collections that the bundle has.
    type: bool
    default: false
  files:
    description: Also return the files that are neither wheels nor collections.
    type: bool
    default: false
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
  description: Whether the bundle exists.
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
collections:
  description: The archives of collections that the bundle has.
  type: list
  elements: dict
  returned: if O(collections) is true
  contains:
    filename:
      description: The name of the archive, below C(files/).
      type: str
    sha256:
      description: Its SHA-256.
      type: str
    name:
      description: The collection.
      type: str
    version:
      description: Its version.
      type: str
files:
  description: The files of the bundle that are neither wheels nor collections.
  type: list
  elements: dict
  returned: if O(files) is true
  contains:
    filename:
      description: The name, below C(files/).
      type: str
    sha256:
      description: Its SHA-256.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _locks
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def main() -> None:
    """Read the locks."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "sets": {"type": "list", "elements": "str", "required": True},
            "targets": {"type": "list", "elements": "str", "required": True},
            "collections": {"type": "bool", "default": False},
            "files": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        result = _locks.read_texts(params["path"], params["sets"], params["targets"])
        if params["collections"]:
            result["collections"] = _locks.read_collections(params["path"])
        if params["files"]:
            result["files"] = _locks.read_files(params["path"])
    except AirgapError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
