# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a project's own files require: pyproject.toml (PEP 621, PEP 735) and pylock.toml (PEP 751). No I/O happens here."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _build
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._lock import NAME, normalize
from ansible_collections.airgap.python.plugins.module_utils._lock_markers import settle
from ansible_collections.airgap.python.plugins.module_utils._requirements import (
    Line,
    parse_requirement,
    split_marker,
    stage_build_entry,
)
from ansible_collections.airgap.python.plugins.module_utils._secrets import without_secrets

# A requirement that may name the project itself: its name, extras and marker; before a marker behind a URL is a space.
_OWN = re.compile(
    r"^\s*(?P<name>" + NAME + r")\s*(?:\[(?P<extras>[^\]]*)\])?\s*"
    r"(?:@\s*\S+|[^@;]*?)\s*(?:;(?P<marker>.*))?$"
)

# Lock files of tools that can write them in a form that others read, and how.
EXPORTS = {
    "uv.lock": "uv export --frozen --no-emit-project --format requirements-txt --output-file requirements.txt",
    "poetry.lock": "poetry export --format requirements.txt --output requirements.txt",
    "Pipfile.lock": "pipenv requirements --hash > requirements.txt",
    "pdm.lock": "pdm export --prod --format requirements --output requirements.txt",
}


def pyproject(
    document: t.Mapping[str, t.Any], extras: t.Sequence[str], groups: t.Sequence[str], where: str
) -> t.List[Line]:
    """Return the requirements of a project, of these of its extras, and of these dependency groups.

    The project's own dependencies are always among them; a project that lists
    them as dynamic cannot tell. Where it names itself, as ``all = ["x[web]"]``
    does, what it means stands in its place. Raises AirgapError.
    """
    project = _Project(document, where)
    project.take(project.table.get("dependencies", []), "[project] dependencies")
    for name in extras:
        project.take_extra(name, where)
    if "poetry" in document.get("tool", {}) and not project.groups and (groups or not project.lines):
        raise AirgapError(
            "%s says in a table of Poetry's own what it requires. Beside it, run '%s', and name that file."
            % (where, EXPORTS["poetry.lock"])
        )
    for name in groups:
        project.take_group(name)
    if not project.lines:
        raise AirgapError("%s requires nothing: it has no [project] dependencies. Name extras or groups." % where)
    return list(project.lines.values())


class _Project:
    """Collects what one pyproject.toml requires; ``lines`` has each requirement once, where it stands first."""

    def __init__(self, document: t.Mapping[str, t.Any], where: str) -> None:
        self.where = where
        self.table = document.get("project", {})
        self.name = normalize(self.table.get("name", ""))
        self.dynamic = self.table.get("dynamic", [])
        if "dependencies" in self.dynamic:
            raise AirgapError(
                "%s: the project's dependencies are dynamic: only its build tells them. Write them to a requirements file."
                % where
            )
        optional = self.table.get("optional-dependencies", {})
        self.extras = {normalize(name): entries for name, entries in optional.items()}
        self.groups = {normalize(name): entries for name, entries in document.get("dependency-groups", {}).items()}
        self.lines: t.Dict[str, Line] = {}

    def take(self, entries: t.Iterable[str], place: str, marker: str = "", inside: t.Tuple[str, ...] = ()) -> None:
        """Take the entries of a table; ``marker`` holds for all, ``inside`` are the extras that led here."""
        where = "%s, %s" % (self.where, place)
        for text in entries:
            own = _OWN.match(text)
            if own and self.name and normalize(own.group("name")) == self.name:
                # Its version and its place are those of this very file.
                both = both_markers(marker, (own.group("marker") or "").strip())
                for extra in (own.group("extras") or "").split(","):
                    if extra.strip() and normalize(extra.strip()) not in inside:
                        self.take_extra(extra.strip(), where, both, inside)
                continue
            line = parse_requirement(with_marker(text, marker), where)
            self.lines.setdefault(line.text, line)

    def take_extra(self, name: str, where: str, marker: str = "", inside: t.Tuple[str, ...] = ()) -> None:
        """Take what an extra of the project requires."""
        key = normalize(name)
        if key not in self.extras:
            told = ", ".join(sorted(self.extras)) or "none"
            if "optional-dependencies" in self.dynamic:
                told += "; its optional-dependencies are dynamic: only its build tells them. Write them to a requirements file"
            raise AirgapError("%s: the project has no extra %s. It has %s." % (where, name, told))
        self.take(self.extras[key], "extra " + key, marker, inside + (key,))

    def take_group(self, name: str, inside: t.Tuple[str, ...] = ()) -> None:
        """Take what a dependency group and those that it includes require (PEP 735)."""
        key = normalize(name)
        if key in inside:
            raise AirgapError(
                "%s: the dependency group %s includes itself, by way of %s." % (self.where, name, ", ".join(inside))
            )
        if key not in self.groups:
            raise AirgapError(
                "%s has no dependency group %s. It has %s."
                % (self.where, name, ", ".join(sorted(self.groups)) or "none")
            )
        for entry in self.groups[key]:
            if isinstance(entry, str):
                self.take([entry], "group " + key)
            elif isinstance(entry, dict) and isinstance(entry.get("include-group"), str):
                self.take_group(entry["include-group"], inside + (key,))
            else:
                raise AirgapError(
                    "%s: the dependency group %s has an entry that PEP 735 does not know: %r."
                    % (self.where, name, entry)
                )


def both_markers(one: str, other: str) -> str:
    """Return the marker that is true where both are; "" is true everywhere."""
    return "(%s) and (%s)" % (one, other) if one and other else one or other


def with_marker(text: str, marker: str) -> str:
    """Return a requirement that counts only where a marker is true as well."""
    if not marker:
        return text
    head, own = split_marker(text)
    return "%s ; %s" % (head, both_markers(marker, own))


def pylock(
    document: t.Mapping[str, t.Any],
    where: str,
    extras: t.Sequence[str] = (),
    groups: t.Sequence[str] = (),
    build: t.Iterable[t.Mapping[str, t.Any]] = (),
) -> t.List[Line]:
    """Return a lock file's packages as requirements with their hashes, which are enforced later.

    Those of its default groups are always among them. ``build`` are the entries
    of stage_build, by which a package that the lock takes from a folder or a
    commit can be had. Raises AirgapError.
    """
    if not str(document.get("lock-version", "")).startswith("1."):
        raise AirgapError("%s has lock-version %s, and 1.x is known (PEP 751)." % (where, document.get("lock-version")))
    default = document.get("default-groups", [])
    _check_known(where, "extra", extras, document.get("extras", []))
    _check_known(where, "dependency group", groups, document.get("dependency-groups", []) + default)
    own = {normalize(str(one.get("name", ""))) for one in build if one.get("vcs") or one.get("source")}
    lines = []
    for package in document.get("packages", []):
        place = "%s, %s" % (where, package.get("name"))
        try:
            marker = settle(package["marker"], extras, list(groups) + default) if package.get("marker") else True
        except ValueError as error:
            raise AirgapError("%s: the marker %r cannot be read: %s." % (place, package["marker"], error)) from error
        if marker is False or _is_project_itself(package, where):
            continue
        is_built = normalize(package["name"]) in own
        text, hashes = (package["name"], ()) if is_built else _locked(package, place, where)
        line = parse_requirement(with_marker(text, "" if marker is True else str(marker)), place)
        lines.append(line._replace(hashes=tuple("sha256:" + one for one in hashes)))
    return lines


def _check_known(where: str, kind: str, names: t.Iterable[str], known: t.Iterable[str]) -> None:
    """Raise AirgapError for an extra or group that a lock does not have."""
    have = {normalize(name) for name in known}
    for name in names:
        if normalize(name) not in have:
            raise AirgapError(
                "%s has no %s %s. It has %s. Have the tool that wrote it lock that, too."
                % (where, kind, name, ", ".join(sorted(have)) or "none")
            )


def _is_project_itself(package: t.Mapping[str, t.Any], where: str) -> bool:
    """Say whether a package of a lock is the project that the lock is of: its folder holds the lock."""
    path = package.get("directory", {}).get("path")
    if not path:
        return False
    folder = os.path.dirname(os.path.abspath(where))
    place = os.path.normpath(os.path.join(folder, path))
    return os.path.commonpath([folder, place]) == place


def _locked(package: t.Mapping[str, t.Any], place: str, where: str) -> t.Tuple[str, t.Sequence[str]]:
    """Return a package of a lock and the SHA-256 of its wheels; of one that has none, that of its sdist.

    Which targets need that one, and whether it is built, is found out with them.
    """
    name = package["name"]
    reference = ""
    if "directory" in package:
        reference = os.path.normpath(os.path.join(os.path.dirname(where), package["directory"]["path"]))
    elif "vcs" in package:
        vcs = package["vcs"]
        fragment = "#subdirectory=%s" % vcs["subdirectory"] if vcs.get("subdirectory") else ""
        url = vcs.get("url") or vcs.get("path", "")
        reference = "%s+%s@%s%s" % (vcs.get("type", "git"), url, vcs.get("commit-id", ""), fragment)
    elif "archive" in package:
        archive = package["archive"]
        reference = archive.get("url") or os.path.normpath(os.path.join(os.path.dirname(where), archive["path"]))
        sha256 = archive.get("hashes", {}).get("sha256")
        if _build.is_wheel(reference):
            if not sha256:
                raise AirgapError(
                    "%s: the lock has no sha256 of %s. Lock it again with hashes." % (place, without_secrets(reference))
                )
            if archive.get("url"):
                return "%s @ %s" % (name, reference), (sha256,)
            # It comes by way of stage_find_links; by its hash, no other is taken for it.
            return "%s==%s" % (name, os.path.basename(reference).partition("-")[2].partition("-")[0]), (sha256,)
    if reference:
        raise AirgapError(
            "%s: the lock takes it from %s, and not from an index. %s"
            % (place, without_secrets(reference), stage_build_entry(name, reference))
        )
    files = [package.get("wheels", []), [package["sdist"]] if package.get("sdist") else []]
    hashes = [sorted(one["hashes"]["sha256"] for one in some if "sha256" in one.get("hashes", {})) for some in files]
    if "version" not in package or not any(hashes):
        raise AirgapError(
            "%s: it has no version or no sha256. Lock it from an index that gives both, or build it (stage_build) and "
            "require it by its name." % place
        )
    return "%s==%s" % (name, package["version"]), hashes[0] or hashes[1]
