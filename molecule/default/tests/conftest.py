# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as the tests see it: commands on its hosts, playbooks on its inventory."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import types

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
INVENTORY = os.path.join(ROOT, "inventories/lab")
BIN = os.path.dirname(sys.executable)
NODES = ("node39", "node311", "node313")
BUNDLE = "/srv/airgap/bundle"
# Where a bundle that is not the site's is, on the internet host and on the nodes.
ASIDE = "/var/tmp/airgap-aside"


def run(command, **options):
    """Run a command on this machine; return its status and its output."""
    options.setdefault("cwd", ROOT)
    process = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)
    return types.SimpleNamespace(rc=process.returncode, out=process.stdout.decode("utf-8", "replace"))


def on(host, command):
    """Run a shell command as root in a host of the lab."""
    return run(["podman", "exec", "airgap-" + host, "sh", "-c", command])


def read(host, command):
    """Return what a shell command prints in a host; it must succeed."""
    result = on(host, command)
    assert result.rc == 0, result.out
    return result.out.strip()


def play(*arguments, environment=None, inventory=INVENTORY, **options):
    """Run ansible-playbook; ``failed``, ``changed`` and ``hosts`` come from its recap."""
    command = [os.path.join(BIN, "ansible-playbook"), "-i", inventory] + list(arguments)
    result = run(command, env=dict(os.environ, ANSIBLE_FORCE_COLOR="0", **(environment or {})), **options)
    result.hosts = {}
    for line in result.out.splitlines():
        name, colon, figures = line.partition(" : ")
        if colon and "unreachable=" in figures:
            result.hosts[name.strip()] = {key: int(value) for key, value in (one.split("=") for one in figures.split())}
    result.failed = sum(one["failed"] + one["unreachable"] for one in result.hosts.values())
    result.changed = sum(one["changed"] for one in result.hosts.values())
    return result


def index_url(path=""):
    """Return a URL of the index on its own host."""
    return "http://127.0.0.1:3141/" + path


def fetch(path, accept="application/json"):
    """Return the JSON that the index responds to a request from its own host."""
    code = (
        "import urllib.request as r; "
        "print(r.urlopen(r.Request(%r, headers={'Accept': %r}), timeout=30).read().decode())"
        % (index_url(path), accept)
    )
    return json.loads(read("index", 'python3 -c "%s"' % code))


def served():
    """Return the serial of the index, which grows with every upload and every setting."""
    return fetch("+status")["result"]["serial"]


def wait_for_index(seconds=60):
    """Wait until the index answers; return whether it did."""
    for _unused in range(seconds):
        if (
            on("index", "python3 -c \"import urllib.request as r; r.urlopen('%s', timeout=5)\"" % index_url("+api")).rc
            == 0
        ):
            return True
        time.sleep(1)
    return False


def lock_pins(set_name, target):
    """Return name to version of a lock on the index host."""
    text = read("index", "cat %s/locks/%s/%s.txt" % (BUNDLE, set_name, target))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split(" ")[0].split("==") for line in lines)


@pytest.fixture(name="kept_bundle")
def kept_bundle_fixture():
    """Restore the bundle of the bastion after a test that damages it."""
    read("bastion", "rm -rf /srv/airgap/kept && cp -a %s /srv/airgap/kept" % BUNDLE)
    yield
    read("bastion", "rm -rf %s && mv /srv/airgap/kept %s" % (BUNDLE, BUNDLE))


def sign(folder, name):
    """Add an officer's signature to the bundle in a folder, with the line of its README.md; allow the key."""
    key = "%s/%s" % (folder, name)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    line = "ssh-keygen -q -Y sign -n airgap-bundle -f %s < SHA256SUMS >> SHA256SUMS.sig" % key
    subprocess.run(["sh", "-c", line], cwd=folder + "/bundle", check=True)
    with open(key + ".pub", encoding="utf-8") as public, open(folder + "/allowed", "a", encoding="utf-8") as allowed:
        allowed.write("%s@example.org %s" % (name, public.read()))


@contextlib.contextmanager
def staged_aside(folder, sets, **variables):
    """Stage a bundle of sets separately from the site, let two officers sign it, and copy it to the nodes."""
    try:
        # No index serves it, and nothing is written about it.
        values = {"airgap_index_kind": "folder", "stage_devpi_requirements": ["jmespath"]}
        values.update(stage_evidence=[], stage_audit="off", airgap_dir=ASIDE, airgap_sets=sets, **variables)
        result = play("playbooks/stage.yml", "-e", json.dumps(values))
        assert result.failed == 0, result.out[-2000:]
        assert run(["podman", "cp", "airgap-internet:%s/bundle" % ASIDE, folder]).rc == 0
        # The signature of the lab's own officer is not wanted here.
        run(["rm", "-f", folder + "/bundle/SHA256SUMS.sig"])
        sign(folder, "alice")
        sign(folder, "bob")
        for node in NODES:
            read(node, "mkdir -p " + ASIDE)
            for name in ("bundle", "allowed"):
                assert run(["podman", "cp", "%s/%s" % (folder, name), "airgap-%s:%s/" % (node, ASIDE)]).rc == 0
            read(node, "chmod -R a+rX %s && chmod 1777 %s" % (ASIDE, ASIDE))
        yield
    finally:
        for host in ("internet",) + NODES:
            on(host, "rm -rf " + ASIDE)
        shutil.rmtree(folder, ignore_errors=True)
