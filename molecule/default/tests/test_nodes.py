# SPDX-License-Identifier: GPL-3.0-or-later
"""A node gets the versions of its own lock from the index only, and they can be imported."""

from __future__ import annotations

import json
import time

import pytest
from conftest import NODES, lock_pins, on, play, read

IMPORTS = {
    "base": "jmespath, netaddr, requests, yaml, flask",
    "kubespray": "ansible, bcrypt, cryptography.hazmat.bindings._rust, jmespath, netaddr, passlib, yaml, jinja2",
}
INSTALLED = [(node, "base") for node in NODES] + [("node311", "kubespray"), ("node313", "kubespray")]


@pytest.mark.parametrize(("node", "name"), INSTALLED)
def test_node_imports_its_packages_in_the_locked_versions(node, name):
    python = "/opt/airgap/%s/bin/python" % name
    read(node, "%s -c 'import %s'" % (python, IMPORTS[name]))
    code = "import importlib.metadata as m, json; print(json.dumps({d.metadata['Name']: d.version for d in m.distributions()}))"
    found = {
        key.lower().replace("_", "-").replace(".", "-"): value
        for key, value in json.loads(read(node, '%s -c "%s"' % (python, code))).items()
    }
    found.pop("pip", None)
    locked = lock_pins(name, node)
    locked.pop("pip", None)
    assert found == locked


def test_markers_were_those_of_the_node():
    assert "importlib-metadata" in lock_pins("base", "node39")
    assert "importlib-metadata" not in lock_pins("base", "node313")


def test_node39_does_not_have_a_set_for_other_targets():
    assert on("node39", "test -e /opt/airgap/kubespray").rc != 0


@pytest.mark.parametrize("node", NODES)
def test_pip_of_a_user_on_the_node_uses_the_index_inside(node):
    listing = read(node, "/opt/airgap/base/bin/pip config list")
    assert "global.index-url='https://airgap-index.internal/airgap/prod/+simple/'" in listing
    assert "global.cert='/etc/airgap/ca.pem'" in listing
    assert read(node, "stat -c %a:%U /etc/pip.conf") == "644:root"


@pytest.mark.parametrize("node", NODES)
def test_uv_on_the_node_would_use_the_index_inside(node):
    text = read(node, "cat /etc/uv/uv.toml")
    assert 'url = "https://airgap-index.internal/airgap/prod/+simple/"\ndefault = true' in text
    assert "system-certs = true" in text


@pytest.mark.parametrize("node", NODES)
def test_package_that_was_never_staged_is_missing_at_once(node):
    started = time.monotonic()
    result = on(node, "/opt/airgap/base/bin/pip download --no-deps -d /tmp/x django")
    assert result.rc != 0
    assert "No matching distribution found for django" in result.out
    # The index must respond instead of timing out: pip waits 15 s for a time-out, and tries five times.
    assert time.monotonic() - started < 15


def test_error_for_a_node_without_a_target_shows_the_entry_to_add():
    targets = [{"name": "other", "python": "3.12.1", "os": "linux", "arch": "x86_64", "libc": "glibc-2.36"}]
    result = play("playbooks/nodes.yml", "--limit", "node39", "-e", json.dumps({"airgap_targets": targets}))
    assert result.failed
    assert '"python": "3.9.2"' in result.out.replace('\\"', '"')
    assert "airgap_targets" in result.out


def test_overriding_settings_of_a_user_are_reported_and_an_environment_that_lost_a_package_is_repaired():
    read(
        "node311",
        "mkdir -p /home/ops/.config/pip && printf '[global]\\nno-index = true\\n' > /home/ops/.config/pip/pip.conf",
    )
    read(
        "node311",
        "cp -a /etc/environment /root/environment.before; echo https_proxy=http://127.0.0.1:9 >> /etc/environment",
    )
    read(
        "node311",
        "echo machine > /root/.netrc; rm -rf /opt/airgap/.pip /opt/airgap/base/lib/python3*/site-packages/flask*",
    )
    try:
        result = play("playbooks/nodes.yml", "--limit", "node311")
    finally:
        read("node311", "rm -rf /home/ops/.config/pip /root/.netrc && mv /root/environment.before /etc/environment")
    said = " ".join(result.out.split())
    assert result.failed == 0, result.out[-2000:]
    read("node311", "/opt/airgap/base/bin/python -c 'import flask'")
    assert "node311: ~/.config/pip/pip.conf of ops overrides /etc/pip.conf: pip uses no index" in said
    assert "/etc/environment overrides /etc/pip.conf: pip reaches the index through the proxy" in said
    assert "~/.netrc of root" in said


def test_pip_conf_trusts_a_certificate_with_https_and_the_host_only_with_http():
    # In check mode: the lab's index has neither this name nor http.
    https = [
        "-e",
        "pip_conf_index_url=https://index.example/airgap/prod/+simple/",
        "-e",
        "pip_conf_cert=/etc/site-ca.pem",
    ]
    check = ["playbooks/nodes.yml", "--limit", "node39", "--tags", "pip_conf", "--check", "--diff"]
    said = play(*check, *https).out
    assert "+cert = /etc/site-ca.pem" in said
    assert "+trusted-host" not in said
    said = play(*check, "-e", "front_tls=false").out
    assert "+index-url = http://10.213.71.20/airgap/prod/+simple/" in said
    assert "-cert = /etc/airgap/ca.pem" in said
    assert "+trusted-host = 10.213.71.20" in said
