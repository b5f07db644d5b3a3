#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_report
short_description: Write the page for the one who approves a bundle
version_added: 0.1.0
description:
  - Writes C(reports/report.html), one page without scripts that loads nothing and can be printed. It shows what is new, the
    known vulnerabilities, unusual licences, sizes, who needs whom, every file with its sum, and how to sign.
  - Writes C(reports/dependencies.txt), the same who needs whom for each set and target as plain text, to be compared with
    another; it looks as what C(pipdeptree) prints.
  - Its audit is C(reports/audit.json), its changes are C(reports/changes.json); both must be there.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and say what would change. Where the other reports are not there yet, it says so.
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
    description: SPDX ids of the licences that are usual at the site; all others are marked. By default permissive ones.
    type: list
    elements: str
  signers:
    description: Whose signature counts, as lines of an allowed signers file (ssh-keygen(1)).
    type: list
    elements: str
    default: []
  required_signatures:
    description: How many of them must sign. By default one if there are any.
    type: int
requirements:
  - packaging >= 22, or pip >= 24.1
seealso:
  - module: airgap.python.bundle_audit
  - module: airgap.python.bundle_changes
"""

EXAMPLES = r"""
- name: Write the page for the officer
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
  description: The text with the trees.
  type: str
  returned: success
unusual:
  description: Files with an unusual licence.
  type: list
  elements: str
  returned: success
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import (
    _dependencies,
    _evidence,
    _license,
    _manifest,
    _report,
)
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def read_report(root, name):
    """Return one of our JSON reports; raises AirgapError."""
    path = os.path.join(root, _manifest.REPORTS, name)
    document = _manifest.parse_json(_manifest.read_text(path), path, "Stage the bundle again.")
    if not isinstance(document, dict) or document.get("format") != _evidence.FORMAT:
        raise AirgapError("%s is no report of format %d. Stage again." % (path, _evidence.FORMAT))
    return document


def main():
    """Write the page."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "usual_licenses": {"type": "list", "elements": "str"},
            "signers": {"type": "list", "elements": "str", "default": []},
            "required_signatures": {"type": "int"},
        },
        supports_check_mode=True,
    )
    root = module.params["path"]
    needed = [_manifest.MANIFEST] + [
        "%s/%s" % (_manifest.REPORTS, name) for name in (_evidence.AUDIT, _evidence.CHANGES)
    ]
    if module.check_mode and not all(os.path.exists(os.path.join(root, name)) for name in needed):
        folder = os.path.join(root, _manifest.REPORTS)
        module.exit_json(
            changed=True,
            dest=os.path.join(folder, _evidence.REPORT),
            dependencies=os.path.join(folder, _evidence.DEPENDENCIES),
            unusual=[],
        )
    signers = module.params["signers"]
    required = module.params["required_signatures"]
    if required is None:
        required = 1 if signers else 0
    try:
        evidence = _evidence.read(root)
        page = _report.Page(
            evidence,
            read_report(root, _evidence.AUDIT),
            read_report(root, _evidence.CHANGES),
            module.params["usual_licenses"] or _license.USUAL,
            signers,
            required,
        )
        result = _evidence.put(root, _evidence.REPORT, page.render(), module.check_mode)
        trees = _dependencies.render(evidence.locks)
        beside = _evidence.put(root, _evidence.DEPENDENCIES, trees, module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    result["dependencies"] = beside["dest"]
    result["changed"] = result["changed"] or beside["changed"]
    differences = [one["diff"] for one in (result, beside) if "diff" in one]
    if differences:
        result["diff"] = differences
    result["unusual"] = [os.path.basename(entry["path"]) for entry in page.unusual]
    module.exit_json(**result)


if __name__ == "__main__":
    main()
