# SPDX-License-Identifier: GPL-3.0-or-later
"""Two index hosts with devpi-server 6 become two with devpi-server 7, while nodes install."""

from __future__ import annotations

import contextlib
import subprocess

from conftest import lab, play_promoted, said

# As test_devpi.py left it.
PRIMARY, REPLICA = "index2", "index"
NEXT = ("-e", '{"stage_devpi_requirements": ["devpi-server>=7.0.0b1"]}')
FILES = "cd /var/lib/devpi-server/+files && find . -name '*.whl' | sort | xargs sha256sum | sha256sum"
INSTALL = """
rm -f /tmp/upgrade.log /tmp/upgrade.stop
until [ -e /tmp/upgrade.stop ]; do
  rm -rf /tmp/upgrade
  if /opt/airgap/base/bin/pip install -q --no-cache-dir --target /tmp/upgrade flask requests > /tmp/upgrade.out 2>&1
  then echo installed; else echo "failed: $(tail -n 3 /tmp/upgrade.out)"; fi >> /tmp/upgrade.log
done
"""


@contextlib.contextmanager
def nodes_install():
    """Let all nodes install over and over; yields a list that has what became of each at the end."""
    done: list[str] = []
    running = [subprocess.Popen(["podman", "exec", "airgap-" + node, "sh", "-c", INSTALL]) for node in lab.NODES]
    try:
        yield done
    finally:
        for node, process in zip(lab.NODES, running):
            lab.read(node, "touch /tmp/upgrade.stop")
            process.wait(timeout=120)
    for node in lab.NODES:
        done += lab.read(node, "cat /tmp/upgrade.log").splitlines()


def status(host):
    """Return version and part of devpi-server on an index host, and where it copies from."""
    code = "import json, urllib.request as r; s = json.load(r.urlopen('http://127.0.0.1:3141/+status'))['result']; "
    code += "print(s['versioninfo']['devpi-server'].split('.')[0], s['role'])"
    return lab.read(host, 'python3 -c "%s"' % code).split()


def test_primary_and_replica_are_upgraded_in_one_run_while_nodes_install():
    assert (status(PRIMARY)[0], status(REPLICA)) == ("6", ["6", "REPLICA"])
    with nodes_install() as done:
        result = play_promoted("site.yml", *NEXT)
    assert result.rc == 0, result.out
    assert (status(PRIMARY)[0], status(REPLICA)) == ("7", ["7", "REPLICA"])
    assert lab.read(PRIMARY, FILES) == lab.read(REPLICA, FILES)
    assert done.count("installed") > len(lab.NODES) and set(done) == {"installed"}, done


def test_second_run_changes_nothing_and_the_check_passes_after_the_upgrade():
    for playbook in ("playbooks/transfer.yml", "playbooks/index.yml", "playbooks/nodes.yml"):
        result = play_promoted(playbook)
        assert (result.rc, result.changed) == (0, 0), result.out
    result = play_promoted("playbooks/check.yml", "-e", "check_sample=0", "-e", "backup_state=absent")
    assert result.rc == 0 and "all files of its primary" in said(result), result.out
