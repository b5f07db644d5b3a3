#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: locked_venv
short_description: Keep a virtual environment that holds exactly what a lock says
version_added: 0.1.0
author:
  - airgap.python authors (@airgap-python)
description:
  - Makes a virtual environment and installs every file of a lock in it, each one checked against its SHA-256.
  - A package that the lock does not name is removed, one of another version or of another hash is replaced.
    Only pip stays beside the lock's packages; a lock that names pip decides its version, too.
  - It works in one way on every host, with C(ensurepip) or without it (Debian without C(python3-venv)).
    Python makes the environment without pip, and pip runs out of its own wheel.
    On Python 3.8 and 3.9 a C(.pth) file in the environment makes pip do without C(distutils), which Debian ships apart;
    C(bin/pip) works there for people, too.
  - pip reads none of the host's settings. Its configuration files, C(PIP_*) variables, netrc and proxies are left out,
    so that the result depends on the module's options alone.
  - What pip fetches lies in the environment until it is installed, and not in C(/tmp). A full disk is told by its file
    system and the bytes that are free there.
  - Two runs at the same environment do not mix; the second one fails.
  - An environment that a killed run left half-made, that belongs to a Python which the host has no more, or whose
    metadata are damaged, is made anew. One that something else made is left alone, and is an error.
  - What is installed is read from the packages' metadata. Changes to single files of a package are not noticed.
options:
  path:
    description: The folder of the environment, as an absolute path. Missing parents are created.
    type: path
    required: true
  state:
    description:
      - With V(present) the environment holds the lock's packages.
      - With V(absent) it is removed. Only what this module made is ever removed.
    type: str
    choices: [present, absent]
    default: present
  python:
    description: The interpreter that the environment is made with, 3.8 or newer. A name is looked up in C(PATH).
    type: path
    default: /usr/bin/python3
  lock:
    description: The lock, a file on the managed host.
    type: path
  lock_content:
    description: The lock itself, instead of the file O(lock). It is left out of logs because of its length.
    type: str
  pip_wheel:
    description:
      - A wheel of pip on the managed host, under its own name, for example V(pip-26.0.1-py3-none-any.whl).
      - Required for O(state=present). In check mode the file need not be there yet.
      - What runs is a copy in the module's own folder, which was hashed while it was made.
    type: path
  pip_wheel_sha256:
    description: The SHA-256 that the wheel must have, 64 hex digits. It is checked before Python runs anything from it.
    type: str
  index_url:
    description:
      - The simple index to install from, for example V(http://index.example:3141/airgap/prod/+simple/).
      - A user and password in it reach pip through its environment, and are left out of all output.
    type: str
  no_index:
    description: Use no index, only O(find_links).
    type: bool
    default: false
  find_links:
    description: Folders of wheels on the managed host to install from, beside the index.
    type: list
    elements: path
    default: []
  cert:
    description: The certificates that an index with https is checked against, a PEM file on the managed host.
    type: path
  trusted_host:
    description: Hosts, as C(HOST) or C(HOST:PORT), that pip may ask by http.
    type: list
    elements: str
    default: []
  keep_former:
    description:
      - Make a changed environment beside the one that is there, put it in its place when it is complete, and keep that one as
        O(path) with C(.former) behind it. Who uses the environment removes it, or puts it back, as
        M(airgap.python.devpi_service) does.
    type: bool
    default: false
  timeout:
    description: How many seconds pip waits for an answer. It tries three times.
    type: int
    default: 15
attributes:
  check_mode:
    description: Says what it would do, without doing it.
    support: full
  diff_mode:
    description: Shows the packages before and after, with the hashes of the lock.
    support: full
"""

EXAMPLES = r"""
- name: Install the base set from the index
  airgap.python.locked_venv:
    path: /opt/airgap/base
    lock: /opt/airgap/locks/base.txt
    pip_wheel: /opt/airgap/pip/pip-26.0.1-py3-none-any.whl
    index_url: http://10.89.1.10:3141/airgap/prod/+simple/
    trusted_host: [10.89.1.10]

- name: Install devpi-server from the bundle alone
  airgap.python.locked_venv:
    path: /opt/airgap/airgap-devpi
    lock: /srv/airgap/bundle/locks/airgap-devpi/index.txt
    pip_wheel: /srv/airgap/bundle/wheels/pip-26.3-py3-none-any.whl
    no_index: true
    find_links: [/srv/airgap/bundle/wheels]

- name: Remove an environment
  airgap.python.locked_venv:
    path: /opt/airgap/base
    state: absent
"""

RETURN = r"""
path:
  description: The folder of the environment.
  returned: success
  type: str
python:
  description: The version of the environment's Python.
  returned: O(state=present)
  type: str
  sample: 3.11.7
packages:
  description: What the environment holds, or would hold, as name and version. pip is among them.
  returned: O(state=present), and the lock could be read
  type: dict
  sample: {netaddr: 1.3.0, pip: 26.0.1}
actions:
  description: What was done, or would be done in check mode.
  returned: O(state=present), and the lock could be read
  type: dict
  contains:
    created:
      description: Whether the environment was made where none was.
      type: bool
    remade:
      description: Why the environment was thrown away and made anew; empty if it was not.
      type: str
    pip:
      description: Whether pip was put in from its wheel.
      type: bool
    installed:
      description: Packages that were not there.
      type: list
      elements: str
    changed:
      description: Packages that were there in another version.
      type: list
      elements: str
    reinstalled:
      description: Packages that were there in the same version, from a file with another hash.
      type: list
      elements: str
    removed:
      description: Packages that the lock does not name.
      type: list
      elements: str
rc:
  description: The return code of the command that failed.
  returned: a command failed
  type: int
pip_output:
  description: The whole output of the command that failed.
  returned: a command failed
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install._venv_apply import run_module


def main() -> None:
    """Read the options, run, and turn errors into a failure."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "python": {"type": "path", "default": "/usr/bin/python3"},
            "lock": {"type": "path"},
            # No secret, but thousands of lines that would fill the host's journal at every run.
            "lock_content": {"type": "str", "no_log": True},
            "pip_wheel": {"type": "path"},
            "pip_wheel_sha256": {"type": "str"},
            "index_url": {"type": "str"},
            "no_index": {"type": "bool", "default": False},
            "find_links": {"type": "list", "elements": "path", "default": []},
            "cert": {"type": "path"},
            "trusted_host": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 15},
            "keep_former": {"type": "bool", "default": False},
        },
        required_if=[
            ("state", "present", ["pip_wheel"]),
            ("state", "present", ["lock", "lock_content"], True),
        ],
        mutually_exclusive=[["lock", "lock_content"]],
        supports_check_mode=True,
    )
    try:
        result = run_module(module)
    except AirgapError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
