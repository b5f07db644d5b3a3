# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One name, one content: what locks and a base claim about the files of one pool. No I/O happens here."""

from __future__ import annotations

import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import Pin


class Claim(t.NamedTuple):
    """A claim that a file has this content: who makes it (``where``), and where the file comes from."""

    filename: str
    sha256: str
    origin: str
    where: str


def claims(pins: t.Iterable[Pin], where: str) -> t.List[Claim]:
    """Return what a lock claims about the pool."""
    return [Claim(pin.filename, pin.sha256, pin.origin, where) for pin in pins]


def find_clash(first: t.Iterable[Claim], second: t.Iterable[Claim] = ()) -> t.Optional[t.Tuple[Claim, Claim]]:
    """Return two different claims about one name, at least one of them from ``first``; None if there are none.

    Some file systems do not distinguish names that differ only in case.
    """
    known: t.Dict[str, Claim] = {}
    for one in first:
        other = known.setdefault(one.filename.casefold(), one)
        if (other.filename, other.sha256) != (one.filename, one.sha256):
            return other, one
    for one in second:
        mine = known.get(one.filename.casefold())
        if mine is not None and (mine.filename, mine.sha256) != (one.filename, one.sha256):
            return mine, one
    return None


def describe_clash(one: Claim, other: Claim) -> str:
    """Return a text: these two claims contradict each other."""
    return (
        "Two different files have the name %s: sha256 %s from %s in %s, and sha256 %s from %s in %s. A bundle and an index "
        "have one file for each name."
        % ((one.filename,) + tuple(part for each in (one, other) for part in (each.sha256, _from(each), each.where)))
    )


def _from(claim: Claim) -> str:
    return claim.origin or "an unknown place"


# The fix where locks disagree.
SAME_FILE = (
    "Use the same file in both: name one URL or one index for both, or give one of the files another version, such as "
    "1.0+mine."
)


def check(mine: t.Iterable[Claim], base: t.Iterable[Claim] = ()) -> None:
    """Raise AirgapError if the locks of one call disagree with each other, or with what the inside has."""
    mine = list(mine)
    found = find_clash(mine)
    if found:
        raise AirgapError("%s No lock was written. %s" % (describe_clash(*found), SAME_FILE))
    found = find_clash(mine, base)
    if found:
        raise AirgapError(
            "%s No lock was written, because the index inside keeps the file that it has. Require that file, or build the "
            "new one with another version." % describe_clash(*found)
        )


def check_other_locks(mine: t.Iterable[Claim], others: t.Iterable[Claim]) -> t.List[str]:
    """Return warnings about other locks that a new build made outdated; raises AirgapError if others disagree."""
    mine = list(mine)
    built = {one.filename.casefold(): one for one in mine if one.origin.startswith("built:")}
    counted, warnings = [], []
    for other in others:
        new = built.get(other.filename.casefold())
        if new is None or new.origin != other.origin or new.sha256 == other.sha256:
            counted.append(other)
        else:
            warnings.append(
                "%s pins the %s of an earlier build. Stage its set again, or remove the lock if it is no longer needed."
                % (other.where, other.filename)
            )
    found = find_clash(mine, counted)
    if found:
        raise AirgapError(
            "%s No lock of this set was written. %s If %s is no longer needed, remove it."
            % (describe_clash(*found), SAME_FILE, found[1].where)
        )
    return warnings
