# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a disk carries: the open part and the volumes of one bundle, in one folder or in several.

A disk comes from outside and is hostile until its open part is verified. No link on it is followed, and no name on it is
joined to a path unchecked.
"""

from __future__ import annotations

import os
import stat
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout, _manifest, _verify
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_bytes, sha256_file
from ansible_collections.airgap.python.plugins.module_utils._transfer import _volumes

# Folder to path to size of its files.
Found = t.Mapping[str, t.Mapping[str, int]]


class Media(t.NamedTuple):
    """The bundle on a disk: the folder of its open part, and what each file among the volumes is.

    ``sums`` is path to SHA-256 of the open part and of the list of volumes, ``usable`` is volume name to path. ``damaged``
    and ``foreign`` are paths.
    """

    folder: str
    manifest: t.Dict[str, t.Any]
    sums: t.Dict[str, str]
    volumes: t.List[_volumes.Volume]
    usable: t.Dict[str, str]
    damaged: t.List[str]
    foreign: t.List[str]


def read(paths: t.Sequence[str], bundle: str = "", check: t.Optional[t.Collection[str]] = None) -> Media:
    """Find one bundle on disks and verify it; see find() and verify()."""
    if bundle and (len(bundle) < 12 or not bundle.isalnum()):
        raise AirgapError("%r is not a bundle id. Give at least 12 of its 32 hex digits." % bundle)
    return verify(find(paths, bundle), check)


def find(paths: t.Iterable[str], bundle: str = "") -> t.List[str]:
    """Return the folders of one bundle on the given disks; raises AirgapError if there is none or more than one bundle."""
    found: t.Dict[str, t.List[str]] = {}
    for path in paths:
        if not os.path.isdir(path):
            raise AirgapError("%s is not a folder on this host. Mount the disk, or set airgap_media." % path)
        for folder in _candidates(os.path.normpath(path)):
            status = os.lstat(folder)
            if not stat.S_ISDIR(status.st_mode):
                raise AirgapError("%s is a link or a file, and must be a folder. Remove it." % folder)
            found.setdefault(os.path.basename(folder), []).append(folder)
    names = sorted(name for name in found if not bundle or name == _volumes.folder_of(bundle))
    where = " and ".join(paths)
    if not names:
        others = ", ".join(sorted(found)) or "no folder of a bundle"
        raise AirgapError(
            "%s has %s, and not %s. Mount the disk that has the bundle, or set airgap_media."
            % (where, others, _volumes.folder_of(bundle) if bundle else _volumes.PREFIX + "ID")
        )
    if len(names) > 1:
        raise AirgapError(
            "%s has several bundles: %s. Choose which one to import, the oldest first: media_bundle=%s"
            % (where, ", ".join(names), names[0][len(_volumes.PREFIX) :])
        )
    return found[names[0]]


def _candidates(path: str) -> t.List[str]:
    if os.path.basename(path).startswith(_volumes.PREFIX) and (
        os.path.lexists(os.path.join(path, _layout.SUMS)) or os.path.lexists(os.path.join(path, _volumes.FOLDER))
    ):
        return [path]
    return sorted(item.path for item in os.scandir(path) if item.name.startswith(_volumes.PREFIX))


def verify(folders: t.Sequence[str], check: t.Optional[t.Collection[str]]) -> Media:
    """Verify the bundle in folders and return what they hold.

    The open part is verified in full. Volumes are compared by size, and those in ``check`` (None: all) by their SHA-256.
    Raises AirgapError if the open part or the list of volumes is wrong.
    """
    found = {folder: _walk(folder) for folder in folders}
    folder = _choose_open_part(found)
    manifest, entries = _verify.verify(folder, ignored=_volumes.is_among_volumes)
    if not os.path.basename(folder) == _volumes.folder_of(manifest["id"]):
        raise AirgapError(
            "%s holds bundle %s, which does not match its name. Copy the folder again as it was exported."
            % (folder, manifest["id"])
        )
    listing = _read_list(found, folder)
    where = os.path.join(folder, _volumes.LIST)
    volumes = _volumes.parse(listing, where, manifest["id"], _manifest.carried(manifest))
    sums = {entry.path: entry.sha256 for entry in entries}
    sums[_volumes.LIST] = sha256_bytes(listing.encode("utf-8"))
    usable, damaged, foreign = _sort_files(found, set(sums) | {_layout.SIGNATURE}, volumes, check)
    return Media(folder, manifest, sums, volumes, usable, damaged, foreign)


def _walk(folder: str) -> t.Dict[str, int]:
    """Return path to size of all files; raises AirgapError for links of any kind, and devices."""
    found = _folder.walk(folder)
    for path in sorted(found):
        if os.lstat(os.path.join(folder, path)).st_nlink > 1:
            raise AirgapError(
                "%s has another name as well (a hard link), and whoever writes to that name changes it. Copy the folder, and "
                "import the copy." % os.path.join(folder, path)
            )
    return found


def _sort_files(
    found: Found,
    known: t.Collection[str],
    volumes: t.Iterable[_volumes.Volume],
    check: t.Optional[t.Collection[str]],
) -> t.Tuple[t.Dict[str, str], t.List[str], t.List[str]]:
    """Return the path of each usable volume, and the paths of the damaged ones and of the files of no bundle."""
    listed = {one.name: one for one in volumes}
    usable: t.Dict[str, str] = {}
    damaged = []
    foreign = []
    for folder, files in found.items():
        for path in sorted(files):
            where = os.path.join(folder, path)
            if not path.startswith(_volumes.FOLDER + "/"):
                # Only the chosen open part is used, and it was verified.
                if path not in known:
                    foreign.append(where)
                continue
            volume = listed.get(path[len(_volumes.FOLDER) + 1 :])
            if volume is None:
                foreign.append(where)
            elif volume.name in usable:
                continue
            elif _is_intact(where, files[path], volume, check is None or volume.name in check):
                usable[volume.name] = where
            else:
                damaged.append(where)
    return usable, damaged, foreign


def _is_intact(path: str, size: int, volume: _volumes.Volume, is_hashed: bool) -> bool:
    if size != volume.size:
        return False
    try:
        return not is_hashed or sha256_file(path) == volume.sha256
    except OSError:
        # The disk cannot be read there.
        return False


def _choose_open_part(found: Found) -> str:
    """Return the folder whose open part is used: of several with the same sums, the one with the most signatures."""
    candidates = [folder for folder, files in found.items() if _layout.SUMS in files]
    if not candidates:
        raise AirgapError(
            "%s has volumes only. Copy the other files of the export as well: %s, %s and the rest of the folder."
            % (" and ".join(found), _layout.SUMS, _layout.MANIFEST)
        )
    sums = {folder: sha256_file(os.path.join(folder, _layout.SUMS)) for folder in candidates}
    for folder in candidates[1:]:
        if sums[folder] != sums[candidates[0]]:
            raise AirgapError(
                "%s and %s have different %s: they are not of one bundle. Use the disks of one export."
                % (candidates[0], folder, _layout.SUMS)
            )
    chosen = max(
        candidates, key=lambda folder: (_volumes.LIST in found[folder], found[folder].get(_layout.SIGNATURE, 0))
    )
    signed = _folder.read_signatures(chosen)[1] or []
    for folder in candidates:
        if not set(_folder.read_signatures(folder)[1] or []) <= set(signed):
            path, other = (os.path.join(one, _layout.SIGNATURE) for one in (chosen, folder))
            raise AirgapError(
                "%s and %s hold different signatures over the same sums, and only one of the files is used. Append one to the "
                "other: cat %s >> %s" % (path, other, other, path)
            )
    return chosen


def _read_list(found: Found, chosen: str) -> str:
    """Return the text of the list of volumes next to the open part; raises AirgapError if it is missing or two lists differ."""
    folders = [folder for folder, files in found.items() if _volumes.LIST in files]
    if chosen not in folders:
        raise AirgapError(
            "%s has no %s: the export was interrupted, or the file was not copied. Run the export again."
            % (" and ".join(found), _volumes.LIST)
        )
    texts = {folder: _folder.read_text(os.path.join(folder, _volumes.LIST)) for folder in folders}
    for folder in folders:
        if texts[folder] != texts[chosen]:
            raise AirgapError(
                "%s and %s list different volumes. Use the disks of one export."
                % (os.path.join(chosen, _volumes.LIST), os.path.join(folder, _volumes.LIST))
            )
    return texts[chosen]
