# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a virtual environment hold what a lock says, by the plan of _venv, or remove it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import (
    _files,
    _former,
    _lock,
    _pages,
    _pip_failure,
    _secrets,
    _venv,
)
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._venv_look import (
    copy_pip_wheel,
    full_disk,
    look_at_path,
    look_at_python,
    read_lock,
    run,
)


class Environment:
    """The environment at a path, and the steps that a plan is made of."""

    def __init__(self, module: AnsibleModule, secrets: t.Mapping[str, str], pip_wheel: str, path: str) -> None:
        params = module.params
        self.module = module
        self.secrets = secrets
        self.path = path
        self.python = os.path.join(self.path, "bin", "python")
        self.pip_wheel = pip_wheel
        self.folder = module.tmpdir
        self.options = _venv.PipOptions(
            params["no_index"],
            tuple(params["find_links"]),
            params["cert"] or "",
            tuple(params["trusted_host"]),
            params["timeout"],
        )

    @contextlib.contextmanager
    def claim(self) -> t.Iterator[None]:
        """Mark the folder as ours and keep other runs out of it."""
        os.makedirs(self.path, exist_ok=True)
        with open(os.path.join(self.path, _venv.OWNER_FILE), "a", encoding="utf-8") as mark:
            try:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise AirgapError(
                    "Another run is changing %s. Wait until it ends, and run again." % self.path
                ) from error
            if mark.tell() == 0:
                mark.write(_venv.OWNER_TEXT)
                mark.flush()
                os.fsync(mark.fileno())
                _files.fsync_dir(self.path)
            yield

    def apply(self, plan: _venv.Plan, python: _venv.Python, lock_text: str) -> None:
        """Do what the plan says; the copy of the lock goes first and comes back last."""
        copy = os.path.join(self.path, _venv.LOCK_COPY)
        if os.path.exists(copy):
            os.unlink(copy)
            _files.fsync_dir(self.path)
        if plan.remake:
            self.empty()
        if plan.create or plan.remake:
            self.create()
        with self.scratch():
            self.change_packages(plan, python, lock_text)

    @contextlib.contextmanager
    def scratch(self) -> t.Iterator[None]:
        """Have pip put what it fetches beside the environment: /tmp is often small, and another disk."""
        with tempfile.TemporaryDirectory(dir=self.path, prefix=_files.TEMPORARY) as folder:
            os.environ["TMPDIR"] = folder
            self.folder = folder
            try:
                yield
            finally:
                del os.environ["TMPDIR"]

    def change_packages(self, plan: _venv.Plan, python: _venv.Python, lock_text: str) -> None:
        """Change the packages."""
        if python.version < (3, 10):
            folder = os.path.join(self.path, "lib", "python%d.%d" % python.version[:2], "site-packages")
            _files.write_atomic(os.path.join(folder, _venv.SYSCONFIG_PTH), _venv.SYSCONFIG_TEXT.encode())
        if plan.remove:
            self.run_pip(_venv.uninstall_argv(self.python, self.pip_wheel, plan.remove))
        if plan.pip:
            self.run_pip(_venv.install_pip_argv(self.python, self.pip_wheel))
        pins = {pin.name: pin for pin in _lock.parse(lock_text)}
        if plan.reinstall:
            self.install_lock(_lock.render((pins[name] for name in plan.reinstall), "", ""), reinstall=True)
        if plan.install or plan.change:
            self.install_lock(lock_text)

    def rewrite_paths(self, path: str) -> None:
        """Have the scripts name the path that the environment is about to get."""
        scripts = [os.path.join(self.path, "bin", name) for name in os.listdir(os.path.join(self.path, "bin"))]
        for name in [*scripts, os.path.join(self.path, "pyvenv.cfg")]:
            if os.path.islink(name) or not os.path.isfile(name):
                continue
            with open(name, "rb") as stream:
                data = stream.read()
            # By the last part alone: the prompt has no more of it.
            old, new = (os.fsencode(os.path.basename(one)) for one in (self.path, path))
            changed = data.replace(old, new)
            if changed != data:
                _files.write_atomic(name, changed, os.stat(name).st_mode & 0o777)

    def mark_complete(self, lock_text: str) -> None:
        """Mark the environment as complete."""
        _files.write_atomic(os.path.join(self.path, _venv.LOCK_COPY), lock_text.encode())

    def empty(self) -> None:
        """Remove all but the mark of ownership, so that a killed run leaves it known as ours."""
        for name in os.listdir(self.path):
            if name == _venv.OWNER_FILE:
                continue
            entry = os.path.join(self.path, name)
            if os.path.isdir(entry) and not os.path.islink(entry):
                shutil.rmtree(entry)
            else:
                os.unlink(entry)

    def create(self) -> None:
        """Make the environment without pip."""
        name = self.module.params["python"]
        rc, output = run(self.module, [name, "-I", "-m", "venv", "--without-pip", self.path])
        if rc != 0:
            said = "%s. It needs the module venv of its standard library." % output.strip()[-300:]
            if _pip_failure.is_full_disk(output):
                said = full_disk(self.path)
            raise AirgapError(
                "%s cannot make a virtual environment at %s: %s" % (name, self.path, said), rc=rc, pip_output=output
            )

    def install_lock(self, lock_text: str, reinstall: bool = False) -> None:
        """Let pip install a lock."""
        with tempfile.NamedTemporaryFile("w", suffix=".txt", dir=self.folder, encoding="utf-8") as lock:
            lock.write(lock_text)
            lock.flush()
            self.run_pip(_venv.install_argv(self.python, self.pip_wheel, self.options, lock.name, reinstall))

    def run_pip(self, argv: t.List[str]) -> None:
        """Run pip, and turn a failure into an error that says why."""
        rc, output = run(self.module, argv)
        if rc == 0:
            return
        place = _pip_failure.OFFLINE if self.module.params["no_index"] else _pip_failure.INSTALLING
        if _pip_failure.not_found(output) and place == _pip_failure.INSTALLING:
            # pip takes a page that it did not get for one that is not there, and says so only when it tells all.
            unread = _pages.of_pip(run(self.module, argv + ["-vv"])[1])
            output += "".join("%s: %s\n" % one for one in sorted(unread.items()))
        output = _secrets.hide(output, self.secrets)
        cause, lines, fix = _pip_failure.diagnose(output, place)
        if cause == _pip_failure.FULL:
            cause += ": " + _files.room(self.path)
        raise AirgapError(
            "%s is not complete: %s. %s pip said: %s" % (self.path, cause, fix, " | ".join(lines)),
            rc=rc,
            pip_output=output,
        )


def present(module: AnsibleModule, secrets: t.Mapping[str, str]) -> t.Dict[str, t.Any]:
    """Make the environment hold what the lock says."""
    params = module.params
    if not params["index_url"] and not params["no_index"]:
        raise AirgapError(
            "Neither index_url nor no_index is given. Name the index, or take everything from find_links."
        )
    pip_version = _venv.pip_wheel_version(os.path.basename(params["pip_wheel"]))
    if params["keep_former"] and not module.check_mode and not os.path.lexists(params["path"]):
        # A run was killed between taking the one away and putting the other in its place.
        _former.swap_back(params["path"])
    python = look_at_python(module, params["python"])
    found = look_at_path(module, params["path"])
    lock_text = read_lock(module)
    if lock_text is None:
        _venv.check_owner(params["path"], found)
        module.warn("The lock %s is not there yet, so nobody can say which packages would change." % params["lock"])
        return {"path": params["path"], "python": _venv.dotted(python.version), "changed": True}
    pins = _lock.parse(lock_text, params["lock"] or "The lock")
    plan = _venv.plan(params["path"], found, python, pins, pip_version)
    if plan.changed and not module.check_mode:
        apply(module, secrets, plan, found, python, lock_text, pip_version)
    return result(params["path"], python, plan)


def result(path: str, python: _venv.Python, plan: _venv.Plan) -> t.Dict[str, t.Any]:
    """Return what the module says of a plan, whether it was carried out or not."""
    return {
        "path": path,
        "python": _venv.dotted(python.version),
        "changed": plan.changed,
        "packages": dict(line.split("  ")[0].split("==") for line in plan.after),
        "actions": {
            "created": plan.create,
            "remade": plan.remake,
            "pip": plan.pip,
            "installed": list(plan.install),
            "changed": list(plan.change),
            "reinstalled": list(plan.reinstall),
            "removed": list(plan.remove),
        },
        "diff": {
            "before_header": path,
            "after_header": path,
            "before": "".join(line + "\n" for line in plan.before),
            "after": "".join(line + "\n" for line in plan.after),
        },
    }


def apply(
    module: AnsibleModule,
    secrets: t.Mapping[str, str],
    plan: _venv.Plan,
    found: _venv.Found,
    python: _venv.Python,
    lock_text: str,
    pip_version: str,
) -> None:
    """Carry a plan out: in place, or in a new environment that then takes the place of the former one."""
    params = module.params
    pins = _lock.parse(lock_text, params["lock"] or "The lock")
    # The module's own folder: nobody else can change what lies there.
    with tempfile.TemporaryDirectory(dir=module.tmpdir, prefix=_files.TEMPORARY) as folder:
        pip_wheel = copy_pip_wheel(params["pip_wheel"], params["pip_wheel_sha256"], python, folder)
        aside = params["keep_former"] and found.recorded is not None
        path = params["path"] + _former.NEW if aside else params["path"]
        if aside:
            shutil.rmtree(path, ignore_errors=True)
            plan = _venv.plan(path, _venv.Found("absent"), python, pins, pip_version)
        environment = Environment(module, secrets, pip_wheel, path)
        with environment.claim():
            environment.apply(plan, python, lock_text)
            verify(module, path, python, pins, pip_version)
            if aside:
                environment.rewrite_paths(params["path"])
            environment.mark_complete(lock_text)
        if aside:
            _former.swap_in(params["path"])
            # Later than any process that still began with the former one.
            os.utime(os.path.join(params["path"], _venv.LOCK_COPY))


def verify(
    module: AnsibleModule, path: str, python: _venv.Python, pins: t.Sequence[_lock.Pin], pip_version: str
) -> None:
    """Raise AirgapError unless the environment holds just what the lock says."""
    found = look_at_path(module, path)._replace(recorded=tuple(pins))
    left = _venv.plan(path, found, python, pins, pip_version)
    if left.changed:
        raise AirgapError(
            "%s does not hold what the lock says although pip reported no error: %s. Remove it and run again."
            % (path, ", ".join(sorted({*left.install, *left.change, *left.remove})) or left.remake or "pip")
        )


def absent(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Remove the environment, if it is ours."""
    path = module.params["path"]
    found = look_at_path(module, path)
    _venv.check_owner(path, found)
    there = found.kind == "ours"
    if there and not module.check_mode:
        shutil.rmtree(path)
        _former.drop(path)
    return {
        "path": path,
        "changed": there,
        "diff": {"before": "%s\n" % path if there else "", "after": ""},
    }


def run_module(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Do what the module's options ask for, with nothing of the host's settings; raises AirgapError without secrets."""
    params = module.params
    if not os.path.isabs(params["path"]):
        raise AirgapError("path is %r and must be absolute. Write it from the root on." % params["path"])
    params["path"] = os.path.normpath(params["path"])
    secrets = _secrets.masks(_secrets.passwords([params["index_url"]]))
    module.no_log_values.update(secrets)
    environment = _venv.clean_environment(os.environ, params["index_url"] or "")
    os.environ.clear()
    os.environ.update(environment)
    # A strict umask of root's would make an environment that nobody else can use.
    os.umask(0o022)
    try:
        return present(module, secrets) if params["state"] == "present" else absent(module)
    except AirgapError as error:
        raise AirgapError(*_secrets.hide(str(error), secrets).split("\n"), **error.details) from error
    except OSError as error:
        # The wheel of pip goes through the module's own folder.
        said = full_disk(params["path"], module.tmpdir) if _files.is_full(error) else "%s." % error
        raise AirgapError("%s cannot be written: %s" % (params["path"], said)) from error
