# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contents of the page of a site, as plain values; site.html.j2 has its form. No I/O happens here.

What nodes and index hosts reported is untrusted text. It stays as it is here: it is escaped when the page is rendered.
"""

from __future__ import annotations

import base64
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

UNREACHED = "Ansible could not reach it, or the check did not end."
Entry = t.Mapping[str, t.Any]


class Set(t.NamedTuple):
    """A requirement set on a node; ``packages`` is how many it has."""

    name: str
    packages: int
    is_right: bool
    is_current: bool


class Node(t.NamedTuple):
    """A node; ``problems`` is empty if it is right."""

    host: str
    target: str
    sets: t.Tuple[Set, ...]
    problems: t.Tuple[str, ...]


class Check(t.NamedTuple):
    """A check of an index host."""

    host: str
    name: str
    is_right: bool
    message: str


class Signer(t.NamedTuple):
    """Who signed the bundle, and with which key."""

    principal: str
    key: str


class Bundle(t.NamedTuple):
    """The bundle that is served: when it was created and imported, and by whom."""

    id: str
    created: str
    imported: str
    operator: str
    signers: t.Tuple[Signer, ...]
    is_rolled_back: bool


class Contents(t.NamedTuple):
    """What a set has on a target, and the nodes that have it."""

    set: str
    target: str
    packages: t.Tuple[t.Tuple[str, str], ...]
    hosts: t.Tuple[str, ...]


class Page(t.NamedTuple):
    """All contents of the page."""

    index_name: str
    at: str
    bundle: t.Optional[Bundle]
    checks: t.Tuple[Check, ...]
    nodes: t.Tuple[Node, ...]
    contents: t.Tuple[Contents, ...]

    @property
    def differing(self) -> t.List[Node]:
        """The nodes that are not right."""
        return [one for one in self.nodes if one.problems]

    @property
    def failed(self) -> t.List[Check]:
        """The checks of the index hosts that failed."""
        return [one for one in self.checks if not one.is_right]

    @property
    def environments(self) -> t.List[Set]:
        """The sets of all nodes."""
        return [one for node in self.nodes for one in node.sets]


def _strings(values: t.Any) -> t.Tuple[str, ...]:
    return tuple(str(one) for one in values or ())


def node_of(host: str, result: Entry) -> Node:
    """Return a node from the result of node_check_info; an empty one means that there is none."""
    sets = tuple(
        Set(str(one.get("name")), int(one.get("packages") or 0), one.get("ok") is True, one.get("is_current") is True)
        for one in result.get("sets") or ()
    )
    problems = _strings(result.get("problems"))
    if result.get("ok") is not True and not problems:
        problems = (UNREACHED,)
    return Node(host, str(result.get("target") or ""), sets, problems)


def checks_of(host: str, result: Entry) -> t.List[Check]:
    """Return the checks of an index host from the result of site_check_info; an empty one means that there is none."""
    found = [
        Check(host, str(one.get("name")), one.get("ok") is True, str(one.get("message") or ""))
        for one in result.get("checks") or ()
    ]
    return found or [Check(host, "server", False, UNREACHED)]


def bundle_of(results: t.Iterable[Entry]) -> t.Optional[Bundle]:
    """Return the bundle that is served, from the first result of site_check_info that knows it; None if none does."""
    served: Entry = next((one["served"] for one in results if one.get("served")), {})
    if not served:
        return None
    signers = tuple(Signer(str(one.get("principal")), str(one.get("key"))) for one in served.get("signers") or ())
    identity, created, imported, operator = (
        str(served.get(name) or "") for name in ("id", "created", "imported", "operator")
    )
    return Bundle(identity, created, imported, operator, signers, served.get("is_rolled_back") is True)


def contents_of(locks: t.Iterable[Entry], nodes: t.Sequence[Node]) -> t.Tuple[Contents, ...]:
    """Return what each set has on each target that a node has; ``locks`` are those of bundle_locks_info."""
    found = []
    for one in locks:
        hosts = [
            node.host
            for node in nodes
            if node.target == one["target"] and any(each.name == one["set"] and each.is_current for each in node.sets)
        ]
        if not hosts:
            continue
        try:
            pins = _lock.parse_pins(base64.b64decode(one["content"]).decode("utf-8"))
        except (AirgapError, ValueError):
            continue
        packages = tuple((pin.name, pin.version) for pin in sorted(pins))
        found.append(Contents(str(one["set"]), str(one["target"]), packages, tuple(hosts)))
    return tuple(sorted(found, key=lambda one: (one.set, one.target)))


def plan(options: Entry, at: str) -> Page:
    """Return the contents of the page from the options of the module site_report."""
    nodes = tuple(node_of(one["host"], one.get("result") or {}) for one in options["nodes"])
    found = {one["host"]: one.get("result") or {} for one in options["index_hosts"]}
    checks = [check for host, result in found.items() for check in checks_of(host, result)]
    return Page(
        options["index"],
        at,
        bundle_of(found.values()),
        tuple(checks),
        nodes,
        contents_of(options["locks"], nodes),
    )


def document(page: Page, options: Entry) -> t.Dict[str, t.Any]:
    """Return what verify.json says."""
    return {
        "ok": not page.differing and not page.failed,
        "at": page.at,
        "index": page.index_name,
        "bundle": page.bundle and dict(page.bundle._asdict(), signers=[one._asdict() for one in page.bundle.signers]),
        "checks": [
            {"host": one.host, "name": one.name, "ok": one.is_right, "message": one.message} for one in page.checks
        ],
        "nodes": [
            dict(
                host=node.host,
                ok=not node.problems,
                target=node.target,
                problems=list(node.problems),
                sets=[dict(one) for one in (given.get("result") or {}).get("sets") or ()],
                canary=(given.get("result") or {}).get("canary") or {},
            )
            for node, given in zip(page.nodes, options["nodes"])
        ],
    }


def table(page: Page) -> t.List[str]:
    """Return the nodes as the lines of a table, for the end of a run."""
    width = max([len(node.host) for node in page.nodes] + [4])
    wide = max([len(node.target) for node in page.nodes] + [6])
    lines = ["%-*s  %-*s  %-7s  %s" % (width, "node", wide, "target", "state", "sets")]
    for node in page.nodes:
        sets = ", ".join("%s (%d)" % (one.name, one.packages) for one in node.sets)
        state = "DIFFERS" if node.problems else "ok"
        lines.append(("%-*s  %-*s  %-7s  %s" % (width, node.host, wide, node.target, state, sets)).rstrip())
        lines += ["%s  %s" % (" " * width, problem) for problem in node.problems]
    return lines
