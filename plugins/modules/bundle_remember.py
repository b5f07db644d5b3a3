#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_remember
short_description: Remember the manifest of a sealed bundle, for comparison with the next
version_added: 0.1.0
description:
  - Keeps the manifests of the bundle that was sealed last and of the one before it, in one file, which is replaced whole.
  - Only a manifest whose sum stands in C(SHA256SUMS) is remembered; where a bundle was never sealed, or is being staged,
    nothing changes.
  - Run it before the manifest is written anew and after it is sealed. A run that was killed between them is then made up for.
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode and say what would change.
    support: full
  diff_mode:
    description: Shows the ids before and after.
    support: full
options:
  path:
    description: The bundle.
    type: path
    required: true
  memory:
    description: The file to keep them in. It does not lie in the bundle.
    type: path
    required: true
requirements:
  - python >= 3.8
seealso:
  - module: airgap.python.bundle_changes
"""

EXAMPLES = r"""
- name: Remember what was sealed
  airgap.python.bundle_remember:
    path: /srv/airgap/bundle
    memory: /srv/airgap/stage/sealed-manifests.json
"""

RETURN = r"""
id:
  description: Id of the bundle that is sealed; empty if none is.
  type: str
  returned: success
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout, _manifest, _sums
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import read_if_exists, write_atomic
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_bytes
from ansible_collections.airgap.python.plugins.module_utils._report import _changes


def sealed_manifest(root):
    """Return the manifest of a bundle if its sum stands in the sums, else None."""
    data = read_if_exists(os.path.join(root, _layout.MANIFEST))
    sums = read_if_exists(os.path.join(root, _layout.SUMS))
    if data is None or sums is None:
        return None
    try:
        if _sums.parse(sums.decode("utf-8")).get(_layout.MANIFEST) != sha256_bytes(data):
            return None
        return _manifest.parse(data.decode("utf-8"))
    except (AirgapError, UnicodeDecodeError):
        return None


def ids(state):
    """Return the ids that are remembered, as text."""
    if state is None:
        return ""
    return "".join("%s: %s\n" % (key, (state[key] or {}).get("id")) for key in ("sealed", "before"))


def main():
    """Remember the bundle."""
    module = AnsibleModule(
        argument_spec={"path": {"type": "path", "required": True}, "memory": {"type": "path", "required": True}},
        supports_check_mode=True,
    )
    memory = module.params["memory"]
    try:
        sealed = sealed_manifest(module.params["path"])
        state = _changes.parse_state((read_if_exists(memory) or b"").decode("utf-8", "replace"))
        after = _changes.remember(state, sealed) if sealed else None
        if after is not None and not module.check_mode:
            os.makedirs(os.path.dirname(memory), exist_ok=True)
            write_atomic(memory, _json.render(after).encode("utf-8"))
    except OSError as error:
        module.fail_json(msg=str(error))
    result = {"changed": after is not None, "id": sealed["id"] if sealed else ""}
    if after is not None:
        header = {"before_header": memory, "after_header": memory}
        result["diff"] = dict(header, before=ids(state), after=ids(after))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
