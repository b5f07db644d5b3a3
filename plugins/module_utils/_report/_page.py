# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contents of the approver's page, as plain values; report.html.j2 has its form, and _page_html combines the two.

Names, versions, licences and findings are untrusted text. They stay as they are
here: nothing is escaped before the page is rendered. No I/O happens here.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _manifest, _signature
from ansible_collections.airgap.python.plugins.module_utils._report import (
    _audit,
    _changes,
    _dependencies,
    _license,
    _severity,
)
from ansible_collections.airgap.python.plugins.module_utils._report._contents import Contents, LockContents

LARGEST = 12
# Deeper parts of a tree are listed below it.
DEEPEST = 24
TOOL_SETS = "airgap-"
# The label of a severity, if it is not its name.
RATINGS = {"unknown": "not rated"}
Entry = t.Mapping[str, t.Any]


class Compared(t.NamedTuple):
    """The bundle that this one is compared with; ``created`` is "" if an inventory does not have it."""

    id: str
    created: str


class Change(t.NamedTuple):
    """One change: ``before`` and ``after`` are versions, "" if there is none; ``where`` names sets and targets."""

    name: str
    before: str
    after: str
    where: str


class Kind(t.NamedTuple):
    """All changes of one kind."""

    kind: str
    changes: t.Tuple[Change, ...]


class News(t.NamedTuple):
    """What changed; ``new_locks`` and ``lost_locks`` are (set, target), ``per_set`` is false for an inventory."""

    compared: t.Optional[Compared]
    counts: t.Tuple[t.Tuple[str, int], ...]
    total: int
    new_files: int
    new_bytes: int
    new_locks: t.Tuple[t.Tuple[str, str], ...]
    lost_locks: t.Tuple[t.Tuple[str, str], ...]
    per_set: bool
    kinds: t.Tuple[Kind, ...]


class Finding(t.NamedTuple):
    """A known vulnerability; ``ignored`` has reason and last day if the site ignores it."""

    name: str
    version: str
    id: str
    aliases: t.Tuple[str, ...]
    severity: str
    rating: str
    description: str
    fix_versions: t.Tuple[str, ...]
    where: str
    ignored: t.Optional[t.Mapping[str, str]]


class LastAnswer(t.NamedTuple):
    """What the service answered the last time about the same versions."""

    asked: str
    service: str
    findings: t.Tuple[Finding, ...]


class Vulnerabilities(t.NamedTuple):
    """What the vulnerability service answered.

    ``reason`` is why the bundle is not audited, or "". ``known`` counts the versions that the service knows. ``counts`` are
    (rating, number of findings that are not ignored), without zeros. ``skipped`` have name, version and reason,
    ``expired`` id, until and reason.
    """

    is_audited: bool
    reason: str
    service: t.Mapping[str, str]
    asked: str
    versions: int
    known: int
    severities: str
    counts: t.Tuple[t.Tuple[str, int], ...]
    total: int
    counted: t.Tuple[Finding, ...]
    ignored: t.Tuple[Finding, ...]
    skipped: t.Tuple[t.Mapping[str, str], ...]
    expired: t.Tuple[t.Mapping[str, str], ...]
    last_answer: t.Optional[LastAnswer]


class UnusualLicence(t.NamedTuple):
    """A package whose licence is unusual at the site."""

    name: str
    version: str
    declared: str
    where: str


class UsualLicence(t.NamedTuple):
    """The wording of a usual licence, and the projects that use it."""

    declared: str
    projects: t.Tuple[str, ...]


class Licences(t.NamedTuple):
    """Declared licences; ``allowed`` are the SPDX ids that are usual, ``projects`` counts those with an unusual one."""

    projects: int
    unusual: t.Tuple[UnusualLicence, ...]
    usual: t.Tuple[UsualLicence, ...]
    allowed: t.Tuple[str, ...]


class Share(t.NamedTuple):
    """The size of a set, a package or the whole bundle; ``percent`` is relative to the largest package."""

    name: str
    packages: int
    files: int
    bytes: int
    is_tool: bool = False
    percent: float = 0.0


class Sizes(t.NamedTuple):
    """Sizes of the sets, of wheels that no lock uses any more, of other files, of the bundle, and of its largest packages."""

    sets: t.Tuple[Share, ...]
    unused: t.Optional[Share]
    extras: t.Optional[Share]
    bundle: Share
    largest: t.Tuple[Share, ...]


class Node(t.NamedTuple):
    """A line of a tree and the lines below it."""

    need: _dependencies.Need
    below: t.List[t.Any]


class Tree(t.NamedTuple):
    """The tree of a set, for all targets that share it."""

    set: str
    targets: t.Tuple[str, ...]
    packages: int
    nodes: t.List[Node]


class File(t.NamedTuple):
    """A file of the bundle."""

    name: str
    version: str
    filename: str
    sha256: str
    licence: str
    where: str
    bytes: int


class Extra(t.NamedTuple):
    """A file besides the wheels; ``name`` and ``version`` are those of a collection, ``news`` is new, changed or ""."""

    filename: str
    kind: str
    name: str
    version: str
    origin: str
    sha256: str
    bytes: int
    news: str


class Page(t.NamedTuple):
    """All contents of the page; ``signers`` are allowed signers, of which ``required`` must sign."""

    id: str
    created: str
    base: str
    sets: int
    targets: int
    packages: int
    news: News
    vulnerabilities: Vulnerabilities
    licences: Licences
    sizes: Sizes
    trees: t.Tuple[Tree, ...]
    files: t.Tuple[File, ...]
    extras: t.Tuple[Extra, ...]
    lost_extras: t.Tuple[str, ...]
    tool_sets: t.Tuple[str, ...]
    signers: t.Tuple[_signature.AllowedSigner, ...]
    required: int

    @property
    def has_file_news(self) -> bool:
        """Whether files besides the packages were added, changed or removed since the previous bundle."""
        return bool(self.lost_extras) or any(one.news for one in self.extras)


def plan(
    contents: Contents,
    audit: t.Mapping[str, t.Any],
    changes: t.Mapping[str, t.Any],
    usual: t.Sequence[str] = _license.USUAL,
    signers: t.Sequence[str] = (),
    required: int = 0,
) -> Page:
    """Return the contents of the page; raises AirgapError for a line in ``signers`` that is not an allowed signer.

    ``audit`` and ``changes`` are the contents of audit.json and changes.json,
    ``usual`` SPDX ids, ``signers`` lines of an allowed signers file, and
    ``required`` how many of them must sign.
    """
    manifest = contents.manifest
    locks = Locks(contents.locks)
    return Page(
        id=manifest["id"],
        created=manifest["created"],
        base=manifest.get("base") or "",
        sets=len(manifest["sets"]),
        targets=len(manifest["targets"]),
        packages=_count_projects(manifest["files"]),
        news=_news(changes, locks),
        vulnerabilities=_vulnerabilities(audit, manifest["files"], locks),
        licences=_licences(contents, usual, locks),
        sizes=_sizes(manifest["files"], locks, _manifest.extras(manifest)),
        trees=_trees(contents.locks),
        files=_files(contents, locks),
        extras=_extras(_manifest.extras(manifest), changes),
        lost_extras=tuple(_filename(one) for one in changes.get("extras", {}).get("removed", ())),
        tool_sets=tuple(name for name in locks.sets if name.startswith(TOOL_SETS)),
        signers=tuple(_signature.allowed_signers(signers)),
        required=required,
    )


def unusual_files(contents: Contents, usual: t.Sequence[str] = _license.USUAL) -> t.List[Entry]:
    """Return the manifest's entries of the files whose licence is not one of these SPDX ids."""
    return [
        entry for entry in contents.manifest["files"] if not _license.is_usual(contents.licenses[entry["path"]], usual)
    ]


class Locks:
    """The locks of a bundle, and how the page names some of them."""

    def __init__(self, locks: t.Iterable[LockContents]) -> None:
        targets: t.Dict[str, t.Set[str]] = {}
        for lock in locks:
            targets.setdefault(lock.set, set()).add(lock.target)
        self._targets = targets

    @property
    def sets(self) -> t.List[str]:
        """The names of all sets, in order."""
        return sorted(self._targets)

    def where(self, labels: t.Iterable[str]) -> str:
        """Return locks ("set/target") as a text, "" for none; a set without targets means all its targets."""
        found: t.Dict[str, t.Set[str]] = {}
        for label in labels:
            name, dummy, target = label.partition("/")
            found.setdefault(name, set()).add(target)
        parts = []
        for name, targets in sorted(found.items()):
            known = self._targets.get(name, targets)
            is_whole = targets >= known and len(self._targets.get(name, ())) != 1
            parts.append(name if is_whole else "%s (%s)" % (name, ", ".join(sorted(targets))))
        return ", ".join(parts)


def _labels(entry: Entry) -> t.Set[str]:
    """Return the locks ("set/target") that use a file."""
    return {"%s/%s" % (one["set"], one["target"]) for one in entry["used_by"]}


def _count_projects(entries: t.Iterable[Entry]) -> int:
    return len({entry["name"] for entry in entries})


def _news(changes: t.Mapping[str, t.Any], locks: Locks) -> News:
    against = changes["against"]
    new_files = changes["files"]["new"]
    by_kind = [
        Kind(
            kind,
            tuple(
                Change(one["name"], one["from"], one["to"], locks.where(one["locks"]))
                for one in _changes.group(changes["locks"], kind)
            ),
        )
        for kind in _changes.KINDS
    ]
    return News(
        compared=None if against is None else Compared(against.get("id") or "", against.get("created") or ""),
        counts=tuple((kind, changes["counts"][kind]) for kind in _changes.KINDS if changes["counts"][kind]),
        total=sum(changes["counts"].values()),
        new_files=len(new_files),
        new_bytes=sum(one["size"] for one in new_files),
        new_locks=tuple((lock["set"], lock["target"]) for lock in changes["locks"] if lock["lock"] == "new"),
        lost_locks=tuple((lock["set"], lock["target"]) for lock in changes["locks"] if lock["lock"] == "gone"),
        per_set=changes["per_lock"],
        kinds=tuple(kind for kind in by_kind if kind.changes),
    )


def _vulnerabilities(audit: t.Mapping[str, t.Any], entries: t.Sequence[Entry], locks: Locks) -> Vulnerabilities:
    is_audited = audit["status"] != _audit.NOT_AUDITED
    findings = [_finding(one, locks) for one in audit["findings"]]
    counts = [(RATINGS.get(one, one), audit["counts"][one]) for one in _severity.SEVERITIES if is_audited]
    unknown = {"%(name)s==%(version)s" % one for one in audit["skipped"]} & set(audit["versions"])
    return Vulnerabilities(
        is_audited=is_audited,
        reason=audit["reason"],
        service=audit["service"],
        asked=audit["asked"] or "",
        versions=len(audit["versions"]),
        known=len(audit["versions"]) - len(unknown),
        severities=audit["severities"],
        counts=tuple((rating, count) for rating, count in counts if count),
        total=sum(count for dummy, count in counts),
        counted=tuple(one for one in findings if not one.ignored),
        ignored=tuple(one for one in findings if one.ignored),
        skipped=tuple(audit["skipped"]),
        expired=tuple(audit["ignore"]["expired"]),
        last_answer=_last_answer(audit["earlier"], entries, locks),
    )


def _last_answer(
    report: t.Optional[t.Mapping[str, t.Any]], entries: t.Sequence[Entry], locks: Locks
) -> t.Optional[LastAnswer]:
    if not report:
        return None
    # The locks of a version may have changed since.
    users = _audit.users_of(entries)
    known = [dict(one, used_by=users.get((one["name"], one["version"]), [])) for one in report["findings"]]
    return LastAnswer(report["asked"], report["service"]["name"], tuple(_finding(one, locks) for one in known))


def _finding(one: t.Mapping[str, t.Any], locks: Locks) -> Finding:
    return Finding(
        name=one["name"],
        version=one["version"],
        id=one["id"],
        aliases=tuple(alias for alias in one["aliases"] if alias != one["id"]),
        severity=one["severity"],
        rating=RATINGS.get(one["severity"], one["severity"]),
        description=one["description"],
        fix_versions=tuple(one["fix_versions"]),
        where=locks.where(one["used_by"]),
        ignored=one["ignored"],
    )


def _licences(contents: Contents, allowed: t.Sequence[str], locks: Locks) -> Licences:
    entries = contents.manifest["files"]
    unusual = unusual_files(contents, allowed)
    marked = {entry["path"] for entry in unusual}
    packages: t.Dict[t.Tuple[str, str, str], t.Set[str]] = {}
    for entry in unusual:
        key = (entry["name"], entry["version"], contents.licenses[entry["path"]].text)
        packages.setdefault(key, set()).update(_labels(entry))
    usual: t.Dict[str, t.Set[str]] = {}
    for entry in entries:
        if entry["path"] not in marked:
            usual.setdefault(contents.licenses[entry["path"]].text, set()).add(entry["name"])
    return Licences(
        projects=_count_projects(unusual),
        unusual=tuple(UnusualLicence(*key, where=locks.where(labels)) for key, labels in sorted(packages.items())),
        usual=tuple(
            UsualLicence(declared, tuple(sorted(projects)))
            for declared, projects in sorted(usual.items(), key=lambda item: (-len(item[1]), item[0]))
        ),
        allowed=tuple(sorted(allowed, key=str.lower)),
    )


def _share(name: str, entries: t.Sequence[Entry], is_tool: bool = False) -> Share:
    return Share(name, _count_projects(entries), len(entries), sum(entry["size"] for entry in entries), is_tool)


def _whole(share: Share, extras: t.Sequence[Entry]) -> Share:
    size = share.bytes + sum(entry["size"] for entry in extras)
    return share._replace(files=share.files + len(extras), bytes=size)


def _sizes(entries: t.Sequence[Entry], locks: Locks, extras: t.Sequence[Entry] = ()) -> Sizes:
    by_set: t.Dict[str, t.List[Entry]] = {name: [] for name in locks.sets}
    by_project: t.Dict[str, t.List[Entry]] = {}
    for entry in entries:
        by_project.setdefault(entry["name"], []).append(entry)
        for name in {user["set"] for user in entry["used_by"]} & set(by_set):
            by_set[name].append(entry)
    unused = [entry for entry in entries if not entry["used_by"]]
    shares = [_share(name, files) for name, files in by_project.items()]
    largest = sorted(shares, key=lambda share: (-share.bytes, share.name))[:LARGEST]
    top = max([share.bytes for share in largest] + [1])
    return Sizes(
        sets=tuple(_share(name, files, name.startswith(TOOL_SETS)) for name, files in by_set.items()),
        unused=_share("", unused) if unused else None,
        extras=Share("", 0, len(extras), sum(entry["size"] for entry in extras)) if extras else None,
        bundle=_whole(_share("", entries), extras),
        largest=tuple(share._replace(percent=100.0 * share.bytes / top) for share in largest),
    )


def _trees(locks: t.Iterable[LockContents]) -> t.Tuple[Tree, ...]:
    groups: t.Dict[t.Any, t.List[LockContents]] = {}
    for lock in locks:
        key = (lock.set, lock.edges, tuple((pin.name, pin.version) for pin in lock.pins))
        groups.setdefault(key, []).append(lock)
    return tuple(
        Tree(same[0].set, tuple(lock.target for lock in same), len(same[0].pins), _nodes(same[0]))
        for same in groups.values()
    )


def _nodes(lock: LockContents) -> t.List[Node]:
    """Return the lines of a lock's tree, each below its parent."""
    top: t.List[Node] = []
    way: t.List[t.List[Node]] = [top]
    for need in _dependencies.walk(lock, DEEPEST):
        node = Node(need, [])
        del way[need.depth + 1 :]
        way[-1].append(node)
        way.append(node.below)
    return top


def _files(contents: Contents, locks: Locks) -> t.Tuple[File, ...]:
    entries = sorted(contents.manifest["files"], key=lambda one: (one["name"], one["version"], one["path"]))
    return tuple(
        File(
            name=entry["name"],
            version=entry["version"],
            filename=os.path.basename(entry["path"]),
            sha256=entry["sha256"],
            licence=contents.licenses[entry["path"]].text,
            where=locks.where(_labels(entry)),
            bytes=entry["size"],
        )
        for entry in entries
    )


def _filename(one: Entry) -> str:
    return os.path.basename(str(one["path"]))


def _extras(entries: t.Iterable[Entry], changes: t.Mapping[str, t.Any]) -> t.Tuple[Extra, ...]:
    found = changes.get("extras", {})
    news = {one["path"]: "new" for one in found.get("added", ())}
    news.update({one["path"]: "changed" for one in found.get("changed", ())})
    is_first = changes["against"] is None
    return tuple(
        Extra(
            filename=_filename(entry),
            kind=entry["kind"],
            name=entry.get("name", ""),
            version=entry.get("version", ""),
            origin=entry.get("origin", ""),
            sha256=entry["sha256"],
            bytes=entry["size"],
            news="" if is_first else news.get(entry["path"], ""),
        )
        for entry in sorted(entries, key=lambda one: str(one["path"]))
    )
