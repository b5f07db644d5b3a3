# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run bundle_verify, and add to its answer what was asked, so that a later role can tell whether it would ask the same."""

from __future__ import annotations

import typing as t

from ansible_collections.airgap.python.plugins.plugin_utils import _answer

# Options that do not change what is verified.
OTHER = ("missing_ok", "locks", "imported")


class ActionModule(_answer.CheckedAction):
    """The check of the answer, and the options; these come from the control host, and not from the host that answers."""

    TRANSFERS_FILES = False

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        """Run the module, and return what may be used of its answer."""
        super().run(tmp, task_vars)
        answer = self._execute_module(task_vars=task_vars)
        if answer.get("imported"):
            answer["imported"]["request"] = self._task.args["imported"]
        return dict(answer, request={key: value for key, value in self._task.args.items() if key not in OTHER})
