#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_export
short_description: Write a bundle into a folder that a disk can carry
version_added: 0.1.0
description:
  - Writes C(airgap-ID) into a folder, where ID is the begin of the bundle's id. Everything of the bundle but the pool lies
    in it in the open, to be read and signed; the pool is in volumes of at most a given size.
  - O(phase=plan) checks the bundle and says which volumes there are to write, O(phase=volume) writes one, and
    O(phase=finish) writes the open files and, last, C(volumes.json), the list of the volumes.
  - Each file appears under its name complete or not at all. What is there already and right is left alone, so that a run
    that was killed goes on where it was, and a new signature costs one small file.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and say what would change.
    support: full
  diff_mode:
    description: Volumes are no text, so there is no difference to show.
    support: none
options:
  path:
    description: The bundle.
    type: path
    required: true
  dest:
    description: The folder that is carried. It is made if it is not there.
    type: path
    required: true
  phase:
    description: What to do.
    type: str
    choices: [plan, volume, finish]
    required: true
  volume_size:
    description: The most that a volume may hold, in bytes. FAT32 takes files of less than 4 GiB. Used by O(phase=plan).
    type: int
    default: 4194304000
  id:
    description: The bundle's id, as O(phase=plan) returned it. Used by the other phases.
    type: str
  volume:
    description: The volume to write, one of RV(volumes). Used by O(phase=volume).
    type: dict
  volumes:
    description: All volumes, each as O(phase=volume) returned it in RV(volume). Used by O(phase=finish).
    type: list
    elements: dict
    default: []
  missing_ok:
    description: Return RV(found=false) instead of failing where there is no bundle. Used by O(phase=plan).
    type: bool
    default: false
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Plan the volumes
  airgap.python.bundle_export:
    path: /srv/airgap/bundle
    dest: /mnt/disk
    phase: plan
  register: plan

- name: Write each
  airgap.python.bundle_export:
    path: /srv/airgap/bundle
    dest: /mnt/disk
    phase: volume
    id: "{{ plan.id }}"
    volume: "{{ item }}"
  loop: "{{ plan.volumes }}"
  register: written

- name: Write what lies in the open
  airgap.python.bundle_export:
    path: /srv/airgap/bundle
    dest: /mnt/disk
    phase: finish
    id: "{{ plan.id }}"
    volumes: "{{ written.results | map(attribute='volume') }}"
"""

RETURN = r"""
found:
  description: Whether there is a bundle.
  type: bool
  returned: for O(phase=plan)
id:
  description: The bundle's id.
  type: str
  returned: for O(phase=plan) when RV(found=true)
base:
  description: Id of the bundle that it adds to; empty where it adds to none.
  type: str
  returned: for O(phase=plan) when RV(found=true)
folder:
  description: The folder of this bundle in O(dest).
  type: str
  returned: for O(phase=plan) when RV(found=true)
volumes:
  description: The volumes to write, each with C(name), C(size) in bytes, and C(parts).
  type: list
  elements: dict
  returned: for O(phase=plan) when RV(found=true)
bytes:
  description: Size of everything that is carried, in bytes.
  type: int
  returned: for O(phase=plan) when RV(found=true)
volume:
  description: The volume with its C(sha256).
  type: dict
  returned: for O(phase=volume)
written:
  description: Paths below RV(folder) that were written, or would be in check mode.
  type: list
  elements: str
  returned: for O(phase=finish)
removed:
  description: Paths below RV(folder) that an earlier export had left, and that were removed, or would be in check mode.
  type: list
  elements: str
  returned: for O(phase=finish)
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _manifest, _pieces, _volumes
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import (
    BLOCK,
    TEMPORARY,
    held,
    read_if_there,
    sha256_file,
    write_atomic,
    written_aside,
)


class Export:
    """Write a bundle as an open part and volumes."""

    def __init__(self, path, dest, identity, check_mode=False):
        self.path = path
        self.check_mode = check_mode
        if not identity.isalnum():
            raise AirgapError("%r is no bundle id." % identity)
        self.folder = os.path.join(dest, _volumes.folder_of(identity))
        self.identity = identity

    def there(self):
        """Return path to size of what the folder holds; a link in it is an error."""
        if os.path.islink(self.folder):
            raise AirgapError("%s is a link. Remove it." % self.folder)
        return _manifest.walk(self.folder) if os.path.isdir(self.folder) else {}

    def write_volume(self, given):
        """Write one volume unless it is there and right; return it with its sum, and whether that changed something."""
        volume = _volumes.Volume(given["name"], tuple(_pieces.parts_of(given["parts"])), "")
        if not _volumes.is_volume_name(volume.name):
            raise AirgapError("%r is no name of a volume." % volume.name)
        relative = os.path.join(_volumes.FOLDER, volume.name)
        final = os.path.join(self.folder, relative)
        known = self.there().get(relative) == volume.size and sha256_file(final)
        if known or self.check_mode:
            digest = _manifest.digest_of_parts(self.path, volume.parts, len)
            if digest == known or self.check_mode:
                return volume._replace(sha256=digest), digest != known
        os.makedirs(os.path.dirname(final), exist_ok=True)
        self.forget_begun()
        with written_aside(final) as stream:
            digest = _manifest.digest_of_parts(self.path, volume.parts, stream.write)
        return volume._replace(sha256=digest), True

    def forget_begun(self):
        """Remove what a killed run was writing when it died, so that the disk has room."""
        for path in self.there():
            if os.path.basename(path).startswith(TEMPORARY):
                os.unlink(os.path.join(self.folder, path))

    def finish(self, volumes):
        """Write the open files, remove what is left of other exports, write the list; return both lists of paths."""
        manifest, entries = _manifest.verify(self.path)
        if manifest["id"] != self.identity:
            raise AirgapError("%s was staged anew meanwhile. Run the export again." % self.path)
        carried = [entry for entry in _manifest.to_send(manifest, entries) if _pieces.is_packed(entry.path)]
        listed = _volumes.render(self.identity, volumes)
        _volumes.parse(listed, _volumes.LIST, self.identity, carried)
        opened = {entry.path: entry for entry in _manifest.to_send(manifest, entries) if entry not in carried}
        there = self.there()
        wanted = set(opened) | {_volumes.LIST} | {"%s/%s" % (_volumes.FOLDER, one.name) for one in volumes}
        removed = sorted(path for path in set(there) - wanted if self.is_left_over(path))
        for path in sorted(set(there) - wanted - set(removed)):
            raise AirgapError("%s is no part of the export. Remove it." % os.path.join(self.folder, path))
        self.keep_signatures(opened)
        written = [path for path in sorted(opened) if not self.is_there(opened[path], there)]
        if not self.check_mode:
            for path in removed:
                os.unlink(os.path.join(self.folder, path))
            for path in written:
                self.copy(path)
        final = os.path.join(self.folder, _volumes.LIST)
        if read_if_there(final) != listed.encode("utf-8"):
            written.append(_volumes.LIST)
            if not self.check_mode:
                os.makedirs(self.folder, exist_ok=True)
                write_atomic(final, listed.encode("utf-8"))
        return written, removed

    def keep_signatures(self, opened):
        """Refuse to take away what an officer signed in the folder: these very sums, by a key that the bundle lacks."""
        sums, blocks = os.path.join(self.folder, _manifest.SUMS), []
        if os.path.isfile(sums) and sha256_file(sums) == opened[_manifest.SUMS].sha256:
            blocks = _manifest.read_signatures(self.folder)[1] or []
        if not set(blocks) <= set(_manifest.read_signatures(self.path)[1] or []):
            disk, own = (os.path.join(one, _manifest.SIGNATURE) for one in (self.folder, self.path))
            raise AirgapError(
                "%s has a signature over this bundle that %s has not, and would be replaced. Put it there first: "
                "cat %s >> %s" % (disk, own, disk, own)
            )

    @staticmethod
    def is_left_over(path):
        """Say whether an earlier export wrote a file: nothing else is removed."""
        is_volume = path.startswith(_volumes.FOLDER + "/") and path.endswith(".vol")
        is_begun = os.path.basename(path).startswith(TEMPORARY)
        is_ours = path.startswith((_manifest.REPORTS + "/", _manifest.INSTALL + "/"))
        return is_volume or is_begun or is_ours or path == _manifest.SIGNATURE

    def is_there(self, entry, there):
        """Say whether an open file is in the folder as it is in the bundle."""
        path = os.path.join(self.folder, entry.path)
        return there.get(entry.path) == entry.size and sha256_file(path) == entry.sha256

    def copy(self, path):
        """Copy one open file."""
        final = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(final), exist_ok=True)
        with open(os.path.join(self.path, path), "rb") as source, written_aside(final) as target:
            for block in iter(lambda: source.read(BLOCK), b""):
                target.write(block)


def plan(path, dest, volume_size):
    """Check the bundle and return what there is to write."""
    manifest, entries = _manifest.verify(path)
    crossing = _manifest.to_send(manifest, entries)
    volumes = _volumes.lay_out([entry for entry in crossing if _pieces.is_packed(entry.path)], volume_size)
    return {
        "found": True,
        "id": manifest["id"],
        "base": manifest["base"] or "",
        "folder": Export(path, dest, manifest["id"]).folder,
        "volumes": [
            {"name": one.name, "size": one.size, "parts": [part._asdict() for part in one.parts]} for one in volumes
        ],
        "bytes": sum(entry.size for entry in crossing),
    }


def carry_out(params, check_mode):
    """Carry out one phase; return the result."""
    if params["phase"] == "plan":
        if params["missing_ok"] and not os.path.exists(os.path.join(params["path"], _manifest.SUMS)):
            return {"changed": False, "found": False}
        return dict(plan(params["path"], params["dest"], params["volume_size"]), changed=False)
    export = Export(params["path"], params["dest"], params["id"], check_mode)
    with held(export.folder, check_mode):
        if params["phase"] == "volume":
            volume, changed = export.write_volume(params["volume"])
            parts = [part._asdict() for part in volume.parts]
            given = {"name": volume.name, "size": volume.size, "sha256": volume.sha256, "parts": parts}
            return {"changed": changed, "volume": given}
        volumes = [
            _volumes.Volume(one["name"], tuple(_pieces.parts_of(one["parts"])), one["sha256"])
            for one in params["volumes"]
        ]
        written, removed = export.finish(volumes)
        return {"changed": bool(written or removed), "written": written, "removed": removed}


def main():
    """Carry out one phase."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "dest": {"type": "path", "required": True},
            "phase": {"type": "str", "choices": ["plan", "volume", "finish"], "required": True},
            "volume_size": {"type": "int", "default": 4000 << 20},
            "id": {"type": "str"},
            "volume": {"type": "dict"},
            "volumes": {"type": "list", "elements": "dict", "default": []},
            "missing_ok": {"type": "bool", "default": False},
        },
        required_if=[("phase", "volume", ("id", "volume")), ("phase", "finish", ("id",))],
        supports_check_mode=True,
    )
    if module.params["volume_size"] < 1 << 16:
        module.fail_json(msg="volume_size is %d bytes. Give at least 65536." % module.params["volume_size"])
    try:
        result = carry_out(module.params, module.check_mode)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
