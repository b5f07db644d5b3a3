# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Closure of closure: the files of a lock are all that its requirements need on its target, and fit it.

This walks the metadata of the files themselves (core metadata specification),
not what a resolver reported, so it does not share a resolver's mistakes. No
I/O happens here. Versions are judged by PEP 440, requirements and markers by
PEP 508, tags by PEP 425.
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

# More failures than this say nothing new to a reader.
SHOWN = 10


class Wheel(t.NamedTuple):
    """A file of a lock: name and version as the lock pins them, its file name, and its METADATA (or the head of it)."""

    name: str
    version: str
    filename: str
    metadata: str


class Failure(t.NamedTuple):
    """Why a lock is not closed.

    ``kind`` is missing, direct, version, marker, constraint, twice, tags, python,
    metadata or input. ``chain`` leads from the one that asks up to the root
    requirement. ``message`` says it all, with the mend.
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
    """An extra that is asked for and that the project does not have; ``root`` is the root requirement that asks, or ""."""

    root: str
    message: str


def unknown_extra(asker: str, name: str, extra: str, version: str, known: t.Optional[t.Iterable[str]]) -> str:
    """Return who asks for an extra that a version does not have, and those that it has, where they are known."""
    text = "%s asks for the extra %s of %s, which %s %s does not have." % (asker, extra, name, name, version)
    return text if known is None else "%s It has: %s." % (text, ", ".join(sorted(known)) or "none")


class Closure(t.NamedTuple):
    """What the walk found: a lock is closed if there are no failures.

    ``unused`` are files that nothing asks for, ``excluded`` root requirements
    whose marker is false on the target, ``unknown_extras`` extras that are
    asked for and that the wheel does not know.
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
    """One walk; see check()."""

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
        # Who asked for it first: another node, or the text of a root requirement.
        self.asked_by: t.Dict[_Node, t.Union[_Node, str]] = {}
        self.queue: t.Deque[_Node] = collections.deque()

    def fail(self, kind: str, message: str, requirement: str = "", node: t.Any = None, marker: str = "") -> None:
        """Note a failure once."""
        failure = Failure(kind, requirement, tuple(self.chain(node)) if node else (), marker, message)
        if not any(failure.message == other.message for other in self.failures):
            self.failures.append(failure)

    def label(self, node: _Node) -> str:
        """Return how a node is called in messages."""
        extra = "[%s]" % node.extra if node.extra else ""
        return "%s%s %s" % (node.name, extra, self.lock[node.name].wheel.version)

    def chain(self, node: t.Union[_Node, str]) -> t.List[str]:
        """Return who asks, from a node up to the root requirement; an extra of a project does not count twice."""
        found = []
        while not isinstance(node, str):
            found.append(self.label(node))
            node = self.asked_by[node]
        return found + ["the requirement " + node]

    def who(self, node: t.Union[_Node, str]) -> str:
        """Return the one that asks, with those that ask for it."""
        chain = self.chain(node)
        if len(chain) == 1:
            return chain[0][0].upper() + chain[0][1:]
        return "%s (asked for by %s)" % (chain[0], ", by ".join(chain[1:]))

    def is_true(self, marker: t.Any, extra: str = "") -> bool:
        """Evaluate a marker for the target; raises ValueError if it cannot be."""
        return evaluate_marker(marker, self.markers, extra)

    def add(self, wheels: t.Iterable[Wheel]) -> None:
        """Take the files of the lock in."""
        for wheel in wheels:
            name = normalize(wheel.name)
            if name in self.lock:
                self.fail(
                    "twice",
                    "%s: the lock has two files of %s, %s and %s, and pip takes one. Stage the set again."
                    % (self.target, name, self.lock[name].wheel.filename, wheel.filename),
                )
                continue
            self.lock[name] = _Distribution(wheel)

    def read_root(self, text: str, what: str) -> t.Any:
        """Return a root requirement or constraint, or None where it does not count here."""
        try:
            requirement = self.packaging.requirement(text)
            counts = requirement.marker is None or self.is_true(requirement.marker)
        except ValueError as error:
            self.fail("input", "The %s %r cannot be read: %s. Write it as PEP 508 says." % (what, text, error), text)
            return None
        if not counts and what == "requirement":
            self.excluded.append(text)
        return requirement if counts else None

    def meet(self, requirement: t.Any, asker: t.Union[_Node, str]) -> None:
        """Check that the lock meets a requirement, and go on with what meets it."""
        name = normalize(requirement.name)
        marker = str(requirement.marker or "")
        wanted = str(requirement).partition(";")[0].strip()
        if requirement.url:
            wanted = "%s @ %s" % (name, _secrets.public(requirement.url))
        where = "%s; its marker %s is true there)" % (self.target[:-1], marker) if marker else self.target
        needs = "%s needs %s on %s" % (self.who(asker), wanted, where)
        if isinstance(asker, str):
            needs = "%s counts on %s" % (self.who(asker), where)
        parent = "" if isinstance(asker, str) else asker.name
        if parent and requirement.url:
            self.fail(
                "direct",
                "%s: pip there would go to that URL, whatever the bundle holds. Take another version of %s, or build it "
                "under stage_build from a source that requires %s by its name." % (needs, parent, name),
                wanted,
                asker,
                marker,
            )
            return
        if name not in self.lock:
            mend = "Stage the set for this target again"
            mend += "; if it stays so, add %s to the set's requirements." % wanted if parent else "."
            self.fail("missing", "%s: the lock has no file of %s. %s" % (needs, name, mend), wanted, asker, marker)
            return
        found = self.lock[name].wheel
        # A direct reference (name @ url) has no specifier, so that its name is enough.
        if not self.admits(requirement.specifier, found.version):
            self.fail(
                "version",
                "%s: the lock has %s %s. Stage the set for this target again; if it stays so, change the requirement "
                "that holds %s at %s." % (needs, name, found.version, name, found.version),
                wanted,
                asker,
                marker,
            )
        if parent != name:
            self.edges.add(Edge(parent, name, wanted))
        for extra in [""] + sorted(normalize(extra) for extra in requirement.extras):
            node = _Node(name, extra)
            if extra and extra not in self.lock[name].extras:
                who = asker if isinstance(asker, str) else self.who(asker)
                message = unknown_extra(who, name, extra, found.version, self.lock[name].extras)
                self.unknown_extras.add(UnknownExtra(asker if isinstance(asker, str) else "", message))
            if node not in self.asked_by:
                self.asked_by[node] = asker
                self.queue.append(node)

    def admits(self, specifier: t.Any, version: str) -> bool:
        """Say whether a specifier takes a version; a pre-release that is pinned was chosen (as in pip check)."""
        try:
            return bool(specifier.contains(self.packaging.parse_version(version), prereleases=True))
        except ValueError:
            return False

    def follow(self, node: _Node) -> None:
        """Meet what a project, or one extra of it, requires."""
        for text in self.lock[node.name].requires:
            try:
                requirement = self.packaging.requirement(text)
                if requirement.marker is None:
                    counts = not node.extra
                else:
                    counts = self.is_true(requirement.marker, node.extra)
                    # The project itself has met it already.
                    if counts and node.extra:
                        counts = not self.is_true(requirement.marker)
            except ValueError as error:
                self.fail(
                    "marker",
                    "%s requires %r, which packaging %s cannot read for %s: %s. Name another version of it."
                    % (self.who(node), text, self.packaging.version, self.target, str(error).partition("\n")[0]),
                    text,
                    node,
                )
                continue
            if counts:
                self.meet(requirement, node)

    def check_file(self, name: str, distribution: _Distribution) -> None:
        """Check that a file is what it says, and that the target can install it."""
        wheel = distribution.wheel
        node = _Node(name, "")
        asked = ", which is asked for by %s" % ", by ".join(self.chain(node)[1:]) if node in self.asked_by else ""
        known = node if node in self.asked_by else None
        try:
            found, declared = _wheel.check_declared(self.packaging, wheel.filename, distribution.message)
            same = found.version == self.packaging.parse_version(wheel.version)
        except (AirgapError, ValueError) as error:
            self.fail("metadata", "%s: %s" % (self.target, error), wheel.filename, known)
            return
        if found.project != name or not same:
            self.fail(
                "metadata",
                "%s: the lock pins %s %s and names the file %s, which is %s %s. Stage the set again."
                % (self.target, name, wheel.version, wheel.filename, found.project, declared["Version"]),
                wheel.filename,
                known,
            )
        if not self.tags.intersection(found.tags):
            self.fail(
                "tags",
                "%s%s does not fit %s: it accepts none of the tags %s. Stage the set for this target again."
                % (wheel.filename, asked, self.target, ", ".join(found.tags[:4])),
                wheel.filename,
                known,
            )
        if not self.admits_python(distribution.requires_python):
            self.fail(
                "python",
                "%s %s%s wants Python %s, which %s is not. Stage the set for this target again, with the full version "
                "that 'python3 --version' prints there."
                % (name, wheel.version, asked, distribution.requires_python, self.target),
                wheel.filename,
                known,
            )

    def admits_python(self, text: str) -> bool:
        """Say whether Requires-Python takes the target; what cannot be read takes all, as for pip."""
        try:
            specifiers = self.packaging.specifiers(text)
        except ValueError:
            return True
        return self.admits(specifiers, self.markers["python_full_version"])

    def check_constraint(self, text: str) -> None:
        """Check that the lock keeps a constraint, if it has the project at all."""
        constraint = self.read_root(text, "constraint")
        if constraint is None:
            return
        name = normalize(constraint.name)
        if name in self.lock and not self.admits(constraint.specifier, self.lock[name].wheel.version):
            self.fail(
                "constraint",
                "The constraint %s counts on %s: the lock has %s %s. Stage the set for this target again."
                % (text, self.target, name, self.lock[name].wheel.version),
                text,
            )

    def run(self, roots: t.Iterable[str], constraints: t.Iterable[str]) -> Closure:
        """Walk from the roots, then judge each file."""
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
        reached = {node.name for node in self.asked_by}
        return Closure(
            tuple(self.failures),
            tuple(sorted(self.lock[name].wheel.filename for name in self.lock if name not in reached)),
            tuple(self.excluded),
            tuple(sorted(self.edges)),
            tuple(sorted(self.unknown_extras)),
        )


def applies(packaging: Packaging, text: str, markers: t.Mapping[str, str]) -> bool:
    """Say whether a requirement counts where these markers hold; one that cannot be read does."""
    try:
        marker = packaging.requirement(text).marker
        return marker is None or evaluate_marker(marker, markers)
    except ValueError:
        return True


def evaluate_marker(marker: t.Any, markers: t.Mapping[str, str], extra: str = "") -> bool:
    """Evaluate a marker in an environment; raises ValueError if it cannot be."""
    environment = dict(markers, extra=extra)
    try:
        return bool(marker.evaluate(environment))
    except KeyError as error:
        # Lock files (PEP 751) have variables that no wheel and no requirement may ask for.
        raise ValueError("there is no marker %s" % error) from error
    except ValueError:
        # Older packaging cannot compare an unknown ("") release with a version, which is less than any.
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
    """Prove one lock: from ``roots``, under the target's ``markers``, each need is met by one fitting file.

    ``roots`` and ``constraints`` are PEP 508 texts, ``target`` is a name for
    messages, ``tags`` are the wheel tags that the target accepts, such as
    py3-none-any. Nothing is raised for a lock that is wrong: see Closure.failures.
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
    """Return failures as one text, the first of them and how many more there are."""
    text = "\n".join(shown(failure.message) for failure in failures[:most])
    if len(failures) > most:
        text += "\nand %d more." % (len(failures) - most)
    return text
