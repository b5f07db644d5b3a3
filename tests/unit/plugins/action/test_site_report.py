# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a site is written on the control host, also in check mode, and needs no connection."""

from __future__ import annotations

import json
import types

import pytest
from ansible_collections.airgap.python.plugins.action import site_report


@pytest.fixture(name="report")
def fixture_report():
    """Return a function that runs the action for a site with one node that differs."""

    def play(**arguments):
        nodes = [{"host": "one", "result": {"ok": False, "problems": ["base: files were changed"]}}]
        args = dict(arguments, index="airgap/prod", nodes=nodes, index_hosts=[{"host": "index", "result": {}}])
        task = types.SimpleNamespace(args=args, check_mode=True, diff=False, async_val=0, action="site_report")
        connection = types.SimpleNamespace(_shell=types.SimpleNamespace(tmpdir=None), has_pipelining=True)
        return site_report.ActionModule(task, connection, None, None, None, None).run(task_vars={})

    return play


def test_page_and_json_say_which_nodes_differ(report, tmp_path):
    found = report(page=str(tmp_path / "site.html"), json=str(tmp_path / "verify.json"))
    assert (found["changed"], found["ok"], found["differing"]) == (False, False, ["one"])
    assert found["index_problems"][0].startswith("index: ")
    assert json.loads((tmp_path / "verify.json").read_text())["ok"] is False
    assert "files were changed" in (tmp_path / "site.html").read_text()


def test_nothing_is_written_without_a_path(report, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert report()["table"] and not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_to_is_named(report, tmp_path):
    found = report(page=str(tmp_path / "missing/site.html"))
    assert found["failed"] and found["msg"].startswith("The report cannot be written: ") and "missing" in found["msg"]
