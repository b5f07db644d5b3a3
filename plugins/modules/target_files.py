#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: target_files
short_description: Write one target file for each kind of interpreter of a site
version_added: 0.1.0
description:
  - Takes what M(airgap.python.python_target_info) said of the interpreters of many hosts, and writes one file for each
    kind of them on the control host. C(airgap_targets) may name these files.
  - Interpreters are of one kind if their complete entries are the same.
    The kernel's release and version do not count, but for the release of macOS.
  - A host of the inventory that was not asked this time keeps what the files say of it.
  - A file whose interpreter was not found on any host stays, and is returned.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and return what it would change.
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
    description: For each host, by its name in the inventory, the list of what M(airgap.python.python_target_info) returned there.
    type: dict
    required: true
notes:
  - It runs on the control host, whatever the connection of the host that it is played on, and as the user who plays it.
"""

EXAMPLES = r"""
- name: Ask for the interpreter
  airgap.python.python_target_info:
  register: info

- name: Write the target files
  airgap.python.target_files:
    dest: "{{ inventory_dir }}/targets"
    answers: "{{ {inventory_hostname: [info]} }}"
"""

RETURN = r"""
files:
  description: Names of the target files of the site, in O(dest).
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
  description: Names of the target files that no host of the inventory has any more. They were not touched.
  type: list
  elements: str
  returned: success
"""

# The action plugin of the same name does the work on the control host.
