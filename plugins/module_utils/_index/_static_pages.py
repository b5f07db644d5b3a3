# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of a simple index as text: HTML (PEP 503) and JSON (PEP 691).

They give hashes, Requires-Python, core metadata (PEP 658 and 714), withdrawn files (PEP 592), sizes and upload
times (PEP 700). The same input gives the same bytes. Addresses are relative, so the pages also work as plain files.
"""

from __future__ import annotations

import html
import json
import typing as t
from urllib.parse import quote

# The version of the simple API that the pages state. pip and uv read every 1.x.
API_VERSION = "1.4"
HTML = "index.html"
JSON = "index.json"
# Suffix of a file with the METADATA of a wheel (PEP 658).
METADATA = ".metadata"


class Served(t.NamedTuple):
    """A wheel as a project's page lists it.

    ``uploaded`` is a time of RFC 3339 in UTC. ``yanked`` is the reason for which it was withdrawn, None if it was not;
    ``summary`` is what its METADATA says of it, for people.
    """

    filename: str
    version: str
    sha256: str
    size: int
    metadata_sha256: str
    requires_python: str
    uploaded: str
    yanked: t.Optional[str] = None
    summary: str = ""


def file_path(sha256: str, filename: str) -> str:
    """Return where a file is below its index. devpi uses the same addresses."""
    return "+f/%s/%s/%s" % (sha256[:3], sha256[3:16], filename)


def page_path(project: str, page: str) -> str:
    """Return where a page of a project is below its index."""
    return "+simple/%s/%s" % (project, page) if project else "+simple/" + page


def _address(served: Served) -> str:
    """Return the address of a file as seen from its project's page."""
    return "../../" + quote(file_path(served.sha256, served.filename), safe="/+")


def _document(title: str, lines: t.Iterable[str]) -> bytes:
    text = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="pypi:repository-version" content="%s">\n<title>%s</title>\n</head>\n<body>\n<h1>%s</h1>\n'
        % (API_VERSION, title, title)
    )
    return (text + "".join(line + "\n" for line in lines) + "</body>\n</html>\n").encode("utf-8")


def _link(address: str, text: str, attributes: t.Iterable[t.Tuple[str, str]] = ()) -> str:
    pairs = "".join(' %s="%s"' % (key, html.escape(value)) for key, value in attributes)
    return '<a href="%s"%s>%s</a><br>' % (html.escape(address), pairs, html.escape(text))


def project_html(project: str, files: t.Iterable[Served]) -> bytes:
    """Return the page of a project in HTML."""
    lines = []
    for one in files:
        attributes = []
        if one.requires_python:
            attributes.append(("data-requires-python", one.requires_python))
        # The second is the former name of the first; pip 22.2 to 23.0 knows no other (PEP 714).
        for key in ("data-core-metadata", "data-dist-info-metadata"):
            attributes.append((key, "sha256=" + one.metadata_sha256))
        if one.yanked is not None:
            attributes.append(("data-yanked", one.yanked))
        lines.append(_link("%s#sha256=%s" % (_address(one), one.sha256), one.filename, attributes))
    return _document("Links for %s" % html.escape(project), lines)


def project_json(project: str, files: t.Iterable[Served]) -> bytes:
    """Return the page of a project in JSON."""
    versions: t.List[str] = []
    listed: t.List[t.Dict[str, t.Any]] = []
    for one in files:
        if one.version not in versions:
            versions.append(one.version)
        entry: t.Dict[str, t.Any] = {
            "filename": one.filename,
            "url": _address(one),
            "hashes": {"sha256": one.sha256},
            "size": one.size,
            "upload-time": one.uploaded,
            # Under its former name, some versions of pip fail on it in JSON (PEP 714).
            "core-metadata": {"sha256": one.metadata_sha256},
            "yanked": False if one.yanked is None else one.yanked or True,
        }
        if one.requires_python:
            entry["requires-python"] = one.requires_python
        listed.append(entry)
    return _json({"name": project, "versions": versions, "files": listed})


def list_html(projects: t.Iterable[str]) -> bytes:
    """Return the list of all projects in HTML."""
    return _document("Simple index", (_link(project + "/", project) for project in projects))


def list_json(projects: t.Iterable[str]) -> bytes:
    """Return the list of all projects in JSON."""
    return _json({"projects": [{"name": project} for project in projects]})


def _json(document: t.Dict[str, t.Any]) -> bytes:
    document["meta"] = {"api-version": API_VERSION}
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"
