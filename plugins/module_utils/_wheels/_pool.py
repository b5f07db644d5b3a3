# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One name, one content: what locks and a base say of the files of one pool. No I/O happens here."""

from __future__ import annotations

import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import Pin


class Claim(t.NamedTuple):
    """That a file has this content: who says so (``where``), and where the file comes from."""

    filename: str
    sha256: str
    origin: str
    where: str


def claims(pins: t.Iterable[Pin], where: str) -> t.List[Claim]:
    """Return what a lock says of the pool."""
    return [Claim(pin.filename, pin.sha256, pin.origin, where) for pin in pins]


def find_clash(first: t.Iterable[Claim], second: t.Iterable[Claim] = ()) -> t.Optional[t.Tuple[Claim, Claim]]:
    """Return two claims to one name that differ, of which at least one is among the first; None where there are none.

    Names that differ in case only are one name to some file systems.
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
    """Say of two claims that they cannot both hold."""
    return (
        "Two different files have the name %s: sha256 %s from %s in %s, and sha256 %s from %s in %s. A bundle and an index "
        "hold one file under one name."
        % ((one.filename,) + tuple(part for each in (one, other) for part in (each.sha256, _from(each), each.where)))
    )


def _from(claim: Claim) -> str:
    return claim.origin or "an unknown place"


# What ends it where locks disagree.
SAME_FILE = (
    "Take the same file in both: name one URL or one index for both, or give one of the files another version, such as "
    "1.0+mine."
)


def check(mine: t.Iterable[Claim], base: t.Iterable[Claim] = ()) -> None:
    """Raise AirgapError where the locks of one call disagree with each other, or with what the inside has."""
    mine = list(mine)
    found = find_clash(mine)
    if found:
        raise AirgapError("%s No lock is written. %s" % (describe_clash(*found), SAME_FILE))
    found = find_clash(mine, base)
    if found:
        raise AirgapError(
            "%s No lock is written, for the index inside keeps the file that it has. Require that file, or build the new "
            "one with another version." % describe_clash(*found)
        )


def check_other_locks(mine: t.Iterable[Claim], others: t.Iterable[Claim]) -> t.List[str]:
    """Return warnings of locks of other sets that a new build has made outdated; raises AirgapError where others disagree."""
    mine = list(mine)
    built = {one.filename.casefold(): one for one in mine if one.origin.startswith("built:")}
    counting, warnings = [], []
    for other in others:
        new = built.get(other.filename.casefold())
        if new is None or new.origin != other.origin or new.sha256 == other.sha256:
            counting.append(other)
        else:
            warnings.append(
                "%s names the %s that was built before. Stage its set again, or remove it if nobody needs it any more."
                % (other.where, other.filename)
            )
    found = find_clash(mine, counting)
    if found:
        raise AirgapError(
            "%s No lock of this set is written. %s If nobody needs %s any more, remove it."
            % (describe_clash(*found), SAME_FILE, found[1].where)
        )
    return warnings
