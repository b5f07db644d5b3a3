# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes: the pool of a bundle as numbered files that fit on a disk, and the list of them.

A folder airgap-ID, with the first 12 digits of the bundle's id, holds the open part of the bundle, the list volumes.json, and
volumes/NNNN.vol. A volume is parts of files of the pool, one after another. The list is not signed: it only says where bytes
are, and each file is verified against the bundle's own sums.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle._layout import Entry
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._transfer._parts import Part, Range, group

FORMAT = 1
LIST = "volumes.json"
FOLDER = "volumes"
PREFIX = "airgap-"
_NAME = re.compile(r"^[0-9]{4,6}\.vol\Z")
_SUM = re.compile(r"^[0-9a-f]{64}\Z")


class Volume(t.NamedTuple):
    """A volume: its name, its parts and, once it is written, its SHA-256 in hex."""

    name: str
    parts: t.Tuple[Part, ...]
    sha256: str

    @property
    def size(self) -> int:
        """Return its size in bytes."""
        return sum(part.length for part in self.parts)


def folder_of(identity: str) -> str:
    """Return the name of the folder of a bundle on a disk."""
    return PREFIX + identity[:12]


def is_among_volumes(path: str) -> bool:
    """Say whether a path in such a folder is the list or is in the folder of the volumes."""
    return path == LIST or path.startswith(FOLDER + "/")


def is_volume_name(name: str) -> bool:
    """Say whether a file name is valid for a volume."""
    return bool(_NAME.match(name))


def lay_out(carried: t.Iterable[Entry], volume_size: int) -> t.List[Volume]:
    """Return the volumes of at most ``volume_size`` bytes that hold the files of a pool, in order of their paths."""
    groups = group([(entry.path, 0, entry.size) for entry in sorted(carried)], volume_size)
    if len(groups) > 999999:
        raise AirgapError(
            "The pool needs %d volumes of %d bytes, and at most 999999 are possible. Set media_volume_mib to a larger size."
            % (len(groups), volume_size)
        )
    return [Volume("%04d.vol" % number, tuple(parts), "") for number, parts in enumerate(groups, 1)]


def render(identity: str, volumes: t.Iterable[Volume]) -> str:
    """Return the text of the list."""
    listed = [
        {"name": one.name, "size": one.size, "sha256": one.sha256, "parts": [list(part) for part in one.parts]}
        for one in volumes
    ]
    return _json.render({"format": FORMAT, "id": identity, "volumes": listed})


def parse(text: str, where: str, identity: str, carried: t.Iterable[Entry]) -> t.List[Volume]:
    """Return the volumes of a list; raises AirgapError unless they hold each byte of the carried files exactly once."""
    document = _json.parse(text, where)
    if not isinstance(document, dict) or not isinstance(document.get("format"), int):
        raise AirgapError("%s is not a list of volumes: it has no format number. Export the bundle again." % where)
    if document["format"] != FORMAT:
        raise AirgapError(
            "%s has format %d, and this collection reads format %d. Install the collection version that wrote it."
            % (where, document["format"], FORMAT)
        )
    if document.get("id") != identity:
        raise AirgapError(
            "%s is of bundle %s, and is next to the manifest of bundle %s. Copy the folder again as it was exported."
            % (where, str(document.get("id"))[:80], identity)
        )
    listed = document.get("volumes")
    volumes = [_read(one, where) for one in listed] if isinstance(listed, list) else None
    if volumes is None or len({one.name for one in volumes}) != len(volumes):
        raise AirgapError("%s names a volume twice, or none. Export the bundle again." % where)
    _check_cover(volumes, {entry.path: entry.size for entry in carried}, where)
    return volumes


def _is_count(number: t.Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 0


def _read(one: t.Any, where: str) -> Volume:
    """Return one volume of a list; raises AirgapError unless it has the shape of one."""
    if not isinstance(one, dict) or not isinstance(one.get("name"), str) or not is_volume_name(one["name"]):
        raise AirgapError("%s lists %r, which is not a volume. Export the bundle again." % (where, str(one)[:120]))
    is_valid = isinstance(one.get("parts"), list) and bool(_SUM.match(str(one.get("sha256"))))
    parts = []
    for part in one["parts"] if is_valid else []:
        is_valid = is_valid and isinstance(part, list) and len(part) == 3 and isinstance(part[0], str)
        is_valid = is_valid and all(_is_count(number) for number in part[1:])
        if is_valid:
            parts.append(Part(*part))
    if not is_valid:
        raise AirgapError("%s does not describe %s correctly. Export the bundle again." % (where, one["name"]))
    volume = Volume(one["name"], tuple(parts), one["sha256"])
    if one.get("size") != volume.size:
        raise AirgapError(
            "%s: %s has %s bytes, and its parts have %d. Do not use this disk; export the bundle again."
            % (where, volume.name, str(one.get("size"))[:40], volume.size)
        )
    return volume


def _check_cover(volumes: t.Iterable[Volume], sizes: t.Mapping[str, int], where: str) -> None:
    """Raise AirgapError unless the volumes hold each byte of each file exactly once."""
    ranges: t.Dict[str, t.List[t.Tuple[int, int, str]]] = {path: [] for path in sizes}
    for volume in volumes:
        for part in volume.parts:
            if part.path not in ranges:
                raise AirgapError(
                    "%s: %s holds %r, which the bundle does not carry. Do not use this disk; export the bundle again."
                    % (where, volume.name, part.path[:200])
                )
            ranges[part.path].append((part.offset, part.offset + part.length, volume.name))
    for path, size in sizes.items():
        reached = 0
        for start, end, name in sorted(ranges[path]):
            if start != reached or end > size:
                raise AirgapError(
                    "%s: %s holds bytes %d to %d of %s, which has %d, and bytes up to %d are in other volumes. "
                    "Do not use this disk; export the bundle again." % (where, name, start, end, path, size, reached)
                )
            reached = end
        if reached != size or not ranges[path]:
            raise AirgapError(
                "%s: no volume holds %s from byte %d on. Do not use this disk; export the bundle again."
                % (where, path, reached)
            )


def needed(volumes: t.Iterable[Volume], missing: t.Iterable[Range]) -> t.List[t.Tuple[Volume, t.List[Range]]]:
    """Return the volumes that hold missing ranges of files, each with the ranges of its own bytes that are needed."""
    wanted: t.Dict[str, t.List[t.Tuple[int, int]]] = {}
    for path, start, end in missing:
        wanted.setdefault(path, []).append((start, end))
    found = []
    for volume in volumes:
        ranges: t.List[Range] = []
        for offset, part in _places(volume):
            if _overlaps(part, wanted.get(part.path, ())):
                if ranges and ranges[-1][2] == offset:
                    ranges[-1] = (volume.name, ranges[-1][1], offset + part.length)
                else:
                    ranges.append((volume.name, offset, offset + part.length))
        if ranges:
            found.append((volume, ranges))
    return found


def parts_within(volume: Volume, ranges: t.Iterable[Part]) -> t.List[Part]:
    """Return the parts of a volume that are in these ranges of its bytes, which needed() returned."""
    spans = [(one.offset, one.offset + one.length) for one in ranges]
    return [
        part
        for offset, part in _places(volume)
        if any(start <= offset and offset + part.length <= end for start, end in spans)
    ]


def _places(volume: Volume) -> t.Iterator[t.Tuple[int, Part]]:
    """Return the parts of a volume, each with its offset in the volume."""
    offset = 0
    for part in volume.parts:
        yield offset, part
        offset += part.length


def _overlaps(part: Part, ranges: t.Iterable[t.Tuple[int, int]]) -> bool:
    end = part.offset + part.length
    return any((start < end and part.offset < last) or start == last == part.offset for start, last in ranges)
