#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: devpi_service
short_description: Run devpi-server as a unit of systemd that no bad setting takes down
version_added: 0.1.0
author:
  - airgap.python authors (@airgap-python)
description:
  - Has the account, the folders, the secret, root's password, the configuration, the data folder and the unit, and
    devpi-server answering with them.
  - Looks at everything first, and refuses all that is wrong in one message before anything is changed. In check mode it
    does that, and tells what it would do.
  - Where a server runs, what is to run is started beside it first, by the same unit, what the site adds to it (UNIT.d) and
    configuration on a port of loopback. Only when it answers does the server start anew. If either fails, the former unit,
    configuration, owners and environment come back by themselves, and the error says so.
  - The server starts anew when what runs is not what is there, whichever run changed that. The unit, the configuration, the
    secret and the environment are compared with the process.
  - It waits no longer than until systemd says that the server failed.
options:
  state:
    description: Whether the server runs, or is stopped and removed. Its data and passwords stay without O(remove_data).
    type: str
    choices: [present, absent]
    default: present
  remove_data:
    description: With O(state=absent), also remove the data folder, the passwords, and the account if this module made it.
    type: bool
    default: false
  venv:
    description: The virtual environment with devpi-server, as M(airgap.python.locked_venv) makes it.
    type: path
    required: true
  data_dir:
    description: The folder with everything that is published.
    type: path
    required: true
  config_dir:
    description: The folder with configuration, secret and passwords.
    type: path
    required: true
  user:
    description: The account that the server runs as. One that this module did not make is refused.
    type: str
    required: true
  unit_path:
    description: Where the unit lies.
    type: path
    default: /etc/systemd/system/devpi-server.service
  unit:
    description: The text of the unit. Required for O(state=present).
    type: str
  python:
    description: The interpreter that the environment is made with.
    type: path
    default: /usr/bin/python3
  host:
    description: The addresses to listen on.
    type: list
    elements: str
    default: ["0.0.0.0"]
  port:
    description: The port to listen on.
    type: int
    default: 3141
  options:
    description: More options of devpi-server by their long names. A list is one, and a truth value is one.
    type: dict
    default: {}
  argon2_memory_cost:
    description: Memory for deriving keys from the server's secret at each start, in KiB.
    type: int
    default: 8192
  version:
    description: The version of devpi-server that is to run; data that it cannot use are refused.
    type: str
    default: ""
  root_password:
    description: The password of root for new data. Without it one is made. It is not changed where there is one.
    type: str
    default: ""
  wait:
    description: How many seconds the server may take until it answers.
    type: int
    default: 60
attributes:
  check_mode:
    description: Says what is wrong and what it would do, without doing it.
    support: full
  diff_mode:
    description: Shows unit and configuration before and after.
    support: full
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Have devpi-server, and wait until it answers
  airgap.python.devpi_service:
    venv: /opt/airgap/airgap-devpi
    data_dir: /var/lib/devpi-server
    config_dir: /etc/devpi-server
    user: devpi
    unit: "{{ lookup('ansible.builtin.template', 'devpi-server.service.j2') }}"
    options: {threads: 100}
"""

RETURN = r"""
steps:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [config, unit]
restart:
  description: Why the server was started anew, or would be. Empty if it was not.
  returned: success
  type: str
  sample: /etc/devpi-server/devpi-server.yml changes
url:
  description: Where this host reaches the server.
  returned: O(state=present)
  type: str
  sample: http://127.0.0.1:3141
answers:
  description: Whether it answers there. Always so but in check mode.
  returned: O(state=present)
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _service_apply, _service_removal


def main() -> None:
    """Read the options, run, and take everything back where that failed."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "remove_data": {"type": "bool", "default": False},
            "venv": {"type": "path", "required": True},
            "data_dir": {"type": "path", "required": True},
            "config_dir": {"type": "path", "required": True},
            "user": {"type": "str", "required": True},
            "unit_path": {"type": "path", "default": "/etc/systemd/system/devpi-server.service"},
            "unit": {"type": "str"},
            "python": {"type": "path", "default": "/usr/bin/python3"},
            "host": {"type": "list", "elements": "str", "default": ["0.0.0.0"]},
            "port": {"type": "int", "default": 3141},
            "options": {"type": "dict", "default": {}},
            "argon2_memory_cost": {"type": "int", "default": 8192},
            "version": {"type": "str", "default": ""},
            "root_password": {"type": "str", "default": "", "no_log": True},
            "wait": {"type": "int", "default": 60},
        },
        required_if=[("state", "present", ["unit"])],
        supports_check_mode=True,
    )
    service = _service_apply.Service(module, _service_apply.wanted_of(module.params))
    try:
        result = (_service_apply.present if module.params["state"] == "present" else _service_removal.absent)(
            module, service
        )
    except (AirgapError, OSError) as error:
        said = str(error) if not isinstance(error, OSError) else "%s: %s." % (error.filename, error.strerror)
        back = "" if module.check_mode or module.params["state"] == "absent" else service.try_take_back()
        see = "" if not service.ended else " See 'journalctl -u %s' on this host." % service.systemd.name
        module.fail_json(msg=" ".join(part for part in (said, back) if part) + see)
    except BaseException:
        if not module.check_mode:
            service.try_take_back()
        raise
    module.exit_json(**result)


if __name__ == "__main__":
    main()
