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
  - It collects the results of M(airgap.python.node_check_info), M(airgap.python.site_check_info),
    M(airgap.python.bundle_ledger_info) and M(airgap.python.bundle_locks_info). A host without a result counts as one that differs.
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
  template:
    description: The text of the page's Jinja2 template. The action plugin fills it in.
    type: str
  style:
    description: The text of the page's style sheet. The action plugin fills it in.
    type: str
requirements:
  - python >= 3.8
  - jinja2 >= 3.1, for O(page)
"""

EXAMPLES = r"""
- name: Write the page of the site
  airgap.python.site_report:
    index: airgap/prod
    nodes: "{{ found }}"
    index_hosts: [{host: index, result: "{{ hostvars['index'].checks }}"}]
    page: site.html
  delegate_to: localhost
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

import os

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _clock
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import write_atomic
from ansible_collections.airgap.python.plugins.module_utils._report import _page_html
from ansible_collections.airgap.python.plugins.module_utils._site import _site_page


def main() -> None:
    """Write the report."""
    module = AnsibleModule(
        argument_spec={
            "index": {"type": "str", "required": True},
            "nodes": {"type": "list", "elements": "dict", "required": True},
            "index_hosts": {"type": "list", "elements": "dict", "required": True},
            "locks": {"type": "list", "elements": "dict", "default": []},
            "page": {"type": "str", "default": ""},
            "json": {"type": "str", "default": ""},
            "template": {"type": "str"},
            "style": {"type": "str"},
        },
        supports_check_mode=True,
    )
    params = module.params
    if params["page"] and _page_html.LIBRARY_ERROR:
        module.fail_json(msg=missing_required_lib("jinja2"), exception=_page_html.LIBRARY_ERROR)
    page = _site_page.plan(params, _clock.render(_clock.now()))
    try:
        if params["json"]:
            write_atomic(os.path.abspath(params["json"]), _json.render(_site_page.document(page, params)).encode())
        if params["page"]:
            text = _page_html.render(page, params["template"], params["style"])
            write_atomic(os.path.abspath(params["page"]), text.encode())
    except (AirgapError, OSError) as error:
        module.fail_json(msg="The report cannot be written: %s" % error)
    module.exit_json(
        changed=False,
        ok=not page.differing and not page.failed,
        table=_site_page.table(page),
        differing=[one.host for one in page.differing],
        index_problems=["%s: %s" % (one.host, one.message) for one in page.failed],
    )


if __name__ == "__main__":
    main()
