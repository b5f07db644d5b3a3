# SPDX-License-Identifier: GPL-3.0-or-later
"""What parts promise: every missing byte once, the same bytes on both hosts, and none that a bundle does not have."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._transfer import _parts
from ansible_collections.airgap.python.plugins.module_utils._transfer._parts import Part


@pytest.mark.parametrize(
    "ranges, size, expected",
    [
        ({}, 0, [(0, 0)]),
        ({0: 0}, 0, []),
        ({}, 5, [(0, 5)]),
        ({0: 2, 3: 2}, 5, [(2, 3)]),
        ({0: 4, 2: 3}, 5, []),
        ({2: 9}, 5, [(0, 2)]),
        ({7: 1}, 5, [(0, 5)]),
        ({0: 5, 2: 1}, 5, []),
    ],
)
def test_gaps_are_exact_to_the_byte(ranges, size, expected):
    assert _parts.gaps(ranges, size) == expected


PATHS = ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("missing", "items"),
    [
        ([], []),
        ([(path, 0, 10) for path in PATHS], ["0-4"]),
        ([("a", 0, 10), ("c", 0, 10), ("d", 0, 10)], ["0", "2-3"]),
        ([("a", 0, 10), ("b", 3, 5), ("b", 7, 10), ("c", 0, 10)], ["0", "1@3-5", "1@7-10", "2"]),
        ([("a", 0, 9), ("b", 0, 10)], ["0@0-9", "1"]),
    ],
)
def test_ranges_are_formatted_as_numbers_and_parsed_back(missing, items):
    assert _parts.format_wanted(missing, PATHS, lambda path: 10) == items
    assert _parts.parse_wanted(items, PATHS, lambda path: 10) == [
        Part(path, begin, end - begin) for path, begin, end in missing
    ]


@pytest.mark.parametrize(
    "item", ["5", "0-5", "3-2", "-1", "0@0-11", "0@5-4", "a", "", "0-4\n", "0,1", "99999999999999"]
)
def test_number_that_names_nothing_is_refused(item):
    with pytest.raises(AirgapError, match="does not name a part|the pool has|requests others"):
        _parts.parse_wanted([item], PATHS, lambda path: 10)


def test_numbers_that_repeat_a_few_files_without_end_are_refused(monkeypatch):
    monkeypatch.setattr(_parts, "MOST_PARTS", 20)
    with pytest.raises(AirgapError, match="the pool has 5 files"):
        _parts.parse_wanted(["0-4"] * 5, PATHS, lambda path: 10)


def test_groups_hold_every_byte_once_in_order():
    missing = [("a", 0, 10), ("b", 5, 25), ("c", 0, 0), ("d", 0, 1)]
    groups = _parts.group(missing, 8)
    assert all(sum(part.length for part in parts) <= 8 for parts in groups)
    for path, offset, size in missing:
        found = [part for parts in groups for part in parts if part.path == path]
        assert found[0].offset == offset
        for before, after in zip(found, found[1:]):
            assert before.offset + before.length == after.offset
        assert found[-1].offset + found[-1].length == size


def test_link_that_replaced_a_file_is_not_followed(tmp_path):
    (tmp_path / "secret").write_text("not of the bundle")
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle/a").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        list(_parts.read_parts(str(tmp_path / "bundle"), [Part("a", 0, 5)]))
