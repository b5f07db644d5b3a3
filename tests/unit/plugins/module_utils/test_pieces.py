# SPDX-License-Identifier: GPL-3.0-or-later
"""What a piece promises: every byte of its parts, wheels as they are, texts packed, and nothing else."""

from __future__ import annotations

import contextlib
import io
import os
import threading

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _pieces
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._manifest import Part


def test_piece_gives_back_what_went_in_and_packs_texts_only(tmp_path):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels/a.whl").write_bytes(b"wheel" * 100)
    (tmp_path / "manifest.json").write_bytes(b"text" * 100000)
    parts = [Part("wheels/a.whl", 5, 10), Part("manifest.json", 0, 400000), Part("manifest.json", 4, 0)]
    stream = io.BytesIO()
    encoding = _pieces.encoding_of(parts)
    _pieces.write(str(tmp_path), parts, encoding, stream.write)
    assert encoding == "xz" and len(stream.getvalue()) < 2000
    assert stream.getvalue().endswith(b"wheel" * 2)
    stream.seek(0)
    read = [(part, b"".join(blocks)) for part, blocks in _pieces.read(stream, parts, encoding)]
    assert [part for part, data in read] == parts[1:] + parts[:1]
    assert [len(data) for part, data in read] == [400000, 0, 10]
    stream = io.BytesIO(stream.getvalue()[:60])
    with pytest.raises(AirgapError, match="within manifest.json"):
        for _part, blocks in _pieces.read(stream, parts, encoding):
            list(blocks)


def test_part_that_nobody_reads_is_passed_over():
    parts = [Part("wheels/a", 0, 3), Part("wheels/b", 0, 2)]
    read = _pieces.read(io.BytesIO(b"aaabb"), parts, "")
    next(read)
    assert b"".join(next(read)[1]) == b"bb"


def test_both_ends_of_a_pipe_meet_although_each_opens_it_when_it_likes(tmp_path):
    path, data = str(tmp_path / "pipe"), os.urandom(3000000)

    def send():
        with contextlib.closing(_pieces.Pipe(path, os.O_WRONLY)) as pipe:
            pipe.write(data)

    sender = threading.Thread(target=send)
    sender.start()
    os.mkfifo(path)
    with contextlib.closing(_pieces.Pipe(path, os.O_RDONLY)) as pipe:
        assert b"".join(iter(lambda: pipe.read(1 << 20), b"")) == data
    sender.join()


def test_pipe_to_which_nobody_comes_is_given_up(tmp_path):
    path = str(tmp_path / "pipe")
    with pytest.raises(AirgapError, match="did not come in"):
        _pieces.Pipe(path, os.O_RDONLY, patience=0.05)
    os.mkfifo(path)
    with pytest.raises(AirgapError, match="did not come in"):
        _pieces.Pipe(path, os.O_WRONLY, patience=0.05)
    with contextlib.closing(_pieces.Pipe(path, os.O_RDONLY, patience=0.05)) as pipe:
        with pytest.raises(AirgapError, match="Nothing came"):
            pipe.read(1)
        with contextlib.closing(_pieces.Pipe(path, os.O_WRONLY)) as other, pytest.raises(
            AirgapError, match="took nothing"
        ):
            other.patience = 0.05
            other.write(bytes(1 << 24))


@pytest.mark.parametrize("put", [lambda path: path.write_text("x"), lambda path: path.symlink_to("/dev/null")])
def test_what_lies_in_the_place_of_the_pipe_is_not_written_to(tmp_path, put):
    put(tmp_path / "pipe")
    with pytest.raises((AirgapError, OSError)):
        _pieces.Pipe(str(tmp_path / "pipe"), os.O_WRONLY, patience=0.05)


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
