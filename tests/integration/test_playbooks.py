# SPDX-License-Identifier: GPL-3.0-or-later
"""What a playbook says before it does anything: who is there, and whether the nodes can work with what it would write."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest


class Control:
    """A control host with an inventory; every host in it is this machine."""

    def __init__(self, folder):
        self.folder = folder
        self.inventory = folder / "hosts.json"

    def write(self, groups, **hosts):
        """Write an inventory: the hosts of each group, and the variables of each host."""
        for name in {one for members in groups.values() for one in members}:
            hosts.setdefault(name, {})
        local = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": sys.executable}
        children = {group: {"hosts": dict.fromkeys(members, {})} for group, members in groups.items()}
        self.inventory.write_text(json.dumps({"all": {"vars": local, "hosts": hosts, "children": children}}))

    def play(self, name, *options, **variables):
        """Play; return the status, and what was printed as one line."""
        command = [os.path.join(os.path.dirname(sys.executable), "ansible-playbook"), "-i", self.inventory]
        command += ["-e", json.dumps(variables), "playbooks/%s.yml" % name, *options]
        environment = dict(
            os.environ, ANSIBLE_CONFIG=os.path.abspath("ansible.cfg"), ANSIBLE_NOCOLOR="1", HOME=str(self.folder)
        )
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode, " ".join(done.stdout.decode().split())


@pytest.fixture(name="control")
def control_fixture(tmp_path):
    """Return a control host."""
    return Control(tmp_path)


def test_playbook_stops_where_nobody_is_in_its_group_and_names_it(control):
    control.write({"webservers": ["here"], "airgap_bastion": ["here"]})
    rc, said = control.play("nodes")
    assert rc != 0, said
    assert "No host is in the group airgap_nodes" in said
    assert "It has webservers, airgap_bastion" in said


@pytest.mark.parametrize("name", ["transfer", "kubespray"])
def test_playbook_says_how_to_rename_a_group_that_is_nearly_ours(control, name):
    groups = ("airgap_stage", "airgap-bastion", "airgap_index", "Airgap_node", "kube_node")
    control.write({group: ["here"] for group in groups})
    rc, said = control.play(name)
    assert rc != 0, said
    assert "the group airgap-bastion to airgap_bastion, and the group Airgap_node to airgap_nodes" in said


def test_who_is_there_is_printed_and_a_limit_that_leaves_nobody_stops_the_run(control):
    groups = {"airgap_stage": ["out"], "airgap_index": ["idx"], "airgap_nodes": ["node%02d" % one for one in range(10)]}
    control.write(groups)
    rc, said = control.play("nodes", "--tags", "none")
    assert rc == 0, said
    assert "'airgap_index: idx'" in said
    assert "node06, node07 and 2 more'" in said
    rc, said = control.play("nodes", "--tags", "none", "--limit", "idx")
    assert rc != 0, said
    assert "--limit idx leaves out every host that this playbook is for: node00, node01" in said
    rc, said = control.play("site", "--tags", "none", "--limit", "node01")
    assert rc == 0, said
    assert "'airgap_nodes: node01'" in said
    assert "'airgap_stage: left out by --limit'" in said


def test_kubesprays_former_names_of_groups_work(control):
    control.write({"kube-master": ["first"], "kube-node": ["second"], "airgap_index": ["idx"]})
    rc, said = control.play("kubespray", "--list-hosts")
    assert rc == 0, said
    assert "(kube-master:kube-node)" in said
    rc, said = control.play("kubespray", "--tags", "none")
    assert rc == 0, said
    assert "'kube-master: first'" in said
