# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The locks of a bundle, and the requirements that each must meet."""

from __future__ import annotations

import base64
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout, _manifest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock


def read_locks(root: str, manifest: t.Mapping[str, t.Any]) -> t.List[t.Tuple[t.Mapping[str, t.Any], str, _lock.Lock]]:
    """Return (set, target name, lock) for each lock that a manifest lists; raises AirgapError."""
    locks = []
    for one in manifest["sets"]:
        names = one.get("targets") or [target["name"] for target in manifest["targets"]]
        for name in names:
            path = _layout.lock_path(one["name"], name)
            _layout.check_name(path, _layout.MANIFEST)
            where = os.path.join(root, path)
            locks.append((one, name, _lock.parse_lock(_folder.read_text(where), where)))
    return locks


def requirements_of(one: t.Mapping[str, t.Any], lock: _lock.Lock) -> t.Tuple[t.Sequence[str], str]:
    """Return the requirements that a lock must meet, and a warning if it does not name them itself."""
    if lock.roots is not None:
        return lock.roots, ""
    if one.get("requirements") and not one.get("requirements_file"):
        return one["requirements"], ""
    return [pin.name for pin in lock.pins], (
        "The locks of set %s do not name its requirements. They are checked to be closed, but not for missing extras "
        "or for files that nothing requires. Stage the set again." % one["name"]
    )


def _exists(path: str) -> bool:
    """Return whether anything is at a path; raises OSError where that cannot be determined."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True


def read_collections(root: str) -> t.List[t.Dict[str, str]]:
    """Return the archives of collections that a bundle has; raises AirgapError if its manifest cannot be read."""
    manifest = _manifest.read(root) if os.path.lexists(os.path.join(root, _layout.MANIFEST)) else {}
    return [
        {
            "filename": os.path.basename(one["path"]),
            "sha256": one["sha256"],
            "name": one["name"],
            "version": one["version"],
        }
        for one in _manifest.extras(manifest)
        if one["kind"] == "collection" and "name" in one and "version" in one
    ]


def read_files(root: str) -> t.List[t.Dict[str, str]]:
    """Return the files of a bundle that are neither wheels nor collections; raises AirgapError for a damaged manifest."""
    manifest = _manifest.read(root) if os.path.lexists(os.path.join(root, _layout.MANIFEST)) else {}
    return [
        {"filename": os.path.basename(one["path"]), "sha256": one["sha256"]}
        for one in _manifest.extras(manifest)
        if one["kind"] == "file"
    ]


def read_texts(root: str, sets: t.Sequence[str], targets: t.Sequence[str]) -> t.Dict[str, t.Any]:
    """Return the locks of sets and targets that a bundle has; raises AirgapError if one cannot be read."""
    locks = []
    try:
        found = _exists(os.path.join(root, _layout.MANIFEST))
        for set_name in sets:
            for target in targets:
                relative = _layout.lock_path(set_name, target)
                _layout.check_name(relative, "the inventory")
                path = os.path.join(root, relative)
                if _exists(path):
                    content = base64.b64encode(_folder.read_text(path).encode("utf-8")).decode("ascii")
                    locks.append({"set": set_name, "target": target, "content": content})
    except OSError as error:
        # Staging again would not help here.
        raise AirgapError("%s cannot be read: %s." % (root, error.strerror)) from error
    return {"found": found, "locks": locks}
