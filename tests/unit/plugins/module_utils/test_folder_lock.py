# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time works in a folder, and nobody waits for ever."""

from __future__ import annotations

import os

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._folder_lock import locked_folder


def test_a_run_that_waits_for_another_gives_up_in_time_and_names_the_folder(tmp_path):
    folder = str(tmp_path / "pool")
    again = locked_folder(folder, False, 0.1)
    with locked_folder(folder, False), pytest.raises(AirgapError, match=folder + " for .*Run this again"):
        again.__enter__()
    with locked_folder(folder, False, 0.1):
        pass


def test_only_its_owner_can_write_to_the_folder_of_a_bundle_whatever_the_umask(tmp_path):
    before = os.umask(0o002)
    try:
        with locked_folder(str(tmp_path / "bundle/wheels"), False):
            pass
        assert os.umask(0o002) == 0o002
    finally:
        os.umask(before)
    assert [(tmp_path / path).stat().st_mode & 0o777 for path in ("bundle", "bundle/wheels")] == [0o755, 0o755]
