# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd reports of the unit."""

from __future__ import annotations

from ansible_collections.airgap.python.plugins.module_utils._index import _service, _systemd

SHOW = "MainPID=821\nResult=success\nNRestarts=1\nExecMainStartTimestampMonotonic=5000000\nActiveState=active\nSubState=running\n"


def test_state_of_the_unit_is_parsed():
    runs = _systemd.parse_show(SHOW + "UnitFileState=enabled\nNeedDaemonReload=yes\n", 100.0)
    assert runs == _service.UnitState("active", "running", True, True, 105.0, 1, "success")
    assert _systemd.parse_show("", 100.0) == _service.UnitState()


def test_failure_is_seen_as_soon_as_systemd_reports_it():
    assert not _systemd.has_failed(_service.UnitState("active", "running"))
    assert not _systemd.has_failed(_service.UnitState("activating", "start"))
    assert _systemd.has_failed(_service.UnitState("activating", "auto-restart"))
    assert _systemd.has_failed(_service.UnitState("failed", "failed"))
    assert _systemd.has_failed(_service.UnitState("active", "running", restarts=2), 1)
