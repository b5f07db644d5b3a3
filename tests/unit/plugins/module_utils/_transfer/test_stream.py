# SPDX-License-Identifier: GPL-3.0-or-later
"""What a piece promises: every byte of its parts, wheels as they are, the open part packed, and nothing else."""

from __future__ import annotations

import contextlib
import io
import os
import threading

import pytest
from ansible_collections.airgap.python.plugins.module_utils._bundle._manifest import Part
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._transfer import _stream


def test_pool_comes_as_it_is(tmp_path):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels/a.whl").write_bytes(b"wheel" * 100)
    parts = [Part("wheels/a.whl", 5, 10), Part("wheels/a.whl", 4, 0)]
    stream = io.BytesIO()
    _stream.write(str(tmp_path), parts, stream.write)
    assert stream.getvalue() == b"wheel" * 2
    stream.seek(0)
    assert [(part, b"".join(blocks)) for part, blocks in _stream.read(stream, parts)] == [
        (parts[0], b"wheel" * 2),
        (parts[1], b""),
    ]


@pytest.mark.parametrize("has_lzma", [True, False])
def test_open_part_gives_back_what_went_in_and_is_packed_where_that_can_be(tmp_path, monkeypatch, has_lzma):
    files = {"SHA256SUMS": b"", "manifest.json": b"text" * 100000, "locks/\u00e4 b.txt": b"x\ny"}
    for path, data in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(data)
    stream = io.BytesIO()
    with monkeypatch.context() as patch:
        if not has_lzma:
            patch.setattr(_stream, "lzma", None)
        _stream.write_open(str(tmp_path), [(path, len(data)) for path, data in files.items()], stream.write)
    assert (len(stream.getvalue()) < 2000) is has_lzma
    sizes, read = _stream.read_open(io.BytesIO(stream.getvalue()))
    assert sizes == [len(data) for data in files.values()]
    assert {path: b"".join(blocks) for path, blocks in read} == files
    for length in (0, 7, len(stream.getvalue()) // 2):
        with pytest.raises(AirgapError, match="within|ends too soon|holds more"):
            for _path, blocks in _stream.read_open(io.BytesIO(stream.getvalue()[:length]))[1]:
                list(blocks)


def test_open_part_of_no_files_is_read_as_that(tmp_path):
    stream = io.BytesIO()
    _stream.write_open(str(tmp_path), [], stream.write)
    stream.seek(0)
    sizes, files = _stream.read_open(stream)
    assert (sizes, list(files)) == ([], [])


@pytest.mark.parametrize(
    "sent", [b"", b"\xfd", b"no header\n\n", b"5\n\n", b"1 \xff\n\nx", b"1 ../a\n\nx", b"1 a\n\nxy"]
)
def test_what_is_not_an_open_part_is_refused(sent):
    with pytest.raises(AirgapError, match="not the open part|could lead out|holds more"):
        list(_stream.read_open(io.BytesIO(sent))[1])


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
def test_what_is_missing_is_told_by_number_and_understood(missing, items):
    assert _stream.number(missing, PATHS, lambda path: 10) == items
    assert _stream.parts_of(items, PATHS, lambda path: 10) == [
        Part(path, begin, end - begin) for path, begin, end in missing
    ]


@pytest.mark.parametrize(
    "item", ["5", "0-5", "3-2", "-1", "0@0-11", "0@5-4", "a", "", "0-4\n", "0,1", "99999999999999"]
)
def test_number_of_what_is_not_there_is_refused(item):
    with pytest.raises(AirgapError, match="does not name a part|no file|asks for others"):
        _stream.parts_of([item], PATHS, lambda path: 10)


def test_numbers_that_name_a_few_files_again_and_again_are_refused(monkeypatch):
    monkeypatch.setattr(_stream, "MOST_PARTS", 20)
    with pytest.raises(AirgapError, match="no file"):
        _stream.parts_of(["0-4"] * 5, PATHS, lambda path: 10)


def test_part_that_nobody_reads_is_passed_over():
    parts = [Part("wheels/a", 0, 3), Part("wheels/b", 0, 2)]
    read = _stream.read(io.BytesIO(b"aaabb"), parts)
    next(read)
    assert b"".join(next(read)[1]) == b"bb"


def test_both_ends_of_a_pipe_meet_although_each_opens_it_when_it_likes(tmp_path):
    path, data = str(tmp_path / "pipe"), os.urandom(3000000)

    def send():
        with contextlib.closing(_stream.Pipe(path, os.O_WRONLY)) as pipe:
            pipe.write(data)

    sender = threading.Thread(target=send)
    sender.start()
    os.mkfifo(path)
    with contextlib.closing(_stream.Pipe(path, os.O_RDONLY)) as pipe:
        assert b"".join(iter(lambda: pipe.read(1 << 20), b"")) == data
    sender.join()


def test_pipe_to_which_nobody_comes_is_given_up(tmp_path):
    path = str(tmp_path / "pipe")
    with pytest.raises(AirgapError, match="did not come in"):
        _stream.Pipe(path, os.O_RDONLY, patience=0.05)
    os.mkfifo(path)
    with pytest.raises(AirgapError, match="did not come in"):
        _stream.Pipe(path, os.O_WRONLY, patience=0.05)
    with contextlib.closing(_stream.Pipe(path, os.O_RDONLY, patience=0.05)) as pipe:
        with pytest.raises(AirgapError, match="Nothing came"):
            pipe.read(1)
        with contextlib.closing(_stream.Pipe(path, os.O_WRONLY)) as other, pytest.raises(
            AirgapError, match="took nothing"
        ):
            other.patience = 0.05
            other.write(bytes(1 << 24))


@pytest.mark.parametrize("put", [lambda path: path.write_text("x"), lambda path: path.symlink_to("/dev/null")])
def test_what_lies_in_the_place_of_the_pipe_is_not_written_to(tmp_path, put):
    put(tmp_path / "pipe")
    with pytest.raises((AirgapError, OSError)):
        _stream.Pipe(str(tmp_path / "pipe"), os.O_WRONLY, patience=0.05)


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
    assert _stream.gaps(runs, size) == expected
