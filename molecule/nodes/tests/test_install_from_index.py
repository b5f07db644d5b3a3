# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that Ansible does not reach installs a set from the index with one command: install.sh, over https."""

from __future__ import annotations

import json
import os

import pytest
from conftest import ROOT, on, play, read

# A folder with nothing but the CA and the list of the officers.
HOST = "/var/tmp/airgap-from-index"
URL = "https://$(awk '/^index-url/ { split($3, part, \"/\"); print part[3] }' /etc/pip.conf)"
# The node has no curl.
GET = (
    "import ssl, sys, urllib.request as r; "
    "context = ssl.create_default_context(cafile='ca.pem'); "
    "open('install.sh', 'wb').write(r.urlopen(sys.argv[1] + '/+bundle/install.sh', context=context).read())"
)
RUN = "sh install.sh %%s --index %s/airgap/prod/+simple/ --ca ca.pem %%s" % URL


def publish(installer):
    """Play index.yml with or without the installer."""
    return play("playbooks/index.yml", "-e", json.dumps({"publish_installer": installer}))


@pytest.fixture(name="node", scope="module")
def node_fixture():
    """Serve install.sh, and prepare a node that has a Python and no pip; return its name."""
    result = publish(True)
    assert (result.rc, result.failed) == (0, 0), result.out[-3000:]
    with open(os.path.join(ROOT, ".lab/officer_ed25519.pub"), encoding="utf-8") as stream:
        signer = "officer@lab " + " ".join(stream.read().split()[:2])
    read("node39", "rm -rf %s && mkdir %s && cp /etc/airgap/ca.pem %s/" % (HOST, HOST, HOST))
    read("node39", "echo '%s' > %s/allowed" % (signer, HOST))
    yield "node39"
    read("node39", "rm -rf " + HOST)
    result = publish(False)
    assert (result.rc, result.failed) == (0, 0), result.out[-3000:]
    assert on("index", "ls /var/lib/airgap-files/current/bundle").rc != 0


def on_node(node, command):
    """Run a command on the node, in the folder that has the CA."""
    return on(node, "cd %s && %s" % (HOST, command))


def test_one_command_installs_a_verified_set(node):
    command = 'python3 -c "%s" "%s" && ' % (GET, URL) + RUN % (
        "base",
        "--allowed-signers allowed --venv %s/venv" % HOST,
    )
    result = on_node(node, command)
    assert result.rc == 0, result.out
    assert "Verified: signed by officer@lab (SHA256:" in result.out
    assert "set base for target node39 into" in result.out
    assert read(node, "%s/venv/bin/python -c 'import flask; print(flask.__name__)'" % HOST) == "flask"
    # What Ansible installs from the same bundle is the same.
    names = "import importlib.metadata as m; print(sorted((d.metadata['Name'], d.version) for d in m.distributions()))"
    assert read(node, '%s/venv/bin/python -c "%s"' % (HOST, names)) == read(
        node, '/opt/airgap/base/bin/python -c "%s"' % names
    )
    again = on_node(node, RUN % ("base", "--allowed-signers allowed --venv %s/venv" % HOST))
    assert again.rc == 0 and "Already installed" in again.out
    assert on(node, "ls -d /tmp/airgap-install-*").rc != 0


def test_a_bundle_of_other_officers_is_refused(node):
    read(node, "cd %s && ssh-keygen -q -t ed25519 -N '' -f other" % HOST)
    read(node, "cd %s && (printf 'eve@example.org '; cat other.pub) > others" % HOST)
    result = on_node(node, RUN % ("base", "--allowed-signers others --venv %s/refused" % HOST))
    assert result.rc == 1
    assert "1 of 1 required signatures is missing" in result.out
    assert on(node, "test -e %s/refused" % HOST).rc != 0


def test_another_ca_is_refused(node):
    result = on_node(node, RUN.replace("--ca ca.pem", "--ca /etc/ssl/certs/ca-certificates.crt") % ("--list", ""))
    assert result.rc == 1 and "cannot be read" in result.out


def test_a_second_run_serves_the_same(node):
    result = publish(True)
    assert (result.rc, result.failed, result.changed) == (0, 0, 0), result.out[-3000:]
