# SPDX-License-Identifier: GPL-3.0-or-later
"""The front of the index: https with a certificate that renews itself, a sandbox, and a sentence where the server is down."""

from __future__ import annotations

import pytest
from conftest import NODES, on, play, read, wait_for_index

UNIT = "airgap-front.service"
DOWNLOAD = "/opt/airgap/base/bin/pip download --quiet --retries 0 --no-deps -d /tmp/front flask"
# Issue a certificate as of some days ago, as a clock that was wrong or a timer that did not run would have left it.
ISSUE_BEFORE = """
import datetime, importlib.util, os
spec = importlib.util.spec_from_file_location("program", "/opt/airgap/airgap-front/site_certificate.py")
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)
os.unlink("/etc/airgap-front/server.pem")
program.run("/etc/airgap-front", False, datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=%d))
"""
GET = """
import ssl, sys, time, urllib.error, urllib.request
context = ssl.create_default_context(cafile="/etc/airgap/ca.pem")
started = time.monotonic()
try:
    urllib.request.urlopen("https://10.213.71.20" + sys.argv[1], context=context, timeout=60)
    print("open")
except urllib.error.HTTPError as error:
    print(error.code, error.headers["Retry-After"], error.read().decode(), time.monotonic() - started < 20)
"""


def get(path):
    """Return what a node gets of the index."""
    return read("node311", "python3 -c '%s' %s" % (GET, path))


def served():
    """Return what openssl reports of the certificate that the front serves."""
    return read("index", "openssl s_client -connect 127.0.0.1:443 < /dev/null 2> /dev/null | openssl x509 -noout -text")


def test_front_sees_its_files_only_and_is_neither_root_nor_privileged():
    pid = read("index", "systemctl show --value -p MainPID " + UNIT)
    assert read("index", "stat -c %%U /proc/%s" % pid) == "airgap-front"
    status = read("index", "cat /proc/%s/status" % pid)
    assert "CapEff:\t0000000000000000" in status and "CapBnd:\t0000000000000000" in status
    seen = set(read("index", "ls /proc/%s/root/etc /proc/%s/root/opt/airgap" % (pid, pid)).split())
    assert {"airgap-front"} == {one for one in seen if not one.startswith("/")}
    assert on("index", "su -s /bin/sh airgap-front -c 'cat /var/lib/devpi-server/.sqlite'").rc != 0
    assert on("index", "su -s /bin/sh airgap-front -c 'cat /etc/airgap-front/ca.key'").rc != 0


@pytest.mark.parametrize("node", NODES)
def test_index_is_reached_with_https_and_devpi_by_nobody(node):
    assert read(node, DOWNLOAD + " && echo done") == "done"
    code = 'import socket; socket.create_connection((\\"10.213.71.20\\", 3141), 5)'
    assert "refused" in on(node, 'python3 -c "%s"' % code).out


def test_certificate_that_ended_is_renewed_by_the_timer_and_by_a_run():
    assert read("index", "systemctl is-active airgap-front-renew.timer") == "active"
    for renew in (lambda: read("index", "systemctl start airgap-front-renew"), lambda: play("playbooks/index.yml")):
        read("index", "/opt/airgap/airgap-front/bin/python -c '%s'" % (ISSUE_BEFORE % 400))
        read("index", "systemctl reload %s && sleep 1" % UNIT)
        assert on("node311", DOWNLOAD).rc != 0
        assert "certificate has expired" in on("node311", "python3 -c '%s' /+api" % GET).out
        renew()
        assert read("node311", "sleep 1; %s && echo done" % DOWNLOAD) == "done"


@pytest.mark.long
def test_given_certificate_then_http_only_by_name_then_the_own_certificate_again():
    make = (
        "mkdir -p /etc/ssl/site && cd /etc/ssl/site && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out all.pem "
        "-days 30 -subj /CN=given -addext subjectAltName=IP:10.213.71.20 2> /dev/null"
    )
    read("index", make)
    given = {"front_certificate": "all.pem", "front_certificate_key": "key.pem", "front_ca_certificate": "all.pem"}
    options = [word for name, path in given.items() for word in ("-e", "%s=/etc/ssl/site/%s" % (name, path))]
    try:
        result = play("playbooks/index.yml", "--tags", "front", *options)
        assert result.failed == 0, result.out[-2000:]
        assert "CN = given" in served()
        assert play("playbooks/nodes.yml", "--limit", "node311", "--tags", "pip_conf", *options).failed == 0
        assert read("node311", DOWNLOAD + " && echo done") == "done"
        wrong = play(
            "playbooks/index.yml", "--tags", "front", *options, "-e", "front_certificate_key=/etc/airgap-front/ca.key"
        )
        assert "is not the certificate of the key" in " ".join(wrong.out.split())
        assert read("node311", DOWNLOAD + " && echo done") == "done"
        assert play("playbooks/index.yml", "--tags", "front", "-e", "front_tls=false").failed == 0
        assert read("index", "ls /etc/airgap-front") == "ca.key\nca.pem\nnginx.conf"
        node = play("playbooks/nodes.yml", "--limit", "node311", "--tags", "pip_conf", "-e", "front_tls=false")
        assert node.failed == 0, node.out[-2000:]
        assert "http://10.213.71.20/airgap/prod" in read("node311", "cat /etc/pip.conf")
        assert read("node311", DOWNLOAD + " && echo done") == "done"
    finally:
        read("index", "rm -r /etc/ssl/site")
        assert play("playbooks/index.yml").failed == 0
        # The CA is a new one, which every node needs.
        assert play("playbooks/nodes.yml", "--tags", "pip_conf").failed == 0
    assert "CN = given" not in served()
    assert "cert = /etc/airgap/ca.pem" in read("node311", "cat /etc/pip.conf")
    assert read("node311", DOWNLOAD + " && echo done") == "done"


@pytest.mark.parametrize("state", ["stopped", "hung"])
def test_server_that_is_down_is_answered_with_a_sentence_and_not_with_silence(state):
    read("index", "systemctl %s devpi-server" % ("stop" if state == "stopped" else "kill -s STOP"))
    try:
        said = get("/airgap/prod/+simple/flask/" if state == "stopped" else "/airgap/prod/+simple/never-asked/")
    finally:
        read("index", "systemctl kill -s CONT devpi-server; systemctl start devpi-server")
    assert said.startswith("503 5 The index is not available: devpi-server does not answer its front.")
    assert said.endswith("True")
    assert wait_for_index()
    assert get("/airgap/prod/+simple/flask/") == "open"


def test_port_in_use_is_named_and_the_front_stays():
    read("index", "systemd-run --unit=squatter python3 -m http.server 3999 --directory /run")
    try:
        result = play("playbooks/index.yml", "--tags", "front", "-e", "front_port=3999")
    finally:
        read("index", "systemctl stop squatter")
    said = " ".join(result.out.split())
    assert result.failed and "Port 3999 on this host is in use" in said and "set front_port" in said
    assert get("/airgap/prod/+simple/flask/") == "open"


def test_restart_of_the_front_refuses_no_client():
    read("index", "for one in 1 2 3; do systemctl restart %s; sleep 1; done > /dev/null 2>&1 &" % UNIT)
    code = "for one in $(seq 30); do python3 -c '%s' /+api; done" % GET
    assert set(read("node311", code).split("\n")) == {"open"}
