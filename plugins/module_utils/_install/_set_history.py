# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environments of one requirement set that a node keeps, and which of them served before: decisions without I/O.

The history is a list of names, the one that was installed last at its end. The environment that serves is what the
set's link says. If that is not the end of the history, the set was rolled back.
"""

from __future__ import annotations

import hashlib
import re
import typing as t

# The name of an environment: a short hash, and a number if there is one with that hash.
_ID = re.compile(r"[0-9a-f]{12}(-[0-9]{1,6})?")


def new_id(lock_text: str, executable: str, taken: t.Container[str]) -> str:
    """Return a name for an environment with a lock and an interpreter that no other one has."""
    digest = hashlib.sha256(("%s\n%s" % (executable, lock_text)).encode("utf-8")).hexdigest()[:12]
    name, number = digest, 1
    while name in taken:
        number += 1
        name = "%s-%d" % (digest, number)
    return name


def is_id(name: str) -> bool:
    """Return whether a folder may be an environment by its name."""
    return _ID.fullmatch(name) is not None


def parse(text: str, complete: t.Collection[str], current: str = "") -> t.List[str]:
    """Return the history in a file: only environments that are complete, and the current one even if it is not named."""
    names = [name for name in dict.fromkeys(reversed(text.split("\n"))) if name in complete]
    names.reverse()
    if current and current in complete and current not in names:
        names.append(current)
    return names


def render(history: t.Iterable[str]) -> str:
    """Return the text of a history."""
    return "".join(name + "\n" for name in history)


def installed(history: t.Sequence[str], current: str, new: str) -> t.List[str]:
    """Return the history after ``new`` takes the place of ``current``: that is the former one then."""
    return [name for name in history if name not in (current, new)] + [one for one in (current, new) if one]


def is_rolled_back(history: t.Sequence[str], current: str) -> bool:
    """Return whether a later environment than the current one was installed, and is kept."""
    return current in history and history[-1] != current


def former(history: t.Sequence[str], current: str) -> str:
    """Return the environment that served before the current one; "" if there is none."""
    place = history.index(current) if current in history else 0
    return history[place - 1] if place else ""


def surplus(history: t.Sequence[str], current: str, keep: int) -> t.List[str]:
    """Return the environments to remove so that ``keep`` are left: the current one and those that were installed last."""
    others = [name for name in history if name != current]
    return others[: max(len(others) - max(keep - 1, 0), 0)]
