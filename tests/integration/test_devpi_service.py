# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens on the index host before systemd is involved: the environment, the data, and the checks.

The unit itself is tried in molecule/default/tests/test_index.py, where there is a systemd.
"""

from __future__ import annotations

import errno
import os
import pwd
import subprocess
import sys
import types
import typing as t

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _files, _rollback
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import (
    _data_folder,
    _service,
    _service_apply,
    _service_inspect,
    _service_removal,
)
from ansible_collections.airgap.python.plugins.module_utils._install import _interpreter_fit, _service_environment
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

from tests.integration import small_bundle
from tests.integration.devpi_server import devpi_bin, process  # noqa: F401  # pylint: disable=unused-import
from tests.integration.simple_index import make_wheel
from tests.integration.test_closure import run as run_module
from tests.integration.test_signatures import run

MODULE = "ansible_collections.airgap.python.plugins.module_utils._index._service_inspect"


class Environment:
    """An environment at a path, created from the lock of one small package."""

    def __init__(self, folder):
        self.folder = folder
        self.path = str(folder / "venv")
        name, data = small_bundle.installed_wheel("pip")
        (folder / name).write_bytes(data)
        self.pip = str(folder / name)

    def install(self, *files, **options):
        """Install exactly these wheels; ``options`` are those of the module."""
        for name, data in files:
            (self.folder / name).write_bytes(data)
        lock = _lock.render([small_bundle.pin(name, data) for name, data in files], "here", "")
        return run(
            "locked_venv",
            path=self.path,
            python=sys.executable,
            lock_content=lock,
            pip_wheel=self.pip,
            no_index=True,
            find_links=[str(self.folder)],
            keep_former=True,
            **options,
        )

    def version(self, path=""):
        """Return the version of the package in an environment."""
        code = "import importlib.metadata as m; print(m.version('app'))"
        return (
            subprocess.run([(path or self.path) + "/bin/python", "-c", code], stdout=subprocess.PIPE, check=True)
            .stdout.decode()
            .strip()
        )


@pytest.fixture(name="venv", scope="module")
def venv_fixture(tmp_path_factory):
    """Return an environment with version 1 of the package; the tests run in order, because creating one takes seconds."""
    venv = Environment(tmp_path_factory.mktemp("venv"))
    assert venv.install(make_wheel("app", "1.0"))["changed"]
    assert not os.path.exists(venv.path + ".former")
    return venv


def test_environment_that_cannot_be_created_leaves_the_one_in_use_unchanged(venv):
    name, data = make_wheel("app", "2.0", requires=["nowhere"])
    before = sorted(os.listdir(venv.path))
    assert venv.install((name, data))["failed"]
    assert venv.version() == "1.0" and sorted(os.listdir(venv.path)) == before
    assert not os.path.exists(venv.path + ".former")


def test_former_environment_is_used_again_after_a_run_that_was_killed_between_the_two_renames(venv):
    os.rename(venv.path, venv.path + ".former")
    assert not venv.install(make_wheel("app", "1.0"))["changed"]
    assert venv.version() == "1.0"


def test_changed_environment_replaces_the_former_one_when_it_is_complete(venv):
    assert venv.install(make_wheel("app", "2.0"))["changed"]
    assert (venv.version(), venv.version(venv.path + ".former")) == ("2.0", "1.0")
    for name in ("pip", "activate"):
        with open(os.path.join(venv.path, "bin", name), encoding="utf-8") as stream:
            text = stream.read()
        assert venv.path in text and "venv.new" not in text
    subprocess.run([venv.path + "/bin/pip", "--version"], stdout=subprocess.PIPE, check=True)
    assert not venv.install(make_wheel("app", "2.0"))["changed"]


class Host:
    """What a service's environment uses of a module: its folder, its mode, and how it runs commands."""

    def __init__(self, folder, check_mode=False):
        self.tmpdir = str(folder)
        self.check_mode = check_mode

    def run_command(self, argv, cwd=None, environ_update=None, handle_exceptions=True):
        """Run a command as a module does."""
        settings = dict(os.environ, **(environ_update or {}))
        done = subprocess.run(argv, cwd=cwd, env=settings, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr


def of_service(venv, *files, check_mode=False, **options):
    """Return the environment of a service that must hold exactly these wheels."""
    for name, data in files:
        (venv.folder / name).write_bytes(data)
    lock = _lock.render([small_bundle.pin(name, data) for name, data in files], "here", "")
    found = {"lock_content": lock, "pip_wheel": venv.pip, "pip_wheel_sha256": None, "find_links": [str(venv.folder)]}
    host = Host(venv.folder, check_mode)
    return _service_environment.ServiceEnvironment(host, venv.path, sys.executable, dict(found, **options))


def test_environment_of_a_service_is_replaced_and_restored_and_not_touched_in_check_mode(venv):
    _rollback.discard_former_venv(venv.path)
    checked = of_service(venv, make_wheel("app", "3.0"), check_mode=True)
    assert checked.inspect() == [] and checked.changes and "app==3.0" in checked.diff[0]["after"]
    umask, settings = os.umask(0o077), dict(os.environ)
    try:
        changed = of_service(venv, make_wheel("app", "3.0"))
        assert changed.inspect() == [] and changed.changes and venv.version() == "2.0"
        changed.install()
        assert (os.umask(0o077), dict(os.environ)) == (0o077, settings)
    finally:
        os.umask(umask)
    assert (venv.version(), venv.version(venv.path + ".former")) == ("3.0", "2.0")
    assert os.stat(venv.path).st_mode & 0o777 == 0o755
    same = of_service(venv, make_wheel("app", "3.0"))
    assert same.inspect() == [] and not same.changes and same.diff == []
    assert _rollback.restore_venv(venv.path) and venv.version() == "2.0"


def test_environment_of_a_service_that_cannot_be_created_leaves_the_one_in_use_and_says_what_pip_reported(venv):
    broken = of_service(venv, make_wheel("app", "4.0", requires=["nowhere"]))
    assert broken.inspect() == []
    with pytest.raises(AirgapError, match="is not complete") as failed:
        broken.install()
    assert "nowhere" in failed.value.details["pip_output"] and failed.value.details["rc"]
    assert venv.version() == "2.0" and not os.path.exists(venv.path + ".former")


def test_interpreter_that_does_not_fit_the_target_is_refused_with_the_entry_to_add(tmp_path):
    target = {"name": "old", "python": "3.8.1", "os": "linux", "arch": "x86_64", "libc": "glibc-2.17"}
    problem = _interpreter_fit.misfit(Host(tmp_path), sys.executable, target)
    start = "%s on this host does not fit the target old, for which devpi-server was staged" % sys.executable
    assert problem.startswith(start) and "python is 3.8, here" in problem
    assert '"python": "%d.%d.' % sys.version_info[:2] in problem and "airgap_targets" in problem
    assert _interpreter_fit.misfit(Host(tmp_path), sys.executable, small_bundle.here()) == ""
    assert "no such interpreter" in _interpreter_fit.misfit(Host(tmp_path), "/nonexistent/python", target)


@pytest.mark.devpi_server
def test_data_are_created_completely_by_the_account_and_after_a_killed_run(devpi_bin, tmp_path):  # noqa: F811
    password = tmp_path / "root.password"
    password.write_text("a 'quoted' pass: word\n")
    data = tmp_path / "data"
    (data / ".init" / "half").mkdir(parents=True)
    _data_folder.create(str(data), pwd.getpwuid(os.geteuid()), str(password), [str(devpi_bin / "devpi-init")])
    assert sorted(os.listdir(data))[-2:] == [".serverversion", ".sqlite"]
    assert not (data / ".init").exists()
    (data / ".serverversion").unlink()
    with pytest.raises(AirgapError, match="is not empty, and its content is not devpi's"):
        _data_folder.create(str(data), pwd.getpwuid(os.geteuid()), str(password), [str(devpi_bin / "devpi-init")])


@pytest.mark.devpi_server
def test_server_that_answers_is_found_and_one_that_does_not_is_reported_with_the_reason(process, tmp_path):  # noqa: F811
    options = {"index": "airgap/prod", "password_dir": str(process.folder)}
    found = run("devpi_info", url=process.url, **options)
    assert (found["answers"], found["has_passwords"]) == (True, False)
    assert not run("devpi_info", url="http://127.0.0.1:1", missing_ok=True, **options)["answers"]
    refused = run("devpi_info", url="http://127.0.0.1:1", **options)
    assert refused["failed"] and "Connection refused" in refused["msg"] and "publish_url" in refused["msg"]
    assert "USER/INDEX" in run("devpi_info", url=process.url, index="bad", password_dir=str(tmp_path))["msg"]


def test_host_without_systemd_is_refused_with_a_message(tmp_path):
    if os.path.isdir("/run/systemd/system"):
        pytest.skip("systemd runs this machine")
    folders = {name: str(tmp_path / name) for name in ("venv", "data_dir", "config_dir")}
    refused = run("devpi_service", user="devpi", unit="[Unit]\n", unit_path=str(tmp_path / "x.service"), **folders)
    assert refused["failed"] and "does not run systemd" in refused["msg"]
    environment = {"lock_content": "", "pip_wheel": "/nonexistent/pip-26.0-py3-none-any.whl", "find_links": []}
    options = dict(folders, environment=environment, python="/nonexistent/python")
    refused = run_module(
        "devpi_service", user="devpi", unit="[Unit]\n", unit_path=str(tmp_path / "x.service"), **options
    )
    assert "does not run systemd" in refused["msg"] and "no usable Python at /nonexistent/python" in refused["msg"]
    assert os.listdir(tmp_path) == []


@pytest.fixture(name="data")
def data_fixture(tmp_path):
    """Return a data folder as devpi-server writes it."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / ".serverversion").write_text("4\n")
    (folder / ".nodeinfo").write_text('{"role": "replica"}')
    return folder


def test_format_role_and_owner_of_the_data_are_read(data):
    seen = _service_inspect.read_data(str(data))
    assert (seen.format, seen.role, list(seen.owners)) == ("4", "replica", [os.geteuid()])


@pytest.mark.parametrize("text", ["root:$6$secret", "4\nsecret", "x" * 100, ""])
def test_invalid_format_of_data_is_not_repeated(data, text):
    (data / ".serverversion").write_text(text)
    assert _service_inspect.read_data(str(data)).format == ""


@pytest.mark.parametrize("name", [".serverversion", ".nodeinfo"])
def test_link_or_pipe_that_the_account_placed_in_the_data_is_not_read_by_root(data, tmp_path, name):
    (data / name).rename(tmp_path / "elsewhere")
    (data / name).symlink_to(tmp_path / "elsewhere")
    seen = _service_inspect.read_data(str(data))
    assert "" in (seen.format, seen.role)
    (data / name).unlink()
    os.mkfifo(data / name)
    opened = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from %s import read_data; read_data(sys.argv[1])" % MODULE,
            str(data),
        ],
        env=dict(os.environ, PYTHONPATH=os.path.abspath(".collections")),
        timeout=20,
        check=False,
    )
    assert opened.returncode == 0


def test_deeply_nested_data_do_not_stop_the_run(data):
    (data / ".nodeinfo").write_text("[" * 200000)
    assert _service_inspect.read_data(str(data)).role == ""


def test_file_that_disappears_while_the_data_are_read_does_not_stop_the_run(data, monkeypatch):
    monkeypatch.setattr(os, "listdir", lambda path: [".serverversion", ".nodeinfo", ".sqlite-journal"])
    assert _service_inspect.read_data(str(data)).format == "4"


def test_configuration_folder_is_removed_except_for_files_that_are_not_the_indexs(tmp_path):
    folder = tmp_path / "etc"
    (folder / "keys.password").mkdir(parents=True)
    for name in ("secret", "root.password", "notes.txt"):
        (folder / name).write_text("x")
    assert _service_removal.remove_config(str(folder)) == ["keys.password", "notes.txt"]
    assert sorted(os.listdir(folder)) == ["keys.password", "notes.txt"]
    (folder / "notes.txt").unlink()
    (folder / "keys.password").rmdir()
    (folder / "secret").write_text("x")
    assert _service_removal.remove_config(str(folder)) == []
    assert not folder.exists()
    assert _service_removal.remove_config(str(folder)) == []


@pytest.fixture(name="service")
def service_fixture(tmp_path):
    """Return a service in its own folders, without Ansible."""
    (tmp_path / "etc").mkdir()
    wanted = _service.Wanted(
        "devpi",
        sys.executable,
        str(tmp_path / "venv"),
        str(tmp_path / "data"),
        str(tmp_path / "etc"),
        str(tmp_path / "x.service"),
        "[Unit]\n",
        ("0.0.0.0",),
        3141,
        {},
        8192,
        "",
        False,
    )
    return _service_apply.Service(None, wanted)


def test_error_of_a_rollback_names_the_file_and_the_free_space(service, monkeypatch):
    def full():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), service.wanted.config_path)

    monkeypatch.setattr(service, "roll_back", full)
    said = service.try_roll_back()
    assert service.wanted.config_path + ": No space left" in said and "bytes free" in said and "run this again" in said


class FakeSystemd:
    """A stand-in for systemd: it records its commands, and fails where the test wants it to."""

    def __init__(self, name, log, fails=()):
        self.name = name
        self.log = log
        self.fails = fails
        self.unit_state = _service.UnitState()

    def systemctl(self, verb, *arguments):
        """Record a command."""
        self.log.append(" ".join((verb, *arguments)))

    def systemctl_or_fail(self, *arguments):
        """Record a command that must succeed."""
        self.systemctl(*arguments)

    def state(self):
        """Return the state of the unit."""
        return self.unit_state

    def start(self, verb, _urls, _timeout):
        """Record a start that the caller waits for."""
        self.systemctl(verb, self.name)
        if verb in self.fails:
            raise AirgapError("It ended.")


@pytest.fixture(name="log")
def log_fixture(service, tmp_path, monkeypatch):
    """Return the commands that systemd receives."""
    log: t.List[str] = []
    service.systemd = FakeSystemd("x.service", log)
    service.trial = FakeSystemd("x-trial.service", log)
    service.module = types.SimpleNamespace(params={"wait": 1})
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(_service_apply, "RUN_UNITS", str(tmp_path / "run"))
    return log


def test_trial_that_a_killed_run_left_is_removed_completely(service, log, tmp_path):
    (tmp_path / "run/x-trial.service").write_text("[Unit]\n")
    (tmp_path / "etc/trial.yml").write_text("devpi-server:\n")
    service.end_trial()
    assert log == ["stop x-trial.service", "daemon-reload", "reset-failed x-trial.service"]
    assert os.listdir(tmp_path / "run") + os.listdir(tmp_path / "etc") == []
    del log[:]
    service.end_trial()
    assert log == []


def test_trial_leaves_nothing_whether_it_fails_or_not(service, log, tmp_path):
    service.run_trial(os.getegid())
    assert [line for line in log if "start" in line] == ["start x-trial.service"]
    service.trial.fails = ["start"]
    with pytest.raises(AirgapError, match="It ended"):
        service.run_trial(os.getegid())
    assert log[-3:] == ["stop x-trial.service", "daemon-reload", "reset-failed x-trial.service"]
    assert os.listdir(tmp_path / "run") + os.listdir(tmp_path / "etc") == []


def test_error_of_a_trial_that_could_not_be_written_is_reported(service, log, tmp_path):
    (tmp_path / "run").rmdir()
    with pytest.raises(OSError, match="run") as error:
        service.run_trial(os.getegid())
    assert error.value.__context__ is None


def start_change(service, state, sub):
    """Record a state of the unit and start a change that fails."""
    service.systemd.unit_state = _service.UnitState(state, sub)
    with open(service.wanted.unit_path, "w", encoding="utf-8") as stream:
        stream.write("former")
    service.rollback.record([service.wanted.unit_path], [], state)
    _files.write_atomic(service.wanted.unit_path, b"bad")


def test_server_that_systemd_goes_on_starting_is_not_stopped_by_a_failed_change(service, log):
    start_change(service, "activating", "auto-restart")
    service.was_stopped = True
    said = service.roll_back()
    assert log == ["daemon-reload", "restart --no-block x.service"]
    assert "systemd goes on trying to start" in said and "stopped" not in said


@pytest.mark.parametrize("state", ["inactive", "failed"])
def test_server_that_was_stopped_is_stopped_after_a_failed_change(service, log, state):
    start_change(service, state, "dead")
    service.was_stopped = True
    assert "stopped, as it was before" in service.roll_back()
    assert log == ["daemon-reload", "stop x.service"]


@pytest.mark.parametrize("state", ["active", "reloading"])
def test_server_that_ran_is_restarted_and_awaited_after_a_failed_change(service, log, state):
    start_change(service, state, "running")
    service.was_stopped = True
    assert "are restored, and the index answers" in service.roll_back()
    assert log == ["daemon-reload", "restart x.service"]


def test_trial_has_the_drop_in_files_of_the_site(service, log, tmp_path, monkeypatch):
    (tmp_path / "x.service.d").mkdir()
    (tmp_path / "x.service.d/site.conf").write_text("[Service]\nEnvironment=TOKEN=secret\n")
    (tmp_path / "x.service.d/README").write_text("no settings")
    seen = {}

    def start(*_arguments):
        for path in (tmp_path / "run/x-trial.service.d").iterdir():
            seen[path.name] = (path.read_text(), path.stat().st_mode & 0o777)

    monkeypatch.setattr(service.trial, "start", start)
    service.run_trial(os.getegid())
    assert seen == {"site.conf": ("[Service]\nEnvironment=TOKEN=secret\n", 0o600)}
    assert os.listdir(tmp_path / "run") == []


def test_drop_in_files_of_a_killed_trial_are_removed(service, log, tmp_path):
    (tmp_path / "run/x-trial.service.d").mkdir()
    (tmp_path / "run/x-trial.service.d/old.conf").write_text("[Service]\n")
    service.end_trial()
    assert os.listdir(tmp_path / "run") == []


def test_secret_that_is_a_link_is_refused_with_a_message(tmp_path):
    (tmp_path / "shadow").write_text("root:x\n")
    (tmp_path / "secret").symlink_to(tmp_path / "shadow")
    owner = pwd.getpwuid(os.geteuid()).pw_name
    said = run("secret_file", path=str(tmp_path / "secret"), owner=owner)
    assert said["failed"] and "secret is a link" in said["msg"] and "Remove the link" in said["msg"]


def test_environment_is_removed_once_and_nothing_else_is(venv):
    """Last in this file: the other tests use the environment."""
    assert run("locked_venv", path=venv.path, state="absent")["changed"]
    assert not os.path.exists(venv.path)
    assert not run("locked_venv", path=venv.path, state="absent")["changed"]
