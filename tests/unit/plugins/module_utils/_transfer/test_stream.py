# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stream promises: every byte of its parts, wheels as they are, the open part compressed, and nothing else."""

from __future__ import annotations

import io

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._transfer import _stream
from ansible_collections.airgap.python.plugins.module_utils._transfer._parts import Part


def test_parts_of_the_pool_are_sent_uncompressed(tmp_path):
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
def test_open_part_is_read_as_it_was_written_and_is_compressed_if_python_can(tmp_path, monkeypatch, has_lzma):
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


def test_open_part_without_files_is_read_as_that(tmp_path):
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


def test_part_that_is_not_read_is_skipped():
    parts = [Part("wheels/a", 0, 3), Part("wheels/b", 0, 2)]
    read = _stream.read(io.BytesIO(b"aaabb"), parts)
    next(read)
    assert b"".join(next(read)[1]) == b"bb"
