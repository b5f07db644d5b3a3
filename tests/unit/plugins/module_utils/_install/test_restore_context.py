# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of an environment get the SELinux context of the host's policy before it serves."""

from __future__ import annotations

import types
import typing as t

import pytest
from ansible_collections.airgap.python.plugins.module_utils._install import _requirement_sets


@pytest.mark.parametrize(
    ("is_enabled", "program", "rc", "commands", "warnings"),
    [
        (True, "/sbin/restorecon", 0, [["/sbin/restorecon", "-R", "/opt/airgap/.sets/base/a"]], 0),
        (True, "/sbin/restorecon", 1, [["/sbin/restorecon", "-R", "/opt/airgap/.sets/base/a"]], 1),
        (True, None, 0, [], 0),
        (False, "/sbin/restorecon", 0, [], 0),
    ],
)
def test_context_is_restored_where_the_host_has_selinux(is_enabled, program, rc, commands, warnings):
    ran: t.List[t.List[str]] = []
    warned: t.List[str] = []

    def run(argv):
        ran.append(argv)
        return rc, "no"

    sets: t.Any = _requirement_sets.Sets.__new__(_requirement_sets.Sets)
    sets.module = types.SimpleNamespace(
        selinux_enabled=lambda: is_enabled, get_bin_path=lambda name: program, warn=warned.append
    )
    sets.run = run
    sets.restore_context("/opt/airgap/.sets/base/a")
    assert ran == commands and len(warned) == warnings
