# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams: the bytes that cross from one host to another over one connection.

The open part of a bundle, which is all of its files except the pool, is one stream, compressed with xz. The receiving host
verifies it and requests the parts of the pool that it lacks. They are a second stream, uncompressed: wheels are compressed.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle._layout import check_name
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import CHUNK
from ansible_collections.airgap.python.plugins.module_utils._transfer._parts import MOST_PARTS, Part, read_parts

try:
    import lzma
except ImportError:  # Some builds of Python lack it.
    lzma = None  # type: ignore[assignment]

# The memory, in bytes, that xz needs at its default preset, and some more. A stream that needs more is refused.
_MEMORY = 64 << 20
_XZ = b"\xfd7zXZ\x00"
_FILE = re.compile(rb"([0-9]{1,18}) (.+)\Z", re.DOTALL)
LONGEST_LINE = 2048


class Source(t.Protocol):
    """What a stream is read from."""

    def read(self, length: int, /) -> bytes:
        """Return up to this many bytes, and none at the end."""


def write(root: str, parts: t.Iterable[Part], emit: t.Callable[[bytes], t.Any]) -> None:
    """Pass the bytes of parts of a pool to ``emit``, uncompressed."""
    for chunk in read_parts(root, parts):
        emit(chunk)


def read(stream: Source, parts: t.Sequence[Part]) -> t.Iterator[t.Tuple[Part, t.Iterator[bytes]]]:
    """Return each part of a stream with its bytes, in order.

    A part never gets more bytes than its length. Raises AirgapError if the stream holds fewer or more bytes.
    """
    return _read(stream.read, parts)


def write_open(root: str, files: t.Sequence[t.Tuple[str, int]], emit: t.Callable[[bytes], t.Any]) -> None:
    """Pass the files (path, size) of an open part to ``emit``, compressed: a line for each, an empty line, and their bytes."""
    header = "".join("%d %s\n" % (size, path) for path, size in files) + "\n"
    compressor = lzma.LZMACompressor() if lzma is not None else None
    emit(compressor.compress(header.encode("utf-8")) if compressor else header.encode("utf-8"))
    for chunk in read_parts(root, [Part(path, 0, size) for path, size in files]):
        emit(compressor.compress(chunk) if compressor else chunk)
    if compressor:
        emit(compressor.flush())


def read_open(stream: Source) -> t.Tuple[t.List[int], t.Iterator[t.Tuple[str, t.Iterator[bytes]]]]:
    """Return the sizes of the files of an open part, and each path with its bytes; raises AirgapError as read() does.

    It is compressed with xz if the Python of the sending host can do that.
    """
    start = stream.read(len(_XZ))
    while start and len(start) < len(_XZ):
        more = stream.read(len(_XZ) - len(start))
        if not more:
            break
        start += more
    joined = _Joined(start, stream)
    source = _decompressed(joined) if start == _XZ else joined.read
    parts: t.List[Part] = []
    for line in iter(lambda: _read_line(source), b""):
        match = _FILE.match(line)
        if match is None or len(parts) == MOST_PARTS:
            raise AirgapError("The data that arrived is not the open part of a bundle. Run this again.")
        try:
            path = match.group(2).decode("utf-8")
        except UnicodeDecodeError as error:
            raise AirgapError(
                "The data that arrived is not the open part of a bundle: a file name is not UTF-8."
            ) from error
        check_name(path, "The open part")
        parts.append(Part(path, 0, int(match.group(1))))
    return [part.length for part in parts], ((part.path, chunks) for part, chunks in _read(source, parts))


def _read(source: t.Callable[[int], bytes], parts: t.Sequence[Part]) -> t.Iterator[t.Tuple[Part, t.Iterator[bytes]]]:
    for part in parts:
        chunks = _read_part(source, part)
        yield part, chunks
        for _unread in chunks:
            pass
    if source(1):
        raise AirgapError("The stream holds more bytes than its parts. Do not use the bundle that it comes from.")


def _read_part(source: t.Callable[[int], bytes], part: Part) -> t.Iterator[bytes]:
    left = part.length
    while left > 0:
        chunk = source(min(left, CHUNK))
        if not chunk:
            raise AirgapError("The stream ends within %s. Run this again: what arrived is kept." % part.path)
        left -= len(chunk)
        yield chunk


def _read_line(source: t.Callable[[int], bytes]) -> bytes:
    """Return a line without its end."""
    line = b""
    while True:
        letter = source(1)
        if letter == b"\n":
            return line
        if not letter or len(line) > LONGEST_LINE:
            raise AirgapError(
                "The data that arrived is not the open part of a bundle, or it ends too soon. Run this again."
            )
        line += letter


class _Joined:
    """A stream whose first bytes were read already."""

    def __init__(self, start: bytes, stream: Source) -> None:
        self.start = start
        self.stream = stream

    def read(self, length: int, /) -> bytes:
        """Return up to this many bytes, and none at the end."""
        found, self.start = self.start[:length], self.start[length:]
        return found or self.stream.read(length)


def _decompressed(stream: Source) -> t.Callable[[int], bytes]:
    """Return a function that reads up to a number of bytes of an xz stream, and then of what follows it."""
    if lzma is None:
        raise AirgapError(
            "The sending host compressed the open part with xz, and the Python of this host has no module lzma. Install "
            "it, or set ansible_python_interpreter to a Python that has it."
        )
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, _MEMORY)
    rest = b""

    def source(length: int) -> bytes:
        nonlocal rest
        while not decompressor.eof:
            needs_input = bool(decompressor.needs_input)
            data = stream.read(CHUNK) if needs_input else b""
            try:
                chunk = decompressor.decompress(data, length)
            except lzma.LZMAError as error:
                raise AirgapError("The stream is not valid xz: %s. Run the transfer again." % error) from error
            rest = decompressor.unused_data
            if chunk:
                return chunk
            if not data and needs_input:
                return b""
        found, rest = rest[:length], rest[length:]
        return found or stream.read(length)

    return source
