# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a site shows each node that differs, and untrusted texts stay texts."""

from __future__ import annotations

import base64
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._report import _page_html
from ansible_collections.airgap.python.plugins.module_utils._site import _site_page
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock
from ansible_collections.airgap.python.plugins.plugin_utils import _page_files

ID = "ab" * 16
HOSTILE = "<script>alert(1)</script> {{ 7 * 7 }}"
LOCK = _lock.render([_lock.Pin("flask", "3.0", "a" * 64, "flask-3.0-py3-none-any.whl", 10)], "node311", "x")
RIGHT = {
    "ok": True,
    "target": "node311",
    "sets": [{"name": "base", "packages": 2, "ok": True, "is_current": True}],
    "problems": [],
}
WRONG = dict(RIGHT, ok=False, problems=["/opt/airgap/base: files were changed: %s" % HOSTILE])
SERVED = {
    "id": ID,
    "created": "2026-01-01T00:00:00Z",
    "imported": "2026-01-02T00:00:00Z",
    "operator": "olga",
    "signers": [{"principal": "alice@example.org", "key": "SHA256:abc"}],
    "is_rolled_back": False,
}
CHECKS = {
    "ok": True,
    "checks": [{"name": "backup", "ok": True, "message": "The last backup is 3 hours old."}],
    "served": SERVED,
}


def options(**changes: t.Any) -> t.Dict[str, t.Any]:
    """Return the options of site_report for a site with one node that is right and one that is not."""
    given: t.Dict[str, t.Any] = {
        "index": "airgap/prod",
        "nodes": [{"host": "one", "result": RIGHT}, {"host": "two", "result": WRONG}],
        "index_hosts": [{"host": "index", "result": CHECKS}],
        "locks": [{"set": "base", "target": "node311", "content": base64.b64encode(LOCK.encode()).decode()}],
    }
    return dict(given, **changes)


def render(page: _site_page.Page) -> str:
    """Return the page as HTML."""
    return _page_html.render(page, _page_files.read(_page_files.SITE), _page_files.read(_page_files.STYLE))


def test_page_says_what_is_served_who_signed_it_what_nodes_have_and_what_differs() -> None:
    text = render(_site_page.plan(options(), "2026-01-03T00:00:00Z"))
    for part in (
        ID,
        "olga",
        "alice@example.org",
        "flask",
        "The last backup is 3 hours old.",
        "two",
        "files were changed",
    ):
        assert part in text


def test_untrusted_text_stays_text() -> None:
    text = render(_site_page.plan(options(), "2026-01-03T00:00:00Z"))
    assert "<script>" not in text and "{{ 7 * 7 }}" in text


def test_a_host_without_a_result_differs() -> None:
    page = _site_page.plan(options(nodes=[{"host": "one", "result": {}}], index_hosts=[{"host": "index"}]), "")
    assert [one.problems for one in page.differing] == [(_site_page.UNREACHED,)]
    assert [one.message for one in page.failed] == [_site_page.UNREACHED]
    assert _site_page.document(page, options(nodes=[{"host": "one", "result": {}}]))["ok"] is False


def test_an_answer_that_says_neither_is_no_success() -> None:
    assert _site_page.node_of("one", {"ok": "yes", "sets": []}).problems == (_site_page.UNREACHED,)


def test_a_rollback_and_a_site_without_an_import_are_said() -> None:
    bundle = _site_page.bundle_of([{}, {"served": dict(SERVED, is_rolled_back=True)}])
    assert bundle is not None and bundle.is_rolled_back
    assert _site_page.bundle_of([{"served": {}}]) is None
    without = [{"host": "index", "result": dict(CHECKS, served={})}]
    assert "not known" in render(_site_page.plan(options(index_hosts=without), ""))


def test_table_has_a_line_for_each_node_and_each_problem() -> None:
    assert _site_page.table(_site_page.plan(options(), "")) == [
        "node  target   state    sets",
        "one   node311  ok       base (2)",
        "two   node311  DIFFERS  base (2)",
        "      /opt/airgap/base: files were changed: %s" % HOSTILE,
    ]


def test_json_has_what_each_node_reported() -> None:
    found = _site_page.document(_site_page.plan(options(), "2026-01-03T00:00:00Z"), options())
    assert [(one["host"], one["ok"], one["target"]) for one in found["nodes"]] == [
        ("one", True, "node311"),
        ("two", False, "node311"),
    ]
    assert found["bundle"]["id"] == ID and found["checks"][0]["name"] == "backup" and not found["ok"]
