# SPDX-License-Identifier: GPL-3.0-or-later
"""install.sh on three Debians, with only a shell and Python: no Ansible, no pip, no ensurepip, no index."""

from __future__ import annotations

import pytest
from conftest import ASIDE, NODES, on, read, staged_aside

SCRIPT = "sh %s/bundle/install.sh" % ASIDE
VERIFIED = "--allowed-signers %s/allowed --required 2" % ASIDE
CODE = "import jmespath, yaml; print(yaml.__with_libyaml__, jmespath.__version__)"


@pytest.fixture(name="bundle", scope="module")
def bundle_fixture(tmp_path_factory):
    """Put a bundle with uv, which two officers signed, on the nodes."""
    sets = [{"name": "tool", "requirements": ["jmespath", "pyyaml"]}]
    with staged_aside(str(tmp_path_factory.mktemp("aside")), sets, stage_tools=["uv"]):
        yield


def as_ops(node, command):
    """Run a command on a node as a user who is not root."""
    return on(node, "cd / && runuser -u ops -- sh -c '%s'" % command)


@pytest.mark.parametrize("node", NODES)
def test_a_user_installs_a_verified_set_on_a_debian_without_pip(bundle, node):
    assert on(node, "python3 -m pip --version || python3 -m ensurepip --version").rc != 0
    result = as_ops(node, "%s tool %s --venv %s/venv" % (SCRIPT, VERIFIED, ASIDE))
    assert result.rc == 0, result.out
    assert "Verified: signed by alice@example.org (SHA256:" in result.out
    assert "set tool for target %s into" % node in result.out
    assert "  jmespath " in result.out
    assert read(node, "%s/venv/bin/python -c '%s'" % (ASIDE, CODE)).startswith("True ")
    again = as_ops(node, "%s tool --venv %s/venv" % (SCRIPT, ASIDE))
    assert again.rc == 0
    assert "Already installed" in again.out and "UNVERIFIED" in again.out


@pytest.mark.parametrize("node", NODES)
def test_uv_of_the_bundle_installs_the_same_if_it_can_run(bundle, node):
    result = as_ops(node, "%s tool --uv --venv %s/with-uv" % (SCRIPT, ASIDE))
    if node == "node39":
        # Debian 11 has Python 3.9 without distutils, which uv needs.
        assert result.rc == 1
        assert "distutils" in result.out and "leave out --uv" in result.out
        assert on(node, "test -e %s/with-uv" % ASIDE).rc != 0
        return
    assert result.rc == 0, result.out
    assert read(node, "%s/with-uv/bin/python -c '%s'" % (ASIDE, CODE)).startswith("True ")
    assert "Already installed" in as_ops(node, "%s tool --venv %s/with-uv" % (SCRIPT, ASIDE)).out


@pytest.mark.parametrize("node", NODES)
def test_the_nodes_target_is_found_and_others_are_refused(bundle, node):
    listing = on(node, SCRIPT + " --list").out
    assert "tool  for node39, node311, node313  (here: %s)" % node in listing
    other = "node313" if node != "node313" else "node39"
    result = on(node, "%s tool --target %s --venv %s/other" % (SCRIPT, other, ASIDE))
    assert result.rc == 1
    assert "Target %s (python is 3." % other in result.out


@pytest.mark.parametrize("node", NODES)
def test_error_for_a_folder_without_write_access_names_the_folder(bundle, node):
    result = as_ops(node, SCRIPT + " tool --venv /opt/airgap-alone")
    assert result.rc == 1
    assert "/opt/airgap-alone cannot be written: Permission denied" in result.out


@pytest.mark.parametrize("node", NODES)
def test_a_damaged_or_unsigned_bundle_is_refused_by_name(bundle, node):
    copy = ASIDE + "/copy"
    read(node, "rm -rf %s && cp -a %s/bundle %s" % (copy, ASIDE, copy))
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
