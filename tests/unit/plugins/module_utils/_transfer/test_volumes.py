# SPDX-License-Identifier: GPL-3.0-or-later
"""What volumes promise: each byte of the pool once, none larger than asked for, and only what lacks is brought."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._bundle._layout import Entry
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._transfer import _volumes
from ansible_collections.airgap.python.plugins.module_utils._transfer._parts import Part

CARRIED = [Entry("wheels/b", "b" * 64, 25), Entry("wheels/a", "a" * 64, 10), Entry("wheels/empty", "c" * 64, 0)]


def laid_out(size):
    """Return the volumes of a pool with sums."""
    return [one._replace(sha256="d" * 64) for one in _volumes.lay_out(CARRIED, size)]


@pytest.mark.parametrize("size", [1, 7, 10, 35, 100])
def test_volumes_hold_each_byte_once_and_are_no_larger_than_asked_for(size):
    volumes = laid_out(size)
    assert all(one.size <= size for one in volumes)
    text = _volumes.render("e" * 32, volumes)
    assert _volumes.parse(text, "x", "e" * 32, CARRIED) == volumes
    assert [one.name for one in volumes][:2] == ["0001.vol", "0002.vol"][: len(volumes)]


def test_empty_file_that_no_volume_names_is_missed():
    volumes = [one._replace(parts=one.parts[:-1]) for one in laid_out(100)]
    with pytest.raises(AirgapError, match="wheels/empty from byte 0"):
        _volumes.parse(_volumes.render("e" * 32, volumes), "x", "e" * 32, CARRIED)


def needed(size, *missing):
    """Return what is needed of volumes of a size: for each its name, its runs and the paths of its parts."""
    return [
        (
            volume.name,
            [(begin, end - begin) for dummy, begin, end in runs],
            [
                part.path
                for part in _volumes.parts_within(volume, [Part(name, begin, end - begin) for name, begin, end in runs])
            ],
        )
        for volume, runs in _volumes.needed(laid_out(size), missing)
    ]


def test_only_volumes_that_bring_what_is_missing_are_needed_and_only_those_parts_of_them():
    # An empty file at the end of a run costs nothing, and counts as part of it.
    assert needed(20) == []
    assert needed(20, ("wheels/b", 12, 14)) == [("0002.vol", [(0, 15)], ["wheels/b", "wheels/empty"])]
    assert needed(20, ("wheels/b", 0, 25)) == [
        ("0001.vol", [(10, 10)], ["wheels/b"]),
        ("0002.vol", [(0, 15)], ["wheels/b", "wheels/empty"]),
    ]
    assert needed(20, ("wheels/empty", 0, 0)) == [("0002.vol", [(15, 0)], ["wheels/empty"])]


def test_neighbours_that_are_missing_are_one_run():
    both = [("wheels/a", 0, 10), ("wheels/empty", 0, 0)]
    assert needed(100, *both) == [("0001.vol", [(0, 10), (35, 0)], ["wheels/a", "wheels/empty"])]
    everything = [(one.path, 0, one.size) for one in CARRIED]
    assert needed(100, *everything) == [("0001.vol", [(0, 35)], ["wheels/a", "wheels/b", "wheels/empty"])]
