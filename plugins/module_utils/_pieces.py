# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces: what of a bundle crosses at a time, how it is packed, and what of a file is still to come.

A piece holds runs of bytes of pool files as they are, for wheels are packed
already, and after them those of all other files as one xz stream.
"""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._manifest import POOL, BundleError, Part, digest_of_parts

try:
    import lzma
except ImportError:  # Some build Python without it.
    lzma = None  # type: ignore[assignment]

BLOCK = 1 << 20
# What xz asks for at its default preset, and some more; a stream that wants another size is none of ours.
_MEMORY = 64 << 20


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


def write(root: str, parts: t.Sequence[Part], target: t.BinaryIO) -> t.Tuple[str, str, int]:
    """Write a piece; return its SHA-256 in hex, how texts are packed in it, and its size in bytes."""
    digest = hashlib.sha256()
    size = 0

    def emit(data: bytes) -> None:
        nonlocal size
        digest.update(data)
        size += len(data)
        target.write(data)

    texts = [part for part in parts if not is_packed(part.path)]
    digest_of_parts(root, [part for part in parts if is_packed(part.path)], emit)
    if not texts or lzma is None:
        digest_of_parts(root, texts, emit)
        return digest.hexdigest(), "", size
    packer = lzma.LZMACompressor()
    digest_of_parts(root, texts, lambda data: emit(packer.compress(data)))
    emit(packer.flush())
    return digest.hexdigest(), "xz", size


def read(stream: t.BinaryIO, parts: t.Sequence[Part], encoding: str) -> t.Iterator[t.Tuple[Part, t.Iterator[bytes]]]:
    """Return each part of a piece with its bytes, in the order in which they lie in the piece.

    Never more bytes come out than the parts have. Raises BundleError where
    the piece holds less, or more.
    """
    source = _plain(stream)
    first = [part for part in parts if is_packed(part.path)]
    rest = [part for part in parts if not is_packed(part.path)]
    for part in first:
        blocks = _exactly(source, part)
        yield part, blocks
        for _left in blocks:
            pass
    if rest and encoding == "xz":
        source = _unpacked(stream)
    for part in rest:
        blocks = _exactly(source, part)
        yield part, blocks
        for _left in blocks:
            pass
    if source(1):
        raise BundleError("A piece holds more than its parts. Do not use what it comes from.")


def _exactly(source: t.Callable[[int], bytes], part: Part) -> t.Iterator[bytes]:
    left = part.length
    while left > 0:
        block = source(min(left, BLOCK))
        if not block:
            raise BundleError("A piece ends within %s. Run the transfer again." % part.path)
        left -= len(block)
        yield block


def _plain(stream: t.BinaryIO) -> t.Callable[[int], bytes]:
    return stream.read


def _unpacked(stream: t.BinaryIO) -> t.Callable[[int], bytes]:
    """Return a function that reads up to so many bytes of an xz stream."""
    if lzma is None:
        raise BundleError("The Python of this host has no lzma module, and the sending host packed texts with xz.")
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, _MEMORY)

    def source(length: int) -> bytes:
        while not unpacker.eof:
            is_hungry = bool(unpacker.needs_input)
            data = stream.read(BLOCK) if is_hungry else b""
            try:
                block = unpacker.decompress(data, length)
            except lzma.LZMAError as error:
                raise BundleError("A piece is no xz stream: %s. Run the transfer again." % error) from error
            if block:
                return block
            if not data and is_hungry:
                return b""
        return unpacker.unused_data[:length]

    return source
