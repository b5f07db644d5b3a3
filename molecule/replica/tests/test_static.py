# SPDX-License-Identifier: GPL-3.0-or-later
"""Two index hosts serve static files: they switch together, and nodes go on installing when the first one dies."""

from __future__ import annotations

import json

import pytest
from conftest import INDEXES, bring_inside, drop, install_while, lab, play, start_again

STATIC = ("-e", "airgap_index_kind=static")


def served():
    """Return the release that each index host serves."""
    return [lab.read(host, "readlink /var/lib/airgap-static/current") for host in INDEXES]


@pytest.fixture(name="whole_lab")
def whole_lab_fixture():
    """Start the hosts again after a test in which one died."""
    yield
    start_again()


def test_each_index_host_serves_the_bundle_with_a_certificate_of_its_own():
    assert len(set(served())) == 1
    assert len({lab.read(host, "sha256sum < /etc/airgap-front/ca.pem") for host in INDEXES}) == 2
    assert {lab.read(host, "tail -n 1 /srv/airgap/ledger.jsonl | grep -c '\"ok\"'") for host in INDEXES} == {"1"}


def test_nodes_know_all_index_hosts_under_one_name():
    for node in lab.NODES:
        assert "https://airgap-index.internal/" in lab.read(node, "cat /etc/pip.conf")
        found = lab.read(node, "getent ahostsv4 airgap-index.internal | cut -d' ' -f1 | sort -u").split()
        assert found == ["10.213.71.20", "10.213.71.21"]
        assert lab.read(node, "grep -c BEGIN /etc/airgap/ca.pem") == "2"


def test_second_run_changes_nothing():
    for playbook in ("playbooks/transfer.yml", "playbooks/index.yml", "playbooks/nodes.yml"):
        for mode in ((), ("--check", "--diff")):
            done = play(playbook, *STATIC, *mode)
            assert (done.rc, done.changed) == (0, 0), done.out


def test_bundle_from_a_disk_reaches_both_and_a_second_run_changes_nothing():
    bring_inside(STATIC, "static-disk", "six")
    assert len(set(served())) == 1


@pytest.mark.parametrize("node", ["node39", "node313"])
def test_pip_and_uv_go_on_with_the_next_address_where_the_first_does_not_answer(node):
    pip = "/opt/airgap/base/bin/pip install --quiet --no-cache-dir --target /tmp/%s %s"
    lab.read(node, "rm -rf /tmp/uv /tmp/dropped; " + pip % ("uv", "uv"))
    first = lab.read(node, "getent ahostsv4 airgap-index.internal").split()[0]
    uv = "SSL_CERT_FILE=/etc/airgap/ca.pem /tmp/uv/bin/uv pip install --quiet --no-cache --target /tmp/dropped flask"
    uv += " --python /opt/airgap/base/bin/python --default-index https://airgap-index.internal/airgap/prod/+simple/"
    with drop(node, {"10.213.71.20": "index", "10.213.71.21": "index2"}[first]):
        # uv imports what Debian has in a package of its own for Python 3.9.
        for install in (pip % ("dropped", "flask"),) + ((uv,) if node != "node39" else ()):
            lab.read(node, install + " && test -e /tmp/dropped/flask/__init__.py && rm -rf /tmp/dropped")


def test_index_host_that_cannot_take_the_bundle_keeps_the_others_from_switching():
    before = served()
    lab.read("index2", "chmod 777 /var/lib/airgap-static/releases")
    what = {"withdraw": ["jmespath==1.1.0"], "withdraw_reason": "a test", "withdraw_how": "yanked"}
    try:
        done = play("playbooks/withdraw.yml", *STATIC, "-e", json.dumps(what))
    finally:
        lab.read("index2", "chmod 755 /var/lib/airgap-static/releases")
    assert done.rc != 0 and "all index hosts switch together" in " ".join(done.out.split()), done.out
    assert served() == before
    done = play("playbooks/index.yml", *STATIC)
    assert done.rc == 0, done.out
    after = served()
    assert len(set(after)) == 1 and after != before
    done = play("playbooks/withdraw.yml", *STATIC, "-e", json.dumps(dict(what, withdraw_how="restored")))
    assert done.rc == 0, done.out
    assert len(set(served())) == 1


def test_version_withdrawn_while_an_index_host_was_away_is_withdrawn_there_in_the_next_run():
    what = json.dumps({"withdraw": ["jmespath==1.1.0"], "withdraw_reason": "a test"})
    done = play("playbooks/withdraw.yml", *STATIC, "-e", what, "--limit", "index")
    assert done.rc == 0, done.out
    assert len(set(served())) == 2
    done = play("playbooks/index.yml", *STATIC)
    assert done.rc == 0, done.out
    assert len(set(served())) == 1
    for host in INDEXES:
        assert lab.read(host, "find /var/lib/airgap-static/current/ -name 'jmespath*'") == ""
    done = play("playbooks/withdraw.yml", *STATIC, "-e", what, "-e", "withdraw_how=restored")
    assert done.rc == 0, done.out
    assert len(set(served())) == 1


def test_no_install_fails_when_the_first_index_host_dies_among_20_and_all_index_hosts_are_served_again_later(whole_lab):
    failed, unfinished = install_while("index")
    assert failed == []
    assert unfinished >= 5
    # What is installed while it is down, with the playbook.
    done = play("playbooks/nodes.yml", *STATIC, "-e", "install_dir=/opt/second", "-e", '{"install_sets": ["base"]}')
    assert done.rc == 0, done.out
    assert "index cannot be reached" in done.out
    for node in lab.NODES:
        lab.read(node, "/opt/second/base/bin/python -c 'import requests' && rm -rf /opt/second")
