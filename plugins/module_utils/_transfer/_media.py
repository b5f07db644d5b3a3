# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a medium offers: one bundle's open part and volumes, looked for in one folder or several.

A medium comes from outside and is hostile until its open part was checked.
Nothing on it is followed, and no name on it is joined to a path unchecked.
"""

from __future__ import annotations

import os
import stat
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout, _manifest, _verify
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_bytes, sha256_file
from ansible_collections.airgap.python.plugins.module_utils._transfer import _volumes


class Offer(t.NamedTuple):
    """The bundle of a medium: where its open part lies, and what is to be said of each volume.

    ``sums`` is path to SHA-256 of the open part and of the list of volumes, ``usable`` volume name to path. ``damaged`` and
    ``foreign`` are paths.
    """

    folder: str
    manifest: t.Dict[str, t.Any]
    sums: t.Dict[str, str]
    volumes: t.List[_volumes.Volume]
    usable: t.Dict[str, str]
    damaged: t.List[str]
    foreign: t.List[str]


def find(paths: t.Iterable[str], bundle: str = "") -> t.List[str]:
    """Return the folders of one bundle on the given media; raises AirgapError where there is none, or no one."""
    found: t.Dict[str, t.List[str]] = {}
    for path in paths:
        if not os.path.isdir(path):
            raise AirgapError("%s is no folder here. Mount the disk, or set airgap_media." % path)
        for folder in _candidates(os.path.normpath(path)):
            status = os.lstat(folder)
            if not stat.S_ISDIR(status.st_mode):
                raise AirgapError("%s is no folder (a link, or a file). Remove it." % folder)
            found.setdefault(os.path.basename(folder), []).append(folder)
    names = sorted(name for name in found if not bundle or name == _volumes.folder_of(bundle))
    where = " and ".join(paths)
    if not names:
        there = ", ".join(sorted(found)) or "no folder of a bundle"
        raise AirgapError(
            "%s has %s, and not %s."
            % (where, there, _volumes.folder_of(bundle) if bundle else _volumes.PREFIX + "ID. Bring the disk")
        )
    if len(names) > 1:
        raise AirgapError(
            "%s has several bundles: %s. Say which one to import, the older ones first: media_bundle=%s"
            % (where, ", ".join(names), names[0][len(_volumes.PREFIX) :])
        )
    return found[names[0]]


def _candidates(path: str) -> t.List[str]:
    if os.path.basename(path).startswith(_volumes.PREFIX) and (
        os.path.lexists(os.path.join(path, _layout.SUMS)) or os.path.lexists(os.path.join(path, _volumes.FOLDER))
    ):
        return [path]
    return sorted(item.path for item in os.scandir(path) if item.name.startswith(_volumes.PREFIX))


def _walk(folder: str) -> t.Dict[str, int]:
    """Return path to size of all files; raises AirgapError for links of any kind, and devices."""
    found = _folder.walk(folder)
    for path in sorted(found):
        if os.lstat(os.path.join(folder, path)).st_nlink > 1:
            raise AirgapError(
                "%s is a file that has another name as well (a hard link), and who writes to that changes it. "
                "Copy the folder, and import the copy." % os.path.join(folder, path)
            )
    return found


def judge(folders: t.Sequence[str], check: t.Optional[t.Collection[str]]) -> Offer:
    """Return what the folders of one bundle offer.

    The open part is checked in full. Volumes are checked by size, and those
    in ``check`` (None: all) by their SHA-256. Raises AirgapError where the
    open part or the list of volumes is wrong.
    """
    found = {folder: _walk(folder) for folder in folders}
    folder = _open_part(found)
    manifest, entries = _verify.verify(folder, ignored=_volumes.is_ours)
    if not os.path.basename(folder) == _volumes.folder_of(manifest["id"]):
        raise AirgapError(
            "%s holds bundle %s, which is not what its name says. Bring the folder as it was exported."
            % (folder, manifest["id"])
        )
    listing = _read_list(found, folder)
    where = os.path.join(folder, _volumes.LIST)
    volumes = _volumes.parse(listing, where, manifest["id"], _manifest.carried(manifest))
    sums = {entry.path: entry.sha256 for entry in entries}
    sums[_volumes.LIST] = sha256_bytes(listing.encode("utf-8"))
    listed = {one.name: one for one in volumes}
    usable: t.Dict[str, str] = {}
    damaged = []
    foreign = []
    known = set(sums) | {_layout.SIGNATURE}
    for one, files in found.items():
        for path in sorted(files):
            if not path.startswith(_volumes.FOLDER + "/"):
                # Only the open part that counts is used, and was checked.
                if path not in known:
                    foreign.append(os.path.join(one, path))
                continue
            volume = listed.get(path[len(_volumes.FOLDER) + 1 :])
            where = os.path.join(one, path)
            if volume is None:
                foreign.append(where)
            elif volume.name in usable:
                continue
            elif _is_right(where, files[path], volume, check is None or volume.name in check):
                usable[volume.name] = where
            else:
                damaged.append(where)
    return Offer(folder, manifest, sums, volumes, usable, damaged, foreign)


def _is_right(path: str, size: int, volume: _volumes.Volume, is_checked: bool) -> bool:
    if size != volume.size:
        return False
    try:
        return not is_checked or sha256_file(path) == volume.sha256
    except OSError:
        # A disk that cannot be read there.
        return False


def _open_part(found: t.Mapping[str, t.Mapping[str, int]]) -> str:
    """Return the folder whose open part counts: of several that mean the same files, the one with most signatures."""
    having = [folder for folder, files in found.items() if _layout.SUMS in files]
    if not having:
        raise AirgapError(
            "%s has volumes only. Bring what lies beside them as well: %s, %s and the rest of the folder."
            % (" and ".join(found), _layout.SUMS, _layout.MANIFEST)
        )
    sums = {folder: sha256_file(os.path.join(folder, _layout.SUMS)) for folder in having}
    for folder in having[1:]:
        if sums[folder] != sums[having[0]]:
            raise AirgapError(
                "%s and %s have another %s each: they are not of one bundle. Bring the disks of one export."
                % (having[0], folder, _layout.SUMS)
            )
    chosen = max(having, key=lambda folder: (_volumes.LIST in found[folder], found[folder].get(_layout.SIGNATURE, 0)))
    signed = _folder.read_signatures(chosen)[1] or []
    for folder in having:
        if not set(_folder.read_signatures(folder)[1] or []) <= set(signed):
            path, other = (os.path.join(one, _layout.SIGNATURE) for one in (chosen, folder))
            raise AirgapError(
                "%s and %s hold different signatures over the same sums, and one file counts. Append one to the other: "
                "cat %s >> %s" % (path, other, other, path)
            )
    return chosen


def _read_list(found: t.Mapping[str, t.Mapping[str, int]], chosen: str) -> str:
    """Return the text of the list of volumes beside the open part; raises AirgapError where there is none, or two differ."""
    having = [folder for folder, files in found.items() if _volumes.LIST in files]
    if chosen not in having:
        raise AirgapError(
            "%s has no %s: the export was broken off, or it was not copied. Run the export again."
            % (" and ".join(found), _volumes.LIST)
        )
    texts = {folder: _folder.read_text(os.path.join(folder, _volumes.LIST)) for folder in having}
    for folder in having:
        if texts[folder] != texts[chosen]:
            raise AirgapError(
                "%s and %s list other volumes each. Bring the disks of one export."
                % (os.path.join(chosen, _volumes.LIST), os.path.join(folder, _volumes.LIST))
            )
    return texts[chosen]
