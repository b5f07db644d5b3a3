# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubespray inside: its checkout, its environment, its gate, and a site in which nothing of it was changed."""

from __future__ import annotations

import hashlib
import json
import os

import pytest
from conftest import ROOT, on, play, read

SCENARIO = os.path.join(ROOT, "molecule/kubespray")
INVENTORY = os.path.join(SCENARIO, "inventory")
CHECKOUT = os.path.join(ROOT, ".cache/kubespray/scenario")
PLAYBOOK = "/opt/airgap/kubespray/bin/ansible-playbook"
HOSTS = """[kube_control_plane]
node311
[etcd]
node311
[kube_node]
node313 ansible_host=10.213.71.113
[calico_rr]
[bastion]
jump ansible_host=10.213.71.11
"""


def digest(folder):
    """Return one sum over every file below a folder."""
    total = hashlib.sha256()
    for path, _folders, names in sorted(os.walk(folder)):
        for name in sorted(names):
            with open(os.path.join(path, name), "rb") as stream:
                total.update(name.encode() + stream.read())
    return total.hexdigest()


def kubespray(*arguments, **options):
    """Play the step before Kubespray with its inventory."""
    return play("-i", INVENTORY, "playbooks/kubespray.yml", *arguments, **options)


def test_checkout_is_inside_with_every_file():
    for name in ("cluster.yml", "playbooks/ansible_version.yml", "requirements.txt"):
        with open(os.path.join(CHECKOUT, name), "rb") as stream:
            expected = hashlib.sha256(stream.read()).hexdigest()
        assert read("node311", "sha256sum < /opt/kubespray/" + name).split()[0] == expected


def test_environment_has_what_the_checkout_requires_and_a_bcrypt_that_passlib_can_use():
    code = "import importlib.metadata as m; print(*sorted('%s==%s' % (d.metadata['Name'].lower(), d.version) for d in m.distributions()))"
    installed = read("node311", '/opt/airgap/kubespray/bin/python -c "%s"' % code).split()
    with open(os.path.join(CHECKOUT, "requirements.txt"), encoding="utf-8") as stream:
        pinned = {line.strip() for line in stream if "==" in line}
    assert pinned and pinned <= set(installed)
    assert int(next(one for one in installed if one.startswith("bcrypt=="))[8:].split(".")[0]) < 5


@pytest.mark.parametrize(
    "options", ["playbooks/ansible_version.yml", "--syntax-check cluster.yml", "--list-tasks cluster.yml"]
)
def test_kubespray_runs_inside_with_its_own_settings_and_a_group_bastion(options):
    on("node311", "cat > /root/hosts.ini <<'X'\n%sX" % HOSTS)
    result = on("node311", "cd /opt/kubespray && %s -i /root/hosts.ini -c local %s" % (PLAYBOOK, options))
    assert result.rc == 0, result.out[-2000:]


def test_it_is_imported_before_kubespray_and_nothing_of_kubesprays_changes(tmp_path):
    before = digest(INVENTORY), digest(CHECKOUT)
    collections = tmp_path / "ansible_collections"
    for name, target in (("airgap/python", ROOT), ("kubernetes_sigs/kubespray", CHECKOUT)):
        (collections / name).parent.mkdir(parents=True)
        (collections / name).symlink_to(target)
    (tmp_path / "gate.yml").write_text(
        "- import_playbook: airgap.python.kubespray\n- import_playbook: kubernetes_sigs.kubespray.ansible_version\n"
    )
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(tmp_path)}
    listed = play("-i", INVENTORY, "--list-tasks", str(tmp_path / "gate.yml"), environment=environment)
    assert listed.rc == 0, listed.out[-2000:]
    assert listed.out.index("Check that Kubespray runs") < listed.out.index("Check Ansible version")
    assert (digest(INVENTORY), digest(CHECKOUT)) == before


def test_facts_that_kubespray_cached_are_not_believed(tmp_path):
    facts = {"ansible_python_version": "2.7.5", "discovered_interpreter_python": "/nonexistent/python"}
    for host in ("node311", "node313"):
        (tmp_path / host).write_text(json.dumps(facts))
    environment = {
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp_path),
        "ANSIBLE_CACHE_PLUGIN_TIMEOUT": "86400",
    }
    result = kubespray("--tags", "kubespray", environment=environment)
    assert (result.failed, result.changed) == (0, 0), result.out[-3000:]


def test_environment_of_another_release_is_refused_by_kubesprays_own_gate():
    read("node311", "cp /opt/kubespray/playbooks/ansible_version.yml /root")
    read("node311", "cd /opt/kubespray/playbooks && sed -i -e s/2.18.0/2.16.0/ -e s/2.19.0/2.17.0/ ansible_version.yml")
    try:
        result = kubespray("--tags", "kubespray")
        assert result.failed == 1
        assert "ansible_version.yml fails with ansible-core 2.18" in result.out
    finally:
        read("node311", "cp /root/ansible_version.yml /opt/kubespray/playbooks")


def test_all_of_it_is_removed_again():
    result = kubespray("--tags", "kubespray", "-e", "install_state=absent", "-e", "pip_conf_state=absent")
    assert result.failed == 0, result.out[-2000:]
    assert on("node311", "ls -d /opt/kubespray* /opt/airgap/kubespray /etc/pip.conf").out.count("No such file") == 3
    assert kubespray("--tags", "kubespray").failed == 0
