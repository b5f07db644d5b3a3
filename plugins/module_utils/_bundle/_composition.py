# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Composing the manifest of a bundle from its locks: what it states, and which files it no longer names."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _clock, _folder, _layout, _manifest, _memory
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import TEMPORARY_PREFIX, read_if_exists, write_atomic
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_file
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock, _pool

Locks = t.Mapping[t.Tuple[str, str], t.Sequence[_lock.Pin]]
Manifest = t.Dict[str, t.Any]
_NO_BUNDLE: Manifest = {"id": "", "base": None, "files": []}


class Order(t.NamedTuple):
    """What the manifest is composed of: the sets and targets, whose locks are read, and the options of the module."""

    sets: t.Sequence[t.Mapping[str, t.Any]]
    targets: t.Sequence[t.Mapping[str, t.Any]]
    created: str = ""
    prune: bool = False
    base: t.Optional[_manifest.Base] = None
    memory: str = ""
    extras: t.Sequence[t.Mapping[str, t.Any]] = ()


class Plan(t.NamedTuple):
    """What changes: the manifest before and after, the files to remove, and the memory of a sealed bundle."""

    root: str
    before: t.Optional[Manifest]
    after: Manifest
    is_written: bool
    unused: t.Sequence[t.Mapping[str, t.Any]]
    removed: t.Sequence[str]
    memory: str = ""
    memory_after: t.Optional[t.Dict[str, t.Any]] = None

    @property
    def is_changed(self) -> bool:
        """Whether anything changes."""
        return self.is_written or bool(self.removed) or self.memory_after is not None

    def diff(self) -> t.Dict[str, str]:
        """Return the manifest before and after, as Ansible shows it."""
        path = os.path.join(self.root, _layout.MANIFEST)
        return {
            "before": _json.render(self.before) if self.before else "",
            "after": _json.render(self.after) if self.after["id"] else "",
            "before_header": path,
            "after_header": path,
        }

    def result(self) -> t.Dict[str, t.Any]:
        """Return the result of the module."""
        entries = _manifest.entries(self.after)
        carried = [entry["size"] for entry in entries if _manifest.is_carried(entry)]
        return {
            "changed": self.is_changed,
            "id": self.after["id"],
            "base": self.after["base"] or "",
            "files": len(entries),
            "bytes": sum(entry["size"] for entry in entries),
            "extras": len(_manifest.extras(self.after)),
            "carried": len(carried),
            "carried_bytes": sum(carried),
            "unused": [os.path.basename(entry["path"]) for entry in self.unused],
            "removed": list(self.removed),
        }


def compose(
    sets: t.Sequence[t.Mapping[str, t.Any]],
    targets: t.Sequence[t.Mapping[str, t.Any]],
    locks: t.Mapping[t.Tuple[str, str], t.Sequence[_lock.Pin]],
    unused: t.Iterable[t.Mapping[str, t.Any]],
    created: str,
    base: t.Optional[_manifest.Base] = None,
    extras: t.Iterable[t.Mapping[str, t.Any]] = (),
) -> t.Dict[str, t.Any]:
    """Return the manifest of the files that locks (by set and target) name, and of the other files.

    ``unused`` are entries of the former manifest that no lock names and that stay in the pool. A file that the
    base has is not carried. Raises AirgapError where two locks pin two contents under one file name.
    """
    files: t.Dict[str, t.Dict[str, t.Any]] = {}
    check_locks(locks)
    for (set_name, target), pins in sorted(locks.items()):
        for pin in pins:
            entry = files.setdefault(
                pin.filename,
                {
                    "path": "%s/%s" % (_layout.POOL, pin.filename),
                    "name": pin.name,
                    "version": pin.version,
                    "sha256": pin.sha256,
                    "size": pin.size,
                    "origin": pin.origin,
                    "used_by": [],
                },
            )
            entry["used_by"].append({"set": set_name, "target": target})
    for kept in unused:
        name = os.path.basename(kept["path"])
        if name not in files:
            files[name] = dict(kept, used_by=[])
    others = [dict(extra) for extra in sorted(extras, key=lambda one: str(one["path"]))]
    for entry in [*files.values(), *others]:
        entry["carried"] = base is None or entry["sha256"] not in base.sha256
    manifest: t.Dict[str, t.Any] = {
        "format": _manifest.FORMAT,
        "created": created,
        "base": base.id if base else None,
        "sets": list(sets),
        "targets": list(targets),
        "files": [files[name] for name in sorted(files)],
    }
    if others:
        manifest["extras"] = others
    manifest["id"] = _manifest.identify(manifest)
    return manifest


def check_locks(locks: t.Mapping[t.Tuple[str, str], t.Sequence[_lock.Pin]]) -> None:
    """Raise AirgapError where two locks pin two contents under one name."""
    claims = [claim for key in sorted(locks) for claim in _pool.claims(locks[key], _layout.lock_path(*key))]
    found = _pool.find_clash(claims)
    if found:
        raise AirgapError("%s %s" % (_pool.describe_clash(*found), _pool.SAME_FILE))


def with_former_base(manifest: t.Dict[str, t.Any], before: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """Return a manifest that was composed with the former bundle as its base; if the content is the same, the former one."""
    carried = {entry["path"]: _manifest.is_carried(entry) for entry in _manifest.entries(before)}
    same = dict(manifest, base=before["base"], id=before["id"])
    for key in set(_manifest.LISTS) & set(manifest):
        same[key] = [dict(entry, carried=carried.get(entry["path"], True)) for entry in manifest[key]]
    return same if _manifest.identify(same) == before["id"] else manifest


def base_of(identity: str, sums: t.Iterable[str]) -> _manifest.Base:
    """Return the base that an id and the SHA-256 of its files describe; raises AirgapError for a malformed one."""
    files = [{"sha256": one} for one in sums]
    return _manifest.parse_base(_json.render({"id": identity, "files": files}), "base")


def _read_locks(root: str, sets: t.Sequence[t.Mapping[str, t.Any]], missing_ok: bool) -> t.Optional[Locks]:
    """Return the pins by set and target; None where a lock does not exist yet and that is allowed."""
    locks = {}
    for one in sets:
        for target in one["targets"]:
            relative = _layout.lock_path(one["name"], target)
            _layout.check_name(relative, "sets")
            path = os.path.join(root, relative)
            if missing_ok and not os.path.exists(path):
                return None
            locks[(one["name"], target)] = _lock.parse_pins(_folder.read_text(path), path)
    return locks


def _read_former(root: str) -> t.Optional[Manifest]:
    """Return the manifest that exists, or None; one that cannot be read counts for nothing."""
    try:
        return _manifest.read(root)
    except AirgapError:
        return None


def _check_pool(
    root: str, locks: Locks, former: t.Optional[Manifest], prune: bool
) -> t.Tuple[t.List[t.Dict[str, t.Any]], t.List[str]]:
    """Hash every pinned file; return the former entries that no lock names and that stay, and the paths to remove."""
    found = set()
    unused = []
    removed = []
    pinned = {pin.filename: pin for pins in locks.values() for pin in pins}
    known = {os.path.basename(entry["path"]): entry for entry in (former or _NO_BUNDLE)["files"]}
    for name in sorted(os.listdir(os.path.join(root, _layout.POOL))):
        path = os.path.join(_layout.POOL, name)
        if name not in pinned and name in known and prune:
            removed.append(path)
            continue
        real = sha256_file(os.path.join(root, path))
        if name not in pinned:
            if name not in known or known[name]["sha256"] != real:
                raise AirgapError(
                    "%s is neither in a lock nor in the former manifest, so nothing vouches for it. Remove it."
                    % os.path.join(root, path)
                )
            unused.append(known[name])
        elif real != pinned[name].sha256:
            raise AirgapError(
                "%s has sha256 %s, and its lock requires %s. Remove the file and stage again."
                % (os.path.join(root, path), real, pinned[name].sha256)
            )
        found.add(name)
    for name in sorted(set(pinned) - found):
        raise AirgapError("%s is missing from the pool. Stage again." % name)
    return unused, removed


def _check_extras(
    root: str, wanted: t.Sequence[t.Mapping[str, t.Any]], former: t.Optional[Manifest], missing_ok: bool
) -> t.Optional[t.Tuple[t.List[t.Dict[str, t.Any]], t.List[str]]]:
    """Hash every other file; return the entries of the manifest and the paths to remove.

    None where a file does not exist yet and that is allowed. Files that are no longer wanted are removed, because these
    are named by the site, and nothing else refers to them.
    """
    entries = []
    for one in wanted:
        path = "%s/%s" % (_layout.FILES, one["filename"])
        _layout.check_name(path, "extras")
        place = os.path.join(root, path)
        if not os.path.isfile(place):
            if missing_ok:
                return None
            raise AirgapError("%s is missing. Stage again." % place)
        real = sha256_file(place)
        if real != one["sha256"]:
            raise AirgapError(
                "%s has sha256 %s, and the site requires %s. Remove the file and stage again."
                % (place, real, one["sha256"])
            )
        entry = {"path": path, "kind": one["kind"], "sha256": real, "size": os.path.getsize(place)}
        entry.update({key: one[key] for key in ("name", "version", "origin") if one.get(key)})
        entries.append(entry)
    _layout.check_names([entry["path"] for entry in entries], "extras")
    known = {entry["path"] for entry in _manifest.extras(former or {})}
    removed = []
    folder = os.path.join(root, _layout.FILES)
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        path = "%s/%s" % (_layout.FILES, name)
        if path in {entry["path"] for entry in entries} or name.startswith(TEMPORARY_PREFIX):
            continue
        if path not in known:
            raise AirgapError(
                "%s is neither among the files of the site nor in the former manifest, so nothing vouches for it. Remove it."
                % os.path.join(root, path)
            )
        removed.append(path)
    return entries, removed


def _stale_locks(root: str, locks: Locks) -> t.List[str]:
    """Return the locks on disk that belong to no given set and target."""
    wanted = {_layout.lock_path(*key) for key in locks}
    existing = [path for path in _folder.walk(os.path.join(root, _layout.LOCKS)) if TEMPORARY_PREFIX not in path]
    return sorted(set(os.path.join(_layout.LOCKS, path) for path in existing) - wanted)


def _created(order: Order, former: t.Optional[Manifest], manifest: Manifest, now: str) -> str:
    """Return the time to state: that of the former manifest if the content is the same."""
    if order.created or not former or former["id"] != manifest["id"]:
        return order.created or now
    # The index host would refuse a time from the future, whenever the bundle is staged again.
    return now if _clock.is_ahead(former["created"], _clock.now()) else str(former["created"])


def plan(root: str, order: Order, check_mode: bool = False) -> Plan:
    """Return what composing the manifest changes; raises AirgapError for a file that its lock does not pin so.

    In check mode, locks may not exist yet. Then all that is known is that something changes.
    """
    locks = _read_locks(root, order.sets, check_mode)
    former = _read_former(root)
    others = _check_extras(root, order.extras, former, check_mode)
    if locks is None or others is None:
        return Plan(root, None, _NO_BUNDLE, True, [], [])
    # Before the pool, which can hold only one of two files with one name, is compared with either lock.
    check_locks(locks)
    unused, removed = _check_pool(root, locks, former, order.prune)
    now = _clock.render(_clock.now())
    manifest = compose(order.sets, order.targets, locks, unused, now, order.base, others[0])
    if former and manifest["base"] == former["id"]:
        manifest = with_former_base(manifest, former)
    manifest["created"] = _created(order, former, manifest, now)
    path = os.path.join(root, _layout.MANIFEST)
    text = _json.render(manifest)
    # Never write what the index host would refuse.
    _manifest.parse(text, path)
    sealed = _memory.sealed_manifest(root) if order.memory else None
    return Plan(
        root,
        former,
        manifest,
        read_if_exists(path) != text.encode("utf-8"),
        unused,
        removed + others[1] + _stale_locks(root, locks),
        order.memory,
        _memory.add(_memory.read(order.memory), sealed) if sealed else None,
    )


def apply(planned: Plan) -> None:
    """Write the manifest if it changes, then remove the files that it no longer names."""
    if planned.memory_after is not None:
        # A run that was killed after it had sealed this bundle could not record it.
        _memory.write(planned.memory, planned.memory_after)
    if planned.is_written:
        text = _json.render(planned.after)
        write_atomic(os.path.join(planned.root, _layout.MANIFEST), text.encode("utf-8"))
    for path in planned.removed:
        os.unlink(os.path.join(planned.root, path))
    for path in _folder.walk(planned.root):
        # Files that a killed run left incomplete.
        if os.path.basename(path).startswith(TEMPORARY_PREFIX):
            os.unlink(os.path.join(planned.root, path))
    for folder, _folders, files in os.walk(os.path.join(planned.root, _layout.LOCKS), topdown=False):
        if not files and not os.listdir(folder):
            os.rmdir(folder)
