# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that the backup timer starts: make a backup, check it, remove the oldest, and write how it went.

It needs only the standard library.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import sys
import time
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _disk_space, _json
from ansible_collections.airgap.python.plugins.module_utils._backup import _check, _snapshot
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import write_atomic
from ansible_collections.airgap.python.plugins.module_utils._folder_lock import locked_folder

# The last result, in the folder of the backups.
STATE = "last.json"
PATIENCE = 600


def run(config: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """Make and check a backup as a configuration says; return the result, which is also written to last.json.

    A backup that the check refuses is removed, and the older ones stay.
    """
    folder = config["folder"]
    started = time.monotonic()
    at = datetime.datetime.now(datetime.timezone.utc)
    result: t.Dict[str, t.Any] = {"format": 1, "started": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "ok": False}
    os.makedirs(folder, mode=0o700, exist_ok=True)
    try:
        with locked_folder(folder, False, PATIENCE):
            result.update(_make(folder, config, at))
    except AirgapError as error:
        result["message"] = str(error)
    except OSError as error:
        result["message"] = "%s: %s." % (error.filename or folder, error.strerror or error)
        if _disk_space.is_disk_full(error):
            result["message"] = "The disk is full: %s. Free some space, or set backup_keep lower." % (
                _disk_space.free_space(folder)
            )
        with locked_folder(folder, False, PATIENCE):
            _snapshot.remove_unfinished(folder)
    result["seconds"] = round(time.monotonic() - started, 1)
    write_atomic(os.path.join(folder, STATE), _json.render(result).encode("utf-8"), 0o644)
    return result


def _make(folder: str, config: t.Mapping[str, t.Any], at: datetime.datetime) -> t.Dict[str, t.Any]:
    sources = [_snapshot.Source(one["name"], one["path"], one.get("optional", False)) for one in config["sources"]]
    path = _snapshot.create(folder, sources, at)
    problems = _check.find_problems(path)
    if problems:
        shutil.rmtree(path)
        raise AirgapError(
            "The new backup was damaged when it was read again, and was removed: %s. Check the disk of %s."
            % ("; ".join(problems), folder)
        )
    removed = _snapshot.rotate(folder, config["keep"])
    files, size = _snapshot.size_of(path)
    name = os.path.basename(path)
    return {"ok": True, "backup": name, "files": files, "bytes": size, "removed": removed, "message": ""}


def read_state(folder: str) -> t.Dict[str, t.Any]:
    """Return the last result, empty where there is none."""
    try:
        with open(os.path.join(folder, STATE), encoding="utf-8") as stream:
            found = json.load(stream)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def start(arguments: t.Sequence[str]) -> int:
    """Run with the configuration file that the first argument names; return the exit code."""
    with open(arguments[0], encoding="utf-8") as stream:
        config = json.load(stream)
    result = run(config)
    if result["ok"]:
        sys.stdout.write(
            "Backup %s: %d files, %d bytes, checked, in %.1f s.\n"
            % (result["backup"], result["files"], result["bytes"], result["seconds"])
        )
        return 0
    sys.stderr.write("The backup failed: %s\n" % result["message"])
    return 1
