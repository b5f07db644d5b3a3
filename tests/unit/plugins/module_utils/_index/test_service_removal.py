# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is removed with the data, and what stays."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._index import _service_removal
from ansible_collections.airgap.python.plugins.module_utils._index._service import UnitState

from tests.unit.plugins.module_utils._index.index_host import (
    CONFIG,
    DATA,
    wanted,
)


@pytest.mark.parametrize(
    ("active", "enabled", "steps"),
    [
        ("active", True, ["stop", "disable"]),
        ("failed", False, ["stop"]),
        ("activating", False, ["stop"]),
        ("inactive", True, ["disable"]),
        ("inactive", False, []),
    ],
)
def test_server_is_stopped_now_and_at_boot_unless_it_is(active, enabled, steps):
    assert _service_removal.plan_stop(UnitState(active, "sub", False, enabled, 0)) == steps


def test_quadlet_of_a_server_that_was_stopped_by_a_killed_run_is_removed():
    assert _service_removal.plan_stop(UnitState("inactive", "dead", False, False, 0), True) == ["disable"]


@pytest.mark.parametrize(("folder", "names"), [("/srv", []), ("/a/../b", []), (DATA, ["photos"]), (CONFIG, ["passwd"])])
def test_folder_that_may_belong_to_something_else_is_not_removed(folder, names):
    assert folder in _service_removal.why_not_removed(folder, names, wanted())


@pytest.mark.parametrize(("folder", "names"), [(DATA, [".serverversion", "+files"]), (DATA, []), (CONFIG, ["secret"])])
def test_folder_of_devpi_is_removed(folder, names):
    assert _service_removal.why_not_removed(folder, names, wanted()) == ""


@pytest.mark.parametrize(
    ("names", "removed"),
    [
        (["ssl", "db.password"], []),
        (["notes.txt", "secret", "root.password", "airgap.password"], ["secret", "root.password", "airgap.password"]),
        (
            ["devpi-server.yml", "trial.yml", ".tmp-airgap-x1", "secret"],
            ["devpi-server.yml", "trial.yml", ".tmp-airgap-x1", "secret"],
        ),
        (["root.password", "lost+found"], ["root.password"]),
    ],
)
def test_only_the_indexs_own_files_are_removed_from_the_configuration_folder(names, removed):
    assert _service_removal.removed_config_names(names) == removed
