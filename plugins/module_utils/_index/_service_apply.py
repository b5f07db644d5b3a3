# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes that make the service run as wanted: tried first, and rolled back if they fail."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _access, _disk_space, _files, _rollback, _secret_file
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import (
    _accounts,
    _addresses,
    _client,
    _container,
    _data_folder,
    _front,
    _journal,
    _migration,
    _replication,
    _service,
    _service_checks,
    _service_config,
    _service_plan,
    _systemd,
)
from ansible_collections.airgap.python.plugins.module_utils._index._host import list_names, read_entry
from ansible_collections.airgap.python.plugins.module_utils._index._service_inspect import inspect, read_start
from ansible_collections.airgap.python.plugins.module_utils._index._systemd import RUN_UNITS
from ansible_collections.airgap.python.plugins.module_utils._install import (
    _interpreter_fit,
    _service_environment,
    _venv_plan,
)

TRIAL_CONFIG = "trial.yml"


class Service:
    """The service as it is wanted, and the steps of a plan."""

    def __init__(self, module: AnsibleModule, wanted: _service.Wanted) -> None:
        self.module = module
        self.wanted = wanted
        self.systemd = _systemd.Systemd(module, os.path.basename(wanted.unit_path))
        self.trial = _systemd.Systemd(module, self.systemd.name.replace(".service", "-trial.service"))
        self.rollback = _rollback.Rollback(wanted.unit_path)
        self.urls = _addresses.own_urls(wanted.hosts, wanted.port)
        # Whether the server ran before the change, and whether the change stopped it.
        self.ran = False
        self.was_stopped = False
        # What the change did to the data of a server whose part in replication it changes: devpi's note of that part, and
        # whether the data of a former primary were moved aside.
        self.nodeinfo = b""
        self.was_set_aside = False

    @property
    def trial_paths(self) -> t.List[str]:
        """Return where the unit of a trial may be: last where it is, and before that where the other way has it."""
        quadlets = os.path.dirname(self.wanted.quadlet_path)
        quadlet = os.path.join(quadlets, self.trial.name.replace(".service", ".container")) if quadlets else ""
        paths = [quadlet, os.path.join(RUN_UNITS, self.trial.name)]
        return [path for path in (reversed(paths) if self.wanted.image else paths) if path]

    @property
    def timeout(self) -> int:
        """Return how many seconds the server may take until it answers."""
        return int(self.module.params["wait"])

    def apply(self, plan: _service_plan.Plan, found: _service.Found) -> None:
        """Carry out a plan: first what the running server does not use, then the trial, then the server itself."""
        wanted = self.wanted
        self.end_trial()
        self.ran = found.unit_state.active == "active"
        if plan.changed and {wanted.text_path, wanted.other_path} & set(found.entries):
            self.record_state(found.unit_state.active)
        account = self.create_account(plan, found)
        self.wanted = wanted = _container.filled(wanted, account_of(account))
        self.create_folders(account)
        self.write_secrets(plan, found, account)
        if "certificate of the primary" in plan.steps:
            self.write_file(wanted.ca_path, wanted.primary_ca, account.pw_gid, 0o640)
        if _service_plan.COPY in plan.steps:
            self.clear_data(found.data.role)
        if {"data", _service_plan.COPY} & set(plan.steps):
            primary_url = wanted.primary_url if wanted.is_replica else ""
            _data_folder.create(wanted.data_dir, account, wanted.password_path, self.init_command(account), primary_url)
        if "config" in plan.steps:
            self.check_config(account)
        if _service_plan.CONVERT in plan.steps:
            self.convert_data(account)
        elif wanted.promote and found.data.role == _service.REPLICA:
            # A trial would note the new part in the data that the replica uses.
            self.nodeinfo = read_start(os.path.join(wanted.data_dir, ".nodeinfo"), 4096)
        elif plan.restart and self.ran and not self.was_stopped:
            self.run_trial(account.pw_gid)
        if _service_plan.RUNTIME in plan.steps:
            # The unit that it runs with knows how it stops; the next one has the same name.
            self.was_stopped = True
            self.systemd.systemctl_or_fail("stop", self.systemd.name)
            _files.remove_if_exists(wanted.other_path)
        self.write_files(plan, account.pw_gid)
        if plan.restart or "unit" in plan.steps:
            self.systemd.systemctl_or_fail("daemon-reload")
        if plan.restart:
            self.was_stopped = True
            self.systemd.start("restart", self.urls, self.timeout)
        if "enable" in plan.steps:
            self.systemd.systemctl_or_fail("enable", "--quiet", self.systemd.name)

    def clear_data(self, role: str) -> None:
        """Stop the server and empty its data folder, so that the data can be copied from the primary.

        The front is stopped, too, and the role front starts it again: nodes must not find half an index here.
        """
        self.systemd.systemctl("stop", _front.SOCKET, _front.SERVICE)
        self.was_stopped = True
        self.systemd.systemctl("stop", self.systemd.name)
        if role == _service.REPLICA:
            _migration.clear(self.wanted.data_dir)
        else:
            _migration.set_aside(self.wanted.data_dir)
            self.was_set_aside = True

    def restore_part(self) -> None:
        """Undo what the change did to the data of a server whose part in replication it changed."""
        data = self.wanted.data_dir
        if not self.nodeinfo and not self.was_set_aside:
            return
        self.systemd.systemctl("stop", self.systemd.name)
        self.was_stopped = True
        if self.was_set_aside:
            _migration.take_back(data)
        else:
            account = pwd.getpwnam(self.wanted.user)

            def work() -> None:
                _data_folder.become(account)
                _files.write_atomic(os.path.join(data, ".nodeinfo"), self.nodeinfo, 0o600)

            _data_folder.in_child(work)

    def init_command(self, account: pwd.struct_passwd) -> t.List[str]:
        """Return the command of devpi-init; in a container it is root who starts it, and the account that runs it."""
        argv = [os.path.join(self.wanted.venv, "bin/devpi-init")]
        if not self.wanted.image:
            return argv
        return _container.command(self.wanted, account_of(account), argv, writable=self.wanted.data_dir)

    def convert_data(self, account: pwd.struct_passwd) -> None:
        """Convert the data to the format of the new version while the old one serves, try it, and exchange them."""
        data = self.wanted.data_dir
        former = os.path.join(self.wanted.venv + _rollback.FORMER, "bin/python")
        if not os.path.exists(former):
            raise AirgapError(
                "The data in %s are of another major version of devpi-server than %s, and the environment that wrote them "
                "is not on this host, so they cannot be exported. Stage the version that wrote them "
                "(stage_devpi_requirements), play index, and then upgrade." % (data, self.wanted.version)
            )
        serial = _migration.convert(data, account, former, os.path.join(self.wanted.venv, "bin/python"))
        _migration.check_converted(data)
        self.run_trial(account.pw_gid, _migration.new_data(data))
        self.was_stopped = True
        self.systemd.systemctl_or_fail("stop", self.systemd.name)
        _migration.exchange(data, serial)

    def restore_data(self) -> None:
        """Restore the data that a conversion replaced, if one did not end."""
        if _migration.is_pending(self.wanted.data_dir):
            self.systemd.systemctl("stop", self.systemd.name)
            self.was_stopped = True
        _migration.restore(self.wanted.data_dir)

    def record_state(self, active: str) -> None:
        """Record what a rollback restores."""
        wanted = self.wanted
        folders = [os.path.realpath(folder) for folder in (wanted.config_dir, wanted.data_dir)]
        self.rollback.record(
            [path for path in (wanted.text_path, wanted.other_path, wanted.config_path) if path],
            [*folders, wanted.secret_path, wanted.password_path],
            active,
        )

    def create_account(self, plan: _service_plan.Plan, found: _service.Found) -> pwd.struct_passwd:
        """Return the account, which is created with its group if it does not exist."""
        user = self.wanted.user
        if "account" not in plan.steps:
            return pwd.getpwnam(user)
        return _accounts.create(
            self.module, user, _service.COMMENT, "group" in plan.steps, _service_plan.uid_for(found)
        )

    def create_folders(self, account: pwd.struct_passwd) -> None:
        """Create the configuration folder and the data folder."""
        for path, owner in ((self.wanted.config_dir, 0), (self.wanted.data_dir, account.pw_uid)):
            _files.make_folder(path)
            # The operator may have made the folder itself a link, to a larger disk.
            _access.set_owner(os.path.realpath(path), owner, account.pw_gid, 0o750)

    def write_secrets(self, plan: _service_plan.Plan, found: _service.Found, account: pwd.struct_passwd) -> None:
        """Write the server's secret and root's password, unless they exist."""
        wanted = self.wanted
        entry = found.entries.get(wanted.secret_path)
        if wanted.is_replica and (entry is None or entry.empty):
            raise AirgapError(
                "%s does not exist, and a replica needs the secret of its primary. Play index, which carries it to this host."
                % wanted.secret_path
            )
        _secret_file.write_secret(wanted.secret_path, None, account.pw_uid, account.pw_gid)
        given = self.module.params["root_password"] if "password" in plan.steps else ""
        entry = found.entries.get(wanted.password_path)
        # An existing password is the one that the server has. The role changes it on the server first.
        content = given if given and (entry is None or entry.empty) else None
        _secret_file.write_secret(wanted.password_path, content, 0, 0)

    def write_files(self, plan: _service_plan.Plan, gid: int) -> None:
        """Write the configuration and the unit."""
        wanted = self.wanted
        if "config" in plan.steps:
            self.write_file(wanted.config_path, _service_config.render(wanted), gid, 0o640)
        if "unit" in plan.steps:
            _files.make_folder(os.path.dirname(wanted.text_path))
            self.write_file(wanted.text_path, wanted.unit, 0, 0o644)

    def write_file(self, path: str, text: str, gid: int, mode: int) -> None:
        """Write a file of root."""
        _files.write_atomic(path, text.encode("utf-8"), mode)
        _access.set_owner(path, 0, gid, mode)

    @contextlib.contextmanager
    def trial_config(self, text: str, gid: int) -> t.Iterator[str]:
        """Return the path of a configuration that exists only for a trial."""
        path = os.path.join(self.wanted.config_dir, TRIAL_CONFIG)
        try:
            _files.write_atomic(path, text.encode("utf-8"), 0o640)
            _access.set_owner(path, 0, gid, 0o640)
            yield path
        finally:
            _files.remove_if_exists(path)

    def check_config(self, account: pwd.struct_passwd) -> None:
        """Let devpi-server read the configuration; raises AirgapError if it does not accept all of it."""
        with self.trial_config(_service_config.render(self.wanted), account.pw_gid) as path:
            argv = [os.path.join(self.wanted.venv, "bin/devpi-server"), "--configfile", path, "--version"]
            if self.wanted.image:
                argv = _container.command(self.wanted, account_of(account), argv, readable=path)
            rc, out, err = _systemd.run(self.module, *argv)
        unknown = _journal.unknown_options(err)
        if unknown:
            raise AirgapError(
                "devpi-server does not know the option %s. Correct devpi_options." % " and ".join(unknown)
            )
        if rc != 0:
            raise AirgapError(
                "devpi-server does not accept its configuration: %s. Correct devpi_options."
                % _journal.explain_exit((err + out).splitlines())[0]
            )

    def run_trial(self, gid: int, data: str = "") -> None:
        """Start the new server next to the running one, on its data or on others, and stop it again."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config_path = os.path.join(self.wanted.config_dir, TRIAL_CONFIG)
        wanted = self.wanted._replace(data_dir=data or self.wanted.data_dir)
        unit, config = _service_config.trial(wanted, config_path, port)
        try:
            with self.trial_config(config, gid):
                self.copy_drop_ins(config_path)
                if wanted.image:
                    _files.make_folder(os.path.dirname(self.trial_paths[-1]))
                _files.write_atomic(self.trial_paths[-1], unit.encode("utf-8"))
                self.trial.systemctl_or_fail("daemon-reload")
                self.trial.start("start", ["http://127.0.0.1:%d" % port], self.timeout)
        finally:
            self.end_trial()

    def copy_drop_ins(self, config_path: str) -> None:
        """Give the trial the drop-in files of the site (systemd.unit(5): UNIT.d/*.conf), which may hold secrets."""
        source, target = self.wanted.unit_path + ".d", os.path.join(RUN_UNITS, self.trial.name + ".d")
        for name in list_names(source):
            if name.endswith(".conf"):
                text = (_files.read_if_exists(os.path.join(source, name)) or b"").decode("utf-8", "surrogateescape")
                text = _service_config.trial_unit(text, self.wanted, config_path)
                _files.make_folder(target)
                _files.write_atomic(os.path.join(target, name), text.encode("utf-8", "surrogateescape"), 0o600)

    def end_trial(self) -> None:
        """Remove everything of a trial, be it of this run or of one that was killed."""
        _files.remove_if_exists(os.path.join(self.wanted.config_dir, TRIAL_CONFIG))
        has_unit = any(os.path.exists(path) for path in self.trial_paths)
        if has_unit:
            self.trial.systemctl("stop", self.trial.name)
        for path in self.trial_paths:
            _files.remove_if_exists(path)
        shutil.rmtree(os.path.join(RUN_UNITS, self.trial.name + ".d"), ignore_errors=True)
        if has_unit:
            self.trial.systemctl("daemon-reload")
            self.trial.systemctl("reset-failed", self.trial.name)

    def wait_until_ready(self) -> None:
        """Wait until a server that runs already answers."""
        self.systemd.start("start", self.urls, self.timeout)

    def discard(self) -> None:
        """Discard what a rollback would restore: the change works."""
        self.nodeinfo, self.was_set_aside, self.was_stopped = b"", False, False
        self.rollback.discard()
        _rollback.discard_former_venv(self.wanted.venv)

    def wait_until_in_sync(self, serial: int) -> None:
        """Wait until a replica has all changes up to a serial, and all files."""
        client = _client.Client(self.urls[0])
        try:
            _replication.wait(client, serial, float(self.module.params["sync_timeout"]))
        finally:
            client.close()

    def runs_former(self) -> bool:
        """Return whether the running server was started before the first of the new files was written."""
        state = self.systemd.state()
        paths = (self.wanted.text_path, self.wanted.config_path, os.path.join(self.wanted.venv, _venv_plan.LOCK_COPY))
        changed = [entry.changed for entry in map(read_entry, paths) if entry]
        is_older = not changed or self.ran or state.started < max(changed)
        return state.active == "active" and not self.was_stopped and is_older

    def roll_back(self) -> str:
        """Restore the former state; return what came of that, "" if there was nothing to restore."""
        self.restore_data()
        self.restore_part()
        has_venv = _rollback.has_former_venv(self.wanted.venv)
        if not has_venv and not self.rollback.is_recorded:
            return ""
        was_recorded, was = self.rollback.is_recorded, self.rollback.active
        is_former = self.runs_former()
        _rollback.restore_venv(self.wanted.venv)
        self.rollback.restore()
        self.systemd.systemctl("daemon-reload")
        if not was_recorded:
            return "The former environment is restored."
        if is_former:
            return (
                "The change was only tried next to the running index, which was not stopped; everything is as before."
            )
        if was == "activating":
            # Whether it can start does not depend on this run, so the run does not wait for it.
            self.systemd.systemctl("restart", "--no-block", self.systemd.name)
            return "The former unit, configuration and environment are restored, and systemd goes on trying to start the server."
        if was not in ("active", "reloading"):
            if self.was_stopped:
                self.systemd.systemctl("stop", self.systemd.name)
            return "The former unit, configuration and environment are restored, and the server is stopped, as it was before."
        return self.restart_former()

    def restart_former(self) -> str:
        """Restart the server with the former state; return what came of that."""
        config = (_files.read_if_exists(self.wanted.config_path) or b"").decode("utf-8", "replace")
        urls = _service_config.urls_of(config) or self.urls
        try:
            self.systemd.start("restart", urls, self.timeout)
        except AirgapError as error:
            return (
                "The former unit, configuration and environment are restored, but the server does not run with them either: %s"
                % error
            )
        return "The former unit, configuration and environment are restored, and the index answers at %s." % urls[0]

    def try_roll_back(self) -> str:
        """Restore what can be restored; return what came of that as a part of an error message."""
        try:
            return self.roll_back()
        except OSError as error:
            return "The former state is not completely restored: %s: %s (%s). Fix that, and run this again." % (
                error.filename or "a command of systemd",
                error.strerror,
                _disk_space.free_space(self.wanted.unit_path, self.wanted.config_dir, self.wanted.venv),
            )


# The options of the module devpi_service.
OPTIONS: t.Dict[str, t.Any] = {
    "state": {"type": "str", "choices": ["present", "stopped", "absent"], "default": "present"},
    "remove_data": {"type": "bool", "default": False},
    "venv": {"type": "path", "required": True},
    "environment": _service_environment.OPTION,
    "data_dir": {"type": "path", "required": True},
    "config_dir": {"type": "path", "required": True},
    "user": {"type": "str", "required": True},
    "unit_path": {"type": "path", "default": "/etc/systemd/system/devpi-server.service"},
    "quadlet_path": {"type": "path", "default": "/etc/containers/systemd/devpi-server.container"},
    "image": {"type": "str", "default": ""},
    "unit": {"type": "str"},
    "python": {"type": "path", "default": "/usr/bin/python3"},
    "target": {"type": "dict"},
    "host": {"type": "list", "elements": "str", "default": ["0.0.0.0"]},
    "port": {"type": "int", "default": 3141},
    "options": {"type": "dict", "default": {}},
    "argon2_memory_cost": {"type": "int", "default": 8192},
    "version": {"type": "str", "default": ""},
    "root_password": {"type": "str", "default": "", "no_log": True},
    "wait": {"type": "int", "default": 60},
    "part": {"type": "str", "choices": ["alone", "primary", "replica"], "default": "alone"},
    "primary_url": {"type": "str", "default": ""},
    "primary_ca": {"type": "str", "default": ""},
    "promote": {"type": "bool", "default": False},
    "replace_data": {"type": "bool", "default": False},
    "sync_timeout": {"type": "int", "default": 900},
}
REQUIRED_IF = [("state", "present", ["unit"])]


def wanted_from(params: t.Mapping[str, t.Any]) -> _service.Wanted:
    """Return the service that the options ask for."""
    return _service.Wanted(
        params["user"],
        params["python"],
        params["venv"],
        params["data_dir"],
        params["config_dir"],
        params["unit_path"],
        _systemd.fit((params["unit"] or "").rstrip("\n") + "\n"),
        _addresses.split(params["host"]),
        params["port"],
        params["options"],
        params["argon2_memory_cost"],
        params["version"],
        bool(params["root_password"]),
        params["quadlet_path"],
        params["image"],
        "" if params["part"] == "alone" else params["part"],
        params["primary_url"].rstrip("/"),
        params["primary_ca"],
        params["promote"],
        params["replace_data"],
    )


def account_of(account: pwd.struct_passwd) -> _service.Account:
    """Return an account of the host as this package knows it."""
    return _service.Account(account.pw_uid, account.pw_gid, account.pw_gecos, account.pw_shell)


def ensure_present(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Make the service run as wanted, or restore what ran before and raise AirgapError."""
    service = Service(module, wanted_from(module.params))
    try:
        return _ensure_present(module, service)
    except (AirgapError, OSError) as error:
        message = str(error) if not isinstance(error, OSError) else "%s: %s." % (error.filename, error.strerror)
        restored = "" if module.check_mode else service.try_roll_back()
        see = "See 'journalctl -u %s' on this host." % service.systemd.name if service.was_stopped else ""
        raise AirgapError(
            " ".join(part for part in (message, restored, see) if part), **getattr(error, "details", {})
        ) from error
    except BaseException:
        if not module.check_mode:
            service.try_roll_back()
        raise


def _ensure_present(module: AnsibleModule, service: Service) -> t.Dict[str, t.Any]:
    wanted = service.wanted
    if not module.check_mode:
        service.restore_data()
    found = inspect(wanted, service.systemd)
    service.wanted = wanted = _container.filled(wanted, found.account)
    if module.check_mode and found.primary.problem:
        # An earlier role of the same run may only have reported that it would start it.
        found = found._replace(primary=_service.Primary())
    environment = _service_environment.ServiceEnvironment(
        module, wanted.venv, wanted.python, module.params["environment"]
    )
    target = module.params["target"]
    misfit = _interpreter_fit.misfit(module, wanted.python, target) if target else ""
    problems = _service_checks.find_problems(wanted, found) + ([misfit] if misfit else environment.inspect())
    if problems:
        raise AirgapError(*problems)
    if environment.changes:
        if not module.check_mode:
            environment.install()
        found = found._replace(venv_changed=time.time(), now=time.time())
    plan = _service_plan.plan(wanted, found)
    before = {path: entry.text or "" for path, entry in found.entries.items() if entry.text is not None}
    after = _service_plan.texts_of(wanted)
    if wanted.other_path in before:
        after[wanted.other_path] = ""
    result = {
        "changed": plan.changed or environment.changes,
        "steps": [*(["environment"] if environment.changes else []), *plan.steps],
        "restart": plan.restart,
        "url": service.urls[0],
        "diff": environment.diff
        + [
            {"before_header": path, "after_header": path, "before": before.get(path, ""), "after": text}
            for path, text in after.items()
            if before.get(path, "") != text
        ],
    }
    if not module.check_mode:
        service.apply(plan, found)
        if not plan.restart:
            service.wait_until_ready()
        _migration.discard(wanted.data_dir)
        service.discard()
        _container.remove_images(module, keep=wanted.image)
        if wanted.image:
            _container.remove_wants(wanted.unit_path)
        if wanted.is_replica:
            # It goes on copying after this, so nothing is rolled back if that takes too long.
            service.wait_until_in_sync(found.primary.serial)
    return dict(result, answers=not _client.why_unreachable(service.urls[0]))
