# SPDX-License-Identifier: GPL-3.0-or-later
"""Only 404 means that a page is absent; every other failure is reported with what to check."""

from __future__ import annotations

from ansible_collections.airgap.python.plugins.module_utils._pip import _index_pages

ONE = "https://one.example/simple"
TWO = "https://two.example/407/simple"


def test_only_404_means_absent():
    said = "\n".join(
        "Could not fetch URL https://u:pw@one.example/simple/%s/: %s - skipping" % one
        for one in [("a", "404 Client Error: Not Found"), ("b", "401 Client Error: Unauthorized"), ("c", "timed out")]
    )
    assert _index_pages.unread_by_pip(said) == {ONE + "/b/": "401 Client Error: Unauthorized", ONE + "/c/": "timed out"}


def test_trace_of_uv_shows_which_pages_each_index_gave():
    line = "TRACE Received response for fresh request with status %s for: %s\n"
    trace = (
        line % ("200 OK", TWO + "/app/")
        + line % ("404 Not Found", TWO + "/b/")
        + line % ("401 Unauthorized", ONE + "/app/")
    )
    trace += line % ("403 Forbidden", "https://elsewhere.example/files/a-1.whl")
    pages = _index_pages.pages_of_uv(trace, [ONE.replace("//", "//u:pw@") + "/", TWO])
    assert pages == _index_pages.Pages({ONE + "/app/": "401 Unauthorized"}, frozenset([TWO]))
    cached = "DEBUG Found fresh response for: %s/other/\n" % ONE
    assert _index_pages.pages_of_uv(trace + cached, [ONE, TWO]).answered == {ONE, TWO}


def test_403_means_absent_from_an_index_that_forbids_unknown_projects_and_gives_other_pages():
    unread = {ONE + "/app/": "403 Forbidden", TWO + "/app/": "403 Forbidden", TWO + "/b/": "401 Unauthorized"}
    both = frozenset([ONE, TWO])
    assert _index_pages.unread_pages(_index_pages.Pages(unread, both), lambda: {ONE}) == {
        key: unread[key] for key in unread if TWO in key
    }
    # One that gives nothing does not know who asks; one that says 404 of others blocks this project.
    assert _index_pages.unread_pages(_index_pages.Pages(unread, frozenset([TWO])), lambda: {ONE}) == unread
    assert _index_pages.unread_pages(_index_pages.Pages(unread, both), lambda: ()) == unread


def test_many_pages_are_reported_in_one_sentence_for_each_reason():
    unread = {"%s/p%d/" % (ONE, number): "503 Server Error: x for url: https://h" for number in range(9)}
    assert _index_pages.unread_message(unread).count("503") == 1
    assert "about p0, p1, p2 and 6 more" in _index_pages.unread_message(unread)


def test_index_that_pip_ignores_with_a_warning_is_not_read():
    said = (
        "WARNING: The repository located at one.example is not a trusted or secure host and is being ignored. If this\n"
    )
    said += "WARNING: Skipping page https://u:pw@two.example/simple/app/ because the GET request got Content-Type: image/png.\n"
    unread = _index_pages.ignored_by_pip(said)
    assert list(unread) == ["http://one.example/anything", "https://two.example/simple/app/"]
    assert "plain http" in _index_pages.unread_message(unread)
    assert "not a page of an index" in _index_pages.unread_message(unread)
