#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: devpi_service
short_description: Run devpi-server as a unit of systemd that no bad setting takes down
version_added: 0.1.0
author:
  - airgap.python authors (@airgap-python)
description:
  - Has the account, the folders, the secret, root's password, the configuration, the data folder and the unit, and
    devpi-server answering with them.
  - Looks at everything first, and refuses all that is wrong in one message before anything is changed. In check mode it
    does that, and tells what it would do.
  - Where a server runs, what is to run is started beside it first, by the same unit, what the site adds to it (UNIT.d) and
    configuration on a port of loopback. Only when it answers does the server start anew. If either fails, the former unit,
    configuration, owners and environment come back by themselves, and the error says so.
  - The server starts anew when what runs is not what is there, whichever run changed that. The unit, the configuration, the
    secret and the environment are compared with the process.
  - It waits no longer than until systemd says that the server failed.
options:
  state:
    description: Whether the server runs, or is stopped and removed. Its data and passwords stay without O(remove_data).
    type: str
    choices: [present, absent]
    default: present
  remove_data:
    description: With O(state=absent), also remove the data folder, the passwords, and the account if this module made it.
    type: bool
    default: false
  venv:
    description: The virtual environment with devpi-server, as M(airgap.python.locked_venv) makes it.
    type: path
    required: true
  data_dir:
    description: The folder with everything that is published.
    type: path
    required: true
  config_dir:
    description: The folder with configuration, secret and passwords.
    type: path
    required: true
  user:
    description: The account that the server runs as. One that this module did not make is refused.
    type: str
    required: true
  unit_path:
    description: Where the unit lies.
    type: path
    default: /etc/systemd/system/devpi-server.service
  unit:
    description: The text of the unit. Required for O(state=present).
    type: str
  python:
    description: The interpreter that the environment is made with.
    type: path
    default: /usr/bin/python3
  host:
    description: The addresses to listen on.
    type: list
    elements: str
    default: ["0.0.0.0"]
  port:
    description: The port to listen on.
    type: int
    default: 3141
  options:
    description: More options of devpi-server by their long names. A list is one, and a truth value is one.
    type: dict
    default: {}
  argon2_memory_cost:
    description: Memory for deriving keys from the server's secret at each start, in KiB.
    type: int
    default: 8192
  version:
    description: The version of devpi-server that is to run; data that it cannot use are refused.
    type: str
    default: ""
  root_password:
    description: The password of root for new data. Without it one is made. It is not changed where there is one.
    type: str
    default: ""
  wait:
    description: How many seconds the server may take until it answers.
    type: int
    default: 60
attributes:
  check_mode:
    description: Says what is wrong and what it would do, without doing it.
    support: full
  diff_mode:
    description: Shows unit and configuration before and after.
    support: full
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Have devpi-server, and wait until it answers
  airgap.python.devpi_service:
    venv: /opt/airgap/airgap-devpi
    data_dir: /var/lib/devpi-server
    config_dir: /etc/devpi-server
    user: devpi
    unit: "{{ lookup('ansible.builtin.template', 'devpi-server.service.j2') }}"
    options: {threads: 100}
"""

RETURN = r"""
steps:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [config, unit]
restart:
  description: Why the server was started anew, or would be. Empty if it was not.
  returned: success
  type: str
  sample: /etc/devpi-server/devpi-server.yml changes
url:
  description: Where this host reaches the server.
  returned: O(state=present)
  type: str
  sample: http://127.0.0.1:3141
answers:
  description: Whether it answers there. Always so but in check mode.
  returned: O(state=present)
  type: bool
"""

import contextlib
import grp
import json
import os
import pwd
import re
import shutil
import socket
import stat
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _access, _disk_space, _files, _former, _secret_file
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import (
    _addresses,
    _data,
    _devpi,
    _listeners,
    _service,
)
from ansible_collections.airgap.python.plugins.module_utils._install import _venv

SHOWN = ("ActiveState", "SubState", "Result", "NeedDaemonReload", "UnitFileState", "MainPID", "NRestarts")
POLL = 0.25
TRIAL_CONFIG = "trial.yml"
# Where a unit lies that is gone after a reboot.
RUN_UNITS = "/run/systemd/system"


def run(module: AnsibleModule, *argv: str) -> t.Tuple[int, str, str]:
    """Run a command in the root folder; raises OSError where there is none, so that what was begun is taken back."""
    return module.run_command(list(argv), cwd="/", environ_update={"LC_ALL": "C"}, handle_exceptions=False)


class Systemd:
    """The commands of systemd for one unit."""

    def __init__(self, module: AnsibleModule, name: str) -> None:
        self.module = module
        self.name = name

    def call(self, *arguments: str) -> t.Tuple[int, str]:
        """Run systemctl; return its status and what it said."""
        rc, out, err = run(self.module, "systemctl", *arguments)
        return rc, (out + err).strip()

    def must(self, *arguments: str) -> None:
        """Run systemctl, which must succeed."""
        rc, said = self.call(*arguments)
        if rc != 0:
            raise AirgapError("systemctl %s failed: %s." % (" ".join(arguments), said[-300:]))

    def show(self) -> _service.Runs:
        """Return what systemd says of the unit."""
        properties = ",".join((*SHOWN, "ExecMainStartTimestampMonotonic"))
        dummy, out = self.call("show", self.name, "--property", properties)
        return _service.parse_show(out, time.time() - time.clock_gettime(time.CLOCK_MONOTONIC))

    def said_since(self, began: float) -> t.List[str]:
        """Return what the unit wrote since then."""
        run(self.module, "journalctl", "--sync")
        argv = [
            "journalctl",
            "--unit",
            self.name,
            "--since",
            "@%.6f" % began,
            "--output",
            "cat",
            "--no-pager",
            "--quiet",
        ]
        dummy, out, dummy2 = run(self.module, *argv, "--lines", "120")
        return out.splitlines()

    def start(self, verb: str, urls: t.Sequence[str], patience: int) -> None:
        """Start the unit and wait until it answers at each URL; raises AirgapError as soon as systemd says it failed."""
        began = time.time()
        self.call(verb, self.name)
        restarts = self.show().restarts
        deadline = time.monotonic() + patience
        while True:
            runs = self.show()
            if _service.has_failed(runs, restarts):
                line, mend = _service.why_it_ended(self.said_since(began))
                raise AirgapError("devpi-server ended as it was started: %s. %s" % (line, mend))
            silent = [(url, why) for url, why in ((url, _devpi.why_silent(url)) for url in urls) if why]
            if not silent and runs.active == "active":
                return
            if time.monotonic() > deadline:
                line, dummy = _service.why_it_ended(self.said_since(began))
                raise AirgapError(
                    "devpi-server runs, but did not answer at %s within %d s (%s). It said last: %s. See 'systemctl status %s', "
                    "and set devpi_wait_timeout if it only needs longer."
                    % (*silent[0][:1], patience, silent[0][1], line, self.name)
                    if silent
                    else "systemd did not call devpi-server active within %d s." % patience
                )
            time.sleep(POLL)


def look_at_account(name: str) -> t.Tuple[t.Optional[_service.Account], t.Optional[int], t.Tuple[str, ...]]:
    """Return the account of a name, and the number and members of the group of that name."""
    try:
        found = pwd.getpwnam(name)
        account: t.Optional[_service.Account] = _service.Account(
            found.pw_uid, found.pw_gid, found.pw_gecos.strip(","), found.pw_shell
        )
    except KeyError:
        account = None
    try:
        group = grp.getgrnam(name)
    except KeyError:
        return account, account.gid if account else None, ()
    return account, group.gr_gid, tuple(group.gr_mem)


def look_at(path: str, with_text: bool = False) -> t.Optional[_service.Entry]:
    """Return what lies at a path."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    text = None
    if with_text:
        text = (_files.read_if_exists(path) or b"").decode("utf-8", "replace")
    empty = stat.S_ISREG(found.st_mode) and found.st_size == 0
    return _service.Entry(found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), found.st_mtime, text, empty)


def look_at_data(path: str) -> _service.Data:
    """Return what is in a data folder."""
    try:
        names = sorted(set(os.listdir(path)) - {"lost+found"})
    except OSError:
        return _service.Data()
    if ".serverversion" not in names:
        return _service.Data(tuple(names))
    # One line of digits and dots; anything else is not repeated.
    version = re.match(rb"[0-9]+(\.[0-9]+)*\s*\Z", start_of(os.path.join(path, ".serverversion"), 64))
    try:
        role = json.loads(start_of(os.path.join(path, ".nodeinfo"), 4096) or b"{}").get("role", "")
    except (ValueError, AttributeError, RecursionError):
        role = ""
    owners = {}
    for name in names:
        try:
            uid = os.lstat(os.path.join(path, name)).st_uid
        except FileNotFoundError:
            # A journal of the database comes and goes.
            continue
        try:
            owners[uid] = pwd.getpwuid(uid).pw_name
        except KeyError:
            owners[uid] = ""
    return _service.Data(
        tuple(names), version.group().split(b".")[0].strip().decode("ascii") if version else "", str(role), owners
    )


def start_of(path: str, size: int) -> bytes:
    """Return how a file begins that lies where the account may put anything, a link or a pipe too; b"" for such."""
    try:
        with _files.open_plain(path) as stream:
            return stream.read(size)
    except (AirgapError, OSError):
        return b""


def closed_folder(path: str, account: t.Optional[_service.Account]) -> str:
    """Return the first folder on the way to a path that an account may not pass, or ""."""
    for way in dict.fromkeys((os.path.abspath(path), os.path.realpath(path))):
        folders = []
        while way != "/":
            way = os.path.dirname(way)
            folders.append(way)
        for folder in reversed(folders):
            entry = look_at(folder)
            if entry and not _service.may_pass(entry, account) and not has_acl(folder):
                return folder
    return ""


def has_acl(path: str) -> bool:
    """Say whether a folder has an access list (acl(5)), which the mode alone does not tell."""
    try:
        return "system.posix_acl_access" in os.listxattr(path)
    except OSError:
        return False


def why_mute(host: str) -> str:
    """Return why nothing on this host can listen on an address, or ""."""
    tried = {"*": ["0.0.0.0"], "::": ["::", "::1"]}.get(host, [host])
    for one in tried:
        try:
            found = socket.getaddrinfo(one, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            for family, kind, protocol, _name, address in found:
                with socket.socket(family, kind, protocol) as probe:
                    probe.bind(address)
        except OSError as error:
            if ":" in host and not os.path.exists("/proc/net/if_inet6") or one == "::1":
                return "IPv6 is off here"
            return error.strerror or str(error)
    return ""


def elsewhere(unit: str, data_dir: str) -> str:
    """Return the data folder of the unit that is there, if it is another one with devpi's data in it."""
    for line in unit.splitlines():
        name, dummy, path = line.partition("=")
        if name == "WorkingDirectory" and os.path.exists(os.path.join(path, ".serverversion")):
            return "" if os.path.realpath(path) == os.path.realpath(data_dir) else path
    return ""


def look(wanted: _service.Wanted, systemd: Systemd) -> _service.Found:
    """Return what the host looks like."""
    account, gid, members = look_at_account(wanted.user)
    paths = (wanted.venv, wanted.data_dir, wanted.config_dir, wanted.python)
    closed = {path: closed_folder(path, account) for path in paths}
    texts = (wanted.unit_path, wanted.config_path)
    plain = (wanted.config_dir, wanted.data_dir, wanted.secret_path, wanted.password_path)
    entries = {path: look_at(path, path in texts) for path in (*texts, *plain)}
    unit = entries[wanted.unit_path]
    copy = look_at(os.path.join(wanted.venv, _venv.LOCK_COPY))
    has_systemd = os.path.isdir("/run/systemd/system")
    return _service.Found(
        os.geteuid() == 0,
        has_systemd,
        account,
        gid,
        members,
        {path: os.path.realpath(path) for path in paths},
        {path: folder for path, folder in closed.items() if folder},
        {path: entry for path, entry in entries.items() if entry},
        look_at_data(wanted.data_dir),
        elsewhere(unit.text or "", wanted.data_dir) if unit else "",
        {host: why for host, why in ((host, why_mute(host)) for host in wanted.hosts) if why},
        _listeners.look(wanted.port, systemd.name),
        systemd.show() if has_systemd else _service.Runs(),
        copy.changed if copy else 0,
        time.time(),
        tuple(names_in(wanted.config_dir)),
        {path: os.readlink(path) for path in entries if os.path.islink(path)},
    )


def names_in(folder: str) -> t.List[str]:
    """Return the names in a folder, none where there is no folder."""
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


class Service:
    """The server as it is wanted, and the steps that a plan is made of."""

    def __init__(self, module: AnsibleModule, wanted: _service.Wanted) -> None:
        self.module = module
        self.wanted = wanted
        self.systemd = Systemd(module, os.path.basename(wanted.unit_path))
        self.trial = Systemd(module, self.systemd.name.replace(".service", "-trial.service"))
        self.former = _former.Former(wanted.unit_path)
        self.urls = _addresses.own_urls(wanted.hosts, wanted.port)
        # Whether a server ran, and whether it had to end for this.
        self.ran = False
        self.ended = False

    def run(self, *argv: str) -> None:
        """Run a command that must succeed."""
        rc, out, err = run(self.module, *argv)
        if rc != 0:
            raise AirgapError("%s failed: %s." % (argv[0], (err or out).strip()[-300:]))

    def carry_out(self, plan: _service.Plan, found: _service.Found) -> None:
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
            self.make_account(_service.uid_for(found))
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
            _data.make(wanted.data_dir, account, wanted.password_path, os.path.join(wanted.venv, "bin/devpi-init"))
        if "config" in plan.steps:
            self.have_devpi_read(gid)
        if plan.restart and self.ran:
            self.try_beside(gid)
        if "config" in plan.steps:
            _files.write_atomic(wanted.config_path, _service.config(wanted).encode("utf-8"), 0o640)
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
        with self.trial_config(_service.config(self.wanted), gid) as path:
            server = os.path.join(self.wanted.venv, "bin/devpi-server")
            rc, out, err = run(self.module, server, "--configfile", path, "--version")
        unknown = _service.unknown_options(err)
        if unknown:
            raise AirgapError("devpi-server knows no option %s. Correct devpi_options." % " and ".join(unknown))
        if rc != 0:
            raise AirgapError(
                "devpi-server does not take its configuration: %s. Correct devpi_options."
                % _service.why_it_ended((err + out).splitlines())[0]
            )

    def try_beside(self, gid: int) -> None:
        """Start what is to run beside the server that runs."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config_path = os.path.join(self.wanted.config_dir, TRIAL_CONFIG)
        unit, config = _service.trial(self.wanted, config_path, port)
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
                text = _service.trial_unit(text, self.wanted, config_path)
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
        paths = (self.wanted.unit_path, self.wanted.config_path, os.path.join(self.wanted.venv, _venv.LOCK_COPY))
        changed = [entry.changed for entry in map(look_at, paths) if entry]
        return runs.active == "active" and not self.ended and (not changed or self.ran or runs.started < max(changed))

    def take_back(self) -> str:
        """Have all as it was before; say what came of that, "" if nothing was to be taken back."""
        has_venv = _former.has_former(self.wanted.venv)
        if not has_venv and not self.former.is_noted:
            return ""
        was_noted, was = self.former.is_noted, self.former.active
        is_former = self.runs_former()
        _former.swap_back(self.wanted.venv)
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
        urls = _service.urls_of(config) or self.urls
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
    wrong = _service.problems(wanted, found)
    if wrong:
        raise AirgapError(*wrong)
    plan = _service.plan(wanted, found)
    before = {path: entry.text or "" for path, entry in found.entries.items() if entry.text is not None}
    result = {
        "changed": plan.changed,
        "steps": list(plan.steps),
        "restart": plan.restart,
        "url": service.urls[0],
        "diff": [
            {"before_header": path, "after_header": path, "before": before.get(path, ""), "after": after}
            for path, after in ((wanted.config_path, _service.config(wanted)), (wanted.unit_path, wanted.unit))
            if before.get(path, "") != after
        ],
    }
    if not module.check_mode:
        service.carry_out(plan, found)
        if not plan.restart:
            wait_for_all(service)
        service.former.forget()
        _former.drop(wanted.venv)
    return dict(result, answers=not _devpi.why_silent(service.urls[0]))


def wait_for_all(service: Service) -> None:
    """Wait for a server that was running already."""
    service.systemd.start("start", service.urls, service.module.params["wait"])


def absent(module: AnsibleModule, service: Service) -> t.Dict[str, t.Any]:
    """Have no server, and with remove_data nothing of its data."""
    wanted = service.wanted
    with_data = module.params["remove_data"]
    account, gid, members = look_at_account(wanted.user)
    folders = [wanted.data_dir, wanted.config_dir] if with_data else []
    has_data = bool(names_in(wanted.data_dir))
    # Without data what is left in the configuration folder is what an earlier removal let be.
    for folder in folders if has_data else folders[:1]:
        reason = _service.why_not_removed(folder, names_in(folder), wanted)
        if reason:
            raise AirgapError(reason)
    is_ours = account is not None and _service.is_ours(account)
    steps = [
        name
        for name, is_there in (
            ("unit", os.path.exists(wanted.unit_path)),
            ("config", os.path.exists(wanted.config_path)),
            (
                wanted.data_dir,
                with_data and (has_data or os.path.lexists(wanted.data_dir) and not os.path.isdir(wanted.data_dir)),
            ),
            (wanted.config_dir, with_data and bool(_service.removed_of_config(names_in(wanted.config_dir)))),
            ("account", with_data and is_ours),
            ("group", with_data and gid is not None and not members and (is_ours or account is None)),
        )
        if is_there
    ]
    if not module.check_mode:
        service.end_trial()
        if "unit" in steps:
            service.systemd.call("disable", "--quiet", "--now", service.systemd.name)
            os.unlink(wanted.unit_path)
            service.systemd.call("daemon-reload")
            service.systemd.call("reset-failed", service.systemd.name)
        service.former.forget()
        _former.drop(wanted.venv)
        # The secret and the passwords belong to the data: without them the data could not be served again.
        if "config" in steps:
            os.unlink(wanted.config_path)
        if with_data:
            remove_folder(wanted.data_dir)
            left = remove_config(wanted.config_dir)
            if left:
                module.warn(
                    "%s stays, as it holds what is not the index's: %s." % (wanted.config_dir, ", ".join(left[:5]))
                )
        if "account" in steps:
            service.run("userdel", wanted.user)
        # userdel takes the group along where it is the account's own.
        if "group" in steps and look_at_account(wanted.user)[1] is not None:
            service.run("groupdel", wanted.user)
    return {"changed": bool(steps), "steps": steps, "restart": ""}


def remove_if_there(path: str) -> None:
    """Remove a file, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def remove_folder(path: str) -> None:
    """Remove a folder and all in it; where a file system is mounted there, all in it."""
    if not os.path.isdir(path):
        return
    for name in os.listdir(path):
        one = os.path.join(path, name)
        if os.path.isdir(one) and not os.path.islink(one):
            if name != "lost+found":
                shutil.rmtree(one)
        else:
            os.unlink(one)
    remove_empty(path)


def remove_config(path: str) -> t.List[str]:
    """Remove of the configuration folder what is the index's, and the folder if no more is in it; return what stays."""
    if not os.path.isdir(path):
        return []
    for name in _service.removed_of_config(os.listdir(path)):
        one = os.path.join(path, name)
        if os.path.islink(one) or not os.path.isdir(one):
            os.unlink(one)
    left = [name for name in names_in(path) if name != "lost+found"]
    if not left:
        remove_empty(path)
    return left


def remove_empty(path: str) -> None:
    """Remove a folder with nothing in it, unless a file system is mounted there."""
    if os.path.islink(path):
        os.unlink(path)
    elif not os.path.ismount(path):
        os.rmdir(path)


def main() -> None:
    """Read the options, run, and take everything back where that failed."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "remove_data": {"type": "bool", "default": False},
            "venv": {"type": "path", "required": True},
            "data_dir": {"type": "path", "required": True},
            "config_dir": {"type": "path", "required": True},
            "user": {"type": "str", "required": True},
            "unit_path": {"type": "path", "default": "/etc/systemd/system/devpi-server.service"},
            "unit": {"type": "str"},
            "python": {"type": "path", "default": "/usr/bin/python3"},
            "host": {"type": "list", "elements": "str", "default": ["0.0.0.0"]},
            "port": {"type": "int", "default": 3141},
            "options": {"type": "dict", "default": {}},
            "argon2_memory_cost": {"type": "int", "default": 8192},
            "version": {"type": "str", "default": ""},
            "root_password": {"type": "str", "default": "", "no_log": True},
            "wait": {"type": "int", "default": 60},
        },
        required_if=[("state", "present", ["unit"])],
        supports_check_mode=True,
    )
    service = Service(module, wanted_of(module.params))
    try:
        result = (present if module.params["state"] == "present" else absent)(module, service)
    except (AirgapError, OSError) as error:
        said = str(error) if not isinstance(error, OSError) else "%s: %s." % (error.filename, error.strerror)
        back = "" if module.check_mode or module.params["state"] == "absent" else service.try_take_back()
        see = "" if not service.ended else " See 'journalctl -u %s' on this host." % service.systemd.name
        module.fail_json(msg=" ".join(part for part in (said, back) if part) + see)
    except BaseException:
        if not module.check_mode:
            service.try_take_back()
        raise
    module.exit_json(**result)


if __name__ == "__main__":
    main()
