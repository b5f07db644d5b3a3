# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who needs whom, as plain text that can be compared line by line. No I/O happens here.

It looks as what ``pipdeptree --encoding ascii`` prints of an environment, but
shows what a package needs once for each lock, and is made from the edges of
the proof, so that nothing has to be installed.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _text
from ansible_collections.airgap.python.plugins.module_utils._evidence import LockEvidence

HEAD = """\
# Which package needs which, for each set and target, from the metadata of the wheels.
# (above): what it needs is shown above, in the same tree. Packages that nothing asks for stand at the end.
"""


def render(locks: t.Iterable[LockEvidence]) -> str:
    """Return the trees of locks, in order of set and target."""
    parts = [HEAD]
    for lock in sorted(locks, key=lambda one: (one.set, one.target)):
        parts.append("\n[%s]\n" % lock.label + "".join(line + "\n" for line in tree(lock)))
    return "".join(parts)


def tree(lock: LockEvidence) -> t.List[str]:
    """Return a lock's tree from what its requirements name down, a line for each package that another needs."""
    versions = {pin.name: pin.version for pin in lock.pins}
    children: t.Dict[str, t.Dict[str, t.Set[str]]] = {}
    for edge in lock.edges:
        children.setdefault(edge.parent, {}).setdefault(edge.child, set()).add(wanted(edge.requirement))
    lines: t.List[str] = []
    shown: t.Set[str] = set()

    def walk(root: str) -> None:
        # Not by recursion: a chain of packages may be longer than Python goes deep.
        todo = [(root, 0, "")]
        while todo:
            name, depth, asked = todo.pop()
            version = versions.get(name, "missing")
            line = "%s==%s" % (name, version)
            if depth:
                line = "%s- %s [required: %s, installed: %s]" % ("  " * depth, name, asked, version)
            below = children.get(name, {})
            lines.append(_text.shown(line) + (" (above)" if below and name in shown else ""))
            if name not in shown:
                todo += [(one, depth + 1, _joined(below[one])) for one in sorted(below, reverse=True)]
            shown.add(name)

    for name in sorted(children.get("", {})):
        walk(name)
    for name in sorted(versions):
        if name not in shown:
            walk(name)
    return lines


def wanted(requirement: str) -> str:
    """Return the extras and the versions in a requirement, "" where all will do."""
    return re.sub(r"^[A-Za-z0-9._-]+ *", "", requirement)


def _joined(asked: t.Iterable[str]) -> str:
    """Return what one package asks of another, maybe with and without an extra."""
    return " and ".join(sorted(set(asked) - {""})) or "Any"
