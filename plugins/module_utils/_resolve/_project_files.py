# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a project's own files require: pyproject.toml (PEP 621, PEP 735) and pylock.toml (PEP 751). No I/O happens here."""

from __future__ import annotations

import importlib
import os
import re
import sys
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import _build_advice
from ansible_collections.airgap.python.plugins.module_utils._resolve._build_advice import build_advice
from ansible_collections.airgap.python.plugins.module_utils._resolve._lock_markers import simplify_marker
from ansible_collections.airgap.python.plugins.module_utils._resolve._requirement import (
    Line,
    parse_requirement,
    split_marker,
)
from ansible_collections.airgap.python.plugins.module_utils._secrets import without_secrets
from ansible_collections.airgap.python.plugins.module_utils._wheels import _packaging, _wheel_name
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import NAME, normalize

# A requirement that may name the project itself: its name, extras and marker; before a marker behind a URL is a space.
_OWN = re.compile(
    r"^\s*(?P<name>" + NAME + r")\s*(?:\[(?P<extras>[^\]]*)\])?\s*"
    r"(?:@\s*\S+|[^@;]*?)\s*(?:;(?P<marker>.*))?$"
)

# Lock files of single tools, and the command that writes each in a form that other tools read.
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

    The project's own dependencies are always included; they are unknown if the
    project lists them as dynamic. If it names itself, as ``all = ["x[web]"]``
    does, that entry is replaced by what it means. Raises AirgapError.
    """
    project = _Project(document, where)
    project.add_entries(project.table.get("dependencies", []), "[project] dependencies")
    for name in extras:
        project.add_extra(name, where)
    if "poetry" in document.get("tool", {}) and not project.groups and (groups or not project.lines):
        raise AirgapError(
            "%s lists its requirements in a table of Poetry's own. In its folder, run '%s', and name the file that it writes."
            % (where, EXPORTS["poetry.lock"])
        )
    for name in groups:
        project.add_group(name)
    if not project.lines:
        raise AirgapError("%s requires nothing: it has no [project] dependencies. Name extras or groups." % where)
    return list(project.lines.values())


class _Project:
    """Collects what one pyproject.toml requires; ``lines`` has each requirement once, with its first place."""

    def __init__(self, document: t.Mapping[str, t.Any], where: str) -> None:
        self.where = where
        self.table = document.get("project", {})
        self.name = normalize(self.table.get("name", ""))
        self.dynamic = self.table.get("dynamic", [])
        if "dependencies" in self.dynamic:
            raise AirgapError(
                "%s: the project's dependencies are dynamic: only its build can list them. Write them to a requirements file."
                % where
            )
        optional = self.table.get("optional-dependencies", {})
        self.extras = {normalize(name): entries for name, entries in optional.items()}
        self.groups = document.get("dependency-groups", {})
        self.lines: t.Dict[str, Line] = {}

    def add_entries(
        self, entries: t.Iterable[str], place: str, marker: str = "", inside: t.Tuple[str, ...] = ()
    ) -> None:
        """Add the entries of a table; ``marker`` applies to all, ``inside`` are the extras that led here."""
        where = "%s, %s" % (self.where, place)
        for text in entries:
            own = _OWN.match(text)
            if own and self.name and normalize(own.group("name")) == self.name:
                # Its version and its source are those of this file.
                both = both_markers(marker, (own.group("marker") or "").strip())
                for extra in (own.group("extras") or "").split(","):
                    if extra.strip() and normalize(extra.strip()) not in inside:
                        self.add_extra(extra.strip(), where, both, inside)
                continue
            line = parse_requirement(with_marker(text, marker), where)
            self.lines.setdefault(line.text, line)

    def add_extra(self, name: str, where: str, marker: str = "", inside: t.Tuple[str, ...] = ()) -> None:
        """Add what an extra of the project requires."""
        key = normalize(name)
        if key not in self.extras:
            known = ", ".join(sorted(self.extras)) or "none"
            if "optional-dependencies" in self.dynamic:
                known += "; its optional-dependencies are dynamic: only its build can list them. Write them to a requirements file"
            raise AirgapError("%s: the project has no extra %s. It has %s." % (where, name, known))
        self.add_entries(self.extras[key], "extra " + key, marker, inside + (key,))

    def add_group(self, name: str) -> None:
        """Add what a dependency group and those that it includes require (PEP 735)."""
        table = self.groups
        key = normalize(name)
        if key not in {normalize(one) for one in table}:
            known = sorted(normalize(one) for one in table)
            raise AirgapError(
                "%s has no dependency group %s. It has %s." % (self.where, name, ", ".join(known) or "none")
            )
        library = _library("packaging.dependency_groups", "%s, dependency group %s" % (self.where, name))
        try:
            resolver = library.DependencyGroupResolver(table)
            # Reports all errors at once, those of included groups as well.
            resolver.resolve(key)
        # They are of several classes, in a group.
        except Exception as error:
            reasons = "; ".join(str(one) for one in getattr(error, "exceptions", [error]))
            raise AirgapError(
                "%s: the dependency group %s cannot be read: %s. Correct it according to PEP 735."
                % (self.where, name, reasons)
            ) from error
        self.add_group_entries(resolver, key)

    def add_group_entries(self, resolver: t.Any, key: str) -> None:
        """Add the entries of a group that is valid, each with the group that contains it."""
        for entry in resolver.dependency_groups[key]:
            if isinstance(entry, str):
                self.add_entries([entry], "group " + key)
            else:
                self.add_group_entries(resolver, normalize(entry["include-group"]))


def _library(name: str, what: str) -> t.Any:
    """Return a newer part of packaging, which is needed for some files only."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise AirgapError(
            "%s: to read it, %s on this host needs %s, which is part of packaging 26.1 and newer. Install packaging>=26.1 "
            "there (inside the gap, stage it), or write the requirements to a requirements file."
            % (what, sys.executable, name)
        ) from error


def both_markers(one: str, other: str) -> str:
    """Return the marker that is true if both are; "" is always true."""
    return "(%s) and (%s)" % (one, other) if one and other else one or other


def with_marker(text: str, marker: str) -> str:
    """Return a requirement that applies only if a marker is true as well."""
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

    Those of its default groups are always included. ``build`` are the entries of
    stage_build, which can build a package that the lock takes from a folder or a
    commit. Raises AirgapError.
    """
    lock = _read_pylock(document, where)
    default = list(lock.default_groups or ())
    _check_known(where, "extra", extras, lock.extras or ())
    _check_known(where, "dependency group", groups, [*(lock.dependency_groups or ()), *default])
    own = {normalize(str(one.get("name", ""))) for one in build if one.get("vcs") or one.get("source")}
    lines = []
    for package, written in zip(lock.packages, document["packages"]):
        place = "%s, %s" % (where, package.name)
        try:
            # The text as it is written, because messages and locks show it.
            marker = simplify_marker(written["marker"], extras, [*groups, *default]) if package.marker else True
        except ValueError as error:
            raise AirgapError("%s: the marker %r cannot be read: %s." % (place, written["marker"], error)) from error
        if marker is False or _is_project_itself(package, where):
            continue
        is_built = package.name in own
        text, hashes = (package.name, ()) if is_built else _locked(package, place, where)
        line = parse_requirement(with_marker(text, "" if marker is True else str(marker)), place)
        lines.append(line._replace(hashes=tuple("sha256:" + one for one in hashes)))
    return lines


def _read_pylock(document: t.Mapping[str, t.Any], where: str) -> t.Any:
    """Return a lock file as packaging reads it; raises AirgapError with the package that is not valid."""
    if not str(document.get("lock-version", "")).startswith("1."):
        raise AirgapError(
            "%s has lock-version %s, and only 1.x is supported (PEP 751)." % (where, document.get("lock-version"))
        )
    library = _library("packaging.pylock", where)
    try:
        return library.Pylock.from_dict(document)
    except library.PylockValidationError as error:
        number = re.match(r"packages\[(\d+)\]", error.context or "")
        name = document["packages"][int(number.group(1))].get("name") if number else ""
        raise AirgapError(
            "%s%s: it is not valid by PEP 751: %s. Lock it again."
            % (where, ", %s" % name if name else "", str(error).rstrip("."))
        ) from error


def _check_known(where: str, kind: str, names: t.Iterable[str], known: t.Iterable[str]) -> None:
    """Raise AirgapError for an extra or group that a lock does not have."""
    have = {normalize(name) for name in known}
    for name in names:
        if normalize(name) not in have:
            raise AirgapError(
                "%s has no %s %s. It has %s. Lock it again with that one."
                % (where, kind, name, ", ".join(sorted(have)) or "none")
            )


def _is_project_itself(package: t.Any, where: str) -> bool:
    """Return whether a package of a lock is the project that was locked: its folder contains the lock."""
    if not package.directory:
        return False
    folder = os.path.dirname(os.path.abspath(where))
    place = os.path.normpath(os.path.join(folder, package.directory.path))
    return os.path.commonpath([folder, place]) == place


def _reference(package: t.Any, where: str) -> str:
    """Return the folder, the commit or the archive from which a lock takes a package, "" for an index."""

    def in_folder(path: str) -> str:
        return os.path.normpath(os.path.join(os.path.dirname(where), path))

    if package.directory:
        return in_folder(package.directory.path)
    if package.vcs:
        fragment = "#subdirectory=%s" % package.vcs.subdirectory if package.vcs.subdirectory else ""
        return "%s+%s@%s%s" % (
            package.vcs.type,
            package.vcs.url or package.vcs.path,
            package.vcs.commit_id,
            fragment,
        )
    if package.archive:
        return str(package.archive.url or in_folder(package.archive.path))
    return ""


def _locked(package: t.Any, place: str, where: str) -> t.Tuple[str, t.Sequence[str]]:
    """Return a package of a lock and the SHA-256 of its wheels, or of its sdist if it has none.

    Whether a target needs that sdist, and whether it is built, is decided for each target later.
    """
    reference = _reference(package, where)
    if package.archive and _build_advice.is_wheel(reference):
        sha256 = package.archive.hashes.get("sha256")
        if not sha256:
            raise AirgapError(
                "%s: the lock has no SHA-256 of %s. Lock it again with hashes." % (place, without_secrets(reference))
            )
        if package.archive.url:
            return "%s @ %s" % (package.name, reference), (sha256,)
        # It comes from stage_find_links; its hash excludes any other file.
        version = _wheel_name.parse_wheel_name(_packaging.load(), os.path.basename(reference)).written[1]
        return "%s==%s" % (package.name, version), (sha256,)
    if reference:
        raise AirgapError(
            "%s: the lock takes it from %s, not from an index. %s"
            % (place, without_secrets(reference), build_advice(package.name, reference))
        )
    files = [package.wheels or (), [package.sdist] if package.sdist else []]
    hashes = [sorted(one.hashes["sha256"] for one in some if "sha256" in one.hashes) for some in files]
    if package.version is None or not any(hashes):
        raise AirgapError(
            "%s: it has no version or no SHA-256. Lock it from an index that gives both, or build it (stage_build) and "
            "require it by its name." % place
        )
    return "%s==%s" % (package.name, package.version), hashes[0] or hashes[1]
