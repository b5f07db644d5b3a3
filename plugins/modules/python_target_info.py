#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: python_target_info
short_description: Report which target an interpreter is
version_added: 0.1.0
description:
  - Reads the version, implementation, operating system, CPU and C library of an interpreter on the managed host,
    its marker variables and the wheel tags that it accepts. The interpreter needs only its standard library.
  - Reports which of the given targets the interpreter can use, and how to describe it as a target.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Works in check mode, with the same result.
    support: full
  diff_mode:
    description: Changes nothing, so there is no diff.
    support: none
options:
  python:
    description: Path of the interpreter.
    type: path
    default: /usr/bin/python3
  targets:
    description:
      - The targets to choose from, as P(airgap.python.targets#lookup) returns them for C(airgap_targets).
      - An interpreter can use a target of the same implementation, operating system, CPU and minor version
        if the target's patch version and C library are not newer than its own. Of several, the closest is chosen.
    type: list
    elements: dict
    default: []
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Describe the interpreter and find the target that it can use
  airgap.python.python_target_info:
    targets: "{{ query('airgap.python.targets', airgap_targets) }}"
  register: info

- name: Show the entry to add for a machine that fits no target
  ansible.builtin.debug:
    var: info.suggestion
  when: not info.target
"""

RETURN = r"""
target:
  description: Name of the closest of O(targets) that the interpreter can use, or an empty string.
  type: str
  returned: success
  sample: node311
reasons:
  description: For each of O(targets) that does not fit, the reason.
  type: dict
  returned: success
  sample: {node39: "python is 3.9, here 3.11"}
suggestion:
  description: The interpreter as a short entry of C(airgap_targets).
  type: dict
  returned: success
  sample: {name: cp311-linux-x86_64, python: 3.11.2, implementation: cpython, os: linux, arch: x86_64, libc: glibc-2.36}
description:
  description:
    - The interpreter as a complete entry of C(airgap_targets), as the role P(airgap.python.survey#role) writes it.
    - It includes the markers, except those that differ between machines of its kind, which are C(platform_version)
      and, except on macOS, C(platform_release). It includes C(tags) only if they do not follow from the other fields.
  type: dict
  returned: success
  sample:
    name: cp311-linux-x86_64-glibc-2.36
    python: 3.11.2
    implementation: cpython
    os: linux
    arch: x86_64
    libc: glibc-2.36
    markers: {python_full_version: 3.11.2, sys_platform: linux}
info:
  description: What else the interpreter reported.
  type: dict
  returned: success
  contains:
    executable:
      description: Path of the interpreter.
      type: str
    markers:
      description: Its marker environment (PEP 508), every variable.
      type: dict
    tags:
      description: Every wheel tag that it accepts, the best first.
      type: list
      elements: str
      sample: [cp311-cp311-manylinux_2_36_x86_64, py3-none-any]
    tags_from:
      description:
        - V(interpreter) if the interpreter reported its ABI and what its distribution refuses, so that the tags are exact.
        - V(description) if it did not know its ABI, so that the tags follow from the description.
      type: str
    libc:
      description: The C library on Linux, such as V(glibc-2.36) or V(musl-1.2); otherwise an empty string.
      type: str
    macos:
      description: The version of macOS; otherwise an empty string.
      type: str
    has_venv:
      description: Whether the module C(venv) can be imported.
      type: bool
    has_pip:
      description: Whether the module C(pip) can be imported.
      type: bool
    has_ensurepip:
      description: Whether the module C(ensurepip) can be imported.
      type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._target._survey import describe_interpreter


def main() -> None:
    """Describe the interpreter."""
    module = AnsibleModule(
        argument_spec={
            "python": {"type": "path", "default": "/usr/bin/python3"},
            "targets": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        result, warnings = describe_interpreter(
            module.params["python"],
            lambda command: module.run_command(command, environ_update={"LC_ALL": "C"}),
            module.params["targets"],
        )
    except AirgapError as error:
        module.fail_json(msg=str(error), **error.details)
    for warning in warnings:
        module.warn(warning)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
