# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of pip-audit, and what its answers are worth. No I/O happens here.

An answer counts only if the service knows the vulnerability of the PROBE: a
mirror that has no such data, or an error that looks like an answer, would
otherwise read as "no known vulnerabilities".
"""

from __future__ import annotations

import json
import re
import typing as t

Version = t.Tuple[str, str]
# A version whose vulnerability every service has known since 2018 (PYSEC-2018-28, CVE-2018-18074).
PROBE = ("requests", "2.19.0")
# Seconds for one response of the service, for the whole probe, and for each version after it.
SOCKET_SECONDS = 5
PROBE_SECONDS = 20
VERSION_SECONDS = 1.0


class Answer(t.NamedTuple):
    """What the service answered: findings and skipped versions, or the ``failure`` because of which it did not."""

    findings: t.List[t.Dict[str, t.Any]]
    skipped: t.List[t.Dict[str, t.Any]]
    failure: str = ""


def batches(versions: t.Iterable[Version]) -> t.List[t.List[Version]]:
    """Return versions in batches with one version of each project: pip-audit accepts no more at once."""
    found: t.List[t.List[Version]] = []
    names: t.List[t.Set[str]] = []
    for name, version in versions:
        for number in range(len(found) + 1):
            if number == len(found):
                found.append([])
                names.append(set())
            if name not in names[number]:
                names[number].add(name)
                found[number].append((name, version))
                break
    return found


def arguments(service: str, url: str, listing: str, answer: str, cache: str) -> t.List[str]:
    """Return pip-audit's arguments: ask about exactly the pins in a listing, without resolving anything."""
    found = ["--requirement", listing, "--disable-pip", "--no-deps", "--format", "json", "--output", answer]
    found += ["--vulnerability-service", service, "--timeout", str(SOCKET_SECONDS), "--progress-spinner", "off"]
    found += ["--desc", "on", "--aliases", "on", "--cache-dir", cache]
    return found + (["--osv-url", url] if service == "osv" and url else [])


def parse_answer(text: t.Optional[str], output: str, asked: t.Sequence[Version]) -> Answer:
    """Return pip-audit's answer; ``text`` is its JSON, or None if it wrote none."""
    if text is None:
        return Answer([], [], explain_failure(output))
    try:
        dependencies = {one["name"]: one for one in json.loads(text)["dependencies"]}
        findings, skipped = [], []
        for name, version in asked:
            one = dependencies.get(name)
            if one is None or "vulns" not in one:
                reason = (one or {}).get("skip_reason") or "the service did not answer"
                skipped.append({"name": name, "version": version, "reason": _line(reason, 200)})
                continue
            for vulnerability in one["vulns"]:
                findings.append(
                    {
                        "name": name,
                        "version": version,
                        "id": str(vulnerability["id"]),
                        "aliases": sorted(str(alias) for alias in vulnerability.get("aliases", [])),
                        "fix_versions": [str(fixed) for fixed in vulnerability.get("fix_versions", [])],
                        "description": _line(str(vulnerability.get("description", "")), 600),
                    }
                )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Answer([], [], "pip-audit's answer cannot be read: %s" % _line(repr(error), 200))
    return Answer(findings, skipped)


def probe_failure(answer: Answer) -> str:
    """Return why a service's answers are worthless, or "" if it knows the vulnerability of the PROBE."""
    if answer.failure:
        return answer.failure
    what = "%s %s, whose vulnerability has been known since 2018" % PROBE
    if answer.skipped:
        return "the service does not know %s: it has no vulnerability data" % what
    if not answer.findings:
        return "the service reports nothing about %s: it has no vulnerability data" % what
    return ""


def _line(text: str, longest: int) -> str:
    """Return a text on one line of limited length."""
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def explain_failure(output: str) -> str:
    """Return why pip-audit failed, in words that stay the same when it fails the same way again."""
    where = re.search(r"host='([^']+)', port=(\d+)", output)
    host = "%s (port %s)" % where.groups() if where else "the service"
    for pattern, reason in (
        (r"NameResolutionError.*?\[Errno -?\d+\] ([^\"')\n]+)", "does not resolve: %s"),
        (r"certificate verify failed: ([^(\"]+?) *\(", "has a certificate that this host does not trust: %s"),
        (r"ProxyError\((.+?)\)\)", "cannot be reached through the proxy: %s"),
        (r"\[Errno -?\d+\] ([^\"')\n]+)", "cannot be reached: %s"),
    ):
        match = re.search(pattern, output, re.DOTALL)
        if match:
            return "%s %s" % (host, reason % _line(re.sub(r" ?(object )?at 0x[0-9a-f]+", "", match.group(1)), 160))
    if re.search(r"timed out|Timeout|Could not connect", output):
        return "%s did not answer within %d seconds" % (host, SOCKET_SECONDS)
    match = re.search(r"HTTPError: (\d{3} [^\n]*?) for url", output)
    if match:
        return "the service answered %s" % _line(match.group(1), 160)
    if "JSONDecodeError" in output:
        return "the service answered with something that is not JSON"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    last = re.sub(r" ?(object )?at 0x[0-9a-f]+", "", lines[-1]) if lines else "it printed nothing"
    return "pip-audit failed: %s" % _line(last, 200)
