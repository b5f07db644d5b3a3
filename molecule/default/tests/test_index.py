# SPDX-License-Identifier: GPL-3.0-or-later
"""What the index host promises: a sandboxed unit that is not root, comes back, and tells no secret."""

from __future__ import annotations

import re

from conftest import BUNDLE, fetch, lock_pins, on, play, read, run, wait_for_index

UNIT = "devpi-server.service"
# Every file with a secret in it, which only root and devpi may read.
SECRETS = "find /etc/devpi-server -type f \\( -name '*password*' -o -name '*secret*' \\)"


def secrets():
    """Return path to content of every secret on the index host."""
    found = {path: read("index", "cat " + path) for path in read("index", SECRETS).splitlines()}
    assert len(found) >= 3, found.keys()
    assert all(len(value) >= 16 for value in found.values())
    return found


def test_unit_is_enabled_active_and_not_root():
    assert read("index", "systemctl is-enabled " + UNIT) == "enabled"
    assert read("index", "systemctl is-active " + UNIT) == "active"
    pid = read("index", "systemctl show --value -p MainPID " + UNIT)
    assert read("index", "stat -c %%U /proc/%s" % pid) not in ("root", "UNKNOWN")


def test_unit_is_sandboxed():
    line = read("index", "systemd-analyze --no-pager security %s | tail -1" % UNIT)
    exposure = float(re.search(r"([0-9.]+) ", line).group(1))
    assert exposure <= 1.5, line
    assert read("index", "systemctl show --value -p ProtectSystem " + UNIT) == "strict"
    assert read("index", "systemctl show --value -p NoNewPrivileges " + UNIT) == "yes"


def test_unit_comes_back_when_the_server_dies():
    pid = read("index", "systemctl show --value -p MainPID " + UNIT)
    read("index", "kill -9 " + pid)
    assert wait_for_index()
    assert read("index", "systemctl show --value -p MainPID " + UNIT) != pid


def test_index_survives_a_reboot_of_its_host():
    before = fetch("airgap/prod/+simple/flask/", "application/vnd.pypi.simple.v1+json")
    assert run(["podman", "restart", "airgap-index"]).rc == 0
    assert wait_for_index()
    assert fetch("airgap/prod/+simple/flask/", "application/vnd.pypi.simple.v1+json") == before


def test_index_holds_nothing_but_the_bundle_and_no_way_upstream():
    assert "root/pypi" not in str(fetch(""))
    config = fetch("airgap/prod?no_projects=")["result"]
    assert (config["bases"], config["volatile"]) == ([], False)
    published = fetch("airgap/prod/+simple/", "application/vnd.pypi.simple.v1+json")["projects"]
    wheels = read("index", "ls %s/wheels" % BUNDLE).splitlines()
    names = {wheel.split("-")[0].lower().replace("_", "-").replace(".", "-") for wheel in wheels}
    assert {one["name"] for one in published} == names


def test_index_publishes_what_each_wheel_requires_of_python():
    files = fetch("airgap/prod/+simple/flask/", "application/vnd.pypi.simple.v1+json")["files"]
    version = lock_pins("base", "node311")["flask"]
    assert [one["requires-python"] for one in files if one["filename"].startswith("flask-%s-" % version)] == [">=3.9"]


def test_strangers_create_no_user():
    code = (
        "import urllib.request as r; "
        "r.urlopen(r.Request('http://127.0.0.1:3141/stranger', data=b'{\\\"password\\\": \\\"x\\\"}', method='PUT', "
        "headers={'Content-Type': 'application/json'}))"
    )
    result = on("index", 'python3 -c "%s"' % code)
    assert "HTTP Error 403" in result.out


def test_secrets_are_readable_by_nobody_else():
    for path in secrets():
        assert read("index", "stat -c %a " + path) in ("400", "600"), path
        assert read("index", "stat -c %U " + path) in ("root", "devpi"), path


def test_no_secret_is_in_the_journal_a_command_line_or_the_environment():
    for path, value in secrets().items():
        assert value not in read("index", "journalctl --no-pager"), path
        assert value not in read("index", "ps auxwwe"), path
        assert value not in read("index", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"), path


def test_no_secret_is_in_a_verbose_log_of_a_run_that_makes_them_all(tmp_path):
    log = tmp_path / "ansible.log"
    environment = {"ANSIBLE_LOG_PATH": str(log)}
    before = secrets()
    gone = play("playbooks/teardown.yml", "-e", "devpi_remove_data=true", "-vvv", environment=environment)
    assert gone.failed == 0, gone.out[-2000:]
    assert on("index", "test -e /var/lib/devpi-server").rc != 0
    again = play("playbooks/site.yml", "-vvv", environment=environment)
    assert again.failed == 0, again.out[-3000:]
    text = log.read_text(errors="replace") + gone.out + again.out
    fresh = secrets()
    assert not set(before.values()) & set(fresh.values())
    for values in (before, fresh):
        for path, value in values.items():
            assert value not in text, path


def refusal(*arguments):
    """Return what the playbook says when it refuses, after checking that it changed nothing."""
    result = play("playbooks/index.yml", *arguments)
    assert result.hosts["index"]["failed"] == 1, result.out[-2000:]
    assert result.changed == 0, result.out[-2000:]
    return " ".join(result.out.split())


def test_port_that_is_taken_is_named_before_anything_is_changed():
    read("index", "systemd-run --unit=squatter python3 -m http.server 3999 --directory /run")
    try:
        said = refusal("-e", "devpi_port=3999")
    finally:
        read("index", "systemctl stop squatter")
    assert "Port 3999 on index is taken" in said
    assert "set devpi_port to a free port" in said


def test_data_of_another_devpi_are_refused_before_anything_is_changed():
    read("index", "cp -a /var/lib/devpi-server /var/lib/devpi-other && printf 3 > /var/lib/devpi-other/.serverversion")
    try:
        said = refusal("-e", "devpi_data_dir=/var/lib/devpi-other")
    finally:
        read("index", "rm -rf /var/lib/devpi-other")
    assert "/var/lib/devpi-other" in said
    assert "have format 3" in said


def test_missing_python_is_named_before_anything_is_changed():
    said = refusal("-e", "devpi_python=/usr/bin/python3.99")
    assert "/usr/bin/python3.99" in said


def test_host_without_systemd_is_refused_before_anything_is_changed():
    read("index", "mv /run/systemd/system /run/systemd/aside")
    try:
        said = refusal()
    finally:
        read("index", "mv /run/systemd/aside /run/systemd/system")
    assert "is not run by systemd" in said
