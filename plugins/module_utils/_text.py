# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that others wrote: how it is shown, and how it is cut into lines. docs/bundle.md has the grammar."""

from __future__ import annotations

import typing as t
import unicodedata


def is_plain(text: str) -> bool:
    """Say whether all of a text can be seen: no control, format or surrogate character, and no end of a line."""
    return text.isprintable() or not any(
        category[0] == "C" or category in ("Zl", "Zp") for category in map(unicodedata.category, text)
    )


def shown(text: str) -> str:
    r"""Return a text with each character that would act on a terminal, or hide, as \xNN, \uNNNN or \UNNNNNNNN."""
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
    r"""Return the lines of a text, which end with "\n" and nothing else; raises ValueError if the last one does not.

    str.splitlines() also ends a line at "\r", "\x0b", "\x85", U+2028 and others, where sha256sum does not.
    """
    lines = text.split("\n")
    if lines.pop():
        raise ValueError("it does not end with a whole line, so it was cut off")
    if not lines:
        raise ValueError("it is empty")
    return lines
