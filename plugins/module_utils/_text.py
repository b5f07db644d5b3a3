# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Untrusted text: how to show it safely, and how to split it into lines. docs/bundle.md has the grammar."""

from __future__ import annotations

import typing as t
import unicodedata


def is_plain(text: str) -> bool:
    """Return whether every character of a text is visible: no control, format or surrogate character, no line end."""
    return text.isprintable() or not any(
        category[0] == "C" or category in ("Zl", "Zp") for category in map(unicodedata.category, text)
    )


def shown(text: str) -> str:
    r"""Return a text in which characters that would control a terminal or be invisible are escaped, as \xNN, \uNNNN or \UNNNNNNNN."""
    if text.isascii() and text.isprintable():
        return text
    parts = []
    for letter in text:
        number = ord(letter)
        if letter == " " or unicodedata.category(letter)[0] not in "CZ":
            parts.append(letter)
        elif number < 0x100:
            parts.append("\\x%02x" % number)
        else:
            parts.append("\\u%04x" % number if number < 0x10000 else "\\U%08x" % number)
    return "".join(parts)


def split_lines(text: str) -> t.List[str]:
    r"""Return the lines of a text. Only "\n" ends a line; raises ValueError if the last line has none.

    str.splitlines() also splits at "\r", "\x0b", "\x85", U+2028 and others; sha256sum does not.
    """
    lines = text.split("\n")
    if lines.pop():
        raise ValueError("its last line is incomplete, so it was cut off")
    if not lines:
        raise ValueError("it is empty")
    return lines
