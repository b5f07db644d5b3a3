#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: devpi_user
short_description: Manage a user of devpi-server
version_added: 0.1.0
description:
  - Creates, changes or removes a user over the HTTP API of devpi-server. Needs neither devpi-client nor any package.
  - Whether a password is the right one is found out by logging in with it.
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
      - The password that the user is to have. Required for a new user, unless O(password_file) is given.
      - When the user changes its own password (O(name) is O(login_user)), the new password is accepted for the
        login, too, so that a change which was broken off can be run again.
    type: str
  password_file:
    description:
      - A file on the managed host with the password in one line.
      - It is refused when others than its owner may read or write it.
    type: path
  update_password:
    description: Whether an existing user gets the password, or only a new one.
    type: str
    choices: [always, on_create]
    default: always
  email:
    description: The user's mail address. Left alone when not given; an empty string removes it.
    type: str
  state:
    description:
      - With V(present) the user is there, with V(absent) it is not.
      - A user that owns indexes is not removed, and neither is V(root).
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Have a user that publishes
  airgap.python.devpi_user:
    name: airgap
    password_file: /etc/devpi-server/airgap.password
    login_password_file: /etc/devpi-server/root.password

- name: Remove a user
  airgap.python.devpi_user:
    name: guest
    state: absent
    login_password_file: /etc/devpi-server/root.password
"""

RETURN = r"""
user:
  description: The user as it is now, or would be in check mode. Empty when it is absent.
  type: dict
  returned: success
  contains:
    name:
      description: The user's name.
      type: str
    email:
      description: The mail address, or an empty string.
      type: str
  sample: {name: airgap, email: ""}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _login, _users


def main():
    """Read the options, run, and say what went wrong."""
    spec = _login.options()
    spec.update(
        name={"type": "str", "required": True},
        password={"type": "str", "no_log": True},
        password_file={"type": "path", "no_log": False},
        update_password={"type": "str", "choices": ["always", "on_create"], "default": "always", "no_log": False},
        email={"type": "str"},
        state={"type": "str", "choices": ["present", "absent"], "default": "present"},
    )
    module = AnsibleModule(
        argument_spec=spec,
        required_one_of=[["login_password", "login_password_file"]],
        mutually_exclusive=[["login_password", "login_password_file"], ["password", "password_file"]],
        supports_check_mode=True,
    )
    try:
        client = _login.connect(module.params)
        try:
            result = _users.run(module, client)
        finally:
            client.close()
    except AirgapError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
