# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign a bundle's sums on the control host, where the key is; the module adds the signature on the bundle's host.

The bundle's host may lie. Only bytes that were hashed here are signed, and only if
their SHA-256 is the one in the task.
"""

from __future__ import annotations

import base64
import binascii
import typing as t

from ansible.errors import AnsibleActionFail
from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _signature
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import is_sha256, sha256_bytes
from ansible_collections.airgap.python.plugins.plugin_utils import _answer


class ActionModule(_answer.CheckedAction):
    """Read the sums, sign them unless the key has signed them already, and have the module add the signature."""

    between: t.Dict[str, t.Any] = {"found": bool, "sums": str, "armor": str}

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        """Sign, and return the key and the content of the signature file."""
        super().run(tmp, task_vars)
        given = str(self._task.args.get("key") or "")
        if not given:
            raise AnsibleActionFail("bundle_sign needs key: the path of a private key on the control host.")
        path = str(self._task.args.get("path") or "")
        wanted = str(self._task.args.get("sha256") or "")
        where = "%s/SHA256SUMS on %s" % (path, (task_vars or {}).get("inventory_hostname", "the host"))
        if wanted and not is_sha256(wanted):
            raise AnsibleActionFail("bundle_sign: %r is not a SHA-256. Write 64 hex digits, 0-9 and a-f." % wanted[:80])
        try:
            key = self._loader.path_dwim(given)
            fingerprint = _signature.key_fingerprint(key)
            arguments = {"path": path, "key": given}
            answer = self._execute_module(module_args=arguments, task_vars=task_vars)
            if answer.get("failed"):
                return answer
            if self._task.check_mode and answer.get("found") is False:
                return {"changed": True, "key": fingerprint, "signatures": []}
            sums, blocks = read_answer(answer, where)
            require_sum(sums, wanted, where)
            if has_signed(fingerprint, sums, blocks):
                return {"changed": False, "key": fingerprint, "signatures": listing(blocks)}
            if self._task.check_mode:
                return {"changed": True, "key": fingerprint, "signatures": listing(blocks)}
            block = _signature.sign(key, sums)
            arguments.update(block=block.armor.decode("ascii"), sha256=wanted)
            result = self._execute_module(module_args=arguments, task_vars=task_vars)
            if result.get("failed"):
                return result
            return {"changed": True, "key": fingerprint, "signatures": listing([*blocks, block])}
        except AirgapError as error:
            raise AnsibleActionFail(str(error)) from error


def read_answer(answer: t.Mapping[str, t.Any], where: str) -> t.Tuple[bytes, t.List[_signature.Block]]:
    """Return the sums, as bytes, and the signatures over them in a host's answer; raises AnsibleActionFail for any other."""
    sums, armor = answer.get("sums"), answer.get("armor")
    if not isinstance(sums, str) or not isinstance(armor, str):
        raise AnsibleActionFail("%s: the host did not answer with the sums and the signatures over them." % where)
    if len(sums) > _folder.LARGEST_TEXT * 4 // 3 + 4 or len(armor) > _signature.LARGEST:
        raise AnsibleActionFail(
            "%s: the host answered with more than a bundle can have. Find out what is there." % where
        )
    try:
        data = base64.b64decode(sums.encode("ascii"), validate=True)
        return data, _signature.split(armor.encode("ascii"), where + ".sig") if armor else []
    except (binascii.Error, UnicodeEncodeError) as error:
        raise AnsibleActionFail("%s: the host's answer is not the text of sums: %s." % (where, error)) from error


def require_sum(sums: bytes, wanted: str, where: str) -> None:
    """Raise AnsibleActionFail unless these bytes have the SHA-256 that was given."""
    real = sha256_bytes(sums)
    if not wanted:
        raise AnsibleActionFail(
            "Nothing is signed without the SHA-256 of the sums that you approve. That of %s, computed on the control host, is %s. "
            "Compare it with what you read, and set sha256 to it (approve_sha256 of the playbook approve)."
            % (where, real)
        )
    if real != wanted:
        raise AnsibleActionFail(
            "%s has SHA-256 %s, computed on the control host, and the approved sum is %s. Nothing is signed: the bundle is "
            "not the one that was read, or the host answers with another one. Read the bundle again, and set the sum of that one."
            % (where, real, wanted)
        )


def has_signed(fingerprint: str, sums: bytes, blocks: t.Iterable[_signature.Block]) -> bool:
    """Return whether one of the blocks is a bundle's signature by this key over these sums."""
    return any(
        block.key == fingerprint and block.namespace == _signature.NAMESPACE and _signature.is_genuine(sums, block)[0]
        for block in blocks
    )


def listing(blocks: t.Iterable[_signature.Block]) -> t.List[t.Dict[str, str]]:
    """Return what the blocks state, with any text in a namespace escaped."""
    return [
        {
            "key": block.key,
            "type": block.type,
            "namespace": block.namespace[:80].encode("unicode_escape").decode("ascii"),
        }
        for block in blocks
    ]
