# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode, diff and the real run of the survey have the same plan."""

from __future__ import annotations

import types
import typing

import pytest
from ansible_collections.airgap.python.plugins.action import target_files

NAME = "cp39-linux-x86_64-glibc-2.31"
ENTRY = {"name": NAME, "python": "3.9.2", "os": "linux", "arch": "x86_64", "libc": "glibc-2.31"}


@pytest.fixture(name="survey")
def fixture_survey(tmp_path):
    """Return a function that runs the action on hosts with one interpreter each."""

    def play(hosts, check_mode=False, inventory=None):
        answers = {host: [{"info": {"executable": "/usr/bin/python3"}, "description": ENTRY}] for host in hosts}
        task = types.SimpleNamespace(
            args={"dest": str(tmp_path / "targets"), "answers": answers},
            check_mode=check_mode,
            diff=True,
            async_val=0,
            action="target_files",
        )
        shell = types.SimpleNamespace(tmpdir=None)
        connection = types.SimpleNamespace(_shell=shell, has_pipelining=True)
        action = target_files.ActionModule(task, connection, None, None, None, None)
        return action.run(task_vars={"groups": {"all": inventory or list(hosts)}})

    run: typing.Any = play
    run.folder = tmp_path / "targets"
    return run


def test_check_mode_reports_what_the_real_run_does_and_writes_nothing(survey):
    said = survey(["a"], check_mode=True)
    assert not survey.folder.exists()
    done = survey(["a"])
    assert (said["changed"], said["written"], said["diff"]) == (True, [NAME + ".target.txt"], done["diff"])
    assert (survey.folder / (NAME + ".target.txt")).read_text() == done["diff"][0]["after"]


def test_second_run_changes_nothing(survey):
    survey(["a", "b"])
    again = survey(["b", "a"])
    assert (again["changed"], again["written"], again["diff"]) == (False, [], [])


def test_files_of_others_stay(survey):
    survey.folder.mkdir()
    (survey.folder / "mine.target.txt").write_text("name: [not YAML")
    assert survey(["a"])["left"] == []
    (survey.folder / (NAME + ".target.txt")).write_text("name: mine\n")
    failed = survey(["a"])
    assert failed["failed"]
    assert "Move it away" in failed["msg"]
    assert (survey.folder / (NAME + ".target.txt")).read_text() == "name: mine\n"
