# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write or remove the files that make a host's clients use the index, all of them or none."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import pwd
import shutil
import stat
import tempfile
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._clients import (
    _contents,
    _files_plan,
    _needs,
    _overrides,
    _overrides_search,
    _request,
)
from ansible_collections.airgap.python.plugins.module_utils._clients._files_plan import Change, Found, Owner, Wanted
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import (
    TEMPORARY_PREFIX,
    fsync_dir,
    make_folder,
    read_if_exists,
)

# A file that a person writes is not larger. Of a larger one only this much is read.
LARGEST = 1 << 20
SYSTEMD = "/run/systemd/system"


def look(path: str, limit: int = LARGEST) -> Found:
    """Return what is at a path. No link is followed, and nothing but a file is opened."""
    try:
        about = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Found(saved=os.path.lexists(path + _files_plan.SAVED))
    owner = Owner(about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode))
    kind = "file" if stat.S_ISREG(about.st_mode) else "link" if stat.S_ISLNK(about.st_mode) else "other"
    data = b""
    if kind == "file":
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as stream:
            data = stream.read(limit)
    saved = False
    with contextlib.suppress(FileNotFoundError):
        other = os.lstat(path + _files_plan.SAVED)
        # A run that was killed gave the file its second name, and wrote nothing.
        saved = (other.st_dev, other.st_ino) != (about.st_dev, about.st_ino)
    return Found(kind, data, owner, saved)


def users() -> t.Dict[str, _needs.User]:
    """Return the local users with a home folder."""
    found = {}
    for one in pwd.getpwall()[: _overrides_search.MOST_USERS]:
        if one.pw_dir.count("/") > 1 or one.pw_uid == 0:
            found[one.pw_name] = _needs.User(one.pw_name, os.path.realpath(one.pw_dir), one.pw_uid, one.pw_gid)
    return found


def inspect(params: t.Mapping[str, t.Any]) -> _needs.Host:
    """Return what must be known of the host before the files are planned."""
    found = users()
    store = next((one for one in _needs.TRUST_STORES if os.access(one.command[0], os.X_OK)), None)
    pypircs = []
    if "pypirc" in params["only"]:
        for path in sorted({os.path.join(one.home, ".pypirc") for one in found.values()}):
            with contextlib.suppress(OSError):
                if _contents.has_mark(look(path).data):
                    pypircs.append(path)
    return _needs.Host(
        owner=Owner(os.geteuid(), os.getegid(), 0o644),
        users={name: one for name, one in found.items() if os.path.isdir(one.home)},
        pypircs=tuple(pypircs),
        hosts=look(params["hosts_path"], -1),
        environment=look(params["environment_path"], -1),
        trust_store=store,
        anchors=tuple(sorted(glob.glob(os.path.join(glob.escape(store.anchors), _needs.ANCHOR + "*.crt"))))
        if store
        else (),
        ca=look(params["ca_path"]),
    )


def add_name(path: str, name: str) -> None:
    """Give a file a second name, or a copy where it cannot have one, such as a file that a container has mounted."""
    try:
        os.link(path, name, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
            raise
        shutil.copy2(path, name, follow_symlinks=False)
        about = os.lstat(path)
        os.chown(name, about.st_uid, about.st_gid, follow_symlinks=False)


def temporary(path: str) -> str:
    """Return the start of the names of a file's temporary ones."""
    folder, name = os.path.split(path)
    # Everything in the folder of a trust store is trusted.
    folder = os.path.dirname(folder) if name.startswith(_needs.ANCHOR) else folder
    return os.path.join(folder, "%s%s." % (TEMPORARY_PREFIX, name))


def remove_leftovers(params: t.Mapping[str, t.Any], host: _needs.Host) -> None:
    """Remove the temporary files that a killed run left. A former file among them is saved under its own name, too."""
    starts = [temporary(params[name]) for name in _needs.PATHS]
    starts += [temporary(os.path.join(one.home, ".pypirc")) for one in host.users.values()]
    if host.trust_store is not None:
        starts.append(temporary(os.path.join(host.trust_store.anchors, _needs.ANCHOR))[:-1])
    for leftover in [path for start in starts for path in glob.glob(glob.escape(start) + "*")]:
        # A user may have placed anything there.
        with contextlib.suppress(OSError):
            os.unlink(leftover)


def remove_own_folder(path: str) -> None:
    """Remove the folder of a file, if it is empty and only this role uses it."""
    folder = _needs.own_folder(path)
    if folder:
        with contextlib.suppress(OSError):
            os.rmdir(folder)


class Writing:
    """Files that are written aside first and then get their names; whatever fails, the former ones come back."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.aside: t.Dict[str, str] = {}
        self.saved: t.List[str] = []
        self.done: t.List[t.Tuple[Change, t.Optional[str]]] = []

    def run(self, changes: t.Sequence[Change], commands: t.Callable[[], None]) -> None:
        """Carry out the changes, then the commands that make them known to the system."""
        try:
            for change in changes:
                if change.action == "write":
                    self.prepare(change.wanted)
            for change in changes:
                if change.save_as:
                    self.save(change)
            for change in changes:
                self.apply(change)
            commands()
        except BaseException:
            self.undo(commands)
            raise
        for change, former in self.done:
            if former:
                os.unlink(former)
            fsync_dir(os.path.dirname(change.wanted.path))
        for change, _former in self.done:
            if change.action != "write":
                remove_own_folder(change.wanted.path)

    def prepare(self, wanted: Wanted) -> None:
        """Write a file under a temporary name next to its place."""
        make_folder(os.path.dirname(wanted.path))
        folder, prefix = os.path.split(temporary(wanted.path))
        handle, self.aside[wanted.path] = tempfile.mkstemp(dir=folder, prefix=prefix)
        with os.fdopen(handle, "wb") as stream:
            stream.write(wanted.data or b"")
            stream.flush()
            os.fchmod(stream.fileno(), wanted.owner.mode)
            os.fchown(stream.fileno(), wanted.owner.uid, wanted.owner.gid)
            os.fsync(stream.fileno())

    def save(self, change: Change) -> None:
        """Give the existing file a second name: it exists at once, and has the same owner, mode and times; a link stays one."""
        if not os.path.lexists(change.save_as):
            add_name(change.wanted.path, change.save_as)
            self.saved.append(change.save_as)

    def apply(self, change: Change) -> None:
        """Rename a file into its place, and keep the one that was there under a temporary name."""
        path = change.wanted.path
        former = None
        if os.path.lexists(path):
            former = temporary(path) + "former"
            with contextlib.suppress(FileNotFoundError):
                os.unlink(former)
            add_name(path, former)
        self.done.append((change, former))
        if change.action == "write":
            self.rename(self.aside[path], change.wanted)
            del self.aside[path]
        elif change.action == "restore":
            os.rename(path + _files_plan.SAVED, path)
        else:
            os.unlink(path)
        if change.action == "write" and self.module.selinux_enabled():
            self.module.set_default_selinux_context(path, False)

    def rename(self, source: str, wanted: Wanted) -> None:
        """Rename a file to its place; where a container has mounted a file there, write into that."""
        try:
            os.rename(source, wanted.path)
        except OSError as error:
            if error.errno != errno.EBUSY or not wanted.shared:
                raise
            with open(wanted.path, "r+b") as stream:
                stream.write(wanted.data or b"")
                stream.truncate()
                stream.flush()
                os.fsync(stream.fileno())
            os.unlink(source)

    def undo(self, commands: t.Callable[[], None]) -> None:
        """Bring back what was there before."""
        for change, former in reversed(self.done):
            path = change.wanted.path
            if change.action == "restore":
                with contextlib.suppress(OSError):
                    add_name(path, path + _files_plan.SAVED)
            if former is None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
            elif os.path.lexists(former):
                try:
                    os.rename(former, path)
                except OSError:
                    shutil.copy2(former, path, follow_symlinks=False)
                # A name of the same file stays after rename(2).
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(former)
            remove_own_folder(path)
        for path in [*self.aside.values(), *self.saved]:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        if self.done:
            with contextlib.suppress(AirgapError):
                commands()


class Clients:
    """The client files of one host."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        # Where others write too, a link is followed, and its target is written.
        shared = {name: os.path.realpath(module.params[name]) for name in ("hosts_path", "environment_path")}
        self.params = dict(module.params, **shared)
        self.host = inspect(self.params)
        self.needs = _needs.plan(self.params, self.host)
        self.found = {one.path: look(one.path, -1 if one.shared else LARGEST) for one in self.needs.files}
        dated = time.strftime("%Y-%m-%d@%H:%M:%S~", time.localtime())
        planned = [
            _files_plan.plan(one, self.found[one.path], "%s.%d.%s" % (one.path, os.getpid(), dated))
            for one in self.needs.files
        ]
        self.changes = [one for one in planned if one is not None]
        self.needs_update = self.find_update()

    def find_update(self) -> bool:
        """Return whether the trust store must be made again."""
        store = self.host.trust_store
        if store is None or "trust_store" not in self.params["only"]:
            return False
        going = {one.wanted.path for one in self.changes if one.wanted.data is None}
        removed = [self.found[path].data.decode("utf-8", "replace") for path in self.host.anchors if path in going]
        if not self.needs.certificates and not removed:
            return False
        bundle = (read_if_exists(store.bundle) or b"").decode("utf-8", "replace")
        return _needs.needs_update(self.needs, bundle, removed)

    def request(self) -> str:
        """Request the index if something is about to be written for it; raises AirgapError if it does not respond."""
        params = self.params
        is_written = self.needs_update or any(one.action == "write" for one in self.changes)
        if params["state"] != "present" or not params["request"] or not is_written:
            return ""
        names = _request.addresses_of(params["hosts"])
        ca = ""
        if params["cert"] == params["ca_path"] and params["ca"]:
            # Of an index host that Ansible cannot reach, the node may have the certificate.
            known = "" if params["ca_complete"] else self.host.ca.data.decode("ascii", "replace")
            ca = "".join(_contents.certificates(params["ca"] + known).values())
        response = _request.request(params["index_url"], ca, params["cert"], names, params["timeout"])
        if response.status != 200 and not self.module.check_mode:
            raise AirgapError(_request.failure(params["host"], params["index_url"], response))
        return _request.sentence(params["index_url"], response)

    def run_commands(self) -> None:
        """Make the changes known to the system."""
        store = self.host.trust_store
        if self.needs_update and store is not None:
            self.run_command(*store.command)
        systemd = [one for one in self.changes if one.wanted.path == self.params["systemd_path"]]
        if systemd and os.path.isdir(SYSTEMD):
            self.run_command("systemctl", "daemon-reload")

    def run_command(self, *command: str) -> None:
        """Run a command; raises AirgapError if it fails."""
        rc, out, err = self.module.run_command(list(command), environ_update={"LC_ALL": "C"})
        if rc != 0:
            raise AirgapError(
                "%s failed: %s. The former settings are restored." % (" ".join(command), (err or out).strip()[-500:])
            )

    def overrides(self) -> t.List[t.Dict[str, t.Any]]:
        """Return the settings of users that override the files, and warn of them."""
        params = self.params
        site = _needs.site_of(params)
        bundles = [store.bundle for store in _needs.TRUST_STORES] if "trust_store" in params["clients"] else []
        ours = _overrides.Ours(site.url, tuple(one for one in [site.cert, *bundles] if one), params["uv_path"])
        files = {_overrides.PIP: params["path"], _overrides.UV: params["uv_path"]}
        chosen = {client: path for client, path in files.items() if client in params["clients"]}
        text = _contents.pip_conf(site)
        return _overrides_search.search(self.module, ours, text, chosen, params["environments"])

    def notes(self) -> t.List[str]:
        """Return what to say of files that stay."""
        if self.params["state"] == "present":
            return []
        found = [_files_plan.note(one, self.found[one.path]) for one in self.needs.files]
        return [_overrides_search.safe(one) for one in found if one]


def ensure(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Have the files that the options ask for; return the module's result. Raises AirgapError."""
    try:
        clients = Clients(module)
        if not module.check_mode:
            remove_leftovers(clients.params, clients.host)
        answer = clients.request()
        if (clients.changes or clients.needs_update) and not module.check_mode:
            Writing(module).run(clients.changes, clients.run_commands)
    except OSError as error:
        raise AirgapError(
            "%s: %s. The former settings are as they were. Run this as root, and check that the file system has space and is "
            "not read-only." % (error.filename or "A file cannot be written", error.strerror or error)
        ) from error
    steps = [_files_plan.step(one) for one in clients.changes]
    if clients.needs_update and clients.host.trust_store is not None:
        steps.append("ran " + " ".join(clients.host.trust_store.command))
    result = {
        "changed": bool(steps),
        "steps": [_overrides_search.safe(one) for one in steps],
        "notes": clients.notes(),
        "index_url": _overrides_search.safe(module.params["index_url"]) if module.params["state"] == "present" else "",
        "answer": _overrides_search.safe(answer),
        "findings": [],
        "diff": [_files_plan.diff(one) for one in clients.changes],
    }
    if module.params["state"] == "present" and module.params["find_overrides"]:
        result["findings"] = clients.overrides()
    return result
