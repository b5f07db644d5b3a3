#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelhouse_info
short_description: Read a folder of wheels that a site has already
version_added: 0.1.0
description:
  - Reads all wheels below a folder, such as what C(pip download) wrote, the packages of pypiserver, an export of devpi-server
    or a folder of Nexus. Says for each target which project has which version that fits, and what the requirements of these
    wheels lack.
  - For each project it takes the newest version that fits the target, and an older one if a requirement excludes the newer or
    the newer one needs what the folder lacks. It is not a resolver; M(airgap.python.pip_download) with
    O(airgap.python.pip_download#module:no_index) resolves what it found.
  - Needs no network, runs nothing from the wheels of other projects than pip, and changes nothing.
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
  path:
    description: The folder. Links that lead out of it are not followed.
    type: path
    required: true
  sets:
    description: Requirement sets, as in O(airgap.python.pip_download#module:sets). What they lack is reported for each.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the set.
        type: str
        required: true
      requirements:
        description: Requirement specifiers (PEP 508).
        type: list
        elements: str
        default: []
      requirements_lines:
        description: The lines of requirements files on the control host.
        type: list
        elements: str
        default: []
      constraints_lines:
        description: The same, of constraints.
        type: list
        elements: str
        default: []
      targets:
        description: Names of its targets, which are among O(targets).
        type: list
        elements: str
        required: true
requirements:
  - python >= 3.8
  - packaging >= 22, or pip >= 24.1, of this interpreter or as a wheel in the folder
extends_documentation_fragment:
  - airgap.python.targets
seealso:
  - module: airgap.python.pip_download
"""

EXAMPLES = r"""
- name: Read what pip download wrote
  airgap.python.wheelhouse_info:
    path: /srv/wheelhouse
    targets:
      - {name: node39, python: "3.9.2", os: linux, arch: x86_64, libc: glibc-2.31}
    sets:
      - {name: web, requirements: [flask>=3], targets: [node39]}
  register: wheelhouse

- name: Show it
  ansible.builtin.debug:
    var: wheelhouse.table
"""

RETURN = r"""
table:
  description: The result as lines for people.
  type: list
  elements: str
  returned: success
folders:
  description: The folders that have wheels, as O(airgap.python.pip_download#module:find_links) takes them.
  type: list
  elements: str
  returned: success
wheels:
  description: Number of wheels that can be read, each name once.
  type: int
  returned: success
targets:
  description: What the folder has for each target.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name of the target.
      type: str
    projects:
      description: The newest version that fits, by project.
      type: dict
    unfit:
      description: Projects with wheels of which none fits.
      type: list
      elements: str
    whole:
      description: Pins of the projects whose requirements, and theirs, are met by each other.
      type: list
      elements: str
    missing:
      description: What the newest versions need and the folder lacks, each with C(requirement), C(needed_by), C(reason) and C(text).
      type: list
      elements: dict
sets:
  description: For each of O(sets) and each of its targets, with C(set) and C(target), what is C(missing), as for a target.
  type: list
  elements: dict
  returned: success
adopted:
  description: Requirement sets with the pins of what is whole, one for all targets with the same pins.
  type: list
  elements: dict
  returned: success
sdists:
  description: Names of the sdists whose version has no wheel.
  type: list
  elements: str
  returned: success
broken:
  description: Wheels that cannot be read, or whose name is not that of their METADATA, with the reason.
  type: list
  elements: str
  returned: success
clashes:
  description: The paths of the files that have one name and several contents, by name. None of them is used.
  type: dict
  returned: success
links_out:
  description: Links that lead out of the folder and were not followed.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import _inputs
from ansible_collections.airgap.python.plugins.module_utils._resolve._wheelhouse_info import run_module
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser


def main() -> None:
    """Parse the arguments, run, and report errors."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "targets": _target_parser.OPTION,
            "sets": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": _inputs.SET,
            },
        },
        supports_check_mode=True,
    )
    try:
        result = run_module(module)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
