# SPDX-License-Identifier: GPL-3.0-or-later
"""An untrusted name cannot control the terminal of the person who reads it."""

from __future__ import annotations

import itertools
import sys

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _text
from ansible_collections.airgap.python.plugins.module_utils._bundle import _clock, _history, _ledger, _verify
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

from tests.unit.plugins.module_utils._bundle.test_manifest import seal, write
from tests.unit.plugins.module_utils._report import test_page

EVIL = "\x1b]0;owned\x07\u202egood\n"
SHOWN = "\\x1b]0;owned\\x07\\u202egood\\x0a"


def test_name_of_a_file_that_was_not_sealed_is_shown_with_escapes(tmp_path):
    seal(tmp_path)
    write(tmp_path, "wheels/" + EVIL, b"")
    with pytest.raises(AirgapError) as caught:
        _verify.verify(str(tmp_path))
    assert SHOWN in str(caught.value) and _text.is_plain(str(caught.value))


def test_each_error_shows_what_it_names():
    assert str(AirgapError("no %s here" % EVIL)) == "no %s here" % SHOWN
    assert str(AirgapError("first:", "second\x1b\nthird")) == "first:\nsecond\\x1b\\x0athird"


def test_reports_and_the_table_of_imports_show_what_they_name():
    found = dict(test_page.finding(), description="<" + EVIL)
    page = test_page.render(report=test_page.audit(test_page.bundle(), [found]))
    assert "<p>&lt;%s</p>" % SHOWN in page
    one = _ledger.Import(
        "r" * 32,
        "0" * 32,
        None,
        "2026-01-01T00:00:00Z",
        "a" * 64,
        [{"principal": EVIL}],
        EVIL,
        "",
        "airgap/prod",
        "2026-01-01T00:00:00Z",
        "",
        _ledger.FAILED,
        EVIL,
        1,
        1,
        0,
        0,
        0,
        "",
    )
    lines = _history.table(_ledger.Ledger([one], []), _clock.now())
    assert len(lines) == 2 and all(map(_text.is_plain, lines)) and SHOWN in lines[1]


def test_only_a_newline_ends_a_line():
    assert _text.split_lines("a\x85b\u2028c\r\nd\n") == ["a\x85b\u2028c\r", "d"]
    for text in ("", "a", "a\nb"):
        with pytest.raises(ValueError, match="it "):
            _text.split_lines(text)


def test_shown_text_contains_nothing_that_controls_a_terminal():
    for number in itertools.chain(range(0x3000), range(0xD700, 0x11000), (0x1F600, 0xE0001, sys.maxunicode)):
        letter = chr(number)
        assert _text.is_plain(_text.shown(letter))
        assert _text.shown(letter) == letter or not _text.is_plain(letter) or letter.isspace()
    assert _text.shown("a\x1b[2J\u202e\udcff\n \u00fc") == "a\\x1b[2J\\u202e\\udcff\\x0a \u00fc"
    assert str(AirgapError("\x1b]0;x\x07")) == "\\x1b]0;x\\x07"
