# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments with which pip builds a wheel, and what its output and that of auditwheel mean. No I/O happens here."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._pip._arguments import (
    NO_CACHE,
    NO_DEPENDENCIES,
    ONLY_WHEELS,
    RESOLVE_ONLY,
    pip_arguments,
)
from ansible_collections.airgap.python.plugins.module_utils._pip._causes import BUILDING
from ansible_collections.airgap.python.plugins.module_utils._pip._failure import diagnose
from ansible_collections.airgap.python.plugins.module_utils._resolve._build_order import Order
from ansible_collections.airgap.python.plugins.module_utils._secrets import without_password
from ansible_collections.airgap.python.plugins.module_utils._versions import release
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

# The first pip with --build-constraint. Older ones pass PIP_CONSTRAINT on to the environment of a build.
BUILD_CONSTRAINT = (25, 3)


def find_sdist_arguments(wanted: Order, listing: str, report: str) -> t.List[str]:
    """Return pip's arguments to find the sdist of a project and write its URL and hash to a report."""
    arguments = pip_arguments("install", *RESOLVE_ONLY, NO_DEPENDENCIES, NO_CACHE, "--no-binary", wanted.name)
    return arguments + ["--report", report, "--requirement", listing]


def sdist_requirement(wanted: Order) -> str:
    """Return the requirement that finds a project's sdist."""
    line = wanted.name + ("==" + wanted.version if wanted.version else "")
    return line + (" --hash=sha256:" + wanted.sha256 if wanted.sha256 else "")


def read_sdist_report(report: t.Mapping[str, t.Any], name: str) -> t.Tuple[str, str]:
    """Return URL and SHA-256 of the sdist in pip's report."""
    for item in report.get("install", []):
        info = item["download_info"]
        sha256 = info.get("archive_info", {}).get("hashes", {}).get("sha256", "")
        if _lock.normalize(item["metadata"]["name"]) == name and sha256:
            return without_password(info["url"]), sha256
    raise AirgapError("%s: pip reported no sdist with a SHA-256. Name an index that publishes one (PEP 503)." % name)


def build_arguments(listing: str, dest: str) -> t.List[str]:
    """Return pip's arguments to build one wheel in an isolated environment (PEP 517), with verbose output."""
    arguments = pip_arguments("wheel", "--verbose", NO_DEPENDENCIES, NO_CACHE)
    return arguments + ["--wheel-dir", dest, "--requirement", listing]


def tool_arguments(dest: str, report: str, *tools: str) -> t.List[str]:
    """Return pip's arguments to install tools to a folder, and write their versions to a report."""
    arguments = pip_arguments("install", ONLY_WHEELS, NO_CACHE)
    return arguments + ["--target", dest, "--report", report, *tools]


def constraint_options(wanted: Order, pip_version: str, path: str) -> t.Tuple[t.List[str], t.Dict[str, str]]:
    """Return the arguments and the variables by which pip applies a file of constraints to what it installs for a build."""
    if not wanted.build_constraints:
        return [], {}
    return (
        (["--build-constraint", path], {})
        if release(pip_version) >= BUILD_CONSTRAINT
        else ([], {"PIP_CONSTRAINT": path})
    )


def source_requirement(wanted: Order, url: str, sha256: str) -> str:
    """Return the requirement that builds a source and nothing else; older pips refuse NAME @ before git+file://."""
    if wanted.kind == "vcs":
        fragment = "#subdirectory=" + wanted.subdirectory if wanted.subdirectory else ""
        return "%s@%s%s" % (wanted.vcs, wanted.commit, fragment)
    return "%s @ %s --hash=sha256:%s" % (wanted.name, url, sha256)


def resolved_commit(output: str) -> str:
    """Return the commit that pip reported to have built, or ""."""
    found = re.findall(r"Resolved \S+ to commit ([0-9a-f]{40,64})\b", output)
    return found[-1] if found else ""


def build_requirements(output: str) -> t.List[t.Dict[str, str]]:
    """Return the projects that pip installed into the environment of a build, read from its output.

    ``pip wheel`` writes no report. It runs ``pip install`` for the build's
    environment and, if verbose, shows the output of that: the last line names
    each project with its version. Raises AirgapError if projects were installed
    and that line is missing.
    """
    found: t.Dict[str, str] = {}
    for line in re.findall(r"^.*?\bSuccessfully installed (.+)$", output, re.MULTILINE):
        for word in line.split():
            name, dash, version = word.rpartition("-")
            if dash:
                found[_lock.normalize(name)] = version
    for line in re.findall(r"^.*?\bInstalling collected packages: (.+)$", output, re.MULTILINE):
        for name in line.split(","):
            if _lock.normalize(name.strip()) not in found:
                raise AirgapError(
                    "pip did not report which version of %s it built with. Stage with an older pip (stage_pip)."
                    % name.strip()
                )
    return [{"name": name, "version": found[name]} for name in sorted(found)]


def repair_failure(output: str) -> str:
    """Return why auditwheel cannot repair a wheel: usually a library that it does not find."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    reasons = [line for line in lines if re.search(r"[Cc]annot repair|could not be located|too-recent", line)]
    return (reasons or lines or ["auditwheel gave no output"])[-1].rstrip(".")


def grafted_libraries(output: str) -> t.List[str]:
    """Return the libraries of the host that auditwheel has copied into a wheel."""
    return sorted(set(re.findall(r"Grafting: (\S+) ->", output)))


def why_not_built(output: str, wanted: Order, log: str = "") -> str:
    """Return why pip could not build a project, and the fix; ``log`` is the path of the log, if there is one."""
    cause, lines, fix = diagnose(output, BUILDING, log=log)
    return "%s cannot be built: %s. %s" % (wanted.name, "; ".join(part for part in (cause, *lines) if part), fix)
