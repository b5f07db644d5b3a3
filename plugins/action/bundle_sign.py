# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign a bundle's sums on the control host, where the key is; the module adds the signature on the bundle's host."""

from __future__ import annotations

import base64

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.airgap.python.plugins.module_utils import _signature
from ansible_collections.airgap.python.plugins.module_utils._files import sha256_bytes


class ActionModule(ActionBase):
    """Read what there is to sign, sign it unless the key has done so, hand the signature over."""

    def run(self, tmp=None, task_vars=None):
        """Sign, and return the key and what the signature file holds."""
        super().run(tmp, task_vars)
        given = str(self._task.args.get("key") or "")
        if not given:
            raise AnsibleActionFail("bundle_sign needs key: the path of a private key on the control host.")
        try:
            key = self._loader.path_dwim(given)
            fingerprint = _signature.key_fingerprint(key)
            arguments = {"path": self._task.args.get("path"), "key": given}
            there = self._execute_module(module_args=arguments, task_vars=task_vars)
            if there.get("failed") or not there.get("found"):
                return dict(there, key=fingerprint, signatures=[])
            sums = base64.b64decode(there["sums"])
            blocks = _signature.cut(there["armor"].encode("ascii"), "SHA256SUMS.sig") if there["armor"] else []
            if has_signed(fingerprint, sums, blocks):
                return {"changed": False, "key": fingerprint, "signatures": listing(blocks)}
            if self._task.check_mode:
                return {"changed": True, "key": fingerprint, "signatures": listing(blocks)}
            block = _signature.sign(key, sums)
            arguments.update(block=block.armor.decode("ascii"), sha256=sha256_bytes(sums))
            result = self._execute_module(module_args=arguments, task_vars=task_vars)
            if result.get("failed"):
                return result
            blocks = _signature.cut(result.pop("armor").encode("ascii"), "SHA256SUMS.sig")
            return {"changed": True, "key": fingerprint, "signatures": listing(blocks)}
        except _signature.SignatureError as error:
            raise AnsibleActionFail(str(error)) from error


def has_signed(fingerprint, sums, blocks):
    """Say whether one of the blocks is a bundle's signature by this key over these sums."""
    return any(
        block.key == fingerprint and block.namespace == _signature.NAMESPACE and _signature.holds(sums, block)[0]
        for block in blocks
    )


def listing(blocks):
    """Return what the blocks say of themselves."""
    return [{"key": block.key, "type": block.type, "namespace": block.namespace} for block in blocks]
