# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The owner, group and mode of an environment's files."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


class Permissions(t.NamedTuple):
    """What the files of an environment must have; None means that it is left as it is.

    ``mode`` is that of a plain file. Folders and programs can also be entered and run by whoever can read them.
    """

    uid: t.Optional[int] = None
    gid: t.Optional[int] = None
    mode: t.Optional[int] = None

    @property
    def any(self) -> bool:
        """Return whether anything is asked for."""
        return self != Permissions()

    def mode_of(self, status: os.stat_result) -> int:
        """Return the mode that a file or folder with this status must have."""
        found = stat.S_IMODE(status.st_mode)
        if self.mode is None:
            return found
        is_entered = stat.S_ISDIR(status.st_mode) or found & 0o111
        return self.mode | (self.mode & 0o444) >> 2 if is_entered else self.mode

    def fits(self, status: os.stat_result) -> bool:
        """Return whether a file, folder or link has what it must have. Links have no mode."""
        return (
            self.uid in (None, status.st_uid)
            and self.gid in (None, status.st_gid)
            and (stat.S_ISLNK(status.st_mode) or self.mode_of(status) == stat.S_IMODE(status.st_mode))
        )


def parse(owner: str, group: str, mode: str) -> Permissions:
    """Return what options ask for; raises AirgapError for an unknown user or group, or another form of the mode."""
    if mode and not re.fullmatch(r"0[0-7]{3}", mode):
        raise AirgapError(
            "file_mode is %r, and must be four octal digits in quotes, such as '0640'. Correct it (install_file_mode)."
            % mode
        )
    return Permissions(
        _number(owner, "user", "owner", lambda name: pwd.getpwnam(name).pw_uid),
        _number(group, "group", "group", lambda name: grp.getgrnam(name).gr_gid),
        int(mode, 8) if mode else None,
    )


def _number(name: str, kind: str, option: str, find: t.Callable[[str], int]) -> t.Optional[int]:
    if not name:
        return None
    if name.isdigit():
        return int(name)
    try:
        return find(name)
    except KeyError as error:
        raise AirgapError(
            "This host has no %s %s, which %s names. Create it first, or correct install_%s."
            % (kind, name, option, option)
        ) from error


def fit(path: str, wanted: Permissions) -> bool:
    """Return whether everything in a folder has what it must have."""
    if not wanted.any:
        return True
    inside = (os.path.join(root, name) for root, folders, files in os.walk(path) for name in folders + files)
    return wanted.fits(os.lstat(path)) and all(wanted.fits(os.lstat(one)) for one in inside)


def apply(path: str, wanted: Permissions) -> None:
    """Give a folder and everything in it what it must have.

    From the leaves up, and relative to open folders: a new owner can change nothing on the way.
    """
    if not wanted.any:
        return
    uid, gid = (-1 if one is None else one for one in (wanted.uid, wanted.gid))
    for _root, folders, files, handle in os.fwalk(path, topdown=False):
        for name in folders + files:
            status = os.stat(name, dir_fd=handle, follow_symlinks=False)
            if not stat.S_ISLNK(status.st_mode):
                os.chmod(name, wanted.mode_of(status), dir_fd=handle)
            os.chown(name, uid, gid, dir_fd=handle, follow_symlinks=False)
    os.chmod(path, wanted.mode_of(os.lstat(path)))
    os.chown(path, uid, gid)
