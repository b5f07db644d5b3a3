# SPDX-License-Identifier: GPL-3.0-or-later
"""One site has each kind of index in turn, on real hosts: by one variable and a run, and nodes that are not changed go on installing.

The tests run in order: what one leaves, the next finds.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time

import pytest
from conftest import NODES, ROOT, fetch, on, play, read, run

from tests.conformance.running import conform

INVENTORY = os.path.join(ROOT, "molecule/indexes/inventory")
URL = "https://10.213.71.20/airgap/prod/+simple/"
WITHDRAWN = "jmespath==1.0.1"
# The programs that kinds of index run behind the front.
SERVERS = ("devpi-server", "pypiserver")
# Each kind after the former: the kind, the playbook, and whether its conformance is tested. The bundle does not have pypiserver
# before it is staged with that kind.
CHAIN = (
    ("devpi", "index", True),
    ("static", "index", False),
    ("pypiserver", "site", True),
    ("devpi", "index", False),
    ("static", "index", False),
)
FOLDER = {
    "airgap_index_kind": "folder",
    "static_dir": "/mnt/python",
    "static_mount": "/mnt/python",
    "pip_conf_index_url": "file:///mnt/python/current/airgap/prod/+simple/",
}
# A pypiserver that the site runs on one of its hosts, and that wants a password of those who upload.
HOST, PORT, USER, PASSWORD = "node311", 8080, "publisher", "publisher's secret: #1"
EXTERNAL = {
    "airgap_index_kind": "external",
    "pip_conf_index_url": "http://10.213.71.111:%d/simple/" % PORT,
    "publish_upload_url": "http://10.213.71.111:%d/" % PORT,
    "publish_upload_user": USER,
    "publish_upload_password": PASSWORD,
}
START = """
mkdir -p /srv/site/packages
cd /srv/site
tar -xf -
./airgap-pypiserver/bin/python -c "
import sys; from passlib.apache import HtpasswdFile as H; h = H(sys.argv[1], new=True); h.set_password(*sys.argv[2:]); h.save()
" htpasswd "$1" "$2"
systemd-run --quiet --unit=site-pypiserver /srv/site/airgap-pypiserver/bin/python -m pypiserver \\
  run -i 0.0.0.0 -p "$3" -P /srv/site/htpasswd -a update /srv/site/packages
"""
ANONYMOUS = """
import urllib.error, urllib.request
try:
    print(urllib.request.urlopen('%s', b':action=file_upload').status)
except urllib.error.HTTPError as error:
    print(error.code)
"""
INSTALL_ONCE = (
    "rm -rf /tmp/kinds && /opt/airgap/base/bin/pip install -q --no-cache-dir --target /tmp/kinds flask requests"
)
# What a node does over and over while the kind of its index changes: several projects, without a cache.
INSTALL = (
    """
rm -f /tmp/kinds.log /tmp/kinds.stop
until [ -e /tmp/kinds.stop ]; do
  if %s > /tmp/kinds.out 2>&1
  then echo installed; else echo "failed: $(cat /tmp/kinds.out)"; fi >> /tmp/kinds.log
done
"""
    % INSTALL_ONCE
)
SETTINGS = "sha256sum /etc/pip.conf /etc/uv/uv.toml /etc/airgap/ca.pem; grep airgap-index.internal /etc/hosts"


def play_site(playbook, *options, **variables):
    """Play a playbook on this scenario's site; it must succeed. Return the result."""
    result = play("playbooks/%s.yml" % playbook, "-i", INVENTORY, *options, "-e", json.dumps(variables))
    assert result.failed == 0 and result.rc == 0, result.out[-3000:]
    assert PASSWORD not in result.out
    return result


def check_what_runs(**variables):
    """A second run must change nothing, neither on the index host nor on nodes, and the check must pass."""
    for playbook in ("index", "nodes"):
        result = play_site(playbook, **variables)
        assert result.changed == 0, result.out
    play_site("check", check_sample=0, backup_state="absent", **variables)


def conforms(column, folder):
    """Run the conformance test in the network of a node, against the index of the lab."""
    process = run(["podman", "inspect", "--format", "{{.State.Pid}}", "airgap-node311"]).out.strip()
    (folder / "ca.pem").write_text(read("node311", "cat /etc/airgap/ca.pem") + "\n")
    prefix = ["nsenter", "--net=/proc/%s/ns/net" % process]
    conform(column, URL, folder / "ca.pem", folder, WITHDRAWN, prefix)


@contextlib.contextmanager
def node_installs():
    """Let a node install over and over; yields a list that has what became of each at the end."""
    done: list[str] = []
    process = subprocess.Popen(["podman", "exec", "airgap-node311", "sh", "-c", INSTALL])
    try:
        yield done
        # One more, at least, after the change.
        time.sleep(5)
    finally:
        read("node311", "touch /tmp/kinds.stop")
        process.wait(timeout=60)
    text = read("node311", "cat /tmp/kinds.log")
    done += [line for line in text.splitlines() if line.startswith(("installed", "failed"))]


def running():
    """Return the programs behind the front that run now, and those that run at boot."""
    states = ("is-active", "active"), ("is-enabled", "enabled")
    return [
        [one for one in SERVERS if on("index", "systemctl %s %s" % (verb, one)).out.strip() == state]
        for verb, state in states
    ]


def settings():
    """Return what the clients of each node have."""
    return {node: read(node, SETTINGS) for node in NODES}


@pytest.fixture(name="former", scope="module")
def former_fixture():
    """Return what the clients of each node have before the kind changes for the first time."""
    return settings()


@pytest.fixture(name="elsewhere")
def elsewhere_fixture(former):
    """Return a function that gives nodes an index at another address; afterwards they have the former one again."""

    def change(variables):
        play_site("index", **variables)
        play_site("nodes", **variables)
        check_what_runs(**variables)
        for node in NODES:
            assert "index-url = %s" % variables["pip_conf_index_url"] in read(node, "cat /etc/pip.conf").splitlines()
            read(node, INSTALL_ONCE)
        assert on("index", "systemctl is-active airgap-front.service").out.strip() == "inactive"
        assert running() == [[], []]

    yield change
    play_site("index")
    play_site("nodes")
    assert settings() == former


def withdraw(how):
    """Withdraw a version, or restore it."""
    play_site("withdraw", withdraw=[WITHDRAWN], withdraw_how=how, withdraw_reason="it is old")


def test_static_index_conforms(tmp_path):
    withdraw("yanked")
    conforms("static", tmp_path)
    assert running() == [[], []]
    assert on("index", "ls -d /var/lib/devpi-server /opt/airgap/airgap-devpi").rc != 0


def test_static_front_has_no_network_of_its_own():
    assert read("index", "systemctl show --value -p PrivateNetwork airgap-front.service") == "yes"


def test_kind_that_cannot_serve_what_is_yanked_is_refused_and_the_former_one_served():
    try:
        result = play("playbooks/index.yml", "-i", INVENTORY, "-e", "airgap_index_kind=devpi")
        assert result.failed == 1
        assert "devpi-server cannot serve a version as yanked" in " ".join(result.out.split())
        assert read("node311", INSTALL_ONCE + " && echo installed") == "installed"
        assert read("index", "systemctl show --value -p PrivateNetwork airgap-front.service") == "yes"
    finally:
        withdraw("restored")


@pytest.mark.parametrize(("kind", "playbook", "conforming"), CHAIN, ids=[kind for kind, _playbook, _test in CHAIN])
def test_kind_changes_by_one_variable_and_a_run_while_nodes_install(kind, playbook, conforming, former, tmp_path):
    with node_installs() as installed:
        play_site(playbook, airgap_index_kind=kind)
    assert installed.count("installed") > 2, installed
    # The one install at the moment of a change to devpi may have had the former page, and find no file at its addresses.
    failed = [line for line in installed if line != "installed"]
    assert len(failed) <= (kind == "devpi") and all("404" in line for line in failed), failed
    check_what_runs(airgap_index_kind=kind)
    server = [one for one in SERVERS if one.startswith(kind)]
    assert running() == [server, server]
    assert read("index", "ls -A /var/lib/devpi-server/+files")
    for node in NODES:
        read(node, INSTALL_ONCE)
    assert settings() == former
    if conforming:
        column = kind
        if kind == "devpi":
            column += " " + fetch("+status")["result"]["versioninfo"]["devpi-server"].partition(".")[0]
        conforms(column, tmp_path)


def test_static_index_conforms_after_it_was_others(tmp_path):
    withdraw("yanked")
    conforms("static", tmp_path)
    withdraw("restored")


def test_nodes_install_from_a_folder_that_they_mount(elsewhere):
    elsewhere(FOLDER)
    for node in NODES:
        assert on(node, "touch /mnt/python/current").rc != 0


def test_nodes_install_from_a_server_that_the_site_runs(elsewhere):
    # It is installed from the bundle, as a site would do it by hand.
    pack = "podman exec airgap-index tar -C /opt/airgap -chf - airgap-pypiserver"
    unpack = 'podman exec -i airgap-%s sh -euc "$0" - "$@"' % HOST
    result = run(["bash", "-o", "pipefail", "-c", "%s | %s" % (pack, unpack), START, USER, PASSWORD, str(PORT)])
    assert result.rc == 0, result.out
    try:
        elsewhere(EXTERNAL)
        assert read("node313", 'python3 -c "%s"' % (ANONYMOUS % EXTERNAL["publish_upload_url"])) == "401"
    finally:
        on(HOST, "systemctl stop site-pypiserver; rm -rf /srv/site")


def test_teardown_removes_the_servers_that_are_stopped_and_keeps_their_data():
    play_site("teardown")
    removed = ["/etc/systemd/system/%s.service" % name for name in (*SERVERS, "airgap-front")]
    removed += ["/opt/airgap/airgap-devpi", "/opt/airgap/airgap-pypiserver", "/var/lib/airgap-static/current"]
    assert on("index", "ls -d " + " ".join(removed)).out.count("No such file") == len(removed)
    for path in ("/var/lib/devpi-server/.serverversion", "/var/lib/airgap-pypiserver"):
        assert on("index", "ls -d " + path).rc == 0
