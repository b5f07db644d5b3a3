# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder that a bundle is in: its files, who can change them, and its texts."""

from __future__ import annotations

import os
import stat
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._access import check_folders_above, other_writers
from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout, _links, _signature
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import NOT_A_FILE, open_plain

# A manifest of 10,000 files has about 5 MB. More than this is an attack or a mistake.
LARGEST_TEXT = 64 * 1024 * 1024


def walk(root: str) -> t.Dict[str, int]:
    """Return path to size of every file below a folder; raises AirgapError for anything but plain files."""
    found: t.Dict[str, int] = {}
    folders = [""]
    while folders:
        folder = folders.pop()
        for item in os.scandir(os.path.join(root, folder)):
            path = os.path.join(folder, item.name)
            status = item.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                folders.append(path)
            elif stat.S_ISREG(status.st_mode):
                found[path] = status.st_size
            else:
                raise AirgapError(NOT_A_FILE % os.path.join(root, path))
    return found


def check_owners(root: str, linked_from: t.Iterable[str] = ()) -> None:
    """Raise AirgapError for a bundle that a user other than root and this one can change while it is used.

    Through its folders and files, through a folder above it, or through another name of a file
    (a hard link) outside. Folders in ``linked_from`` may have such names: a reception
    links files that the host has already. So may the folders that are recorded next to the bundle or next to one of
    those (see _links): a static index links the files that it serves.
    """
    check_folders_above(root)
    names: t.Dict[t.Tuple[int, int], int] = {}
    linked: t.Dict[str, os.stat_result] = {}
    for path, status in _statuses(root):
        reason = other_writers(status)
        if reason:
            raise AirgapError(
                "%s can be changed by others while it is used: %s. Use a copy in your own folder (cp -r %s), or run "
                "'chmod -R go-w' and 'chown -R' on it." % (path, reason, root)
            )
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            linked[path] = status
            names[status.st_dev, status.st_ino] = names.get((status.st_dev, status.st_ino), 0) + 1
    folders = list(linked_from)
    for folder in [root, *folders] if linked else ():
        folders.extend(one for one in _links.read(folder) if one not in folders)
    for folder in folders if linked else ():
        for _dummy, status in _statuses(folder) if os.path.isdir(folder) else ():
            if (status.st_dev, status.st_ino) in names:
                names[status.st_dev, status.st_ino] += 1
    for path, status in linked.items():
        if names[status.st_dev, status.st_ino] < status.st_nlink:
            raise AirgapError(
                "%s has another name outside the bundle (a hard link), and whoever writes to that name changes it. "
                "Use a copy in your own folder: cp -r %s" % (path, root)
            )


def _statuses(folder: str) -> t.Iterator[t.Tuple[str, os.stat_result]]:
    """Return the path and the status of a folder and of everything below it."""
    yield folder, os.lstat(folder)
    if os.path.islink(folder):
        yield os.path.realpath(folder), os.stat(folder)
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            yield os.path.join(parent, name), os.lstat(os.path.join(parent, name))


def _read(path: str, limit: int) -> bytes:
    """Return up to ``limit`` bytes of a plain file; raises FileNotFoundError, or AirgapError for anything else."""
    with open_plain(path) as stream:
        return stream.read(limit)


def read_text(path: str) -> str:
    """Return the text of a small file of a bundle; raises AirgapError if it is missing, too large or not text."""
    try:
        data = _read(path, LARGEST_TEXT + 1)
    except FileNotFoundError as error:
        raise AirgapError("%s is missing. Stage the bundle, or transfer it again." % path) from error
    if len(data) > LARGEST_TEXT:
        raise AirgapError("%s is larger than %d MiB, which a bundle never needs." % (path, LARGEST_TEXT >> 20))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise AirgapError("%s is not UTF-8 text. Transfer the bundle again." % path) from error


def read_signatures(root: str) -> t.Tuple[bytes, t.Optional[t.List[_signature.Block]]]:
    """Return the bytes that are signed and the blocks over them, None where there is no signature file.

    Raises AirgapError for a signature file with anything else in it, whether signatures are required or not.
    """
    sums = read_text(os.path.join(root, _layout.SUMS)).encode("utf-8")
    path = os.path.join(root, _layout.SIGNATURE)
    try:
        data = _read(path, _signature.LARGEST + 1)
    except FileNotFoundError:
        return sums, None
    return sums, _signature.split(data, path)
