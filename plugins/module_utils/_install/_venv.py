# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual environments that hold exactly what a lock says: the decisions, without I/O.

What lies at a path is described by Found, what is to be done by Plan. The
module locked_venv looks, asks plan(), and carries the plan out.
"""

from __future__ import annotations

import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._pip._arguments import (
    NO_CACHE,
    NO_DEPENDENCIES,
    NO_INDEX,
    ONLY_WHEELS,
    REINSTALL,
    REQUIRE_HASHES,
    options,
    pip_arguments,
)
from ansible_collections.airgap.python.plugins.module_utils._versions import canonical
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import Pin, normalize

# Written before anything else, so that a half-made environment is known as ours.
OWNER_FILE = ".airgap-venv"
OWNER_TEXT = "Made by airgap.python from a lock. What the lock does not name is removed at the next run.\n"
# Written last: without it the environment was never finished.
LOCK_COPY = "airgap-lock.txt"
# pip before 26.1 asks distutils for the folders on Python 3.8 and 3.9, and Debian ships that apart from
# python3. The switch is pip's own, for distributors (pip issue 10647); sysconfig gives the same folders.
SYSCONFIG_PTH = "airgap_pip_sysconfig.pth"
SYSCONFIG_TEXT = "import sysconfig; sysconfig._PIP_USE_SYSCONFIG = True\n"

OLDEST_PYTHON = (3, 8)

PROBE_PYTHON = """
import json, os, sys
print(json.dumps({"version": list(sys.version_info[:3]), "executable": os.path.realpath(sys.executable)}))
"""

PROBE_VENV = """
import json, os, sys
from importlib.metadata import distributions
prefix = os.path.realpath(sys.prefix) + os.sep
folders = sorted({os.path.realpath(p) for p in sys.path if p and os.path.realpath(p).startswith(prefix)})
print(json.dumps({
    "version": list(sys.version_info[:3]),
    "executable": os.path.realpath(sys.executable),
    "installed": [[d.metadata["Name"] or "", d.metadata["Version"] or ""] for d in distributions(path=folders)],
}))
"""


class Python(t.NamedTuple):
    """An interpreter: its version, and the real path of the program."""

    version: t.Tuple[int, ...]
    executable: str


class Found(t.NamedTuple):
    """What lies at the path of the environment.

    ``kind`` is absent (nothing, or an empty folder), ours, venv (made by
    something else) or other. The rest is known only of ours: ``recorded`` are
    the pins of the last finished run, ``python`` is None when it does not run.
    """

    kind: str
    recorded: t.Optional[t.Tuple[Pin, ...]] = None
    python: t.Optional[Python] = None
    installed: t.Tuple[t.Tuple[str, str], ...] = ()


class Plan(t.NamedTuple):
    """What a run does, in this order; names of projects, normalized.

    ``create`` and ``remake`` (the reason, or empty) are about the whole
    environment; ``pip`` tells that pip is put in from its wheel.
    """

    create: bool = False
    remake: str = ""
    remove: t.Tuple[str, ...] = ()
    pip: bool = False
    reinstall: t.Tuple[str, ...] = ()
    install: t.Tuple[str, ...] = ()
    change: t.Tuple[str, ...] = ()
    before: t.Tuple[str, ...] = ()
    after: t.Tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Tell whether there is anything to do."""
        return bool(
            self.create or self.remake or self.remove or self.pip or self.reinstall or self.install or self.change
        )


def dotted(version: t.Sequence[int]) -> str:
    """Return a version's numbers with dots between them."""
    return ".".join(str(number) for number in version)


def _why_remake(found: Found, python: Python) -> str:
    """Return why an environment of ours cannot be brought up to date in place, or an empty string."""
    if found.recorded is None:
        return "an earlier run did not finish it"
    if found.python is None:
        return "its Python no longer runs"
    if found.python.version[:2] != python.version[:2]:
        return "it was made for Python %s and the host has %s now" % (
            dotted(found.python.version[:2]),
            dotted(python.version[:2]),
        )
    if found.python.executable != python.executable:
        return "it uses %s and is to use %s" % (found.python.executable, python.executable)
    names = [normalize(name) for name, dummy in found.installed]
    if "" in names or len(set(names)) != len(names):
        return "its metadata are damaged"
    return ""


def _lines(pins: t.Mapping[str, str], sums: t.Mapping[str, str]) -> t.Tuple[str, ...]:
    """Return the lines of a diff: NAME==VERSION, and the sum where it is known."""
    return tuple(
        "%s==%s%s" % (name, pins[name], "  sha256:%s" % sums[name] if name in sums else "") for name in sorted(pins)
    )


def plan(path: str, found: Found, python: Python, pins: t.Sequence[Pin], pip_version: str) -> Plan:
    """Return what makes the environment hold exactly the pins, and pip.

    pip comes from its own wheel unless the lock pins it. Raises AirgapError
    where the path is not ours to write.
    """
    check_owner(path, found)
    wanted = {pin.name: pin.version for pin in pins}
    sums = {pin.name: pin.sha256 for pin in pins}
    pip_from_wheel = "pip" not in wanted
    complete = dict(wanted)
    if pip_from_wheel:
        complete["pip"] = pip_version
    after = _lines(complete, sums)
    reason = "" if found.kind == "absent" else _why_remake(found, python)
    has = {normalize(name): version for name, version in found.installed}
    recorded = {pin.name: pin.sha256 for pin in found.recorded or ()}
    same = {name for name in wanted if name in has and canonical(has[name]) == canonical(wanted[name])}
    before = _lines(has, {name: recorded[name] for name in same if name in recorded})
    if found.kind == "absent" or reason:
        return Plan(
            create=found.kind == "absent",
            remake=reason,
            pip=pip_from_wheel,
            install=tuple(sorted(wanted)),
            before=before,
            after=after,
        )
    return Plan(
        remove=tuple(sorted(set(has) - set(complete))),
        pip=pip_from_wheel and canonical(has.get("pip", "")) != canonical(pip_version),
        reinstall=tuple(sorted(name for name in same if recorded.get(name) != sums[name])),
        install=tuple(sorted(set(wanted) - set(has))),
        change=tuple(sorted(set(wanted) & set(has) - same)),
        before=before,
        after=after,
    )


def check_owner(path: str, found: Found) -> None:
    """Raise AirgapError unless the path is free or an environment of ours."""
    if found.kind == "venv":
        raise AirgapError(
            "%s is a virtual environment that something else made, and its packages would be removed. "
            "Remove it, or choose another path." % path
        )
    if found.kind == "other":
        raise AirgapError(
            "%s exists and is no virtual environment of ours. Move it away, or choose another path." % path
        )


def clean_environment(environ: t.Mapping[str, str], index_url: str = "") -> t.Dict[str, str]:
    """Return the environment in which Python and pip run: nothing of the host's settings is in it.

    No configuration file, no netrc, no proxy and no PIP_*: the result depends
    on the module's options alone. The URL may hold a password and so goes here.
    """
    clean = {name: environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in environ}
    clean.update(LC_ALL="C", LANGUAGE="C", PIP_CONFIG_FILE="/dev/null", NETRC="/dev/null")
    if index_url:
        clean["PIP_INDEX_URL"] = index_url
    return clean


class PipOptions(t.NamedTuple):
    """Where pip gets files from."""

    no_index: bool = False
    find_links: t.Tuple[str, ...] = ()
    cert: str = ""
    trusted_host: t.Tuple[str, ...] = ()
    timeout: int = 15


def pip_argv(python: str, pip_wheel: str, command: str, *more: str) -> t.List[str]:
    """Return a command line that runs pip out of its wheel, which is a zip file that Python runs."""
    return [python, "-I", pip_wheel + "/pip", *pip_arguments(command, *more)]


def uninstall_argv(python: str, pip_wheel: str, names: t.Iterable[str]) -> t.List[str]:
    """Return the command line that removes projects."""
    return pip_argv(python, pip_wheel, "uninstall", "--yes", *names)


def install_pip_argv(python: str, pip_wheel: str) -> t.List[str]:
    """Return the command line that installs pip from its own wheel, and asks nobody for anything."""
    return pip_argv(python, pip_wheel, "install", NO_INDEX, NO_DEPENDENCIES, NO_CACHE, pip_wheel)


def install_argv(python: str, pip_wheel: str, source: PipOptions, lock: str, reinstall: bool = False) -> t.List[str]:
    """Return the command line that installs a lock; with reinstall, each pin anew and nothing beside it."""
    argv = pip_argv(python, pip_wheel, "install", NO_CACHE, ONLY_WHEELS, "--retries=2", "--timeout=%d" % source.timeout)
    if source.no_index:
        argv.append(NO_INDEX)
    argv += options("--find-links", source.find_links)
    if source.cert:
        argv.append("--cert=" + source.cert)
    argv += options("--trusted-host", source.trusted_host)
    if reinstall:
        argv += [REINSTALL, NO_DEPENDENCIES]
    return argv + [REQUIRE_HASHES, "-r", lock]
