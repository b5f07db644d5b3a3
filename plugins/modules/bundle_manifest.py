#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_manifest
short_description: Write the manifest of a bundle from its locks
version_added: 0.1.0
description:
  - Reads the locks C(locks/SET/TARGET.txt), checks every file that they pin in the pool C(wheels/), and writes
    C(manifest.json). The same content gives the same bytes but for C(created).
  - The bundle is whole again when M(airgap.python.bundle_seal) has written its sums.
  - Files in the pool that no lock names stay if the manifest before knew them with the same sum, and are an error
    otherwise. Locks of sets or targets that are not given any more are removed.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and say what would change. Where locks are not there yet, it says so.
    support: full
  diff_mode:
    description: Shows the manifest before and after.
    support: full
options:
  path:
    description: The bundle.
    type: path
    required: true
  sets:
    description: The requirement sets, each with C(name), and C(targets), the names of the targets that it is for.
    type: list
    elements: dict
    required: true
  targets:
    description: The targets, as in C(airgap_targets).
    type: list
    elements: dict
    required: true
  created:
    description:
      - The time that the manifest states (RFC 3339). By default the time when the content changed.
      - A time before that lies in the future is replaced by now, for the inside would refuse it.
    type: str
  prune:
    description: Remove files from the pool that no lock names any more.
    type: bool
    default: false
  base:
    description:
      - What the inside has already, as the lookup P(airgap.python.base#lookup) returns it. The bundle adds to it, and
        does not carry the files that it has; they stay in the pool here.
      - Where it is the very bundle that is described here, and nothing changed since, that stays as it is.
    type: dict
    suboptions:
      id:
        description: Id of the bundle that was imported last.
        type: str
        required: true
      sha256:
        description: SHA-256 of every file that is there, in hex.
        type: list
        elements: str
        required: true
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Describe what was downloaded
  airgap.python.bundle_manifest:
    path: /srv/airgap/bundle
    sets:
      - name: base
        requirements: [requests]
        targets: [node311]
    targets:
      - {name: node311, python: "3.11.2", os: linux, arch: x86_64, libc: glibc-2.36}
"""

RETURN = r"""
id:
  description: The bundle's id, 32 hex digits over its content.
  type: str
  returned: success
files:
  description: How many files the pool holds.
  type: int
  returned: success
bytes:
  description: Size of the pool, in bytes.
  type: int
  returned: success
base:
  description: Id of the bundle that this one adds to; empty where it adds to none.
  type: str
  returned: success
carried:
  description: How many files of the pool the bundle brings, that is those that the base has not.
  type: int
  returned: success
carried_bytes:
  description: Size of these files, in bytes.
  type: int
  returned: success
unused:
  description: Files in the pool that no lock names any more and that stayed.
  type: list
  elements: str
  returned: success
removed:
  description: Paths that were removed, or would be in check mode.
  type: list
  elements: str
  returned: success
"""

import datetime
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _ledger, _lock, _manifest, _requirements, _secrets
from ansible_collections.airgap.python.plugins.module_utils._files import (
    TEMPORARY,
    read_if_there,
    sha256_file,
    write_atomic,
)


class Manifest:
    """Plan the manifest of a bundle, then write it and remove what it no longer names."""

    def __init__(self, module):
        self.module = module
        self.root = module.params["path"]
        self.removed = []

    def join(self, *parts):
        """Return a path below the bundle."""
        return os.path.join(self.root, *parts)

    def read_locks(self):
        """Return the pins by set and target; None in check mode where a lock is not there yet."""
        locks = {}
        for one in self.module.params["sets"]:
            for target in one["targets"]:
                relative = os.path.join(_manifest.LOCKS, one["name"], target + ".txt")
                _manifest.check_name(relative, "sets")
                if self.module.check_mode and not os.path.exists(self.join(relative)):
                    return None
                locks[(one["name"], target)] = _lock.parse(
                    _manifest.read_text(self.join(relative)), self.join(relative)
                )
        return locks

    def before(self):
        """Return the manifest that is there, or None; one that cannot be read vouches for nothing."""
        try:
            return _manifest.parse_manifest(_manifest.read_text(self.join(_manifest.MANIFEST)))
        except _manifest.BundleError:
            return None

    def check_pool(self, locks, before):
        """Check every pinned file, return the entries that no lock names any more."""
        there = set()
        unused = []
        pinned = {pin.filename: pin for pins in locks.values() for pin in pins}
        known = {os.path.basename(entry["path"]): entry for entry in (before or {"files": []})["files"]}
        for name in sorted(os.listdir(self.join(_manifest.POOL))):
            path = os.path.join(_manifest.POOL, name)
            if name not in pinned and name in known and self.module.params["prune"]:
                self.removed.append(path)
                continue
            real = sha256_file(self.join(path))
            if name not in pinned:
                if name not in known or known[name]["sha256"] != real:
                    raise _manifest.BundleError(
                        "%s is in no lock and not in the manifest before: nothing vouches for it. Remove it."
                        % self.join(path)
                    )
                unused.append(known[name])
            elif real != pinned[name].sha256:
                raise _manifest.BundleError(
                    "%s has sha256 %s and its lock says %s. Remove the file and stage again."
                    % (self.join(path), real, pinned[name].sha256)
                )
            there.add(name)
        for name in sorted(set(pinned) - there):
            raise _manifest.BundleError("%s is missing from the pool. Stage again." % name)
        return unused

    def stale_locks(self, locks):
        """Return the locks on disk that belong to no set and target given."""
        wanted = {os.path.join(_manifest.LOCKS, name, target + ".txt") for name, target in locks}
        there = [path for path in _manifest.walk(self.join(_manifest.LOCKS)) if TEMPORARY not in path]
        return sorted(set(os.path.join(_manifest.LOCKS, path) for path in there) - wanted)

    def run(self):
        """Plan, then apply unless in check mode; return the result."""
        locks = self.read_locks()
        if locks is None:
            return dict(self.figures({"id": "", "base": None, "files": []}), changed=True, unused=[], removed=[])
        before = self.before()
        # Before the pool, which can hold one of two at most, is judged by either.
        _manifest.check_names_of_locks(locks)
        unused = self.check_pool(locks, before)
        self.removed += self.stale_locks(locks)
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        created = self.module.params["created"]
        manifest = _manifest.compose(
            [public(one) for one in self.module.params["sets"]],
            self.module.params["targets"],
            locks,
            unused,
            created or now,
            self.base(),
        )
        if before and manifest["base"] == before["id"]:
            manifest = _manifest.unless_it_is_its_base(manifest, before)
        if before and before["id"] == manifest["id"] and not created:
            # From the future it would be refused inside, whenever it is staged again.
            is_ahead = _ledger.is_ahead(before["created"], _ledger.clock())
            manifest["created"] = now if is_ahead else before["created"]
        text = _manifest.render_json(manifest)
        # What would be refused inside is not written outside.
        _manifest.parse_manifest(text, self.join(_manifest.MANIFEST))
        pending = read_if_there(self.join(_manifest.MANIFEST)) != text.encode("utf-8")
        if not self.module.check_mode:
            self.apply(text if pending else None)
        result = dict(
            self.figures(manifest),
            changed=pending or bool(self.removed),
            unused=[os.path.basename(entry["path"]) for entry in unused],
            removed=self.removed,
        )
        if self.module._diff and result["changed"]:
            result["diff"] = {
                "before": _manifest.render_json(before) if before else "",
                "after": text,
                "before_header": self.join(_manifest.MANIFEST),
                "after_header": self.join(_manifest.MANIFEST),
            }
        return result

    def base(self):
        """Return what the inside has already, or None."""
        given = self.module.params["base"]
        if not given:
            return None
        files = [{"sha256": one} for one in given["sha256"]]
        return _manifest.parse_base(_manifest.render_json({"id": given["id"], "files": files}), "base")

    @staticmethod
    def figures(manifest):
        """Return what a manifest comes to."""
        carried = [entry["size"] for entry in manifest["files"] if _manifest.is_carried(entry)]
        return {
            "id": manifest["id"],
            "base": manifest["base"] or "",
            "files": len(manifest["files"]),
            "bytes": sum(entry["size"] for entry in manifest["files"]),
            "carried": len(carried),
            "carried_bytes": sum(carried),
        }

    def apply(self, text):
        """Write the manifest if there is a new one, then remove what it no longer names."""
        if text is not None:
            write_atomic(self.join(_manifest.MANIFEST), text.encode("utf-8"))
        for path in self.removed:
            os.unlink(self.join(path))
        for path in _manifest.walk(self.root):
            # What a killed run was writing when it died.
            if os.path.basename(path).startswith(TEMPORARY):
                os.unlink(self.join(path))
        for folder, _folders, files in os.walk(self.join(_manifest.LOCKS), topdown=False):
            if not files and not os.listdir(folder):
                os.rmdir(folder)


def public(one):
    """Return a set without user, password and query in the URLs of its requirements: the manifest leaves this host."""
    lists = {key: one[key] for key in ("requirements", "constraints") if isinstance(one.get(key), list)}
    return dict(one, **{key: [_requirements.public(str(text)) for text in texts] for key, texts in lists.items()})


def secrets(sets):
    """Return what is secret in the requirements of sets; Ansible shows what a module was called with."""
    texts = [str(text) for one in sets for key in ("requirements", "constraints") for text in one.get(key) or []]
    return _secrets.passwords(texts) | _secrets.queries(texts)


def main():
    """Describe the bundle."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "sets": {"type": "list", "elements": "dict", "required": True},
            "targets": {"type": "list", "elements": "dict", "required": True},
            "created": {"type": "str"},
            "prune": {"type": "bool", "default": False},
            "base": {
                "type": "dict",
                "options": {
                    "id": {"type": "str", "required": True},
                    "sha256": {"type": "list", "elements": "str", "required": True, "no_log": False},
                },
            },
        },
        supports_check_mode=True,
    )
    module.no_log_values.update(secrets(module.params["sets"]))
    try:
        result = Manifest(module).run()
    except (_manifest.BundleError, _lock.LockError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
