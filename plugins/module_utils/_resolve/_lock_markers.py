# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers of lock files (PEP 751): conditions on extras and dependency groups are evaluated, and the rest is left for the target.

A requirement's marker (PEP 508) has neither of the two. This is written by hand because packaging evaluates
a whole marker in one environment, not a part of it. No I/O happens here.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import normalize

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>'[^']*'|"[^"]*")|(?P<operator>===|==|!=|<=|>=|~=|<|>)|(?P<paren>[()])|(?P<word>\w+))"""
)
# The value of a marker, or the text of the part that depends on the target.
Simplified = t.Union[bool, str]


class _Reader:
    """Reads one marker by the grammar of PEP 508."""

    def __init__(self, marker: str, chosen: t.Mapping[str, t.FrozenSet[str]]) -> None:
        self.chosen = chosen
        self.tokens: t.List[str] = []
        place = 0
        while marker[place:].strip():
            match = _TOKEN.match(marker, place)
            if match is None:
                raise ValueError("it contains %r" % marker[place:].strip()[:20])
            self.tokens.append(match.group().strip())
            place = match.end()

    def next_token(self, *expected: str) -> str:
        """Consume and return the next token if it is one of the expected ones or none is given, else return ""."""
        if not self.tokens or (expected and self.tokens[0] not in expected):
            return ""
        return self.tokens.pop(0)

    def read_or(self) -> Simplified:
        """Read comparisons that "or" joins."""
        parts = [self.read_and()]
        while self.next_token("or"):
            parts.append(self.read_and())
        if True in parts:
            return True
        left = [part for part in parts if part is not False]
        return " or ".join(str(part) for part in left) if left else False

    def read_and(self) -> Simplified:
        """Read comparisons that "and" joins; an "or" among them keeps its parentheses."""
        parts = [self.read_comparison()]
        while self.next_token("and"):
            parts.append(self.read_comparison())
        if False in parts:
            return False
        left = [str(part) for part in parts if part is not True]
        if len(left) > 1:
            left = ["(%s)" % part if " or " in part else part for part in left]
        return " and ".join(left) if left else True

    def read_comparison(self) -> Simplified:
        """Read a comparison, or a marker in parentheses."""
        if self.next_token("("):
            inner = self.read_or()
            if not self.next_token(")"):
                raise ValueError("a parenthesis is not closed")
            return inner
        left, operator = self.next_token(), self.next_token()
        if operator == "not":
            operator += " " + self.next_token("in")
        right = self.next_token()
        if not right or not re.match(r"(===|[=!<>~]=|<|>|in|not in)$", operator):
            raise ValueError("%r is not a comparison" % " ".join((left, operator, right)).strip())
        if left in self.chosen or (right in self.chosen and operator not in ("in", "not in")):
            raise ValueError("extras and dependency_groups can only be compared by 'NAME' in and not in")
        if right not in self.chosen:
            return " ".join((left, operator, right))
        return (normalize(left[1:-1]) in self.chosen[right]) is (operator == "in")


def simplify_marker(marker: str, extras: t.Iterable[str], groups: t.Iterable[str]) -> Simplified:
    """Return whether a package applies if extras and groups decide that, or else the remaining marker.

    Raises ValueError with the reason for a marker that cannot be read.
    """
    chosen = {"extras": extras, "dependency_groups": groups}
    reader = _Reader(marker, {key: frozenset(normalize(name) for name in names) for key, names in chosen.items()})
    simplified = reader.read_or()
    if reader.tokens:
        raise ValueError("%r follows its end" % reader.tokens[0])
    return simplified
