# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A virtual environment on the host: what it holds, and the steps of a plan of _venv_plan."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _access, _disk_space, _files, _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _pip_commands, _venv_plan
from ansible_collections.airgap.python.plugins.module_utils._pip import _causes, _failure
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock, _metadata, _wheel_name

# Runs a command in the root folder; returns its code and its output. Raises OSError if it cannot start.
Run = t.Callable[[t.List[str]], t.Tuple[int, str]]


def python_in(path: str) -> str:
    """Return the interpreter of an environment."""
    return os.path.join(path, "bin", "python")


def full_disk_message(*paths: str) -> str:
    """Return the message for a full disk."""
    return "the disk is full: %s. Free some space, and run again." % _disk_space.free_space(*paths)


def inspect(path: str, run: Run) -> _venv_plan.Found:
    """Return what is at the path of an environment; raises AirgapError if others can change what would be run."""
    if os.path.islink(path) or (os.path.exists(path) and not os.path.isdir(path)):
        return _venv_plan.Found("other")
    if not os.path.isdir(path) or not os.listdir(path):
        return _venv_plan.Found("absent")
    if not os.path.exists(os.path.join(path, _venv_plan.OWNER_FILE)):
        return _venv_plan.Found("venv" if os.path.exists(os.path.join(path, "pyvenv.cfg")) else "other")
    reason = _access.other_writers(os.lstat(path))
    if reason:
        raise AirgapError(
            "Others can change %s, and its Python would be run: %s. Run this as the user who owns it (become_user), or correct "
            "its owner and mode (chown -R, chmod go-w)." % (path, reason)
        )
    recorded = None
    copy = _files.read_if_exists(os.path.join(path, _venv_plan.LOCK_COPY))
    if copy is not None:
        try:
            recorded = tuple(_lock.parse_pins(copy.decode("utf-8")))
        except (AirgapError, ValueError):
            # An unreadable copy is treated as a run that did not complete.
            recorded = None
    try:
        rc, output = run([python_in(path), "-I", "-c", _venv_plan.PROBE_VENV])
        answer = json.loads(output) if rc == 0 else None
    except (OSError, ValueError):
        answer = None
    if answer is None:
        return _venv_plan.Found("managed", recorded)
    return _venv_plan.Found(
        "managed",
        recorded,
        _venv_plan.Python(tuple(answer["version"]), answer["executable"]),
        tuple((name, version) for name, version in answer["installed"]),
    )


def oldest_python(pip_wheel: str) -> t.Tuple[int, ...]:
    """Return the oldest Python that a wheel of pip runs on; raises AirgapError if it is not a wheel of pip."""
    _wheel_name.pip_version(os.path.basename(pip_wheel))
    try:
        metadata = _metadata.read(pip_wheel)
    except OSError as error:
        raise AirgapError("The wheel of pip %s cannot be read: %s. Fetch it again." % (pip_wheel, error)) from error
    return _metadata.oldest_python(_metadata.parse(metadata))


class Environment:
    """The environment at a path, and the steps that a plan is made of."""

    def __init__(
        self,
        path: str,
        interpreter: str,
        pip_wheel: str,
        options: _pip_commands.PipOptions,
        run: Run,
        secrets: t.Optional[t.Mapping[str, str]] = None,
    ) -> None:
        """Store what the steps need.

        Args:
            path: The folder of the environment.
            interpreter: The program that creates it; a path, or a name in PATH.
            pip_wheel: A wheel of pip that no one else can change.
            options: Where pip gets files from.
            run: Runs a command.
            secrets: What is hidden in all output, with what is shown in its place.
        """
        self.path = path
        self.interpreter = interpreter
        self.python = python_in(path)
        self.pip_wheel = pip_wheel
        self.pip = _pip_commands.pip_in_wheel(self.python, pip_wheel)
        self.options = options
        self.run = run
        self.secrets = secrets or {}
        self.folder = path
        self.is_exact = True
        # The name that activated shells show; the folder's by default.
        self.prompt = ""

    @contextlib.contextmanager
    def locked(self) -> t.Iterator[None]:
        """Mark the folder as managed, and keep other runs out of it."""
        os.makedirs(self.path, exist_ok=True)
        with open(os.path.join(self.path, _venv_plan.OWNER_FILE), "a", encoding="utf-8") as mark:
            try:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise AirgapError(
                    "Another run is changing %s. Wait until it ends, and run again." % self.path
                ) from error
            if mark.tell() == 0:
                mark.write(_venv_plan.OWNER_TEXT)
                mark.flush()
                os.fsync(mark.fileno())
                _files.fsync_dir(self.path)
            yield

    def apply(self, plan: _venv_plan.Plan, python: _venv_plan.Python, lock_text: str) -> None:
        """Carry out a plan; the copy of the lock is removed first, and written last by mark_complete()."""
        copy = os.path.join(self.path, _venv_plan.LOCK_COPY)
        if os.path.exists(copy):
            os.unlink(copy)
            _files.fsync_dir(self.path)
        if plan.rebuild:
            self.empty()
        if plan.create or plan.rebuild:
            self.create()
        with self.scratch():
            self.change_packages(plan, python, lock_text)

    @contextlib.contextmanager
    def scratch(self) -> t.Iterator[None]:
        """Make pip write its temporary files into the environment: /tmp is often small, and on another disk."""
        with tempfile.TemporaryDirectory(dir=self.path, prefix=_files.TEMPORARY_PREFIX) as folder:
            os.environ["TMPDIR"] = folder
            self.folder = folder
            try:
                yield
            finally:
                del os.environ["TMPDIR"]

    def change_packages(self, plan: _venv_plan.Plan, python: _venv_plan.Python, lock_text: str) -> None:
        """Remove, reinstall, change and install packages."""
        if python.version < (3, 10):
            folder = os.path.join(self.path, "lib", "python%d.%d" % python.version[:2], "site-packages")
            _files.write_atomic(os.path.join(folder, _venv_plan.SYSCONFIG_PTH), _venv_plan.SYSCONFIG_TEXT.encode())
        if plan.remove:
            self.run_pip(_pip_commands.uninstall_argv(self.pip, plan.remove))
        if plan.pip:
            self.install_pip()
        pins = {pin.name: pin for pin in _lock.parse_pins(lock_text)}
        if plan.reinstall:
            self.install_lock(_lock.render((pins[name] for name in plan.reinstall), "", ""), reinstall=True)
        if plan.install or plan.change:
            self.install_lock(lock_text)

    def rewrite_paths(self, path: str) -> None:
        """Write the path that the environment will have into its scripts."""
        scripts = [os.path.join(self.path, "bin", name) for name in os.listdir(os.path.join(self.path, "bin"))]
        for name in [*scripts, os.path.join(self.path, "pyvenv.cfg")]:
            if os.path.islink(name) or not os.path.isfile(name):
                continue
            with open(name, "rb") as stream:
                data = stream.read()
            # Only the last part of the path is replaced, because the prompt has no more of it.
            old, new = (os.fsencode(os.path.basename(one)) for one in (self.path, path))
            changed = data.replace(old, new)
            if changed != data:
                _files.write_atomic(name, changed, os.stat(name).st_mode & 0o777)

    def mark_complete(self, lock_text: str) -> None:
        """Mark the environment as complete."""
        _files.write_atomic(os.path.join(self.path, _venv_plan.LOCK_COPY), lock_text.encode())

    def empty(self) -> None:
        """Remove everything but the owner file, so that a killed run leaves a managed environment."""
        for name in os.listdir(self.path):
            if name == _venv_plan.OWNER_FILE:
                continue
            entry = os.path.join(self.path, name)
            if os.path.isdir(entry) and not os.path.islink(entry):
                shutil.rmtree(entry)
            else:
                os.unlink(entry)

    def create(self) -> None:
        """Create the environment without pip."""
        prompt = ["--prompt=" + self.prompt] if self.prompt else []
        rc, output = self.run([self.interpreter, "-I", "-m", "venv", "--without-pip", *prompt, self.path])
        if rc != 0:
            reason = (
                "%s. It needs the module venv of its standard library. Install it (Debian: python3-venv), or name another interpreter."
                % output.strip()[-300:]
            )
            if _failure.is_full_disk(output):
                reason = full_disk_message(self.path)
            raise AirgapError(
                "%s cannot create a virtual environment at %s: %s" % (self.interpreter, self.path, reason),
                rc=rc,
                pip_output=output,
            )

    def install_pip(self) -> None:
        """Install pip from its own wheel, and run that one from now on: it starts in a third of the time."""
        self.run_pip(_pip_commands.install_pip_argv(self.pip, self.pip_wheel))
        self.pip = _pip_commands.installed_pip(self.python)

    def install_lock(self, lock_text: str, reinstall: bool = False) -> None:
        """Install a lock with pip."""
        with tempfile.NamedTemporaryFile("w", suffix=".txt", dir=self.folder, encoding="utf-8") as lock:
            lock.write(lock_text)
            lock.flush()
            self.run_pip(_pip_commands.install_argv(self.pip, self.options, lock.name, reinstall))

    def run_pip(self, argv: t.List[str]) -> None:
        """Run pip, and turn a failure into an error with its cause and its fix."""
        rc, output = self.run(argv)
        if rc == 0:
            return
        place = _causes.OFFLINE if self.options.no_index else _causes.INSTALLING
        output += self.unreadable_pages(argv, output)
        output = _secrets.hide(output, self.secrets)
        cause, lines, fix = _failure.diagnose(output, place)
        if cause == _causes.FULL:
            cause += ": " + _disk_space.free_space(self.path)
        raise AirgapError(
            "%s is not complete: %s. %s pip reported: %s" % (self.path, cause, fix, " | ".join(lines)),
            rc=rc,
            pip_output=output,
        )

    def unreadable_pages(self, argv: t.List[str], output: str) -> str:
        """Return lines about pages of an index that pip could not read, to add to its output."""
        return ""

    def use_installed_pip(self) -> None:
        """Run the pip of the environment, which nobody else could change."""
        self.pip = _pip_commands.installed_pip(self.python)

    def use_interpreter(self, python: str) -> None:
        """Install into an interpreter itself."""
        self.python = python
        self.pip = _pip_commands.pip_in_wheel(python, self.pip_wheel)

    def check_dependencies(self) -> None:
        """Raise AirgapError if pip finds a requirement of an installed project that is not met."""
        rc, output = self.run(_pip_commands.check_argv(self.pip))
        if rc != 0:
            raise AirgapError(
                "%s is not complete: its projects do not fit together. pip check reported: %s. Stage the set again."
                % (self.path, " | ".join(output.strip().split("\n")[:5])),
                rc=rc,
                pip_output=output,
            )

    def verify(self, python: _venv_plan.Python, pins: t.Sequence[_lock.Pin], pip_version: str) -> None:
        """Raise AirgapError unless the environment holds exactly what the lock says."""
        found = inspect(self.path, self.run)._replace(recorded=tuple(pins))
        left = _venv_plan.plan(self.path, found, python, pins, pip_version, self.is_exact)
        if left.changed:
            raise AirgapError(
                "%s does not hold what the lock says although pip reported no error: %s. Remove it and run again."
                % (self.path, ", ".join(sorted({*left.install, *left.change, *left.remove})) or left.rebuild or "pip")
            )
