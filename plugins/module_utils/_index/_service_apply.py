# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes that make the service run as wanted, tried first and rolled back where they fail."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _access, _disk_space, _files, _secret_file
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import (
    _addresses,
    _client,
    _data_folder,
    _journal,
    _rollback,
    _service,
    _service_checks,
    _service_config,
    _service_plan,
)
from ansible_collections.airgap.python.plugins.module_utils._index._service_inspect import look, look_at, names_in
from ansible_collections.airgap.python.plugins.module_utils._index._systemd import Systemd, run
from ansible_collections.airgap.python.plugins.module_utils._install import _venv_plan

TRIAL_CONFIG = "trial.yml"
# Where a unit lies that is gone after a reboot.
RUN_UNITS = "/run/systemd/system"


class Service:
    """The server as it is wanted, and the steps that a plan is made of."""

    def __init__(self, module: AnsibleModule, wanted: _service.Wanted) -> None:
        self.module = module
        self.wanted = wanted
        self.systemd = Systemd(module, os.path.basename(wanted.unit_path))
        self.trial = Systemd(module, self.systemd.name.replace(".service", "-trial.service"))
        self.former = _rollback.Former(wanted.unit_path)
        self.urls = _addresses.own_urls(wanted.hosts, wanted.port)
        # Whether a server ran, and whether it had to end for this.
        self.ran = False
        self.ended = False

    def run(self, *argv: str) -> None:
        """Run a command that must succeed."""
        rc, out, err = run(self.module, *argv)
        if rc != 0:
            raise AirgapError("%s failed: %s." % (argv[0], (err or out).strip()[-300:]))

    def carry_out(self, plan: _service_plan.Plan, found: _service.Found) -> None:
        """Do what the plan says: what lies beside the server first, then the trial, then the server itself."""
        wanted = self.wanted
        self.end_trial()
        self.ran = found.runs.active == "active"
        if plan.changed and wanted.unit_path in found.entries:
            self.former.note(
                [wanted.unit_path, wanted.config_path],
                [
                    *(os.path.realpath(folder) for folder in (wanted.config_dir, wanted.data_dir)),
                    wanted.secret_path,
                    wanted.password_path,
                ],
                found.runs.active,
            )
        if "group" in plan.steps:
            self.run("groupadd", "--system", wanted.user)
        if "account" in plan.steps:
            self.make_account(_service_plan.uid_for(found))
        account = pwd.getpwnam(wanted.user)
        uid, gid = account.pw_uid, account.pw_gid
        for path, owner in ((wanted.config_dir, 0), (wanted.data_dir, uid)):
            _files.make_folder(path)
            # The folder itself may be a link of the operator's, to a larger disk.
            _access.set_owner(os.path.realpath(path), owner, gid, 0o750)
        _secret_file.write_secret(wanted.secret_path, None, uid, gid)
        given = self.module.params["root_password"] if "password" in plan.steps else ""
        entry = found.entries.get(wanted.password_path)
        # A password that is there is the one that the server knows. It is changed there first, see the role.
        _secret_file.write_secret(
            wanted.password_path, given if given and (entry is None or entry.empty) else None, 0, 0
        )
        if "data" in plan.steps:
            _data_folder.make(
                wanted.data_dir, account, wanted.password_path, os.path.join(wanted.venv, "bin/devpi-init")
            )
        if "config" in plan.steps:
            self.have_devpi_read(gid)
        if plan.restart and self.ran:
            self.try_beside(gid)
        if "config" in plan.steps:
            _files.write_atomic(wanted.config_path, _service_config.config(wanted).encode("utf-8"), 0o640)
            _access.set_owner(wanted.config_path, 0, gid, 0o640)
        if "unit" in plan.steps:
            _files.write_atomic(wanted.unit_path, wanted.unit.encode("utf-8"), 0o644)
            _access.set_owner(wanted.unit_path, 0, 0, 0o644)
        if plan.restart or "unit" in plan.steps:
            self.systemd.must("daemon-reload")
        if plan.restart:
            self.ended = True
            self.systemd.start("restart", self.urls, self.module.params["wait"])
        if "enable" in plan.steps:
            self.systemd.must("enable", "--quiet", self.systemd.name)

    def make_account(self, uid: t.Optional[int]) -> None:
        """Make the account; its home is nowhere, so that it does not change with the folder of the data."""
        argv = ["useradd", "--system", "--gid", self.wanted.user, "--home-dir", "/nonexistent", "--no-create-home"]
        argv += ["--shell", _service.SHELL, "--comment", _service.COMMENT]
        self.run(*argv, *(["--uid", str(uid)] if uid is not None else []), self.wanted.user)

    @contextlib.contextmanager
    def trial_config(self, text: str, gid: int) -> t.Iterator[str]:
        """Give the path of a configuration that is only tried."""
        path = os.path.join(self.wanted.config_dir, TRIAL_CONFIG)
        try:
            _files.write_atomic(path, text.encode("utf-8"), 0o640)
            _access.set_owner(path, 0, gid, 0o640)
            yield path
        finally:
            remove_if_there(path)

    def have_devpi_read(self, gid: int) -> None:
        """Have devpi-server itself read the configuration; raises AirgapError where it does not take it all."""
        with self.trial_config(_service_config.config(self.wanted), gid) as path:
            server = os.path.join(self.wanted.venv, "bin/devpi-server")
            rc, out, err = run(self.module, server, "--configfile", path, "--version")
        unknown = _journal.unknown_options(err)
        if unknown:
            raise AirgapError("devpi-server knows no option %s. Correct devpi_options." % " and ".join(unknown))
        if rc != 0:
            raise AirgapError(
                "devpi-server does not take its configuration: %s. Correct devpi_options."
                % _journal.why_it_ended((err + out).splitlines())[0]
            )

    def try_beside(self, gid: int) -> None:
        """Start what is to run beside the server that runs."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config_path = os.path.join(self.wanted.config_dir, TRIAL_CONFIG)
        unit, config = _service_config.trial(self.wanted, config_path, port)
        try:
            with self.trial_config(config, gid):
                self.add_site_settings(config_path)
                _files.write_atomic(os.path.join(RUN_UNITS, self.trial.name), unit.encode("utf-8"))
                self.trial.must("daemon-reload")
                self.trial.start("start", ["http://127.0.0.1:%d" % port], self.module.params["wait"])
        finally:
            self.end_trial()

    def add_site_settings(self, config_path: str) -> None:
        """Have the trial run with what the site adds to the unit (systemd.unit(5): UNIT.d/*.conf); it may hold secrets."""
        source, target = self.wanted.unit_path + ".d", os.path.join(RUN_UNITS, self.trial.name + ".d")
        for name in names_in(source):
            if name.endswith(".conf"):
                text = (_files.read_if_exists(os.path.join(source, name)) or b"").decode("utf-8", "surrogateescape")
                text = _service_config.trial_unit(text, self.wanted, config_path)
                _files.make_folder(target)
                _files.write_atomic(os.path.join(target, name), text.encode("utf-8", "surrogateescape"), 0o600)

    def end_trial(self) -> None:
        """Leave nothing of a trial, be it of this run or of one that was killed."""
        unit = os.path.join(RUN_UNITS, self.trial.name)
        remove_if_there(os.path.join(self.wanted.config_dir, TRIAL_CONFIG))
        is_there = os.path.exists(unit)
        if is_there:
            self.trial.call("stop", self.trial.name)
        remove_if_there(unit)
        shutil.rmtree(unit + ".d", ignore_errors=True)
        if is_there:
            self.trial.call("daemon-reload")
            self.trial.call("reset-failed", self.trial.name)

    def runs_former(self) -> bool:
        """Say whether what runs began before the first of what took the place of the former."""
        runs = self.systemd.show()
        paths = (self.wanted.unit_path, self.wanted.config_path, os.path.join(self.wanted.venv, _venv_plan.LOCK_COPY))
        changed = [entry.changed for entry in map(look_at, paths) if entry]
        return runs.active == "active" and not self.ended and (not changed or self.ran or runs.started < max(changed))

    def take_back(self) -> str:
        """Have all as it was before; say what came of that, "" if nothing was to be taken back."""
        has_venv = _rollback.has_former(self.wanted.venv)
        if not has_venv and not self.former.is_noted:
            return ""
        was_noted, was = self.former.is_noted, self.former.active
        is_former = self.runs_former()
        _rollback.swap_back(self.wanted.venv)
        self.former.bring_back()
        self.systemd.call("daemon-reload")
        if not was_noted:
            return "The former environment is back."
        if is_former:
            return "It was tried beside the index that runs, which was not stopped; everything is as it was."
        if was == "activating":
            # Whether it can start does not depend on this run: nobody waits for it.
            self.systemd.call("restart", "--no-block", self.systemd.name)
            return (
                "Unit, configuration and environment are as they were, and systemd goes on trying to start the server."
            )
        if was not in ("active", "reloading"):
            if self.ended:
                self.systemd.call("stop", self.systemd.name)
            return "Unit, configuration and environment are as they were, and the server is stopped, as it was before."
        config = (_files.read_if_exists(self.wanted.config_path) or b"").decode("utf-8", "replace")
        urls = _service_config.urls_of(config) or self.urls
        try:
            self.systemd.start("restart", urls, self.module.params["wait"])
        except AirgapError as error:
            return "The former unit, configuration and environment are back, but do not run either: %s" % error
        return "The former unit, configuration and environment are back, and the index answers at %s." % urls[0]

    def try_take_back(self) -> str:
        """Take back what can be, and say what came of that; what it says is no more than a part of an error."""
        try:
            return self.take_back()
        except OSError as error:
            return "The former state is not all back: %s: %s (%s). Mend that, and run this again." % (
                error.filename or "a command of systemd",
                error.strerror,
                _disk_space.free_space(self.wanted.unit_path, self.wanted.config_dir, self.wanted.venv),
            )


def wanted_of(params: t.Mapping[str, t.Any]) -> _service.Wanted:
    """Return what the options ask for."""
    return _service.Wanted(
        params["user"],
        params["python"],
        params["venv"],
        params["data_dir"],
        params["config_dir"],
        params["unit_path"],
        (params["unit"] or "").rstrip("\n") + "\n",
        _addresses.split(params["host"]),
        params["port"],
        params["options"],
        params["argon2_memory_cost"],
        params["version"],
        bool(params["root_password"]),
    )


def present(module: AnsibleModule, service: Service) -> t.Dict[str, t.Any]:
    """Have the server running."""
    wanted = service.wanted
    found = look(wanted, service.systemd)
    wrong = _service_checks.problems(wanted, found)
    if wrong:
        raise AirgapError(*wrong)
    plan = _service_plan.plan(wanted, found)
    before = {path: entry.text or "" for path, entry in found.entries.items() if entry.text is not None}
    result = {
        "changed": plan.changed,
        "steps": list(plan.steps),
        "restart": plan.restart,
        "url": service.urls[0],
        "diff": [
            {"before_header": path, "after_header": path, "before": before.get(path, ""), "after": after}
            for path, after in ((wanted.config_path, _service_config.config(wanted)), (wanted.unit_path, wanted.unit))
            if before.get(path, "") != after
        ],
    }
    if not module.check_mode:
        service.carry_out(plan, found)
        if not plan.restart:
            wait_for_all(service)
        service.former.forget()
        _rollback.drop(wanted.venv)
    return dict(result, answers=not _client.why_silent(service.urls[0]))


def wait_for_all(service: Service) -> None:
    """Wait for a server that was running already."""
    service.systemd.start("start", service.urls, service.module.params["wait"])


def remove_if_there(path: str) -> None:
    """Remove a file, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
