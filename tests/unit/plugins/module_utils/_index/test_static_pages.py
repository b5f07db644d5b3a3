# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of a static index are what the PEPs ask for, the same bytes each time, whatever a wheel declares."""

from __future__ import annotations

import hashlib
import html.parser
import json

from ansible_collections.airgap.python.plugins.module_utils._index import _static_pages, _static_release, _static_web

A = _static_pages.Served(
    "app-1.0+local-py3-none-any.whl", "1.0+local", "a" * 64, 7, "b" * 64, ">=3.8,<4", "2026-01-01T00:00:00Z"
)
B = _static_pages.Served("app-2.0-py3-none-any.whl", "2.0", "c" * 64, 9, "d" * 64, "", "2026-01-01T00:00:00Z", "")


class Links(html.parser.HTMLParser):
    """The links of a page: attributes and text of each."""

    def __init__(self, page):
        super().__init__()
        self.links = []
        self.feed(page.decode("utf-8"))

    def handle_starttag(self, tag, attrs):
        """Remember a link."""
        if tag == "a":
            self.links.append([dict(attrs), ""])

    def handle_data(self, data):
        """Remember its text."""
        if self.links and not self.links[-1][1]:
            self.links[-1][1] = data


def test_html_page_has_all_that_pip_reads():
    (first, text), (second, _name) = Links(_static_pages.project_html("app", [A, B])).links
    assert text == A.filename
    assert first == {
        "href": "../../+f/aaa/aaaaaaaaaaaaa/app-1.0+local-py3-none-any.whl#sha256=" + "a" * 64,
        "data-requires-python": ">=3.8,<4",
        "data-core-metadata": "sha256=" + "b" * 64,
        "data-dist-info-metadata": "sha256=" + "b" * 64,
    }
    assert second["data-yanked"] == "" and "data-requires-python" not in second


def test_json_page_has_hashes_sizes_times_versions_and_what_was_withdrawn():
    page = json.loads(_static_pages.project_json("app", [A, B._replace(yanked="broken")]))
    assert page["meta"] == {"api-version": "1.4"}
    assert (page["name"], page["versions"]) == ("app", ["1.0+local", "2.0"])
    assert page["files"][0] == {
        "filename": A.filename,
        "url": "../../+f/aaa/aaaaaaaaaaaaa/app-1.0+local-py3-none-any.whl",
        "hashes": {"sha256": "a" * 64},
        "size": 7,
        "upload-time": "2026-01-01T00:00:00Z",
        "core-metadata": {"sha256": "b" * 64},
        "requires-python": ">=3.8,<4",
        "yanked": False,
    }
    assert page["files"][1]["yanked"] == "broken" and "requires-python" not in page["files"][1]
    assert json.loads(_static_pages.project_json("app", [B]))["files"][0]["yanked"] is True


def test_text_of_a_stranger_stays_text():
    evil = A._replace(requires_python='>=3"><script>', yanked="</a><b>&")
    page = _static_pages.project_html("app", [evil])
    assert b"<script>" not in page and b"<b>" not in page
    ((attributes, _text),) = Links(page).links
    assert (attributes["data-requires-python"], attributes["data-yanked"]) == (evil.requires_python, evil.yanked)


def test_lists_name_every_project_with_a_relative_address():
    assert [one[0]["href"] for one in Links(_static_pages.list_html(["app", "part"])).links] == ["app/", "part/"]
    assert json.loads(_static_pages.list_json(["app", "part"]))["projects"] == [{"name": "app"}, {"name": "part"}]


def test_page_for_people_lists_all_with_reasons_and_runs_nothing_of_a_stranger():
    evil = A._replace(yanked="</script><script>alert(1)</script>")
    shown = [_static_web.Project("app", "<b>Does</b> all \u202e", (B, evil))]
    page = _static_web.render("airgap/prod", "0" * 32, A.uploaded, shown, {A.filename: "+f/a", B.filename: "+f/b"})
    text = page.decode("utf-8")
    assert text.count("<script>") == 1 and "<b>" not in text and "\u202e" not in text
    assert [one[0]["href"] for one in Links(page).links] == ["airgap/prod/+simple/app/", "+f/a", "+f/b"]
    assert (
        '1.0+local <span class="withdrawn">(withdrawn)</span>, 2.0 <' in text and "withdrawn: &lt;/script&gt;" in text
    )
    assert "1 project, 2 files, 1 kB" in text and "2 files withdrawn" in text
    assert "http://" not in text and "https://" not in text


def test_other_bytes_have_another_format_number():
    """If this fails because pages changed on purpose, raise FORMAT: indexes that exist are written again only then."""
    pages = [_static_pages.project_html("app", [A, B]), _static_pages.project_json("app", [A, B])]
    pages += [_static_pages.list_html(["app"]), _static_pages.list_json(["app"])]
    addresses = {A.filename: "airgap/prod/+f/a", B.filename: "airgap/prod/+f/b"}
    shown = [_static_web.Project("app", "Does all", (A, B))]
    pages.append(_static_web.render("airgap/prod", "0" * 32, "2026-01-01T00:00:00Z", shown, addresses))
    digest = hashlib.sha256(b"".join(pages)).hexdigest()
    assert (_static_release.FORMAT, digest[:16]) == (1, "ec92140bb39c2e5d")
