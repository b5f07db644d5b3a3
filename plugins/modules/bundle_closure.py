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

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._bundle._closure import check_bundle
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def main() -> None:
    """Check the closure of every lock."""
    module = AnsibleModule(argument_spec={"path": {"type": "path", "required": True}}, supports_check_mode=True)
    try:
        result, warnings = check_bundle(module.params["path"])
    except (AirgapError, OSError) as error:
        details = dict(getattr(error, "details", {}))
        for warning in details.pop("warnings", []):
            module.warn(warning)
        module.fail_json(msg=str(error), **details)
    for warning in warnings:
        module.warn(warning)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
