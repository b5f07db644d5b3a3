# SPDX-License-Identifier: GPL-3.0-or-later
"""What volumes promise: each byte of the pool once, none larger than requested, and only the parts that are missing."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._bundle._layout import Entry
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._transfer import _volumes
from ansible_collections.airgap.python.plugins.module_utils._transfer._parts import Part

CARRIED = [Entry("wheels/b", "b" * 64, 25), Entry("wheels/a", "a" * 64, 10), Entry("wheels/empty", "c" * 64, 0)]


def laid_out(size):
    """Return the volumes of a pool, with sums."""
    return [one._replace(sha256="d" * 64) for one in _volumes.lay_out(CARRIED, size)]


@pytest.mark.parametrize("size", [1, 7, 10, 35, 100])
def test_volumes_hold_each_byte_once_and_are_no_larger_than_requested(size):
    volumes = laid_out(size)
    assert all(one.size <= size for one in volumes)
    text = _volumes.render("e" * 32, volumes)
    assert _volumes.parse(text, "x", "e" * 32, CARRIED) == volumes
    assert [one.name for one in volumes][:2] == ["0001.vol", "0002.vol"][: len(volumes)]


def test_empty_file_that_no_volume_has_is_an_error():
    volumes = [one._replace(parts=one.parts[:-1]) for one in laid_out(100)]
    with pytest.raises(AirgapError, match="wheels/empty from byte 0"):
        _volumes.parse(_volumes.render("e" * 32, volumes), "x", "e" * 32, CARRIED)


def needed(size, *missing):
    """Return the needed volumes of a size: the name of each, its ranges and the paths of their parts."""
    return [
        (
            volume.name,
            [(start, end - start) for dummy, start, end in ranges],
            [
                part.path
                for part in _volumes.parts_within(
                    volume, [Part(name, start, end - start) for name, start, end in ranges]
                )
            ],
        )
        for volume, ranges in _volumes.needed(laid_out(size), missing)
    ]


def test_only_volumes_that_hold_missing_bytes_are_needed_and_only_those_parts_of_them():
    # An empty file at the end of a range costs nothing, and is part of it.
    assert needed(20) == []
    assert needed(20, ("wheels/b", 12, 14)) == [("0002.vol", [(0, 15)], ["wheels/b", "wheels/empty"])]
    assert needed(20, ("wheels/b", 0, 25)) == [
        ("0001.vol", [(10, 10)], ["wheels/b"]),
        ("0002.vol", [(0, 15)], ["wheels/b", "wheels/empty"]),
    ]
    assert needed(20, ("wheels/empty", 0, 0)) == [("0002.vol", [(15, 0)], ["wheels/empty"])]


def test_adjacent_missing_parts_are_one_range():
    both = [("wheels/a", 0, 10), ("wheels/empty", 0, 0)]
    assert needed(100, *both) == [("0001.vol", [(0, 10), (35, 0)], ["wheels/a", "wheels/empty"])]
    everything = [(one.path, 0, one.size) for one in CARRIED]
    assert needed(100, *everything) == [("0001.vol", [(0, 35)], ["wheels/a", "wheels/b", "wheels/empty"])]
