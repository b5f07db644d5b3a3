#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_audit
short_description: Audit a bundle for known vulnerabilities
version_added: 0.1.0
description:
  - Asks a vulnerability service, through pip-audit, about every name and version in the manifest, and writes
    C(reports/audit.json) with the service, the date and the findings.
  - It first asks the service about a version with a widely known vulnerability. If the service cannot be reached or does
    not know that vulnerability, the report says C(not audited) with the reason, and never that there is no vulnerability.
    Versions that the service does not know are listed as skipped.
  - It does not ask about files built from the site's own source or commit, so that their names are not sent to anyone.
  - It asks again if the versions or the service changed, if the last answer is older than O(max_age), or with O(refresh).
    Otherwise the answer keeps its date. O(ignore) is applied every time.
  - Findings do not make it fail. RV(objections) lists the reasons for which a site may want to stop.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Works in check mode; it then does not ask the service, and reports a change if it would ask.
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
    description: Whether to ask the service. If not, the report says that the bundle is not audited.
    type: bool
    default: true
  service:
    description: The service. V(pypi) is the public index, V(osv) the database at osv.dev or another with its protocol.
    type: str
    choices: [pypi, osv]
    default: pypi
  url:
    description: The URL of V(osv). By default U(https://api.osv.dev/v1/query). pip-audit asks V(pypi) only at
      pypi.org.
    type: str
  severity_url:
    description:
      - The severity of each finding, which pip-audit does not report, is read from its record in the OSV schema below this
        URL. If it is empty, all severities are unknown.
    type: str
    default: https://api.osv.dev/v1/vulns
  ignore:
    description: Findings to ignore. An entry that has expired has no effect, and is reported.
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description: The finding's id or one of its aliases.
        type: str
      reason:
        description: Why it is harmless at this site.
        type: str
      until:
        description: The last day on which it is ignored, as C(YYYY-MM-DD).
        type: str
  max_age:
    description: Hours after which the service is asked again.
    type: float
    default: 168
  refresh:
    description: Ask the service in any case.
    type: bool
    default: false
  proxy:
    description: The proxy to the service. By default the one in pip's settings on this host.
    type: str
  cert:
    description: A file with the certificates to trust. By default the one in pip's settings on this host.
    type: path
  log:
    description: A file to which pip-audit's commands and output are appended.
    type: path
requirements:
  - pip
  - pip-audit >= 2.7, if it asks
"""

EXAMPLES = r"""
- name: Audit the bundle
  airgap.python.bundle_audit:
    path: /srv/airgap/bundle
    service: osv
    ignore:
      - id: CVE-2026-12345
        reason: We never parse untrusted files with it.
        until: 2026-12-31
  vars:
    ansible_python_interpreter: /srv/airgap/stage/venv/bin/python
  register: audit

- name: Stop if there are findings
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
  description: C(audited), C(partly audited) if versions were skipped, or C(not audited).
  type: str
  returned: success
asked:
  description: Why the service was asked now, or would be in check mode; empty if the last answer is still valid.
  type: str
  returned: success
counts:
  description: Number of findings of each severity and number of ignored ones; empty if the bundle is not audited.
  type: dict
  returned: success
objections:
  description: One sentence for each finding that is not ignored, or one that says that the bundle is not audited.
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
