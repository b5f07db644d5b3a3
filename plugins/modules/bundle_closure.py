#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_closure
short_description: Check that every lock of a bundle is closed and fits its target
version_added: 0.1.0
description:
  - For each set and target of a bundle, follows the metadata of the wheels from the requirements in the lock, with extras,
    in the target's marker environment.
  - Exactly one file of the lock must meet each requirement. Its tags must fit the target, and its C(Requires-Python) must
    admit it. The check needs only the bundle, no resolver and no index.
  - Fails with what is missing or does not fit, what requires it, and the fix. Changes nothing.
  - It does not check whether the files are those that were sealed. Run M(airgap.python.bundle_verify) first.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Works in check mode, with the same result.
    support: full
  diff_mode:
    description: Changes nothing, so there is no diff.
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
- name: Check the closure of the bundle before it is published
  airgap.python.bundle_closure:
    path: /srv/airgap/bundle

# Without a playbook, on any host with a bundle:
#   ansible localhost -m airgap.python.bundle_closure -a path=/srv/airgap/bundle
"""

RETURN = r"""
locks:
  description: The locks that were checked, one entry for each set and target.
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
      description: Number of files in the lock.
      type: int
    edges:
      description: Number of times that a file or a requirement of the set needs another file.
      type: int
    unused:
      description: Names of the files that nothing requires.
      type: list
      elements: str
    excluded:
      description: Requirements of the set whose marker is false on the target.
      type: list
      elements: str
    failures:
      description:
        - The failures, each with C(kind), C(requirement), C(chain) up to the requirement of the set, C(marker) and
          C(message).
      type: list
      elements: dict
packaging:
  description: Source and version of the code that compares versions and evaluates markers.
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
        result = check_bundle(module.params["path"], module.warn)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error), **getattr(error, "details", {}))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
