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

from ansible_collections.airgap.python.plugins.module_utils import _manifest, _volumes
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import sha256_file
from ansible_collections.airgap.python.plugins.module_utils._manifest import Entry


class Offer(t.NamedTuple):
    """The bundle of a medium: where its open part lies, what it carries, and what is to be said of each volume.

    ``usable`` is volume name to path. ``damaged`` and ``foreign`` are paths.
    """

    folder: str
    manifest: t.Dict[str, t.Any]
    opened: t.List[Entry]
    carried: t.List[Entry]
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
        os.path.lexists(os.path.join(path, _manifest.SUMS)) or os.path.lexists(os.path.join(path, _volumes.FOLDER))
    ):
        return [path]
    return sorted(item.path for item in os.scandir(path) if item.name.startswith(_volumes.PREFIX))


def _walk(folder: str) -> t.Dict[str, int]:
    """Return path to size of all files; raises AirgapError for links of any kind, and devices."""
    found = _manifest.walk(folder)
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
    manifest, opened, carried = _manifest.verify_open(folder, _volumes.is_ours)
    if not os.path.basename(folder) == _volumes.folder_of(manifest["id"]):
        raise AirgapError(
            "%s holds bundle %s, which is not what its name says. Bring the folder as it was exported."
            % (folder, manifest["id"])
        )
    volumes = _read_list(found, manifest["id"], carried)
    listed = {one.name: one for one in volumes}
    usable: t.Dict[str, str] = {}
    damaged = []
    foreign = []
    known = {entry.path for entry in opened} | {_volumes.LIST, _manifest.SIGNATURE}
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
    return Offer(folder, manifest, opened, carried, volumes, usable, damaged, foreign)


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
    having = [folder for folder, files in found.items() if _manifest.SUMS in files]
    if not having:
        raise AirgapError(
            "%s has volumes only. Bring what lies beside them as well: %s, %s and the rest of the folder."
            % (" and ".join(found), _manifest.SUMS, _manifest.MANIFEST)
        )
    sums = {folder: sha256_file(os.path.join(folder, _manifest.SUMS)) for folder in having}
    for folder in having[1:]:
        if sums[folder] != sums[having[0]]:
            raise AirgapError(
                "%s and %s have another %s each: they are not of one bundle. Bring the disks of one export."
                % (having[0], folder, _manifest.SUMS)
            )
    chosen = max(having, key=lambda folder: found[folder].get(_manifest.SIGNATURE, 0))
    signed = _manifest.read_signatures(chosen)[1] or []
    for folder in having:
        if not set(_manifest.read_signatures(folder)[1] or []) <= set(signed):
            path, other = (os.path.join(one, _manifest.SIGNATURE) for one in (chosen, folder))
            raise AirgapError(
                "%s and %s hold different signatures over the same sums, and one file counts. Append one to the other: "
                "cat %s >> %s" % (path, other, other, path)
            )
    return chosen


def _read_list(
    found: t.Mapping[str, t.Mapping[str, int]], identity: str, carried: t.Sequence[Entry]
) -> t.List[_volumes.Volume]:
    paths = [os.path.join(folder, _volumes.LIST) for folder, files in found.items() if _volumes.LIST in files]
    if not paths:
        raise AirgapError(
            "%s has no %s: the export was broken off, or it was not copied. Run the export again."
            % (" and ".join(found), _volumes.LIST)
        )
    texts = [_manifest.read_text(path) for path in paths]
    for path, text in zip(paths[1:], texts[1:]):
        if text != texts[0]:
            raise AirgapError("%s and %s list other volumes each. Bring the disks of one export." % (paths[0], path))
    return _volumes.parse(texts[0], paths[0], identity, carried)
