# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start what sends a piece on the sending host, and return the command that prints it on the control host."""

from __future__ import annotations

from ansible_collections.airgap.python.plugins.plugin_utils import _answer, _relay


class ActionModule(_answer.CheckedAction):
    """The sending half of a transfer."""

    def run(self, tmp=None, task_vars=None):
        """Run the module, which leaves a process behind; return how to reach that."""
        super().run(tmp, task_vars)
        folder = _relay.folder()
        command = _relay.program(self._connection, _relay.printing(folder))
        result = self._execute_module(module_args=dict(self._task.args, pipe=folder), task_vars=task_vars)
        return dict(result, command=command)
