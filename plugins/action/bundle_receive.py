# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Relay the stream of a sending host to the module on the receiving host."""

from __future__ import annotations

import os
import tempfile
import typing as t

from ansible.module_utils.common.text.converters import to_text
from ansible_collections.airgap.python.plugins.plugin_utils import _answer, _relay


class ActionModule(_answer.CheckedAction):
    """The receiving half of a transfer."""

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        """Receive a stream; a failure names the host that sends it."""
        super().run(tmp, task_vars)
        result = self.receive(task_vars)
        source = self._task.args.get("source")
        if source and result.get("failed"):
            return dict(result, msg="The bundle that %s sends: %s" % (source, result.get("msg")))
        return result

    def receive(self, task_vars: t.Optional[t.Dict[str, t.Any]]) -> t.Dict[str, t.Any]:
        """Run the module, with a relay to it if it receives a stream."""
        module_args = dict(self._task.args)
        # How the sending host is reached does not concern the receiving host.
        command = module_args.pop("command", None)
        if not command:
            return self._execute_module(module_args=module_args, task_vars=task_vars)
        folder = _relay.pipe_folder()
        module_args["pipe"] = folder
        if self._task.check_mode and (module_args.get("wanted") or module_args.get("volume")):
            return self._execute_module(module_args=module_args, task_vars=task_vars)
        receiver = _relay.program_for(self._connection, _relay.host_program("receive", folder))
        with tempfile.TemporaryFile() as errors:
            result: t.Dict[str, t.Any] = {}
            relay = _relay.Relay(command, receiver, int(module_args.get("bytes") or 0), errors)
            try:
                result = self._execute_module(module_args=module_args, task_vars=task_vars)
            finally:
                is_good = bool(result) and not result.get("failed")
                relay.end(is_good)
            if is_good:
                return dict(result, crossed=relay.crossed, seconds=round(relay.seconds, 1))
            # The end of the file says why.
            errors.seek(max(0, errors.seek(0, os.SEEK_END) - _relay.CHUNK))
            reason = relay.reason(to_text(errors.read()))
        return dict(result, msg="%s The relay reported: %s" % (result.get("msg"), _answer.readable(reason)))
