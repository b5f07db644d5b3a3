# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who can change a file: its owner and mode, and those of the folders above it."""

from __future__ import annotations

import errno
import os
import stat

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def other_writers(status: os.stat_result) -> str:
    """Say why somebody else than root and this user can change a file or a folder; "" if nobody can."""
    if status.st_uid not in (0, os.geteuid()):
        return "user %d owns it" % status.st_uid
    if status.st_mode & 0o022 and not stat.S_ISLNK(status.st_mode):
        return "its mode %04o lets others write" % stat.S_IMODE(status.st_mode)
    return ""


def check_folders_above(path: str, fix: str = "") -> None:
    """Raise AirgapError if somebody else can put another thing in the place of a path: by a folder above it, or a link.

    A folder with the sticky bit, such as /tmp, lets nobody rename what is another's. ``fix`` says what to do in
    place of using a copy.
    """
    for way in (os.path.abspath(path), os.path.realpath(path)):
        while way != os.path.dirname(way):
            way = os.path.dirname(way)
            if not os.path.lexists(way):
                continue
            status = os.lstat(way)
            reason = other_writers(status)
            if reason and not (status.st_mode & stat.S_ISVTX and status.st_uid in (0, os.geteuid())):
                raise AirgapError(
                    "%s lies below %s, and others can change that while it is used: %s. %s"
                    % (
                        path,
                        way,
                        reason,
                        fix
                        or "Use a copy in a folder of your own (cp -r), or run 'chmod go-w' and 'chown' on %s." % way,
                    )
                )


def set_owner(path: str, uid: int, gid: int, mode: int, check_mode: bool = False) -> bool:
    """Give a file or folder that is there its owner and mode; say whether it had, or would have, others before.

    Raises AirgapError for a link: what it names may be anybody's.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise AirgapError(
                "%s is a link, and is to be a file or a folder itself. Remove the link." % path
            ) from error
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
