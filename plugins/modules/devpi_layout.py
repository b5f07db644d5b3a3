#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: devpi_layout
short_description: Manage all users and indexes of devpi-server at once
version_added: 0.1.0
description:
  - Does for several users and indexes what M(airgap.python.devpi_user) and M(airgap.python.devpi_index) do for one, with one login
    and in an order that works. Indexes may inherit from each other.
  - Everything is planned and checked first. An owner or a base that does not exist and is not in the layout is an error, and then
    nothing is changed.
  - Users and indexes that are not named stay as they are.
author:
  - airgap.python authors (@airgap-python)
extends_documentation_fragment:
  - airgap.python.devpi
options:
  users:
    description: The users.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The user's name.
        type: str
        required: true
      password:
        description:
          - The password that the user gets. It is compared at each run.
          - Without it, the password is in O(password_dir), and one is generated if there is none.
        type: str
      email:
        description: The user's mail address. Not changed if not given; an empty string removes it.
        type: str
      title:
        description: The user's full name or role. Not changed if not given; an empty string removes it.
        type: str
      description:
        description: A longer description. Not changed if not given; an empty string removes it.
        type: str
      custom_data:
        description: Any value that devpi stores with the user and does not use. Not changed if not given.
        type: raw
      state:
        description: Whether the user exists. One that owns an index is not removed.
        type: str
        choices: [present, absent]
        default: present
  indexes:
    description:
      - The indexes, each with C(name) and the other options of M(airgap.python.devpi_index), with the same defaults.
      - An option that M(airgap.python.devpi_index) does not have is an error.
    type: list
    elements: dict
    default: []
  existing:
    description:
      - Indexes that something else manages. One that does not exist yet is created with the defaults of
        M(airgap.python.devpi_index), so that others can inherit from it. One that exists is not changed.
    type: list
    elements: str
    default: []
  password_dir:
    description:
      - A folder on the managed host with the passwords of users without O(users[].password), each in C(NAME.password) with mode
        0600. A file that does not exist is created with a random password.
    type: path
"""

EXAMPLES = r"""
- name: Let a publisher upload to dev, and only the site's own user to staging and prod
  airgap.python.devpi_layout:
    users:
      - name: site
      - name: olga
        email: olga@example.org
        password: "{{ olgas_password }}"
    indexes:
      - name: site/dev
        volatile: true
        acl_upload: [olga]
        bases: [site/staging]
      - name: site/staging
        bases: [site/prod]
      - name: site/prod
    password_dir: /etc/devpi-server
    login_password_file: /etc/devpi-server/root.password
"""

RETURN = r"""
users:
  description: The users that were changed, or would be in check mode.
  type: list
  elements: str
  returned: success
indexes:
  description: The indexes that were changed, or would be in check mode.
  type: list
  elements: str
  returned: success
"""

from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _layout, _login


def main() -> None:
    """Create, change and remove users and indexes."""
    module = _login.devpi_module(
        {
            "users": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "password": {"type": "str", "no_log": True},
                    "email": {"type": "str"},
                    "title": {"type": "str"},
                    "description": {"type": "str"},
                    "custom_data": {"type": "raw"},
                    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                },
            },
            "indexes": {"type": "list", "elements": "dict", "default": []},
            "existing": {"type": "list", "elements": "str", "default": []},
            "password_dir": {"type": "path", "no_log": False},
        }
    )
    try:
        result = _login.with_client(module, _layout.ensure)
    except AirgapError as error:
        module.fail_json(msg=_secrets.scrub(str(error), module.no_log_values))
    module.exit_json(**_secrets.scrub(result, module.no_log_values))


if __name__ == "__main__":
    main()
