# SPDX-License-Identifier: GPL-3.0-or-later
"""A simple index as a client sees it that knows nothing of how it is made."""

from __future__ import annotations

import hashlib
import html.parser
import io
import json
import re
import ssl
import time
import typing as t
import urllib.error
import urllib.request
import zipfile
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
# As pip and a browser send it.
PIP = "%s, %s; q=0.1, text/html; q=0.01" % (JSON, HTML)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


class Answer(t.NamedTuple):
    """A response: its status, headers, bytes, and the address that it came from after redirects."""

    status: int
    headers: t.Any
    data: bytes
    url: str
    seconds: float


class _Links(html.parser.HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: t.List[t.Tuple[t.Dict[str, t.Optional[str]], str]] = []
        self.meta: t.Dict[t.Optional[str], t.Optional[str]] = {}
        self._open: t.Optional[t.Dict[str, t.Optional[str]]] = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: t.List[t.Tuple[str, t.Optional[str]]]) -> None:
        """Remember a link or a value of the page's head."""
        found = dict(attrs)
        if tag == "a":
            self._open = found
        elif tag == "meta" and "name" in found:
            self.meta[found["name"]] = found.get("content")

    def handle_data(self, data: str) -> None:
        """Remember the text of a link."""
        if self._open is not None:
            self.links.append((self._open, data))
            self._open = None


class SimpleIndex:
    """The index at an address."""

    def __init__(self, url: str, authority: str = "") -> None:
        self.url = url.rstrip("/") + "/"
        self.authority = authority
        parts = urlsplit(self.url)
        self.scheme, self.host = parts.scheme, parts.hostname or ""
        context = ssl.create_default_context(cafile=authority) if authority else None
        handlers: t.List[t.Any] = [urllib.request.ProxyHandler({})]
        if context:
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, url: str, accept: str = "", method: str = "GET", **headers: str) -> Answer:
        """Send a request; a status that is not a success is returned, too."""
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        request = urllib.request.Request(urljoin(self.url, url), headers=sent, method=method)
        if accept:
            request.add_header("Accept", accept)
        before = time.monotonic()
        try:
            with self._opener.open(request, timeout=30) as found:
                data = found.read()
                return Answer(found.status, found.headers, data, found.url, time.monotonic() - before)
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read(), error.url or "", time.monotonic() - before)

    def page(self, project: str, accept: str) -> Answer:
        """Return the page of a project."""
        answer = self.get(project + "/", accept)
        assert answer.status == 200, (answer.status, project)
        return answer

    def links(self, project: str = "") -> t.List[t.Tuple[t.Dict[str, t.Optional[str]], str]]:
        """Return the links of an HTML page, with absolute addresses."""
        answer = self.get(project + "/" if project else "", "text/html")
        assert answer.status == 200
        found = _Links(answer.data.decode("utf-8")).links
        return [(dict(one, href=urljoin(answer.url, one["href"] or "")), text) for one, text in found]

    def projects(self) -> t.List[str]:
        """Return the projects, as their addresses name them."""
        names = [urlsplit(one["href"] or "").path.rstrip("/").rpartition("/")[2] for one, _text in self.links()]
        return [unquote(name) for name in names]

    def document(self, project: str) -> t.Dict[str, t.Any]:
        """Return the JSON page of a project."""
        return t.cast(t.Dict[str, t.Any], json.loads(self.page(project, JSON).data))

    def files(self, project: str) -> t.List[t.Dict[str, t.Any]]:
        """Return the files of a project's HTML page: filename, url, sha256, requires-python, metadata, yanked."""
        found = []
        for attributes, text in self.links(project):
            url, fragment = urldefrag(attributes["href"] or "")
            match = re.fullmatch("sha256=([0-9a-f]{64})", fragment)
            if not text.endswith(".whl"):
                continue
            found.append(
                {
                    "filename": text,
                    "url": url,
                    "sha256": match.group(1) if match else "",
                    "requires-python": attributes.get("data-requires-python"),
                    "metadata": attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata")),
                    "yanked": attributes.get("data-yanked"),
                    "is_yanked": "data-yanked" in attributes,
                }
            )
        return found

    def some(self, most: int = 30) -> t.Iterator[t.Tuple[str, t.Dict[str, t.Any]]]:
        """Return projects and files of the index, up to a number."""
        for project in self.projects()[:most]:
            for file in self.files(project)[:3]:
                yield project, file

    def wheel(self, file: t.Mapping[str, t.Any]) -> bytes:
        """Return a wheel after its sum was compared."""
        answer = self.get(file["url"])
        assert answer.status == 200, file["url"]
        assert hashlib.sha256(answer.data).hexdigest() == file["sha256"], file["url"]
        return answer.data

    def metadata(self, file: t.Mapping[str, t.Any]) -> bytes:
        """Return METADATA from within a wheel."""
        with zipfile.ZipFile(io.BytesIO(self.wheel(file))) as archive:
            (name,) = [one for one in archive.namelist() if one.count("/") == 1 and one.endswith(".dist-info/METADATA")]
            return archive.read(name)

    def requirements(self, file: t.Mapping[str, t.Any]) -> t.Tuple[t.List[str], t.List[str]]:
        """Return Requires-Dist and Requires-Python of a wheel."""
        head = self.metadata(file).decode("utf-8").split("\n\n")[0]
        return re.findall("^Requires-Dist: (.*)", head, re.MULTILINE), re.findall(
            "^Requires-Python: (.*)", head, re.MULTILINE
        )
