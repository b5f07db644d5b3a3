# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pypiserver as a unit: everything is checked first, and what ran before comes back if the new one does not run."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pwd
import re
import shutil
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _access, _files, _rollback
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import (
    _accounts,
    _listeners,
    _names,
    _pypiserver_program,
    _systemd,
)
from ansible_collections.airgap.python.plugins.module_utils._index._host import read_account, read_entry
from ansible_collections.airgap.python.plugins.module_utils._index._service import UnitState
from ansible_collections.airgap.python.plugins.module_utils._index._systemd import RUN_UNITS
from ansible_collections.airgap.python.plugins.module_utils._install import _service_environment, _venv_plan

COMMENT = "airgap-pypiserver"
UNIT = "pypiserver.service"
# The program in the environment, and the files in the configuration folder.
PROGRAM, SETTINGS, PASSWORDS = "pypiserver_site.py", "settings.json", "htpasswd"
Params = t.Mapping[str, t.Any]


def program_text() -> str:
    """Return the program that runs pypiserver; also from a zip archive."""
    loader = _pypiserver_program.__spec__.loader
    return bytes(loader.get_data(_pypiserver_program.__file__)).decode("utf-8")  # type: ignore[union-attr]


def wrong_users(users: t.Sequence[t.Mapping[str, str]]) -> t.List[str]:
    """Return what is wrong with the users: clients send names and passwords in different encodings."""
    names = [one["name"] for one in users]
    problems = ["pypiserver_users names %s twice." % name for name in sorted({n for n in names if names.count(n) > 1})]
    for one in users:
        if not re.match(r"[A-Za-z0-9_.@-]+\Z", one["name"]):
            problems.append("pypiserver_users has %r: use letters, digits, '.', '_', '@' and '-'." % one["name"])
        if not re.match(r"[ -~]{8,}\Z", one["password"]):
            problems.append(
                "The password of %s in pypiserver_users has fewer than 8 characters, or one that is not ASCII. Choose another."
                % one["name"]
            )
    return problems


class Service:
    """The service that the options ask for."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.params: Params = module.params
        self.systemd = _systemd.Systemd(module, UNIT)
        self.unit_path = os.path.join(self.params["unit_dir"], UNIT)
        self.config_dir = self.params["config_dir"]
        self.uploads = self.params["uploads_dir"]
        self.program = os.path.join(self.params["venv"], PROGRAM)
        self.settings = os.path.join(self.config_dir, SETTINGS)
        self.passwords = os.path.join(self.config_dir, PASSWORDS)
        self.rollback = _rollback.Rollback(self.unit_path)
        self.has_systemd = os.path.isdir(os.path.dirname(RUN_UNITS))

    def state(self) -> UnitState:
        """Return the state of the unit."""
        return self.systemd.state() if self.has_systemd else UnitState()

    def texts(self, gid: int) -> t.Dict[str, t.Tuple[str, t.Tuple[int, int, int]]]:
        """Return path to text, owner, group and mode of each file except the passwords."""
        settings = {
            "current": os.path.join(self.params["static_dir"], "current"),
            "index": self.params["index"],
            "uploads": self.uploads,
            "passwords": self.passwords,
            "host": "127.0.0.1",
            "port": self.params["port"],
        }
        return {
            self.unit_path: (_systemd.fit(self.params["unit"].rstrip("\n") + "\n"), (0, 0, 0o644)),
            self.settings: (json.dumps(settings, indent=2, sort_keys=True) + "\n", (0, gid, 0o640)),
            self.program: (program_text(), (0, 0, 0o644)),
        }

    def problems(self) -> t.List[str]:
        """Return everything that must be fixed before anything is changed."""
        if not self.has_systemd:
            return [
                "This host does not run systemd (there is no /run/systemd/system), and pypiserver runs as a systemd unit. Use "
                "airgap_index_kind folder, or another host."
            ]
        if os.geteuid() != 0:
            return ["The role pypiserver needs root on this host. Set become: true on the play."]
        params = self.params
        account, _gid, members = read_account(params["user"])
        found = _accounts.why_unusable(params["user"], account, members, COMMENT, "pypiserver_system_user")
        found += wrong_users(params["users"])
        _names.split_index(params["index"])
        for name in ("venv", "config_dir", "uploads_dir", "static_dir"):
            if not re.match(r"/[^/]+/.*[^/]$", params[name]) or re.search(r"[\s%\"'\\$:;{}]|/\.\.(/|$)", params[name]):
                found.append(
                    "%s is %s, and must be an absolute path of two parts or more without spaces." % (name, params[name])
                )
        if not os.path.isdir(params["static_dir"]) and not self.module.check_mode:
            found.append("The folder %s does not exist. Run the role static first." % params["static_dir"])
        port = _listeners.find_listeners(params["port"], UNIT)
        if not port.free and not port.is_own:
            found.append(
                "Port %d on this host is in use by %s. Stop that process, or set pypiserver_port to a free port."
                % (params["port"], port.owner)
            )
        return found

    def steps(self, gid: t.Optional[int], account: t.Optional[t.Any]) -> t.List[str]:
        """Return what differs, except the passwords."""
        steps = ["account"] if account is None else []
        texts = self.texts(-1 if gid is None else gid)
        owners = {path: owner for path, (_text, owner) in texts.items()}
        owners[self.config_dir] = (0, -1 if gid is None else gid, 0o750)
        owners[self.uploads] = (account.uid if account else -1, -1 if gid is None else gid, 0o750)
        for path, owner in owners.items():
            entry = read_entry(path, path in texts)
            differs = entry is None or (entry.uid, entry.gid, entry.mode) != owner
            if differs or (path in texts and entry is not None and entry.text != texts[path][0]):
                steps.append(path)
        return steps

    def password_changes(self, is_check: bool) -> t.List[str]:
        """Make the file of passwords have the users, or only report what would change."""
        users = {one["name"]: one["password"] for one in self.params["users"]}
        python = os.path.join(self.params["venv"], "bin/python")
        program = self.program
        if is_check:
            if not os.path.exists(python) or not os.path.exists(self.config_dir):
                return ["%s is added" % name for name in sorted(users)]
            program = os.path.join(self.module.tmpdir, PROGRAM)
            _files.write_atomic(program, program_text().encode("utf-8"))
        argv = [python, "-I", program, "passwords", self.passwords, *(["--check"] if is_check else [])]
        rc, out, err = self.module.run_command(argv, data=json.dumps(users), cwd="/", environ_update={"LC_ALL": "C"})
        if rc != 0:
            last = ((err or out).strip().splitlines() or ["exit code %d" % rc])[-1]
            raise AirgapError("The file of passwords cannot be written: %s." % last)
        return [str(one) for one in json.loads(out)]

    def has_wrong_passwords_owner(self, account: t.Optional[t.Any]) -> bool:
        """Return whether the file of passwords is missing or does not belong to the service's account alone."""
        entry = read_entry(self.passwords)
        return entry is None or account is None or (entry.uid, entry.mode) != (account.uid, 0o600)

    def why_restart(self, state: UnitState, steps: t.Sequence[str], venv_changes: bool) -> str:
        """Return why the service restarts, "" if it does not."""
        if state.active != "active":
            return "it does not run"
        changed = [path for path in (self.unit_path, self.settings, self.program) if path in steps]
        if changed:
            return "%s changes" % " and ".join(changed)
        if state.stale:
            return "systemd runs it with an earlier unit"
        paths = [self.unit_path, self.settings, self.program, os.path.join(self.params["venv"], _venv_plan.LOCK_COPY)]
        newer = [
            path for path in paths if os.path.exists(path) and state.started < os.stat(path).st_mtime <= time.time()
        ]
        return "its environment changes" if venv_changes else "%s is newer" % " and ".join(newer) if newer else ""

    def write_all(self, account: pwd.struct_passwd) -> None:
        """Write the folders, files and passwords."""
        for folder, owner in (
            (self.config_dir, (0, account.pw_gid, 0o750)),
            (self.uploads, (account.pw_uid, account.pw_gid, 0o750)),
        ):
            _files.make_folder(folder)
            _access.set_owner(os.path.realpath(folder), *owner)
        for path, (text, owner) in self.texts(account.pw_gid).items():
            data = text.encode("utf-8")
            if _files.read_if_exists(path) != data:
                _files.write_atomic(path, data, owner[2])
            _access.set_owner(path, *owner)
        self.password_changes(False)
        _access.set_owner(self.passwords, account.pw_uid, account.pw_gid, 0o600)

    def probe(self) -> str:
        """Return why the server does not answer, "" if it does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.params["port"], timeout=5)
        try:
            connection.request("GET", "/%s/simple/" % self.params["index"])
            status = connection.getresponse().status
            return "" if status == 200 else "status %d" % status
        except (OSError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__
        finally:
            connection.close()

    def wait(self, started: float) -> None:
        """Wait until the server answers; raises AirgapError if it ends, or after the time."""
        deadline = time.monotonic() + self.params["wait"]
        state = self.state()
        restarts = state.restarts
        while True:
            if _systemd.has_failed(state, restarts):
                lines = [line for line in self.systemd.journal_since(started) if line.strip()]
                last = next((one for one in reversed(lines) if "Error" in one), (lines or ["it wrote nothing"])[-1])
                raise AirgapError("pypiserver ended when it was started: %s." % last.strip()[:300])
            reason = self.probe()
            if not reason:
                return
            if time.monotonic() > deadline:
                raise AirgapError(
                    "pypiserver runs, but did not answer on port %d within %d s (%s). See 'systemctl status pypiserver', and set "
                    "pypiserver_wait_timeout if it only needs longer."
                    % (self.params["port"], self.params["wait"], reason)
                )
            time.sleep(_systemd.POLL_SECONDS)
            state = self.state()

    def roll_back(self) -> str:
        """Restore the former state; return what came of that, "" if there was nothing to restore."""
        had_venv = _rollback.restore_venv(self.params["venv"])
        if not self.rollback.is_recorded:
            return "The former environment is restored." if had_venv else ""
        was = self.rollback.active
        self.rollback.restore()
        self.systemd.systemctl("daemon-reload")
        if was != "active":
            self.systemd.systemctl("stop", UNIT)
            return "The former files are restored, and pypiserver is stopped, as it was before."
        rc, output = self.systemd.systemctl("restart", UNIT)
        if rc == 0:
            return "The former files are restored, and pypiserver runs with them."
        return "The former files are restored, but pypiserver does not run with them either: %s." % output[-300:]


def ensure_present(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Make pypiserver run as wanted, or restore what ran before and raise AirgapError."""
    service = Service(module)
    try:
        return _ensure_present(module, service)
    except (AirgapError, OSError) as error:
        message = str(error) if not isinstance(error, OSError) else "%s: %s." % (error.filename, error.strerror)
        restored = "" if module.check_mode else service.roll_back()
        raise AirgapError(
            " ".join(part for part in (message, restored) if part), **getattr(error, "details", {})
        ) from error


def _ensure_present(module: AnsibleModule, service: Service) -> t.Dict[str, t.Any]:
    params = service.params
    environment = _service_environment.ServiceEnvironment(
        module, params["venv"], params["python"], params["environment"]
    )
    problems = service.problems() + environment.inspect()
    if problems:
        raise AirgapError(*problems)
    if environment.changes and not module.check_mode:
        environment.install()
    account, gid, _members = read_account(params["user"])
    steps = service.steps(gid, account)
    passwords = service.password_changes(True)
    if not passwords and service.has_wrong_passwords_owner(account):
        passwords = [service.passwords]
    state = service.state()
    restart = service.why_restart(state, steps, environment.changes)
    if not state.enabled:
        steps.append("enable")
    before = {path: (read_entry(path, True), text) for path, (text, _owner) in service.texts(-1).items()}
    result = {
        "changed": bool(steps or passwords or restart or environment.changes),
        "steps": [*(["environment"] if environment.changes else []), *steps, *passwords],
        "restart": restart,
        "diff": environment.diff
        + [
            {"before_header": path, "after_header": path, "before": (entry.text or "") if entry else "", "after": text}
            for path, (entry, text) in before.items()
            if path in steps and path != service.program
        ],
    }
    if module.check_mode:
        return result
    started = time.time()
    if result["changed"]:
        # A former environment has its own program.
        paths = [path for path in service.texts(-1) if path != service.program or not environment.changes]
        service.rollback.record([*paths, service.passwords], [], state.active)
        if account is None:
            _accounts.create(module, params["user"], COMMENT, gid is None)
        service.write_all(pwd.getpwnam(params["user"]))
        service.systemd.systemctl_or_fail("daemon-reload")
        if restart:
            service.systemd.systemctl("restart", UNIT)
    service.wait(started)
    if "enable" in steps:
        service.systemd.systemctl_or_fail("enable", "--quiet", UNIT)
    service.rollback.discard()
    _rollback.discard_former_venv(params["venv"])
    return result


def ensure_gone(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Stop pypiserver, also at boot; with state absent, remove it; with remove_data also what was uploaded."""
    service = Service(module)
    params = service.params
    is_absent = params["state"] == "absent"
    has_unit = os.path.lexists(service.unit_path)
    state = service.state() if has_unit else UnitState()
    steps = [UNIT] if has_unit and (state.active == "active" or state.enabled or is_absent) else []
    data = [service.uploads, service.passwords] if params["remove_data"] else []
    account = read_account(params["user"])[0] if params["remove_data"] else None
    if is_absent:
        steps += [path for path in (service.settings, *data) if os.path.lexists(path)]
        steps += ["account"] if account is not None and account.comment == COMMENT else []
    if steps and not module.check_mode:
        if UNIT in steps:
            service.systemd.systemctl("disable", "--quiet", "--now", UNIT)
        if is_absent:
            service.rollback.discard()
            _rollback.discard_former_venv(params["venv"])
            for path in (service.unit_path, *(one for one in steps if one.startswith("/"))):
                if os.path.isdir(path):
                    shutil.rmtree(path)
                else:
                    _files.remove_if_exists(path)
            with contextlib.suppress(OSError):
                os.rmdir(service.config_dir)
            service.systemd.systemctl("daemon-reload")
            if "account" in steps:
                _systemd.run_or_fail(module, "userdel", params["user"])
    return {"changed": bool(steps), "steps": steps, "restart": ""}
