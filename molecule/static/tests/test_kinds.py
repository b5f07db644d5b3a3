# SPDX-License-Identifier: GPL-3.0-or-later
"""A static index keeps the one contract on real hosts, and becomes one of devpi-server and back while nodes install."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time

import pytest
from conftest import ROOT, fetch, on, play, read, run

from tests.conformance.running import conform

INVENTORY = os.path.join(ROOT, "molecule/static/inventory")
URL = "https://10.213.71.20/airgap/prod/+simple/"
WITHDRAWN = "jmespath==1.0.1"
INSTALL_ONCE = (
    "rm -rf /tmp/kinds && /opt/airgap/base/bin/pip install -q --no-cache-dir --target /tmp/kinds flask requests"
)
# What a node does over and over while the kind of its index changes: several projects, without a cache.
INSTALL = (
    """
rm -f /tmp/kinds.log /tmp/kinds.stop
until [ -e /tmp/kinds.stop ]; do
  if %s > /tmp/kinds.out 2>&1
  then echo installed; else echo "failed: $(cat /tmp/kinds.out)"; fi >> /tmp/kinds.log
done
"""
    % INSTALL_ONCE
)


def play_site(playbook, *options):
    """Play a playbook on this scenario's site; it must succeed. Return the result."""
    result = play("playbooks/%s.yml" % playbook, "-i", INVENTORY, *options)
    assert result.failed == 0 and result.rc == 0, result.out[-3000:]
    return result


def conforms(column, folder):
    """Run the conformance test in the network of a node, against the index of the lab."""
    process = run(["podman", "inspect", "--format", "{{.State.Pid}}", "airgap-node311"]).out.strip()
    (folder / "ca.pem").write_text(read("node311", "cat /etc/airgap/ca.pem") + "\n")
    prefix = ["nsenter", "--net=/proc/%s/ns/net" % process]
    conform(column, URL, folder / "ca.pem", folder, WITHDRAWN, prefix)


@contextlib.contextmanager
def node_installs():
    """Let a node install over and over; yields a list that has what became of each at the end."""
    done: list[str] = []
    process = subprocess.Popen(["podman", "exec", "airgap-node311", "sh", "-c", INSTALL])
    try:
        yield done
        # One more, at least, after the change.
        time.sleep(5)
    finally:
        read("node311", "touch /tmp/kinds.stop")
        process.wait(timeout=60)
    text = read("node311", "cat /tmp/kinds.log")
    done += [line for line in text.splitlines() if line.startswith(("installed", "failed"))]


def devpi():
    """Return whether devpi-server runs now, and at boot."""
    states = [on("index", "systemctl %s devpi-server" % verb).out.strip() for verb in ("is-active", "is-enabled")]
    return states[0] == "active", states[1] == "enabled"


def withdraw(how):
    """Withdraw a version, or restore it."""
    values = {"withdraw": [WITHDRAWN], "withdraw_how": how, "withdraw_reason": "it is old"}
    play_site("withdraw", "-e", json.dumps(values))


def test_static_index_conforms(tmp_path):
    withdraw("yanked")
    conforms("static", tmp_path)
    assert devpi() == (False, False)
    assert on("index", "ls -d /var/lib/devpi-server /opt/airgap/airgap-devpi").rc != 0


def test_static_front_has_no_network_of_its_own():
    assert read("index", "systemctl show --value -p PrivateNetwork airgap-front.service") == "yes"


def test_kind_that_cannot_serve_what_is_yanked_is_refused_and_the_former_one_served():
    try:
        result = play("playbooks/index.yml", "-i", INVENTORY, "-e", "airgap_index_kind=devpi")
        assert result.failed == 1
        assert "devpi-server cannot serve a version as yanked" in " ".join(result.out.split())
        assert read("node311", INSTALL_ONCE + " && echo installed") == "installed"
        assert read("index", "systemctl show --value -p PrivateNetwork airgap-front.service") == "yes"
    finally:
        withdraw("restored")


@pytest.mark.parametrize("again", [False, True])
def test_kind_changes_and_changes_back_while_nodes_install(again, tmp_path):
    with node_installs() as installed:
        play_site("index", "-e", "airgap_index_kind=devpi")
    # The one install at the moment of the change may have had the former page, and find no file at its addresses.
    assert installed.count("installed") > 2
    failed = [line for line in installed if line != "installed"]
    assert len(failed) <= 1 and all("404" in line for line in failed), failed
    assert devpi() == (True, True)
    assert play_site("index", "-e", "airgap_index_kind=devpi").changed == 0
    if not again:
        version = fetch("+status")["result"]["versioninfo"]["devpi-server"]
        conforms("devpi %s" % version.partition(".")[0], tmp_path)
    assert play_site("nodes", "-e", "airgap_index_kind=devpi").changed == 0
    play_site("check", "-e", "airgap_index_kind=devpi", "-e", "backup_state=absent")

    with node_installs() as installed:
        play_site("index")
    assert len(installed) > 2 and set(installed) == {"installed"}, installed
    assert devpi() == (False, False)
    assert read("index", "ls -A /var/lib/devpi-server/+files")
    assert play_site("index").changed == 0
    assert play_site("nodes").changed == 0
    play_site("check", "-e", "backup_state=absent")


def test_static_index_conforms_after_it_was_devpi(tmp_path):
    withdraw("yanked")
    conforms("static", tmp_path)


def test_teardown_removes_the_server_that_is_stopped_and_keeps_its_data():
    play_site("teardown")
    assert (
        on("index", "ls -d /etc/systemd/system/devpi-server.service /opt/airgap/airgap-devpi").out.count("No such file")
        == 2
    )
    assert (
        on("index", "ls -d /var/lib/airgap-static/current /etc/systemd/system/airgap-front.service").out.count(
            "No such"
        )
        == 2
    )
    assert on("index", "ls /var/lib/devpi-server/.serverversion").rc == 0
