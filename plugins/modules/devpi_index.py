#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: devpi_index
short_description: Manage an index of devpi-server
version_added: 0.1.0
description:
  - Creates, changes or removes an index over the HTTP API of devpi-server. Needs neither devpi-client nor any other package.
  - The defaults make an index for a site without internet. It has no bases, it never replaces a file, and only its owner
    publishes.
author:
  - airgap.python authors (@airgap-python)
extends_documentation_fragment:
  - airgap.python.devpi
options:
  name:
    description: The index as C(USER/INDEX). The user must exist.
    type: str
    required: true
  type:
    description: The type of the index. An existing index of another type is an error.
    type: str
    choices: [stage]
    default: stage
  bases:
    description:
      - Indexes that this one inherits from, the first one wins.
      - With a mirror among them, every missing name waits for the internet,
        and names that were never published here are served.
    type: list
    elements: str
    default: []
  volatile:
    description: Whether published files can be replaced and removed.
    type: bool
    default: false
  acl_upload:
    description:
      - Users that may publish. C(:AUTHENTICATED:) means every user, C(:ANONYMOUS:) everyone.
      - By default only the owner.
    type: list
    elements: str
  acl_toxresult_upload:
    description: Users that may upload test results. By default no one; devpi's own default is everyone.
    type: list
    elements: str
    default: []
  title:
    description: A line that describes the index. Not changed if not given.
    type: str
  state:
    description: With V(present) the index exists with these settings, with V(absent) it does not exist.
    type: str
    choices: [present, absent]
    default: present
  force:
    description: With O(state=absent), remove a non-volatile index even if it holds projects. Its files are lost.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Create an index for production
  airgap.python.devpi_index:
    name: airgap/prod
    login_password_file: /etc/devpi-server/root.password

- name: Let two users publish to a test index
  airgap.python.devpi_index:
    name: airgap/test
    bases: [airgap/prod]
    volatile: true
    acl_upload: [airgap, tester]
    login_password_file: /etc/devpi-server/root.password

- name: Remove an index and its files
  airgap.python.devpi_index:
    name: airgap/old
    state: absent
    force: true
    login_password_file: /etc/devpi-server/root.password
"""

RETURN = r"""
index:
  description: The settings of the index after the run, or as they would be in check mode. Empty if it is absent.
  type: dict
  returned: success
  sample: {type: stage, bases: [], volatile: false, acl_upload: [airgap], acl_toxresult_upload: []}
"""

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _indexes, _login


def main() -> None:
    """Create, change or remove the index."""
    module = _login.devpi_module(
        {
            "name": {"type": "str", "required": True},
            "type": {"type": "str", "choices": ["stage"], "default": "stage"},
            "bases": {"type": "list", "elements": "str", "default": []},
            "volatile": {"type": "bool", "default": False},
            "acl_upload": {"type": "list", "elements": "str"},
            "acl_toxresult_upload": {"type": "list", "elements": "str", "default": []},
            "title": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "force": {"type": "bool", "default": False},
        }
    )
    try:
        result = _login.with_client(module, _indexes.ensure)
    except AirgapError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
