# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which process listens on a TCP port. Reads /proc (proc(5)) because a minimal host has neither ss nor lsof."""

from __future__ import annotations

import glob
import os
import typing as t

LISTEN = "0A"


class Port(t.NamedTuple):
    """Whether a port is free, whether only the index's own unit listens on it, and the process that does."""

    free: bool
    is_own: bool
    owner: str = ""


def find_listeners(port: int, unit: str, proc: str = "/proc") -> Port:
    """Return what listens on a port, on any address; ``unit`` is the name of the index's unit."""
    sockets = _listening(port, proc)
    if not sockets:
        return Port(True, False)
    holding = _holders(sockets, proc)
    members = _members(unit, proc)
    if holding:
        return Port(False, holding <= set(members), ", ".join(_name(one, proc) for one in sorted(holding)))
    # In a container even root may not see which process holds a socket, but it sees the user that opened it.
    users = set(sockets.values())
    owner = "a process of user id %s" % ", ".join(str(uid) for uid in sorted(users))
    return Port(False, users <= set(members.values()) - {0}, owner)


def _listening(port: int, proc: str) -> t.Dict[str, int]:
    """Return the sockets that listen on a port: inode to user id."""
    found: t.Dict[str, int] = {}
    for table in ("net/tcp", "net/tcp6"):
        for line in _text(os.path.join(proc, table)).splitlines()[1:]:
            row = line.split()
            if row[3] == LISTEN and int(row[1].rsplit(":", 1)[1], 16) == port:
                found[row[9]] = int(row[7])
    return found


def _holders(inodes: t.Iterable[str], proc: str) -> t.Set[int]:
    """Return the ids of the processes that hold one of the sockets."""
    wanted = {"socket:[%s]" % inode for inode in inodes}
    found = set()
    for path in glob.glob(os.path.join(proc, "[0-9]*/fd/*")):
        try:
            if os.readlink(path) in wanted:
                found.add(int(path[len(proc) + 1 :].split("/")[0]))
        except OSError:
            continue
    return found


def _members(unit: str, proc: str) -> t.Dict[int, int]:
    """Return the processes of a unit: id to user id."""
    found = {}
    for one in (int(name) for name in os.listdir(proc) if name.isdigit()):
        # A container has a group of its own within that of its unit.
        if any("/%s/" % unit in line + "/" for line in _text("%s/%d/cgroup" % (proc, one)).splitlines()):
            try:
                found[one] = os.stat("%s/%d" % (proc, one)).st_uid
            except OSError:
                continue
    return found


def _text(path: str) -> str:
    """Return a file of /proc, or an empty text if its process has ended."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def _name(one: int, proc: str) -> str:
    """Return a process as name and pid."""
    return "%s (pid %d)" % (_text("%s/%d/comm" % (proc, one)).strip() or "?", one)
