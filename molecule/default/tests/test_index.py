# SPDX-License-Identifier: GPL-3.0-or-later
"""The index host: a sandboxed unit that does not run as root, restarts, and reveals no secret."""

from __future__ import annotations

import json
import re

import pytest
from conftest import BUNDLE, fetch, lock_pins, on, play, read, run, wait_for_index

UNIT = "devpi-server.service"
# Every file that holds a secret; only root and devpi may read them.
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


@pytest.mark.parametrize("unit", [UNIT, "airgap-front.service", "airgap-front-renew.service"])
def test_unit_is_sandboxed(unit):
    line = read("index", "systemd-analyze --no-pager security %s | tail -1" % unit)
    exposure = re.search(r"([0-9.]+) ", line)
    assert exposure and float(exposure.group(1)) <= 1.0, line
    assert read("index", "systemctl show --value -p ProtectSystem " + unit) == "strict"
    assert read("index", "systemctl show --value -p NoNewPrivileges " + unit) == "yes"


def test_unit_restarts_when_the_server_dies():
    pid = read("index", "systemctl show --value -p MainPID " + UNIT)
    read("index", "kill -9 " + pid)
    assert wait_for_index()
    assert read("index", "systemctl show --value -p MainPID " + UNIT) != pid


def test_index_survives_a_reboot_of_its_host():
    before = fetch("airgap/prod/+simple/flask/", "application/vnd.pypi.simple.v1+json")
    assert run(["podman", "restart", "airgap-index"]).rc == 0
    assert wait_for_index()
    assert fetch("airgap/prod/+simple/flask/", "application/vnd.pypi.simple.v1+json") == before


def test_index_holds_only_the_bundle_and_has_no_way_upstream():
    assert "root/pypi" not in str(fetch(""))
    config = fetch("airgap/prod?no_projects=")["result"]
    bundle = json.loads(read("index", "cat %s/manifest.json" % BUNDLE))["id"]
    assert (config["bases"], config["volatile"]) == (["airgap/prod-" + bundle[:12]], False)
    assert fetch("airgap/prod-%s?no_projects=" % bundle[:12])["result"]["bases"] == []
    published = fetch("airgap/prod/+simple/", "application/vnd.pypi.simple.v1+json")["projects"]
    wheels = read("index", "ls %s/wheels" % BUNDLE).splitlines()
    names = {wheel.split("-")[0].lower().replace("_", "-").replace(".", "-") for wheel in wheels}
    assert {one["name"] for one in published} == names


def test_index_publishes_what_each_wheel_requires_of_python():
    files = fetch("airgap/prod/+simple/flask/", "application/vnd.pypi.simple.v1+json")["files"]
    version = lock_pins("base", "node311")["flask"]
    assert [one["requires-python"] for one in files if one["filename"].startswith("flask-%s-" % version)] == [">=3.9"]


def test_user_without_a_login_cannot_create_users():
    code = (
        "import urllib.request as r; "
        "r.urlopen(r.Request('http://127.0.0.1:3141/stranger', data=b'{\\\"password\\\": \\\"x\\\"}', method='PUT', "
        "headers={'Content-Type': 'application/json'}))"
    )
    result = on("index", 'python3 -c "%s"' % code)
    assert "HTTP Error 403" in result.out


def test_secrets_are_readable_only_by_their_owner():
    for path in secrets():
        assert read("index", "stat -c %a " + path) in ("400", "600"), path
        assert read("index", "stat -c %U " + path) in ("root", "devpi"), path


def test_no_secret_is_in_the_journal_a_command_line_or_the_environment():
    for path, value in secrets().items():
        assert value not in read("index", "journalctl --no-pager"), path
        assert value not in read("index", "ps auxwwe"), path
        assert value not in read("index", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"), path


# What `make core-ends` plays has all other places where a secret could be, too, and a part of it is in `make test`.
@pytest.mark.long
def test_no_secret_is_in_a_verbose_log_of_a_run_that_generates_all_of_them(tmp_path):
    log = tmp_path / "ansible.log"
    environment = {"ANSIBLE_LOG_PATH": str(log)}
    before = secrets()
    gone = play("playbooks/teardown.yml", "-e", "devpi_remove_data=true", "-vvv", environment=environment)
    assert gone.failed == 0, gone.out[-2000:]
    assert on("index", "test -e /var/lib/devpi-server").rc != 0
    again = play("playbooks/index.yml", "playbooks/nodes.yml", "-vvv", environment=environment)
    assert again.failed == 0, again.out[-3000:]
    text = log.read_text(errors="replace") + gone.out + again.out
    fresh = secrets()
    assert not set(before.values()) & set(fresh.values())
    for values in (before, fresh):
        for path, value in values.items():
            assert value not in text, path


def refusal(*arguments):
    """Return the output of a playbook that refuses, after checking that it changed nothing."""
    result = play("playbooks/index.yml", *arguments)
    assert result.hosts["index"]["failed"] == 1, result.out[-2000:]
    assert result.changed == 0, result.out[-2000:]
    return " ".join(result.out.split())


def main_pid():
    """Return the pid of the server, which a restart would change."""
    return read("index", "systemctl show --value -p MainPID " + UNIT)


def left_over():
    """Return files that a change must not leave behind, whether it succeeded or failed."""
    return read(
        "index",
        "ls -d /opt/airgap/*.former /opt/airgap/*.new /etc/systemd/system/*.former /etc/systemd/system/*.kept "
        "/run/systemd/system/*-trial.service* /etc/devpi-server/*.kept /etc/devpi-server/trial.yml 2> /dev/null || true",
    )


@pytest.fixture(name="untouched")
def untouched_fixture():
    """Check that the index still runs with the same process and files after a refusal."""
    state = "sha256sum /etc/devpi-server/* %s; stat -c '%%n %%U %%G %%a' /etc/devpi-server/* /var/lib/devpi-server" % (
        "/etc/systemd/system/" + UNIT
    )
    before = main_pid(), read("index", state)
    yield
    assert (main_pid(), read("index", state)) == before
    assert fetch("+api")["type"] == "apiconfig"
    assert left_over() == ""


def test_everything_that_would_take_the_index_down_is_refused_at_once(untouched):
    """Another account, paths that the sandbox hides, data of another devpi, contradicting options, wrong address, port in use."""
    read(
        "index",
        "useradd --create-home --comment Jane --shell /bin/bash pypi && mkdir /home/big && ln -s /home/big /srv/big && "
        "cp -a /var/lib/devpi-server /home/big/devpi && printf 3 > /home/big/devpi/.serverversion && "
        "systemd-run --unit=squatter python3 -m http.server 3999 --directory /run",
    )
    account = read("index", "getent passwd pypi")
    bad = {
        "devpi_system_user": "pypi",
        "devpi_data_dir": "/srv/big/devpi",
        "devpi_venv": "/home/ops/venv",
        "devpi_options": {"listen": ["10.213.71.20:3999", "127.0.0.1:3999"]},
        "devpi_host": "::",
        "devpi_port": 3999,
    }
    try:
        said = refusal("-e", json.dumps(bad))
        assert read("index", "getent passwd pypi") == account
    finally:
        read("index", "systemctl stop squatter; userdel --remove pypi 2> /dev/null; rm -r /home/big /srv/big")
    assert "user id" in said and "was not created by this role" in said
    assert "really /home/big/devpi" in said and "hides /home" in said
    assert "have format 3" in said
    assert "devpi_venv is /home/ops/venv" in said
    assert "devpi_options has listen" in said and "Set devpi_host to the list of addresses" in said
    assert "IPv6 is off here" in said
    assert "Port 3999 on this host is in use" in said and "set devpi_port to a free port" in said


def test_configuration_that_would_not_start_is_tried_next_to_the_running_index(untouched):
    options = {"devpi_options": {"storage": "nowhere"}, "devpi_wait_timeout": 3000}
    result = play("playbooks/index.yml", "-e", json.dumps(options))
    said = " ".join(result.out.split())
    assert result.failed == 1
    assert "The backend 'nowhere' can't be found" in said
    assert "which was not stopped; everything is as before" in said
    assert "FAILED - RETRYING" not in said


def test_option_that_devpi_does_not_know_is_refused(untouched):
    result = play("playbooks/index.yml", "-e", json.dumps({"devpi_options": {"trheads": 5}}))
    assert result.failed == 1
    assert "does not know the option trheads" in result.out


def test_failed_start_restores_the_former_index():
    drop_in = "/etc/systemd/system/%s.d" % UNIT
    config = read("index", "sha256sum /etc/devpi-server/devpi-server.yml /etc/systemd/system/" + UNIT)
    # The trial has the drop-in too, with its own configuration in it where the path is written out.
    read(
        "index",
        "mkdir %s && printf '[Service]\nExecStartPre=+/bin/sh -c \"! grep threads /etc/devpi-server/devpi-serve?.yml\"\n' "
        "> %s/test.conf && systemctl daemon-reload" % (drop_in, drop_in),
    )
    try:
        result = play("playbooks/index.yml", "-e", json.dumps({"devpi_options": {"threads": 7}}))
    finally:
        read("index", "rm -r %s && systemctl daemon-reload" % drop_in)
    said = " ".join(result.out.split())
    assert result.failed == 1
    assert (
        "The former unit, configuration and environment are restored, and the index answers at http://127.0.0.1:3141"
        in said
    )
    assert read("index", "sha256sum /etc/devpi-server/devpi-server.yml /etc/systemd/system/" + UNIT) == config
    assert wait_for_index() and left_over() == ""


@pytest.mark.long
def test_index_listens_on_a_single_address_and_on_a_port_below_1024():
    result = play("playbooks/index.yml", "-e", "devpi_host=10.213.71.20", "-e", "devpi_port=80")
    assert result.failed == 0, result.out[-2000:]
    assert "got 0 files" in " ".join(result.out.split())
    code = "import urllib.request as r; print(r.urlopen('http://%s/+api', timeout=5).status)"
    assert read("index", 'python3 -c "%s"' % (code % "10.213.71.20")) == "200"
    assert on("index", 'python3 -c "%s"' % (code % "127.0.0.1")).rc != 0


def test_index_listens_on_two_addresses():
    result = play(
        "playbooks/index.yml", "--tags", "devpi", "-e", json.dumps({"devpi_host": ["10.213.71.20", "127.0.0.1"]})
    )
    assert result.failed == 0, result.out[-2000:]
    code = "import urllib.request as r; print(r.urlopen('http://%s:3141/+api', timeout=5).status)"
    for address in ("10.213.71.20", "127.0.0.1"):
        assert read("index", 'python3 -c "%s"' % (code % address)) == "200"


def test_missing_restart_is_done_at_the_next_run_and_then_nothing_changes():
    assert play("playbooks/index.yml").failed == 0
    pid = main_pid()
    # As if a run had been interrupted between writing the configuration and the restart.
    read("index", "touch /etc/devpi-server/devpi-server.yml")
    assert play("playbooks/index.yml").changed == 1
    assert main_pid() != pid and wait_for_index()
    result = play("playbooks/index.yml", "-vvv")
    assert (result.failed, result.changed) == (0, 0), result.out[-2000:]
    # Each call to a host is one such line: the verification of the bundle, and the comparison of all that runs there.
    assert result.out.count(" EXEC ") <= 2


def test_check_mode_passes_on_an_incomplete_host():
    """The account is missing, configuration and data exist; the account is created with the user id that owns the data."""
    read("index", "systemctl stop %s && userdel devpi" % UNIT)
    checked = play("playbooks/index.yml", "--check", "--diff")
    again = play("playbooks/index.yml")
    assert checked.failed == 0, checked.out[-2000:]
    assert again.failed == 0, again.out[-2000:]
    assert read("index", "stat -c %U /var/lib/devpi-server/.serverversion") == "devpi"
