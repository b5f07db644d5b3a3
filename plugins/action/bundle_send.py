# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the sending process on a host, and return the command that prints its stream on the control host."""

from __future__ import annotations

import typing as t

from ansible_collections.airgap.python.plugins.plugin_utils import _answer, _relay


class ActionModule(_answer.CheckedAction):
    """The sending half of a transfer."""

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        """Run the module, which leaves a process behind; return the command that reads from that process."""
        super().run(tmp, task_vars)
        folder = _relay.pipe_folder()
        command = _relay.program_for(self._connection, _relay.host_program("send", folder))
        result = self._execute_module(module_args=dict(self._task.args, pipe=folder), task_vars=task_vars)
        return dict(result, command=command)
