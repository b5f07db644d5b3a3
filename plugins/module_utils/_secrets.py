# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What in a URL is nobody's business but that of the host that uses it. No I/O happens here."""

from __future__ import annotations

import typing as t
import urllib.parse


def without_password(url: str) -> str:
    """Return a URL without user and password."""
    parts = urllib.parse.urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def passwords(texts: t.Iterable[t.Optional[str]]) -> t.Set[str]:
    """Return every password in URLs, as it is written and as it is meant."""
    found = set()
    for text in texts:
        for url in (text or "").split():
            password = urllib.parse.urlsplit(url).password
            if password:
                found |= {password, urllib.parse.unquote(password)}
    return found
