# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bundle on its way out on a disk: its open part, the list of volumes, and the volumes that hold its pool.

Each file appears under its name complete or not at all, so that a run that was killed goes on where it was.
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
from ansible_collections.airgap.python.plugins.module_utils._bundle._layout import Entry, is_in_pool
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import (
    TEMPORARY_PREFIX,
    read_if_exists,
    write_atomic,
    written_aside,
)
from ansible_collections.airgap.python.plugins.module_utils._hashes import CHUNK, sha256_file
from ansible_collections.airgap.python.plugins.module_utils._transfer import _volumes
from ansible_collections.airgap.python.plugins.module_utils._transfer._parts import hash_parts


class Export:
    """Write the bundle in ``path`` below ``dest`` as an open part and volumes of at most ``volume_size`` bytes."""

    def __init__(self, path: str, dest: str, volume_size: int, check_mode: bool = False) -> None:
        self.path = path
        self.check_mode = check_mode
        self.manifest = _manifest.read(path)
        self.identity: str = self.manifest["id"]
        self.folder = os.path.join(dest, _volumes.folder_of(self.identity))
        self.volumes = _volumes.lay_out(_manifest.carried(self.manifest), volume_size)

    def plan(self) -> t.Dict[str, t.Any]:
        """Verify the bundle and return what there is to write."""
        manifest, entries = _verify.verify(self.path)
        return {
            "found": True,
            "id": self.identity,
            "base": manifest["base"] or "",
            "folder": self.folder,
            "volumes": [{"name": one.name, "size": one.size} for one in self.volumes],
            "bytes": sum(entry.size for entry in _manifest.to_send(manifest, entries)),
        }

    def find(self, name: str) -> _volumes.Volume:
        """Return a volume by its name; raises AirgapError where the bundle has none of that name."""
        for volume in self.volumes:
            if volume.name == name:
                return volume
        raise AirgapError("%s is not a volume of bundle %s. Run the export again." % (name, self.identity))

    def there(self) -> t.Dict[str, int]:
        """Return path to size of what the folder holds; a link in it is an error."""
        if os.path.islink(self.folder):
            raise AirgapError("%s is a link. Remove it." % self.folder)
        return _folder.walk(self.folder) if os.path.isdir(self.folder) else {}

    def write_volume(self, name: str) -> t.Tuple[_volumes.Volume, bool]:
        """Write one volume unless it is there and right; return it with its sum, and whether that changed something."""
        volume = self.find(name)
        relative = os.path.join(_volumes.FOLDER, volume.name)
        final = os.path.join(self.folder, relative)
        known = self.there().get(relative) == volume.size and sha256_file(final)
        if known or self.check_mode:
            digest = hash_parts(self.path, volume.parts)
            if digest == known or self.check_mode:
                return volume._replace(sha256=digest), digest != known
        os.makedirs(os.path.dirname(final), exist_ok=True)
        self.forget_begun()
        with written_aside(final) as stream:
            digest = hash_parts(self.path, volume.parts, stream.write)
        return volume._replace(sha256=digest), True

    def forget_begun(self) -> None:
        """Remove what a killed run was writing when it died, so that the disk has room."""
        for path in self.there():
            if os.path.basename(path).startswith(TEMPORARY_PREFIX):
                os.unlink(os.path.join(self.folder, path))

    def finish(self, sums: t.Mapping[str, str]) -> t.Tuple[t.List[str], t.List[str]]:
        """Write the open files, remove what is left of other exports, write the list; return both lists of paths.

        ``sums`` is volume name to SHA-256, of all volumes.
        """
        if set(sums) != {one.name for one in self.volumes}:
            raise AirgapError(
                "The volumes that were written are not those of bundle %s. Run the export again." % self.identity
            )
        volumes = [one._replace(sha256=sums[one.name]) for one in self.volumes]
        manifest, entries = _verify.verify(self.path)
        carried = [entry for entry in _manifest.to_send(manifest, entries) if is_in_pool(entry.path)]
        listed = _volumes.render(self.identity, volumes)
        _volumes.parse(listed, _volumes.LIST, self.identity, carried)
        opened = {entry.path: entry for entry in _manifest.to_send(manifest, entries) if entry not in carried}
        there = self.there()
        wanted = set(opened) | {_volumes.LIST} | {"%s/%s" % (_volumes.FOLDER, one.name) for one in volumes}
        removed = sorted(path for path in set(there) - wanted if self.is_left_over(path))
        for path in sorted(set(there) - wanted - set(removed)):
            raise AirgapError("%s is no part of the export. Remove it." % os.path.join(self.folder, path))
        self.keep_signatures(opened)
        written = [path for path in sorted(opened) if not self.is_there(opened[path], there)]
        if not self.check_mode:
            for path in removed:
                os.unlink(os.path.join(self.folder, path))
            for path in written:
                self.copy(path)
        final = os.path.join(self.folder, _volumes.LIST)
        if read_if_exists(final) != listed.encode("utf-8"):
            written.append(_volumes.LIST)
            if not self.check_mode:
                os.makedirs(self.folder, exist_ok=True)
                write_atomic(final, listed.encode("utf-8"))
        return written, removed

    def keep_signatures(self, opened: t.Mapping[str, Entry]) -> None:
        """Refuse to take away what an officer signed in the folder: these very sums, by a key that the bundle lacks."""
        sums = os.path.join(self.folder, _layout.SUMS)
        blocks: t.List[_signature.Block] = []
        if os.path.isfile(sums) and sha256_file(sums) == opened[_layout.SUMS].sha256:
            blocks = _folder.read_signatures(self.folder)[1] or []
        if not set(blocks) <= set(_folder.read_signatures(self.path)[1] or []):
            disk, own = (os.path.join(one, _layout.SIGNATURE) for one in (self.folder, self.path))
            raise AirgapError(
                "%s has a signature over this bundle that %s has not, and would be replaced. Put it there first: "
                "cat %s >> %s" % (disk, own, disk, own)
            )

    @staticmethod
    def is_left_over(path: str) -> bool:
        """Say whether an earlier export wrote a file: nothing else is removed."""
        is_volume = path.startswith(_volumes.FOLDER + "/") and path.endswith(".vol")
        is_begun = os.path.basename(path).startswith(TEMPORARY_PREFIX)
        is_ours = path.startswith((_layout.REPORTS + "/", _layout.INSTALL + "/"))
        return is_volume or is_begun or is_ours or path == _layout.SIGNATURE

    def is_there(self, entry: Entry, there: t.Mapping[str, int]) -> bool:
        """Say whether an open file is in the folder as it is in the bundle."""
        path = os.path.join(self.folder, entry.path)
        return there.get(entry.path) == entry.size and sha256_file(path) == entry.sha256

    def copy(self, path: str) -> None:
        """Copy one open file."""
        final = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(final), exist_ok=True)
        with open(os.path.join(self.path, path), "rb") as source, written_aside(final) as target:
            for block in iter(lambda: source.read(CHUNK), b""):
                target.write(block)
