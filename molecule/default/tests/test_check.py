# SPDX-License-Identifier: GPL-3.0-or-later
"""check.yml passes on a site that is in order, changes nothing, and names what is wrong."""

from __future__ import annotations

import json
import posixpath

from conftest import fetch, play, read, wait_for_index


def test_site_in_order_passes_and_a_monitor_gets_the_result(tmp_path):
    made = play("playbooks/index.yml", "--tags", "backup", "-e", "backup_now=true")
    assert made.failed == 0, made.out[-2000:]
    out = tmp_path / "check.json"
    prometheus = "/run/airgap.prom"
    result = play(
        "playbooks/check.yml",
        "-e",
        "check_sample=0",
        "-e",
        "check_json=%s" % out,
        "-e",
        "check_textfile=%s" % prometheus,
    )
    assert (result.rc, result.changed) == (0, 0), result.out[-2000:]
    report = json.loads(out.read_text())
    assert report["ok"] and {"server", "content", "version", "backup"} <= {one["name"] for one in report["checks"]}
    assert 'airgap_check_ok{check="content"} 1' in read("index", "cat " + prometheus)


def test_file_damaged_on_the_disk_of_the_index_is_named_and_the_run_ends_with_2():
    link = fetch("airgap/prod/+simple/flask/", "application/vnd.pypi.simple.v1+json")["files"][0]["url"]
    path = posixpath.normpath("/var/lib/devpi-server/+files/airgap/prod/+simple/flask/" + link)
    read("index", "cp -p %s /srv/airgap/away && printf x >> %s" % (path, path))
    try:
        result = play("playbooks/check.yml", "-e", "check_sample=0")
    finally:
        read("index", "mv /srv/airgap/away %s" % path)
    assert result.rc == 2
    assert path.rpartition("/")[2] + " served damaged" in " ".join(result.out.split())


def test_server_that_is_down_is_named():
    read("index", "systemctl stop devpi-server")
    try:
        result = play("playbooks/check.yml")
    finally:
        read("index", "systemctl start devpi-server")
    assert result.rc == 2
    assert "Not checked, because the index does not answer." in " ".join(result.out.split())
    assert wait_for_index()
