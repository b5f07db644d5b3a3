#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_report
short_description: Write what the nodes of a site have
version_added: 0.1.0
description:
  - Writes one page without scripts that loads nothing and can be printed, and the same as JSON. They show the nodes by their sets,
    what differs, which bundle is served, who signed it, and the checks of the index hosts with the last backup and the end of the
    certificate.
  - It collects the results of M(airgap.python.node_check_info), M(airgap.python.site_check_info) and
    M(airgap.python.bundle_locks_info). A host without a result counts as one that differs.
  - It runs on the control host, and connects to none.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Works in check mode, and writes the files there as well, because they are a report and no change of the site.
    support: full
  diff_mode:
    description: The report has another time each time, so there is no difference to show.
    support: none
options:
  index:
    description: The index, as C(USER/INDEX).
    type: str
    required: true
  nodes:
    description: The nodes, each with C(host) and C(result) of M(airgap.python.node_check_info).
    type: list
    elements: dict
    required: true
  index_hosts:
    description: The index hosts, each with C(host) and C(result) of M(airgap.python.site_check_info).
    type: list
    elements: dict
    required: true
  locks:
    description: The locks, as M(airgap.python.bundle_locks_info) returns them.
    type: list
    elements: dict
    default: []
  page:
    description: The page to write. If empty, none is written.
    type: str
    default: ""
  json:
    description: The JSON file to write. If empty, none is written.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Write the page of the site
  airgap.python.site_report:
    index: airgap/prod
    nodes: "{{ found }}"
    index_hosts: [{host: index, result: "{{ hostvars['index'].checks }}"}]
    page: site.html
"""

RETURN = r"""
ok:
  description: Whether every node and every check is right.
  type: bool
  returned: success
table:
  description: The nodes as the lines of a table.
  type: list
  elements: str
  returned: success
differing:
  description: The nodes that differ.
  type: list
  elements: str
  returned: success
index_problems:
  description: What failed on the index hosts, each as a text.
  type: list
  elements: str
  returned: success
"""

# The action plugin of the same name does the work on the control host.
