# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An export: a bundle in a folder that a disk can carry, as its open part, volumes that hold its pool, and their list.

Each file gets its name when it is complete, so that a run after a killed one continues where that one stopped.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import (
    _folder,
    _layout,
    _manifest,
    _signature,
    _verify,
)
from ansible_collections.airgap.python.plugins.module_utils._bundle._layout import Entry, is_payload
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import (
    TEMPORARY_PREFIX,
    read_if_exists,
    write_atomic,
    written_aside,
)
from ansible_collections.airgap.python.plugins.module_utils._folder_lock import locked_folder
from ansible_collections.airgap.python.plugins.module_utils._hashes import CHUNK, sha256_file
from ansible_collections.airgap.python.plugins.module_utils._transfer import _volumes
from ansible_collections.airgap.python.plugins.module_utils._transfer._parts import hash_parts

# The arguments of the three modules that export; documented in the doc fragment export.
OPTIONS: t.Dict[str, t.Dict[str, t.Any]] = {
    "path": {"type": "path", "required": True},
    "dest": {"type": "path", "required": True},
    "volume_size": {"type": "int", "default": 4000 << 20},
}
SMALLEST_VOLUME = 1 << 16


class Changes(t.NamedTuple):
    """What an export writes after its volumes: paths in its folder to copy and to remove, and the list unless it is the same."""

    copied: t.List[str]
    removed: t.List[str]
    listing: t.Optional[bytes]

    @property
    def written(self) -> t.List[str]:
        """Return the paths that are written."""
        return self.copied + ([_volumes.LIST] if self.listing is not None else [])


class Export:
    """The export of the bundle in ``path`` to a folder in ``dest``, in volumes of at most ``volume_size`` bytes.

    Raises AirgapError if the bundle is not the one with this ``identity``; "" is any.
    """

    def __init__(self, path: str, dest: str, volume_size: int, identity: str = "") -> None:
        self.path = path
        self.manifest = _manifest.read(path)
        self.identity: str = self.manifest["id"]
        if identity not in ("", self.identity):
            raise AirgapError("%s was staged again during the export. Run the export again." % path)
        self.folder = os.path.join(dest, _volumes.folder_of(self.identity))
        self.volumes = _volumes.lay_out(_manifest.carried(self.manifest), volume_size)

    def plan(self) -> t.Dict[str, t.Any]:
        """Verify the bundle and return what must be written, as module bundle_export_info does."""
        manifest, entries = _verify.verify(self.path)
        return {
            "found": True,
            "id": self.identity,
            "base": manifest["base"] or "",
            "folder": self.folder,
            "volumes": [{"name": one.name, "size": one.size} for one in self.volumes],
            "bytes": sum(entry.size for entry in _manifest.to_send(manifest, entries)),
        }

    def existing(self) -> t.Dict[str, int]:
        """Return path to size of the files in the folder; a link in it is an error."""
        if os.path.islink(self.folder):
            raise AirgapError("%s is a link. Remove it." % self.folder)
        return _folder.walk(self.folder) if os.path.isdir(self.folder) else {}

    # A volume.

    def write_volume(self, name: str, check_mode: bool = False) -> t.Tuple[_volumes.Volume, bool]:
        """Write one volume unless it exists and is correct; return it with its SHA-256, and whether that changed something."""
        volume = self._find(name)
        with locked_folder(self.folder, check_mode):
            existing = self.existing()
            relative = os.path.join(_volumes.FOLDER, volume.name)
            final = os.path.join(self.folder, relative)
            known = existing.get(relative) == volume.size and sha256_file(final)
            if known or check_mode:
                sha256 = hash_parts(self.path, volume.parts)
                if sha256 == known or check_mode:
                    return volume._replace(sha256=sha256), sha256 != known
            os.makedirs(os.path.dirname(final), exist_ok=True)
            # What a killed run was writing is removed first, so that the disk has space.
            for path in existing:
                if os.path.basename(path).startswith(TEMPORARY_PREFIX):
                    os.unlink(os.path.join(self.folder, path))
            with written_aside(final) as stream:
                sha256 = hash_parts(self.path, volume.parts, stream.write)
        return volume._replace(sha256=sha256), True

    def _find(self, name: str) -> _volumes.Volume:
        for volume in self.volumes:
            if volume.name == name:
                return volume
        raise AirgapError("%s is not a volume of bundle %s. Run the export again." % (name, self.identity))

    # The open part and the list.

    def write_open_part(self, sums: t.Mapping[str, str], check_mode: bool = False) -> Changes:
        """Write the open part and the list of the volumes, and remove files of earlier exports; return the changes.

        ``sums`` is volume name to SHA-256, of all volumes.
        """
        with locked_folder(self.folder, check_mode):
            changes = self.plan_open_part(sums)
            if not check_mode:
                self._apply(changes)
        return changes

    def plan_open_part(self, sums: t.Mapping[str, str]) -> Changes:
        """Verify the bundle and return what write_open_part() changes."""
        if set(sums) != {one.name for one in self.volumes}:
            raise AirgapError(
                "The volumes that were written are not those of bundle %s. Run the export again." % self.identity
            )
        volumes = [one._replace(sha256=sums[one.name]) for one in self.volumes]
        manifest, entries = _verify.verify(self.path)
        sent = _manifest.to_send(manifest, entries)
        listing = _volumes.render(self.identity, volumes)
        _volumes.parse(listing, _volumes.LIST, self.identity, [entry for entry in sent if is_payload(entry.path)])
        open_part = {entry.path: entry for entry in sent if not is_payload(entry.path)}
        existing = self.existing()
        expected = set(open_part) | {_volumes.LIST} | {"%s/%s" % (_volumes.FOLDER, one.name) for one in volumes}
        removed = sorted(path for path in set(existing) - expected if _is_of_an_export(path))
        for path in sorted(set(existing) - expected - set(removed)):
            raise AirgapError("%s is not part of the export. Remove it." % os.path.join(self.folder, path))
        self._check_signatures(open_part)
        copied = [path for path in sorted(open_part) if not self._is_copied(open_part[path], existing)]
        data = listing.encode("utf-8")
        is_same = read_if_exists(os.path.join(self.folder, _volumes.LIST)) == data
        return Changes(copied, removed, None if is_same else data)

    def _check_signatures(self, open_part: t.Mapping[str, Entry]) -> None:
        """Refuse to remove a signature that an officer made in the folder, over the same sums, and that the bundle lacks."""
        sums = os.path.join(self.folder, _layout.SUMS)
        blocks: t.List[_signature.Block] = []
        if os.path.isfile(sums) and sha256_file(sums) == open_part[_layout.SUMS].sha256:
            blocks = _folder.read_signatures(self.folder)[1] or []
        if not set(blocks) <= set(_folder.read_signatures(self.path)[1] or []):
            disk, bundle = (os.path.join(one, _layout.SIGNATURE) for one in (self.folder, self.path))
            raise AirgapError(
                "%s has a signature over this bundle that %s does not have, and the export would remove it. Add it to the "
                "bundle first: cat %s >> %s" % (disk, bundle, disk, bundle)
            )

    def _is_copied(self, entry: Entry, existing: t.Mapping[str, int]) -> bool:
        path = os.path.join(self.folder, entry.path)
        return existing.get(entry.path) == entry.size and sha256_file(path) == entry.sha256

    def _apply(self, changes: Changes) -> None:
        for path in changes.removed:
            os.unlink(os.path.join(self.folder, path))
        for path in changes.copied:
            self._copy(path)
        if changes.listing is not None:
            os.makedirs(self.folder, exist_ok=True)
            write_atomic(os.path.join(self.folder, _volumes.LIST), changes.listing)

    def _copy(self, path: str) -> None:
        final = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(final), exist_ok=True)
        with open(os.path.join(self.path, path), "rb") as source, written_aside(final) as target:
            for chunk in iter(lambda: source.read(CHUNK), b""):
                target.write(chunk)


def _is_of_an_export(path: str) -> bool:
    """Say whether an earlier export wrote a file; no other file is removed."""
    is_volume = path.startswith(_volumes.FOLDER + "/") and path.endswith(".vol")
    is_unfinished = os.path.basename(path).startswith(TEMPORARY_PREFIX)
    is_open_part = path.startswith((_layout.REPORTS + "/", _layout.INSTALL + "/"))
    return is_volume or is_unfinished or is_open_part or path == _layout.SIGNATURE


def open_export(params: t.Mapping[str, t.Any]) -> Export:
    """Return the export that the arguments of a module describe; raises AirgapError for volumes that are too small."""
    if params["volume_size"] < SMALLEST_VOLUME:
        raise AirgapError("volume_size is %d bytes. Give at least %d." % (params["volume_size"], SMALLEST_VOLUME))
    return Export(params["path"], params["dest"], params["volume_size"], params.get("id") or "")
