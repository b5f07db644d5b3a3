# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the index host looks like before the service is changed."""

from __future__ import annotations

import os
import pwd
import re
import time
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _files
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import (
    _data_folder,
    _listeners,
    _replication,
    _service_checks,
)
from ansible_collections.airgap.python.plugins.module_utils._index._host import (
    list_names,
    read_account,
    read_entry,
    why_unusable,
)
from ansible_collections.airgap.python.plugins.module_utils._index._service import (
    Account,
    Data,
    Found,
    Primary,
    UnitState,
    Wanted,
)
from ansible_collections.airgap.python.plugins.module_utils._index._systemd import Systemd
from ansible_collections.airgap.python.plugins.module_utils._install import _venv_plan


def inspect(wanted: Wanted, systemd: Systemd) -> Found:
    """Return what the host looks like."""
    account, gid, members = read_account(wanted.user)
    paths = (wanted.venv, wanted.data_dir, wanted.config_dir, wanted.python)
    closed = {path: closed_folder(path, account) for path in paths}
    paths_with_text = [
        wanted.text_path,
        wanted.other_path,
        wanted.config_path,
        wanted.ca_path if wanted.is_replica else "",
    ]
    with_text = tuple(filter(None, paths_with_text))
    without_text = (wanted.config_dir, wanted.data_dir, wanted.secret_path, wanted.password_path)
    entries = {path: read_entry(path, path in with_text) for path in (*with_text, *without_text)}
    unit = entries[wanted.text_path] or entries.get(wanted.other_path)
    lock_copy = read_entry(os.path.join(wanted.venv, _venv_plan.LOCK_COPY))
    has_systemd = os.path.isdir("/run/systemd/system")
    unusable = {host: why_unusable(host) for host in wanted.hosts}
    # The own serial first: the primary's only grows.
    serial = _replication.read_serial(wanted.data_dir) if wanted.is_replica else -1
    return Found(
        is_root=os.geteuid() == 0,
        systemd=has_systemd,
        account=account,
        gid=gid,
        members=members,
        real={path: os.path.realpath(path) for path in paths},
        closed={path: folder for path, folder in closed.items() if folder},
        entries={path: entry for path, entry in entries.items() if entry},
        data=read_data(wanted.data_dir),
        former_data_dir=former_data_dir(unit.text or "", wanted.data_dir) if unit else "",
        unusable={host: reason for host, reason in unusable.items() if reason},
        port=_listeners.find_listeners(wanted.port, systemd.name),
        unit_state=systemd.state() if has_systemd else UnitState(),
        venv_changed=lock_copy.changed if lock_copy else 0,
        now=time.time(),
        config_names=tuple(list_names(wanted.config_dir)),
        links={path: os.readlink(path) for path in entries if os.path.islink(path)},
        primary=_replication.ask_primary(wanted.primary_url, wanted.primary_ca) if wanted.is_replica else Primary(),
        serial=serial,
        has_replaced=os.path.lexists(os.path.join(wanted.data_dir, _replication.REPLACED)),
    )


def read_data(path: str) -> Data:
    """Return what is in a data folder."""
    try:
        names = sorted(set(os.listdir(path)) - _data_folder.STAYS)
    except OSError:
        return Data()
    if ".serverversion" not in names:
        return Data(tuple(names))
    # One line of digits and dots; anything else is not repeated in messages.
    version = re.match(rb"[0-9]+(\.[0-9]+)*\s*\Z", read_start(os.path.join(path, ".serverversion"), 64))
    nodeinfo = _replication.parse_nodeinfo(read_start(os.path.join(path, ".nodeinfo"), 4096))
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
    data_format = version.group().split(b".")[0].strip().decode("ascii") if version else ""
    role = str(nodeinfo.get("role", ""))
    return Data(tuple(names), data_format, role, owners, _replication.read_primary(nodeinfo))


def read_start(path: str, size: int) -> bytes:
    """Return the first bytes of a file; b"" for a link or a pipe, which the account could have placed there."""
    try:
        with _files.open_plain(path) as stream:
            return stream.read(size)
    except (AirgapError, OSError):
        return b""


def closed_folder(path: str, account: t.Optional[Account]) -> str:
    """Return the first folder on the way to a path that an account may not pass, or ""."""
    for way in dict.fromkeys((os.path.abspath(path), os.path.realpath(path))):
        folders = []
        while way != "/":
            way = os.path.dirname(way)
            folders.append(way)
        for folder in reversed(folders):
            entry = read_entry(folder)
            if entry and not _service_checks.may_pass(entry, account) and not has_acl(folder):
                return folder
    return ""


def has_acl(path: str) -> bool:
    """Return whether a folder has an access list (acl(5)), which its mode does not show."""
    try:
        return "system.posix_acl_access" in os.listxattr(path)
    except OSError:
        return False


def former_data_dir(unit: str, data_dir: str) -> str:
    """Return the data folder of the installed unit, if it is another one with devpi's data in it."""
    for line in unit.splitlines():
        name, dummy, path = line.partition("=")
        if name == "WorkingDirectory" and os.path.exists(os.path.join(path, ".serverversion")):
            return "" if os.path.realpath(path) == os.path.realpath(data_dir) else path
    return ""
