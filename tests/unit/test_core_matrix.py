# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of the versions of ansible-core: what it plays, what it finds, and what it tells."""

from __future__ import annotations

import pytest

from tests.core import core_matrix


@pytest.mark.parametrize(
    ("known", "own", "chosen"),
    [
        ([(3, 11)], "2.19.14", ["2.18"]),
        ([(3, 11), (3, 13)], "2.19.14", ["2.18", "2.22"]),
        ([(3, 12)], "2.21.5", ["2.18"]),
        ([(3, 14)], "2.22.0", ["2.20"]),
        ([(3, 11)], "2.18.19", ["2.19"]),
        ([], "2.19.14", []),
    ],
)
def test_oldest_and_newest_that_run_here_are_played_beside_the_own(known, own, chosen):
    assert [core.minor for core in core_matrix.ends(known, own)] == chosen


def test_deprecation_warning_is_found_with_its_broken_lines_and_nothing_after_it():
    output = """
[WARNING]: The disk is old
[DEPRECATION WARNING]: Importing 'to_native' is deprecated. This feature will be
removed from ansible-core version 2.24.
TASK [airgap.python.stage : Seal the bundle] ***
ok: [internet]
"""
    assert core_matrix.deprecations_in(output) == [
        "Importing 'to_native' is deprecated. This feature will be\nremoved from ansible-core version 2.24."
    ]


def test_version_is_good_only_where_every_promise_was_kept():
    core = core_matrix.CORES[0]
    assert core_matrix.Row(core, changed=0).is_good()
    for row in (
        core_matrix.Row(core, deprecations=["one"]),
        core_matrix.Row(core, found=["one"]),
        core_matrix.Row(core, troubles=["one"]),
        core_matrix.Row(core, missing="no interpreter"),
    ):
        assert not row.is_good(), row


def test_table_says_what_was_found_and_where_there_is_no_interpreter():
    first, second = core_matrix.CORES[0], core_matrix.CORES[-1]
    good = core_matrix.Row(
        first, "2.18.19", "3.11.7", "900 passed", 180.4, 40.2, 7, 0, found=["root in x"], date="2026-11-26"
    )
    lines = core_matrix.table([good, core_matrix.Row(second, missing="no interpreter from 3.13 to 3.15 here")])
    assert (
        lines[2] == "| 2.18.19 | 3.11.7 | 900 passed | 180 s | 40 s | 0 on all 7 hosts | 0 | root in x | 2026-11-26 |"
    )
    assert "no interpreter from 3.13 to 3.15 here" in lines[3]
