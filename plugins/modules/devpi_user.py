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

from urllib.parse import quote

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _devpi, _secrets


def login(client, params, password):
    """Log in; a user that changes its own password may have the new one already."""
    try:
        client.login(params["login_user"], _devpi.login_password(params))
    except _devpi.LoginRefused:
        if password is None or params["name"] != params["login_user"]:
            raise
        client.login(params["login_user"], password)


def run(module, client):
    """Plan, apply unless in check mode, and return the result."""
    params = module.params
    name = _devpi.check_user(params["name"])
    password = params["password"]
    if params["password_file"] is not None and params["state"] == "present":
        password = _devpi.read_password_file(params["password_file"])
        module.no_log_values.add(password)
    login(client, params, password)
    current = client.get_user(name)
    has_it = None
    if password is not None and (current is None or params["update_password"] == "always"):
        has_it = current is not None and client.password_is(name, password)
    plan = _devpi.plan_user(name, params["state"], current, has_it, params["email"])
    if plan.action and not module.check_mode:
        path = "/" + quote(name, safe="")
        secret = {"password": password} if plan.set_password else {}
        if plan.action == "create":
            client.ask("PUT", path, dict(plan.settings, **secret))
        elif plan.action == "delete":
            client.ask("DELETE", path)
        else:
            # devpi lets users change just their password themselves, so that goes by itself.
            for part in (plan.settings, secret):
                if part:
                    client.ask("PATCH", path, part)
    user = {key: value for key, value in plan.after.items() if key != "password"}
    return {"changed": bool(plan.action), "user": user, "diff": {"before": plan.before, "after": plan.after}}


def main():
    """Read the options, run, and say what went wrong."""
    spec = _devpi.options()
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
        client = _devpi.connect(module.params)
        try:
            result = run(module, client)
        finally:
            client.close()
    except _devpi.DevpiError as error:
        module.fail_json(msg=_secrets.scrub(str(error), module.no_log_values))
    module.exit_json(**_secrets.scrub(result, module.no_log_values))


if __name__ == "__main__":
    main()
