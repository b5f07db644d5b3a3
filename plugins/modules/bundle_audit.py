#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_audit
short_description: Ask which known vulnerabilities a bundle has
version_added: 0.1.0
description:
  - Asks a vulnerability service, through pip-audit, about every name and version in the manifest, and writes
    C(reports/audit.json) with the service, the date and the findings.
  - The service is first asked about a version with a widely known vulnerability. If it cannot be reached or does not know
    that one, the report says C(not audited) with the reason, and never that there are no vulnerabilities. Versions that it
    does not know are listed as skipped.
  - What was built from the site's own source or commit is not asked about, so that its name is sent to nobody.
  - It is asked again if the versions or the service changed, if the last answer is older than O(max_age), or with
    O(refresh). Otherwise the answer keeps its date. What is ignored is decided anew every time.
  - Findings do not make it fail. RV(objections) lists what a site may want to stop for.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode. Then it asks nobody, and reports a change where it would ask.
    support: full
  diff_mode:
    description: Shows the report before and after.
    support: full
options:
  path:
    description: The bundle, with the manifest that M(airgap.python.bundle_manifest) wrote.
    type: path
    required: true
  ask:
    description: Whether to ask at all. If not, the report says that the bundle is not audited.
    type: bool
    default: true
  service:
    description: The service. V(pypi) is the public index, V(osv) the database at osv.dev or one that speaks its protocol.
    type: str
    choices: [pypi, osv]
    default: pypi
  url:
    description: Where V(osv) answers queries. By default U(https://api.osv.dev/v1/query). pip-audit asks V(pypi) only at
      pypi.org.
    type: str
  severity_url:
    description:
      - Below this URL, records of the OSV schema are looked up by id for the severity of each finding, which pip-audit does
        not report. If it is empty, all severities are unknown.
    type: str
    default: https://api.osv.dev/v1/vulns
  ignore:
    description: Findings that do not count. An entry that has expired has no effect and is reported.
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description: The finding's id or one of its aliases.
        type: str
      reason:
        description: Why it is harmless here.
        type: str
      until:
        description: The last day on which it is ignored, as C(YYYY-MM-DD).
        type: str
  max_age:
    description: Hours after which the service is asked again.
    type: float
    default: 168
  refresh:
    description: Ask in any case.
    type: bool
    default: false
  proxy:
    description: The proxy to the service. By default that of pip's settings on this host.
    type: str
  cert:
    description: A file with the certificates to trust. By default that of pip's settings on this host.
    type: path
  log:
    description: A file to which pip-audit's commands and output are appended.
    type: path
requirements:
  - pip
  - pip-audit >= 2.7, if it asks
"""

EXAMPLES = r"""
- name: Ask what is known
  airgap.python.bundle_audit:
    path: /srv/airgap/bundle
    service: osv
    ignore:
      - id: CVE-2026-12345
        reason: We never parse files from others with it.
        until: 2026-12-31
  vars:
    ansible_python_interpreter: /srv/airgap/stage/venv/bin/python
  register: audit

- name: Stop for what it found
  ansible.builtin.assert:
    that: audit.objections | length == 0
    fail_msg: "{{ audit.objections | join(' ') }}"
"""

RETURN = r"""
dest:
  description: The file.
  type: str
  returned: success
status:
  description: C(audited), C(partly audited), where versions were skipped, or C(not audited).
  type: str
  returned: success
asked:
  description: Why the service was asked now, or would be in check mode; empty if the last answer still counts.
  type: str
  returned: success
counts:
  description: How many findings there are of each severity, and how many are ignored; empty if it is not audited.
  type: dict
  returned: success
objections:
  description: That it is not audited, or each finding that is not ignored, as sentences.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._report._audit_report import audit_bundle


def main() -> None:
    """Audit the bundle."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "ask": {"type": "bool", "default": True},
            "service": {"type": "str", "choices": ["pypi", "osv"], "default": "pypi"},
            "url": {"type": "str"},
            "severity_url": {"type": "str", "default": "https://api.osv.dev/v1/vulns"},
            "ignore": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"id": {"type": "str"}, "reason": {"type": "str"}, "until": {"type": "str"}},
            },
            "max_age": {"type": "float", "default": 168},
            "refresh": {"type": "bool", "default": False},
            "proxy": {"type": "str", "no_log": True},
            "cert": {"type": "path"},
            "log": {"type": "path"},
        },
        supports_check_mode=True,
    )
    try:
        result = audit_bundle(module.params["path"], module.params, module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    for warning in result.pop("warnings", []):
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
