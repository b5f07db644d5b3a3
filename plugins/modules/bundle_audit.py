#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_audit
short_description: Ask which known vulnerabilities a bundle holds
version_added: 0.1.0
description:
  - Asks a vulnerability service, through pip-audit, about every name and version in the manifest, and writes
    C(reports/audit.json) with the service, the date and the findings.
  - The service is first asked about a version whose vulnerability everybody knows. If it cannot be reached or knows nothing
    of that, the report says C(not audited) with the reason, and never that nothing is known. Versions that it does not
    know are named as skipped.
  - What was built from a source or commit of the site's own is not asked about, so that its name is told to nobody.
  - It is asked again if the versions or the service changed, if the last answer is older than O(max_age), or with
    O(refresh). Otherwise the answer keeps its date. What is ignored is judged every time.
  - Findings do not make it fail. RV(objections) has what a site may want to stop for.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode. It asks nobody then, and reports a change where it would.
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
    description: Whether to ask at all. Without, the report says that it is not audited.
    type: bool
    default: true
  service:
    description: The service. V(pypi) is the public index, V(osv) the database at osv.dev or one that speaks its protocol.
    type: str
    choices: [pypi, osv]
    default: pypi
  url:
    description: Where V(osv) answers queries. By default U(https://api.osv.dev/v1/query). pip-audit asks V(pypi) nowhere else
      than at pypi.org.
    type: str
  severity_url:
    description:
      - Below this URL, records of the OSV schema are looked up by id for the severity of what was found, which neither
        service tells through pip-audit. Empty, all severities are unknown.
    type: str
    default: https://api.osv.dev/v1/vulns
  ignore:
    description: Findings that do not count. An entry that has expired counts for nothing and is named.
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description: The finding's id or one of its aliases.
        type: str
      reason:
        description: Why it does no harm here.
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
        reason: We never parse files of others with it.
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
  description: Why the service was asked now, or would be in check mode; empty if the answer before still counts.
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

import datetime
import http.client
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import ConnectionError as UrlError
from ansible.module_utils.urls import open_url
from ansible_collections.airgap.python.plugins.module_utils import (
    _audit,
    _evidence,
    _manifest,
    _pip,
    _resolve,
    _secrets,
)
from ansible_collections.airgap.python.plugins.module_utils._files import read_if_there

# All severities together may take so many seconds, and each answer so many bytes.
SEVERITY_SECONDS = 20
LARGEST_RECORD = 4 * 1024 * 1024


class Audit:
    """Ask the service what is due, and write what is known."""

    def __init__(self, module):
        self.module = module
        self.params = module.params
        self.root = module.params["path"]
        self.scratch = ""
        self.environment = dict(os.environ)
        self.secrets = {}

    def service(self):
        """Return what is asked, as the report says it."""
        name = self.params["service"]
        url = self.params["url"] or _audit.SERVICES[name]
        if name == "pypi" and url != _audit.SERVICES[name]:
            raise _audit.AuditError(
                "stage_audit_url is %s, but pip-audit asks the service pypi at pypi.org alone. Leave it empty, or set "
                "stage_audit_service to osv." % _secrets.without_password(url)
            )
        if url != _secrets.without_password(url):
            raise _audit.AuditError("stage_audit_url holds a password, which a command line would show. Leave it out.")
        return {"name": name, "url": url, "tool": "pip-audit"}

    def connect(self):
        """Let pip-audit and the look-up of severities use the proxy and certificates that pip uses here."""
        options = {key: self.params[key] for key in ("proxy", "cert")}
        pip = _pip.Pip(sys.executable, options, None)
        self.secrets = pip.secrets()
        if pip.settings.get("proxy"):
            for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
                self.environment[name] = pip.settings["proxy"]
        if pip.settings.get("cert"):
            self.environment.update(REQUESTS_CA_BUNDLE=pip.settings["cert"], SSL_CERT_FILE=pip.settings["cert"])
        os.environ.update(self.environment)

    def ask(self, versions, seconds):
        """Ask pip-audit about versions, at most one of each project."""
        listing = os.path.join(self.scratch, "requirements.txt")
        answer = os.path.join(self.scratch, "answer.json")
        if os.path.exists(answer):
            os.unlink(answer)
        with open(listing, "w", encoding="utf-8") as stream:
            stream.write("".join(pin + "\n" for pin in _audit.pins(versions)))
        # A cache of its own: an answer out of a cache has another date than it says.
        cache = os.path.join(self.scratch, "cache")
        arguments = _audit.arguments(self.params["service"], self.params["url"] or "", listing, answer, cache)
        command = [sys.executable, "-m", "pip_audit"] + arguments
        dummy, out = _pip.run_logged(command, self.environment, self.params["log"], self.secrets, seconds)
        for secret in self.secrets:
            out = out.replace(secret, "********")
        text = read_if_there(answer)
        return _audit.parse_answer(None if text is None else text.decode("utf-8", "replace"), out, versions)

    def ask_all(self, versions):
        """Ask about the probe and then about all versions; return one answer."""
        failure = _audit.judge_probe(self.ask([_audit.PROBE], _audit.PROBE_SECONDS))
        findings, skipped = [], []
        for part in _audit.rounds(versions) if not failure else []:
            answer = self.ask(part, _audit.PROBE_SECONDS + _audit.VERSION_SECONDS * len(part))
            if answer.failure:
                return answer
            findings += answer.findings
            skipped += answer.skipped
        return _audit.Answer(findings, skipped, failure)

    def add_severities(self, findings):
        """Look the severities of findings up; return who told them, or why nobody did."""
        url = (self.params["severity_url"] or "").rstrip("/")
        if not url:
            return "not asked for"
        deadline = time.monotonic() + SEVERITY_SECONDS
        known = {}
        for finding in findings:
            for name in _audit.severity_ids(finding)[:3]:
                if time.monotonic() > deadline:
                    return "%s told some, and took too long" % url
                if name not in known:
                    try:
                        known[name] = self.look_up("%s/%s" % (url, name))
                    except (OSError, UrlError, http.client.HTTPException) as error:
                        return "%s could not be asked: %s" % (url, _audit.explain(str(error)))
                finding["severity"] = known[name]
                if known[name] != "unknown":
                    break
        return url

    @staticmethod
    def look_up(url):
        """Return the severity in one record; a record that is not there tells none."""
        try:
            answer = open_url(url, timeout=_audit.SOCKET_SECONDS, headers={"Accept": "application/json"})
            return _audit.severity_of(json.loads(answer.read(LARGEST_RECORD).decode("utf-8")))
        except ValueError:
            return "unknown"
        except OSError as error:
            if getattr(error, "code", 0) in (400, 404):
                return "unknown"
            raise

    def asked(self, manifest, service, now):
        """Return the report of what the service says now."""
        if importlib.util.find_spec("pip_audit") is None:
            return _audit.not_audited(manifest, service, "%s has no pip-audit" % sys.executable)
        self.connect()
        self.scratch = tempfile.mkdtemp(prefix="airgap-audit-")
        try:
            answer = self.ask_all(_audit.versions_of(manifest["files"])[0])
            if answer.failure:
                return _audit.not_audited(manifest, service, answer.failure)
            severities = self.add_severities(answer.findings)
        finally:
            shutil.rmtree(self.scratch, ignore_errors=True)
        return _audit.audited(manifest, service, now, answer, severities)

    def before(self):
        """Return the report that is there, or None."""
        data = read_if_there(os.path.join(self.root, _manifest.REPORTS, _evidence.AUDIT))
        try:
            report = json.loads((data or b"").decode("utf-8"))
            return report if isinstance(report, dict) and report.get("format") == _audit.FORMAT else None
        except ValueError:
            return None

    def run(self):
        """Plan, then ask and write unless in check mode; return the result."""
        ignore = _audit.parse_ignore(self.params["ignore"])
        service = self.service()
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        manifest = _evidence.read_manifest(self.root)
        before = self.before()
        due = _audit.is_due(before, _audit.versions_of(manifest["files"])[0], service, self.params["max_age"], now)
        if self.params["refresh"]:
            due = "it is to be asked in any case"
        if not self.params["ask"]:
            due, report = "", _audit.not_audited(manifest, service, "stage_audit is off")
        elif not due:
            report = before
        elif self.module.check_mode:
            report = before or _audit.not_audited(manifest, service, "check mode asks nobody")
        else:
            report = self.asked(manifest, service, now)
        report = _audit.finish(report, manifest, ignore, now[:10], before)
        result = _evidence.put(self.root, _evidence.AUDIT, _manifest.render_json(report), self.module.check_mode)
        # Nobody knows what it would say; where it said nothing before, it most likely says nothing again.
        if self.module.check_mode and due and (before or {}).get("status") != _audit.NOT:
            result["changed"] = True
        for warning in _audit.warnings(report) if self.params["ask"] else []:
            self.module.warn(warning)
        result.update(status=report["status"], asked=due, counts=report["counts"], objections=_audit.objections(report))
        return result


def main():
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
    root = module.params["path"]
    if module.check_mode and not os.path.exists(os.path.join(root, _manifest.MANIFEST)):
        dest = os.path.join(root, _manifest.REPORTS, _evidence.AUDIT)
        module.exit_json(changed=True, dest=dest, status=_audit.NOT, asked="", counts={}, objections=[])
    try:
        result = Audit(module).run()
    except (_audit.AuditError, _resolve.ResolveError) + _evidence.ERRORS as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
