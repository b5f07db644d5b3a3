# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Closure: the files of a lock are all that its requirements need on its target, and fit it.

This follows the metadata of the files themselves (core metadata specification),
not the output of a resolver, so it does not repeat a resolver's mistakes. No
I/O happens here. Versions follow PEP 440, requirements and markers PEP 508,
tags PEP 425.
"""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._text import shown
from ansible_collections.airgap.python.plugins.module_utils._wheels import _metadata, _wheel
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import normalize
from ansible_collections.airgap.python.plugins.module_utils._wheels._packaging import Packaging

# More failures than this tell a reader nothing new.
SHOWN = 10


class Wheel(t.NamedTuple):
    """A file of a lock: name and version as the lock pins them, its file name, and its METADATA or the headers of it."""

    name: str
    version: str
    filename: str
    metadata: str


class Failure(t.NamedTuple):
    """Why a lock is not closed.

    ``kind`` is missing, direct, version, marker, constraint, twice, tags, python,
    metadata or input. ``chain`` leads from the file that requires it up to the root
    requirement. ``message`` has all of it, with the fix.
    """

    kind: str
    requirement: str
    chain: t.Tuple[str, ...]
    marker: str
    message: str


class Edge(t.NamedTuple):
    """Project ``parent`` ("" for a root requirement) needs project ``child``, by this requirement."""

    parent: str
    child: str
    requirement: str


class UnknownExtra(t.NamedTuple):
    """An extra that is required but that the project does not have; ``root`` is the root requirement with it, or ""."""

    root: str
    message: str


def unknown_extra(needed_by: str, name: str, extra: str, version: str, known: t.Optional[t.Iterable[str]]) -> str:
    """Return a text: who requires an extra that a version does not have, and the extras that it has, if known."""
    text = "%s requires the extra %s of %s, but %s %s does not have it." % (needed_by, extra, name, name, version)
    return text if known is None else "%s It has: %s." % (text, ", ".join(sorted(known)) or "none")


class Closure(t.NamedTuple):
    """The result of a check: a lock without failures is closed.

    ``unused`` are files that nothing requires, ``excluded`` root requirements
    whose marker is false on the target, ``unknown_extras`` extras that are
    required but that the wheel does not have.
    """

    failures: t.Tuple[Failure, ...]
    unused: t.Tuple[str, ...]
    excluded: t.Tuple[str, ...]
    edges: t.Tuple[Edge, ...]
    unknown_extras: t.Tuple[UnknownExtra, ...]


class _Node(t.NamedTuple):
    """A project, or one extra of it."""

    name: str
    extra: str


class _Distribution:
    """What a wheel's METADATA declares."""

    def __init__(self, wheel: Wheel) -> None:
        self.wheel = wheel
        self.message = _metadata.parse(wheel.metadata)
        self.requires = _metadata.requires_dist(self.message)
        self.requires_python = _metadata.requires_python(self.message)
        self.extras = {normalize(str(one).strip()) for one in self.message.get_all("Provides-Extra", [])}


class _Walk:
    """One walk through a lock; see check()."""

    def __init__(self, packaging: Packaging, target: str, markers: t.Mapping[str, str], tags: t.Iterable[str]) -> None:
        self.packaging = packaging
        self.markers = dict(markers)
        self.tags = frozenset(tags)
        self.target = "target %s (python %s)" % (target, markers["python_full_version"])
        self.lock: t.Dict[str, _Distribution] = {}
        self.failures: t.List[Failure] = []
        self.edges: t.Set[Edge] = set()
        self.excluded: t.List[str] = []
        self.unknown_extras: t.Set[UnknownExtra] = set()
        # Who required it first: another node, or the text of a root requirement.
        self.required_by: t.Dict[_Node, t.Union[_Node, str]] = {}
        self.queue: t.Deque[_Node] = collections.deque()

    def fail(self, kind: str, message: str, requirement: str = "", node: t.Any = None, marker: str = "") -> None:
        """Record a failure once."""
        failure = Failure(kind, requirement, tuple(self.chain(node)) if node else (), marker, message)
        if not any(failure.message == other.message for other in self.failures):
            self.failures.append(failure)

    def label(self, node: _Node) -> str:
        """Return the name of a node in messages."""
        extra = "[%s]" % node.extra if node.extra else ""
        return "%s%s %s" % (node.name, extra, self.lock[node.name].wheel.version)

    def chain(self, node: t.Union[_Node, str]) -> t.List[str]:
        """Return the chain from a node up to the root requirement; an extra of a project is not listed twice."""
        found = []
        while not isinstance(node, str):
            found.append(self.label(node))
            node = self.required_by[node]
        return found + ["the requirement " + node]

    def who(self, node: t.Union[_Node, str]) -> str:
        """Return a node with those that require it."""
        chain = self.chain(node)
        if len(chain) == 1:
            return chain[0][0].upper() + chain[0][1:]
        return "%s (required by %s)" % (chain[0], ", by ".join(chain[1:]))

    def is_true(self, marker: t.Any, extra: str = "") -> bool:
        """Evaluate a marker for the target; raises ValueError if that is impossible."""
        return evaluate_marker(marker, self.markers, extra)

    def add(self, wheels: t.Iterable[Wheel]) -> None:
        """Add the files of the lock."""
        for wheel in wheels:
            name = normalize(wheel.name)
            if name in self.lock:
                self.fail(
                    "twice",
                    "%s: the lock has two files of %s, %s and %s, but pip installs one. Stage the set again."
                    % (self.target, name, self.lock[name].wheel.filename, wheel.filename),
                )
                continue
            self.lock[name] = _Distribution(wheel)

    def read_root(self, text: str, what: str) -> t.Any:
        """Return a root requirement or constraint, or None if it does not apply to the target."""
        try:
            requirement = self.packaging.requirement(text)
            counts = requirement.marker is None or self.is_true(requirement.marker)
        except ValueError as error:
            self.fail(
                "input", "The %s %r cannot be read: %s. Write it in the form of PEP 508." % (what, text, error), text
            )
            return None
        if not counts and what == "requirement":
            self.excluded.append(text)
        return requirement if counts else None

    def meet(self, requirement: t.Any, needed_by: t.Union[_Node, str]) -> None:
        """Check that the lock meets a requirement, and queue the project that meets it."""
        name = normalize(requirement.name)
        marker = str(requirement.marker or "")
        wanted = str(requirement).partition(";")[0].strip()
        if requirement.url:
            wanted = "%s @ %s" % (name, _secrets.public(requirement.url))
        where = "%s; its marker %s is true there)" % (self.target[:-1], marker) if marker else self.target
        needs = "%s needs %s on %s" % (self.who(needed_by), wanted, where)
        if isinstance(needed_by, str):
            needs = "%s applies to %s" % (self.who(needed_by), where)
        parent = "" if isinstance(needed_by, str) else needed_by.name
        if parent and requirement.url:
            self.fail(
                "direct",
                "%s: pip would download from that URL, whatever the bundle contains. Use another version of %s, or build it "
                "under stage_build from a source that requires %s by name." % (needs, parent, name),
                wanted,
                needed_by,
                marker,
            )
            return
        if name not in self.lock:
            fix = "Stage the set for this target again"
            fix += "; if that does not help, add %s to the set's requirements." % wanted if parent else "."
            self.fail("missing", "%s: the lock has no file of %s. %s" % (needs, name, fix), wanted, needed_by, marker)
            return
        found = self.lock[name].wheel
        # A direct reference (name @ url) has no specifier, so that its name is enough.
        if not self.admits(requirement.specifier, found.version):
            self.fail(
                "version",
                "%s: the lock has %s %s. Stage the set for this target again; if that does not help, change the requirement "
                "that keeps %s at %s." % (needs, name, found.version, name, found.version),
                wanted,
                needed_by,
                marker,
            )
        if parent != name:
            self.edges.add(Edge(parent, name, wanted))
        for extra in [""] + sorted(normalize(extra) for extra in requirement.extras):
            node = _Node(name, extra)
            if extra and extra not in self.lock[name].extras:
                who = needed_by if isinstance(needed_by, str) else self.who(needed_by)
                message = unknown_extra(who, name, extra, found.version, self.lock[name].extras)
                self.unknown_extras.add(UnknownExtra(needed_by if isinstance(needed_by, str) else "", message))
            if node not in self.required_by:
                self.required_by[node] = needed_by
                self.queue.append(node)

    def admits(self, specifier: t.Any, version: str) -> bool:
        """Return whether a specifier admits a version; a pinned pre-release was a choice (as in pip check)."""
        try:
            return bool(specifier.contains(self.packaging.parse_version(version), prereleases=True))
        except ValueError:
            return False

    def follow(self, node: _Node) -> None:
        """Meet the requirements of a project, or of one extra of it."""
        for text in self.lock[node.name].requires:
            try:
                requirement = self.packaging.requirement(text)
                if requirement.marker is None:
                    counts = not node.extra
                else:
                    counts = self.is_true(requirement.marker, node.extra)
                    # The project itself already requires it.
                    if counts and node.extra:
                        counts = not self.is_true(requirement.marker)
            except ValueError as error:
                self.fail(
                    "marker",
                    "%s requires %r, which packaging %s cannot read for %s: %s. Use another version of it."
                    % (self.who(node), text, self.packaging.version, self.target, str(error).partition("\n")[0]),
                    text,
                    node,
                )
                continue
            if counts:
                self.meet(requirement, node)

    def check_file(self, name: str, distribution: _Distribution) -> None:
        """Check that a file matches its name and its pin, and that the target can install it."""
        wheel = distribution.wheel
        node = _Node(name, "")
        required = ", which is required by %s" % ", by ".join(self.chain(node)[1:]) if node in self.required_by else ""
        known = node if node in self.required_by else None
        try:
            found, declared = _wheel.check_declared(self.packaging, wheel.filename, distribution.message)
            same = found.version == self.packaging.parse_version(wheel.version)
        except (AirgapError, ValueError) as error:
            self.fail("metadata", "%s: %s" % (self.target, error), wheel.filename, known)
            return
        if found.project != name or not same:
            self.fail(
                "metadata",
                "%s: the lock pins %s %s with the file %s, which is %s %s. Stage the set again."
                % (self.target, name, wheel.version, wheel.filename, found.project, declared["Version"]),
                wheel.filename,
                known,
            )
        if not self.tags.intersection(found.tags):
            self.fail(
                "tags",
                "%s%s does not fit %s, which accepts none of the tags %s. Stage the set for this target again."
                % (wheel.filename, required, self.target, ", ".join(found.tags[:4])),
                wheel.filename,
                known,
            )
        if not self.admits_python(distribution.requires_python):
            self.fail(
                "python",
                "%s %s%s needs Python %s, which %s is not. Stage the set for this target again, with the full version "
                "that 'python3 --version' prints on it."
                % (name, wheel.version, required, distribution.requires_python, self.target),
                wheel.filename,
                known,
            )

    def admits_python(self, text: str) -> bool:
        """Return whether Requires-Python admits the target; like pip, admit all if it cannot be read."""
        try:
            specifiers = self.packaging.specifiers(text)
        except ValueError:
            return True
        return self.admits(specifiers, self.markers["python_full_version"])

    def check_constraint(self, text: str) -> None:
        """Check that the lock meets a constraint, if it has the project at all."""
        constraint = self.read_root(text, "constraint")
        if constraint is None:
            return
        name = normalize(constraint.name)
        if name in self.lock and not self.admits(constraint.specifier, self.lock[name].wheel.version):
            self.fail(
                "constraint",
                "The constraint %s applies to %s: the lock has %s %s. Stage the set for this target again."
                % (text, self.target, name, self.lock[name].wheel.version),
                text,
            )

    def run(self, roots: t.Iterable[str], constraints: t.Iterable[str]) -> Closure:
        """Walk from the roots, then check each file."""
        for text in roots:
            requirement = self.read_root(text, "requirement")
            if requirement is not None:
                self.meet(requirement, text)
        while self.queue:
            self.follow(self.queue.popleft())
        for name in sorted(self.lock):
            self.check_file(name, self.lock[name])
        for text in constraints:
            self.check_constraint(text)
        reached = {node.name for node in self.required_by}
        return Closure(
            tuple(self.failures),
            tuple(sorted(self.lock[name].wheel.filename for name in self.lock if name not in reached)),
            tuple(self.excluded),
            tuple(sorted(self.edges)),
            tuple(sorted(self.unknown_extras)),
        )


def applies(packaging: Packaging, text: str, markers: t.Mapping[str, str]) -> bool:
    """Return whether a requirement applies in a marker environment; one that cannot be read does."""
    try:
        marker = packaging.requirement(text).marker
        return marker is None or evaluate_marker(marker, markers)
    except ValueError:
        return True


def evaluate_marker(marker: t.Any, markers: t.Mapping[str, str], extra: str = "") -> bool:
    """Evaluate a marker in an environment; raises ValueError if that is impossible."""
    environment = dict(markers, extra=extra)
    try:
        return bool(marker.evaluate(environment))
    except KeyError as error:
        # Lock files (PEP 751) have variables that no wheel and no requirement may use.
        raise ValueError("there is no marker %s" % error) from error
    except ValueError:
        # Older packaging cannot compare an unknown ("") release with a version. It is lower than any.
        unknown = {key: "0" for key in ("platform_release", "platform_version") if not environment[key]}
        return bool(marker.evaluate(dict(environment, **unknown)))


def check(
    packaging: Packaging,
    roots: t.Iterable[str],
    constraints: t.Iterable[str],
    wheels: t.Iterable[Wheel],
    target: str,
    markers: t.Mapping[str, str],
    tags: t.Iterable[str],
) -> Closure:
    """Check one lock: from ``roots``, under the target's ``markers``, one fitting file meets each requirement.

    ``roots`` and ``constraints`` are PEP 508 texts, ``target`` is a name for
    messages, ``tags`` are the wheel tags that the target accepts, such as
    py3-none-any. A lock that is not closed raises nothing: see Closure.failures.
    """
    walk = _Walk(packaging, target, markers, tags)
    walk.add(wheels)
    return walk.run(roots, constraints)


def excluded(packaging: Packaging, roots: t.Iterable[str], target: str, markers: t.Mapping[str, str]) -> t.List[str]:
    """Return the root requirements whose marker is false on a target."""
    walk = _Walk(packaging, target, markers, ())
    for text in roots:
        walk.read_root(text, "requirement")
    return walk.excluded


def describe_failures(failures: t.Sequence[Failure], most: int = SHOWN) -> str:
    """Return failures as one text: the first of them, and the number of the rest."""
    text = "\n".join(shown(failure.message) for failure in failures[:most])
    if len(failures) > most:
        text += "\nand %d more." % (len(failures) - most)
    return text
