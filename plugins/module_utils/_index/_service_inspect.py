# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the index host looks like before the service is changed."""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import socket
import stat
import time
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _files
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _listeners, _service, _service_checks
from ansible_collections.airgap.python.plugins.module_utils._index._systemd import Systemd
from ansible_collections.airgap.python.plugins.module_utils._install import _venv_plan


def look(wanted: _service.Wanted, systemd: Systemd) -> _service.Found:
    """Return what the host looks like."""
    account, gid, members = look_at_account(wanted.user)
    paths = (wanted.venv, wanted.data_dir, wanted.config_dir, wanted.python)
    closed = {path: closed_folder(path, account) for path in paths}
    texts = (wanted.unit_path, wanted.config_path)
    plain = (wanted.config_dir, wanted.data_dir, wanted.secret_path, wanted.password_path)
    entries = {path: look_at(path, path in texts) for path in (*texts, *plain)}
    unit = entries[wanted.unit_path]
    copy = look_at(os.path.join(wanted.venv, _venv_plan.LOCK_COPY))
    has_systemd = os.path.isdir("/run/systemd/system")
    return _service.Found(
        os.geteuid() == 0,
        has_systemd,
        account,
        gid,
        members,
        {path: os.path.realpath(path) for path in paths},
        {path: folder for path, folder in closed.items() if folder},
        {path: entry for path, entry in entries.items() if entry},
        look_at_data(wanted.data_dir),
        elsewhere(unit.text or "", wanted.data_dir) if unit else "",
        {host: why for host, why in ((host, why_mute(host)) for host in wanted.hosts) if why},
        _listeners.look(wanted.port, systemd.name),
        systemd.show() if has_systemd else _service.Runs(),
        copy.changed if copy else 0,
        time.time(),
        tuple(names_in(wanted.config_dir)),
        {path: os.readlink(path) for path in entries if os.path.islink(path)},
    )


def look_at_account(name: str) -> t.Tuple[t.Optional[_service.Account], t.Optional[int], t.Tuple[str, ...]]:
    """Return the account of a name, and the number and members of the group of that name."""
    try:
        found = pwd.getpwnam(name)
        account: t.Optional[_service.Account] = _service.Account(
            found.pw_uid, found.pw_gid, found.pw_gecos.strip(","), found.pw_shell
        )
    except KeyError:
        account = None
    try:
        group = grp.getgrnam(name)
    except KeyError:
        return account, account.gid if account else None, ()
    return account, group.gr_gid, tuple(group.gr_mem)


def look_at(path: str, with_text: bool = False) -> t.Optional[_service.Entry]:
    """Return what lies at a path."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    text = None
    if with_text:
        text = (_files.read_if_exists(path) or b"").decode("utf-8", "replace")
    empty = stat.S_ISREG(found.st_mode) and found.st_size == 0
    return _service.Entry(found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), found.st_mtime, text, empty)


def look_at_data(path: str) -> _service.Data:
    """Return what is in a data folder."""
    try:
        names = sorted(set(os.listdir(path)) - {"lost+found"})
    except OSError:
        return _service.Data()
    if ".serverversion" not in names:
        return _service.Data(tuple(names))
    # One line of digits and dots; anything else is not repeated.
    version = re.match(rb"[0-9]+(\.[0-9]+)*\s*\Z", start_of(os.path.join(path, ".serverversion"), 64))
    try:
        role = json.loads(start_of(os.path.join(path, ".nodeinfo"), 4096) or b"{}").get("role", "")
    except (ValueError, AttributeError, RecursionError):
        role = ""
    owners = {}
    for name in names:
        try:
            uid = os.lstat(os.path.join(path, name)).st_uid
        except FileNotFoundError:
            # A journal of the database comes and goes.
            continue
        try:
            owners[uid] = pwd.getpwuid(uid).pw_name
        except KeyError:
            owners[uid] = ""
    return _service.Data(
        tuple(names), version.group().split(b".")[0].strip().decode("ascii") if version else "", str(role), owners
    )


def start_of(path: str, size: int) -> bytes:
    """Return how a file begins that lies where the account may put anything, a link or a pipe too; b"" for such."""
    try:
        with _files.open_plain(path) as stream:
            return stream.read(size)
    except (AirgapError, OSError):
        return b""


def closed_folder(path: str, account: t.Optional[_service.Account]) -> str:
    """Return the first folder on the way to a path that an account may not pass, or ""."""
    for way in dict.fromkeys((os.path.abspath(path), os.path.realpath(path))):
        folders = []
        while way != "/":
            way = os.path.dirname(way)
            folders.append(way)
        for folder in reversed(folders):
            entry = look_at(folder)
            if entry and not _service_checks.may_pass(entry, account) and not has_acl(folder):
                return folder
    return ""


def has_acl(path: str) -> bool:
    """Say whether a folder has an access list (acl(5)), which the mode alone does not tell."""
    try:
        return "system.posix_acl_access" in os.listxattr(path)
    except OSError:
        return False


def why_mute(host: str) -> str:
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


def elsewhere(unit: str, data_dir: str) -> str:
    """Return the data folder of the unit that is there, if it is another one with devpi's data in it."""
    for line in unit.splitlines():
        name, dummy, path = line.partition("=")
        if name == "WorkingDirectory" and os.path.exists(os.path.join(path, ".serverversion")):
            return "" if os.path.realpath(path) == os.path.realpath(data_dir) else path
    return ""


def names_in(folder: str) -> t.List[str]:
    """Return the names in a folder, none where there is no folder."""
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []
