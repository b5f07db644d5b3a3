# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a vulnerability service about a bundle through pip-audit, and write audit.json. _audit decides what it says."""

from __future__ import annotations

import datetime
import http.client
import importlib.util
import json
import os
import sys
import tempfile
import time
import typing as t

from ansible.module_utils.urls import ConnectionError as UrlError
from ansible.module_utils.urls import open_url
from ansible_collections.airgap.python.plugins.module_utils import _json, _secrets
from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout, _manifest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import read_if_exists
from ansible_collections.airgap.python.plugins.module_utils._pip import _command
from ansible_collections.airgap.python.plugins.module_utils._report import _audit, _pip_audit, _report_files, _severity

# The limit for all severities together in seconds, and for each response in bytes.
SEVERITY_SECONDS = 20
LARGEST_RECORD = 4 * 1024 * 1024
Options = t.Mapping[str, t.Any]


def audit_bundle(root: str, options: Options, check_mode: bool) -> t.Dict[str, t.Any]:
    """Write the audit of a bundle, and ask the service if that is due; return bundle_audit's result, with warnings.

    ``options`` are those of bundle_audit. Check mode does not ask. Raises AirgapError and OSError.
    """
    if check_mode and not os.path.exists(os.path.join(root, _layout.MANIFEST)):
        dest = _report_files.report_path(root, _report_files.AUDIT)
        return {
            "changed": True,
            "dest": dest,
            "status": _audit.NOT_AUDITED,
            "asked": "",
            "counts": {},
            "objections": [],
        }
    ignore = _audit.parse_ignore(options["ignore"])
    service = _audit.describe_service(options["service"], options["url"])
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    manifest = _manifest.read(root)
    earlier = _earlier_report(root)
    plan = _audit.plan(manifest, earlier, service, options["ask"], options["refresh"], options["max_age"], now)
    report = plan.report if check_mode or not plan.due else _ask_service(manifest, service, options, now)
    report = _audit.complete(report, manifest, ignore, now[:10], earlier)
    text = _json.render(report)
    result = _report_files.write_report(root, _report_files.AUDIT, text, check_mode)
    # The answer is unknown. If the service did not answer before, it most likely does not answer now.
    if check_mode and plan.due and (earlier or {}).get("status") != _audit.NOT_AUDITED:
        result["changed"] = True
    return dict(
        result,
        status=report["status"],
        asked=plan.due,
        counts=report["counts"],
        objections=_audit.objections(report),
        warnings=_audit.warnings(report) if options["ask"] else [],
    )


def _earlier_report(root: str) -> t.Optional[t.Dict[str, t.Any]]:
    """Return the existing report, or None if none can be read."""
    try:
        return _report_files.read_report(root, _report_files.AUDIT)
    except AirgapError:
        return None


def _ask_service(
    manifest: t.Mapping[str, t.Any], service: t.Mapping[str, str], options: Options, now: str
) -> t.Dict[str, t.Any]:
    """Return the report of what the service answers now."""
    if importlib.util.find_spec("pip_audit") is None:
        return _audit.not_audited(manifest, service, "%s has no pip-audit" % sys.executable)
    with tempfile.TemporaryDirectory(prefix="airgap-audit-") as scratch:
        client = PipAudit(options, scratch)
        answer = client.ask_all(_audit.versions_of(manifest["files"])[0])
        if answer.failure:
            return _audit.not_audited(manifest, service, answer.failure)
        severities = client.add_severities(answer.findings)
    return _audit.audited(manifest, service, now, answer, severities)


class PipAudit:
    """pip-audit of this interpreter, and the lookup of severities, with the proxy and certificates of pip."""

    def __init__(self, options: Options, scratch: str) -> None:
        self.options = options
        self.scratch = scratch
        pip = _command.Pip(sys.executable, {key: options[key] for key in ("proxy", "cert")}, None)
        self.secrets = pip.secrets()
        self.environment = dict(os.environ)
        if pip.settings.get("proxy"):
            for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
                self.environment[name] = pip.settings["proxy"]
        if pip.settings.get("cert"):
            self.environment.update(REQUESTS_CA_BUNDLE=pip.settings["cert"], SSL_CERT_FILE=pip.settings["cert"])
        os.environ.update(self.environment)

    def ask(self, versions: t.Sequence[_pip_audit.Version], seconds: float) -> _pip_audit.Answer:
        """Ask about versions, at most one of each project."""
        listing = os.path.join(self.scratch, "requirements.txt")
        answer = os.path.join(self.scratch, "answer.json")
        if os.path.exists(answer):
            os.unlink(answer)
        with open(listing, "w", encoding="utf-8") as stream:
            stream.write("".join(pin + "\n" for pin in _audit.pins(versions)))
        # A cache of its own: an answer from an older cache would be reported with today's date.
        cache = os.path.join(self.scratch, "cache")
        arguments = _pip_audit.arguments(self.options["service"], self.options["url"] or "", listing, answer, cache)
        command = [sys.executable, "-m", "pip_audit"] + arguments
        dummy, out = _command.run_logged(command, self.environment, self.options["log"], self.secrets, seconds)
        out = _secrets.hide(out, self.secrets)
        text = read_if_exists(answer)
        return _pip_audit.parse_answer(None if text is None else text.decode("utf-8", "replace"), out, versions)

    def ask_all(self, versions: t.Sequence[_pip_audit.Version]) -> _pip_audit.Answer:
        """Ask about the probe and then about all versions; return one answer."""
        failure = _pip_audit.probe_failure(self.ask([_pip_audit.PROBE], _pip_audit.PROBE_SECONDS))
        findings: t.List[t.Dict[str, t.Any]] = []
        skipped: t.List[t.Dict[str, t.Any]] = []
        for batch in _pip_audit.batches(versions) if not failure else []:
            answer = self.ask(batch, _pip_audit.PROBE_SECONDS + _pip_audit.VERSION_SECONDS * len(batch))
            if answer.failure:
                return answer
            findings += answer.findings
            skipped += answer.skipped
        return _pip_audit.Answer(findings, skipped, failure)

    def add_severities(self, findings: t.Iterable[t.Dict[str, t.Any]]) -> str:
        """Add the severity to each finding; return the URL of their source, or why they are missing."""
        url = (self.options["severity_url"] or "").rstrip("/")
        if not url:
            return "not requested"
        deadline = time.monotonic() + SEVERITY_SECONDS
        known: t.Dict[str, str] = {}
        for finding in findings:
            for name in _severity.severity_ids(finding)[:3]:
                if time.monotonic() > deadline:
                    return "%s answered for some of them, then took too long" % url
                if name not in known:
                    try:
                        known[name] = _severity_at("%s/%s" % (url, name))
                    except (OSError, UrlError, http.client.HTTPException) as error:
                        return "%s could not be asked: %s" % (url, _pip_audit.explain_failure(str(error)))
                finding["severity"] = known[name]
                if known[name] != "unknown":
                    break
        return url


def _severity_at(url: str) -> str:
    """Return the severity in the record at a URL; "unknown" if there is none."""
    try:
        answer = open_url(url, timeout=_pip_audit.SOCKET_SECONDS, headers={"Accept": "application/json"})
        return _severity.severity_of(json.loads(answer.read(LARGEST_RECORD).decode("utf-8")))
    except ValueError:
        return "unknown"
    except OSError as error:
        if getattr(error, "code", 0) in (400, 404):
            return "unknown"
        raise
