# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files with a secret."""

from __future__ import annotations

import secrets
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._access import set_owner
from ansible_collections.airgap.python.plugins.module_utils._files import read_if_exists, write_atomic


def write_secret(path: str, content: t.Optional[str], uid: int, gid: int, check_mode: bool = False) -> bool:
    """Have a file with a secret that its owner alone can read; say whether it was, or would be, changed.

    Without ``content`` a secret that is there is kept, and where there is none, 256 random bits are.
    """
    there = read_if_exists(path)
    # An empty file is what a full disk leaves behind.
    write = not there if content is None else there is None or there.decode("utf-8", "replace").rstrip("\n") != content
    if write and not check_mode:
        write_atomic(path, ((content or secrets.token_urlsafe(32)) + "\n").encode("utf-8"), 0o600)
    return set_owner(path, uid, gid, 0o600, check_mode) or write
