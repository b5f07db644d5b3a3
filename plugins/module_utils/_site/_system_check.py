# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a set that was installed into an interpreter itself is what its lock says.

The interpreter has other packages as well, those of the system among them. They are not this collection's to judge: only the
packages of the lock are looked at, and ``pip check``, which looks at all, does not run.
"""

from __future__ import annotations

import glob
import json
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _files, _hashes
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _system_packages
from ansible_collections.airgap.python.plugins.module_utils._site import _environment_check
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

# The first project of a name in sys.path is the one that is imported. Its RECORD is in the folder .dist-info.
PROBE = """
import json, os
from importlib.metadata import distributions
found = []
for one in distributions():
    paths = [str(one.locate_file(path)) for path in one.files or [] if str(path).endswith(".dist-info/RECORD")]
    found.append([one.metadata["Name"] or "", one.metadata["Version"] or "", paths[0] if paths else ""])
print(json.dumps(found))
"""


def read_projects(
    python: str, names: t.Container[str], run: _environment_check.Run
) -> t.Dict[str, t.Tuple[_environment_check.Project, str]]:
    """Return the projects of these names that an interpreter has, each with the folder that it is in. Raises AirgapError."""
    rc, output, errors = run([python, "-I", "-c", PROBE], "")
    try:
        listed = json.loads(output) if rc == 0 else None
    except ValueError:
        listed = None
    if listed is None:
        raise AirgapError("%s cannot list its packages: %s" % (python, _environment_check.last_line(errors or output)))
    found: t.Dict[str, t.Tuple[_environment_check.Project, str]] = {}
    for name, version, record in listed:
        key = _lock.normalize(name)
        if key in names and key not in found:
            info = os.path.realpath(os.path.dirname(record)) if record else ""
            files = tuple(_environment_check.recorded_files(info)) if info else ()
            found[key] = (_environment_check.Project(key, version, files), os.path.dirname(info))
    return found


def completed(root: str) -> float:
    """Return when a set was last installed into an interpreter, in seconds since 1970: sets may share packages."""
    records = glob.glob(os.path.join(glob.escape(root), _system_packages.FOLDER, "*.txt"))
    return max((os.lstat(one).st_mtime for one in records), default=0.0)


def check(
    root: str,
    name: str,
    python: str,
    wanted: str,
    run: _environment_check.Run,
    in_full: bool,
    not_imported: t.Container[str] = (),
) -> _environment_check.Checked:
    """Check a set in an interpreter.

    Args:
        root: The folder of the environments, which has the record of what was installed.
        name: The set.
        python: The interpreter.
        wanted: The SHA-256 of the lock that it should have, "" if that is not known.
        run: Runs a command.
        in_full: Also hash every file and import every package.
        not_imported: Names of projects that are not imported.
    """
    copy = _files.read_if_exists(_system_packages.record_path(root, name))
    if copy is None:
        return _environment_check.Checked(python, ("it was not installed into this interpreter",))
    sha256 = _hashes.sha256_bytes(copy)
    try:
        pins = tuple(_lock.parse_pins(copy.decode("utf-8")))
    except (AirgapError, ValueError):
        return _environment_check.Checked(python, ("the copy of its lock is damaged",))
    problems = []
    if wanted and sha256 != wanted:
        problems.append("it has the packages of another lock than that of the bundle that is served")
    found = read_projects(python, {pin.name for pin in pins}, run)
    projects = [project for project, dummy in found.values()]
    problems += _environment_check.compare_versions(projects, pins)
    damaged = _environment_check.compare_files("/", projects, completed(root), in_full)
    problems += damaged
    # What is damaged is not run.
    if not damaged and in_full:
        modules = [
            names
            for project, folder in found.values()
            for its, names in _environment_check.importable([project], folder).items()
            if its not in not_imported
        ]
        problems += _environment_check.failed_imports(python, modules, run)
    return _environment_check.Checked(
        python, tuple(problems), len(projects), not wanted or sha256 == wanted, sha256, pins
    )
