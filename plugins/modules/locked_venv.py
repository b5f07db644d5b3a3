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
  - Creates a virtual environment and installs every file of a lock in it, each checked against its SHA-256.
  - A package that the lock does not name is removed, and one with another version or hash is replaced.
    Only pip stays in addition to the lock's packages; if the lock names pip, it decides its version too.
  - It works the same way on every host, with or without C(ensurepip) (Debian without C(python3-venv)).
    Python creates the environment without pip, and pip runs from its own wheel.
    On Python 3.8 and 3.9 a C(.pth) file in the environment lets pip work without C(distutils), which Debian has in a separate
    package; C(bin/pip) works there too.
  - pip reads none of the host's settings. It ignores configuration files, C(PIP_*) variables, netrc and proxies,
    so that the result depends only on the module's options.
  - pip's temporary files are in the environment and not in C(/tmp). The error for a full disk names the file system and its
    free bytes.
  - If two runs change the same environment at once, the second one fails.
  - An environment is rebuilt if a killed run left it unfinished, if its Python is no longer on the host, or if its metadata
    are damaged. An environment that something else created is not changed, and is an error.
  - Installed packages are read from their metadata. Changes to single files of a package are not noticed.
options:
  path:
    description: The folder of the environment, as an absolute path. Missing parents are created.
    type: path
    required: true
  state:
    description:
      - With V(present) the environment holds the lock's packages.
      - With V(absent) it is removed. Only environments that this module created are ever removed.
    type: str
    choices: [present, absent]
    default: present
  python:
    description: The interpreter that the environment is created with, 3.8 or newer. A name is looked up in C(PATH).
    type: path
    default: /usr/bin/python3
  lock:
    description: The lock, a file on the managed host.
    type: path
  lock_content:
    description: The lock itself, instead of the file O(lock). It is not logged because of its length.
    type: str
  pip_wheel:
    description:
      - A wheel of pip on the managed host, under its own name, for example V(pip-26.0.1-py3-none-any.whl).
      - Required for O(state=present). In check mode the file does not have to exist yet.
      - The module runs a copy in its own folder, which is hashed while it is written.
    type: path
  pip_wheel_sha256:
    description: The SHA-256 that the wheel must have, 64 hex digits. It is checked before Python runs anything from the wheel.
    type: str
  index_url:
    description:
      - The simple index to install from, for example V(http://index.example:3141/airgap/prod/+simple/).
      - A user and password in it are passed to pip in a variable, and are removed from all output.
    type: str
  no_index:
    description: Use no index, only O(find_links).
    type: bool
    default: false
  find_links:
    description: Folders of wheels on the managed host to install from, in addition to the index.
    type: list
    elements: path
    default: []
  cert:
    description: The certificates that an index with https is checked against, a PEM file on the managed host.
    type: path
  trusted_host:
    description: Hosts, as C(HOST) or C(HOST:PORT), that pip may reach over http.
    type: list
    elements: str
    default: []
  keep_former:
    description:
      - Build a changed environment next to the existing one, replace that one when the new one is complete, and keep it as
        O(path) with the suffix C(.former). The user of the environment removes or restores it, as
        M(airgap.python.devpi_service) does.
    type: bool
    default: false
  timeout:
    description: How many seconds pip waits for a response. It tries three times.
    type: int
    default: 15
  attempts:
    description:
      - How often to try from the start if pip cannot install the lock, such as because the host that serves it died. With several index
        hosts under one name, this is how many of them there are.
    type: int
    default: 1
attributes:
  check_mode:
    description: Reports what it would do, without doing it.
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
      description: Whether the environment was created.
      type: bool
    remade:
      description: Why the environment was rebuilt; empty if it was not.
      type: str
    pip:
      description: Whether pip was installed from its wheel.
      type: bool
    installed:
      description: Packages that were missing.
      type: list
      elements: str
    changed:
      description: Packages that were installed in another version.
      type: list
      elements: str
    reinstalled:
      description: Packages that were installed in the same version, from a file with another hash.
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
from ansible_collections.airgap.python.plugins.module_utils._install._locked_venv import run_module


def main() -> None:
    """Install the lock, or remove the environment."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "python": {"type": "path", "default": "/usr/bin/python3"},
            "lock": {"type": "path"},
            # Not secret, but thousands of lines, which would fill the host's journal at every run.
            "lock_content": {"type": "str", "no_log": True},
            "pip_wheel": {"type": "path"},
            "pip_wheel_sha256": {"type": "str"},
            "index_url": {"type": "str"},
            "no_index": {"type": "bool", "default": False},
            "find_links": {"type": "list", "elements": "path", "default": []},
            "cert": {"type": "path"},
            "trusted_host": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 15},
            "attempts": {"type": "int", "default": 1},
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
