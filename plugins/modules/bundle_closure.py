#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_closure
short_description: Prove that every lock of a bundle is whole and fits its target
version_added: 0.1.0
description:
  - For each set and target of a bundle, walks the metadata of the wheels from the requirements that the lock names, under
    the target's marker environment, with extras.
  - Every requirement must be met by exactly one file of the lock, whose tags fit the target and whose C(Requires-Python)
    admits it. No resolver and no index takes part; the bundle is all that is needed.
  - Fails with what is missing or does not fit, who asks for it, and the mend. Changes nothing.
  - Whether the files are those that were sealed is what M(airgap.python.bundle_verify) checks; run it first.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and return what it would return otherwise.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
options:
  path:
    description: The bundle.
    type: path
    required: true
requirements:
  - python >= 3.8
  - packaging >= 22, or pip >= 24.1, of this interpreter or as a wheel in the bundle
seealso:
  - module: airgap.python.bundle_verify
"""

EXAMPLES = r"""
- name: Prove the bundle before it is published
  airgap.python.bundle_closure:
    path: /srv/airgap/bundle

# By hand, on any host that has a bundle:
#   ansible localhost -m airgap.python.bundle_closure -a path=/srv/airgap/bundle
"""

RETURN = r"""
locks:
  description: What was proved, one entry for each set and target.
  type: list
  elements: dict
  returned: always
  contains:
    set:
      description: Name of the set.
      type: str
    target:
      description: Name of the target.
      type: str
    files:
      description: How many files the lock has.
      type: int
    edges:
      description: How many times a file or a requirement of the set needs another file.
      type: int
    unused:
      description: Names of the files that nothing asks for.
      type: list
      elements: str
    excluded:
      description: Requirements of the set whose marker is false on the target.
      type: list
      elements: str
    failures:
      description:
        - What is wrong, each with C(kind), C(requirement), C(chain) up to the requirement of the set, C(marker) and
          C(message).
      type: list
      elements: dict
packaging:
  description: Where the code came from that compares versions and evaluates markers, and its version.
  type: str
  returned: always
  sample: packaging 26.3
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout, _locks, _manifest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser
from ansible_collections.airgap.python.plugins.module_utils._wheels import (
    _closure,
    _closure_checker,
    _packaging,
    _pip_wheels,
)


def prove(root):
    """Return the proof of each lock, warnings, and what judged."""
    manifest = _manifest.read(root)
    targets, warnings = _target_parser.parse_all(manifest["targets"])
    targets = {target.name: target for target in targets}
    others = [entry for entry in manifest["files"] if not _manifest.is_carried(entry)]
    missing = [entry for entry in others if not os.path.isfile(os.path.join(root, entry["path"]))]
    _manifest.check_whole(root, manifest, missing)
    locks = _locks.read_locks(root, manifest)
    pool = os.path.join(root, _layout.POOL)
    pins = [pin for dummy, dummy, lock in locks for pin in lock.pins]
    packaging = _packaging.load(_pip_wheels.pip_wheels_of(pins, pool))
    checker = _closure_checker.ClosureChecker(packaging, pool)
    proofs = []
    for one, name, lock in locks:
        if name not in targets:
            raise AirgapError("%s: set %s is for %s, which is no target of it." % (root, one["name"], name))
        roots, warning = _locks.requirements_of(one, lock)
        if warning and warning not in warnings:
            warnings.append(warning)
        proofs.append((one["name"], name, len(lock.pins), checker.check(lock.pins, roots, (), targets[name])))
    return proofs, warnings, "%s %s" % (packaging.source, packaging.version)


def main():
    """Prove the bundle and return what was proved."""
    module = AnsibleModule(
        argument_spec={"path": {"type": "path", "required": True}},
        supports_check_mode=True,
    )
    try:
        proofs, warnings, judge = prove(module.params["path"])
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    for warning in warnings:
        module.warn(warning)
    for message in sorted({one.message for dummy, dummy, dummy, proof in proofs for one in proof.unknown_extras}):
        module.warn(message)
    locks = [
        {
            "set": name,
            "target": target,
            "files": files,
            "edges": len(proof.edges),
            "unused": list(proof.unused),
            "excluded": list(proof.excluded),
            "failures": [failure._asdict() for failure in proof.failures],
        }
        for name, target, files, proof in proofs
    ]
    failed = [(name, failure) for name, dummy, dummy, proof in proofs for failure in proof.failures]
    if failed:
        shown = [failure._replace(message="set %s: %s" % (name, failure.message)) for name, failure in failed]
        module.fail_json(msg=_closure.describe_failures(shown), locks=locks, packaging=judge)
    module.exit_json(changed=False, locks=locks, packaging=judge)


if __name__ == "__main__":
    main()
