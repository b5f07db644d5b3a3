#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: client_settings
short_description: Make the clients of a host use the index
version_added: 0.1.0
description:
  - Writes the files that make pip, uv and other clients of a host use one index, for every user and every environment, or
    restores what was there before.
  - A file of someone else is saved once as C(FILE.before-airgap), with its owner, mode and times, and comes back when the
    module's own file goes. It is never shown.
  - Before anything is written, the host requests the index. If that fails, nothing is changed. A host that has everything makes
    no request.
  - All files are written aside first and then renamed. If one of them or a command fails, the former ones come back.
  - Finds settings of users that override the files, and warns of each, with its file, its line and its effect.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode. It requests the index and reports what it would change.
    support: full
  diff_mode:
    description: Shows the module's own files before and after. Files of others and files with passwords are not shown.
    support: full
options:
  state:
    description: Whether the clients use the index, or what was there before is restored.
    type: str
    choices: [present, absent]
    default: present
  clients:
    description:
      - What is written. What is not in the list is as it was before the module.
      - V(pip) is O(path), V(uv) is O(uv_path), V(ca) is O(ca_path) with O(ca), V(hosts) is a block in O(hosts_path) with
        O(hosts).
      - V(trust_store) adds O(ca) to the certificates that the system trusts (Debian and Enterprise Linux). uv needs it.
      - V(constraints) is O(constraints_path), which pip and uv then apply.
      - V(environment) sets variables for the units of systemd in O(systemd_path), and for cron and logins in
        O(environment_path).
      - V(pypirc) is C(~/.pypirc) of each of O(publishers).
    type: list
    elements: str
    choices: [pip, uv, ca, hosts, trust_store, constraints, environment, pypirc]
    default: [pip, uv, ca, hosts]
  only:
    description: The module looks at these alone; all others stay as they are.
    type: list
    elements: str
    choices: [pip, uv, ca, hosts, trust_store, constraints, environment, pypirc]
    default: [pip, uv, ca, hosts, trust_store, constraints, environment, pypirc]
  host:
    description: What messages call this host.
    type: str
    default: this host
  index_url:
    description: The simple index, without user and password. Required with O(state=present).
    type: str
  trusted_host:
    description: The host that pip may contact over http. Empty with https.
    type: str
    default: ""
  cert:
    description: The file of the certificates that an https O(index_url) is checked against. Empty means those of each client.
    type: str
    default: ""
  timeout:
    description: How many seconds pip and this module wait for a response.
    type: int
    default: 15
  ca:
    description: The certificates of the CAs of the index hosts, as PEM. Text around them is allowed.
    type: str
    default: ""
  ca_complete:
    description: Whether O(ca) has the certificate of every index host. If not, certificates that the host has stay.
    type: bool
    default: true
  ca_path:
    description: The file with O(ca). What is there is replaced.
    type: path
    default: /etc/airgap/ca.pem
  hosts:
    description: Lines of hosts(5), each an address and a name.
    type: list
    elements: str
    default: []
  hosts_path:
    description: The file with O(hosts).
    type: path
    default: /etc/hosts
  path:
    description: The configuration of pip.
    type: path
    default: /etc/pip.conf
  uv_path:
    description: The configuration of uv.
    type: path
    default: /etc/uv/uv.toml
  uv_native_tls:
    description: Write C(native-tls), which uv before 0.11 knows, instead of C(system-certs).
    type: bool
    default: false
  constraints:
    description: Requirements that limit versions, such as V(urllib3<3).
    type: list
    elements: str
    default: []
  constraints_path:
    description: The file with O(constraints).
    type: path
    default: /etc/airgap/constraints.txt
  systemd_path:
    description: The file with the variables for units.
    type: path
    default: /etc/systemd/system.conf.d/airgap.conf
  environment_path:
    description: The file with a block of variables for cron and logins.
    type: path
    default: /etc/environment
  publishers:
    description: Users of the host who upload to the index. Those who are no longer named get their former file back.
    type: list
    elements: dict
    default: []
    suboptions:
      user:
        description: The user of the host.
        type: str
        required: true
      login:
        description: The user of the index.
        type: str
        required: true
      password:
        description: Its password. Only O(publishers[].user) can read the file.
        type: str
        required: true
      url:
        description: The address for uploads. By default O(index_url) without C(+simple/).
        type: str
        default: ""
  request:
    description: Request the index before something is written for it.
    type: bool
    default: true
  find_overrides:
    description: Find settings of users that override the files.
    type: bool
    default: true
  environments:
    description: Folders of environments, each of which may have a C(pip.conf) of its own. They may contain wildcards.
    type: list
    elements: path
    default: []
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Let pip and uv use the index
  airgap.python.client_settings:
    index_url: https://10.0.0.1/airgap/prod/+simple/
    ca: "{{ lookup('ansible.builtin.file', 'ca.pem') }}"
    cert: /etc/airgap/ca.pem
    clients: [pip, uv, ca, trust_store]
    environments: [/usr, /opt/airgap/*]

- name: Restore what was there before
  airgap.python.client_settings:
    state: absent
"""

RETURN = r"""
steps:
  description: What was changed, or would be.
  type: list
  elements: str
  returned: success
  sample: [wrote /etc/pip.conf]
notes:
  description: What stays although O(state=absent), and why.
  type: list
  elements: str
  returned: success
index_url:
  description: The index that the host was configured for. Empty with O(state=absent).
  type: str
  returned: success
answer:
  description: Whether the index answers. Empty if it was not requested.
  type: str
  returned: success
findings:
  description: The settings of users that override the files.
  type: list
  elements: dict
  returned: success
  contains:
    path:
      description: The file. The path of a user's file begins with V(~/).
      type: str
      sample: ~/.config/pip/pip.conf
    user:
      description: The user. Empty if the file applies to every user.
      type: str
    client:
      description: Which client reads it, V(pip) or V(uv).
      type: str
    effects:
      description: What the client does because of it, each with the line that says so.
      type: list
      elements: str
      sample: ["uses https://pypi.example instead of the index (line 2)"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._clients import _needs, _settings
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def main() -> None:
    """Write or restore the settings."""
    pieces = list(_needs.PIECES)
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "clients": {
                "type": "list",
                "elements": "str",
                "choices": pieces,
                "default": ["pip", "uv", "ca", "hosts"],
            },
            "only": {"type": "list", "elements": "str", "choices": pieces, "default": pieces},
            "host": {"type": "str", "default": "this host"},
            "index_url": {"type": "str"},
            "trusted_host": {"type": "str", "default": ""},
            "cert": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 15},
            "ca": {"type": "str", "default": ""},
            "ca_complete": {"type": "bool", "default": True},
            "ca_path": {"type": "path", "default": "/etc/airgap/ca.pem"},
            "hosts": {"type": "list", "elements": "str", "default": []},
            "hosts_path": {"type": "path", "default": "/etc/hosts"},
            "path": {"type": "path", "default": "/etc/pip.conf"},
            "uv_path": {"type": "path", "default": "/etc/uv/uv.toml"},
            "uv_native_tls": {"type": "bool", "default": False},
            "constraints": {"type": "list", "elements": "str", "default": []},
            "constraints_path": {"type": "path", "default": "/etc/airgap/constraints.txt"},
            "systemd_path": {"type": "path", "default": "/etc/systemd/system.conf.d/airgap.conf"},
            "environment_path": {"type": "path", "default": "/etc/environment"},
            "publishers": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "user": {"type": "str", "required": True},
                    "login": {"type": "str", "required": True},
                    "password": {"type": "str", "required": True, "no_log": True},
                    "url": {"type": "str", "default": ""},
                },
            },
            "request": {"type": "bool", "default": True},
            "find_overrides": {"type": "bool", "default": True},
            "environments": {"type": "list", "elements": "path", "default": []},
        },
        required_if=[("state", "present", ["index_url"])],
        supports_check_mode=True,
    )
    try:
        result = _settings.ensure(module)
    except AirgapError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
