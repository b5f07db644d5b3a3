# SPDX-License-Identifier: GPL-3.0-or-later
"""The front: what is refused before it is changed, what is changed, and what its units may do."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import types

import pytest
from ansible_collections.airgap.python.plugins.module_utils._index import _front, _front_apply, _systemd
from ansible_collections.airgap.python.plugins.module_utils._index._listeners import Port
from ansible_collections.airgap.python.plugins.module_utils._index._service import Account, UnitState

from tests.unit.plugins.module_utils._index import index_host
from tests.unit.plugins.module_utils._index.front_host import CONFIG, FILES, SETTINGS, VENV, found, render, wanted

UNIT = "/etc/systemd/system/airgap-front.service"


def refused(want=None, is_check=False, **changes):
    problems = _front.find_problems(want or wanted(), found(want, **changes), is_check)
    assert len(problems) == 1, problems
    return problems[0]


@pytest.mark.parametrize("kind", ["devpi", "static", "pypiserver"])
@pytest.mark.parametrize("tls", [True, False])
def test_front_that_runs_as_wanted_is_not_changed(kind, tls):
    want = wanted(kind, tls)
    assert _front.find_problems(want, found(want), False) == []
    assert not _front.plan(want, found(want)).changed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"systemd": False}, ["does not run systemd", "front_state"]),
        ({"is_root": False}, ["needs root"]),
        ({"unusable": {"0.0.0.0": "no such address"}}, ["front_host", "no such address"]),
        ({"socket": (), "port": Port(False, False, "apache2 (pid 7)")}, ["Port 443", "apache2 (pid 7)", "front_port"]),
        (
            {"account": Account(1000, 1000, "Jane", "/bin/bash")},
            ["front_system_user", "Jane", "not created by this role"],
        ),
        ({"owner": None}, [FILES, "devpi", "Run the role devpi first"]),
    ],
)
def test_host_that_would_not_do_is_refused_with_the_fix(changes, words):
    said = refused(**changes)
    assert [word for word in words if word not in said] == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hosts": ()}, ["front_host is empty"]),
        ({"hosts": ("index.example",)}, ["front_host has index.example", "address"]),
        ({"port": 0}, ["front_port is 0"]),
        ({"venv": "/opt/a b/c"}, ["front_venv"]),
        ({"settings": dict(SETTINGS, names=[])}, ["front_names is empty"]),
        ({"settings": dict(SETTINGS, names=["a_b.example", "x y"])}, ["front_names has x y"]),
        ({"settings": dict(SETTINGS, certificate="/etc/ssl/site.pem")}, ["front_certificate_key"]),
        (
            {"settings": dict(SETTINGS, certificate="/root/site.pem", key="/etc/ssl/site.key")},
            ["front_certificate is /root/site.pem", "/etc/ssl"],
        ),
    ],
)
def test_wrong_setting_is_refused_with_the_fix(changes, words):
    said = refused(wanted()._replace(**changes))
    assert [word for word in words if word not in said] == []


def test_folder_of_a_role_that_was_not_played_is_missing_only_in_a_real_run():
    want = wanted("static")
    assert "Run the role static first" in refused(want, entries={want.folder: None})
    assert _front.find_problems(want, found(want, entries={want.folder: None}), True) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"unit_state": UnitState()}, "it does not run"),
        ({"unit_state": UnitState("active", "running", True, True, 1000)}, "an earlier unit"),
        ({"venv_changed": 1500}, VENV + " is newer than the running process"),
        ({"replaced": True}, FILES + " was replaced"),
        ({"socket": ()}, "the port is not open"),
        ({"socket": ("0.0.0.0:8443",)}, "it listens on 0.0.0.0:8443"),
        ({"socket_stale": True}, "airgap-front.socket changes"),
        ({"entries": {UNIT: None}}, UNIT + " changes"),
        ({"entries": {CONFIG + "/nginx.conf": None}}, "nginx.conf changes"),
    ],
)
def test_nginx_restarts_when_it_does_not_run_with_what_is_wanted(changes, reason):
    plan = _front.plan(wanted(), found(**changes))
    assert reason in plan.restart
    assert bool(plan.reopen) == ("socket" in changes or "socket_stale" in changes)


@pytest.mark.parametrize("changes", [{"certificate": ("server.pem: it ends in 20 days",)}, {"fresh": False}])
def test_nginx_only_reads_another_certificate_again(changes):
    plan = _front.plan(wanted(), found(**changes))
    assert plan.reload and not plan.restart


def test_without_tls_the_renewal_and_the_certificate_are_removed():
    want = wanted(tls=False)
    before = found(wanted())
    plan = _front.plan(want, before._replace(certificate=()))
    removed = [step for step in plan.steps if step.endswith(" is removed")]
    assert [os.path.basename(step.split()[0]) for step in removed] == [_front.TIMER, _front.RENEWAL, _front.SETTINGS]


@pytest.mark.parametrize(("kind", "other"), [("devpi", "static"), ("static", "devpi")])
def test_front_that_serves_the_other_kind_of_index_is_known_by_its_folder(kind, other):
    want, runs = wanted(kind), wanted(other)
    there = found(want, entries=found(runs).entries)
    assert _front.other_folder(want, there) == runs.folder
    assert _front.other_folder(runs, there) == ""
    stopped = there._replace(unit_state=UnitState("inactive", "dead", False, True, 0))
    assert _front.other_folder(want, stopped) == ""
    assert _front.other_folder(want, found(want, entries={UNIT: None})) == ""


def test_folder_that_is_younger_than_the_front_is_another_one_where_its_process_cannot_be_looked_into(tmp_path):
    def run_command(argv, **_options):
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    module = types.SimpleNamespace(run_command=run_command)
    front = _front_apply.Front(module, wanted(folder=str(tmp_path)))
    front.systemd.systemctl = lambda *_arguments: (0, "0")  # type: ignore[method-assign]
    born = front.created(str(tmp_path))
    if not born:
        pytest.skip("this file system does not say when a folder was created")
    assert front.is_replaced(born - 10)
    assert not front.is_replaced(born + 10)
    assert not front.is_replaced(0)
    assert front.created(str(tmp_path / "missing")) == 0


def test_trial_checks_the_same_configuration_in_the_same_sandbox_on_another_port():
    want = wanted()
    unit, config = _front.trial(
        want.units[_front.SERVICE], render("nginx.conf", hosts=["0.0.0.0", "::"]), CONFIG + "/trial.conf", 4444
    )
    assert re.findall(r"listen (.*);", config) == ["127.0.0.1:4444 ssl"]
    assert "/run/airgap-front/" not in config and "/run/airgap-front-trial/" in config
    assert re.search(r"^ExecStart=\S+/nginx -t .*-c /etc/airgap-front/trial.conf$", unit, re.MULTILINE)
    assert "NGINX=" not in unit and "[Install]" not in unit and "Requires=" not in unit
    kept = [
        line for line in want.units[_front.SERVICE].splitlines() if re.match(r"Protect|Private|Bind|System|IP", line)
    ]
    assert [line for line in kept if line not in unit] == []


@pytest.mark.parametrize("kind", ["devpi", "static", "pypiserver"])
def test_trial_may_open_the_port_that_the_front_gets_from_systemd(kind):
    unit, _config = _front.trial(render(_front.SERVICE, kind), render("nginx.conf", kind), CONFIG + "/trial.conf", 4444)
    (families,) = re.findall("^RestrictAddressFamilies=(.*)", unit, re.MULTILINE)
    assert "AF_INET" in families.split()
    assert ("AF_INET" in render(_front.SERVICE, kind)) == (kind != "static")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["x", '2026/11/26 08:00:00 [emerg] 7#7: unknown directive "x" in a:3'], 'unknown directive "x" in a:3'),
        (["Started.", "airgap-front.service: Failed with result 'exit-code'."], "Failed with result"),
        ([], "it wrote nothing"),
    ],
)
def test_reason_is_the_line_of_the_journal_that_explains_it(lines, said):
    assert said in _front.explain(lines)


@pytest.mark.parametrize("kind", ["devpi", "static", "pypiserver"])
def test_port_is_opened_by_systemd_at_each_address_and_passed_to_nginx(kind):
    hosts = ["10.0.0.1", "::1"]
    socket, unit = (render("airgap-front" + one, kind, hosts=hosts) for one in (".socket", ".service"))
    listen = ["10.0.0.1:443", "[::1]:443"]
    assert re.findall(r"^ListenStream=(.*)$", socket, re.MULTILINE) == listen
    assert re.findall(r"listen (.*) ssl;", render("nginx.conf", kind, hosts=hosts)) == listen
    assert 'Environment="NGINX=3:4:"' in unit


UNITS = {
    "devpi-server": index_host.unit,
    "devpi-server without a front": lambda: index_host.unit(_devpi_has_front=False, _devpi_is_local=False),
    "devpi-server without a front, for named networks": lambda: index_host.unit(
        _devpi_has_front=False, _devpi_is_local=False, devpi_allowed_networks=["10.0.0.0/8", "fd00::/8"]
    ),
    "front of devpi": lambda: render(_front.SERVICE),
    "front of a static index": lambda: render(_front.SERVICE, "static"),
    "renewal": lambda: render(_front.RENEWAL),
}


# Nodes reach it themselves, at addresses that the unit does not know. With devpi_allowed_networks it does.
HIGHER = {"devpi-server without a front": 1.1}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
@pytest.mark.parametrize("name", sorted(UNITS))
def test_exposure_of_each_unit_does_not_rise(name, tmp_path):
    # It only compares settings; the programs and folders of a unit need not exist.
    path = tmp_path / "airgap-front.service"
    path.write_text(re.sub(r"^ExecStart=\S+.*$", "ExecStart=/bin/true", UNITS[name](), flags=re.MULTILINE))
    done = subprocess.run(
        ["systemd-analyze", "--no-pager", "security", "--offline=true", str(path)], stdout=subprocess.PIPE, check=False
    )
    said = done.stdout.decode()
    exposure = re.search(r"exposure level for .*: ([0-9.]+)", said)
    if exposure is None:
        pytest.skip("this systemd-analyze does not read units offline")
    assert float(exposure.group(1)) <= HIGHER.get(name, 1.0), said


def test_unit_fits_a_container_without_ptrace(tmp_path):
    status = tmp_path / "status"
    status.write_text("CapBnd:\t000001ffffffffff\n")
    assert "PrivateUsers=yes\n" in _systemd.fit(render(_front.SERVICE), str(status))
    status.write_text("CapBnd:\t00000000a82425fb\n")
    assert _systemd.fit("PrivateTmp=yes\nPrivateUsers=yes\n", str(status)) == "PrivateTmp=yes\n"


def test_front_may_read_files_of_the_account_and_changes_no_others(tmp_path):
    outside = tmp_path / "secret"
    outside.write_text("x")
    outside.chmod(0o600)
    files = tmp_path / "+files"
    (files / "user/index").mkdir(parents=True)
    (files / "user/index/a.whl").write_text("x")
    (files / "user/index/a.whl").chmod(0o600)
    (files / "user/index/link").symlink_to(outside)
    _front_apply.share(str(files), os.getuid(), os.getgid())

    def mode(path):
        return stat.S_IMODE(path.stat().st_mode)

    assert [mode(one) for one in (files, files / "user", files / "user/index")] == [0o2750] * 3
    assert mode(files / "user/index/a.whl") == 0o640
    assert mode(outside) == 0o600


def test_front_gets_the_folder_before_the_first_upload(tmp_path):
    _front_apply.share(str(tmp_path / "+files"), os.getuid(), os.getgid())
    assert stat.S_IMODE((tmp_path / "+files").stat().st_mode) == 0o2750
