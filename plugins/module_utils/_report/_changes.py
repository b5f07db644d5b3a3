# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed in a bundle since the previous one: for each set and target, and as a whole.

A file next to the bundle remembers the manifest that was sealed last and the
one before it. If the sealed bundle is staged again, it is compared with the one
before it, so that the comparison stays the same until another bundle is sealed.
No I/O happens here.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _manifest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._report import _report_files

KINDS = ("added", "upgraded", "downgraded", "replaced", "removed")
Manifest = t.Mapping[str, t.Any]
# The fields of each file of an inventory that are used.
_FILE_KEYS = ("path", "name", "version", "sha256")
_EXTRA_KEYS = ("path", "kind", "sha256")
# name -> (version, sha256)
_Lock = t.Dict[str, t.Tuple[str, str]]


def parse_base(text: str, where: str) -> Manifest:
    """Return the base of a bundle, a manifest or an inventory of an index host; raises AirgapError for anything else."""
    document = _json.parse(text, where)
    if not isinstance(document, dict) or "imported" not in document:
        return _manifest.parse(text, where)
    for name, keys in (("files", _FILE_KEYS), ("extras", _EXTRA_KEYS)):
        entries = document.get(name, [None] if name == "files" else [])
        for entry in entries if isinstance(entries, list) else [None]:
            if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in keys):
                raise AirgapError(
                    "%s is not an inventory: each of its %s needs %s. Fetch it again from the index host."
                    % (where, name, ", ".join(keys))
                )
    return document


def choose_earlier(
    state: t.Optional[Manifest], bundle_id: str, base: t.Optional[Manifest] = None
) -> t.Optional[Manifest]:
    """Return what to compare a bundle with: its base, in full if it is remembered, or the bundle before; None if neither.

    ``state`` is that of _memory.
    """
    if base is not None:
        known = [state["sealed"], state["before"]] if state is not None and "sets" not in base else []
        return next((one for one in known if one is not None and one["id"] == base.get("id")), base)
    if state is None:
        return None
    found: t.Optional[Manifest] = state["before"] if state["sealed"]["id"] == bundle_id else state["sealed"]
    return found


def locks_of(manifest: Manifest) -> t.Dict[t.Tuple[str, str], _Lock]:
    """Return what each set and target of a manifest has."""
    found: t.Dict[t.Tuple[str, str], _Lock] = {}
    for one in manifest["sets"]:
        for target in one.get("targets") or [target["name"] for target in manifest["targets"]]:
            found[(one["name"], target)] = {}
    for entry in manifest["files"]:
        for user in entry.get("used_by", []):
            lock = found.setdefault((user["set"], user["target"]), {})
            lock[entry["name"]] = (entry["version"], entry["sha256"])
    return found


def compare_lock(earlier: _Lock, now: _Lock, parse: t.Callable[[str], t.Any]) -> t.Dict[str, t.Any]:
    """Return the changes of one lock; ``replaced`` means another file of the same version."""
    changes: t.Dict[str, t.Any] = {kind: [] for kind in KINDS}
    unchanged = 0
    for name in sorted(set(earlier) | set(now)):
        if name not in now:
            changes["removed"].append({"name": name, "from": earlier[name][0]})
        elif name not in earlier:
            changes["added"].append({"name": name, "to": now[name][0]})
        elif earlier[name] == now[name]:
            unchanged += 1
        else:
            old, new = earlier[name][0], now[name][0]
            kind = (
                "replaced"
                if old == new or parse(old) == parse(new)
                else "upgraded"
                if parse(old) < parse(new)
                else "downgraded"
            )
            changes[kind].append({"name": name, "from": old, "to": new})
    changes["unchanged"] = unchanged
    return changes


def _as_lock(known: t.Iterable[t.Mapping[str, t.Any]], now: _Lock, parse: t.Callable[[str], t.Any]) -> _Lock:
    """Return what a lock may have had if only the files are known: the same version, or else the newest."""
    found: _Lock = {}
    for entry in known:
        name, here = entry["name"], (entry["version"], entry["sha256"])
        if name not in now or (name in found and found[name] == now[name]):
            continue
        if here == now[name] or name not in found or parse(found[name][0]) < parse(here[0]):
            found[name] = here
    return found


def compare(earlier: t.Optional[Manifest], now: Manifest, parse: t.Callable[[str], t.Any]) -> t.Dict[str, t.Any]:
    """Return the content of changes.json; ``parse`` turns a version into a value that can be compared (PEP 440).

    ``earlier`` is a manifest, an inventory (files without sets), or None.
    """
    plain = earlier is not None and "sets" not in earlier
    there = locks_of(earlier) if earlier is not None and not plain else {}
    here = locks_of(now)
    locks = []
    for key in sorted(set(there) | set(here)):
        mine = here.get(key, {})
        theirs = _as_lock(earlier["files"], mine, parse) if earlier is not None and plain else there.get(key, {})
        one = {"set": key[0], "target": key[1], "lock": "same"}
        if not plain and key not in there:
            one["lock"] = "new"
        elif key not in here:
            one["lock"] = "gone"
        one.update(compare_lock(theirs, mine, parse))
        locks.append(one)
    old_files = {entry["path"]: entry for entry in _manifest.entries(earlier or {"files": []})}
    new_files = {entry["path"]: entry for entry in _manifest.entries(now)}
    fresh = [path for path in sorted(new_files) if old_files.get(path, {}).get("sha256") != new_files[path]["sha256"]]
    found = {
        "format": _report_files.FORMAT,
        "bundle": now["id"],
        "created": now["created"],
        "against": {key: earlier.get(key) for key in ("id", "created")} if earlier is not None else None,
        "per_lock": not plain,
        "counts": {kind: len(group(locks, kind)) for kind in KINDS},
        "locks": locks,
        "files": {
            "new": [{key: new_files[path][key] for key in ("path", "sha256", "size")} for path in fresh],
            "gone": [os.path.basename(path) for path in sorted(set(old_files) - set(new_files))],
        },
    }
    extras = compare_extras(_manifest.extras(earlier or {}), _manifest.extras(now))
    return dict(found, extras=extras) if any(extras.values()) else found


def compare_extras(
    earlier: t.Iterable[t.Mapping[str, t.Any]], now: t.Iterable[t.Mapping[str, t.Any]]
) -> t.Dict[str, t.List[t.Dict[str, t.Any]]]:
    """Return which files besides the wheels were added, have another content under the same name, or were removed."""
    old = {entry["path"]: entry["sha256"] for entry in earlier}
    new = {entry["path"]: entry["sha256"] for entry in now}
    return {
        "added": [{"path": path, "to": new[path]} for path in sorted(set(new) - set(old))],
        "changed": [
            {"path": path, "from": old[path], "to": new[path]}
            for path in sorted(set(new) & set(old))
            if old[path] != new[path]
        ],
        "removed": [{"path": path, "from": old[path]} for path in sorted(set(old) - set(new))],
    }


def group(locks: t.Iterable[t.Mapping[str, t.Any]], kind: str) -> t.List[t.Dict[str, t.Any]]:
    """Return the changes of a kind, each once, with the locks ("set/target") that they are in."""
    found: t.Dict[t.Tuple[str, str, str], t.List[str]] = {}
    for lock in locks:
        for one in lock[kind]:
            key = (one["name"], one.get("from", ""), one.get("to", ""))
            found.setdefault(key, []).append("%s/%s" % (lock["set"], lock["target"]))
    return [
        {"name": name, "from": old, "to": new, "locks": labels} for (name, old, new), labels in sorted(found.items())
    ]
