#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: target_files
short_description: Write one target file for each kind of interpreter of a site
version_added: 0.1.0
description:
  - Takes the results of M(airgap.python.python_target_info) from many hosts, and writes one file for each kind of
    interpreter on the control host. C(airgap_targets) may name these files.
  - Interpreters are of one kind if their complete entries are the same.
    The kernel's release and version are not compared, except the release of macOS.
  - A host of the inventory that was not asked this time keeps its entries in the files.
  - A file whose interpreter no host has any more stays, and is returned in RV(left).
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Works in check mode; returns what it would change.
    support: full
  diff_mode:
    description: Shows the files before and after.
    support: full
options:
  dest:
    description: Folder on the control host.
    type: path
    required: true
  answers:
    description: For each host, by its name in the inventory, the list of results of M(airgap.python.python_target_info).
    type: dict
    required: true
notes:
  - It runs on the control host, as the user who runs Ansible, whatever the connection of the play's host.
"""

EXAMPLES = r"""
- name: Describe the interpreter
  airgap.python.python_target_info:
  register: info

- name: Write the target files
  airgap.python.target_files:
    dest: "{{ inventory_dir }}/targets"
    answers: "{{ {inventory_hostname: [info]} }}"
"""

RETURN = r"""
files:
  description: Names of the site's target files in O(dest).
  type: list
  elements: str
  returned: success
  sample: [cp311-linux-x86_64-glibc-2.36.target.txt]
hosts:
  description: For each host, the names of its targets.
  type: dict
  returned: success
  sample: {node311: [cp311-linux-x86_64-glibc-2.36]}
written:
  description: Names of the files that were written, or would be in check mode.
  type: list
  elements: str
  returned: success
left:
  description: Names of the target files that no host of the inventory has any more. They are not changed.
  type: list
  elements: str
  returned: success
"""

# The action plugin of the same name does the work on the control host.
