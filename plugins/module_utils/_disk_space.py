# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Room on the file systems of this host."""

from __future__ import annotations

import errno
import os
import typing as t


def free_space(*paths: str) -> str:
    """Return the file system of each path, each once, and what is free on it: what to say where a disk is full."""
    told: t.Dict[str, str] = {}
    for path in paths:
        place = os.path.realpath(path)
        while not os.path.isdir(place):
            place = os.path.dirname(place)
        usage = os.statvfs(place)
        while not os.path.ismount(place):
            place = os.path.dirname(place)
        free = usage.f_bavail * usage.f_frsize
        said = "%s has %d bytes free (%.1f MiB)" % (place, free, free / 2**20)
        if usage.f_files and not usage.f_favail:
            said += " and no room for one more file"
        told[place] = said
    return ", ".join(told.values())


def is_disk_full(error: OSError) -> bool:
    """Say whether an error is that of a disk, or of a user's share of it, that is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
