# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/verify.yml finds every damage of a node, says what to do, repairs it, and writes the page of the site."""

from __future__ import annotations

import json

import pytest
from conftest import NODES, on, play, read

SITE_PACKAGES = "/opt/airgap/base/lib/python3*/site-packages"
DAMAGE = {
    "files are missing": "rm %s/flask/cli.py" % SITE_PACKAGES,
    "files were changed": "echo '#' >> $(echo %s/flask/app.py)" % SITE_PACKAGES,
    "files do not belong there": "echo 'import os' > $(echo %s)/sitecustomize.py" % SITE_PACKAGES,
    "in another version: flask": "mv %s/flask-*.dist-info $(echo %s)/flask-0.1.dist-info"
    % (SITE_PACKAGES, SITE_PACKAGES),
    "its Python does not run": "ln -sf /nowhere /opt/airgap/base/bin/python3",
}


def verify(folder, *options):
    """Play verify.yml; return its result, verify.json and the page."""
    files = ["-e", json.dumps({"verify_json": str(folder / "verify.json"), "verify_page": str(folder / "site.html")})]
    result = play("playbooks/verify.yml", *files, *options)
    return result, json.loads((folder / "verify.json").read_text()), (folder / "site.html").read_text()


def test_a_site_that_is_right_passes_and_its_page_names_every_node(tmp_path):
    result, found, page = verify(tmp_path)
    assert (result.rc, result.failed, result.changed) == (0, 0, 0), result.out[-3000:]
    assert {one["host"]: one["ok"] for one in found["nodes"]} == dict.fromkeys(NODES, True)
    assert all(one["canary"]["ok"] for one in found["nodes"])
    assert {one["name"] for one in found["checks"]} >= {"server", "content", "certificate", "backup"}
    assert found["bundle"]["signers"]
    for part in (*NODES, found["bundle"]["id"], "officer@lab", "flask"):
        assert part in page


@pytest.mark.parametrize("problem", DAMAGE)
def test_damage_is_found_and_repaired(problem, tmp_path):
    read("node311", DAMAGE[problem])
    result, found, page = verify(tmp_path, "--limit", "node311,index")
    assert result.rc != 0 and result.hosts["node311"]["failed"] == 1, result.out[-3000:]
    [node] = found["nodes"]
    assert problem in node["problems"][0] and problem in page
    assert "verify_repair=true" in result.out
    result, found, _page = verify(tmp_path, "--limit", "node311,index", "-e", "verify_repair=true")
    assert (result.rc, result.failed) == (0, 0), result.out[-3000:]
    assert [one["ok"] for one in found["nodes"]] == [True]
    read("node311", "/opt/airgap/base/bin/python -c 'import flask.cli'")


def test_a_node_that_cannot_be_reached_is_a_line_of_the_report_and_the_others_are_checked(tmp_path):
    read("node39", "systemctl stop ssh; pkill -u ops sshd || true")
    try:
        result, found, page = verify(tmp_path, "-e", "verify_full=false")
    finally:
        read("node39", "systemctl start ssh")
    assert result.rc != 0
    assert {one["host"]: one["ok"] for one in found["nodes"]} == {"node39": False, "node311": True, "node313": True}
    assert "could not reach it" in page


def test_nodes_are_checked_while_the_index_does_not_answer(tmp_path):
    read("index", "systemctl stop airgap-front.socket airgap-front.service")
    try:
        result, found, _page = verify(tmp_path)
    finally:
        read("index", "systemctl start airgap-front.socket")
    assert result.rc != 0
    assert all("pip did not install" in one["problems"][0] for one in found["nodes"])
    assert not next(one for one in found["checks"] if one["name"] == "server")["ok"]


def test_no_page_is_written_where_none_is_wanted(tmp_path):
    result = play("playbooks/verify.yml", "-e", "verify_full=false", "-e", '{"verify_json": "", "verify_page": ""}')
    assert (result.rc, result.failed, result.changed) == (0, 0, 0), result.out[-3000:]
    assert not list(tmp_path.iterdir())
    assert on("node39", "ls /opt/airgap").rc == 0
