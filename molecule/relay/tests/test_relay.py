# SPDX-License-Identifier: GPL-3.0-or-later
"""A second site is fed from the first over two gaps: the same bytes, its own officers, and no other way in.

The tests run in order: what one leaves, the next finds.
"""

from __future__ import annotations

import json
import os

from conftest import BUNDLE, ROOT, on, play, read, run

FIRST = os.path.join(ROOT, "molecule/relay/first")
SECOND = os.path.join(ROOT, "molecule/relay/second")
OFFICER = os.path.join(ROOT, ".lab/second_officer_ed25519")
HOSTS = ("second-bastion", "second-index")
FILES = "cd %s && find . -type f | sort | xargs sha256sum" % BUNDLE
INSTALL = (
    "rm -rf /tmp/relay && /opt/airgap/base/bin/pip install -q --no-cache-dir --target /tmp/relay %s && ls /tmp/relay"
)
# A program that prints which of some addresses answer.
REACHED = """
import socket
for port, host in [%s]:
    try:
        socket.create_connection((host, port), timeout=3).close()
        print(host)
    except OSError:
        pass
"""


def play_second(playbook, *options):
    """Play a playbook on the second site; return the result."""
    return play("playbooks/%s.yml" % playbook, *options, inventory=SECOND)


def said(result):
    """Return the output of a run in one line."""
    return " ".join(result.out.split())


def approve():
    """Let the officer of the second site sign the bundle where it lies: on the index host of the first."""
    sums = read("index", "sha256sum < %s/SHA256SUMS" % BUNDLE).split()[0]
    done = play_second("approve", "-e", json.dumps({"approve_signing_key": OFFICER, "approve_sha256": sums}))
    assert done.rc == 0 and "officer@second" in done.out, done.out


def relay():
    """Relay what the first site serves, and compare what arrived with it, byte for byte."""
    done = play_second("relay")
    assert done.rc == 0, done.out
    for host in HOSTS:
        assert read(host, FILES) == read("index", FILES)
    assert read("second-index", "grep -c BEGIN %s/SHA256SUMS.sig" % BUNDLE) == "2"


def reached(host, *places):
    """Return the addresses that answer a host."""
    return read(host, 'python3 -c "%s"' % (REACHED % ", ".join(map(str, places)))).split()


def test_bundle_that_no_officer_of_the_second_site_signed_is_not_relayed():
    done = play_second("relay")
    assert done.rc != 0 and "1 of 1 required signatures is missing" in said(done), done.out
    for host in HOSTS:
        assert on(host, "ls " + BUNDLE).rc != 0


def test_second_site_gets_the_same_bytes_and_its_node_installs_from_it():
    approve()
    relay()
    assert "https://airgap-index.internal/second/prod/+simple/" in read("second-node", "cat /etc/pip.conf")
    assert "10.213.72.20" in read("second-node", "getent ahostsv4 airgap-index.internal")
    assert "requests" in read("second-node", INSTALL % "requests").split()
    read("second-node", "/opt/airgap/base/bin/python -c 'import jmespath, requests'")


def test_second_run_changes_nothing_in_either_site_and_the_check_passes():
    done = play_second("relay")
    assert (done.rc, done.changed) == (0, 0), done.out
    done = play_second("check", "-e", "check_sample=0", "-e", "backup_state=absent")
    assert done.rc == 0, done.out
    done = play("-i", FIRST, "playbooks/index.yml")
    assert (done.rc, done.changed) == (0, 0), done.out


def test_second_site_has_no_way_out_and_one_way_in():
    first, outside = (443, "10.213.71.20"), (22, "10.213.70.11")
    assert reached("second-bastion", first) == ["10.213.71.20"]
    for host in ("second-index", "second-node"):
        assert reached(host, first, outside, (22, "10.213.71.11"), (443, "10.213.72.20")) == ["10.213.72.20"]
        assert read(host, "ip route show default") == ""
    # The same key and user from two places: only the source address of ssh differs.
    options = "-F none -o BatchMode=yes -o ConnectTimeout=10 -o StrictHostKeyChecking=yes -o GlobalKnownHostsFile=none"
    options += " -o UserKnownHostsFile=.lab/known_hosts.second -i .lab/id_ed25519 ops@10.213.72.20 hostname"
    script = os.path.join(ROOT, "molecule/lab/files/ssh-from.sh")
    assert run([script, "airgap-second-bastion", *options.split()]).out.strip() == "second-index"
    done = run([script, "airgap-second-node", *options.split()])
    assert done.rc == 255 and "Permission denied" in done.out


def test_next_bundle_of_the_first_site_reaches_the_second():
    sets = [{"name": "base", "requirements": ["jmespath", "requests", "colorama"], "targets": ["node311"]}]
    values = json.dumps({"airgap_sets": sets})
    for playbook in ("stage", "transfer"):
        done = play("-i", FIRST, "playbooks/%s.yml" % playbook, "-e", values)
        assert done.rc == 0, done.out
    done = play_second("relay")
    assert done.rc != 0 and "required signatures is missing" in said(done), done.out
    approve()
    # It has arrived in the first site, and is not served there.
    done = play_second("relay")
    assert done.rc != 0 and "Nothing was relayed. Play index in the first site" in said(done), done.out
    done = play("-i", FIRST, "playbooks/index.yml", "-e", values)
    assert done.rc == 0, done.out
    relay()
    read("second-node", "/opt/airgap/base/bin/python -c 'import colorama'")
