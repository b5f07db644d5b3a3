# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused before the index is changed."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._index import _service, _service_checks, _service_plan
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
    problems = _service_checks.find_problems(want or wanted(), found(**changes))
    assert len(problems) == 1, problems
    return problems[0]


def test_service_that_runs_as_wanted_is_not_changed():
    assert _service_checks.find_problems(wanted(), found()) == []
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
        ({"offline-mode": "no"}, ["on by default"]),
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
    problem = refused(wanted(options=options))
    assert "devpi_options" in problem
    assert all(name in problem for name in names), problem


def test_option_that_repeats_a_fixed_value_is_accepted():
    assert (
        _service_checks.find_problems(wanted(options={"offline-mode": True, "restrict-modify": "root"}), found()) == []
    )


def test_address_that_is_not_this_hosts_is_refused_with_the_reason():
    problem = refused(wanted(hosts=("::",)), unusable={"::": "IPv6 is off here"})
    assert "::" in problem and "IPv6 is off here" in problem and "devpi_host" in problem


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_number_that_is_not_a_port_is_refused(port):
    assert "devpi_port is %d" % port in refused(wanted(port=port))


def test_port_of_another_process_is_refused_by_name():
    problem = refused(port=Port(False, False, "nginx (pid 7)"))
    assert "Port 3141 on this host is in use by nginx (pid 7)" in problem
    assert "set devpi_port to a free port" in problem


@pytest.mark.parametrize(
    ("path", "real", "names"),
    [
        (DATA, "/home/big/devpi", ["devpi_data_dir", "really /home/big/devpi", "hides /home"]),
        (DATA, "/run/devpi", ["devpi_data_dir", "/run is empty after a reboot"]),
        (VENV, "/root/venv", ["devpi_venv", "/root/venv", "hides /root"]),
        (CONFIG, "/tmp/etc", ["devpi_config_dir", "hides /tmp"]),
        ("/usr/bin/python3", "/home/jane/.pyenv/bin/python3.11", ["devpi_python", "hides /home"]),
    ],
)
def test_path_that_the_sandbox_hides_is_refused_by_its_real_path(path, real, names):
    changed = dict(found().real, **{path: real})
    problem = refused(real=changed)
    assert all(name in problem for name in names), problem


def test_folder_that_the_account_may_not_pass_is_named():
    problem = refused(closed={VENV: "/opt/airgap"})
    assert "devpi_venv" in problem and "devpi may not enter /opt/airgap" in problem


@pytest.mark.parametrize(
    "path", ["relative", "/one", "/a b/c", "/a/../b", "/a/b/", "/srv/100%/x", "/srv/$x/y", '/srv/"/x']
)
def test_path_that_a_unit_cannot_hold_is_refused(path):
    assert "devpi_data_dir is %s" % path in refused(wanted(data_dir=path))


def test_one_folder_for_two_purposes_is_refused():
    assert "three separate folders" in refused(wanted(venv=DATA))


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
    problem = refused(wanted(has_password=True, **places))
    assert all(name in problem for name in names), problem


def test_folder_that_is_in_another_one_through_a_link_is_refused():
    problem = refused(real=dict(found().real, **{DATA: VENV + "/data"}))
    assert "really %s/data" % VENV in problem and "devpi_venv" in problem


def test_folder_with_a_longer_name_is_another_one():
    assert _service_checks.find_problems(wanted(config_dir=DATA + "-config", has_password=True), found()) == []


def test_configuration_folder_of_something_else_is_refused():
    problem = refused(config_names=("bundle", "ledger.json", "secret"))
    assert "devpi_config_dir is %s" % CONFIG in problem and "bundle, ledger.json" in problem and "secret" not in problem


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("airgap.password", "secret"),
        ("devpi-server.yml", "root.password", "secret", "trial.yml"),
        ("lost+found", ".tmp-airgap-x1", "devpi-server.yml.kept"),
        # An operator added a file.
        ("devpi-server.yml", "notes.txt", "root.password", "secret"),
        ("notes.txt", "root.password", "secret"),
    ],
)
def test_configuration_folder_of_the_index_is_known(names):
    assert _service_checks.find_problems(wanted(), found(config_names=names)) == []


def test_masked_unit_is_not_unmasked_silently():
    problem = refused(links={UNIT: "/dev/null"})
    assert UNIT in problem and "is masked" in problem and "systemctl unmask unit.service" in problem


@pytest.mark.parametrize("name", ["devpi-server.yml", "secret", "root.password"])
def test_file_of_the_configuration_that_is_a_link_is_refused(name):
    path = CONFIG + "/" + name
    problem = refused(links={path: "/etc/shadow"})
    assert "%s is a link to /etc/shadow" % path in problem and "Remove the link" in problem


def test_folder_may_be_a_link_to_a_larger_disk():
    assert _service_checks.find_problems(wanted(), found(links={DATA: "/srv/big"})) == []


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
def test_account_that_the_role_did_not_create_is_refused(account):
    data = _service.Data()
    problems = _service_checks.find_problems(wanted(user="pypi"), found(account=account, data=data))
    assert any(
        "pypi" in one and "was not created by this role" in one and "user id %d" % account.uid in one
        for one in problems
    ), problems


def test_group_with_other_members_is_refused():
    assert "jane" in refused(
        wanted(user="staff"), account=None, members=("jane",), data=_service.Data(), entries={UNIT: None}
    )


def test_data_of_another_account_are_refused_with_both_fixes():
    problem = refused(
        wanted(user="pypi"),
        account=OURS._replace(uid=500),
        data=_service.Data((".serverversion",), "4", "", {999: "devpi"}),
    )
    assert "belong to devpi, and devpi_system_user is pypi" in problem
    assert "Set devpi_system_user to devpi" in problem and "systemctl stop" in problem and "chown -R pypi:" in problem


def test_missing_account_is_created_with_the_user_id_that_owns_its_data():
    host = found(account=None, gid=None, data=_service.Data((".serverversion",), "4", "", {999: ""}))
    assert _service_checks.find_problems(wanted(), host) == []
    assert _service_plan.uid_for(host) == 999
    assert "account" in _service_plan.plan(wanted(), host).steps


def test_incomplete_host_has_a_plan():
    nothing = found(
        account=None,
        gid=None,
        data=_service.Data(),
        entries={path: None for path in (CONFIG, DATA, CONFIG + "/secret", CONFIG + "/root.password", UNIT)},
        unit_state=_service.UnitState(),
        port=Port(True, False),
    )
    assert _service_checks.find_problems(wanted(), nothing) == []
    plan = _service_plan.plan(wanted(), nothing)
    assert set(plan.steps) >= {"group", "account", "config", "unit", "data", "enable"}
    assert plan.restart == "it does not run"


def test_data_are_moved_only_by_the_operator_with_the_server_stopped():
    problem = refused(data=_service.Data(), former_data_dir="/var/lib/old")
    assert "/var/lib/old" in problem and "systemctl stop devpi-server" in problem
    # Moved data are used.
    assert _service_checks.find_problems(wanted(), found(former_data_dir="")) == []


def test_missing_data_are_not_silently_replaced_by_an_empty_index():
    problem = refused(data=_service.Data())
    assert DATA in problem and "mounted" in problem and "teardown" in problem


@pytest.mark.parametrize(
    ("data", "entries"),
    [
        # After teardown, on a first run, after a run that was killed while it created the data, and after a full disk.
        (_service.Data(), {UNIT: None}),
        (_service.Data(), {UNIT: None, CONFIG + "/secret": None}),
        (_service.Data((".init",)), {}),
        (_service.Data(), {CONFIG + "/secret": _service.Entry(999, 997, 0o600, 900, None, True)}),
    ],
)
def test_data_that_do_not_exist_yet_are_created(data, entries):
    host = found(data=data, entries=entries)
    assert _service_checks.find_problems(wanted(), host) == []
    assert "data" in _service_plan.plan(wanted(), host).steps


@pytest.mark.parametrize(("path", "name"), [(DATA, "devpi_data_dir"), (CONFIG, "devpi_config_dir")])
def test_link_to_a_missing_folder_is_refused(path, name):
    # As if the unit had never been, so that the data are not missed as well.
    problem = refused(wanted(has_password=True), links={path: "/srv/big"}, entries={path: None, UNIT: None})
    assert "%s is %s" % (name, path) in problem and "/srv/big" in problem and "mounted" in problem


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (_service.Data(("photos",)), ["photos", "not devpi's"]),
        (_service.Data((".serverversion",), "3", "", {999: "devpi"}), ["have format 3", "devpi-export"]),
        (_service.Data((".serverversion",), "5", "", {999: "devpi"}), ["have format 5", "6.20.3", "devpi-export"]),
        (_service.Data((".serverversion",), "4", "replica", {999: "devpi"}), ["replica"]),
        (_service.Data((".serverversion",), "", "", {999: "devpi"}), [DATA + "/.serverversion", "backup"]),
    ],
)
def test_data_that_cannot_be_served_are_refused(data, names):
    problem = refused(data=data)
    assert all(name in problem for name in names), problem


def test_data_with_an_unknown_password_are_refused_unless_it_is_given():
    host = {"entries": {CONFIG + "/root.password": None}}
    assert "devpi_root_password" in refused(**host)
    assert _service_checks.find_problems(wanted(has_password=True), found(**host)) == []


def test_host_that_cannot_run_the_service_at_all_is_the_only_problem_reported():
    assert "does not run systemd" in refused(systemd=False, is_root=False)
    assert "become: true" in refused(is_root=False)


def test_all_problems_are_reported_at_once():
    problems = _service_checks.find_problems(
        wanted(options={"listen": []}, port=0), found(account=OURS._replace(comment=""))
    )
    assert len(problems) == 3
