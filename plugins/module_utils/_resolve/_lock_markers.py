# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers of lock files (PEP 751): what asks for extras and dependency groups is settled, the rest is for the target to say.

A requirement's marker (PEP 508) knows neither of the two. By hand, as packaging gives a
marker's value in one environment and cannot settle a part of it. No I/O happens here.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import normalize

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>'[^']*'|"[^"]*")|(?P<operator>===|==|!=|<=|>=|~=|<|>)|(?P<paren>[()])|(?P<word>\w+))"""
)
# What decides already, or the text of what is left.
Settled = t.Union[bool, str]


class _Reader:
    """Reads one marker by the grammar of PEP 508."""

    def __init__(self, marker: str, chosen: t.Mapping[str, t.FrozenSet[str]]) -> None:
        self.chosen = chosen
        self.tokens: t.List[str] = []
        place = 0
        while marker[place:].strip():
            match = _TOKEN.match(marker, place)
            if match is None:
                raise ValueError("there is %r in it" % marker[place:].strip()[:20])
            self.tokens.append(match.group().strip())
            place = match.end()

    def take(self, *expected: str) -> str:
        """Return the next token and go on, or "" where it is none of the expected ones; without any, each is."""
        if not self.tokens or (expected and self.tokens[0] not in expected):
            return ""
        return self.tokens.pop(0)

    def either(self) -> Settled:
        """Read what "or" joins."""
        parts = [self.both()]
        while self.take("or"):
            parts.append(self.both())
        if True in parts:
            return True
        left = [part for part in parts if part is not False]
        return " or ".join(str(part) for part in left) if left else False

    def both(self) -> Settled:
        """Read what "and" joins; what "or" joins below it keeps its parentheses."""
        parts = [self.one()]
        while self.take("and"):
            parts.append(self.one())
        if False in parts:
            return False
        left = [str(part) for part in parts if part is not True]
        if len(left) > 1:
            left = ["(%s)" % part if " or " in part else part for part in left]
        return " and ".join(left) if left else True

    def one(self) -> Settled:
        """Read a comparison, or what stands in parentheses."""
        if self.take("("):
            inner = self.either()
            if not self.take(")"):
                raise ValueError("a parenthesis is not closed")
            return inner
        left, operator = self.take(), self.take()
        if operator == "not":
            operator += " " + self.take("in")
        right = self.take()
        if not right or not re.match(r"(===|[=!<>~]=|<|>|in|not in)$", operator):
            raise ValueError("%r is no comparison" % " ".join((left, operator, right)).strip())
        if left in self.chosen or (right in self.chosen and operator not in ("in", "not in")):
            raise ValueError("of extras and dependency_groups, only 'NAME' in and not in can be asked")
        if right not in self.chosen:
            return " ".join((left, operator, right))
        return (normalize(left[1:-1]) in self.chosen[right]) is (operator == "in")


def settle(marker: str, extras: t.Iterable[str], groups: t.Iterable[str]) -> Settled:
    """Return whether a package counts, where extras and groups decide that, or the marker that is left.

    Raises ValueError with the reason for a marker that cannot be read.
    """
    chosen = {"extras": extras, "dependency_groups": groups}
    reader = _Reader(marker, {key: frozenset(normalize(name) for name in names) for key, names in chosen.items()})
    settled = reader.either()
    if reader.tokens:
        raise ValueError("%r follows its end" % reader.tokens[0])
    return settled
