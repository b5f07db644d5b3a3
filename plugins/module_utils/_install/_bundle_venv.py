# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment into which install.sh installs from a bundle."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import typing as t
import zipfile

from ansible_collections.airgap.python.plugins.module_utils import _access
from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _pip_commands, _venv, _venv_plan
from ansible_collections.airgap.python.plugins.module_utils._install._lock_choice import uv_of
from ansible_collections.airgap.python.plugins.module_utils._install._verified_bundle import Bundle
from ansible_collections.airgap.python.plugins.module_utils._pip import _failure
from ansible_collections.airgap.python.plugins.module_utils._text import shown
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock


def run(argv: t.List[str]) -> t.Tuple[int, str]:
    """Run a command without the host's settings; return its code and its output."""
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env=_pip_commands.clean_environment(os.environ),
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8", "replace")


class FromBundle(_venv.Environment):
    """An environment whose packages come from a bundle, installed with its pip or its uv."""

    def __init__(
        self, path: str, pip_wheel: str, bundle: Bundle, pins: t.Sequence[_lock.Pin], uv: t.Optional[_lock.Pin]
    ) -> None:
        """Store what will be copied from the bundle once the environment exists."""
        super().__init__(path, sys.executable, pip_wheel, _pip_commands.PipOptions(), run)
        self.bundle = bundle
        self.pins = pins
        self.uv = uv
        self.uv_program = ""

    def change_packages(self, plan: _venv_plan.Plan, python: _venv_plan.Python, lock_text: str) -> None:
        """Copy the wheels and install the copies: pip hashes a file and then opens it again."""
        copies = os.path.join(self.folder, _layout.POOL)
        os.mkdir(copies)
        for pin in self.pins:
            self.bundle.copy(pin, copies)
        self.options = _pip_commands.PipOptions(no_index=True, find_links=(copies,))
        if self.uv:
            self.uv_program = unpack_uv(self.bundle.copy(self.uv, self.folder), self.folder)
        super().change_packages(plan, python, lock_text)

    def install_pip(self) -> None:
        """Install pip from its own wheel."""
        if self.uv_program:
            self.run_uv("--no-deps", self.pip_wheel)
        else:
            super().install_pip()

    def install_lock(self, lock_text: str, reinstall: bool = False) -> None:
        """Install a lock with pip or uv."""
        if not self.uv_program:
            super().install_lock(lock_text, reinstall)
            return
        lock = os.path.join(self.folder, "lock.txt")
        with open(lock, "w", encoding="utf-8") as stream:
            stream.write(lock_text)
        self.run_uv("--find-links=" + self.options.find_links[0], "--only-binary=:all:", "--require-hashes", "-r", lock)

    def run_uv(self, *more: str) -> None:
        """Run uv pip install; raises AirgapError with the end of its output."""
        argv = [self.uv_program, "pip", "install", "--python=" + self.python]
        argv += ["--cache-dir=" + os.path.join(self.folder, "cache")]
        argv += ["--no-config", "--offline", "--no-index", "--no-progress", "--compile-bytecode", *more]
        rc, output = self.run(argv)
        if rc == 0:
            return
        if _failure.is_full_disk(output):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        lines = [line.rstrip() for line in output.splitlines() if line.strip()]
        raise AirgapError("uv failed with code %d:" % rc, *("  " + line for line in lines[-12:]))


def unpack_uv(wheel: str, folder: str) -> str:
    """Copy the program in uv's wheel into a folder; return its path."""
    path = os.path.join(folder, "uv")
    with zipfile.ZipFile(wheel) as archive:
        inside = [name for name in archive.namelist() if re.match(r"[^/]+\.data/scripts/uv\Z", name)]
        if not inside:
            raise AirgapError("%s does not hold the program uv. Stage another version of it." % wheel)
        with archive.open(inside[0]) as source, open(path, "wb") as target:
            shutil.copyfileobj(source, target)
    os.chmod(path, 0o755)
    return path


def inspect(path: str) -> _venv_plan.Found:
    """Return what is at the path of the environment; raises AirgapError if it must not be changed."""
    fix = "Name another place with --venv, or run this as the user who owns it."
    _access.check_folders_above(path, fix)
    reason = _access.other_writers(os.lstat(path)) if os.path.isdir(path) else ""
    if reason:
        raise AirgapError("Others can change %s: %s. %s" % (path, reason, fix))
    if os.path.islink(path) and os.readlink(path).startswith(_venv_plan.SETS_FOLDER + "/"):
        raise AirgapError(
            "%s is a set that the role install keeps. Install it with the playbook nodes, or name another folder with --venv."
            % path
        )
    found = _venv.inspect(path, run)
    if found.kind in ("venv", "other"):
        is_folder = os.path.isdir(path) and not os.path.islink(path)
        raise AirgapError(
            "%s exists and %s. Move it away, or name another folder with --venv."
            % (path, "was not created by this program" if is_folder else "is not a folder")
        )
    return found


def check_space(path: str, wheels: t.Sequence[str]) -> None:
    """Raise AirgapError, before anything is changed, if the unpacked files do not fit on the disk."""
    needed = 0
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            needed += sum(item.file_size for item in archive.infolist()) + os.path.getsize(wheel)
    place = path
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    total, dummy, free = shutil.disk_usage(place)
    # A virtual file system has no size; writing there fails for another reason.
    if total and needed > free:
        raise AirgapError(
            "The disk of %s is full: %.1f MiB are free and at least %.1f MiB are needed. Free some space, or name a folder on "
            "another disk with --venv." % (place, free / 2**20, needed / 2**20)
        )


def report(text: str) -> None:
    """Print a line."""
    sys.stdout.write(shown(text) + "\n")
    sys.stdout.flush()


def install(
    bundle: Bundle, set_name: str, target: str, path: str, pip: _lock.Pin, pip_wheel: str, with_uv: bool
) -> None:
    """Make an environment hold exactly what a lock says, unless it does; ``pip_wheel`` is a private copy."""
    text = bundle.lock(set_name, target)
    pins = bundle.pins(set_name, target)
    python = _venv_plan.Python(sys.version_info[:3], os.path.realpath(sys.executable))
    uv = uv_of(bundle, target) if with_uv else None
    wheels = [] if bundle.index_url else bundle.require(pins)
    found = inspect(path)
    plan = _venv_plan.plan(path, found, python, pins, pip.version)
    if not plan.changed and found.recorded == tuple(pins):
        report("Already installed: set %s for target %s in %s." % (set_name, target, path))
        return
    if bundle.index_url:
        report("Downloading %d files from %s ..." % (len(pins), bundle.index_url))
        wheels = bundle.require(pins)
    check_space(path, wheels + [pip_wheel])
    report("Installing set %s for target %s into %s ..." % (set_name, target, path))
    # With root's strict umask, no one else could use the environment.
    os.umask(0o022)
    if found.kind == "managed":
        # It is always rebuilt: whoever runs install.sh wants the bundle's content, whatever was there before.
        plan = _venv_plan.plan(path, _venv_plan.Found("managed"), python, pins, pip.version)
    environment = FromBundle(path, pip_wheel, bundle, pins, uv)
    with environment.locked():
        environment.apply(plan, python, text)
        environment.verify(python, pins, pip.version)
        environment.mark_complete(text)
    report("Installed into %s (Python %s):" % (path, _venv_plan.dotted(python.version)))
    for line in plan.after:
        report("  %s" % line.split("  ")[0].replace("==", " "))
    report("Use it: %s" % environment.python)
