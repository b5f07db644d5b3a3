# SPDX-License-Identifier: GPL-3.0-or-later
"""Links to programs: files of others stay, and links to what is no longer installed go."""

from __future__ import annotations

import os

from ansible_collections.airgap.python.plugins.module_utils._install import _program_links

ROOT = "/opt/airgap"


def test_links_are_written_once_and_removed_when_their_program_goes(tmp_path):
    folder = str(tmp_path / "bin")
    plan = _program_links.plan(folder, ROOT, [("base", ["flask", "pip3"])])
    assert plan.add == {"flask": "/opt/airgap/base/bin/flask", "pip3": "/opt/airgap/base/bin/pip3"}
    _program_links.apply(folder, plan)
    assert os.readlink(os.path.join(folder, "flask")) == "/opt/airgap/base/bin/flask"
    assert not _program_links.plan(folder, ROOT, [("base", ["flask", "pip3"])]).changed
    plan = _program_links.plan(folder, ROOT, [("other", ["flask"])])
    assert (plan.add, plan.remove) == ({"flask": "/opt/airgap/other/bin/flask"}, ("pip3",))
    _program_links.apply(folder, plan)
    assert os.listdir(folder) == ["flask"]


def test_files_and_links_of_others_are_never_replaced_or_removed(tmp_path):
    (tmp_path / "flask").write_text("mine")
    (tmp_path / "jq").symlink_to("/usr/bin/jq")
    (tmp_path / "renamed").symlink_to("/opt/airgap/base/bin/other")
    plan = _program_links.plan(str(tmp_path), ROOT, [("base", ["flask", "jq", "renamed"])])
    assert not plan.changed and len(plan.warnings) == 3
    assert "something else created a file of that name" in plan.warnings[0]
    assert not _program_links.plan(str(tmp_path), ROOT, []).changed


def test_second_set_with_a_program_of_that_name_is_named(tmp_path):
    plan = _program_links.plan(str(tmp_path), ROOT, [("base", ["flask"]), ("web", ["flask"])])
    assert plan.add == {"flask": "/opt/airgap/base/bin/flask"}
    assert "the set web is not linked, because the set base has a program of that name" in plan.warnings[0]
