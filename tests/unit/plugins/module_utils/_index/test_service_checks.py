# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused before the index is touched."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._index import (
    _service,
    _service_checks,
    _service_plan,
)
from ansible_collections.airgap.python.plugins.module_utils._index._listeners import Port

from tests.unit.plugins.module_utils._index.index_host import (
    CONFIG,
    DATA,
    OURS,
    UNIT,
    VENV,
    found,
    wanted,
)


def refused(want=None, **changes):
    said = _service_checks.problems(want or wanted(), found(**changes))
    assert len(said) == 1, said
    return said[0]


def test_what_runs_as_it_is_wanted_is_left_alone():
    assert _service_checks.problems(wanted(), found()) == []
    assert not _service_plan.plan(wanted(), found()).changed


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"listen": ["10.0.0.1:3141", "10.0.0.2:3141"]}, ["listen", "devpi_host", "list"]),
        ({"host": "10.0.0.1"}, ["host", "devpi_host"]),
        ({"port": 80}, ["port", "devpi_port"]),
        ({"serverdir": "/srv"}, ["devpi_data_dir"]),
        ({"secretfile": "/srv"}, ["devpi_config_dir"]),
        ({"argon2-memory-cost": 1}, ["devpi_argon2_memory_cost"]),
        ({"offline-mode": False}, ["always on"]),
        ({"restrict-modify": "everybody"}, ["always root"]),
        ({"unix-socket": "/run/devpi"}, ["sandbox"]),
        ({"outside_url": "x"}, ["outside_url", "outside-url"]),
        ({"--threads": 5}, ["--threads"]),
        ({"threads": None}, ["threads", "null"]),
        ({"threads": {"a": 1}}, ["threads"]),
        ({"outside-url": "http://a\nhost: x"}, ["outside-url"]),
    ],
)
def test_option_that_contradicts_or_cannot_be_written_is_refused_by_name(options, names):
    said = refused(wanted(options=options))
    assert "devpi_options" in said
    assert all(name in said for name in names), said


def test_option_that_says_what_is_so_anyway_is_let_pass():
    assert _service_checks.problems(wanted(options={"offline-mode": True, "restrict-modify": "root"}), found()) == []


def test_address_that_this_host_has_not_is_refused_with_the_reason():
    said = refused(wanted(hosts=("::",)), mute={"::": "IPv6 is off here"})
    assert "::" in said and "IPv6 is off here" in said and "devpi_host" in said


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_port_that_is_none_is_refused(port):
    assert "devpi_port is %d" % port in refused(wanted(port=port))


def test_port_of_another_process_is_refused_by_name():
    said = refused(port=Port(False, False, "nginx (pid 7)"))
    assert "Port 3141 on this host is taken by nginx (pid 7)" in said
    assert "set devpi_port to a free port" in said


@pytest.mark.parametrize(
    ("path", "real", "names"),
    [
        (DATA, "/home/big/devpi", ["devpi_data_dir", "/home/big/devpi in truth", "hides /home"]),
        (DATA, "/run/devpi", ["devpi_data_dir", "/run is empty after a reboot"]),
        (VENV, "/root/venv", ["devpi_venv", "/root/venv", "hides /root"]),
        (CONFIG, "/tmp/etc", ["devpi_config_dir", "hides /tmp"]),
        ("/usr/bin/python3", "/home/jane/.pyenv/bin/python3.11", ["devpi_python", "hides /home"]),
    ],
)
def test_path_that_the_sandbox_hides_is_refused_by_its_real_place(path, real, names):
    changed = dict(found().real, **{path: real})
    said = refused(real=changed)
    assert all(name in said for name in names), said


def test_folder_that_the_account_may_not_pass_is_named():
    said = refused(closed={VENV: "/opt/airgap"})
    assert "devpi_venv" in said and "devpi may not pass /opt/airgap" in said


@pytest.mark.parametrize(
    "path", ["relative", "/one", "/a b/c", "/a/../b", "/a/b/", "/srv/100%/x", "/srv/$x/y", '/srv/"/x']
)
def test_path_that_a_unit_cannot_hold_is_refused(path):
    assert "devpi_data_dir is %s" % path in refused(wanted(data_dir=path))


def test_one_folder_for_two_purposes_is_refused():
    assert "three folders" in refused(wanted(venv=DATA))


@pytest.mark.parametrize(
    ("places", "names"),
    [
        ({"data_dir": VENV + "/data"}, ["devpi_data_dir is %s/data" % VENV, "in devpi_venv, " + VENV]),
        ({"data_dir": VENV + ".former"}, ["devpi_data_dir is %s.former" % VENV, "devpi_venv"]),
        ({"config_dir": VENV + ".new/etc"}, ["devpi_config_dir is %s.new/etc" % VENV, "devpi_venv"]),
        ({"venv": DATA + "/venv"}, ["devpi_venv is %s/venv" % DATA, "in devpi_data_dir, " + DATA]),
        ({"config_dir": DATA + "/etc"}, ["devpi_config_dir is %s/etc" % DATA, "in devpi_data_dir"]),
        ({"data_dir": CONFIG + "/data"}, ["devpi_data_dir is %s/data" % CONFIG, "in devpi_config_dir"]),
    ],
)
def test_folder_in_another_one_of_the_index_is_refused(places, names):
    said = refused(wanted(has_password=True, **places))
    assert all(name in said for name in names), said


def test_folder_that_is_in_another_one_by_a_link_is_refused():
    said = refused(real=dict(found().real, **{DATA: VENV + "/data"}))
    assert VENV + "/data in truth" in said and "devpi_venv" in said


def test_folder_with_a_longer_name_is_another_one():
    assert _service_checks.problems(wanted(config_dir=DATA + "-config", has_password=True), found()) == []


def test_configuration_folder_of_somebody_else_is_refused():
    said = refused(config_names=("bundle", "ledger.json", "secret"))
    assert "devpi_config_dir is %s" % CONFIG in said and "bundle, ledger.json" in said and "secret" not in said


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("airgap.password", "secret"),
        ("devpi-server.yml", "root.password", "secret", "trial.yml"),
        ("lost+found", ".tmp-airgap-x1", "devpi-server.yml.kept"),
        # What an operator put beside it.
        ("devpi-server.yml", "notes.txt", "root.password", "secret"),
        ("notes.txt", "root.password", "secret"),
    ],
)
def test_configuration_folder_of_the_index_is_known(names):
    assert _service_checks.problems(wanted(), found(config_names=names)) == []


def test_masked_unit_is_not_unmasked_silently():
    said = refused(links={UNIT: "/dev/null"})
    assert UNIT in said and "is masked" in said and "systemctl unmask unit.service" in said


@pytest.mark.parametrize("name", ["devpi-server.yml", "secret", "root.password"])
def test_file_of_the_configuration_that_is_a_link_is_refused(name):
    path = CONFIG + "/" + name
    said = refused(links={path: "/etc/shadow"})
    assert "%s is a link to /etc/shadow" % path in said and "Remove the link" in said


def test_folder_may_be_a_link_to_a_larger_disk():
    assert _service_checks.problems(wanted(), found(links={DATA: "/srv/big"})) == []


def test_account_may_pass_folders_as_the_kernel_says():
    assert _service_checks.may_pass(_service.Entry(0, 0, 0o755), OURS)
    assert not _service_checks.may_pass(_service.Entry(0, 0, 0o750), OURS)
    assert _service_checks.may_pass(_service.Entry(0, 997, 0o750), OURS)
    assert not _service_checks.may_pass(_service.Entry(999, 997, 0o077), OURS)
    assert not _service_checks.may_pass(_service.Entry(0, 997, 0o750), None)


@pytest.mark.parametrize(
    "account",
    [
        _service.Account(1000, 1000, "Jane Doe", "/bin/bash"),
        _service.Account(998, 998, "", "/usr/sbin/nologin"),
        _service.Account(0, 0, "root", "/bin/bash"),
        _service.Account(0, 0, "devpi-server", "/bin/bash"),
    ],
)
def test_account_that_the_role_did_not_make_is_refused(account):
    data = _service.Data()
    said = _service_checks.problems(wanted(user="pypi"), found(account=account, data=data))
    assert any("pypi" in one and "did not make" in one and "user id %d" % account.uid in one for one in said), said


def test_group_of_others_is_refused():
    assert "jane" in refused(
        wanted(user="staff"), account=None, members=("jane",), data=_service.Data(), entries={UNIT: None}
    )


def test_data_of_another_account_are_refused_with_both_ways_out():
    said = refused(
        wanted(user="pypi"),
        account=OURS._replace(uid=500),
        data=_service.Data((".serverversion",), "4", "", {999: "devpi"}),
    )
    assert "belong to devpi, and devpi_system_user is pypi" in said
    assert "Set devpi_system_user to devpi" in said and "systemctl stop" in said and "chown -R pypi:" in said


def test_account_that_is_gone_is_made_again_with_the_number_that_its_data_have():
    host = found(account=None, gid=None, data=_service.Data((".serverversion",), "4", "", {999: ""}))
    assert _service_checks.problems(wanted(), host) == []
    assert _service_plan.uid_for(host) == 999
    assert "account" in _service_plan.plan(wanted(), host).steps


def test_half_a_host_has_a_plan():
    nothing = found(
        account=None,
        gid=None,
        data=_service.Data(),
        entries={path: None for path in (CONFIG, DATA, CONFIG + "/secret", CONFIG + "/root.password", UNIT)},
        runs=_service.Runs(),
        port=Port(True, False),
    )
    assert _service_checks.problems(wanted(), nothing) == []
    plan = _service_plan.plan(wanted(), nothing)
    assert set(plan.steps) >= {"group", "account", "config", "unit", "data", "enable"}
    assert plan.restart == "it does not run"


def test_data_are_moved_only_by_hand_with_the_server_stopped():
    said = refused(data=_service.Data(), elsewhere="/var/lib/old")
    assert "/var/lib/old" in said and "systemctl stop devpi-server" in said
    # What was moved is used.
    assert _service_checks.problems(wanted(), found(elsewhere="")) == []


def test_data_that_are_gone_are_not_silently_replaced_by_none():
    said = refused(data=_service.Data())
    assert DATA in said and "mounted" in said and "teardown" in said


@pytest.mark.parametrize(
    ("data", "entries"),
    [
        # After teardown, a first run, one that was killed as it made the data, and a full disk.
        (_service.Data(), {UNIT: None}),
        (_service.Data(), {UNIT: None, CONFIG + "/secret": None}),
        (_service.Data((".init",)), {}),
        (_service.Data(), {CONFIG + "/secret": _service.Entry(999, 997, 0o600, 900, None, True)}),
    ],
)
def test_data_that_are_yet_to_be_made_are_made(data, entries):
    host = found(data=data, entries=entries)
    assert _service_checks.problems(wanted(), host) == []
    assert "data" in _service_plan.plan(wanted(), host).steps


@pytest.mark.parametrize(("path", "name"), [(DATA, "devpi_data_dir"), (CONFIG, "devpi_config_dir")])
def test_link_to_a_folder_that_is_not_there_is_refused(path, name):
    # As if the unit had never been, so that the data are not missed as well.
    said = refused(wanted(has_password=True), links={path: "/srv/big"}, entries={path: None, UNIT: None})
    assert "%s is %s" % (name, path) in said and "/srv/big" in said and "mounted" in said


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (_service.Data(("photos",)), ["photos", "not devpi's"]),
        (_service.Data((".serverversion",), "3", "", {999: "devpi"}), ["have format 3", "devpi-export"]),
        (_service.Data((".serverversion",), "4", "replica", {999: "devpi"}), ["replica"]),
        (_service.Data((".serverversion",), "", "", {999: "devpi"}), [DATA + "/.serverversion", "backup"]),
    ],
)
def test_data_that_cannot_be_served_are_refused(data, names):
    said = refused(data=data)
    assert all(name in said for name in names), said


def test_data_whose_password_nobody_knows_are_refused_unless_it_is_given():
    host = {"entries": {CONFIG + "/root.password": None}}
    assert "devpi_root_password" in refused(**host)
    assert _service_checks.problems(wanted(has_password=True), found(**host)) == []


def test_host_that_cannot_run_it_at_all_is_told_so_alone():
    assert "is not run by systemd" in refused(systemd=False, is_root=False)
    assert "become: true" in refused(is_root=False)


def test_all_that_is_wrong_is_said_at_once():
    said = _service_checks.problems(wanted(options={"listen": []}, port=0), found(account=OURS._replace(comment="")))
    assert len(said) == 3
