# SPDX-License-Identifier: GPL-3.0-or-later
"""What the one place that holds folders promises: one run at a time, and no endless wait where none is wanted."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _files


def test_run_that_waits_for_another_one_gives_up_in_time_and_says_for_whom_it_waited(tmp_path):
    folder = str(tmp_path / "pool")
    again = _files.held(folder, False, 0.1)
    with _files.held(folder, False), pytest.raises(_files.FileError, match=folder + " for .*Run this again"):
        again.__enter__()
    with _files.held(folder, False, 0.1):
        pass
