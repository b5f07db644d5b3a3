#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_verify
short_description: Verify that a folder is exactly one bundle
version_added: 0.1.0
description:
  - Checks the names in C(SHA256SUMS) and C(manifest.json), that the folder has exactly the files that they name,
    the SHA-256 of every file, and that manifest, locks and sums agree.
  - The files that a bundle leaves to its base may be missing. If they exist, they are checked as well.
  - Checks who signed the bundle, if O(allowed_signers) is set, and that it is not older than the last one in O(ledger).
  - Checks that only root and the user of this run can change the bundle meanwhile, be it through the owner or the mode of
    a file, of a folder or of a folder above, or through another name of a file (a hard link) outside.
  - Fails with the name of the first file that is wrong. Changes nothing.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Changes nothing, and returns the same in check mode.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
options:
  path:
    description: The bundle.
    type: path
    required: true
  missing_ok:
    description: Return RV(found=false) instead of failing where the bundle does not exist.
    type: bool
    default: false
  whole:
    description:
      - Fail if files that the bundle leaves to its base are missing. Set it before all of the bundle is used.
      - Otherwise RV(whole) reports it.
    type: bool
    default: false
  closure:
    description:
      - Also check that every lock is closed and fits its target, as M(airgap.python.bundle_closure) does, and fail if one is not.
      - Exactly the bundle that O(ledger) says was imported is not checked again.
    type: bool
    default: false
  locks:
    description: Also return the locks of these sets and targets that the bundle has.
    type: dict
    suboptions:
      sets:
        description: Names of requirement sets.
        type: list
        elements: str
        required: true
      targets:
        description: Names of targets.
        type: list
        elements: str
        required: true
  imported:
    description:
      - Also return in RV(imported) whether the bundle was imported already. Then M(airgap.python.bundle_import_start) and
        M(airgap.python.bundle_import_end) have nothing to record.
      - Needs O(ledger).
    type: dict
    suboptions:
      inventory:
        description: The inventory that M(airgap.python.bundle_import_end) writes.
        type: path
        required: true
      files_dir:
        description: The folder of M(airgap.python.served_files).
        type: path
        required: true
      installer:
        description: Whether C(install.sh) must be served as well.
        type: bool
        default: false
requirements:
  - python >= 3.8
  - ssh-keygen, of OpenSSH 8.2 or newer, if O(allowed_signers) is given
  - packaging >= 22, or pip >= 24.1, of this interpreter or as a wheel in the bundle, if O(closure) is set
extends_documentation_fragment:
  - airgap.python.approval
"""

EXAMPLES = r"""
- name: Verify the bundle before it is used
  airgap.python.bundle_verify:
    path: /srv/airgap/bundle
  register: bundle

- name: Verify that two officers signed the bundle
  airgap.python.bundle_verify:
    path: /srv/airgap/bundle
    allowed_signers:
      - alice@example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFi0ZRzTPZbQpFOBMZ0g5aeSS0MkEzVjSzMM0tBo4R5A
      - bob@example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILMuZWVbHhDBFKSU1mMcnQlfGQhrdPmCeWHzlJ8Gz0bD
    required_signatures: 2

- name: Verify the bundle, check that its locks are closed, and read what the index host is installed from
  airgap.python.bundle_verify:
    path: /srv/airgap/bundle
    whole: true
    closure: true
    locks:
      sets: [airgap-devpi, airgap-pip]
      targets: [index]
"""

RETURN = r"""
request:
  description: The options that decide what is verified, as they were given; the action plugin adds them.
  type: dict
  returned: always
found:
  description: Whether the bundle exists.
  type: bool
  returned: success
id:
  description: The bundle's id.
  type: str
  returned: when RV(found=true)
  sample: 4f9b6b0a4f6b1f5a3a0b6d1b5b0c9f11
created:
  description: The time that its manifest states.
  type: str
  returned: when RV(found=true)
signers:
  description: Which of O(allowed_signers) signed it, each key once, with C(principal), C(key) (SHA-256 fingerprint) and C(type).
  type: list
  elements: dict
  returned: when RV(found=true)
rejected:
  description:
    - The signatures that do not count, with C(key), C(type), C(reason) and C(detail).
    - C(reason) is V(unknown key), V(revoked), V(expired), V(not yet valid), V(other content), V(other namespace),
      V(same key twice), V(unknown option) or V(unreadable).
  type: list
  elements: dict
  returned: when RV(found=true)
sha256:
  description: SHA-256 of C(SHA256SUMS), which stands for every byte of the bundle.
  type: str
  returned: when RV(found=true)
base:
  description: Id of the bundle that it adds to; empty if it does not add to one.
  type: str
  returned: when RV(found=true)
whole:
  description: Whether every file of the manifest exists here.
  type: bool
  returned: when RV(found=true)
signatures_sha256:
  description: SHA-256 of C(SHA256SUMS.sig); empty if it does not exist.
  type: str
  returned: when RV(found=true)
count:
  description: How many files of the pool the manifest names.
  type: int
  returned: when RV(found=true)
extras:
  description: How many other files it names, those below C(files/).
  type: int
  returned: when RV(found=true)
imported:
  description:
    - What M(airgap.python.bundle_import_start) would return, if the last import was of this bundle with these signers and succeeded,
      and the inventory is that of this bundle. Otherwise empty.
  type: dict
  returned: when RV(found=true) and O(imported) is given
  contains:
    id:
      description: The id of the bundle.
      type: str
    run:
      description: Empty, because nothing is written.
      type: str
    recorded:
      description: Always V(false).
      type: bool
    files_settled:
      description: Whether the files of the bundle that are not wheels are served already.
      type: bool
    withdrawn:
      description: What is withdrawn, as the ledger says, with C(name), C(version), C(reason) and C(gone).
      type: list
      elements: dict
    request:
      description: The value of O(imported), as it was given; the action plugin adds it.
      type: dict
built:
  description: The projects that have a wheel in the pool that was built from source.
  type: list
  elements: str
  returned: when RV(found=true)
targets:
  description: The targets that the bundle was staged for, as the manifest states them.
  type: list
  elements: dict
  returned: when RV(found=true)
locks:
  description: The locks that the bundle has of those in O(locks).
  type: list
  elements: dict
  returned: when RV(found=true) and O(locks) is given
  contains:
    set:
      description: The set.
      type: str
    target:
      description: The target.
      type: str
    content:
      description: The lock in base64.
      type: str
bytes:
  description: Size of everything that the bundle carries, in bytes, without the files that it leaves to its base.
  type: int
  returned: when RV(found=true)
"""

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import (
    _approval,
    _closure,
    _import,
    _layout,
    _locks,
    _manifest,
    _verify,
)
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _served_files


def _imported(
    path: str, bundle: _import.Bundle, signers: t.List[t.Dict[str, t.Any]], params: t.Dict[str, t.Any]
) -> t.Dict[str, t.Any]:
    """Return what is known of a former import of exactly this bundle, {} where it must be imported."""
    asked = params["imported"]
    found = _import.find_settled(
        bundle, {"path": params["ledger"], "inventory": asked["inventory"], "signers": signers}
    )
    return (
        dict(found, files_settled=_served_files.is_settled(asked["files_dir"], path, asked["installer"]))
        if found
        else {}
    )


def main() -> None:
    """Verify the bundle and return what it has."""
    module = AnsibleModule(
        argument_spec=dict(
            _approval.OPTIONS,
            path={"type": "path", "required": True},
            missing_ok={"type": "bool", "default": False},
            whole={"type": "bool", "default": False},
            closure={"type": "bool", "default": False},
            locks={
                "type": "dict",
                "options": {
                    "sets": {"type": "list", "elements": "str", "required": True},
                    "targets": {"type": "list", "elements": "str", "required": True},
                },
            },
            imported={
                "type": "dict",
                "options": {
                    "inventory": {"type": "path", "required": True},
                    "files_dir": {"type": "path", "required": True},
                    "installer": {"type": "bool", "default": False},
                },
            },
        ),
        supports_check_mode=True,
    )
    path = module.params["path"]
    if module.params["missing_ok"] and not os.path.exists(os.path.join(path, _layout.SUMS)):
        module.exit_json(changed=False, found=False)
    asked = module.params["locks"]
    try:
        approval = _approval.check(path, module.params)
        manifest, entries = _verify.verify(path, module.params["whole"])
        locks = _locks.read_texts(path, asked["sets"], asked["targets"])["locks"] if asked else []
        sums = {entry.path: entry.sha256 for entry in entries}
        if module.params["closure"]:
            _closure.check_unless_imported(path, sums[_layout.SUMS], module.params["ledger"], module.warn)
        imported = {}
        if module.params["imported"]:
            if not module.params["ledger"]:
                raise AirgapError(
                    "imported is given, and ledger is not: only the ledger says what was imported. Set ledger."
                )
            bundle = _import.Bundle(manifest, sums[_layout.SUMS])
            imported = _imported(path, bundle, approval.result()["signers"], module.params)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    built = {one["name"] for one in manifest["files"] if str(one.get("origin") or "").startswith("built:")}
    module.exit_json(
        changed=False,
        found=True,
        id=manifest["id"],
        created=manifest["created"],
        sha256=sums[_layout.SUMS],
        signatures_sha256=sums.get(_layout.SIGNATURE, ""),
        base=manifest["base"] or "",
        whole=not _manifest.absent(manifest, entries),
        count=len(manifest["files"]),
        extras=len(_manifest.extras(manifest)),
        built=sorted(built),
        targets=manifest["targets"],
        bytes=sum(entry.size for entry in _manifest.to_send(manifest, entries)),
        **({"locks": locks} if asked else {}),
        **({"imported": imported} if module.params["imported"] else {}),
        **approval.result(),
    )


if __name__ == "__main__":
    main()
