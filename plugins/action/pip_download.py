# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the module and show its progress meanwhile: staging takes minutes, and a silent screen looks like a hang."""

from __future__ import annotations

import shlex
import threading
import typing as t

from ansible.utils.display import Display
from ansible_collections.airgap.python.plugins.plugin_utils import _answer

# Seconds between two reads of the progress file.
INTERVAL = 10


class ActionModule(_answer.CheckedAction):
    """Show the line in the module's progress file each time it changes."""

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        """Run the module in this thread and watch the progress file in another one."""
        super().run(tmp, task_vars)
        folder = self._make_tmp_path()
        path = self._connection._shell.join_path(folder, "progress")
        done = threading.Event()
        watcher = threading.Thread(target=self.watch, args=(path, done), daemon=True)
        watcher.start()
        try:
            return self._execute_module(module_args=dict(self._task.args, progress=path), task_vars=task_vars)
        finally:
            done.set()
            watcher.join(INTERVAL)
            self._remove_tmp_path(folder)

    def watch(self, path: str, done: threading.Event) -> None:
        """Print each new line; a failed read does not stop the work."""
        shown = b""
        while not done.wait(INTERVAL):
            try:
                rc, out, _err = self._connection.exec_command("cat " + shlex.quote(path), sudoable=False)
            except Exception:  # the connection is busy or lost: the module's own result will show it
                continue
            if rc == 0 and out.strip() and out != shown:
                shown = out
                Display().display(
                    "  " + _answer.readable(out[:500].decode("utf-8", "replace").strip().partition("\n")[0])
                )
