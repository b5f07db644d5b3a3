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
  - Run M(airgap.python.bundle_seal) afterwards. Until then the sums do not match.
  - Files in the pool that no lock names stay if the former manifest names them with the same sum, and are an error
    otherwise. Locks of sets or targets that are no longer given are removed.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and return what would change. Where locks do not exist yet, RV(id) is empty.
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
      - If the former manifest states a time in the future, it is replaced by the current time, because the index host
        would refuse it.
    type: str
  prune:
    description: Remove files from the pool that no lock names.
    type: bool
    default: false
  base:
    description:
      - What the index host has already, as the lookup P(airgap.python.base#lookup) returns it. The bundle adds to it, and
        does not carry the files that it has; they stay in the pool here.
      - If it is the bundle in O(path) itself, and its content did not change, the manifest stays as it is.
    type: dict
    suboptions:
      id:
        description: Id of the bundle that was imported last.
        type: str
        required: true
      sha256:
        description: SHA-256 of every file that the index host has, in hex.
        type: list
        elements: str
        required: true
  memory:
    description:
      - The file in which M(airgap.python.bundle_seal) records what was sealed.
      - If the bundle is sealed and not recorded, because the run that sealed it was killed, it is recorded before its
        manifest is replaced.
    type: path
  extras:
    description:
      - The files below C(files/), as M(airgap.python.bundle_files) returns them. Files there that the former manifest names
        and this list does not are removed; others are an error.
    type: list
    elements: dict
    default: []
    suboptions:
      filename:
        description: Its name.
        type: str
        required: true
      sha256:
        description: Its SHA-256, in hex.
        type: str
        required: true
      kind:
        description: What it is.
        type: str
        choices: [file, collection]
        default: file
      name:
        description: The name of a collection.
        type: str
      version:
        description: The version of a collection.
        type: str
      origin:
        description: Where it came from.
        type: str
requirements:
  - python >= 3.8
"""

EXAMPLES = r"""
- name: Write the manifest of what was downloaded
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
  returned: success; empty in check mode where locks do not exist yet
files:
  description: How many wheels and other files the bundle names.
  type: int
  returned: success
bytes:
  description: Size of these files, in bytes.
  type: int
  returned: success
extras:
  description: How many of them are other files, below C(files/).
  type: int
  returned: success
base:
  description: Id of the bundle that this one adds to; empty if it does not add to one.
  type: str
  returned: success
carried:
  description: How many of the files the bundle carries, that is those that the base lacks.
  type: int
  returned: success
carried_bytes:
  description: Size of these files, in bytes.
  type: int
  returned: success
unused:
  description: Files in the pool that no lock names and that stayed.
  type: list
  elements: str
  returned: success
removed:
  description: Paths that were removed, or would be in check mode.
  type: list
  elements: str
  returned: success
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._bundle import _composition
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import _requirement


def public(one: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """Return a set without user, password and query in the URLs of its requirements: the manifest leaves this host."""
    lists = {key: one[key] for key in ("requirements", "constraints") if isinstance(one.get(key), list)}
    return dict(one, **{key: [_requirement.public_text(str(text)) for text in texts] for key, texts in lists.items()})


def order_of(params: t.Mapping[str, t.Any]) -> _composition.Order:
    """Return what the options ask for."""
    base = params["base"]
    return _composition.Order(
        [public(one) for one in params["sets"]],
        params["targets"],
        params["created"] or "",
        params["prune"],
        _composition.base_of(base["id"], base["sha256"]) if base else None,
        params["memory"] or "",
        params["extras"],
    )


def secrets(sets: t.Iterable[t.Mapping[str, t.Any]]) -> t.Set[str]:
    """Return what is secret in the requirements of sets; Ansible shows what a module was called with."""
    texts = [str(text) for one in sets for key in ("requirements", "constraints") for text in one.get(key) or []]
    return _secrets.passwords(texts) | _secrets.queries(texts)


def main() -> None:
    """Write the manifest."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "sets": {"type": "list", "elements": "dict", "required": True},
            "targets": {"type": "list", "elements": "dict", "required": True},
            "created": {"type": "str"},
            "prune": {"type": "bool", "default": False},
            "memory": {"type": "path"},
            "extras": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "filename": {"type": "str", "required": True},
                    "sha256": {"type": "str", "required": True},
                    "kind": {"type": "str", "choices": ["file", "collection"], "default": "file"},
                    "name": {"type": "str"},
                    "version": {"type": "str"},
                    "origin": {"type": "str"},
                },
            },
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
        plan = _composition.plan(module.params["path"], order_of(module.params), module.check_mode)
        if not module.check_mode:
            _composition.apply(plan)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**dict(plan.result(), **({"diff": plan.diff()} if module._diff and plan.is_changed else {})))


if __name__ == "__main__":
    main()
