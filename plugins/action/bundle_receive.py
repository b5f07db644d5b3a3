# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pass what a sending host prints on to the module on the receiving host."""

from __future__ import annotations

import os
import tempfile

from ansible.module_utils.common.text.converters import to_text
from ansible_collections.airgap.python.plugins.plugin_utils import _answer, _relay


class ActionModule(_answer.CheckedAction):
    """The receiving half of a transfer."""

    def run(self, tmp=None, task_vars=None):
        """Receive what a host sends; of what is wrong with it, say which host that is."""
        super().run(tmp, task_vars)
        result = self.receive(task_vars)
        source = self._task.args.get("source")
        if source and result.get("failed"):
            return dict(result, msg="Of what %s sends: %s" % (source, result.get("msg")))
        return result

    def receive(self, task_vars):
        """Run the module, with a line to it for as long as it receives a piece."""
        args = dict(self._task.args)
        if not args.get("command"):
            return self._execute_module(module_args=args, task_vars=task_vars)
        folder = _relay.folder()
        # How hosts are reached is no matter of the hosts.
        module_args = dict(args, pipe=folder)
        command = module_args.pop("command")
        if self._task.check_mode and (args.get("wanted") or args.get("volume")):
            return self._execute_module(module_args=module_args, task_vars=task_vars)
        taker = _relay.program(self._connection, _relay.taking(folder))
        total = int(args.get("bytes") or 0)
        with tempfile.TemporaryFile() as said:
            result = {}
            line = _relay.Line(command, taker, total, said)
            try:
                result = self._execute_module(module_args=module_args, task_vars=task_vars)
            finally:
                is_good = bool(result) and not result.get("failed")
                line.end(is_good)
            if is_good:
                return dict(result, crossed=line.crossed, seconds=round(line.seconds, 1))
            # The last of it tells why.
            said.seek(max(0, said.seek(0, os.SEEK_END) - _relay.BLOCK))
            reason = line.reason(to_text(said.read()))
        return dict(result, msg="%s On the line: %s" % (result.get("msg"), _answer.readable(reason)))
