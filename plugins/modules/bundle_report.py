#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_report
short_description: Write the page on which an officer approves a bundle
version_added: 0.1.0
description:
  - Writes C(reports/report.html), one page without scripts that loads nothing and can be printed. It shows what is new,
    known vulnerabilities, unusual licences, sizes, which package needs which, every file with its sum, and how to sign.
  - Writes C(reports/dependencies.txt), which package needs which for each set and target, as plain text that can be
    compared with that of another bundle. It looks like the output of C(pipdeptree).
  - It reads C(reports/audit.json) and C(reports/changes.json), which must exist.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Works in check mode; reports a change if the other reports do not exist yet.
    support: full
  diff_mode:
    description: Shows the files before and after.
    support: full
options:
  path:
    description: The bundle.
    type: path
    required: true
  usual_licenses:
    description: SPDX ids of the licences that are usual at the site; all others are marked. By default permissive licences.
    type: list
    elements: str
  signers:
    description: The signers whose signatures count, as lines of an allowed signers file (ssh-keygen(1)).
    type: list
    elements: str
    default: []
  required_signatures:
    description: How many of them must sign. By default one if there are O(signers).
    type: int
  template:
    description: The text of the page's Jinja2 template. The action plugin fills it in.
    type: str
  style:
    description: The text of the page's style sheet. The action plugin fills it in.
    type: str
requirements:
  - jinja2 >= 3.1
  - packaging >= 22, or pip >= 24.1
  - license-expression >= 30, where a wheel declares an SPDX expression
seealso:
  - module: airgap.python.bundle_audit
  - module: airgap.python.bundle_changes
"""

EXAMPLES = r"""
- name: Write the approver's page
  airgap.python.bundle_report:
    path: /srv/airgap/bundle
    signers: "{{ publish_allowed_signers }}"
    required_signatures: 2
"""

RETURN = r"""
dest:
  description: The page.
  type: str
  returned: success
dependencies:
  description: The file with the dependency trees.
  type: str
  returned: success
unusual:
  description: Names of the files with an unusual licence.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._report._page_report import write_page


def main() -> None:
    """Write the page and the dependency trees."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "usual_licenses": {"type": "list", "elements": "str"},
            "signers": {"type": "list", "elements": "str", "default": []},
            "required_signatures": {"type": "int"},
            "template": {"type": "str"},
            "style": {"type": "str"},
        },
        supports_check_mode=True,
    )
    try:
        result = write_page(module.params["path"], module.params, module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error), **getattr(error, "details", {}))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
