# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab with two index hosts, as the tests see it."""

from __future__ import annotations

import concurrent.futures
import contextlib
import importlib.util
import json
import os
import tempfile

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
_SPEC = importlib.util.spec_from_file_location("lab", os.path.join(ROOT, "molecule/default/tests/conftest.py"))
assert _SPEC is not None and _SPEC.loader is not None
lab = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(lab)

INDEXES = ("index", "index2")
INVENTORIES = ("-i", os.path.join(ROOT, "molecule/replica/inventory"))
PIPS = 20
SITE = os.path.join(ROOT, "molecule/replica/inventory/group_vars/all.yml")


def play(playbook, *arguments):
    """Run a playbook on the lab with both index hosts."""
    return lab.play(*INVENTORIES, playbook, *arguments)


def play_promoted(playbook, *arguments):
    """Run a playbook with index2 as the first index host: Ansible adds the hosts in the order of the inventories."""
    return lab.play("-i", lab.INVENTORY, playbook, "-e", "@" + SITE, *arguments, inventory=INVENTORIES[1])


def said(result):
    """Return the output of a run in one line."""
    return " ".join(result.out.split())


def ledger(host):
    """Return the last import on an index host that ended, as its ledger has it: how it started, and how it ended."""
    records = [json.loads(line) for line in lab.read(host, "cat /srv/airgap/ledger.jsonl").splitlines()]
    started = {one["run"]: one for one in records if one["event"] == "begin"}
    end = [one for one in records if one["event"] == "end" and one["run"] in started][-1]
    return {**started[end["run"]], **end}


def carry(disk, requirement):
    """Stage a bundle with one more requirement, carry it on a disk to the first index host, and return the variables for inside.yml."""
    with open(SITE, encoding="utf-8") as stream:
        sets = yaml.safe_load(stream)["airgap_sets"]
    sets[0]["requirements"].append(requirement)
    outside = {"airgap_sets": sets, "airgap_media": "/srv/" + disk, "media_volume_mib": 4}
    done = play("playbooks/outside.yml", "--limit", "airgap_stage", "-e", json.dumps(outside))
    assert done.rc == 0, done.out
    with tempfile.TemporaryDirectory() as folder:
        copy("internet", "/srv/" + disk, folder)
        send(os.path.join(folder, disk), "index", "/mnt/" + disk)
    return json.dumps({"airgap_sets": sets, "airgap_media": "/mnt/" + disk})


def copy(host, path, folder):
    """Copy a folder of a host into one of this machine."""
    done = lab.run(["podman", "cp", "airgap-%s:%s" % (host, path), folder])
    assert done.rc == 0, done.out


def send(path, host, target):
    """Copy a folder of this machine to a host, which does not have it then."""
    lab.read(host, "rm -rf {0} && mkdir -p {0}".format(target))
    # podman cp left out files whose names begin with a dot.
    script = 'tar -C "$0" -cf - . | podman exec -i airgap-"$1" tar -C "$2" -xf -'
    done = lab.run(["bash", "-o", "pipefail", "-c", script, path, host, target])
    assert done.rc == 0, done.out


def bring_inside(kind, disk, requirement):
    """Play inside.yml with a disk on the first of two index hosts, twice: both have its bundle, and nodes install from it."""
    arguments = (*kind, "--limit", "airgap_index,airgap_nodes", "-e", carry(disk, requirement))
    before = [ledger(host)["id"] for host in INDEXES]
    done = play("playbooks/inside.yml", *arguments)
    assert done.rc == 0, done.out
    records = [ledger(host) for host in INDEXES]
    assert [one["result"] for one in records] == ["ok", "ok"]
    assert len({one["id"] for one in records}) == 1 and records[0]["id"] not in before
    for node in lab.NODES:
        lab.read(node, "/opt/airgap/base/bin/python -c 'import %s'" % requirement)
    done = play("playbooks/inside.yml", *arguments)
    assert (done.rc, done.changed) == (0, 0), done.out


@contextlib.contextmanager
def drop(node, host):
    """Let a host drop every packet of a node: nothing answers there, and nothing is refused."""
    process = lab.run(["podman", "inspect", "--format", "{{.State.Pid}}", "airgap-" + host]).out.strip()
    source = lab.read(node, "hostname -I").split()[0]
    rule = ["INPUT", "--source", source, "--protocol", "tcp", "--dport", "443", "--jump", "DROP"]
    command = ["nsenter", "--net=/proc/%s/ns/net" % process, "iptables", "--wait"]
    done = lab.run([*command, "--insert", *rule])
    assert done.rc == 0, done.out
    try:
        yield
    finally:
        lab.run([*command, "--delete", *rule])


def kill(host):
    """Let a host die: nothing answers at its address any more."""
    done = lab.run(["podman", "kill", "airgap-" + host])
    assert done.rc == 0, done.out


def start_again():
    """Start the hosts that died."""
    done = play("molecule/lab/create.yml")
    assert done.rc == 0, done.out


def install(number):
    """Install all of a lock into a new folder on one of the nodes, with the pip and the settings of that node."""
    node = lab.NODES[number % len(lab.NODES)]
    folder = "/tmp/replica/%d" % number
    command = (
        "rm -rf {0} && /opt/airgap/base/bin/pip install --quiet --no-cache-dir --target {0} {1} && ls {0} && rm -rf {0}"
    )
    lock = "--require-hashes -r /opt/airgap/base/airgap-lock.txt"
    return lab.on(node, command.format(folder, lock))


def install_while(host):
    """Install with 20 pips at a time, and let a host die when the first of them is done.

    Return the outputs of those that failed, and how many were not done when the host died.
    """
    with concurrent.futures.ThreadPoolExecutor(PIPS) as pool:
        pips = [pool.submit(install, number) for number in range(PIPS)]
        concurrent.futures.wait(pips, return_when=concurrent.futures.FIRST_COMPLETED)
        kill(host)
        unfinished = sum(not one.done() for one in pips)
        return [one.result().out for one in pips if one.result().rc], unfinished
