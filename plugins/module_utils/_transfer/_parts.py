# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts: ranges of bytes of a bundle's files. Which of them are missing, how two hosts name them, and how they are read."""

from __future__ import annotations

import hashlib
import os
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle._layout import check_name
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import CHUNK

# More parts or files than this are an attack or a mistake.
MOST_PARTS = 1000000
_ITEM = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9})|@([0-9]{1,18})-([0-9]{1,18}))?\Z")
# A path, its first byte, and the byte after its last one.
Range = t.Tuple[str, int, int]


class Part(t.NamedTuple):
    """A range of bytes of one file of a bundle."""

    path: str
    offset: int
    length: int


def gaps(ranges: t.Mapping[int, int], size: int) -> t.List[t.Tuple[int, int]]:
    """Return the gaps (start, end) that ranges (offset to length) leave in a file; an empty file needs its empty range."""
    if not size:
        return [] if 0 in ranges else [(0, 0)]
    found = []
    reached = 0
    for offset in sorted(ranges):
        if offset > reached:
            found.append((reached, min(offset, size)))
        reached = max(reached, offset + ranges[offset])
    if reached < size:
        found.append((reached, size))
    return [(start, end) for start, end in found if start < end]


def group(ranges: t.Iterable[Range], size: int) -> t.List[t.List[Part]]:
    """Lay ranges out, in order, in groups of at most ``size`` bytes."""
    groups: t.List[t.List[Part]] = []
    room = 0
    for path, offset, end in ranges:
        while True:
            if room <= 0 or not groups:
                groups.append([])
                room = size
            length = min(end - offset, room)
            groups[-1].append(Part(path, offset, length))
            room -= max(length, 1)
            offset += length
            if offset >= end:
                break
    return groups


def format_wanted(ranges: t.Iterable[Range], paths: t.Sequence[str], size_of: t.Callable[[str], int]) -> t.List[str]:
    """Return ranges with a number for each path: its place in a list of paths that both hosts have. See parse_wanted().

    "7" is a whole file, "7-12" are six files, "7@100-250" are bytes 100 to 249 of one file.
    """
    numbers = {path: number for number, path in enumerate(paths)}
    items: t.List[str] = []
    whole: t.List[int] = []
    for path, start, end in ranges:
        number = numbers[path]
        if (start, end) != (0, size_of(path)):
            items.append("%d@%d-%d" % (number, start, end))
        elif whole and whole[-1] + 1 == number and items[-1] == _span(whole):
            whole.append(number)
            items[-1] = _span(whole)
        else:
            whole = [number]
            items.append(_span(whole))
    return items


def _span(numbers: t.Sequence[int]) -> str:
    return "%d-%d" % (numbers[0], numbers[-1]) if len(numbers) > 1 else str(numbers[0])


def parse_wanted(items: t.Iterable[str], paths: t.Sequence[str], size_of: t.Callable[[str], int]) -> t.List[Part]:
    """Return the parts that format_wanted() named; raises AirgapError for a part that these files do not have."""
    parts: t.List[Part] = []
    for item in items:
        match = _ITEM.match(item)
        if match is None:
            raise AirgapError("%r does not name a part of a bundle." % item[:80])
        first = int(match.group(1))
        last, start, end = (int(one) if one else None for one in match.groups()[1:])
        numbers = range(first, (first if last is None else last) + 1)
        if not numbers or numbers[-1] >= len(paths) or len(parts) + len(numbers) > MOST_PARTS:
            raise AirgapError("File %s was requested, and the pool has %d files. Run this again." % (item, len(paths)))
        for path in (paths[one] for one in numbers):
            size = size_of(path)
            part = Part(path, 0, size) if start is None or end is None else Part(path, start, end - start)
            if part.length < 0 or part.offset + part.length > size:
                raise AirgapError("%s has %d bytes, and %s requests others. Run this again." % (path, size, item))
            parts.append(part)
    return parts


def read_parts(root: str, parts: t.Iterable[Part]) -> t.Iterator[bytes]:
    """Return the bytes of parts of the files below a folder, in order. No link is followed."""
    for part in parts:
        check_name(part.path, "the plan")
        with open(os.path.join(root, part.path), "rb", buffering=0, opener=_open_no_link) as stream:
            stream.seek(part.offset)
            left = part.length
            while left:
                chunk = stream.read(min(left, CHUNK))
                if not chunk:
                    raise AirgapError("%s became shorter while it was read." % os.path.join(root, part.path))
                yield chunk
                left -= len(chunk)


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)


def hash_parts(root: str, parts: t.Iterable[Part], write: t.Callable[[bytes], t.Any] = len) -> str:
    """Return the SHA-256 of the bytes of parts, in order, and pass these bytes to ``write``."""
    digest = hashlib.sha256()
    for chunk in read_parts(root, parts):
        digest.update(chunk)
        write(chunk)
    return digest.hexdigest()
