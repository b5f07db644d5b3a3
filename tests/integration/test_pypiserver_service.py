# SPDX-License-Identifier: GPL-3.0-or-later
"""How the module brings pypiserver to run, with the real pypiserver and a systemd that only starts and ends its process."""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
import time
import types

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _pypiserver
from ansible_collections.airgap.python.plugins.module_utils._index._service import Account, UnitState

from tests.integration.devpi_server import free_port
from tests.integration.pypiserver_server import install
from tests.integration.test_static_index import run, stage

USER = {"name": "ci", "password": "ci's secret 1"}


class Systemd:
    """The commands of systemd for the one unit."""

    def __init__(self, host):
        self.host = host

    def state(self):
        """Return whether the process runs."""
        runs = self.host.process is not None and self.host.process.poll() is None
        return UnitState("active" if runs else "failed", "", False, self.host.enabled, self.host.started if runs else 0)

    def systemctl(self, verb, *_arguments):
        """Start or end the process."""
        self.host.verbs.append(verb)
        if verb in ("restart", "stop", "disable") and self.host.process is not None:
            self.host.process.terminate()
            self.host.process.wait()
            self.host.process = None
        if verb == "restart":
            (line,) = [one for one in self.host.unit.read_text().split("\n") if one.startswith("ExecStart=")]
            self.host.started = time.time()
            self.host.process = subprocess.Popen(
                shlex.split(line.partition("=")[2]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        if verb in ("enable", "disable"):
            self.host.enabled = verb == "enable"
        return 0, ""

    systemctl_or_fail = systemctl

    def journal_since(self, _start):
        """Return what the unit wrote."""
        return ["OSError: [Errno 98] Address already in use"]


class Host:
    """A host with a bundle that is served as static files; ``run`` is the module without Ansible's start."""

    def __init__(self, folder):
        self.folder = folder
        self.process = None
        self.started, self.enabled, self.verbs = 0.0, False, []
        # The environment is that of the cache, and the program in it is of this test.
        (folder / "venv").mkdir()
        for name in ("bin", "lib", "pyvenv.cfg"):
            os.symlink(install().parent / name, folder / "venv" / name)
        (folder / "units").mkdir()
        self.unit = folder / "units/pypiserver.service"
        self.port = free_port()
        assert run(**stage(folder, "1.0"))["changed"]

    def text(self, program="pypiserver_site.py"):
        """Return a unit."""
        venv = self.folder / "venv"
        return "[Service]\nExecStart=%s/bin/python -I %s/%s serve %s/etc/settings.json" % (
            venv,
            venv,
            program,
            self.folder,
        )

    def run(self, check=False, **options):
        """Run the module; return its result."""
        params = {
            "state": "present",
            "remove_data": False,
            "venv": str(self.folder / "venv"),
            "environment": None,
            "python": "/usr/bin/python3",
            "unit": self.text(),
            "unit_dir": str(self.folder / "units"),
            "config_dir": str(self.folder / "etc"),
            "uploads_dir": str(self.folder / "uploads"),
            "static_dir": str(self.folder / "static"),
            "index": "airgap/prod",
            "user": pwd.getpwuid(os.geteuid()).pw_name,
            "users": [USER],
            "port": self.port,
            "wait": 20,
        }
        tmpdir = self.folder / "module"
        tmpdir.mkdir(exist_ok=True)

        def command(argv, data=None, **_options):
            done = subprocess.run(
                argv, input=(data or "").encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False
            )
            return done.returncode, done.stdout.decode(), done.stderr.decode()

        module = types.SimpleNamespace(
            params=dict(params, **options), check_mode=check, tmpdir=str(tmpdir), run_command=command
        )
        self.verbs = []
        is_present = module.params["state"] == "present"
        return (_pypiserver.ensure_present if is_present else _pypiserver.ensure_gone)(module)

    def files(self):
        """Return path to content of what the module writes."""
        names = ["units/pypiserver.service", "etc/settings.json", "etc/htpasswd", "venv/pypiserver_site.py"]
        paths = [self.folder / name for name in names]
        return {str(path): path.read_text() for path in paths if path.exists()}


@pytest.fixture(name="host")
def host_fixture(tmp_path, monkeypatch):
    """Return a host; what runs on it is ended."""
    if os.geteuid() != 0:
        pytest.skip("files of several owners need root")
    host = Host(tmp_path)
    me = Account(os.geteuid(), os.getegid(), _pypiserver.COMMENT, "")
    monkeypatch.setattr(_pypiserver._systemd, "Systemd", lambda _module, _name: Systemd(host))
    monkeypatch.setattr(_pypiserver, "read_account", lambda _name: (me, me.gid, ()))
    monkeypatch.setattr(_pypiserver._accounts, "why_unusable", lambda *_arguments: [])
    monkeypatch.setattr(_pypiserver, "RUN_UNITS", str(tmp_path / "units/any"))
    monkeypatch.setattr(
        _pypiserver._listeners, "find_listeners", lambda *_arguments: _pypiserver._listeners.Port(True, False)
    )
    yield host
    Systemd(host).systemctl("stop")


def test_it_is_installed_changed_stopped_and_removed_and_a_second_run_changes_nothing(host):
    assert host.run(check=True)["changed"] and host.files() == {} and host.process is None
    assert host.run()["restart"] == "it does not run"
    assert host.enabled and (host.folder / "etc/htpasswd").stat().st_mode & 0o777 == 0o600
    assert (host.folder / "etc").stat().st_mode & 0o777 == 0o750
    before = host.files()
    result = host.run()
    assert (result["changed"], host.verbs) == (False, []) and host.files() == before, result
    # A new password needs no restart.
    result = host.run(users=[dict(USER, password="another one")])
    assert result["steps"] == ["the password of ci changes"] and "restart" not in host.verbs
    assert "another one" not in str(result)
    other = free_port()
    result = host.run(port=other)
    assert "settings.json changes" in result["restart"] and "restart" in host.verbs
    assert host.run(state="stopped")["changed"] and host.process is None
    assert host.run(state="stopped")["changed"] is False
    assert host.run(port=other)["restart"] == "it does not run"
    (host.folder / "uploads/ours-1.0.tar.gz").write_text("ours")
    assert host.run(state="absent")["changed"] and not host.unit.exists()
    assert (host.folder / "uploads/ours-1.0.tar.gz").exists() and (host.folder / "etc/htpasswd").exists()
    assert host.run(state="absent")["changed"] is False


def test_server_that_does_not_run_is_rolled_back_to_the_former_one(host):
    host.run()
    before = host.files()
    with pytest.raises(
        AirgapError, match="ended when it was started: OSError.*restored, and pypiserver runs with them"
    ):
        host.run(unit=host.text("nothing.py"), users=[USER, {"name": "other", "password": "long enough"}])
    assert host.files() == before
    assert host.process.poll() is None and host.run()["changed"] is False


def test_first_start_that_fails_leaves_nothing_that_runs(host):
    with pytest.raises(AirgapError, match="ended when it was started.*and pypiserver is stopped, as it was before"):
        host.run(unit=host.text("nothing.py"))
    assert host.process is None and not host.unit.exists()
    assert host.run()["changed"]


def test_problems_are_named_together_before_anything_changes(host, monkeypatch):
    port = _pypiserver._listeners.Port(False, False, "nginx (pid 7)")
    monkeypatch.setattr(_pypiserver._listeners, "find_listeners", lambda *_arguments: port)
    with pytest.raises(AirgapError) as caught:
        host.run(users=[dict(USER, password="short")], uploads_dir="/up loads/x", static_dir=str(host.folder / "none"))
    text = str(caught.value)
    assert (
        "in use by nginx (pid 7)" in text and "fewer than 8 characters" in text and "uploads_dir is /up loads/x" in text
    )
    assert "none does not exist. Run the role static first" in text
    assert host.files() == {} and "short" not in text.replace("shorter", "")
