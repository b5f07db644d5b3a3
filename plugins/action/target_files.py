# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the target files of a site on the control host."""

from __future__ import annotations

import os
import typing as t

import yaml
from ansible.plugins.action import ActionBase
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import read_if_exists, write_atomic
from ansible_collections.airgap.python.plugins.module_utils._target import _target_file


class ActionModule(ActionBase):
    """Plan the files for all kinds of interpreters, then write those that differ."""

    _requires_connection = False

    def run(self, tmp: t.Any = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        """Plan and write."""
        result: t.Dict[str, t.Any] = super().run(tmp, task_vars)
        dummy, arguments = self.validate_argument_spec(
            argument_spec={
                "dest": {"type": "path", "required": True},
                "answers": {"type": "dict", "required": True},
            }
        )
        folder = arguments["dest"]
        try:
            found = [
                _target_file.parse_answer(host, one)
                for host, answers in arguments["answers"].items()
                for one in answers
            ]
            existing = existing_files(folder)
            plan = _target_file.plan(found, existing, (task_vars or {}).get("groups", {}).get("all", []))
            written = [name for name in plan.files if plan.files[name] != existing.get(name, ("", None))[0]]
            if written and not self._task.check_mode:
                os.makedirs(folder, exist_ok=True)
                for name in written:
                    write_atomic(os.path.join(folder, name), plan.files[name].encode("utf-8"))
        except (AirgapError, OSError) as error:
            return dict(result, failed=True, msg="%s: %s" % (folder, error))
        result.update(
            changed=bool(written), files=sorted(plan.files), hosts=plan.hosts, written=sorted(written), left=plan.left
        )
        if self._task.diff:
            result["diff"] = [
                {
                    "before": existing.get(name, ("", None))[0],
                    "after": plan.files[name],
                    "before_header": os.path.join(folder, name),
                    "after_header": os.path.join(folder, name),
                }
                for name in sorted(written)
            ]
        return result


def existing_files(folder: str) -> t.Dict[str, t.Tuple[str, t.Any]]:
    """Return text and content of every target file in a folder, by name; content only of those that the survey wrote."""
    existing: t.Dict[str, t.Tuple[str, t.Any]] = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if not name.endswith(_target_file.SUFFIX):
            continue
        text = (read_if_exists(os.path.join(folder, name)) or b"").decode("utf-8", "replace")
        try:
            content = yaml.safe_load(text) if _target_file.is_survey_file(text) else None
        except yaml.YAMLError as error:
            raise AirgapError("%s cannot be read: %s. Remove it, and play the survey again." % (name, error)) from error
        existing[name] = (text, content)
    return existing
