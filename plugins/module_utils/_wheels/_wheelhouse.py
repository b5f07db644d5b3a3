# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a folder of wheels is good for: which versions fit a target, what their requirements lack, which of them are whole.

This is not a resolver: of each project it takes the newest version that fits, and an older one only if a requirement
excludes the newer, or if the newer one needs what the folder lacks. No I/O happens here.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._target._target import Target
from ansible_collections.airgap.python.plugins.module_utils._wheels import _closure
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import normalize
from ansible_collections.airgap.python.plugins.module_utils._wheels._packaging import Packaging

# The name of the set of all that is whole.
ADOPTED = "adopted"
# NAME-VERSION of an sdist (PEP 625, and the names of older tools).
_SDIST = re.compile(r"(?P<name>.+)-(?P<version>[0-9][^-]*)\.(?:tar\.gz|tar\.bz2|tgz|zip)")


class Found(t.NamedTuple):
    """A wheel of the folder; ``project`` is normalized, ``version`` and ``build`` can be compared, ``text`` is the version as declared."""

    filename: str
    project: str
    version: t.Any
    build: t.Tuple[t.Any, ...]
    tags: t.Tuple[str, ...]
    text: str
    metadata: str
    requires_python: str


class Missing(t.NamedTuple):
    """What a target lacks: the requirement, the chain that leads to it, and why the folder does not meet it."""

    requirement: str
    needed_by: t.Tuple[str, ...]
    reason: str


class Stock(t.NamedTuple):
    """The contents of the folder: wheels that can be used, and (project, version, file name) of the sdists."""

    wheels: t.Tuple[Found, ...]
    sdists: t.Tuple[t.Tuple[str, str, str], ...]


# From project to its wheels that fit a target, the best first.
Candidates = t.Dict[str, t.List[Found]]


def parse_sdist(filename: str) -> t.Optional[t.Tuple[str, str]]:
    """Return the project and the version in the name of an sdist; None for any other file."""
    match = _SDIST.fullmatch(filename)
    if match is None or match.group("version").endswith(".doc"):
        return None
    return normalize(match.group("name")), match.group("version")


def sdists_without_wheel(packaging: Packaging, stock: Stock) -> t.List[str]:
    """Return the file names of the sdists whose version has no wheel."""
    have = {(one.project, one.version) for one in stock.wheels}
    found = []
    for project, text, filename in stock.sdists:
        try:
            known = (project, packaging.parse_version(text)) in have
        except ValueError:
            known = False
        if not known:
            found.append(filename)
    return sorted(set(found))


def fitting(packaging: Packaging, wheels: t.Iterable[Found], target: Target) -> Candidates:
    """Return the wheels that a target can install: final versions first, the newest first, then as pip prefers builds and tags."""
    ranks = {tag: rank for rank, tag in enumerate(target.tags())}
    python = packaging.parse_version(target.markers()["python_full_version"])
    found: t.Dict[str, t.List[t.Tuple[t.Any, Found]]] = {}
    for one in wheels:
        accepted = [ranks[tag] for tag in one.tags if tag in ranks]
        if accepted and _admits_python(packaging, one.requires_python, python):
            order = (not one.version.is_prerelease, one.version, -min(accepted), one.build)
            found.setdefault(one.project, []).append((order, one))
    return {
        project: [one for dummy, one in sorted(ranked, key=lambda pair: pair[0], reverse=True)]
        for project, ranked in found.items()
    }


def _admits_python(packaging: Packaging, text: str, python: t.Any) -> bool:
    """Return whether Requires-Python admits an interpreter; like pip, admit all if it cannot be read."""
    try:
        return bool(packaging.specifiers(text).contains(python, prereleases=True))
    except ValueError:
        return True


class Choice(t.NamedTuple):
    """One version of each project, and what the closure check says of them."""

    wheels: t.Dict[str, Found]
    closure: _closure.Closure


class Wheelhouse:
    """The folder for one target."""

    def __init__(self, packaging: Packaging, stock: Stock, target: Target) -> None:
        self.packaging = packaging
        self.stock = stock
        self.target = target
        self.candidates = fitting(packaging, stock.wheels, target)

    def check(
        self, wheels: t.Mapping[str, Found], roots: t.Iterable[str], constraints: t.Iterable[str]
    ) -> _closure.Closure:
        """Check the closure of these wheels."""
        lock = [_closure.Wheel(name, one.text, one.filename, one.metadata) for name, one in sorted(wheels.items())]
        return _closure.check(
            self.packaging, roots, constraints, lock, self.target.name, self.target.markers(), self.target.tags()
        )

    def choose(self, roots: t.Sequence[str], constraints: t.Sequence[str] = (), can_go_back: bool = False) -> Choice:
        """Choose one version of each project for these requirements.

        A requirement that excludes the version narrows the choice of its project. With ``can_go_back``, a project of
        which a requirement cannot be met is tried in its next older version.
        """
        left = {name: list(wheels) for name, wheels in self.candidates.items()}
        while True:
            chosen = {name: wheels[0] for name, wheels in left.items()}
            closure = self.check(chosen, roots, constraints)
            changed = [self.narrow(left, failure) for failure in closure.failures]
            if not any(changed) and can_go_back:
                unmet = {name for failure in closure.failures for name in blamed(failure)}
                changed = [self.go_back(left, name) for name in sorted(unmet)]
            if not any(changed):
                return Choice(chosen, closure)

    def narrow(self, left: Candidates, failure: _closure.Failure) -> bool:
        """Remove the versions that a requirement excludes, if others are left; return whether the choice changed."""
        if failure.kind not in ("version", "constraint"):
            return False
        requirement = self.packaging.requirement(failure.requirement)
        name = normalize(requirement.name)
        kept = [one for one in left[name] if requirement.specifier.contains(one.version, prereleases=True)]
        changed = bool(kept) and len(kept) < len(left[name])
        if changed:
            left[name] = kept
        return changed

    @staticmethod
    def go_back(left: Candidates, name: str) -> bool:
        """Remove the chosen version of a project, if it has an older one; return whether it has."""
        older = [one for one in left[name] if one.version != left[name][0].version]
        if older:
            left[name] = older
        return bool(older)

    def missing(self, roots: t.Sequence[str], constraints: t.Sequence[str] = ()) -> t.List[Missing]:
        """Return what these requirements need and the folder lacks; [] if it has a version of everything."""
        choice = self.choose(roots, constraints, can_go_back=True)
        if choice.closure.failures:
            choice = self.choose(roots, constraints)
        return [self.explain(failure) for failure in choice.closure.failures]

    def whole(self) -> t.List[Found]:
        """Return one version of each project whose requirements, and theirs, are all met among these versions."""
        wheels = dict(self.choose(sorted(self.candidates), can_go_back=True).wheels)
        while True:
            failures = self.check(wheels, sorted(wheels), ()).failures
            unmet = {name for failure in failures for name in blamed(failure)} & set(wheels)
            if not unmet:
                return [] if failures else [wheels[name] for name in sorted(wheels)]
            for name in unmet:
                del wheels[name]

    def explain(self, failure: _closure.Failure) -> Missing:
        """Return why the folder does not meet a requirement."""
        if failure.kind not in ("missing", "version", "constraint"):
            return Missing(failure.requirement, failure.chain, failure.message)
        name = normalize(self.packaging.requirement(failure.requirement).name)
        marker = "; %s" % failure.marker if failure.marker else ""
        return Missing(failure.requirement + marker, failure.chain, self.reason(name))

    def reason(self, name: str) -> str:
        """Return why the folder has no version of a project that does."""
        versions = list(dict.fromkeys(one.text for one in self.candidates.get(name, ())))
        if versions:
            return "the folder has %s %s" % (name, ", ".join(versions))
        wheels = sorted(one.filename for one in self.stock.wheels if one.project == name)
        if wheels:
            return "none of its wheels fits: %s" % ", ".join(wheels)
        sdists = sorted(filename for project, dummy, filename in self.stock.sdists if project == name)
        if sdists:
            return "the folder has no wheel of it, only %s" % ", ".join(sdists)
        return "the folder does not have it"


def blamed(failure: _closure.Failure) -> t.List[str]:
    """Return the project whose requirement is not met; for an extra, the one that requires the extra."""
    nodes = [one for one in failure.chain if not one.startswith("the requirement ")]
    # An extra is missing to whoever requires it; the project itself can be whole.
    while len(nodes) > 1 and "[" in nodes[0]:
        del nodes[0]
    return [re.split(r"[\[ ]", nodes[0])[0]] if nodes else []


def describe(missing: Missing) -> str:
    """Return one line: what needs what, and why it is missing."""
    needed_by = [one for one in missing.needed_by if not one.startswith("the requirement ")]
    if not needed_by:
        return "%s: %s" % (missing.requirement, missing.reason)
    path = " (required by %s)" % ", by ".join(needed_by[1:]) if len(needed_by) > 1 else ""
    return "%s%s needs %s: %s" % (needed_by[0], path, missing.requirement, missing.reason)


def adopted_sets(whole: t.Mapping[str, t.Sequence[Found]]) -> t.List[t.Dict[str, t.Any]]:
    """Return requirement sets with the pins of each target: one for all targets with the same pins."""
    groups: t.Dict[t.Tuple[str, ...], t.List[str]] = {}
    for target, wheels in whole.items():
        pins = tuple("%s==%s" % (one.project, one.text) for one in wheels)
        if pins:
            groups.setdefault(pins, []).append(target)
    return [
        {
            "name": ADOPTED if len(groups) == 1 else "%s-%s" % (ADOPTED, targets[0].lower()),
            "requirements": list(pins),
            "targets": targets,
        }
        for pins, targets in groups.items()
    ]
