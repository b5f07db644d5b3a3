# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes: the pool of a bundle as numbered files that fit on a medium, and the list of them.

A folder airgap-ID12 holds all of the bundle but its pool in the open, the
list volumes.json, and volumes/NNNN.vol. A volume is runs of bytes of pool
files, one after another. The list is not signed and is believed in nothing
but where to look: each file is checked against the bundle's own sums.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle._layout import Entry
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._transfer._parts import Part, group

FORMAT = 1
LIST = "volumes.json"
FOLDER = "volumes"
PREFIX = "airgap-"
_NAME = re.compile(r"^[0-9]{4,6}\.vol\Z")
_SUM = re.compile(r"^[0-9a-f]{64}\Z")


class Volume(t.NamedTuple):
    """A volume: its name, what it holds, and, once it is written, its SHA-256 in hex."""

    name: str
    parts: t.Tuple[Part, ...]
    sha256: str

    @property
    def size(self) -> int:
        """Return its size in bytes."""
        return sum(part.length for part in self.parts)


def folder_of(identity: str) -> str:
    """Return the name of the folder that a bundle has on a medium."""
    return PREFIX + identity[:12]


def is_ours(path: str) -> bool:
    """Say whether a path in such a folder is the list or lies among the volumes."""
    return path == LIST or path.startswith(FOLDER + "/")


def is_volume_name(name: str) -> bool:
    """Say whether a file may be a volume by its name."""
    return bool(_NAME.match(name))


def lay_out(carried: t.Iterable[Entry], volume_size: int) -> t.List[Volume]:
    """Return the volumes of at most ``volume_size`` bytes that hold the files of a pool, in order of their paths."""
    pieces = group([(entry.path, 0, entry.size) for entry in sorted(carried)], volume_size)
    if len(pieces) > 999999:
        raise AirgapError("Volumes of %d bytes would be %d. Give a larger size." % (volume_size, len(pieces)))
    return [Volume("%04d.vol" % number, tuple(parts), "") for number, parts in enumerate(pieces, 1)]


def render(identity: str, volumes: t.Iterable[Volume]) -> str:
    """Return the text of the list."""
    listed = [
        {"name": one.name, "size": one.size, "sha256": one.sha256, "parts": [list(part) for part in one.parts]}
        for one in volumes
    ]
    return _json.render({"format": FORMAT, "id": identity, "volumes": listed})


def parse(text: str, where: str, identity: str, carried: t.Iterable[Entry]) -> t.List[Volume]:
    """Return the volumes of a list that hold each byte of the carried files just once; raises AirgapError otherwise."""
    document = _json.parse(text, where)
    if not isinstance(document, dict) or not isinstance(document.get("format"), int):
        raise AirgapError("%s is no list of volumes: it has no format number. Export the bundle again." % where)
    if document["format"] != FORMAT:
        raise AirgapError(
            "%s has format %d, and this collection reads format %d. Install the collection version that wrote it."
            % (where, document["format"], FORMAT)
        )
    if document.get("id") != identity:
        raise AirgapError(
            "%s is of bundle %s, and lies beside the manifest of bundle %s. Bring the folder as it was exported."
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
    """Return one volume of a list after judging its shape."""
    if not isinstance(one, dict) or not isinstance(one.get("name"), str) or not is_volume_name(one["name"]):
        raise AirgapError("%s lists what is no volume: %r. Export the bundle again." % (where, str(one)[:120]))
    good = isinstance(one.get("parts"), list) and bool(_SUM.match(str(one.get("sha256"))))
    parts = []
    for part in one["parts"] if good else []:
        good = good and isinstance(part, list) and len(part) == 3 and isinstance(part[0], str)
        good = good and all(_is_count(number) for number in part[1:])
        if good:
            parts.append(Part(*part))
    if not good:
        raise AirgapError("%s describes %s wrongly. Export the bundle again." % (where, one["name"]))
    volume = Volume(one["name"], tuple(parts), one["sha256"])
    if one.get("size") != volume.size:
        raise AirgapError(
            "%s: %s has %s bytes, and its parts have %d. Do not use this medium; export the bundle again."
            % (where, volume.name, str(one.get("size"))[:40], volume.size)
        )
    return volume


def _check_cover(volumes: t.Iterable[Volume], sizes: t.Mapping[str, int], where: str) -> None:
    """Raise AirgapError unless the volumes hold each byte of each file just once."""
    runs: t.Dict[str, t.List[t.Tuple[int, int, str]]] = {path: [] for path in sizes}
    for volume in volumes:
        for part in volume.parts:
            if part.path not in runs:
                raise AirgapError(
                    "%s: %s holds %r, which the bundle does not carry. Do not use this medium; export the bundle again."
                    % (where, volume.name, part.path[:200])
                )
            runs[part.path].append((part.offset, part.offset + part.length, volume.name))
    for path, size in sizes.items():
        reached = 0
        for begin, end, name in sorted(runs[path]):
            if begin != reached or end > size:
                raise AirgapError(
                    "%s: %s holds bytes %d to %d of %s, which has %d, and bytes up to %d are in other volumes. "
                    "Do not use this medium; export the bundle again." % (where, name, begin, end, path, size, reached)
                )
            reached = end
        if reached != size or not runs[path]:
            raise AirgapError(
                "%s: no volume holds %s from byte %d on. Do not use this medium; export the bundle again."
                % (where, path, reached)
            )


def needed(
    volumes: t.Iterable[Volume], missing: t.Iterable[t.Tuple[str, int, int]]
) -> t.List[t.Tuple[Volume, t.List[t.Tuple[str, int, int]]]]:
    """Return the volumes that hold missing runs of bytes (path, from, up to), and the runs of each that are needed."""
    wanted: t.Dict[str, t.List[t.Tuple[int, int]]] = {}
    for path, begin, end in missing:
        wanted.setdefault(path, []).append((begin, end))
    found = []
    for volume in volumes:
        runs: t.List[t.Tuple[str, int, int]] = []
        for offset, part in _places(volume):
            if _overlaps(part, wanted.get(part.path, ())):
                if runs and runs[-1][2] == offset:
                    runs[-1] = (volume.name, runs[-1][1], offset + part.length)
                else:
                    runs.append((volume.name, offset, offset + part.length))
        if runs:
            found.append((volume, runs))
    return found


def parts_within(volume: Volume, runs: t.Iterable[Part]) -> t.List[Part]:
    """Return the parts of a volume that lie in these runs of its bytes, which needed() named."""
    spans = [(run.offset, run.offset + run.length) for run in runs]
    return [
        part
        for offset, part in _places(volume)
        if any(begin <= offset and offset + part.length <= end for begin, end in spans)
    ]


def _places(volume: Volume) -> t.Iterator[t.Tuple[int, Part]]:
    """Return the parts of a volume, each with the offset at which it lies there."""
    offset = 0
    for part in volume.parts:
        yield offset, part
        offset += part.length


def _overlaps(part: Part, runs: t.Iterable[t.Tuple[int, int]]) -> bool:
    end = part.offset + part.length
    return any((begin < end and part.offset < last) or begin == last == part.offset for begin, last in runs)
