# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces: what of a bundle crosses at a time, how it is packed, and what of a file is still to come.

A piece holds runs of bytes of all files but the pool's as one xz stream, so
that a bundle can be judged before its pool comes, and after them those of the
pool as they are, for wheels are packed already. It crosses as a stream: on
both hosts a program reads or writes it through a named pipe.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import stat
import time
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import BLOCK
from ansible_collections.airgap.python.plugins.module_utils._manifest import POOL, Part, blocks_of_parts

try:
    import lzma
except ImportError:  # Some build Python without it.
    lzma = None  # type: ignore[assignment]

# What xz asks for at its default preset, and some more; a stream that wants another size is none of ours.
_MEMORY = 64 << 20
# How long one end of a line waits for the other, in seconds.
PATIENCE = 120.0


def parts_of(given: t.Iterable[t.Mapping[str, t.Any]]) -> t.List[Part]:
    """Return parts as a module gets them."""
    return [Part(str(one["path"]), int(one["offset"]), int(one["length"])) for one in given]


def is_packed(path: str) -> bool:
    """Say whether a file of a bundle is packed already, as wheels are."""
    return path.startswith(POOL + "/")


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


def encoding_of(parts: t.Iterable[Part]) -> str:
    """Return how texts among parts are packed: "xz", or "" where there are none or this Python has no lzma."""
    return "xz" if lzma is not None and any(not is_packed(part.path) for part in parts) else ""


def write(root: str, parts: t.Sequence[Part], encoding: str, emit: t.Callable[[bytes], t.Any]) -> None:
    """Pass the bytes of a piece on to ``emit``."""
    texts = blocks_of_parts(root, [part for part in parts if not is_packed(part.path)])
    if encoding == "xz":
        packer = lzma.LZMACompressor()
        for block in texts:
            emit(packer.compress(block))
        emit(packer.flush())
    else:
        for block in texts:
            emit(block)
    for block in blocks_of_parts(root, [part for part in parts if is_packed(part.path)]):
        emit(block)


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
            fcntl.fcntl(self.handle, 1031, BLOCK)

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


def read(stream: Source, parts: t.Sequence[Part], encoding: str) -> t.Iterator[t.Tuple[Part, t.Iterator[bytes]]]:
    """Return each part of a piece with its bytes, in the order in which they lie in the piece.

    Never more bytes come out than the parts have. Raises AirgapError where
    the piece holds less, or more.
    """
    texts = [part for part in parts if not is_packed(part.path)]
    pool = [part for part in parts if is_packed(part.path)]
    source = _unpacked(stream) if texts and encoding == "xz" else stream.read
    for part in texts + pool:
        blocks = _exactly(source, part)
        yield part, blocks
        for _left in blocks:
            pass
    if source(1):
        raise AirgapError("A piece holds more than its parts. Do not use what it comes from.")


def _exactly(source: t.Callable[[int], bytes], part: Part) -> t.Iterator[bytes]:
    left = part.length
    while left > 0:
        block = source(min(left, BLOCK))
        if not block:
            raise AirgapError("A piece ends within %s. Run this again: what came is kept." % part.path)
        left -= len(block)
        yield block


def _unpacked(stream: Source) -> t.Callable[[int], bytes]:
    """Return a function that reads up to so many bytes of an xz stream, and then of what follows it."""
    if lzma is None:
        raise AirgapError("The Python of this host has no lzma module, and the sending host packed texts with xz.")
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, _MEMORY)
    rest = b""

    def source(length: int) -> bytes:
        nonlocal rest
        while not unpacker.eof:
            is_hungry = bool(unpacker.needs_input)
            data = stream.read(BLOCK) if is_hungry else b""
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
