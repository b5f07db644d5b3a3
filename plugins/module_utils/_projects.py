# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a project's own files require: pyproject.toml (PEP 621, PEP 735) and pylock.toml (PEP 751). No I/O happens here."""

from __future__ import annotations

import typing as t

from ansible_collections.airgap.python.plugins.module_utils._lock import normalize
from ansible_collections.airgap.python.plugins.module_utils._text import ShownError


class ProjectError(ShownError):
    """A project's file cannot be used; the message names it, the reason and the mend."""


# Lock files of tools that can write them in a form that others read, and how.
EXPORTS = {
    "uv.lock": "uv export --frozen --no-emit-project --format requirements-txt --output-file requirements.txt",
    "poetry.lock": "poetry export --format requirements.txt --output requirements.txt",
    "Pipfile.lock": "pipenv requirements --hash > requirements.txt",
    "pdm.lock": "pdm export --prod --format requirements --output requirements.txt",
}


def pyproject(
    document: t.Mapping[str, t.Any], extras: t.Sequence[str], groups: t.Sequence[str], where: str
) -> t.List[str]:
    """Return the requirements of a project, of these of its extras, and of these dependency groups.

    Without groups, the project's own dependencies are always among them; a
    project that lists them as dynamic cannot tell. Raises ProjectError.
    """
    project = document.get("project", {})
    wanted: t.List[str] = []
    if "dependencies" in project.get("dynamic", []):
        raise ProjectError(
            "%s: the project's dependencies are dynamic: only its build tells them. Write them to a requirements file."
            % where
        )
    wanted += project.get("dependencies", [])
    known = {normalize(name): lines for name, lines in project.get("optional-dependencies", {}).items()}
    for name in extras:
        if normalize(name) not in known:
            raise ProjectError("%s has no extra %s. It has %s." % (where, name, ", ".join(sorted(known)) or "none"))
        wanted += known[normalize(name)]
    table = {normalize(name): entries for name, entries in document.get("dependency-groups", {}).items()}
    for name in groups:
        wanted += _group(table, name, where, ())
    if not wanted:
        raise ProjectError("%s requires nothing: it has no [project] dependencies. Name extras or groups." % where)
    return wanted


def _group(table: t.Mapping[str, t.Any], name: str, where: str, inside: t.Tuple[str, ...]) -> t.List[str]:
    """Return the requirements of a dependency group and of those that it includes (PEP 735)."""
    key = normalize(name)
    if key in inside:
        raise ProjectError(
            "%s: the dependency group %s includes itself, by way of %s." % (where, name, ", ".join(inside))
        )
    if key not in table:
        raise ProjectError(
            "%s has no dependency group %s. It has %s." % (where, name, ", ".join(sorted(table)) or "none")
        )
    wanted: t.List[str] = []
    for entry in table[key]:
        if isinstance(entry, str):
            wanted.append(entry)
        elif isinstance(entry, dict) and isinstance(entry.get("include-group"), str):
            wanted += _group(table, entry["include-group"], where, inside + (key,))
        else:
            raise ProjectError(
                "%s: the dependency group %s has an entry that PEP 735 does not know: %r." % (where, name, entry)
            )
    return wanted


def pylock(document: t.Mapping[str, t.Any], where: str) -> t.List[str]:
    """Return a lock file's packages as requirement lines with their hashes, which are enforced later.

    Raises ProjectError for a package that has no version or no wheel with a SHA-256.
    """
    if not str(document.get("lock-version", "")).startswith("1."):
        raise ProjectError(
            "%s has lock-version %s, and 1.x is known (PEP 751)." % (where, document.get("lock-version"))
        )
    lines = []
    for package in document.get("packages", []):
        hashes = sorted(
            wheel["hashes"]["sha256"] for wheel in package.get("wheels", []) if "sha256" in wheel.get("hashes", {})
        )
        if "version" not in package or not hashes:
            raise ProjectError(
                "%s: %s has no version or no wheel with a sha256. Build it (stage_build), and lock it by its version."
                % (where, package.get("name"))
            )
        marker = " ; %s" % package["marker"] if package.get("marker") else ""
        line = "%s==%s%s" % (package["name"], package["version"], marker)
        lines.append(line + "".join(" --hash=sha256:" + one for one in hashes))
    return lines
