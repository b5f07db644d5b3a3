# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments with which pip resolves and fetches for a target, and what its output means. No I/O happens here."""

from __future__ import annotations

import json
import os
import re
import typing as t
import urllib.parse

from ansible_collections.airgap.python.plugins.module_utils._pip._arguments import (
    NO_DEPENDENCIES,
    ONLY_WHEELS,
    REQUIRE_HASHES,
    RESOLVE_ONLY,
    options,
    pip_arguments,
)
from ansible_collections.airgap.python.plugins.module_utils._pip._causes import STAGING
from ansible_collections.airgap.python.plugins.module_utils._pip._failure import diagnose
from ansible_collections.airgap.python.plugins.module_utils._resolve._inputs import EngineInputs
from ansible_collections.airgap.python.plugins.module_utils._resolve._resolve_error import RefusedError, ResolveError
from ansible_collections.airgap.python.plugins.module_utils._secrets import without_password
from ansible_collections.airgap.python.plugins.module_utils._target._target import Target
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock


def parse_refusal(output: str) -> t.Optional[RefusedError]:
    """Return what the runner of pip refused (see _pip_runner), if that is why pip failed."""
    match = re.search(r"airgap refuses (\{.*\})\s*$", output, re.MULTILINE)
    if match is None:
        return None
    what = json.loads(match.group(1))
    return RefusedError(what["name"], without_password(what["reference"]), what["asker"])


def resolve_arguments(
    target: Target,
    inputs: EngineInputs,
    scratch: str,
) -> t.List[str]:
    """Return pip's arguments to resolve requirements files for a target and write scratch/report.json."""
    arguments = pip_arguments("install", *RESOLVE_ONLY, ONLY_WHEELS)
    arguments += ["--target", os.path.join(scratch, "nowhere"), "--report", os.path.join(scratch, "report.json")]
    arguments += target.pip_arguments()
    arguments += options("--find-links", inputs.find_links)
    return arguments + options("--requirement", inputs.requirements) + options("--constraint", inputs.constraints)


def fetch_arguments(target: Target, listing: str, dest: str) -> t.List[str]:
    """Return pip's arguments to fetch the files of a listing, each with its hash."""
    arguments = pip_arguments("download", NO_DEPENDENCIES, ONLY_WHEELS, REQUIRE_HASHES, "--dest", dest)
    return arguments + target.pip_arguments() + ["--requirement", listing]


def fetch_line(pin: _lock.Pin) -> str:
    """Return the requirement that fetches exactly one file."""
    return "%s @ %s --hash=sha256:%s" % (pin.name, pin.origin, pin.sha256)


def read_report(report: t.Mapping[str, t.Any], target: Target) -> t.List[_lock.Pin]:
    """Return the pins in pip's installation report; sizes are not known yet and are 0, origins may hold secrets.

    Raises ResolveError if pip evaluated other markers than this target's, or names
    a file without SHA-256.
    """
    expected = target.markers()
    answered = report.get("environment", {})
    if answered and {key: answered.get(key) for key in expected} != expected:
        raise ResolveError(
            "target %s: pip evaluated markers for another interpreter. Stage with an older pip (stage_pip)."
            % target.name
        )
    pins = []
    for item in report.get("install", []):
        url = item["download_info"]["url"]
        hashes = item["download_info"].get("archive_info", {}).get("hashes", {})
        name = _lock.normalize(item["metadata"]["name"])
        filename = urllib.parse.unquote(urllib.parse.urlsplit(url).path.rpartition("/")[2])
        if not filename.endswith(".whl"):
            raise ResolveError("target %s: %s is not a wheel. Name a version that has one." % (target.name, filename))
        if "sha256" not in hashes:
            raise ResolveError(
                "target %s: the index gives no SHA-256 for %s. Name an index that does (PEP 503)."
                % (target.name, filename)
            )
        pins.append(_lock.Pin(name, item["metadata"]["version"], hashes["sha256"], filename, 0, url.partition("#")[0]))
    return sorted(pins)


def why_unresolved(output: str, target: Target, what: str, log: str = "") -> str:
    """Return why pip failed for a target, and the fix; ``log`` is the path of the log, if there is one."""
    interpreter = "python %s on %s %s (%s)" % (
        target.python,
        target.os,
        target.arch,
        target.libc or target.os_version or "any",
    )
    cause, lines, fix = diagnose(output, STAGING, interpreter, log)
    return "target %s: %s: %s %s" % (target.name, what, "; ".join(part for part in (cause, *lines) if part), fix)


def yanked_versions(output: str) -> t.List[str]:
    """Return "NAME VERSION" of what pip chose although its index has yanked it (PEP 592), because it is pinned.

    Read from pip's warning; the report of a dry run does not show it.
    """
    found = re.findall(r"is a yanked version: '([^']+)' candidate \(version ([^ )]+)", output)
    return ["%s %s" % one for one in found]


def unknown_extras(output: str) -> t.List[t.Tuple[str, str, str]]:
    """Return (name, version, extra) of each extra that was asked for and that pip or uv did not find."""
    found = re.findall(r"^WARNING: (\S+) (\S+) does not provide the extra '([^']+)'", output, re.MULTILINE)
    found += re.findall(r"The package `([^`=]+)==([^`]+)` does not have an extra named `([^`]+)`", output)
    return list(dict.fromkeys((_lock.normalize(name), version, extra) for name, version, extra in found))


def asks_for_extra(requirement: str, extra: str) -> bool:
    """Return whether a requirement asks for an extra, in any spelling."""
    match = re.match(r"^[^\[;@]*\[([^\]]*)\]", requirement)
    extras = match.group(1).split(",") if match else []
    return _lock.normalize(extra) in [_lock.normalize(one.strip()) for one in extras]
