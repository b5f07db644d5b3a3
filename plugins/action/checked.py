# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module and check its answer.

The modules of this collection without an action plugin of their own link to this one. As airgap.python.checked it
runs a module of ansible.builtin, with that module's own action.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleAction, AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible_collections.airgap.python.plugins.plugin_utils import _answer


class ActionModule(_answer.CheckedAction):
    """One module, one answer."""

    TRANSFERS_FILES = False

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        """Run the module, and return what may be used of its answer."""
        super().run(tmp, task_vars)
        if self._task.action.rpartition(".")[2] != "checked":
            return self._execute_module(task_vars=task_vars)
        module, args = self._task.args.get("module"), self._task.args.get("args", {})
        if module not in _answer.BUILTIN or not isinstance(args, dict) or set(self._task.args) - {"module", "args"}:
            raise AnsibleActionFail(
                "airgap.python.checked needs module, one of %s, and args, a dictionary. It got %s."
                % (", ".join(sorted(_answer.BUILTIN)), ", ".join(sorted(self._task.args)))
            )
        task = self._task.copy()
        task.action, task.args = "ansible.builtin." + module, dict(_answer.ARGUMENTS.get(module, {}), **args)
        actions = self._shared_loader_obj.action_loader
        handler = actions.get(
            task.action if task.action in actions else "ansible.legacy.normal",
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        try:
            answer = handler.run(task_vars=task_vars)
        except AnsibleConnectionFailure:
            raise
        except AnsibleError as error:
            # For example the end of a script that has nothing to do.
            if isinstance(error, AnsibleAction) and not isinstance(error, AnsibleActionFail):
                raise
            answer = {"failed": True, "msg": str(error)}
        finally:
            handler.cleanup()
        return self.checked(answer, _answer.BUILTIN[module], task_vars or {}, handler)
