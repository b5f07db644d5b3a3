# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces: what of a bundle crosses at a time, how it is packed, and what of a file is still to come.

The open part, which is all files but the pool's, is one piece, packed with xz.
The pool comes after it, when the bundle was judged by its open part: runs of
bytes, as they are, of files that both hosts number alike. A piece crosses as a
stream: on both hosts a program reads or writes it through a named pipe.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import select
import stat
import time
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle._manifest import Part, blocks_of_parts, check_name
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import CHUNK

try:
    import lzma
except ImportError:  # Some build Python without it.
    lzma = None  # type: ignore[assignment]

# What xz asks for at its default preset, and some more; a stream that wants another size is none of ours.
_MEMORY = 64 << 20
_XZ = b"\xfd7zXZ\x00"
_ITEM = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9})|@([0-9]{1,18})-([0-9]{1,18}))?\Z")
_FILE = re.compile(rb"([0-9]{1,18}) (.+)\Z", re.DOTALL)
# More parts or files than this are an attack or a mistake.
MOST_PARTS = 1000000
LONGEST_LINE = 2048
# How long one end of a line waits for the other, in seconds.
PATIENCE = 120.0


def gaps(runs: t.Mapping[int, int], size: int) -> t.List[t.Tuple[int, int]]:
    """Return the runs (from, up to) of a file that runs (offset to length) do not cover; an empty file needs its run."""
    if not size:
        return [] if 0 in runs else [(0, 0)]
    found = []
    reached = 0
    for offset in sorted(runs):
        if offset > reached:
            found.append((reached, min(offset, size)))
        reached = max(reached, offset + runs[offset])
    if reached < size:
        found.append((reached, size))
    return [(begin, end) for begin, end in found if begin < end]


def number(
    missing: t.Iterable[t.Tuple[str, int, int]], paths: t.Sequence[str], size_of: t.Callable[[str], int]
) -> t.List[str]:
    """Return runs of bytes (path, from, up to) as numbers among the paths, which both hosts have: what parts_of() reads.

    "7" is a whole file, "7-12" are six of them, "7@100-250" are bytes 100 to 249 of one.
    """
    numbers = {path: number for number, path in enumerate(paths)}
    items: t.List[str] = []
    whole: t.List[int] = []
    for path, begin, end in missing:
        number = numbers[path]
        if (begin, end) != (0, size_of(path)):
            items.append("%d@%d-%d" % (number, begin, end))
        elif whole and whole[-1] + 1 == number and items[-1] == _span(whole):
            whole.append(number)
            items[-1] = _span(whole)
        else:
            whole = [number]
            items.append(_span(whole))
    return items


def _span(numbers: t.Sequence[int]) -> str:
    return "%d-%d" % (numbers[0], numbers[-1]) if len(numbers) > 1 else str(numbers[0])


def parts_of(items: t.Iterable[str], paths: t.Sequence[str], size_of: t.Callable[[str], int]) -> t.List[Part]:
    """Return the parts that number() has named; raises AirgapError for what is not in these files."""
    parts: t.List[Part] = []
    for item in items:
        match = _ITEM.match(item)
        if match is None:
            raise AirgapError("%r does not name a part of a bundle." % item[:80])
        first = int(match.group(1))
        last, begin, end = (int(one) if one else None for one in match.groups()[1:])
        numbers = range(first, (first if last is None else last) + 1)
        if not numbers or numbers[-1] >= len(paths) or len(parts) + len(numbers) > MOST_PARTS:
            raise AirgapError("There is no file %s among the %d of the pool. Run this again." % (item, len(paths)))
        for path in (paths[one] for one in numbers):
            size = size_of(path)
            part = Part(path, 0, size) if begin is None or end is None else Part(path, begin, end - begin)
            if part.length < 0 or part.offset + part.length > size:
                raise AirgapError("%s has %d bytes, and %s asks for others. Run this again." % (path, size, item))
            parts.append(part)
    return parts


def write(root: str, parts: t.Iterable[Part], emit: t.Callable[[bytes], t.Any]) -> None:
    """Pass the bytes of parts of a pool on to ``emit``, as they are: wheels are packed already."""
    for block in blocks_of_parts(root, parts):
        emit(block)


def write_open(root: str, files: t.Sequence[t.Tuple[str, int]], emit: t.Callable[[bytes], t.Any]) -> None:
    """Pass files (path, size) of an open part on to ``emit``: a line for each, an empty one, and their bytes, all packed."""
    header = "".join("%d %s\n" % (size, path) for path, size in files) + "\n"
    packer = lzma.LZMACompressor() if lzma is not None else None
    emit(packer.compress(header.encode("utf-8")) if packer else header.encode("utf-8"))
    for block in blocks_of_parts(root, [Part(path, 0, size) for path, size in files]):
        emit(packer.compress(block) if packer else block)
    if packer:
        emit(packer.flush())


class Pipe:
    """One end of a named pipe that somebody else makes, and whose other end somebody else holds.

    Neither opening nor reading waits longer than ``patience`` seconds for them.
    Raises AirgapError where they do not come, or where what has the name is no pipe.
    """

    def __init__(self, path: str, flags: int, patience: float = PATIENCE) -> None:
        self.patience = patience
        self.poll = select.poll()
        self.handle = -1
        deadline = time.monotonic() + patience
        while self.handle < 0:
            try:
                self.handle = os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)
            except OSError as error:
                # Not made yet, or not opened for reading yet.
                if error.errno not in (errno.ENOENT, errno.ENXIO):
                    raise
                if time.monotonic() > deadline:
                    raise AirgapError(
                        "The other end of the line did not come in %d seconds. Run this again." % patience
                    ) from error
                time.sleep(0.01)
        if not stat.S_ISFIFO(os.fstat(self.handle).st_mode):
            self.close()
            raise AirgapError("%s is no pipe." % path)
        self.poll.register(self.handle, select.POLLIN if flags == os.O_RDONLY else select.POLLOUT)
        with contextlib.suppress(OSError):
            # F_SETPIPE_SZ of Linux, which Python names from 3.10 on: fewer changes between the processes.
            fcntl.fcntl(self.handle, 1031, CHUNK)

    def read(self, length: int) -> bytes:
        """Return up to so many bytes, and none at the end."""
        self.wait("Nothing came over the line for %d seconds. Run this again: the rest is kept.")
        return os.read(self.handle, length)

    def write(self, data: bytes) -> None:
        """Write all of the bytes."""
        rest = memoryview(data)
        while rest:
            self.wait("The line took nothing for %d seconds.")
            rest = rest[os.write(self.handle, rest) :]

    def wait(self, otherwise: str) -> None:
        """Wait until the pipe is ready, or raise AirgapError."""
        if not self.poll.poll(self.patience * 1000):
            raise AirgapError(otherwise % self.patience)

    def close(self) -> None:
        """Close this end."""
        os.close(self.handle)


class Source(t.Protocol):
    """What a piece is read from."""

    def read(self, length: int, /) -> bytes:
        """Return up to so many bytes, and none at the end."""


def read(stream: Source, parts: t.Sequence[Part]) -> t.Iterator[t.Tuple[Part, t.Iterator[bytes]]]:
    """Return each part of a piece with its bytes, in order.

    Never more bytes come out than the parts have. Raises AirgapError where the piece holds less, or more.
    """
    return _read(stream.read, parts)


def _read(source: t.Callable[[int], bytes], parts: t.Sequence[Part]) -> t.Iterator[t.Tuple[Part, t.Iterator[bytes]]]:
    for part in parts:
        blocks = _exactly(source, part)
        yield part, blocks
        for _left in blocks:
            pass
    if source(1):
        raise AirgapError("A piece holds more than its parts. Do not use what it comes from.")


def read_open(stream: Source) -> t.Tuple[t.List[int], t.Iterator[t.Tuple[str, t.Iterator[bytes]]]]:
    """Return the sizes of the files of an open part, and the path and the bytes of each; raises AirgapError as read().

    It is packed with xz if the Python of the sending host can do that.
    """
    begin = stream.read(len(_XZ))
    while begin and len(begin) < len(_XZ):
        more = stream.read(len(_XZ) - len(begin))
        if not more:
            break
        begin += more
    joined = _Joined(begin, stream)
    source = _unpacked(joined) if begin == _XZ else joined.read
    parts: t.List[Part] = []
    for line in iter(lambda: _line(source), b""):
        match = _FILE.match(line)
        if match is None or len(parts) == MOST_PARTS:
            raise AirgapError("What came is not the open part of a bundle. Run this again.")
        try:
            path = match.group(2).decode("utf-8")
        except UnicodeDecodeError as error:
            raise AirgapError("What came is not the open part of a bundle: a name is not UTF-8.") from error
        check_name(path, "The open part")
        parts.append(Part(path, 0, int(match.group(1))))
    return [part.length for part in parts], ((part.path, blocks) for part, blocks in _read(source, parts))


def _line(source: t.Callable[[int], bytes]) -> bytes:
    """Return a line without its end."""
    line = b""
    while True:
        letter = source(1)
        if letter == b"\n":
            return line
        if not letter or len(line) > LONGEST_LINE:
            raise AirgapError("What came is not the open part of a bundle, or ends too soon. Run this again.")
        line += letter


class _Joined:
    """A stream of which the begin was read already."""

    def __init__(self, begin: bytes, stream: Source) -> None:
        self.begin = begin
        self.stream = stream

    def read(self, length: int, /) -> bytes:
        """Return up to so many bytes, and none at the end."""
        found, self.begin = self.begin[:length], self.begin[length:]
        return found or self.stream.read(length)


def _exactly(source: t.Callable[[int], bytes], part: Part) -> t.Iterator[bytes]:
    left = part.length
    while left > 0:
        block = source(min(left, CHUNK))
        if not block:
            raise AirgapError("A piece ends within %s. Run this again: what came is kept." % part.path)
        left -= len(block)
        yield block


def _unpacked(stream: Source) -> t.Callable[[int], bytes]:
    """Return a function that reads up to so many bytes of an xz stream, and then of what follows it."""
    if lzma is None:
        raise AirgapError(
            "The Python of this host has no lzma module, and the sending host packed the open part with xz."
        )
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, _MEMORY)
    rest = b""

    def source(length: int) -> bytes:
        nonlocal rest
        while not unpacker.eof:
            is_hungry = bool(unpacker.needs_input)
            data = stream.read(CHUNK) if is_hungry else b""
            try:
                block = unpacker.decompress(data, length)
            except lzma.LZMAError as error:
                raise AirgapError("A piece is no xz stream: %s. Run the transfer again." % error) from error
            rest = unpacker.unused_data
            if block:
                return block
            if not data and is_hungry:
                return b""
        found, rest = rest[:length], rest[length:]
        return found or stream.read(length)

    return source
