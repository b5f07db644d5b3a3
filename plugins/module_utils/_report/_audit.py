# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit of a bundle: when it is due, what the report says, and what stops a run. No I/O happens here."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._report import _report_files
from ansible_collections.airgap.python.plugins.module_utils._report._pip_audit import Answer, Version
from ansible_collections.airgap.python.plugins.module_utils._report._severity import SEVERITIES

AUDITED = "audited"
PARTLY_AUDITED = "partly audited"
NOT_AUDITED = "not audited"
SERVICES = {"pypi": "https://pypi.org", "osv": "https://api.osv.dev/v1/query"}
OWN_SOURCE = "it was built from the site's own source, and its name is not sent to anyone"


class Ignore(t.NamedTuple):
    """A finding to ignore: its id or an alias, the reason, and the last day (YYYY-MM-DD)."""

    id: str
    reason: str
    until: str


def parse_ignore(raw: t.Iterable[t.Mapping[str, t.Any]]) -> t.List[Ignore]:
    """Return the findings to ignore; raises AirgapError for an entry without id, reason or last day."""
    found = []
    for one in raw:
        name = str(one.get("id") or "").strip()
        reason = " ".join(str(one.get("reason") or "").split())
        until = str(one.get("until") or "").strip()
        if not name:
            raise AirgapError("stage_audit_ignore: %r has no id. Write one, such as CVE-2026-12345." % (dict(one),))
        if set(one) - {"id", "reason", "until"}:
            raise AirgapError(
                "stage_audit_ignore: %s has the unknown field %s. An entry has id, reason and until."
                % (name, ", ".join(sorted(set(one) - {"id", "reason", "until"})))
            )
        if not reason:
            raise AirgapError("stage_audit_ignore: %s has no reason. Write why it is harmless at this site." % name)
        try:
            datetime.datetime.strptime(until, "%Y-%m-%d")
        except ValueError as error:
            raise AirgapError(
                "stage_audit_ignore: %s has until %r. Write the last day on which it is ignored as YYYY-MM-DD."
                % (name, until)
            ) from error
        found.append(Ignore(name, reason, until))
    names = [one.id.lower() for one in found]
    for name in names:
        if names.count(name) > 1:
            raise AirgapError("stage_audit_ignore has two entries for %s. Remove one of them." % name.upper())
    return found


def describe_service(name: str, url: t.Optional[str]) -> t.Dict[str, str]:
    """Return the vulnerability service, as the report names it; raises AirgapError for a URL that cannot be used."""
    where = url or SERVICES[name]
    if name == "pypi" and where != SERVICES[name]:
        raise AirgapError(
            "stage_audit_url is %s, but pip-audit asks the service pypi only at pypi.org. Leave it empty, or set "
            "stage_audit_service to osv." % _secrets.without_password(where)
        )
    if where != _secrets.without_password(where):
        raise AirgapError("stage_audit_url contains a password, which a command line would show. Remove it.")
    return {"name": name, "url": where, "tool": "pip-audit"}


def versions_of(files: t.Iterable[t.Mapping[str, t.Any]]) -> t.Tuple[t.List[Version], t.List[t.Dict[str, str]]]:
    """Return (name, version) of all files in a manifest, and those about which no service may be asked."""
    asked: t.Set[Version] = set()
    own: t.Set[Version] = set()
    for entry in files:
        private = entry.get("origin", "").startswith(("built:source:", "built:git+"))
        (own if private else asked).add((entry["name"], entry["version"]))
    return sorted(asked), [
        {"name": name, "version": version, "reason": OWN_SOURCE} for name, version in sorted(own - asked)
    ]


class Plan(t.NamedTuple):
    """Why the service must be asked, "" if it need not be, and the report if it is not asked."""

    due: str
    report: t.Mapping[str, t.Any]


def plan(
    manifest: t.Mapping[str, t.Any],
    earlier: t.Optional[t.Mapping[str, t.Any]],
    service: t.Mapping[str, str],
    is_on: bool,
    refresh: bool,
    max_age: float,
    now: str,
) -> Plan:
    """Return whether the service must be asked about a bundle; ``earlier`` is the existing report, if any."""
    if not is_on:
        return Plan("", not_audited(manifest, service, "stage_audit is off"))
    due = why_due(earlier, versions_of(manifest["files"])[0], service, max_age, now)
    if refresh:
        due = "the option refresh is set"
    return Plan(due, earlier or not_audited(manifest, service, "check mode does not ask the service"))


def why_due(
    report: t.Optional[t.Mapping[str, t.Any]],
    versions: t.Sequence[Version],
    service: t.Mapping[str, str],
    max_age: float,
    now: str,
) -> str:
    """Return why the service must be asked (again), or ""; ``max_age`` is in hours, ``now`` RFC 3339 in UTC."""
    if report is None:
        return "there is no report yet"
    if report.get("status") not in (AUDITED, PARTLY_AUDITED) or not report.get("asked"):
        return "the last report has no answer of the service"
    if report.get("versions") != pins(versions):
        return "the versions changed"
    known = report.get("service", {})
    if any(known.get(key) != service[key] for key in ("name", "url")):
        return "the service changed"
    age = (_time(now) - _time(report["asked"])).total_seconds() / 3600
    if age >= max_age or age < 0:
        return "the last answer is from %s" % report["asked"]
    return ""


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


def pins(versions: t.Iterable[Version]) -> t.List[str]:
    """Return versions in the form NAME==VERSION."""
    return ["%s==%s" % one for one in versions]


def users_of(files: t.Iterable[t.Mapping[str, t.Any]]) -> t.Dict[Version, t.List[str]]:
    """Return the locks ("set/target") that contain each version."""
    found: t.Dict[Version, t.Set[str]] = {}
    for entry in files:
        labels = {"%s/%s" % (user["set"], user["target"]) for user in entry.get("used_by", [])}
        found.setdefault((entry["name"], entry["version"]), set()).update(labels)
    return {key: sorted(labels) for key, labels in found.items()}


def not_audited(manifest: t.Mapping[str, t.Any], service: t.Mapping[str, str], reason: str) -> t.Dict[str, t.Any]:
    """Return a report that nothing is known, with the reason; it has no date, so that it stays the same."""
    return {
        "format": _report_files.FORMAT,
        "bundle": manifest["id"],
        "status": NOT_AUDITED,
        "reason": reason,
        "service": dict(service),
        "asked": None,
        "severities": "",
        "versions": pins(versions_of(manifest["files"])[0]),
        "skipped": [],
        "findings": [],
    }


def audited(
    manifest: t.Mapping[str, t.Any],
    service: t.Mapping[str, str],
    asked: str,
    answer: Answer,
    severities: str,
) -> t.Dict[str, t.Any]:
    """Return the report of a service's answer; ``severities`` is the source of the severities."""
    versions, own = versions_of(manifest["files"])
    if versions and len(answer.skipped) == len(versions):
        return not_audited(manifest, service, "the service knows none of the %d versions" % len(versions))
    skipped = sorted(answer.skipped + own, key=lambda one: (one["name"], one["version"]))
    return {
        "format": _report_files.FORMAT,
        "bundle": manifest["id"],
        "status": PARTLY_AUDITED if skipped else AUDITED,
        "reason": "",
        "service": dict(service),
        "asked": asked,
        "severities": severities,
        "versions": pins(versions),
        "skipped": skipped,
        "findings": answer.findings,
    }


def complete(
    report: t.Mapping[str, t.Any],
    manifest: t.Mapping[str, t.Any],
    ignore: t.Iterable[Ignore],
    today: str,
    earlier: t.Optional[t.Mapping[str, t.Any]],
) -> t.Dict[str, t.Any]:
    """Return a report with what is ignored today (YYYY-MM-DD), the locks of each finding, and counts.

    ``earlier`` is the previous report: if the service did not answer now, its
    answer about the same versions stays in the report.
    """
    entries = list(ignore)
    current = {one.id.lower(): one for one in entries if one.until >= today}
    users = users_of(manifest["files"])
    used = set()
    findings = []
    for one in report["findings"]:
        names = [name.lower() for name in [one["id"]] + one["aliases"]]
        match = next((entry for name, entry in current.items() if name in names), None)
        if match:
            used.add(match)
        one = dict(one, ignored=match._asdict() if match else None)
        one.setdefault("severity", "unknown")
        one["used_by"] = users.get((one["name"], one["version"]), [])
        findings.append(one)
    findings.sort(key=lambda one: (SEVERITIES.index(one["severity"]), one["name"], one["version"], one["id"]))
    return dict(
        report,
        bundle=manifest["id"],
        findings=findings,
        ignore={
            "expired": [one._asdict() for one in entries if one.id.lower() not in current],
            "unused": [one._asdict() for one in current.values() if one not in used],
        },
        # A zero must mean that the service was asked.
        counts={} if report["status"] == NOT_AUDITED else _counts(findings),
        earlier=_last_answer(earlier, report["versions"]) if report["status"] == NOT_AUDITED else None,
    )


def _counts(findings: t.Iterable[t.Mapping[str, t.Any]]) -> t.Dict[str, int]:
    counts = dict.fromkeys(SEVERITIES + ("ignored",), 0)
    for one in findings:
        counts["ignored" if one["ignored"] else one["severity"]] += 1
    return counts


def _last_answer(earlier: t.Optional[t.Mapping[str, t.Any]], versions: t.Sequence[str]) -> t.Any:
    """Return the last answer about these versions from an earlier report, or None."""
    if earlier is None or earlier.get("versions") != versions:
        return None
    if not earlier.get("asked"):
        return earlier.get("earlier")
    return {key: earlier[key] for key in ("asked", "service", "findings")}


def objections(report: t.Mapping[str, t.Any]) -> t.List[str]:
    """Return the reasons for which stage_audit: enforce stops a run."""
    if report["status"] == NOT_AUDITED:
        return [_not_audited_sentence(report)]
    return [_finding_sentence(one) for one in report["findings"] if not one["ignored"]]


def _not_audited_sentence(report: t.Mapping[str, t.Any]) -> str:
    return "The bundle is not audited: %s." % report["reason"]


def _finding_sentence(one: t.Mapping[str, t.Any]) -> str:
    severity = "severity unknown" if one["severity"] == "unknown" else one["severity"]
    fixed = "; fixed in " + ", ".join(one["fix_versions"]) if one["fix_versions"] else ""
    return "%s %s has %s (%s)%s." % (one["name"], one["version"], one["id"], severity, fixed)


def warnings(report: t.Mapping[str, t.Any]) -> t.List[str]:
    """Return what the operator should know although it does not stop the run."""
    found = []
    if report["status"] == NOT_AUDITED:
        found.append(_not_audited_sentence(report))
    if report["skipped"]:
        names = ["%s %s" % (one["name"], one["version"]) for one in report["skipped"]]
        more = " and %d more" % (len(names) - 10) if len(names) > 10 else ""
        found.append("Not audited: %s%s. reports/audit.json has the reasons." % (", ".join(names[:10]), more))
    for one in report["ignore"]["expired"]:
        found.append(
            "stage_audit_ignore: %s was ignored until %s, and is no longer ignored (%s)."
            % (one["id"], one["until"], one["reason"])
        )
    return found
