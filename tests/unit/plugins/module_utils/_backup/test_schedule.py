# SPDX-License-Identifier: GPL-3.0-or-later
"""The backup's unit may read everything, and no more than the host allows."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._backup import _schedule


@pytest.mark.parametrize(
    ("status", "capability"),
    [
        ("Name:\tsystemd\nCapBnd:\t000001ffffffffff\n", "CAP_DAC_READ_SEARCH"),
        ("CapBnd:\t00000000800405fb\n", "CAP_DAC_OVERRIDE"),
        ("", "CAP_DAC_READ_SEARCH"),
    ],
)
def test_unit_reads_with_the_smallest_capability_that_the_host_has(status: str, capability: str) -> None:
    assert _schedule.reading_capability(status) == capability


def test_units_name_what_the_site_set() -> None:
    params = {"folder": "/mnt/b", "keep": 3, "on_calendar": "hourly", "python": "/usr/bin/python3.11", "sources": []}
    files = _schedule.wanted_files(params, b"program")
    service = files["/etc/systemd/system/airgap-backup.service"].decode()
    assert "ExecStart=/usr/bin/python3.11 -I /usr/local/lib/airgap/backup.pyz /etc/airgap-backup.json\n" in service
    assert "ReadWritePaths=/mnt/b\n" in service
    assert "OnCalendar=hourly\n" in files["/etc/systemd/system/airgap-backup.timer"].decode()
