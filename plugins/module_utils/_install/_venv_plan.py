# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual environments that hold exactly what a lock says: the decisions, without I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._versions import canonical
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import Pin, normalize

# Written before anything else, so that an unfinished environment is known as one of this collection.
OWNER_FILE = ".airgap-venv"
OWNER_TEXT = "Created by airgap.python from a lock. Packages that the lock does not name are removed at the next run.\n"
# Written last: without it the environment was never completed.
LOCK_COPY = "airgap-lock.txt"
# Where the role install keeps the environments of sets; the links to them are next to it.
SETS_FOLDER = ".sets"
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
    """What is at the path of the environment.

    ``kind`` is absent (nothing, or an empty folder), managed (created by this
    collection), venv (created by something else) or other. The rest is known
    only of a managed one: ``recorded`` are the pins of the last completed run,
    ``python`` is None if it does not run.
    """

    kind: str
    recorded: t.Optional[t.Tuple[Pin, ...]] = None
    python: t.Optional[Python] = None
    installed: t.Tuple[t.Tuple[str, str], ...] = ()


class Plan(t.NamedTuple):
    """What a run does, in this order; project names are normalized.

    ``create`` and ``rebuild`` (the reason, or empty) are about the whole
    environment; ``pip`` means that pip is installed from its wheel.
    """

    create: bool = False
    rebuild: str = ""
    remove: t.Tuple[str, ...] = ()
    pip: bool = False
    reinstall: t.Tuple[str, ...] = ()
    install: t.Tuple[str, ...] = ()
    change: t.Tuple[str, ...] = ()
    before: t.Tuple[str, ...] = ()
    after: t.Tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Return whether there is anything to do."""
        return bool(
            self.create or self.rebuild or self.remove or self.pip or self.reinstall or self.install or self.change
        )


def dotted(version: t.Sequence[int]) -> str:
    """Return a version's numbers with dots between them."""
    return ".".join(str(number) for number in version)


def _why_rebuild(found: Found, python: Python) -> str:
    """Return why a managed environment cannot be updated in place, or an empty string."""
    if found.recorded is None:
        return "an earlier run did not complete it"
    if found.python is None:
        return "its Python no longer runs"
    if found.python.version[:2] != python.version[:2]:
        return "it was created for Python %s and the host has %s now" % (
            dotted(found.python.version[:2]),
            dotted(python.version[:2]),
        )
    if found.python.executable != python.executable:
        return "it uses %s and must use %s" % (found.python.executable, python.executable)
    names = [normalize(name) for name, dummy in found.installed]
    if "" in names or len(set(names)) != len(names):
        return "its metadata are damaged"
    return ""


def _lines(pins: t.Mapping[str, str], sums: t.Mapping[str, str]) -> t.Tuple[str, ...]:
    """Return the lines of a diff: NAME==VERSION, and the sum where it is known."""
    return tuple(
        "%s==%s%s" % (name, pins[name], "  sha256:%s" % sums[name] if name in sums else "") for name in sorted(pins)
    )


def plan(
    path: str, found: Found, python: Python, pins: t.Sequence[Pin], pip_version: str, is_exact: bool = True
) -> Plan:
    """Return the changes after which the environment holds exactly the pins, and pip.

    pip comes from its own wheel unless the lock pins it. Unless ``is_exact``, what the lock
    does not name stays. Raises AirgapError if something else created what is at the path.
    """
    check_owner(path, found)
    wanted = {pin.name: pin.version for pin in pins}
    sums = {pin.name: pin.sha256 for pin in pins}
    pip_from_wheel = "pip" not in wanted
    complete = dict(wanted)
    if pip_from_wheel:
        complete["pip"] = pip_version
    after = _lines(complete, sums)
    reason = "" if found.kind == "absent" else _why_rebuild(found, python)
    installed = {normalize(name): version for name, version in found.installed}
    recorded = {pin.name: pin.sha256 for pin in found.recorded or ()}
    same = {name for name in wanted if name in installed and canonical(installed[name]) == canonical(wanted[name])}
    before = _lines(installed, {name: recorded[name] for name in same if name in recorded})
    if found.kind == "absent" or reason:
        return Plan(
            create=found.kind == "absent",
            rebuild=reason,
            pip=pip_from_wheel,
            install=tuple(sorted(wanted)),
            before=before,
            after=after,
        )
    others = set(installed) - set(complete)
    if not is_exact:
        after = _lines(dict({name: installed[name] for name in others}, **complete), sums)
    return Plan(
        remove=tuple(sorted(others)) if is_exact else (),
        pip=pip_from_wheel and canonical(installed.get("pip", "")) != canonical(pip_version),
        reinstall=tuple(sorted(name for name in same if recorded.get(name) != sums[name])),
        install=tuple(sorted(set(wanted) - set(installed))),
        change=tuple(sorted(set(wanted) & set(installed) - same)),
        before=before,
        after=after,
    )


def check_owner(path: str, found: Found) -> None:
    """Raise AirgapError unless the path is free or holds a managed environment."""
    if found.kind == "venv":
        raise AirgapError(
            "%s is a virtual environment that something else created, and its packages would be removed. "
            "Remove it, or choose another path." % path
        )
    if found.kind == "other":
        raise AirgapError(
            "%s exists and is not a virtual environment of this collection. Move it away, or choose another path."
            % path
        )
