# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a virtual environment on a node is what its lock says: every package, every file, every import.

A wheel's RECORD names each file that it installed, with its size and SHA-256 ("Recording installed projects", PEP 376
and PEP 627). Compiled files (.pyc) have no sum there, because each interpreter writes its own.
"""

from __future__ import annotations

import base64
import glob
import json
import os
import re
import stat
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _access, _files, _hashes
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _record, _venv, _venv_plan
from ansible_collections.airgap.python.plugins.module_utils._pip._arguments import pip_arguments
from ansible_collections.airgap.python.plugins.module_utils._versions import canonical
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

# A message names this many of many.
MOST_NAMED = 5
# What venv and this collection write into an environment, which no RECORD names: patterns of paths below its folder.
_OWN_FILES = (
    re.compile(r"bin/(?:python[0-9.]*|[Aa]ctivate(?:\.(?:csh|fish|ps1))?)$"),
    re.compile(r"lib/python[0-9.]+/site-packages/" + re.escape(_venv_plan.SYSCONFIG_PTH) + "$"),
)
_DIGEST = re.compile(r"sha256=([A-Za-z0-9_-]{43})$")
# Folders at the top of a wheel that are not there to be imported.
_NOT_FOR_IMPORT = {"test", "tests", "testing", "doc", "docs", "example", "examples", "benchmark", "benchmarks", "setup"}
# Python imports the modules of each project in a process of its own, because the modules of one can spoil the import of others,
# and prints those that fail: {name: reason}.
IMPORT = """
import importlib, json, os, sys
projects, failed = json.load(sys.stdin), {}
for names in projects:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(2, 1)
        for name in names:
            try:
                importlib.import_module(name)
            except BaseException as error:
                os.write(writing, json.dumps([name, "%s: %s" % (type(error).__name__, str(error)[:500])]).encode())
                break
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        found = stream.read()
    ended = os.waitpid(child, 0)[1]
    if found:
        name, failed[name] = json.loads(found)
    elif ended:
        failed[names[0]] = "the import ended with signal %d" % (ended & 127)
print(json.dumps(failed))
"""


class RecordedFile(t.NamedTuple):
    """A file that a RECORD names: its real path, and its sum and size, "" and -1 where RECORD has none."""

    path: str
    sha256: str
    size: int


class Project(t.NamedTuple):
    """An installed project; ``files`` is empty if its RECORD is missing or cannot be read."""

    name: str
    version: str
    files: t.Tuple[RecordedFile, ...]


def site_packages(path: str) -> str:
    """Return the folder of an environment in which the projects are; "" if there is none."""
    found = sorted(glob.glob(os.path.join(glob.escape(path), "lib", "py*", "site-packages")))
    return found[0] if found else ""


def read_projects(path: str) -> t.List[Project]:
    """Return what is installed in an environment, by the names of the .dist-info folders and the RECORD in each."""
    found = []
    for info in _record.info_folders(path):
        name, dummy, version = os.path.basename(info)[: -len(".dist-info")].partition("-")
        found.append(Project(_lock.normalize(name), version, tuple(recorded_files(info))))
    return found


def recorded_files(info: str) -> t.List[RecordedFile]:
    """Return the files that a RECORD names; none if it is missing or damaged."""
    found = []
    try:
        for name, digest, size in _record.rows(os.path.join(info, "RECORD")):
            match = _DIGEST.match(digest)
            sha256 = base64.urlsafe_b64decode(match.group(1) + "=").hex() if match else ""
            path = os.path.normpath(os.path.join(os.path.dirname(info), name))
            found.append(RecordedFile(path, sha256, int(size) if size else -1))
    except (AirgapError, OSError, ValueError):
        return []
    return found


def few(names: t.Sequence[str]) -> str:
    """Return names for a message: the first ones, and how many there are."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (" and %d more" % more if more > 0 else "")


def compare_versions(
    projects: t.Sequence[Project], pins: t.Sequence[_lock.Pin], is_additive: bool = False
) -> t.List[str]:
    """Return how the installed projects differ from the pins of a lock; pip, and with ``is_additive`` others, may be there without a pin."""
    installed: t.Dict[str, t.List[str]] = {}
    for one in projects:
        installed.setdefault(one.name, []).append(one.version)
    wanted = {pin.name: pin.version for pin in pins}
    problems = []
    missing = [name for name in sorted(wanted) if name not in installed]
    other = [
        "%s (%s, and its lock has %s)" % (name, " and ".join(installed[name]), wanted[name])
        for name in sorted(wanted)
        if name in installed and [canonical(one) for one in installed[name]] != [canonical(wanted[name])]
    ]
    strange = [name for name in sorted(installed) if name not in wanted and name != "pip"]
    if missing:
        problems.append("%s missing" % few(missing))
    if other:
        problems.append("in another version: %s" % few(other))
    if strange and not is_additive:
        problems.append("installed and not in its lock: %s" % few(strange))
    return problems


def compare_files(path: str, projects: t.Sequence[Project], completed: float, with_hashes: bool) -> t.List[str]:
    """Return how the files of an environment differ from what the RECORDs name.

    Without hashes, a file counts as changed if its size differs, or if it was written after the environment was completed.

    Args:
        path: The folder of the environment.
        projects: What is installed there.
        completed: When the environment was completed, in seconds since 1970.
        with_hashes: Read and hash every file.
    """
    missing, changed, unread = [], [], []
    without = [one.name for one in projects if not one.files]
    for one in (one for project in projects for one in project.files):
        try:
            status = os.lstat(one.path)
            if not one.sha256:
                continue
            if not stat.S_ISREG(status.st_mode) or status.st_size != one.size:
                changed.append(one.path)
            elif with_hashes:
                if _hashes.sha256_file(one.path) != one.sha256:
                    changed.append(one.path)
            elif status.st_mtime > completed:
                changed.append(one.path)
        except FileNotFoundError:
            # Compiled files may be removed; Python writes them again.
            if one.sha256 or not one.path.endswith(".pyc"):
                missing.append(one.path)
        except OSError:
            unread.append(one.path)
    texts = (
        ("files are missing: %s", missing),
        ("files were changed: %s", changed),
        ("files cannot be read: %s", unread),
    )
    problems = [text % few(sorted(os.path.relpath(one, path) for one in found)) for text, found in texts if found]
    if without:
        problems.append("the list of files (RECORD) is missing or damaged: %s" % few(without))
    return problems


def foreign_files(path: str, projects: t.Iterable[Project]) -> t.List[str]:
    """Return the files among the programs and packages of an environment that no project has installed."""
    known = {one.path for project in projects for one in project.files}
    found = []
    for top in (os.path.join(path, "bin"), site_packages(path)):
        for folder, folders, names in os.walk(top):
            if os.path.basename(folder) == "__pycache__":
                folders[:] = []
                continue
            for name in names:
                file = os.path.join(folder, name)
                inside = os.path.relpath(file, path)
                if file not in known and not any(one.match(inside) for one in _OWN_FILES):
                    found.append(inside)
    return sorted(found)


def importable(projects: t.Iterable[Project], folder: str) -> t.Dict[str, t.List[str]]:
    """Return the modules to import of each project: the packages and modules at the top of its wheel."""
    found: t.Dict[str, t.List[str]] = {}
    for project in projects:
        for one in project.files:
            parts = os.path.relpath(one.path, folder).split(os.sep)
            if len(parts) == 2 and parts[1] == "__init__.py":
                name = parts[0]
            elif len(parts) == 1 and re.search(r"\.py$|\.so$", parts[0]):
                name = parts[0].split(".")[0]
            else:
                continue
            if name.isidentifier() and name not in _NOT_FOR_IMPORT and name not in found.get(project.name, ()):
                found.setdefault(project.name, []).append(name)
    return found


class Checked(t.NamedTuple):
    """What the check of an environment found; ``problems`` is empty if it is right."""

    path: str
    problems: t.Tuple[str, ...]
    packages: int = 0
    is_current: bool = False
    lock_sha256: str = ""
    pins: t.Tuple[_lock.Pin, ...] = ()


# Runs a command with a text as its input; returns its code, its output and its errors.
Run = t.Callable[[t.List[str], str], t.Tuple[int, str, str]]


def check(
    path: str,
    wanted: str,
    run: Run,
    in_full: bool,
    not_imported: t.Container[str] = (),
    is_additive: bool = False,
) -> Checked:
    """Check an environment.

    Args:
        path: Its folder, or the link to it.
        wanted: The SHA-256 of the lock that it should have, "" if that is not known.
        run: Runs a command.
        in_full: Also hash every file, look for files that nothing installed, import every package and run ``pip check``.
        not_imported: Names of projects that are not imported.
        is_additive: Whether it may have more packages than its lock.
    """
    if not os.path.isdir(path):
        return Checked(path, ("it does not exist",))
    real = os.path.realpath(path)
    if not os.path.exists(os.path.join(real, _venv_plan.OWNER_FILE)):
        return Checked(path, ("it was not created by this collection",))
    copy = _files.read_if_exists(os.path.join(real, _venv_plan.LOCK_COPY))
    if copy is None:
        return Checked(path, ("an earlier run did not complete it",))
    sha256 = _hashes.sha256_bytes(copy)
    problems = []
    try:
        pins = tuple(_lock.parse_pins(copy.decode("utf-8")))
    except (AirgapError, ValueError):
        return Checked(path, ("its copy of the lock is damaged",))
    if wanted and sha256 != wanted:
        problems.append("it has the packages of another lock than that of the bundle that is served")
    reason = _access.other_writers(os.stat(real))
    if reason:
        # Nothing in it is run.
        return Checked(path, (*problems, "others can change it: %s" % reason), lock_sha256=sha256, pins=pins)
    folder = site_packages(real)
    projects = read_projects(real)
    problems += compare_versions(projects, pins, is_additive)
    completed = os.lstat(os.path.join(real, _venv_plan.LOCK_COPY)).st_mtime
    damaged = compare_files(real, projects, completed, in_full)
    strange = foreign_files(real, projects) if in_full else []
    if strange:
        damaged.append("files do not belong there: %s" % few(strange))
    problems += damaged
    # What is damaged is not run.
    if not damaged:
        problems += check_running(path, projects, folder, run, in_full, not_imported)
    count = len({one.name for one in projects})
    return Checked(path, tuple(problems), count, not wanted or sha256 == wanted, sha256, pins)


def check_running(
    path: str,
    projects: t.Sequence[Project],
    folder: str,
    run: Run,
    in_full: bool,
    not_imported: t.Container[str],
) -> t.List[str]:
    """Return what fails when the Python of an environment runs."""
    python = _venv.python_in(path)
    rc, dummy, errors = run([python, "-I", "-S", "-c", ""], "")
    if rc or not in_full:
        return ["its Python does not run: %s" % last_line(errors)] if rc else []
    modules = [names for project, names in importable(projects, folder).items() if project not in not_imported]
    problems = failed_imports(python, modules, run)
    rc, output, errors = run([python, "-I", "-m", "pip", *pip_arguments("check")], "")
    if rc:
        lines = [line.strip() for line in (output or errors).splitlines() if line.strip()]
        problems.append("pip check: %s" % few(lines))
    return problems


def failed_imports(python: str, modules: t.Sequence[t.Sequence[str]], run: Run) -> t.List[str]:
    """Return which modules an interpreter cannot import; ``modules`` are those of each project."""
    rc, output, errors = run([python, "-I", "-c", IMPORT], json.dumps(modules))
    try:
        failed = json.loads(output)
    except ValueError:
        return ["its Python ended with code %d while it imported the packages: %s" % (rc, last_line(errors))]
    texts = ["%s (%s)" % (name, " ".join(failed[name].split())[:200]) for name in sorted(failed)]
    return ["cannot be imported: %s" % few(texts)] if failed else []


def last_line(output: str) -> str:
    """Return the last line of a program's output that is not empty."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no output"
