# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a piece from the control host to the receiving host over Ansible's own connection."""

from __future__ import annotations

import os

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """The receiving half of a transfer."""

    TRANSFERS_FILES = True

    def run(self, tmp=None, task_vars=None):
        """Put the piece on the host where the module expects it, and run the module."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        if args.get("phase") != "piece" or self._task.check_mode:
            return self._execute_module(module_args=args, task_vars=task_vars)
        local = args["piece"]
        folder = self._make_tmp_path()
        try:
            args["piece"] = self._connection._shell.join_path(folder, "piece")
            self._connection.put_file(local, args["piece"])
            self._fixup_perms2((folder, args["piece"]))
            return self._execute_module(module_args=args, task_vars=task_vars)
        finally:
            self._remove_tmp_path(folder)
            if os.path.exists(local):
                os.unlink(local)
