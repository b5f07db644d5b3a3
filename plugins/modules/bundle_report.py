#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_report
short_description: Write the bill of materials, what changed, and the page on which an officer approves a bundle
version_added: 0.1.0
description:
  - Writes C(reports/report.html), one page without scripts that loads nothing and can be printed. It shows what is new,
    known vulnerabilities, unusual licences, sizes, which package needs which, every file with its sum, and how to sign.
  - Writes C(reports/sbom.cdx.json), CycloneDX 1.6, with one component for each file of the pool (package URL, SHA-256 and
    declared licence) and with the edges of every lock. It is validated against the schema before it is written.
  - In it, the bundle itself is C(metadata.component); the locks are parts of it. A lock depends on the files that meet its
    requirements, a file on the files that it needs in its locks. The sets of the collection, whose names begin with C(airgap-), are
    included like any other. Its time is that of the manifest, and its serial number follows from the bundle's id, so that the
    same bundle gives the same bytes.
  - Writes C(reports/dependencies.txt), which package needs which for each set and target, as plain text that can be
    compared with that of another bundle. It looks like the output of C(pipdeptree).
  - Writes C(reports/changes.json) with what was added, upgraded, downgraded, replaced (another file of the same version)
    and removed, for each set and target. In the first bundle, everything is added.
  - The bundle is compared with O(base) if that is set, or else with the last bundle in O(memory). A bundle that is staged
    again without a change is compared with the same bundle as before.
  - It reads C(reports/audit.json), which must exist.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Works in check mode; reports a change if the manifest or the audit does not exist yet.
    support: full
  diff_mode:
    description: Shows the files before and after.
    support: full
options:
  path:
    description: The bundle, with the manifest that M(airgap.python.bundle_manifest) wrote.
    type: path
    required: true
  memory:
    description: The file in which M(airgap.python.bundle_seal) records what was sealed.
    type: path
    required: true
  base:
    description:
      - The bundle that this one adds to, as a C(manifest.json) or as an C(inventory.json) of an index host.
      - An inventory does not list sets. Unless O(memory) has the manifest of that bundle, each lock is compared with all
        files of the inventory, and removed files are known only for the bundle as a whole.
    type: path
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
  - python >= 3.9
  - jinja2 >= 3.1
  - cyclonedx-python-lib[json-validation] >= 8, which depends on license-expression
  - packaging >= 22, or pip >= 24.1
  - license-expression >= 30, where a wheel declares an SPDX expression
seealso:
  - module: airgap.python.bundle_audit
  - module: airgap.python.bundle_seal
"""

EXAMPLES = r"""
- name: Write the approver's page
  airgap.python.bundle_report:
    path: /srv/airgap/bundle
    memory: /srv/airgap/stage/sealed-manifests.json
    signers: "{{ publish_allowed_signers }}"
    required_signatures: 2
"""

RETURN = r"""
dest:
  description: The page.
  type: str
  returned: success
sbom:
  description: The bill of materials.
  type: str
  returned: success
dependencies:
  description: The file with the dependency trees.
  type: str
  returned: success
changes:
  description: The file with the changes.
  type: str
  returned: success
against:
  description: Id of the bundle that it was compared with; empty for the first bundle.
  type: str
  returned: success
counts:
  description: Number of changes of each kind; the same change in several sets or targets is counted once.
  type: dict
  returned: success
  sample: {added: 2, upgraded: 5, downgraded: 0, replaced: 0, removed: 1}
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
    """Write the reports."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "memory": {"type": "path", "required": True},
            "base": {"type": "path"},
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
