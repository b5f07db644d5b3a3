# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of this project is plain English: turns that a native-speaking engineer stumbles over are not in it.

Each entry is a pattern and what to write instead. docs/architecture.md has the words for the things of this project.
"""

from __future__ import annotations

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BANNED = {
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\b(?<!there )(?<!There )is no (?!longer\b|more\b|better\b|way\b|reason\b)(?=[a-z])": "is not a …; there is no …",
    r"\bare no (?!longer\b|more\b)(?=[a-z])": "are not …",
    r"\bstands? (in|at|there|twice|already|beside|alone)\b": "is in, is recorded in",
    r"\b(is|are|was|were) told\b": "is asked, is allowed, is named, is set",
    r"^Who (does|has|is|can|wants|may)\b(?!.*\?)": "If you …, Whoever …",
    r"\b[Hh]ave (that|it|them|what [a-z ]{1,30}) ready\b": "prepare",
    r"\b(take|takes|took|taken|taking) (it |them |that |the bundle |a bundle |the volumes |volumes |this )?in(?=[\s.,;:)]|$)"
    r"(?! (place|to|check|turn|one|a|the|its|each|an|this|that|order|account)\b)": "import, receive",
    r"\b(broken?|breaks|breaking) off\b": "interrupted",
    r"\bslip of the pen\b": "typo",
    r"\bother end of\b": "the peer, the receiving host",
    r"\banew\b": "again",
    r"\bshall\b": "must, should, will",
    r"\b[Bb]eside\b": "next to, besides, as well as",
    r"\b(begun|is begun)\b": "started",
    r"\b(of|than) ours\b": "that this collection made",
    r"\b(is|are|was|were) to be\b": "must be, will be",
    r"\b(has|have|had) not(?=[.,;:)]|$)": "does not have",
    r"\bjust (what|those|these|as it)\b": "exactly what",
    r"\bwhat there is\b": "what exists, what is available",
    r"\b(be|is|are|was|were) gone\b": "removed, missing",
    r"\bat (its|the) begin\b": "at the start",
    r"\bright JSON\b": "valid JSON",
    r"\bcount(s)? (not|no more)\b": "is not counted",
    r"\bfor want of\b": "without, because there is no",
    r"\bby hand of\b": "by",
    r"\bhinders?\b": "prevents",
    r"\bnobody has\b": "is not",
    r"\bas is asked\b": "as requested",
    r"\bhave a look\b": "check",
}
# The licence's text is not ours; this file names what it looks for.
NOT_OURS = ("COPYING", "tests/unit/test_plain_english.py")


def texts():
    """Return the files of the project that are text, by their path."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout.decode()
    for name in listed.split("\0"):
        path = ROOT / name
        if name and name not in NOT_OURS and path.is_file() and not path.is_symlink():
            yield name, path.read_text(encoding="utf-8", errors="replace")


def turns(text):
    """Return (line number, what was found, what to write) for each banned turn in a text."""
    for number, line in enumerate(text.split("\n"), 1):
        for pattern, instead in BANNED.items():
            for match in re.finditer(pattern, line):
                yield number, match.group().strip(), instead


def test_no_text_of_the_project_has_a_banned_turn():
    found = ["%s:%d: %r: write %s" % (name, *turn) for name, text in texts() for turn in turns(text)]
    assert not found, "%d banned turns:\n%s" % (len(found), "\n".join(found[:200]))


def test_a_banned_turn_is_found_and_plain_english_is_not():
    assert [turn[1] for turn in turns("The mend stands in the docs.\nIt was broken off.")] == [
        "mend",
        "stands in",
        "broken off",
    ]
    assert not list(turns("There is no such file. The fix is in the docs: it was interrupted and is no longer used."))
