# SPDX-License-Identifier: GPL-3.0-or-later
"""Each playbook does what its name says, twice changes nothing, and can be looked at before."""

from __future__ import annotations

import hashlib
import os

import pytest
from conftest import BIN, NODES, ROOT, on, play, read, run

KUBESPRAY = os.path.join(ROOT, "molecule/default/kubespray")


def digest(folder):
    """Return one sum over every file below a folder."""
    total = hashlib.sha256()
    for path, _folders, names in sorted(os.walk(folder)):
        for name in sorted(names):
            with open(os.path.join(path, name), "rb") as stream:
                total.update(name.encode() + stream.read())
    return total.hexdigest()


def test_collection_that_is_built_and_installed_runs_from_any_folder_and_its_check_mode_changes_nothing_on_a_finished_site(
    tmp_path,
):
    built = run([os.path.join(BIN, "ansible-galaxy"), "collection", "build", "--output-path", str(tmp_path)])
    assert built.rc == 0, built.out
    archive = [name for name in os.listdir(str(tmp_path)) if name.endswith(".tar.gz")][0]
    path = str(tmp_path / "collections")
    # Nothing of the checkout's own configuration takes part.
    config = tmp_path / "ansible.cfg"
    config.write_text("[defaults]\n")
    environment = {"ANSIBLE_COLLECTIONS_PATH": path, "ANSIBLE_CONFIG": str(config)}
    install = [
        os.path.join(BIN, "ansible-galaxy"),
        "collection",
        "install",
        "--offline",
        str(tmp_path / archive),
        "-p",
        path,
    ]
    installed = run(install, cwd=str(tmp_path), env=dict(os.environ, **environment))
    assert installed.rc == 0, installed.out
    result = play("airgap.python.site", "--check", "--diff", environment=environment, cwd=str(tmp_path))
    assert (result.failed, result.changed) == (0, 0), result.out[-2000:]
    assert result.hosts


@pytest.mark.long
def test_kubespray_gets_a_control_host_and_pip_and_keeps_its_inventory():
    before = digest(KUBESPRAY)
    first = play("-i", KUBESPRAY, "playbooks/kubespray.yml")
    assert first.failed == 0, first.out[-3000:]
    # Without kubespray_path nothing is staged.
    assert {host for host, figures in first.hosts.items() if figures["ok"]} == {"localhost", "node311", "node313"}
    second = play("-i", KUBESPRAY, "playbooks/kubespray.yml")
    assert (second.failed, second.changed) == (0, 0), second.out[-2000:]
    assert digest(KUBESPRAY) == before


def test_teardown_gives_back_what_was_there_and_keeps_the_data():
    read(
        "node311",
        "rm -f /etc/pip.conf /etc/pip.conf.before-airgap && printf '[global]\\ntimeout = 7\\n' > /etc/pip.conf",
    )
    assert play("playbooks/nodes.yml").failed == 0
    assert "timeout = 7" not in read("node311", "cat /etc/pip.conf")
    first = play("playbooks/teardown.yml")
    assert first.failed == 0, first.out[-2000:]
    assert read("node311", "cat /etc/pip.conf") == "[global]\ntimeout = 7"
    for node in NODES[::2]:
        assert on(node, "test -e /etc/pip.conf").rc != 0
        assert on(node, "test -e /etc/airgap/ca.pem").rc != 0
    assert on("index", "systemctl cat devpi-server.service").rc != 0
    assert on("index", "ls /etc/systemd/system/airgap-front* /opt/airgap/airgap-front").rc != 0
    assert read("index", "ls /etc/airgap-front") == "ca.key\nca.pem"
    assert on("index", "test -e /var/lib/devpi-server/.serverversion").rc == 0
    second = play("playbooks/teardown.yml")
    assert (second.failed, second.changed) == (0, 0), second.out[-2000:]
    read("node311", "rm /etc/pip.conf")


def test_site_comes_back_from_a_teardown_with_its_data():
    # What site.yml does before that, on the other hosts, was not taken down.
    result = play("playbooks/index.yml", "playbooks/nodes.yml")
    assert result.failed == 0, result.out[-2000:]
    assert "got 0 files" in " ".join(result.out.split())
