# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A requirement set in the packages of an interpreter itself, for sites that ask for it by name."""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _files
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._versions import canonical
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

# The locks of what was installed, next to the environments.
FOLDER = ".system"
PROBE = """
import json, os, sysconfig
from importlib.metadata import distributions
print(json.dumps({
    "mark": os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED"),
    "installed": [[d.metadata["Name"] or "", d.metadata["Version"] or ""] for d in distributions()],
}))
"""


class Installed(t.NamedTuple):
    """What an interpreter has: projects to versions, and the file that reserves it for the host's own packages, or ""."""

    versions: t.Mapping[str, str]
    reserved_by: str


class SystemPlan(t.NamedTuple):
    """What is installed: pins of projects that are missing or have another version, and of those from another file."""

    install: t.Tuple[_lock.Pin, ...] = ()
    reinstall: t.Tuple[_lock.Pin, ...] = ()

    @property
    def changed(self) -> bool:
        """Return whether there is anything to do."""
        return bool(self.install or self.reinstall)


def record_path(root: str, name: str) -> str:
    """Return where the lock of an installed set is."""
    return os.path.join(root, FOLDER, name + ".txt")


def probe(python: str, run: t.Callable[[t.List[str]], t.Tuple[int, str]]) -> Installed:
    """Return what an interpreter has."""
    rc, output = run([python, "-I", "-c", PROBE])
    if rc != 0:
        raise AirgapError("%s cannot list its packages: %s" % (python, output.strip()[-300:]))
    found = json.loads(output)
    versions: t.Dict[str, str] = {}
    for name, version in found["installed"]:
        # The first one in sys.path is imported.
        versions.setdefault(_lock.normalize(name), version)
    return Installed(versions, found["mark"] if os.path.exists(found["mark"]) else "")


def plan(installed: Installed, pins: t.Sequence[_lock.Pin], recorded: t.Sequence[_lock.Pin]) -> SystemPlan:
    """Return what must be installed so that the interpreter has a lock's projects."""
    files = {pin.name: pin.sha256 for pin in recorded}
    same = {pin.name for pin in pins if canonical(installed.versions.get(pin.name, "")) == canonical(pin.version)}
    return SystemPlan(
        tuple(pin for pin in pins if pin.name not in same),
        tuple(pin for pin in pins if pin.name in same and files.get(pin.name, pin.sha256) != pin.sha256),
    )


def check_reserved(python: str, name: str, installed: Installed, is_allowed: bool) -> None:
    """Raise AirgapError if the interpreter is reserved for the host's own packages (PEP 668)."""
    if installed.reserved_by and not is_allowed:
        raise AirgapError(
            "The set %s cannot be installed into %s, because the system reserves it for its own packages (%s, PEP 668). Leave "
            "the set out of install_system, so that it gets an environment; or set install_break_system_packages to true, if "
            "you accept that programs of the system may fail." % (name, python, installed.reserved_by)
        )


def read_record(root: str, name: str) -> t.List[_lock.Pin]:
    """Return the pins of what an earlier run installed."""
    data = _files.read_if_exists(record_path(root, name))
    try:
        return _lock.parse_pins(data.decode("utf-8")) if data else []
    except (AirgapError, ValueError):
        return []


def write_record(root: str, name: str, lock_text: str) -> None:
    """Write the lock of what was installed."""
    _files.make_folder(os.path.join(root, FOLDER))
    _files.write_atomic(record_path(root, name), lock_text.encode("utf-8"))
