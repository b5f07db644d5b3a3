#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pypiserver_service
short_description: Run pypiserver behind the front, on loopback
version_added: 0.1.0
description:
  - Runs pypiserver as a systemd unit on a port of loopback. It serves the release that C(current) in O(static_dir) leads to, and
    besides it what people upload to O(uploads_dir).
  - Each request sees one release, so that the switch of M(airgap.python.static_index) needs no restart. A project of the release
    cannot be uploaded, and what was uploaded of it before is not served.
  - All problems are listed in one message before anything changes. If pypiserver does not answer, the former files and the former
    environment are restored.
author:
  - airgap.python authors (@airgap-python)
extends_documentation_fragment:
  - airgap.python.service_environment
attributes:
  check_mode:
    description: Can run in check mode and return what would be done.
    support: full
  diff_mode:
    description: Shows the unit and the settings. Passwords are not shown.
    support: full
options:
  state:
    description:
      - Whether pypiserver runs, or is stopped, also at boot, or is removed.
    type: str
    choices: [present, stopped, absent]
    default: present
  remove_data:
    description: With O(state=absent), also remove what was uploaded, the passwords and the account.
    type: bool
    default: false
  venv:
    description: The environment with pypiserver, passlib and waitress.
    type: path
    required: true
  python:
    description: The interpreter that the environment is created with.
    type: path
    default: /usr/bin/python3
  unit:
    description: The text of the unit. Required with O(state=present).
    type: str
  unit_dir:
    description: The folder of the unit C(pypiserver.service).
    type: path
    default: /etc/systemd/system
  config_dir:
    description: The folder of the settings and of the passwords, C(htpasswd), which has mode 0600.
    type: path
    required: true
  uploads_dir:
    description: The folder of what people upload.
    type: path
    required: true
  static_dir:
    description: The folder of the static index.
    type: path
    required: true
  index:
    description: The name of the index as C(USER/INDEX).
    type: str
    required: true
  user:
    description: The account that pypiserver runs as. It is created, and refused if something else created it.
    type: str
    required: true
  users:
    description: Who uploads. Others are removed from the file of passwords.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name.
        type: str
        required: true
      password:
        description: The password, of 8 or more ASCII characters.
        type: str
        required: true
  port:
    description: The port of loopback.
    type: int
    default: 3142
  wait:
    description: How many seconds pypiserver may take until it answers.
    type: int
    default: 30
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Run pypiserver
  airgap.python.pypiserver_service:
    venv: /opt/airgap/airgap-pypiserver
    unit: "{{ lookup('ansible.builtin.template', 'pypiserver.service.j2') }}"
    config_dir: /etc/airgap-pypiserver
    uploads_dir: /var/lib/airgap-pypiserver
    static_dir: /var/lib/airgap-static
    index: airgap/prod
    user: airgap-pypiserver
    users:
      - name: ci
        password: "{{ vault_ci_password }}"
"""

RETURN = r"""
steps:
  description: What was done, or would be done in check mode.
  returned: success
  type: list
  elements: str
  sample: [/etc/airgap-pypiserver/settings.json, ci is added]
restart:
  description: Why pypiserver was restarted, or would be. Empty if it was not.
  returned: success
  type: str
rc:
  description: The return code of the command that failed.
  returned: a command that creates the environment failed
  type: int
pip_output:
  description: The whole output of that command.
  returned: a command that creates the environment failed
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _pypiserver
from ansible_collections.airgap.python.plugins.module_utils._install import _service_environment


def main() -> None:
    """Run pypiserver, stop it or remove it."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "stopped", "absent"], "default": "present"},
            "remove_data": {"type": "bool", "default": False},
            "venv": {"type": "path", "required": True},
            "environment": _service_environment.OPTION,
            "python": {"type": "path", "default": "/usr/bin/python3"},
            "unit": {"type": "str"},
            "unit_dir": {"type": "path", "default": "/etc/systemd/system"},
            "config_dir": {"type": "path", "required": True},
            "uploads_dir": {"type": "path", "required": True},
            "static_dir": {"type": "path", "required": True},
            "index": {"type": "str", "required": True},
            "user": {"type": "str", "required": True},
            "users": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "password": {"type": "str", "required": True, "no_log": True},
                },
            },
            "port": {"type": "int", "default": 3142},
            "wait": {"type": "int", "default": 30},
        },
        required_if=[("state", "present", ["unit"])],
        supports_check_mode=True,
    )
    ensure = _pypiserver.ensure_present if module.params["state"] == "present" else _pypiserver.ensure_gone
    try:
        result = ensure(module)
    except AirgapError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
