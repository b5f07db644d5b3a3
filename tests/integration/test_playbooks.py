# SPDX-License-Identifier: GPL-3.0-or-later
"""What a playbook reports before it changes anything: the hosts of each group, and whether the nodes can use the index."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import typing as t

import pytest

from tests.integration import small_bundle


class Control:
    """A control host with an inventory; every host in it is this machine."""

    def __init__(self, folder):
        self.folder = folder
        self.last = ""
        self.inventory = folder / "hosts.json"
        # The settings of a user have no effect: an invalid netrc, a proxy that does not answer.
        (folder / ".netrc").write_text("machine\n")

    def write(self, groups, **hosts):
        """Write an inventory: the hosts of each group, and the variables of each host."""
        for name in {one for members in groups.values() for one in members}:
            hosts.setdefault(name, {})
        local = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": sys.executable}
        children: t.Dict[str, t.Any] = {
            group: {"hosts": dict.fromkeys(members, {})} for group, members in groups.items()
        }
        self.inventory.write_text(json.dumps({"all": {"vars": local, "hosts": hosts, "children": children}}))

    def play(self, name, *options, **variables):
        """Run a playbook; return its status and its output as one line."""
        command = [os.path.join(os.path.dirname(sys.executable), "ansible-playbook"), "-i", self.inventory]
        variables.setdefault("pip_conf_uv_path", str(self.folder / "uv.toml"))
        command += ["-e", json.dumps(variables), "playbooks/%s.yml" % name, *options]
        environment = dict(
            os.environ,
            ANSIBLE_CONFIG=os.path.abspath("ansible.cfg"),
            ANSIBLE_NOCOLOR="1",
            HOME=str(self.folder),
            http_proxy="http://127.0.0.1:9",
        )
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.last = done.stdout.decode().rstrip().rpartition("\n")[2]
        return done.returncode, " ".join(done.stdout.decode().split())


@pytest.fixture(name="control")
def control_fixture(tmp_path):
    """Return a control host."""
    return Control(tmp_path)


def test_playbook_stops_if_its_group_is_empty_and_names_it(control):
    control.write({"webservers": ["here"], "airgap_bastion": ["here"]})
    rc, said = control.play("nodes")
    assert rc != 0, said
    assert control.last.startswith(
        "FAILED on localhost at 'Check that there are hosts to run on': No host is in the group"
    )
    assert "No host is in the group airgap_nodes" in said
    assert "It has webservers, airgap_bastion" in said


@pytest.mark.parametrize("name", ["transfer", "kubespray"])
def test_playbook_tells_how_to_rename_a_misspelt_group(control, name):
    groups = ("airgap_stage", "airgap-bastion", "airgap_index", "Airgap_node", "kube_node")
    control.write({group: ["here"] for group in groups})
    rc, said = control.play(name)
    assert rc != 0, said
    assert "the group airgap-bastion to airgap_bastion, and the group Airgap_node to airgap_nodes" in said


def test_hosts_are_printed_and_a_limit_that_leaves_none_stops_the_run(control):
    groups = {"airgap_stage": ["out"], "airgap_index": ["idx"], "airgap_nodes": ["node%02d" % one for one in range(10)]}
    control.write(groups)
    rc, said = control.play("nodes", "--tags", "none")
    assert rc == 0, said
    assert "'airgap_index: idx'" in said
    assert "node06, node07 and 2 more'" in said
    rc, said = control.play("nodes", "--tags", "none", "--limit", "idx")
    assert rc != 0, said
    assert "--limit idx leaves out every host that this playbook runs on: node00, node01" in said
    control.write(dict(groups, airgap_bastion=["hop"]))
    rc, said = control.play("transfer", "--tags", "none", "--limit", "hop")
    assert rc == 0, said
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


@pytest.mark.parametrize("name", ["inside", "site"])
def test_site_whose_nodes_are_all_kubesprays_needs_no_other_group(control, name):
    control.write({"airgap_stage": ["out"], "airgap_index": ["idx"], "kube_node": ["second"]})
    rc, said = control.play(name, "--tags", "none")
    assert rc == 0, said
    control.write({"airgap_stage": ["out"], "airgap_index": ["idx"]})
    rc, said = control.play(name, "--tags", "none")
    assert "No host is in the group airgap_nodes or kube_control_plane" in said


def test_loopback_address_of_a_tunnel_is_refused_on_each_node_except_the_index_host_itself(control):
    addresses = ["127.0.0.1", "127.9.9.9", "::1", "localhost", "0.0.0.0", "::ffff:127.0.0.1", "LOCALHOST.localdomain."]
    nodes = {"node%d" % number: {"pip_conf_index_address": one} for number, one in enumerate(addresses)}
    nodes["tunnel"] = {}
    for name, variables in nodes.items():
        variables["pip_conf_path"] = str(control.folder / name)
    # As with ssh -L 2222:idx:22 on the control host.
    idx = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 2222}
    control.write({"airgap_index": ["idx"], "airgap_nodes": list(nodes)}, idx=idx, **nodes)
    rc, said = control.play("nodes", "--tags", "pip_conf")
    assert rc != 0, said
    for name in nodes:
        assert not (control.folder / name).exists(), name
        assert "which is %s itself" % name in said, said
    assert "set pip_conf_index_addresses to a list with the address at which the nodes reach idx" in said


def test_index_host_that_is_a_node_may_use_its_own_index(control, index):
    port = int(index.url.split(":")[2].split("/")[0])
    path = control.folder / "pip.conf"
    here = {"ansible_host": "127.0.0.1", "front_state": "absent", "devpi_port": port, "pip_conf_path": str(path)}
    control.write({"airgap_index": ["here"], "airgap_nodes": ["here"]}, here=here)
    index.trouble["+simple"] = [404]
    rc, said = control.play("nodes", "--tags", "pip_conf")
    assert (rc, path.exists()) == (2, False), said
    assert "Check airgap_index_name" in said
    rc, said = control.play("nodes", "--tags", "pip_conf")
    assert rc == 0, said
    assert "index-url = http://127.0.0.1:%d/" % port in path.read_text()


def test_node_queries_the_index_before_its_pip_conf_is_written(control, index):
    path = control.folder / "pip.conf"
    path.write_text("[global]\ntimeout = 7\n")
    control.write({"airgap_nodes": ["here"]})
    wrong = {"pip_conf_index_url": "http://127.0.0.1:9/simple/", "pip_conf_path": str(path)}
    rc, said = control.play("nodes", "--tags", "pip_conf", **wrong)
    assert rc != 0, said
    assert path.read_text() == "[global]\ntimeout = 7\n"
    assert "here does not reach an index at http://127.0.0.1:9/simple/: Connection refused" in said
    assert "pip_conf_index_address" in said
    rc, said = control.play("nodes", "--tags", "pip_conf", "--check", **wrong)
    assert rc == 0, said
    assert "does not answer yet" in said
    own = control.folder / "opt/base/pip.conf"
    own.parent.mkdir(parents=True)
    own.write_text("[global]\nno-index = true\n")
    right = dict(wrong, pip_conf_index_url=index.url, install_dir=str(control.folder / "opt"))
    rc, said = control.play("nodes", "--tags", "pip_conf", **right)
    assert rc == 0, said
    assert index.url in path.read_text()
    # A setting that overrides it is reported.
    assert "[WARNING]: here: %s overrides %s: pip uses no index (line 2)." % (own, path) in said


def test_each_role_and_each_step_has_its_tag_and_the_operators_guide_lists_them(control):
    control.write({"airgap_stage": ["here"], "airgap_index": ["here"], "airgap_nodes": ["here"], "kube_node": ["here"]})
    tags = {"always"}
    names = {path.stem for path in pathlib.Path("playbooks").glob("*.yml")}
    # site includes the playbooks that it imports. One run lists the others.
    first, *others = sorted(names - {"stage", "transfer", "index", "nodes"})
    rc, said = control.play(first, *["playbooks/%s.yml" % name for name in others], "--list-tasks")
    assert rc == 0, said
    assert said.count("playbook: playbooks/") == 1 + len(others)
    parts = re.split(r"TAGS: \[([^]]*)\]", said)
    for before, its in zip(parts[::2], parts[1::2]):
        task = before.rpartition("tasks:")[2].strip()
        if "play #" in task:
            continue
        role = re.match(r"airgap\.python\.(\w+) : ", task)
        assert its, task
        # The role install checks the settings of pip_conf, too.
        assert not role or {"always", "install", role.group(1)} & set(its.split(", ")), (task, its)
        tags.update(its.split(", "))
    guide = pathlib.Path("docs/operator.md").read_text(encoding="utf-8")
    listed = re.search(r"`--tags` plays.*?\n\n", guide, re.DOTALL)
    assert listed
    assert set(re.findall(r"`(\w+)`", listed.group())) == tags - {"always"}


@pytest.mark.parametrize(
    ("kind", "said_is"),
    [
        ("none", "There is no bundle in {place}/bundle on idx"),
        ("file", "{place}/bundle cannot be read: Not a directory"),
        ("other target", "has no pip for the target here, it has pip for other"),
        ("empty lock", "locks/airgap-pip/here.txt of the bundle does not pin pip"),
    ],
)
def test_missing_lock_is_reported_with_its_reason(control, tmp_path, kind, said_is):
    place = tmp_path / "srv"
    place.mkdir()
    if kind == "file":
        (place / "bundle").write_text("")
    elif kind != "none":
        target = "other" if kind == "other target" else "here"
        lock = place / "bundle/locks/airgap-pip" / (target + ".txt")
        lock.parent.mkdir(parents=True)
        lock.write_text("# airgap.python lock 1\n")
        if kind == "empty lock":
            (place / "bundle/locks/base").mkdir()
            (place / "bundle/locks/base/here.txt").write_text("# airgap.python lock 1\n")
        (place / "bundle/manifest.json").write_text("{}")
    control.write({"airgap_index": ["idx"], "airgap_nodes": ["here"]}, idx={"airgap_dir": str(place)})
    site = {
        "airgap_sets": [{"name": "base"}],
        "airgap_targets": [small_bundle.here(), dict(small_bundle.here(), name="other", python="3.12.99")],
        "install_python": sys.executable,
        "install_dir": str(tmp_path / "opt"),
        "pip_conf_index_url": "http://127.0.0.1:9/simple/",
    }
    rc, said = control.play("nodes", "--tags", "install", **site)
    assert rc != 0, said
    assert said_is.format(place=place) in said
    assert ("Stage the set" in said) == (kind == "other target")
    assert not (tmp_path / "opt").exists()


def test_interpreter_that_does_not_run_is_not_reported_as_one_without_venv(control):
    control.write({"airgap_stage": ["here"]}, here={"ansible_python_interpreter": "/nonexistent/python3"})
    site = {"airgap_sets": [{"name": "base", "requirements": ["six"]}], "airgap_targets": [small_bundle.here()]}
    rc, said = control.play("stage", **site)
    assert rc != 0, said
    assert "/nonexistent/python3" in control.last
    assert "python3-venv" not in said
