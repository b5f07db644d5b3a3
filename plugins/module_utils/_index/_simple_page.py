# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a project on a simple index, of any server: in JSON (PEP 691) or in HTML (PEP 503)."""

from __future__ import annotations

import html.parser
import json
import typing as t
from urllib.parse import unquote, urlsplit

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.5, text/html;q=0.5"


class Link(t.NamedTuple):
    """A file on a page; ``sha256`` is "" if the page gives none, ``address`` may be relative to the page."""

    filename: str
    sha256: str
    address: str


class _Anchors(html.parser.HTMLParser):
    """Collects the addresses that a page links to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: t.List[str] = []

    def handle_starttag(self, tag: str, attrs: t.List[t.Tuple[str, t.Optional[str]]]) -> None:
        """Note the address of a link."""
        address = dict(attrs).get("href") if tag == "a" else None
        if address:
            self.found.append(address)

    def error(self, message: str) -> None:
        """Go on: Python 3.8 and 3.9 call this for what they do not understand."""


def parse_html(page: str) -> t.List[Link]:
    """Return the files on a page in HTML."""
    anchors = _Anchors()
    anchors.feed(page)
    found = []
    for link in anchors.found:
        address, dummy, fragment = link.partition("#")
        sha256 = fragment[len("sha256=") :].lower() if fragment.startswith("sha256=") else ""
        found.append(Link(unquote(urlsplit(address).path).rpartition("/")[2], sha256, address))
    return found


def parse_json(page: t.Mapping[str, t.Any]) -> t.List[Link]:
    """Return the files on a page in JSON."""
    return [
        Link(
            str(one.get("filename")), str((one.get("hashes") or {}).get("sha256", "")).lower(), str(one.get("url", ""))
        )
        for one in page.get("files", [])
    ]


def parse(body: bytes) -> t.List[Link]:
    """Return the files on a page in either form; raises ValueError for JSON that is not a page."""
    if body.lstrip()[:1] != b"{":
        return parse_html(body.decode("utf-8", "replace"))
    page = json.loads(body.decode("utf-8"))
    if not isinstance(page.get("files"), list) or not all(isinstance(one, dict) for one in page["files"]):
        raise ValueError("it has no list of files")
    return parse_json(page)
