# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an environment holds, read from its files: nothing in it is run, so that it may belong to anyone."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _access, _files
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _record, _venv, _venv_plan
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

LARGEST = 1 << 24


class Inspected(t.NamedTuple):
    """An environment: what is in it, the text of its lock, and why others can change it ("" if nobody can)."""

    found: _venv_plan.Found
    lock_text: str = ""
    others: str = ""

    @property
    def is_complete(self) -> bool:
        """Return whether a run completed it."""
        return self.found.recorded is not None


def inspect(path: str) -> Inspected:
    """Return what is in a folder that may be an environment."""
    if os.path.islink(path) or (os.path.exists(path) and not os.path.isdir(path)):
        return Inspected(_venv_plan.Found("other"))
    if not os.path.isdir(path) or not os.listdir(path):
        return Inspected(_venv_plan.Found("absent"))
    if not os.path.exists(os.path.join(path, _venv_plan.OWNER_FILE)):
        return Inspected(_venv_plan.Found("venv" if os.path.exists(os.path.join(path, "pyvenv.cfg")) else "other"))
    text = _read(os.path.join(path, _venv_plan.LOCK_COPY))
    try:
        recorded: t.Optional[t.Tuple[_lock.Pin, ...]] = None if text is None else tuple(_lock.parse_pins(text))
    except AirgapError:
        # An unreadable copy is treated as a run that did not complete.
        recorded = None
    found = _venv_plan.Found("managed", recorded, python_of(path), tuple(projects(path)))
    return Inspected(found, text or "", _access.other_writers(os.lstat(path)))


def _read(path: str) -> t.Optional[str]:
    try:
        with _files.open_plain(path) as stream:
            return stream.read(LARGEST).decode("utf-8")
    except (OSError, ValueError, AirgapError):
        return None


def python_of(path: str) -> t.Optional[_venv_plan.Python]:
    """Return the interpreter of an environment; None if it is not there any more."""
    program = os.path.realpath(_venv.python_in(path))
    version = re.search(
        r"^version(?:_info)? *= *([0-9]+(?:\.[0-9]+)+)", _read(os.path.join(path, "pyvenv.cfg")) or "", re.M
    )
    if version is None or not os.path.isfile(program) or not os.access(program, os.X_OK):
        return None
    return _venv_plan.Python(tuple(int(part) for part in version.group(1).split(".")), program)


def projects(path: str) -> t.Iterator[t.Tuple[str, str]]:
    """Return the name and version of each project; both are empty for one whose metadata are damaged."""
    for folder in _record.info_folders(path):
        name, dummy, version = os.path.basename(folder)[: -len(".dist-info")].partition("-")
        if all(os.path.isfile(os.path.join(folder, one)) for one in ("METADATA", "RECORD")):
            yield name, version
        else:
            yield "", ""
