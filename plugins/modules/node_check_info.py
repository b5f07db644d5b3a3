#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_check_info
short_description: Check that a node has what its locks say
version_added: 0.1.0
description:
  - Checks for each requirement set of a node that its environment has the lock of the bundle, that every package is there in the
    version of the lock, and that no file was removed or changed.
  - With O(full), every file is hashed and compared with what its wheel recorded (RECORD), files that nothing installed are found,
    every package is imported, and C(pip check) runs. Without it, sizes and times are compared, which takes a fraction of a second.
  - With O(canary), pip installs one small file of a lock from the index into a temporary folder, with the settings of the host.
  - A check that fails is a result and not an error.
  - Compiled files (C(.pyc)) are not compared, because each interpreter writes its own. Someone who can write as root can also
    change what a wheel recorded; against that, the environment is built again from the index.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and return the same result.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
options:
  dir:
    description: The folder of the environments. The set C(base) is in C(base) there.
    type: path
    default: /opt/airgap
  python:
    description: The interpreter that decides which target the node is.
    type: path
    default: /usr/bin/python3
  pythons:
    description: The interpreters of sets that use another one, by set.
    type: dict
    default: {}
  targets:
    description: The targets of the site, as P(airgap.python.targets#lookup) returns them.
    type: list
    elements: dict
    required: true
  sets:
    description: The requirement sets of the site. Leave out their requirements, whose URLs may have passwords.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name of the set.
        type: str
        required: true
      targets:
        description: The names of the targets that it is for. If empty, all.
        type: list
        elements: str
        default: []
  only:
    description: Names of the sets to check. If empty, all that are for the node's target.
    type: list
    elements: str
    default: []
  system:
    description: >-
      Names of sets that are in an interpreter instead of an environment. Only the packages of their locks are looked at, and
      C(pip check), which looks at all packages of an interpreter, does not run.
    type: list
    elements: str
    default: []
  additive:
    description: Whether environments may have more packages than their locks.
    type: bool
    default: false
  locks:
    description: For each set and target the SHA-256 of its lock in the bundle that is served. If empty, it is not compared.
    type: dict
    default: {}
  full:
    description: Hash every file, import every package, and so on.
    type: bool
    default: true
  canary:
    description: Install one file from the index, and remove it.
    type: bool
    default: true
  not_imported:
    description: Names of projects that are not imported, because they can be imported only under special conditions.
    type: list
    elements: str
    default: []
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Check everything that is in /opt/airgap
  airgap.python.node_check_info:
    targets: "{{ query('airgap.python.targets', airgap_targets) }}"
    sets:
      - name: base
      - name: tools
        targets: [node311]
  register: node

- name: Show what is wrong
  ansible.builtin.debug:
    var: node.problems
"""

RETURN = r"""
ok:
  description: Whether everything is right.
  type: bool
  returned: success
target:
  description: The target of the node, empty if it fits none.
  type: str
  returned: success
problems:
  description: What is wrong, each as a text.
  type: list
  elements: str
  returned: success
  sample: ["/opt/airgap/base: files were changed: lib/python3.11/site-packages/flask/app.py"]
sets:
  description: The sets.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Its name.
      type: str
    path:
      description: Its environment.
      type: str
    ok:
      description: Whether it is right.
      type: bool
    packages:
      description: How many packages it has.
      type: int
    lock_sha256:
      description: The SHA-256 of the lock that it was installed from.
      type: str
    is_current:
      description: Whether that is the lock of the bundle that is served.
      type: bool
    problems:
      description: What is wrong with it.
      type: list
      elements: str
to_repair:
  description: Names of the sets that are not right.
  type: list
  elements: str
  returned: success
canary:
  description: The file that was installed, with C(ok), C(package) and C(message). Empty if none was.
  type: dict
  returned: success
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._site import _node_check


def main() -> None:
    """Check the node."""
    module = AnsibleModule(
        argument_spec={
            "dir": {"type": "path", "default": "/opt/airgap"},
            "python": {"type": "path", "default": "/usr/bin/python3"},
            "pythons": {"type": "dict", "default": {}},
            "targets": {"type": "list", "elements": "dict", "required": True},
            "sets": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "targets": {"type": "list", "elements": "str", "default": []},
                },
            },
            "only": {"type": "list", "elements": "str", "default": []},
            "system": {"type": "list", "elements": "str", "default": []},
            "additive": {"type": "bool", "default": False},
            "locks": {"type": "dict", "default": {}},
            "full": {"type": "bool", "default": True},
            "canary": {"type": "bool", "default": True},
            "not_imported": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )

    def run(argv: t.List[str], data: str) -> t.Tuple[int, str, str]:
        options = {"cwd": "/", "data": data, "binary_data": True, "environ_update": {"LC_ALL": "C"}}
        try:
            return t.cast(t.Tuple[int, str, str], module.run_command(argv, handle_exceptions=False, **options))
        except OSError as error:
            # A program that is damaged is a result.
            return 127, "", "%s: %s" % (argv[0], error.strerror or error)

    try:
        result = _node_check.check(module.params, module.tmpdir, run)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error), **getattr(error, "details", {}))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
