# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that listens on a port is found in /proc, even if root may not see which process holds a socket."""

from __future__ import annotations

import os
import socket

import pytest
from ansible_collections.airgap.python.plugins.module_utils._index import _listeners

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ROW = "   0: 00000000:0C45 00000000:0000 0A 00000000:00000000 00:00000000 00000000   %d        0 4711 1\n"


@pytest.fixture(name="proc")
def proc_fixture(tmp_path):
    """Return a /proc with one process in the index's unit, and a socket that listens on port 3141."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp").write_text(HEAD + ROW % os.geteuid())
    (tmp_path / "77/fd").mkdir(parents=True)
    (tmp_path / "77/comm").write_text("devpi-server\n")
    (tmp_path / "77/cgroup").write_text("0::/system.slice/devpi-server.service\n")
    return tmp_path


def find(proc, port=3141):
    return _listeners.find_listeners(port, "devpi-server.service", str(proc))


def test_port_without_a_listener_is_free(proc):
    assert find(proc, 3142) == (True, False, "")


def test_port_of_the_indexs_unit_is_its_own(proc):
    (proc / "77/fd/3").symlink_to("socket:[4711]")
    assert find(proc) == (False, True, "devpi-server (pid 77)")


def test_port_of_a_process_outside_the_unit_is_not_its_own(proc):
    (proc / "77/fd/3").symlink_to("socket:[4711]")
    (proc / "77/cgroup").write_text("0::/system.slice/nginx.service\n")
    assert not find(proc).is_own


def test_listener_that_root_cannot_see_is_named_by_its_user(proc):
    (proc / "net/tcp").write_text(HEAD + ROW % 4242)
    assert find(proc) == (False, False, "a process of user id 4242")


def test_this_process_is_found():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        found = _listeners.find_listeners(listening.getsockname()[1], "devpi-server.service")
    assert not found.free and not found.is_own and "pid %d" % os.getpid() in found.owner
