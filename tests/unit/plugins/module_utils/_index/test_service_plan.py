# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to the service, and when it restarts."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._index import _service, _service_plan

from tests.unit.plugins.module_utils._index.index_host import (
    CONFIG,
    STARTED,
    UNIT,
    VENV,
    found,
    wanted,
)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"unit_state": _service.UnitState("inactive", "dead")}, "it does not run"),
        ({"unit_state": _service.UnitState("active", "running", True, True, STARTED)}, "earlier unit"),
        ({"venv_changed": 1500}, VENV + " is newer"),
        ({"entries": {CONFIG + "/secret": _service.Entry(999, 997, 0o600, 1500)}}, "secret is newer"),
        ({"entries": {UNIT: _service.Entry(0, 0, 0o644, 1500, "[Unit]\n")}}, UNIT + " is newer"),
        ({"entries": {UNIT: _service.Entry(0, 0, 0o644, 900, "[Other]\n")}}, UNIT + " changes"),
    ],
)
def test_server_restarts_if_its_process_is_older_than_its_files(changes, reason):
    assert reason in _service_plan.plan(wanted(), found(**changes)).restart


def test_file_with_a_time_in_the_future_does_not_restart_the_server_at_every_run():
    assert not _service_plan.plan(wanted(), found(venv_changed=5000)).changed


def test_wrong_owner_or_mode_is_fixed_without_a_restart():
    plan = _service_plan.plan(
        wanted(),
        found(
            entries={CONFIG + "/devpi-server.yml": found().entries[CONFIG + "/devpi-server.yml"]._replace(mode=0o666)}
        ),
    )
    assert plan == (("config",), "")
