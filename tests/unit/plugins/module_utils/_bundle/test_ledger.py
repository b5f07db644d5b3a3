# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger promises of time: nothing from the future is imported, and an entry from the future can be corrected."""

from __future__ import annotations

import datetime
import json

import pytest
from ansible_collections.airgap.python.plugins.module_utils._bundle import _correction, _history, _ledger, _succession
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

NOON = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.timezone.utc)
RUN = {name: name * 32 for name in "abcd"}


def ledger(*imports, corrected=()):
    """Return the ledger of successful imports, each a letter for run and bundle, and its time."""
    records = []
    for number, (name, created) in enumerate(imports):
        when = "2026-05-01T00:00:0%d.000000Z" % number
        begin = {"event": "begin", "run": RUN[name], "id": RUN[name], "created": created, "when": when}
        records += [begin, {"event": "end", "run": RUN[name], "when": when, "result": "ok"}]
    records += [dict(record, event="correction", when="now") for record in corrected]
    return _ledger.parse("".join(json.dumps(record) + "\n" for record in records), "ledger")


def refusal(book, created, name="d", older_ok=False):
    """Return why a bundle may not be imported at noon, or nothing."""
    try:
        _succession.check(book, {"id": RUN[name], "created": created}, older_ok, NOON)
    except AirgapError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("older_ok", [False, True])
@pytest.mark.parametrize(
    "created",
    ["2026-06-01T13:00:01Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "2026-06-01T12:00:00-02:00"],
)
def test_bundle_from_the_future_is_refused_with_both_times_and_the_fix(created, older_ok):
    for book in (ledger(), ledger(("a", "2026-01-01T00:00:00Z")), ledger(("d", created))):
        why = refusal(book, created, older_ok=older_ok)
        for words in (RUN["d"], created, "2026-06-01T12:00:00Z", "Set the clock", "stage the bundle again"):
            assert words in why


def test_clocks_may_differ_by_an_hour():
    assert refusal(ledger(), "2026-06-01T13:00:00Z") == ""
    assert refusal(ledger(), "2026-06-01T14:00:00+01:00") == ""


def test_entry_from_the_future_is_named_instead_of_calling_the_new_bundle_older():
    why = refusal(ledger(("a", "9999-01-01T00:00:00Z")), "2026-05-01T00:00:00Z")
    for words in (RUN["a"], "9999-01-01T00:00:00Z", "is in the future", "2026-06-01T12:00:00Z", "the playbook history"):
        assert words in why
    assert "is an older bundle" not in why


def test_entry_from_the_future_counts_even_when_older_bundles_were_imported_with_publish_older():
    book = ledger(("a", "9999-01-01T00:00:00Z"), ("b", "2026-04-01T00:00:00Z"))
    assert refusal(book, "2026-04-01T00:00:00Z", older_ok=True) == ""
    assert "is in the future" in refusal(book, "2026-05-01T00:00:00Z")
    # The last one may be imported again.
    assert refusal(book, "2026-04-01T00:00:00Z", name="b") == ""


def test_corrected_entry_does_not_count_and_the_one_before_it_counts_again():
    correction = {"run": RUN["b"], "id": RUN["b"], "created": "9999-01-01T00:00:00Z"}
    imports = ("a", "2026-04-01T00:00:00Z"), ("b", "9999-01-01T00:00:00Z")
    book = ledger(*imports, corrected=[correction])
    assert refusal(book, "2026-05-01T00:00:00Z") == ""
    assert "is an older bundle: it was created on 2026-03-01" in refusal(book, "2026-03-01T00:00:00Z")
    # A replay of what was imported is known by its id.
    assert "is an older bundle: it was imported on" in refusal(book, "2026-04-01T00:00:00Z", name="a")
    assert (book.ahead(NOON), book.damaged) == ([], [])


@pytest.mark.parametrize("change", [{"run": RUN["c"]}, {"id": RUN["c"]}, {"created": "2026-01-01T00:00:00Z"}])
def test_correction_of_another_entry_corrects_nothing(change):
    correction = dict({"run": RUN["a"], "id": RUN["a"], "created": "9999-01-01T00:00:00Z"}, **change)
    book = ledger(("a", "9999-01-01T00:00:00Z"), corrected=[correction])
    assert book.damaged == [3]
    assert [one.run for one in book.ahead(NOON)] == [RUN["a"]]


def test_statement_is_one_line_about_one_entry_of_one_ledger():
    book = ledger(("a", "9999-01-01T00:00:00Z"), ("b", "2026-04-01T00:00:00Z"))
    text = _correction.statement(book.done[0])
    assert text.count("\n") == 1 and text.endswith("\n")
    assert _correction.find_entry(book, text, NOON).run == RUN["a"]
    for other in (text.strip(), text + text, text.replace("9999", "9998"), text.replace(RUN["a"], RUN["c"])):
        with pytest.raises(AirgapError, match="not a statement about an entry of this ledger"):
            _correction.find_entry(book, other, NOON)
    with pytest.raises(AirgapError, match="Such an entry counts and needs no correction"):
        _correction.find_entry(book, _correction.statement(book.done[1]), NOON)


def test_history_shows_an_entry_from_the_future():
    book = ledger(("a", "9999-01-01T00:00:00Z"))
    assert "No newer bundle can be imported: the ledger's entry aaaaaaaa" in _history.table(book, NOON)[-1]
    assert "future" not in _history.table(ledger(("a", "2026-01-01T00:00:00Z")), NOON)[-1]


def with_rollback(book_text, target, replaced):
    """Return a ledger's text with a rollback at its end."""
    record = {"event": "rollback", "run": "9" * 32, "id": RUN[target], "replaced": RUN[replaced], "when": "2026-05-02"}
    return book_text + json.dumps(record) + "\n"


def text_of(*names):
    """Return the text of a ledger of successful imports."""
    lines = []
    for number, name in enumerate(names):
        when = "2026-05-01T00:00:0%d.000000Z" % number
        begin = {"event": "begin", "run": RUN[name], "id": RUN[name], "created": "2026-04-0%dT00:00:00Z" % (number + 1)}
        lines += [dict(begin, when=when), {"event": "end", "run": RUN[name], "when": when, "result": "ok"}]
    return "".join(json.dumps(line) + "\n" for line in lines)


def test_rollback_says_what_is_served_until_the_next_import_succeeds():
    book = _ledger.parse(with_rollback(text_of("a", "b"), "a", "b"), "ledger")
    assert (book.served, len(book.imports), book.damaged) == (RUN["a"], 2, [])
    assert "served again instead of " + RUN["b"][:12] in _history.table(book, NOON)[-1]
    assert _ledger.parse(text_of("a", "b"), "ledger").served == RUN["b"]
    later = with_rollback(text_of("a", "b"), "a", "b") + text_of("a", "b", "c").split("\n", 4)[4]
    book = _ledger.parse(later, "ledger")
    assert book.served == RUN["c"] and book.rollback is None
    assert [RUN["c"][:8] in row for row in _history.table(book, NOON)][-1]


def test_bundle_that_was_taken_back_is_not_published_again_by_itself():
    book = _ledger.parse(with_rollback(text_of("a", "b"), "a", "b"), "ledger")
    with pytest.raises(AirgapError) as caught:
        _succession.check_rollback(book, RUN["b"])
    for words in (RUN["b"], RUN["a"], "-e publish_rollback=" + RUN["b"][:12], "publish_rollback: " + RUN["a"][:12]):
        assert words in str(caught.value)
    # What is served, what is new, and what was served again since, may be published.
    _succession.check_rollback(book, RUN["a"])
    _succession.check_rollback(book, RUN["c"])
    again = with_rollback(with_rollback(text_of("a", "b"), "a", "b"), "b", "a")
    _succession.check_rollback(_ledger.parse(again, "ledger"), RUN["b"])
    # The bundle that is served is not an older one.
    assert refusal(book, "2026-04-01T00:00:00Z", name="a") == ""
