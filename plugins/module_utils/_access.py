# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who can change a file: its owner and mode, and those of the folders above it."""

from __future__ import annotations

import errno
import os
import stat

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def other_writers(status: os.stat_result) -> str:
    """Return why someone other than root and this user can change a file or folder; "" if nobody can."""
    if status.st_uid not in (0, os.geteuid()):
        return "user %d owns it" % status.st_uid
    if status.st_mode & 0o022 and not stat.S_ISLNK(status.st_mode):
        return "its mode %04o lets others write" % stat.S_IMODE(status.st_mode)
    return ""


def check_folders_above(path: str, fix: str = "") -> None:
    """Raise AirgapError if someone else could replace a path: through a folder above it, or through a link.

    In a folder with the sticky bit, such as /tmp, only the owner can rename a file. ``fix`` replaces the advice to
    use a copy.
    """
    for folder in (os.path.abspath(path), os.path.realpath(path)):
        while folder != os.path.dirname(folder):
            folder = os.path.dirname(folder)
            if not os.path.lexists(folder):
                continue
            status = os.lstat(folder)
            reason = other_writers(status)
            if reason and not (status.st_mode & stat.S_ISVTX and status.st_uid in (0, os.geteuid())):
                raise AirgapError(
                    "%s is below %s, which others can change while it is in use: %s. %s"
                    % (
                        path,
                        folder,
                        reason,
                        fix
                        or "Use a copy in a folder of your own (cp -r), or run 'chmod go-w' and 'chown' on %s."
                        % folder,
                    )
                )


def set_owner(path: str, uid: int, gid: int, mode: int, check_mode: bool = False) -> bool:
    """Set the owner and mode of an existing file or folder; return whether they changed, or would change.

    Raises AirgapError for a link: its target may belong to anyone.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise AirgapError("%s is a link, but must be a file or a folder. Remove the link." % path) from error
        raise
    try:
        found = os.fstat(handle)
        if (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (uid, gid, mode):
            return False
        if not check_mode:
            os.fchmod(handle, mode)
            os.fchown(handle, uid, gid)
        return True
    finally:
        os.close(handle)
