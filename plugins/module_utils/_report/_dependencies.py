# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which package needs which, for the page and as plain text that can be compared line by line. No I/O happens here.

The text looks like the output of ``pipdeptree --encoding ascii``, but shows the
needs of a package once for each lock. It is made from the edges of the closure,
so nothing has to be installed.
"""

from __future__ import annotations

import itertools
import re
import sys
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _text
from ansible_collections.airgap.python.plugins.module_utils._report._contents import LockContents

HEAD = """\
# Which package needs which, for each set and target, from the metadata of the wheels.
# (above): its needs are shown above, in the same tree. Packages that nothing requires are at the end.
"""


class Need(t.NamedTuple):
    """One line of a tree: a package, its depth, and what the package above requires of it.

    ``version`` is "" if the lock does not have the package. The needs of a package are shown once in a tree:
    ``shown`` says where, if not directly below this line.
    """

    depth: int
    name: str
    version: str
    asked: t.Tuple[str, ...]
    shown: str


HERE = "here"
ABOVE = "above"
BELOW = "below"


def walk(lock: LockContents, deepest: int = sys.maxsize) -> t.List[Need]:
    """Return a lock's tree from its requirements down, a line for each package that another needs.

    The needs of a package deeper than ``deepest`` start another tree, below. Packages that nothing requires follow.
    """
    versions = {pin.name: pin.version for pin in lock.pins}
    children: t.Dict[str, t.Dict[str, t.Set[str]]] = {}
    for edge in lock.edges:
        children.setdefault(edge.parent, {}).setdefault(edge.child, set()).add(_asked(edge.requirement))
    needs: t.List[Need] = []
    done: t.Set[str] = set()
    postponed: t.List[str] = []

    def descend(root: str, asked: t.Iterable[str]) -> None:
        # Not recursive: a chain of packages may be longer than Python's recursion limit.
        todo = [(root, 0, asked)]
        while todo:
            name, depth, asked = todo.pop()
            below = children.get(name, {})
            shown = HERE if name not in done or not below else ABOVE
            if shown == HERE and below and depth > deepest:
                shown = BELOW
                postponed.append(name)
            needs.append(Need(depth, name, versions.get(name, ""), tuple(sorted(set(asked) - {""})), shown))
            if shown == HERE:
                done.add(name)
                todo += [(one, depth + 1, below[one]) for one in sorted(below, reverse=True)]

    roots = children.get("", {})
    for name in sorted(roots):
        descend(name, roots[name])
    # postponed grows during the walk, through packages that nothing requires as well.
    for name in itertools.chain(postponed, sorted(versions), postponed):
        if name not in done:
            descend(name, ())
    return needs


def _asked(requirement: str) -> str:
    """Return the extras and the versions in a requirement, "" for any version."""
    return re.sub(r"^[A-Za-z0-9._-]+ *", "", requirement)


def render(locks: t.Iterable[LockContents]) -> str:
    """Return the trees of locks as text, in the order of set and target."""
    parts = [HEAD]
    for lock in sorted(locks, key=lambda one: (one.set, one.target)):
        parts.append("\n[%s]\n" % lock.label + "".join(line + "\n" for line in lines(lock)))
    return "".join(parts)


def lines(lock: LockContents) -> t.List[str]:
    """Return a lock's tree as lines of text."""
    return [_text.shown(_line(need)) + (" (above)" if need.shown == ABOVE else "") for need in walk(lock)]


def _line(need: Need) -> str:
    version = need.version or "missing"
    if not need.depth:
        return "%s==%s" % (need.name, version)
    asked = " and ".join(need.asked) or "Any"
    return "%s- %s [required: %s, installed: %s]" % ("  " * need.depth, need.name, asked, version)
