# SPDX-License-Identifier: GPL-3.0-or-later
"""install.sh on three Debians, with only a shell and Python: no Ansible, no pip, no ensurepip, no index."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from conftest import NODES, on, play, read, run

ELSEWHERE = "/var/tmp/airgap-alone"
SCRIPT = "sh %s/bundle/install.sh" % ELSEWHERE
VERIFIED = "--allowed-signers %s/allowed --required 2" % ELSEWHERE
CODE = "import jmespath, yaml; print(yaml.__with_libyaml__, jmespath.__version__)"


def sign(folder, name):
    """Add an officer's signature to the bundle in a folder, with the line of its README.md; allow the key."""
    key = "%s/%s" % (folder, name)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    line = "ssh-keygen -q -Y sign -n airgap-bundle -f %s < SHA256SUMS >> SHA256SUMS.sig" % key
    subprocess.run(["sh", "-c", line], cwd=folder + "/bundle", check=True)
    with open(key + ".pub", encoding="utf-8") as public, open(folder + "/allowed", "a", encoding="utf-8") as allowed:
        allowed.write("%s@example.org %s" % (name, public.read()))


@pytest.fixture(name="bundle", scope="module")
def bundle_fixture(tmp_path_factory):
    """Stage a small bundle with uv, let two officers sign it, and copy it to the nodes."""
    sets = [{"name": "tool", "requirements": ["jmespath", "pyyaml"]}]
    folder = str(tmp_path_factory.mktemp("alone"))
    try:
        values = {"airgap_dir": ELSEWHERE, "airgap_sets": sets, "stage_tools": ["uv"]}
        result = play("playbooks/stage.yml", "-e", json.dumps(values))
        assert result.failed == 0, result.out[-2000:]
        assert run(["podman", "cp", "airgap-internet:%s/bundle" % ELSEWHERE, folder]).rc == 0
        # The signature of the lab's own officer is not wanted here.
        run(["rm", "-f", folder + "/bundle/SHA256SUMS.sig"])
        sign(folder, "alice")
        sign(folder, "bob")
        for node in NODES:
            read(node, "mkdir -p " + ELSEWHERE)
            for name in ("bundle", "allowed"):
                assert run(["podman", "cp", "%s/%s" % (folder, name), "airgap-%s:%s/" % (node, ELSEWHERE)]).rc == 0
            read(node, "chmod -R a+rX %s && chmod 1777 %s" % (ELSEWHERE, ELSEWHERE))
        yield folder
    finally:
        for host in ("internet",) + NODES:
            on(host, "rm -rf " + ELSEWHERE)
        shutil.rmtree(folder, ignore_errors=True)


def as_ops(node, command):
    """Run a command on a node as a user who is not root."""
    return on(node, "cd / && runuser -u ops -- sh -c '%s'" % command)


@pytest.mark.parametrize("node", NODES)
def test_a_user_installs_a_verified_set_on_a_debian_without_pip(bundle, node):
    assert on(node, "python3 -m pip --version || python3 -m ensurepip --version").rc != 0
    result = as_ops(node, "%s tool %s --venv %s/venv" % (SCRIPT, VERIFIED, ELSEWHERE))
    assert result.rc == 0, result.out
    assert "Verified: signed by alice@example.org (SHA256:" in result.out
    assert "set tool for target %s into" % node in result.out
    assert "  jmespath " in result.out
    assert read(node, "%s/venv/bin/python -c '%s'" % (ELSEWHERE, CODE)).startswith("True ")
    again = as_ops(node, "%s tool --venv %s/venv" % (SCRIPT, ELSEWHERE))
    assert again.rc == 0
    assert "Already installed" in again.out and "UNVERIFIED" in again.out


@pytest.mark.parametrize("node", NODES)
def test_uv_of_the_bundle_installs_the_same_if_it_can_run(bundle, node):
    result = as_ops(node, "%s tool --uv --venv %s/with-uv" % (SCRIPT, ELSEWHERE))
    if node == "node39":
        # Debian 11 has Python 3.9 without distutils, which uv needs.
        assert result.rc == 1
        assert "distutils" in result.out and "leave out --uv" in result.out
        assert on(node, "test -e %s/with-uv" % ELSEWHERE).rc != 0
        return
    assert result.rc == 0, result.out
    assert read(node, "%s/with-uv/bin/python -c '%s'" % (ELSEWHERE, CODE)).startswith("True ")
    assert "Already installed" in as_ops(node, "%s tool --venv %s/with-uv" % (SCRIPT, ELSEWHERE)).out


@pytest.mark.parametrize("node", NODES)
def test_the_nodes_target_is_found_and_others_are_refused(bundle, node):
    listing = on(node, SCRIPT + " --list").out
    assert "tool  for node39, node311, node313  (here: %s)" % node in listing
    other = "node313" if node != "node313" else "node39"
    result = on(node, "%s tool --target %s --venv %s/other" % (SCRIPT, other, ELSEWHERE))
    assert result.rc == 1
    assert "Target %s (python is 3." % other in result.out


@pytest.mark.parametrize("node", NODES)
def test_error_for_a_folder_without_write_access_names_the_folder(bundle, node):
    result = as_ops(node, SCRIPT + " tool --venv /opt/airgap-alone")
    assert result.rc == 1
    assert "/opt/airgap-alone cannot be written: Permission denied" in result.out


@pytest.mark.parametrize("node", NODES)
def test_a_damaged_or_unsigned_bundle_is_refused_by_name(bundle, node):
    copy = ELSEWHERE + "/copy"
    read(node, "rm -rf %s && cp -a %s/bundle %s" % (copy, ELSEWHERE, copy))
    check = "%s --bundle %s --verify-only %s" % (SCRIPT, copy, VERIFIED)
    assert on(node, check).rc == 0
    wheel = read(node, "ls %s/wheels/jmespath-*" % copy)
    read(node, "printf X | dd of=%s bs=1 seek=100 conv=notrunc status=none" % wheel)
    result = on(node, check)
    assert result.rc == 1
    assert "%s has sha256" % wheel in result.out
    read(node, "echo >> %s/SHA256SUMS" % copy)
    result = on(node, check)
    assert result.rc == 1
    assert "%s/SHA256SUMS.sig: 2 of 2 required signatures are missing" % copy in result.out
    assert result.out.count("other content") == 2
