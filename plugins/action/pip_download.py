# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the module, and say meanwhile what it is at: staging takes minutes, and a silent screen helps nobody."""

from __future__ import annotations

import shlex
import threading

from ansible.utils.display import Display
from ansible_collections.airgap.python.plugins.plugin_utils import _answer

# Seconds between two looks at what the module is doing.
INTERVAL = 10


class ActionModule(_answer.CheckedAction):
    """Show the line that the module keeps in its progress file, each time it is another."""

    def run(self, tmp=None, task_vars=None):
        """Run the module in this thread; another one looks."""
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

    def watch(self, path, done):
        """Print each new line; a look that fails is no reason to stop the work."""
        shown = b""
        while not done.wait(INTERVAL):
            try:
                rc, out, _err = self._connection.exec_command("cat " + shlex.quote(path), sudoable=False)
            except Exception:  # the connection is busy or gone: the module's own result will tell
                continue
            if rc == 0 and out.strip() and out != shown:
                shown = out
                Display().display(
                    "  " + _answer.readable(out[:500].decode("utf-8", "replace").strip().partition("\n")[0])
                )
