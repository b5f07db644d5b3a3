# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell the interpreters of the test which task is played."""

from __future__ import annotations

DOCUMENTATION = r"""
name: current_task
type: notification
short_description: Write the name of the current task into a file
description: The file that the environment variable HOSTILE_TASK_FILE names.
requirements: []
"""

import os

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Tasks begin one after another here, as the strategy linear has it."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "current_task"

    def v2_playbook_on_task_start(self, task, is_conditional):
        """Write the name before any host gets the task."""
        with open(os.environ["HOSTILE_TASK_FILE"], "w", encoding="utf-8") as stream:
            stream.write(task.get_name())

    def v2_playbook_on_handler_task_start(self, task):
        """Handlers answer, too."""
        self.v2_playbook_on_task_start(task, False)
