# SPDX-License-Identifier: GPL-3.0-or-later
"""Files besides wheels reach every host inside, and a host that had nothing runs the collection's own playbooks."""

from __future__ import annotations

import hashlib
import json
import os

import pytest
from conftest import DESK, lab, play

CONTROL = "control"
ANSIBLE = "/opt/airgap/controller/bin/ansible-playbook"
FETCH = """
import hashlib, ssl, sys, urllib.request
context = ssl.create_default_context(cafile="/etc/airgap/ca.pem")
with urllib.request.urlopen("https://10.213.71.20/files/" + sys.argv[1], context=context) as answer:
    print(hashlib.sha256(answer.read()).hexdigest())
"""
# An inventory as someone would write it on the control host: it is also the node, and reaches the index through the bastion.
INVENTORY = """
airgap_index:
  hosts:
    index:
      ansible_host: 10.213.71.20
      ansible_user: ops
      ansible_ssh_private_key_file: /root/key
      ansible_ssh_common_args: >-
        -F none -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null
        -o ProxyCommand="ssh -F none -i /root/key -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no
        -o UserKnownHostsFile=/dev/null -W %h:%p ops@10.213.71.11"
airgap_nodes:
  hosts:
    control:
      ansible_connection: local
      ansible_python_interpreter: /usr/bin/python3
all:
  vars:
    airgap_sets: [{name: base, requirements: [jmespath], targets: [node313]}]
    airgap_targets: TARGETS
"""


def manifest():
    """Return the manifest of the bundle on the index host."""
    return json.loads(lab.read("index", "cat /srv/airgap/bundle/manifest.json"))


def test_every_file_of_the_manifest_is_served_with_its_sum():
    extras = {os.path.basename(one["path"]): one for one in manifest()["extras"]}
    assert {"build.bin", "ca.pem", "acme-base-1.0.0.tar.gz", "acme-tools-1.2.0.tar.gz"} < set(extras)
    assert extras["build.bin"]["origin"] == "http://127.0.0.1:8123/build.bin"
    lab.read(CONTROL, "cat > /tmp/fetch.py <<'E'\n%s\nE" % FETCH)
    for name, one in extras.items():
        assert lab.read(CONTROL, "python3 /tmp/fetch.py %s" % name) == one["sha256"], name
    with open(os.path.join(DESK, "build.bin"), "rb") as stream:
        assert extras["build.bin"]["sha256"] == hashlib.sha256(stream.read()).hexdigest()


def test_files_are_links_to_those_of_the_bundle_and_the_front_cannot_write_them():
    paths = ("/srv/airgap/bundle/files/build.bin", "/var/lib/airgap-files/current/files/build.bin")
    (found,) = {lab.read("index", "stat -c '%i %U %a' " + path) for path in paths}
    assert found.split()[1:] == ["root", "644"]


def test_control_host_has_ansible_only_from_the_bundle():
    assert lab.on(CONTROL, "command -v ansible-playbook pip").rc != 0
    assert "core 2." in lab.read(CONTROL, ANSIBLE + " --version")
    found = lab.read(CONTROL, "/opt/airgap/controller/bin/ansible-galaxy collection list")
    for name in ("airgap.python", "acme.base", "acme.tools"):
        assert name in found


def test_playbooks_of_carried_collections_run_there():
    out = lab.read(CONTROL, ANSIBLE + " acme.tools.look 2>&1")
    assert "played" in out


@pytest.fixture(name="inventory")
def inventory_fixture():
    """Give the control host the lab's key and an inventory, which the bundle does not carry; return its path."""
    with open(os.path.join(lab.ROOT, ".lab/id_ed25519"), encoding="utf-8") as stream:
        lab.read(CONTROL, "umask 077; cat > /root/key <<'E'\n%sE" % stream.read())
    target = next(one for one in manifest()["targets"] if one["name"] == "node313")
    text = INVENTORY.replace("TARGETS", json.dumps([target]))
    lab.read(CONTROL, "mkdir -p /root/site; cat > /root/site/hosts.yml <<'E'\n%s\nE" % text)
    yield "/root/site/hosts.yml"
    lab.read(CONTROL, "rm -r /root/key /root/site")


def test_the_collections_own_playbooks_run_from_inside_and_a_second_run_changes_nothing(inventory):
    play_there = "cd /root && ANSIBLE_NOCOLOR=1 %s -i %s " % (ANSIBLE, inventory)
    out = lab.read(CONTROL, play_there + "airgap.python.nodes 2>&1")
    assert "failed=0" in out, out
    assert lab.read(CONTROL, "/opt/airgap/base/bin/python -c 'import jmespath; print(jmespath.__version__)'")
    out = lab.read(CONTROL, play_there + "airgap.python.nodes 2>&1")
    assert "changed=0" in out.splitlines()[-1] or " changed=0 " in out, out
    out = lab.read(CONTROL, play_there + "airgap.python.history 2>&1")
    assert manifest()["id"][:12] in out, out


def test_collection_that_someone_changed_is_put_right():
    path = "/usr/share/ansible/collections/ansible_collections/acme/tools/README.md"
    lab.read(CONTROL, "echo changed >> " + path)
    done = play("playbooks/controller.yml")
    assert (done.rc, done.changed) == (0, 1), done.out
    assert "changed" not in lab.read(CONTROL, "cat " + path)
    done = play("playbooks/controller.yml")
    assert (done.rc, done.changed) == (0, 0), done.out


def test_check_looks_at_the_files_and_names_one_that_is_missing():
    done = play("playbooks/check.yml", "-e", "check_sample=1")
    assert "other files of bundle" in " ".join(done.out.split()), done.out
    # Removed and not moved away: a file of a bundle with a name in an unknown place is refused.
    lab.read("index", "rm /var/lib/airgap-files/current/files/ca.pem")
    done = play("playbooks/check.yml", "-e", "check_sample=1")
    assert done.rc != 0 and "ca.pem of bundle" in " ".join(done.out.split()), done.out
    done = play("playbooks/index.yml")
    assert done.rc == 0, done.out
    assert lab.read(CONTROL, "python3 /tmp/fetch.py ca.pem")
