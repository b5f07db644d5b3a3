#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: devpi_user
short_description: Manage a user of devpi-server
version_added: 0.1.0
description:
  - Creates, changes or removes a user over the HTTP API of devpi-server. Needs neither devpi-client nor any other package.
  - The module logs in with a password to find out whether the user has it.
author:
  - airgap.python authors (@airgap-python)
extends_documentation_fragment:
  - airgap.python.devpi
options:
  name:
    description: The user's name.
    type: str
    required: true
  password:
    description:
      - The password that the user gets. Required for a new user, unless O(password_file) is given.
      - When the user changes its own password (O(name) is O(login_user)), the login also works with the new
        password, so that an interrupted change can be run again.
    type: str
  password_file:
    description:
      - A file on the managed host with the password in one line.
      - It is refused if anyone but its owner may read or write it.
    type: path
  update_password:
    description: Whether an existing user gets the password too, or only a new one.
    type: str
    choices: [always, on_create]
    default: always
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
    description: Any value that devpi stores with the user and does not use. Not changed if not given; an empty one removes it.
    type: raw
  state:
    description:
      - With V(present) the user exists, with V(absent) it does not.
      - A user that owns indexes is not removed, nor is V(root).
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Create a user that publishes
  airgap.python.devpi_user:
    name: airgap
    password_file: /etc/devpi-server/airgap.password
    login_password_file: /etc/devpi-server/root.password

- name: Change one's own password, as a user that has a token
  airgap.python.devpi_user:
    name: alice
    password_file: /root/alice.password
    login_user: alice
    login_token: "{{ alice_token }}"

- name: Remove a user
  airgap.python.devpi_user:
    name: guest
    state: absent
    login_password_file: /etc/devpi-server/root.password
"""

RETURN = r"""
user:
  description: The user after the run, or as it would be in check mode. Empty if it is absent.
  type: dict
  returned: success
  contains:
    name:
      description: The user's name.
      type: str
    email:
      description: The mail address, or an empty string.
      type: str
    title:
      description: The title, or an empty string.
      type: str
    description:
      description: The description, or an empty string.
      type: str
    custom_data:
      description: The custom data, or an empty string.
      type: raw
  sample: {name: airgap, email: "", title: Publisher, description: "", custom_data: ""}
"""

from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _login, _users


def main() -> None:
    """Create, change or remove the user."""
    module = _login.devpi_module(
        {
            "name": {"type": "str", "required": True},
            "password": {"type": "str", "no_log": True},
            "password_file": {"type": "path", "no_log": False},
            "update_password": {
                "type": "str",
                "choices": ["always", "on_create"],
                "default": "always",
                "no_log": False,
            },
            "email": {"type": "str"},
            "title": {"type": "str"},
            "description": {"type": "str"},
            "custom_data": {"type": "raw"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        mutually_exclusive=[["password", "password_file"]],
    )
    try:
        result = _login.with_client(module, _users.ensure)
    except AirgapError as error:
        module.fail_json(msg=_secrets.scrub(str(error), module.no_log_values))
    module.exit_json(**_secrets.scrub(result, module.no_log_values))


if __name__ == "__main__":
    main()
