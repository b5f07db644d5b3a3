# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files with a secret that only their owner can read."""

from __future__ import annotations

import pwd
import secrets
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._access import set_owner
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import read_if_exists, write_atomic


def write_secret(path: str, content: t.Optional[str], uid: int, gid: int, check_mode: bool = False) -> bool:
    """Write a file with a secret that only its owner can read; return whether it was, or would be, changed.

    Without ``content`` an existing secret stays; if there is none, 256 random bits are written.
    """
    existing = read_if_exists(path)
    current = (existing or b"").decode("utf-8", "replace").rstrip("\n")
    # A full disk leaves an empty file behind.
    write = not current if content is None else existing is None or current != content
    if write and not check_mode:
        write_atomic(path, ((content or secrets.token_urlsafe(32)) + "\n").encode("utf-8"), 0o600)
    return set_owner(path, uid, gid, 0o600, check_mode) or write


def write_secret_of_user(path: str, content: t.Optional[str], owner: str, check_mode: bool) -> bool:
    """Write a secret that only the user ``owner`` can read; see write_secret(). Raises AirgapError."""
    if content is not None and (not content or len(content.splitlines()) != 1):
        raise AirgapError(
            "The secret for %s must be one line and not empty. Set another, or leave content out to generate one."
            % path
        )
    try:
        user = pwd.getpwnam(owner)
    except KeyError as error:
        if check_mode:
            # The run itself may create this user.
            return True
        raise AirgapError(
            "%s must belong to %s, but there is no such user. Create the user first." % (path, owner)
        ) from error
    try:
        return write_secret(path, content, user.pw_uid, user.pw_gid, check_mode)
    except OSError as error:
        raise AirgapError(
            "%s cannot be written: %s. Create its folder first, and run as root." % (path, error.strerror or error)
        ) from error
