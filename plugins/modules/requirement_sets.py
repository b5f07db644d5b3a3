#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: requirement_sets
short_description: Install the requirement sets of a node, each in a virtual environment
version_added: 0.1.0
description:
  - Makes each set what its lock says, in a virtual environment of its own. The set V(base) is the link C(base) in O(path),
    which leads to C(.sets/base/ID). Paths in the environment name the link.
  - A change is made in a copy of the environment that serves, or in a new one. It is checked, and one rename of the link
    puts it into service. A run that fails or is killed at any point leaves what served before.
  - Former environments are kept, and O(rollback) lets the former one serve again without an index.
  - pip comes from the index as a wheel whose SHA-256 is in the lock, and only if something must be installed. What is right
    costs no request.
  - pip reads none of the host's settings, see M(airgap.python.locked_venv).
  - An environment that is a plain folder, as earlier versions created it, is moved to the others and replaced by the link.
author:
  - airgap.python authors (@airgap-python)
options:
  path:
    description: The folder of the sets, as an absolute path. Missing parents are created.
    type: path
    default: /opt/airgap
  state:
    description:
      - With V(present) the sets hold what their locks say.
      - With V(absent) they are removed. Only what this collection created is ever removed. Packages in an interpreter itself
        (O(system)) stay.
    type: str
    choices: [present, absent]
    default: present
  sets:
    description: The names of the sets to install or remove.
    type: list
    elements: str
    default: []
  all:
    description: With O(state=absent), also remove every set in O(path) that O(sets) does not name.
    type: bool
    default: false
  python:
    description: The interpreter that the environments are created with, 3.8 or newer.
    type: path
    default: /usr/bin/python3
  pythons:
    description: The interpreters of sets that use another one, by the names of the sets.
    type: dict
    default: {}
  targets:
    description: The target of each interpreter, as M(airgap.python.python_target_info) finds it, by the path of the interpreter.
    type: dict
    default: {}
  locks:
    description: The locks, as M(airgap.python.bundle_locks_info) returns them. For each target they include that of C(airgap-pip).
    type: list
    elements: dict
    default: []
    suboptions:
      set:
        description: The set.
        type: str
        required: true
      target:
        description: The target.
        type: str
        required: true
      content:
        description: The lock in base64. It is not logged because of its length.
        type: str
        required: true
  index_url:
    description: The simple index to install from. A user and password in it are removed from all output.
    type: str
  cert:
    description: The certificates that an index with https is checked against, a PEM file.
    type: path
  trusted_host:
    description: Hosts, as C(HOST) or C(HOST:PORT), that pip may reach over http.
    type: list
    elements: str
    default: []
  timeout:
    description: How many seconds to wait for a response.
    type: int
    default: 15
  attempts:
    description: How often to try from the start if a download fails. With several index hosts, this is how many there are.
    type: int
    default: 1
  mode:
    description:
      - With V(exact), packages that the lock does not name are removed.
      - With V(additive) they stay, until the environment has to be built from nothing.
    type: str
    choices: [exact, additive]
    default: exact
  keep:
    description: How many environments of a set are kept, including the one that serves.
    type: int
    default: 2
  rollback:
    description:
      - Sets that the former environment should serve again. Nothing else is done, and no index is needed. Each file of it is
        compared with its hash first.
      - A set that was rolled back stays so if this is asked for again. A run without O(rollback) installs the lock again.
    type: list
    elements: str
    default: []
  repair:
    description: Sets to build from nothing, whatever state they are in; those of O(system) are installed again.
    type: list
    elements: str
    default: []
  compile:
    description: Whether pip compiles what it installs, so that programs start faster.
    type: bool
    default: true
  owner:
    description: The user who owns the files of the environments. By default, the user that this runs as.
    type: str
  group:
    description: The group of the files.
    type: str
  file_mode:
    description:
      - The mode of the files, four octal digits in quotes such as V('0640'). Whoever can read can also enter folders and run
        programs. By default V('0644') where the package does not say otherwise.
    type: str
  bin_dir:
    description: A folder that gets links to the programs of the sets. Files that something else wrote there are never replaced.
    type: path
  bin_sets:
    description: The sets whose programs are linked in O(bin_dir). Empty means all.
    type: list
    elements: str
    default: []
  system:
    description:
      - Sets that are installed into their interpreter itself and not in an environment. Packages that the lock does not name
        stay, and there is no rollback.
    type: list
    elements: str
    default: []
  break_system_packages:
    description: Whether sets of O(system) may be installed into an interpreter that the system reserves for itself (PEP 668).
    type: bool
    default: false
attributes:
  check_mode:
    description: Reports what it would do, without doing it.
    support: full
  diff_mode:
    description: Shows the packages before and after, with the hashes of the lock.
    support: full
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Install two sets
  airgap.python.requirement_sets:
    sets: [base, kubespray]
    targets: {/usr/bin/python3: node311}
    locks: "{{ locks.locks }}"
    index_url: https://index.example/airgap/prod/+simple/
    cert: /etc/airgap/ca.pem

- name: Let the former environment of a set serve again
  airgap.python.requirement_sets:
    rollback: [base]

- name: Remove all sets
  airgap.python.requirement_sets:
    state: absent
    all: true
"""

RETURN = r"""
sets:
  description: What was done with each set, or would be done in check mode.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The set.
      type: str
    path:
      description: Its link, or the interpreter that it was installed into.
      type: str
    python:
      description: The version of its Python.
      type: str
    action:
      description:
        - V(built) from nothing, V(changed) in a copy, V(switched) to a kept environment, V(recorded) for another text of the
          same lock, V(moved) for a plain folder, V(installed) into an interpreter, V(rolled back), V(removed), or empty.
      type: str
    reason:
      description: Why, if it is not because the lock changed.
      type: str
    changes:
      description: What changed in the set, such as V(flask 3.0.0 becomes 3.1.1).
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
from ansible_collections.airgap.python.plugins.module_utils._install._requirement_sets import run_module


def main() -> None:
    """Install, roll back or remove the sets."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "default": "/opt/airgap"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "sets": {"type": "list", "elements": "str", "default": []},
            "all": {"type": "bool", "default": False},
            "python": {"type": "path", "default": "/usr/bin/python3"},
            "pythons": {"type": "dict", "default": {}},
            "targets": {"type": "dict", "default": {}},
            "locks": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "set": {"type": "str", "required": True},
                    "target": {"type": "str", "required": True},
                    # Not secret, but thousands of lines, which would fill the host's journal at every run.
                    "content": {"type": "str", "required": True, "no_log": True},
                },
            },
            "index_url": {"type": "str"},
            "cert": {"type": "path"},
            "trusted_host": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 15},
            "attempts": {"type": "int", "default": 1},
            "mode": {"type": "str", "choices": ["exact", "additive"], "default": "exact"},
            "keep": {"type": "int", "default": 2},
            "rollback": {"type": "list", "elements": "str", "default": []},
            "repair": {"type": "list", "elements": "str", "default": []},
            "compile": {"type": "bool", "default": True},
            "owner": {"type": "str"},
            "group": {"type": "str"},
            "file_mode": {"type": "str"},
            "bin_dir": {"type": "path"},
            "bin_sets": {"type": "list", "elements": "str", "default": []},
            "system": {"type": "list", "elements": "str", "default": []},
            "break_system_packages": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        result = run_module(module)
    except AirgapError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
