# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Free space on the file systems of this host."""

from __future__ import annotations

import errno
import os
import typing as t


def free_space(*paths: str) -> str:
    """Return a text with the file system of each path, each once, and its free space: for messages about a full disk."""
    texts: t.Dict[str, str] = {}
    for path in paths:
        place = os.path.realpath(path)
        while not os.path.isdir(place):
            place = os.path.dirname(place)
        usage = os.statvfs(place)
        while not os.path.ismount(place):
            place = os.path.dirname(place)
        free = usage.f_bavail * usage.f_frsize
        text = "%s has %d bytes free (%.1f MiB)" % (place, free, free / 2**20)
        if usage.f_files and not usage.f_favail:
            text += " and no inode for another file"
        texts[place] = text
    return ", ".join(texts.values())


def is_disk_full(error: OSError) -> bool:
    """Return whether an error means that a disk, or a user's quota on it, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
