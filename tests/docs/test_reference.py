# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference that `make docs` builds can be clicked through: no link is dead, and nothing is left out."""

from __future__ import annotations

import html.parser
import pathlib
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "build/docs"
# Folders that hold nothing that a user names: everything else has a page, called NAME_KIND.html.
UNDOCUMENTED = {"action", "doc_fragments", "module_utils", "plugin_utils"}
KINDS = {"modules": "module", "roles": "role"}


class Page(html.parser.HTMLParser):
    """The links of a page, and the places in it that a link can name."""

    def __init__(self, path):
        super().__init__()
        self.links = []
        self.loaded = []
        self.anchors = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        """Collect what this element links to, and its own names."""
        values = dict(attrs)
        self.anchors.update(values[name] for name in ("id", "name") if values.get(name))
        links = [values[name] for name in ("href", "src") if values.get(name)]
        self.links.extend(links)
        if tag != "a":
            self.loaded.extend(links)


@pytest.fixture(name="pages", scope="module")
def pages_fixture():
    """Return every page of the reference by its path."""
    if not REFERENCE.is_dir():
        pytest.fail("There is no build/docs. Run: make docs")
    return {path: Page(path) for path in sorted(REFERENCE.rglob("*.html"))}


def local_links(pages, path):
    """Return the links of a page that stay in the reference: as written, the file that it names, and the place in it."""
    for link in pages[path].links:
        url = urllib.parse.urlsplit(link)
        if not url.scheme and not url.netloc:
            target = (path.parent / urllib.parse.unquote(url.path)).resolve() if url.path else path
            yield link, target, urllib.parse.unquote(url.fragment)


def test_every_link_leads_to_a_page_and_a_place_that_exist(pages):
    dead = [
        "%s: %s" % (path.relative_to(REFERENCE), link)
        for path in pages
        for link, target, place in local_links(pages, path)
        if not target.is_file() or (place and target in pages and place not in pages[target].anchors)
    ]
    assert not dead


def test_every_module_plugin_and_role_is_reached_from_the_index(pages):
    reached, ahead = set(), [REFERENCE / "index.html"]
    while ahead:
        path = ahead.pop()
        if path in pages and path not in reached:
            reached.add(path)
            ahead.extend(target for _link, target, _place in local_links(pages, path))
    folders = [ROOT / "roles", *(path for path in (ROOT / "plugins").iterdir() if path.name not in UNDOCUMENTED)]
    wanted = [
        REFERENCE / ("%s_%s.html" % (path.stem, KINDS.get(folder.name, folder.name)))
        for folder in folders
        for path in folder.iterdir()
        if not path.name.startswith(("_", "."))
    ]
    assert len(wanted) > len(folders)
    assert not [path.name for path in wanted if path not in reached]


def test_no_page_loads_anything_from_elsewhere(pages):
    """Inside the gap, the pages must look as they do outside."""
    loaded = ["%s: %s" % (path.name, link) for path, page in pages.items() for link in page.loaded]
    assert loaded
    assert not [one for one in loaded if urllib.parse.urlsplit(one.split(": ", 1)[1]).netloc]
