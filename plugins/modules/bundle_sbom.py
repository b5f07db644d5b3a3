#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_sbom
short_description: Write the software bill of materials of a bundle
version_added: 0.1.0
description:
  - Writes C(reports/sbom.cdx.json), CycloneDX 1.6, with one component for each file of the pool (package URL, SHA-256 and
    declared licence) and with the edges of every lock. It is validated against the schema before it is written.
  - The bundle itself is C(metadata.component); the locks are parts of it. A lock depends on the files that meet its
    requirements, a file on the files that it needs in its locks. The tool sets, C(airgap-pip) and C(airgap-devpi), are
    included like any other.
  - Its time is that of the manifest, and its serial number follows from the bundle's id, so that the same bundle gives
    the same bytes.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Works in check mode; reports a change if there is no manifest yet.
    support: full
  diff_mode:
    description: Shows the file before and after.
    support: full
options:
  path:
    description: The bundle, with the manifest that M(airgap.python.bundle_manifest) wrote.
    type: path
    required: true
requirements:
  - python >= 3.9
  - cyclonedx-python-lib[json-validation] >= 8, which depends on license-expression
  - packaging >= 22, or pip >= 24.1
"""

EXAMPLES = r"""
- name: Write the bill of materials
  airgap.python.bundle_sbom:
    path: /srv/airgap/bundle
  vars:
    ansible_python_interpreter: /srv/airgap/stage/venv/bin/python
"""

RETURN = r"""
dest:
  description: The file.
  type: str
  returned: success
components:
  description: Number of files in it.
  type: int
  returned: success
edges:
  description: Number of times that a lock or a file needs a file.
  type: int
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._report._sbom import write_sbom


def main() -> None:
    """Write the bill of materials."""
    module = AnsibleModule(argument_spec={"path": {"type": "path", "required": True}}, supports_check_mode=True)
    try:
        result = write_sbom(module.params["path"], module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error), **getattr(error, "details", {}))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
