# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit reports no vulnerabilities only if a service that knows some was asked, and it loses no finding."""

from __future__ import annotations

import json

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._report import _audit, _pip_audit, _severity

OSV = {"name": "osv", "url": "https://osv.example/v1/query", "tool": "pip-audit"}
MANIFEST: dict = {
    "id": "1" * 32,
    "files": [
        {"name": "a", "version": "1", "origin": "", "used_by": [{"set": "base", "target": "old"}]},
        {"name": "a", "version": "2", "origin": "", "used_by": [{"set": "base", "target": "new"}]},
        {"name": "b", "version": "1", "origin": "https://x/b.whl", "used_by": []},
        {"name": "mine", "version": "1", "origin": "built:source:mine#sha256=00", "used_by": []},
    ],
}
VERSIONS = [("a", "1"), ("a", "2"), ("b", "1")]
TODAY = "2026-11-21"


def finding(name="a", version="1", **options):
    """Return a finding."""
    one = {"name": name, "version": version, "id": "PYSEC-1", "aliases": ["CVE-1", "GHSA-1"]}
    return dict(one, fix_versions=["9"], description="bad", **options)


def report(findings=(), skipped=(), ignore=(), earlier=None, today=TODAY):
    """Return the report of an answer."""
    answer = _pip_audit.Answer(list(findings), list(skipped))
    found = _audit.audited(MANIFEST, OSV, "2026-11-21T10:00:00Z", answer, "")
    return _audit.complete(found, MANIFEST, _audit.parse_ignore(ignore), today, earlier)


def unreachable(earlier=None):
    """Return the report if the service did not answer."""
    return _audit.complete(_audit.not_audited(MANIFEST, OSV, "no way"), MANIFEST, [], TODAY, earlier)


def test_the_service_is_asked_about_every_version_except_those_of_the_site():
    versions, own = _audit.versions_of(MANIFEST["files"])
    assert versions == VERSIONS
    assert [(one["name"], one["reason"]) for one in own] == [("mine", _audit.OWN_SOURCE)]
    assert _pip_audit.batches(versions) == [[("a", "1"), ("b", "1")], [("a", "2")]]


def test_pip_audit_resolves_nothing_and_uses_no_old_answer():
    arguments = _pip_audit.arguments("osv", OSV["url"], "r.txt", "out.json", "/scratch/cache")
    for option in (["--disable-pip"], ["--no-deps"], ["--osv-url", OSV["url"]], ["--cache-dir", "/scratch/cache"]):
        start = arguments.index(option[0])
        assert arguments[start : start + len(option)] == option


def test_service_that_does_not_know_the_probe_is_not_believed():
    silent = json.dumps({"dependencies": [{"name": "requests", "version": "2.19.0", "vulns": []}]})
    assert "no vulnerability data" in _pip_audit.probe_failure(_pip_audit.parse_answer(silent, "", [_pip_audit.PROBE]))
    unknown = json.dumps({"dependencies": [{"name": "requests", "skip_reason": "not found"}]})
    assert "does not know requests 2.19.0" in _pip_audit.probe_failure(
        _pip_audit.parse_answer(unknown, "", [_pip_audit.PROBE])
    )
    known = json.dumps(
        {"dependencies": [{"name": "requests", "version": "2.19.0", "vulns": [{"id": "PYSEC-2018-28"}]}]}
    )
    assert _pip_audit.probe_failure(_pip_audit.parse_answer(known, "", [_pip_audit.PROBE])) == ""


def test_version_without_an_answer_is_named():
    text = json.dumps({"dependencies": [{"name": "a", "version": "1", "vulns": []}]})
    answer = _pip_audit.parse_answer(text, "", [("a", "1"), ("b", "1")])
    assert answer.skipped == [{"name": "b", "version": "1", "reason": "the service did not answer"}]
    found = report(skipped=answer.skipped)
    assert found["status"] == _audit.PARTLY_AUDITED
    assert {one["name"] for one in found["skipped"]} == {"b", "mine"}
    assert "Not audited: b 1, mine 1" in _audit.warnings(found)[0]


def test_service_that_knows_none_of_the_versions_means_not_audited():
    skipped = [{"name": name, "version": version, "reason": "?"} for name, version in VERSIONS]
    found = report(skipped=skipped)
    assert (found["status"], found["counts"]) == (_audit.NOT_AUDITED, {})
    assert _audit.objections(found) == ["The bundle is not audited: the service knows none of the 3 versions."]


@pytest.mark.parametrize(
    "text", ["", "{", "{}", "[]", '{"dependencies": [1]}', '{"dependencies": [{"name": "a", "vulns": 1}]}']
)
def test_answer_that_cannot_be_read_is_a_failure(text):
    assert "cannot be read" in _pip_audit.parse_answer(text, "", [("a", "1")]).failure


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='osv.example', port=443): Max retries "
            "exceeded (Caused by NameResolutionError(\"HTTPSConnection(host='osv.example', port=443): Failed to resolve "
            "'osv.example' ([Errno -2] Name or service not known)\"))",
            "osv.example (port 443) does not resolve: Name or service not known",
        ),
        (
            "ConnectionError: HTTPConnectionPool(host='127.0.0.1', port=9): Max retries exceeded (Caused by NewConnectionError("
            "'<urllib3.connection.HTTPConnection object at 0x7f1>: Failed to establish: [Errno 111] Connection refused'))",
            "127.0.0.1 (port 9) cannot be reached: Connection refused",
        ),
        (
            "requests.exceptions.ReadTimeout: HTTPConnectionPool(host='h', port=80): Read timed out. (read timeout=5)",
            "h (port 80) did not answer within 5 seconds",
        ),
        (
            "requests.exceptions.HTTPError: 503 Server Error: Busy for url: http://h/v1\n\nServiceError",
            "the service answered 503 Server Error: Busy",
        ),
        (
            "requests.exceptions.JSONDecodeError: Expecting value",
            "the service answered with something that is not JSON",
        ),
        ("Traceback\n  odd <x object at 0x7f00aa> thing", "pip-audit failed: odd <x> thing"),
        ("", "pip-audit failed: it printed nothing"),
    ],
)
def test_the_same_failure_has_the_same_words(output, reason):
    assert _pip_audit.parse_answer(None, output, []).failure == reason


def test_unreachable_service_never_looks_like_no_vulnerabilities():
    found = unreachable()
    assert (found["status"], found["asked"], found["counts"]) == (_audit.NOT_AUDITED, None, {})
    assert _audit.objections(found) == ["The bundle is not audited: no way."]
    assert found == unreachable(found)


def test_last_answer_stays_in_the_report_while_the_service_does_not_answer():
    known = report([finding(severity="high")])
    first = unreachable(known)
    assert first["earlier"]["asked"] == "2026-11-21T10:00:00Z"
    assert first["earlier"]["findings"][0]["id"] == "PYSEC-1"
    assert unreachable(first)["earlier"] == first["earlier"]
    assert unreachable(dict(known, versions=["other==1"]))["earlier"] is None


def test_service_is_asked_again_only_after_a_change_or_when_the_answer_is_old():
    found = report()
    now = "2026-11-22T09:00:00Z"
    assert _audit.why_due(found, VERSIONS, OSV, 24, now) == ""
    assert _audit.why_due(found, VERSIONS, OSV, 23, now) == "the last answer is from 2026-11-21T10:00:00Z"
    assert _audit.why_due(found, VERSIONS, OSV, 24, "2026-11-21T09:00:00Z")
    assert _audit.why_due(found, VERSIONS[1:], OSV, 24, now) == "the versions changed"
    assert _audit.why_due(found, VERSIONS, dict(OSV, name="pypi"), 24, now) == "the service changed"
    assert _audit.why_due(unreachable(), VERSIONS, OSV, 24, now) == "the last report has no answer of the service"
    assert _audit.why_due(None, VERSIONS, OSV, 24, now) == "there is no report yet"


def test_ignored_finding_stays_in_the_report_with_its_reason_and_is_not_counted():
    found = report([finding()], ignore=[{"id": "cve-1", "reason": "unused here", "until": TODAY}])
    assert found["findings"][0]["ignored"]["reason"] == "unused here"
    assert found["findings"][0]["used_by"] == ["base/old"]
    assert found["counts"]["ignored"] == 1 and found["counts"]["unknown"] == 0
    assert _audit.objections(found) == []


def test_expired_entry_has_no_effect_and_is_named():
    found = report([finding()], ignore=[{"id": "CVE-1", "reason": "unused here", "until": "2026-11-20"}])
    assert found["findings"][0]["ignored"] is None
    assert _audit.objections(found) == ["a 1 has PYSEC-1 (severity unknown); fixed in 9."]
    assert "CVE-1 was ignored until 2026-11-20, and is no longer ignored (unused here)" in _audit.warnings(found)[1]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"reason": "x", "until": TODAY}, "has no id"),
        ({"id": "CVE-1", "until": TODAY}, "CVE-1 has no reason"),
        ({"id": "CVE-1", "reason": "  ", "until": TODAY}, "CVE-1 has no reason"),
        ({"id": "CVE-1", "reason": "x"}, "until ''"),
        ({"id": "CVE-1", "reason": "x", "until": "next year"}, "YYYY-MM-DD"),
        ({"id": "CVE-1", "reason": "x", "until": TODAY, "untill": 1}, "CVE-1 has the unknown field untill"),
    ],
)
def test_entry_without_reason_or_last_day_is_an_error(entry, said):
    with pytest.raises(AirgapError, match=said):
        _audit.parse_ignore([entry])


def test_two_entries_for_one_id_are_an_error():
    with pytest.raises(AirgapError, match="two entries for CVE-1"):
        _audit.parse_ignore([{"id": one, "reason": "x", "until": TODAY} for one in ("CVE-1", "cve-1")])


def test_findings_are_in_order_of_severity():
    found = report([finding("b"), finding("a", severity="low"), finding("a", "2", severity="critical")])
    assert [one["severity"] for one in found["findings"]] == ["critical", "low", "unknown"]


@pytest.mark.parametrize(
    ("record", "severity"),
    [
        ({"database_specific": {"severity": "MODERATE"}}, "medium"),
        ({"database_specific": {"severity": "CRITICAL"}}, "critical"),
        ({"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]}, "critical"),
        ({"severity": [{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N"}]}, "unknown"),
        ({"severity": "x", "database_specific": 1}, "unknown"),
        ([], "unknown"),
    ],
)
def test_severity_is_that_of_the_record(record, severity):
    assert _severity.severity_of(record) == severity


@pytest.mark.parametrize(
    ("vector", "score"),
    # From the examples of CVSS 3.1.
    [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
        ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4),
        ("CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1),
        ("CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 7.8),
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ("CVSS:3.1/AV:N", None),
    ],
)
def test_cvss_score_is_that_of_the_specification(vector, score):
    assert _severity.cvss3(vector) == score


def test_only_ids_that_fit_in_a_url_are_looked_up():
    names = {"id": "PYSEC-2026-1", "aliases": ["../../admin", "CVE-2026-1", "GHSA-aaaa-bbbb-cccc", "x y"]}
    assert _severity.severity_ids(names) == ["GHSA-aaaa-bbbb-cccc", "PYSEC-2026-1", "CVE-2026-1"]


def test_plan_has_the_reason_to_ask_and_the_report_without_an_answer():
    known = report()
    now = "2026-11-21T11:00:00Z"
    assert _audit.plan(MANIFEST, known, OSV, True, False, 24, now) == ("", known)
    assert _audit.plan(MANIFEST, known, OSV, True, True, 24, now) == ("the option refresh is set", known)
    due, without = _audit.plan(MANIFEST, None, OSV, True, False, 24, now)
    assert due == "there is no report yet" and without["reason"] == "check mode does not ask the service"
    due, without = _audit.plan(MANIFEST, known, OSV, False, True, 24, now)
    assert due == "" and (without["status"], without["reason"]) == (_audit.NOT_AUDITED, "stage_audit is off")


def test_url_of_the_service_must_not_contain_a_password():
    with pytest.raises(AirgapError, match="contains a password") as caught:
        _audit.describe_service("osv", "https://me:secret@osv.example/v1/query")
    assert "secret" not in str(caught.value)
    assert _audit.describe_service("osv", None)["url"] == _audit.SERVICES["osv"]
