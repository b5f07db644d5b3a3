#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: devpi_service
short_description: Run devpi-server as a systemd unit that survives wrong settings
version_added: 0.1.0
author:
  - airgap.python authors (@airgap-python)
description:
  - Creates the account, the folders, the secret, root's password, the configuration, the data folder and the unit, and
    starts devpi-server.
  - Checks everything first, and reports all problems in one message before anything is changed. In check mode it does the
    same, and reports what it would do.
  - If a server runs, the new one is first tried next to it on a port of loopback, with the same unit, the site's drop-in
    files (UNIT.d) and the new configuration. Only if the trial answers is the server restarted. If either fails, the module
    restores the former unit, configuration, owners and environment, and the error says so.
  - The server restarts if the running process is older than its unit, configuration, secret or environment, even if an
    earlier run changed them.
  - It stops waiting as soon as systemd reports that the server failed.
options:
  state:
    description:
      - Whether the server runs, is stopped, also at boot, or is stopped and removed. A server that is stopped keeps everything.
        One that is removed keeps its data and passwords unless O(remove_data) is set.
    type: str
    choices: [present, stopped, absent]
    default: present
  remove_data:
    description: With O(state=absent), also remove the data folder, the passwords, and the account if this module created it.
    type: bool
    default: false
  venv:
    description: The virtual environment with devpi-server. O(environment) installs it.
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
    description: The account that the server runs as. An account that this module did not create is refused.
    type: str
    required: true
  unit_path:
    description: The path of the unit.
    type: path
    default: /etc/systemd/system/devpi-server.service
  quadlet_path:
    description: The path of the quadlet, which takes the place of the unit if the server runs in a container.
    type: path
    default: /etc/containers/systemd/devpi-server.container
  image:
    description:
      - The container image with the environment, as M(airgap.python.devpi_image) builds it. If it is given, the server runs in a
        container, and O(venv) is a path in the image. If it is empty, it runs on the host.
      - A server that ran in the other way is stopped when the new one has been tried, and other images of that module are removed.
    type: str
    default: ""
  unit:
    description:
      - The text of the unit, or with O(image) of the quadlet. Required for O(state=present).
      - In a quadlet, C(@UID@) and C(@GID@) stand for the ids of the account.
    type: str
  python:
    description: The interpreter that the environment was created with.
    type: path
    default: /usr/bin/python3
  target:
    description:
      - The target that O(environment) is for, as RV(airgap.python.bundle_verify#module:targets) has it. An interpreter that cannot use
        it is refused. If it is not given, that is not checked.
    type: dict
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
    description: More options of devpi-server by their long names. Write lists as lists and booleans as booleans.
    type: dict
    default: {}
  argon2_memory_cost:
    description: Memory for deriving keys from the server's secret at each start, in KiB.
    type: int
    default: 8192
  version:
    description: The version of devpi-server that will run; data that it cannot use are refused.
    type: str
    default: ""
  root_password:
    description: The password of root for new data. Generated if not given. An existing password is not changed.
    type: str
    default: ""
  wait:
    description: How many seconds the server may take until it answers.
    type: int
    default: 60
  part:
    description:
      - The server's part in replication. V(alone) has no replicas. A V(replica) copies everything of its V(primary) and serves it,
        also while the primary does not run; what is uploaded to it, it passes on.
      - A replica needs the secret of its primary; M(airgap.python.sealed_secrets) carries it.
      - The module waits until a replica has everything that its primary has. A replica whose data do not fit is copied again.
    type: str
    choices: [alone, primary, replica]
    default: alone
  primary_url:
    description: The address of the primary, for O(part=replica).
    type: str
    default: ""
  primary_ca:
    description: The certificates that an https O(primary_url) is checked against, as a text in PEM.
    type: str
    default: ""
  promote:
    description: With O(part=primary), turn a replica into the primary. Without it, data of a replica are refused.
    type: bool
    default: false
  replace_data:
    description:
      - With O(part=replica), replace the data of a former primary by a copy of the primary's. They are moved to
        C(data_dir/.replaced). Without it, they are refused.
    type: bool
    default: false
  sync_timeout:
    description: How many seconds a replica may take until it has everything that its primary has.
    type: int
    default: 900
attributes:
  check_mode:
    description: Reports problems and what it would do, without doing it.
    support: full
  diff_mode:
    description: Shows unit and configuration before and after.
    support: full
requirements:
  - python >= 3.8
extends_documentation_fragment:
  - airgap.python.service_environment
"""

EXAMPLES = r"""
- name: Run devpi-server and wait until it answers
  airgap.python.devpi_service:
    venv: /opt/airgap/airgap-devpi
    data_dir: /var/lib/devpi-server
    config_dir: /etc/devpi-server
    user: devpi
    unit: "{{ lookup('ansible.builtin.template', 'devpi-server.service.j2') }}"
    options: {threads: 100}
    environment:
      lock_content: "{{ lookup('ansible.builtin.file', 'devpi-lock.txt') }}"
      pip_wheel: /srv/airgap/bundle/wheels/pip-26.3-py3-none-any.whl
      find_links: [/srv/airgap/bundle/wheels]
"""

RETURN = r"""
steps:
  description: What was done, or would be done in check mode.
  returned: success
  type: list
  elements: str
  sample: [config, unit]
restart:
  description: Why the server was restarted, or would be. Empty if it was not.
  returned: success
  type: str
  sample: /etc/devpi-server/devpi-server.yml changes
rc:
  description: The return code of the command that failed.
  returned: a command that creates the environment failed
  type: int
pip_output:
  description: The whole output of that command.
  returned: a command that creates the environment failed
  type: str
url:
  description: The URL at which this host reaches the server.
  returned: O(state=present)
  type: str
  sample: http://127.0.0.1:3141
answers:
  description: Whether it answers there. Always true except in check mode.
  returned: O(state=present)
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _service_apply, _service_removal

STATES = {
    "present": _service_apply.ensure_present,
    "stopped": _service_removal.ensure_stopped,
    "absent": _service_removal.ensure_absent,
}


def main() -> None:
    """Run the service or remove it."""
    module = AnsibleModule(
        argument_spec=_service_apply.OPTIONS,
        required_if=_service_apply.REQUIRED_IF,
        supports_check_mode=True,
    )
    try:
        result = STATES[module.params["state"]](module)
    except AirgapError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
