# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node knows of several index hosts: one name with all addresses, and the CA of each that can be reached."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading

import pytest

PLAY = """
- hosts: airgap_nodes
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: airgap.python.pip_conf, tasks_from: reach}
    - ansible.builtin.debug: {msg: "URL {{ pip_conf_index.url }} attempts {{ groups['airgap_index'] | length }}"}
"""
READ = """
- hosts: airgap_nodes
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: airgap.python.pip_conf, tasks_from: address, public: true}
    - ansible.builtin.debug: {msg: "{{ inventory_hostname }} knows {{ _pip_conf_cas | length }} CAs"}
"""
WHOLE = """
- hosts: airgap_nodes
  gather_facts: false
  roles: [airgap.python.pip_conf]
"""
CA = "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n"


class Nodes:
    """Nodes and index hosts, all of them this machine. An index host that is down is one that ssh cannot reach."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "play.yml").write_text(PLAY)
        (folder / "whole.yml").write_text(WHOLE)
        (folder / "read.yml").write_text(READ)
        for name in ("one", "two"):
            (folder / name).mkdir()
            (folder / name / "ca.pem").write_text("A text before it.\n" + CA % name if name == "one" else CA % name)

    def write(self, down=(), hosts=("one", "two"), **site):
        """Write the inventory: three nodes, and two index hosts or one, of which some are down."""
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        index = {
            name: {"ansible_host": "10.0.0.%d" % number, "folder": str(self.folder / name)}
            for number, name in enumerate(hosts, 1)
        }
        for name in down:
            index[name].update({"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": "9"})
        nodes = {name: {"node_folder": str(self.folder / name)} for name in ("n1", "n2", "n3")}
        # One that is down keeps its address for the nodes.
        site = site or {"pip_conf_index_addresses": ["10.0.0.1", "10.0.0.2"]}
        for name in nodes:
            path = self.folder / (name + ".hosts")
            if not path.exists():
                path.write_text("127.0.0.1 localhost\n")
        groups = {"airgap_index": {"hosts": index}, "airgap_nodes": {"hosts": nodes, "vars": site}}
        (self.folder / "hosts.json").write_text(json.dumps({"all": {"vars": local, "children": groups}}))

    def play(self, play="play.yml", **variables):
        """Play the tasks; return the status, how many of them changed something, and the output."""
        # Extra variables outrank those that the role has for itself.
        values = {
            "_pip_conf_hosts_path": "{{ node_folder }}.hosts",
            "_pip_conf_own_cert": "{{ node_folder }}/etc/ca.pem",
            "pip_conf_uv_path": "{{ node_folder }}/etc/uv.toml",
            "pip_conf_ca": "{{ hostvars[item | default(inventory_hostname)]['folder'] | default('') }}/ca.pem",
        }
        values.update(variables)
        settings = dict(
            os.environ, ANSIBLE_CONFIG=os.path.abspath("ansible.cfg"), ANSIBLE_NOCOLOR="1", ANSIBLE_SSH_RETRIES="0"
        )
        command = [
            os.path.join(os.path.dirname(sys.executable), "ansible-playbook"),
            "-i",
            str(self.folder / "hosts.json"),
        ]
        command += ["-e", json.dumps(values), str(self.folder / play)]
        done = subprocess.run(command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        output = " ".join(done.stdout.decode().split())
        return done.returncode, output.count("changed: ["), output

    def addresses(self, node):
        """Return the addresses that a node has for the name, in their order."""
        lines = (self.folder / (node + ".hosts")).read_text().splitlines()
        assert lines[0] == "127.0.0.1 localhost"
        return [line.split()[0] for line in lines if line.endswith(" airgap-index.internal")]

    def authorities(self, node):
        """Return which CAs a node trusts."""
        text = (self.folder / node / "etc/ca.pem").read_text()
        return [name for name in ("one", "two") if CA % name in text]


@pytest.fixture(name="nodes")
def nodes_fixture(tmp_path):
    """Return three nodes."""
    nodes = Nodes(tmp_path)
    nodes.write()
    return nodes


def test_nodes_have_one_name_for_all_index_hosts_and_the_ca_of_each(nodes):
    rc, changed, output = nodes.play()
    assert rc == 0, output
    assert "URL https://airgap-index.internal/airgap/prod/+simple/ attempts 2" in output
    orders = [nodes.addresses(node) for node in ("n1", "n2", "n3")]
    assert all(sorted(order) == ["10.0.0.1", "10.0.0.2"] for order in orders)
    assert len({tuple(order) for order in orders}) == 2
    assert [nodes.authorities(node) for node in ("n1", "n2", "n3")] == [["one", "two"]] * 3
    rc, changed, output = nodes.play()
    assert (rc, changed) == (0, 0), output
    # While one is down, its CA stays; a node that does not know it gets the other.
    nodes.write(down=["one"])
    (nodes.folder / "n3/etc/ca.pem").unlink()
    rc, changed, output = nodes.play()
    assert rc == 0, output
    assert "one cannot be reached" in output
    assert [nodes.authorities(node) for node in ("n1", "n2", "n3")] == [["one", "two"], ["one", "two"], ["two"]]
    # Without any, the run stops and says why.
    nodes.write(down=["one", "two"])
    rc, changed, output = nodes.play()
    assert rc == 2, output
    assert "Ansible cannot reach one, two" in output


def test_ca_is_read_for_the_others_also_if_the_first_node_needs_none(nodes):
    path = nodes.folder / "hosts.json"
    inventory = json.loads(path.read_text())
    inventory["all"]["children"]["airgap_nodes"]["hosts"]["n1"]["pip_conf_clients"] = ["pip", "hosts"]
    path.write_text(json.dumps(inventory))
    rc, _changed, output = nodes.play("read.yml")
    assert rc == 0 and "n2 knows 2 CAs" in output and "n3 knows 2 CAs" in output, output
    # None of the nodes that need it goes on without it.
    (nodes.folder / "one/ca.pem").unlink()
    rc, _changed, output = nodes.play("read.yml")
    assert rc == 2 and "so n2 cannot verify" in output and "so n3 cannot verify" in output, output
    assert "so n1 cannot verify" not in output


def test_address_of_the_sites_own_is_used_instead_and_names_are_refused(nodes):
    rc, changed, output = nodes.play(pip_conf_index_address="balancer.example.org")
    assert rc == 0, output
    assert "URL https://balancer.example.org/airgap/prod/+simple/" in output
    assert nodes.addresses("n1") == []
    rc, changed, output = nodes.play(pip_conf_index_addresses=["10.0.0.1", "index2.example.org"])
    assert rc == 2 and "set pip_conf_index_address to that instead" in output, output
    assert nodes.addresses("n1") == []
    rc, changed, output = nodes.play(pip_conf_index_addresses=["fd00::1", "10.0.0.2"])
    assert rc == 0 and sorted(nodes.addresses("n1")) == ["10.0.0.2", "fd00::1"], output


@pytest.mark.parametrize(
    "site",
    [
        {"front_tls": False},
        {"front_certificate": "/etc/ssl/site.pem", "pip_conf_ca": ""},
        {"pip_conf_clients": ["pip"]},
    ],
    ids=["http", "given certificate", "no hosts file"],
)
def test_single_index_host_has_a_name_with_the_sites_ca_which_every_pip_can_use_and_its_address_without(nodes, site):
    nodes.write(hosts=("one",), pip_conf_index_addresses=["10.0.0.1"])
    rc, _changed, output = nodes.play(**site)
    assert rc == 0 and "://10.0.0.1/airgap/prod/+simple/" in output, output
    assert nodes.addresses("n1") == []
    rc, _changed, output = nodes.play()
    assert rc == 0 and "URL https://airgap-index.internal/airgap/prod/+simple/" in output, output
    assert nodes.addresses("n1") == ["10.0.0.1"]


class Index(http.server.BaseHTTPRequestHandler):
    """An index that has every page."""

    def do_GET(self):
        """Respond to a request."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_args):
        """Print nothing."""


@pytest.fixture(name="address")
def address_fixture():
    """Return HOST:PORT of an index on loopback."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield "127.0.0.1:%d" % server.server_port
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("state", ["present", "absent"])
def test_site_that_goes_back_to_one_index_host_takes_the_name_away_from_its_nodes(nodes, address, state):
    assert nodes.play()[0] == 0
    former = "# Written by Ansible, role airgap.python.pip_conf. Changes here are lost at its next run.\n[global]\n"
    former += "index-url = https://airgap-index.internal/airgap/prod/+simple/\n"
    for node in ("n1", "n2", "n3"):
        assert len(nodes.addresses(node)) == 2
        (nodes.folder / (node + ".conf")).write_text(former)
    nodes.write(hosts=("one",), pip_conf_index_url="http://%s/airgap/prod/+simple/" % address)
    values = {"pip_conf_path": "{{ node_folder }}.conf", "pip_conf_uv_path": "{{ node_folder }}.toml"}
    values.update(pip_conf_ca="", pip_conf_state=state)
    rc, changed, output = nodes.play("whole.yml", **values)
    assert rc == 0, output
    assert [nodes.addresses(node) for node in ("n1", "n2", "n3")] == [[]] * 3
    assert (nodes.folder / "n1.conf").exists() == (state == "present")
    rc, changed, output = nodes.play("whole.yml", **values)
    assert (rc, changed) == (0, 0), output
