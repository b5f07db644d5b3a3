# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service needs to know of its host: accounts, files and folders, addresses."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import stat
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _files
from ansible_collections.airgap.python.plugins.module_utils._index._service import Account, Entry


def read_account(name: str) -> t.Tuple[t.Optional[Account], t.Optional[int], t.Tuple[str, ...]]:
    """Return the account of a name, and the number and members of the group of that name."""
    try:
        found = pwd.getpwnam(name)
        account: t.Optional[Account] = Account(found.pw_uid, found.pw_gid, found.pw_gecos.strip(","), found.pw_shell)
    except KeyError:
        account = None
    try:
        group = grp.getgrnam(name)
    except KeyError:
        return account, account.gid if account else None, ()
    return account, group.gr_gid, tuple(group.gr_mem)


def read_entry(path: str, with_text: bool = False) -> t.Optional[Entry]:
    """Return the file or folder at a path, None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    text = None
    if with_text:
        text = (_files.read_if_exists(path) or b"").decode("utf-8", "replace")
    empty = stat.S_ISREG(found.st_mode) and found.st_size == 0
    return Entry(found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), found.st_mtime, text, empty)


def why_unusable(host: str) -> str:
    """Return why nothing on this host can listen on an address, or ""."""
    tried = {"*": ["0.0.0.0"], "::": ["::", "::1"]}.get(host, [host])
    for one in tried:
        try:
            found = socket.getaddrinfo(one, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            for family, kind, protocol, _name, address in found:
                with socket.socket(family, kind, protocol) as probe:
                    probe.bind(address)
        except OSError as error:
            if ":" in host and not os.path.exists("/proc/net/if_inet6") or one == "::1":
                return "IPv6 is off here"
            return error.strerror or str(error)
    return ""


def list_names(folder: str) -> t.List[str]:
    """Return the names in a folder, none if the folder does not exist."""
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []
