# SPDX-License-Identifier: GPL-3.0-or-later
"""Say who listens on a TCP port: port_owner.py PORT UNIT prints {"free", "ours", "owner"} as JSON.

Reads /proc (proc(5)) because a minimal host has neither ss nor lsof.
"""

import glob
import json
import os
import sys

LISTEN = "0A"


def listening(port):
    """Return the sockets that listen on a port, on any address: inode -> user id."""
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table) as stream:
                rows = [line.split() for line in stream.readlines()[1:]]
        except OSError:
            continue
        found.update(
            (row[9], int(row[7])) for row in rows if row[3] == LISTEN and int(row[1].rsplit(":", 1)[1], 16) == port
        )
    return found


def processes():
    """Return the ids of all processes."""
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())


def holders(inodes):
    """Return the ids of the processes that hold one of the sockets."""
    wanted = {"socket:[%s]" % inode for inode in inodes}
    found = set()
    for path in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            if os.readlink(path) in wanted:
                found.add(int(path.split("/")[2]))
        except OSError:
            continue
    return found


def members(unit):
    """Return the processes of a systemd unit: id -> user id."""
    found = {}
    for one in processes():
        if any(line.endswith("/" + unit) for line in text("/proc/%d/cgroup" % one).splitlines()):
            try:
                found[one] = os.stat("/proc/%d" % one).st_uid
            except OSError:
                continue
    return found


def text(path):
    """Return a file of /proc, or nothing when its process has ended."""
    try:
        with open(path) as stream:
            return stream.read()
    except OSError:
        return ""


def name(one):
    """Return a process as people look for it."""
    return "%s (pid %d)" % (text("/proc/%d/comm" % one).strip() or "?", one)


def main():
    """Print the answer."""
    port, unit = int(sys.argv[1]), sys.argv[2]
    sockets = listening(port)
    holding = holders(sockets)
    unit_members = members(unit)
    if holding:
        ours = holding <= set(unit_members)
        owner = ", ".join(name(one) for one in sorted(holding))
    else:
        # In a container even root may not see who holds a socket, but it sees the user that opened it.
        ours = bool(sockets) and set(sockets.values()) <= set(unit_members.values()) - {0}
        owner = "a process of user id %s" % ", ".join(str(uid) for uid in sorted(set(sockets.values())))
    print(json.dumps({"free": not sockets, "ours": ours, "owner": owner}))


if __name__ == "__main__":
    main()
