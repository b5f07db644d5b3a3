# SPDX-License-Identifier: GPL-3.0-or-later
"""What a piece promises: every byte of its parts, wheels as they are, texts packed, and nothing else."""

from __future__ import annotations

import io

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _pieces
from ansible_collections.airgap.python.plugins.module_utils._manifest import BundleError, Part


def test_piece_gives_back_what_went_in_and_packs_texts_only(tmp_path):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels/a.whl").write_bytes(b"wheel" * 100)
    (tmp_path / "manifest.json").write_bytes(b"text" * 100000)
    parts = [Part("wheels/a.whl", 5, 10), Part("manifest.json", 0, 400000), Part("manifest.json", 4, 0)]
    stream = io.BytesIO()
    dummy, encoding, size = _pieces.write(str(tmp_path), parts, stream)
    assert encoding == "xz" and size == len(stream.getvalue()) < 2000
    assert stream.getvalue().startswith(b"wheel" * 2)
    stream.seek(0)
    read = [(part, b"".join(blocks)) for part, blocks in _pieces.read(stream, parts, encoding)]
    assert [part for part, data in read] == parts
    assert [len(data) for part, data in read] == [10, 400000, 0]
    stream = io.BytesIO(stream.getvalue()[:60])
    with pytest.raises(BundleError, match="within manifest.json"):
        for _part, blocks in _pieces.read(stream, parts, encoding):
            list(blocks)


def test_part_that_nobody_reads_is_passed_over():
    parts = [Part("wheels/a", 0, 3), Part("wheels/b", 0, 2)]
    read = _pieces.read(io.BytesIO(b"aaabb"), parts, "")
    next(read)
    assert b"".join(next(read)[1]) == b"bb"


@pytest.mark.parametrize(
    "runs, size, expected",
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
def test_what_is_still_to_come_is_known_to_the_byte(runs, size, expected):
    assert _pieces.gaps(runs, size) == expected
