# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where files come from: the address that a lock shows, and the one to request, which may hold secrets. No I/O happens here."""

from __future__ import annotations

import typing as t
import urllib.parse

from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._resolve import _requirement
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock


class Origins:
    """The URLs of the requirements and of the files that an engine chose. They are used for requests alone."""

    def __init__(self, lines: t.Iterable[_requirement.Line]) -> None:
        # The URL of a requirement by the form of it that a lock shows, and that of a file by its SHA-256.
        self.urls: t.Dict[str, str] = {}
        self.sources: t.Dict[str, str] = {}
        for line in lines:
            written = _requirement.parse_reference(line.public) if line.url else None
            if line.url and written:
                self.urls[written[1]] = line.url

    def without_secrets(self, pins: t.Iterable[_lock.Pin], secrets: t.Mapping[str, str]) -> t.List[_lock.Pin]:
        """Return pins with origins that may leave this host, and remember the URLs behind these."""
        written = {_secrets.public(url).partition("#")[0]: origin for origin, url in self.urls.items()}
        result = []
        for pin in pins:
            plain = _secrets.public(pin.origin)
            origin = written.get(plain.partition("#")[0])
            if origin is None:
                origin = _secrets.hide(plain, secrets)
                # Records that the index gave the link a query, without which the file may not be available.
                origin += "?" if urllib.parse.urlsplit(pin.origin).query else ""
            self.sources[pin.sha256] = pin.origin
            result.append(pin._replace(origin=origin))
        return result

    def url_of(self, pin: _lock.Pin) -> str:
        """Return the URL to request for a file."""
        return self.sources.get(pin.sha256) or self.urls.get(pin.origin, pin.origin)


def has_incomplete_origin(pin: _lock.Pin) -> bool:
    """Return whether the origin of a pin lacks the query of its link, which only the index knows."""
    return pin.origin.endswith("?")
