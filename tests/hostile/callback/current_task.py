# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the current task for the interpreters of the test, and make a host lie several times in each of its tasks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: current_task
type: notification
short_description: Write the name of the current task into a file
description:
  - The file that the environment variable HOSTILE_TASK_FILE names.
  - If HOSTILE_EACH names a file, it has the names of lies and of tasks in JSON. Each of these tasks runs once for each lie,
    then once honestly, and the play continues with the honest result. The outcome of each lie is added to the file of
    HOSTILE_OUTCOMES, one JSON object a line.
requirements: []
"""

import json
import os

from ansible.executor.task_executor import TaskExecutor
from ansible.plugins.callback import CallbackBase


def write_task(task, lie=""):
    """Write the name of the current task, and which lie is requested."""
    with open(os.environ["HOSTILE_TASK_FILE"], "w", encoding="utf-8") as stream:
        stream.write(task.get_name() + "\n" + lie)


def lying_first(execute):
    """Return TaskExecutor._execute, which runs a task for one item, with the lies before the honest answer."""
    with open(os.environ["HOSTILE_EACH"], encoding="utf-8") as stream:
        each = json.load(stream)

    def executed(executor, templar, variables):
        task = executor._task
        for lie in each["lies"] if task.get_name() in each["tasks"] else ():
            write_task(task, lie)
            # Ansible replaces the templates in the task itself.
            executor._task = task.copy(exclude_parent=True, exclude_tasks=True)
            executor._task._parent = task._parent
            # A retry would be refused again.
            executor._task.until, executor._task.retries = [], None
            result = execute(executor, templar, dict(variables))
            outcome = {"task": task.get_name(), "lie": lie, "is_refused": bool(result.get("failed"))}
            with open(os.environ["HOSTILE_OUTCOMES"], "a", encoding="utf-8") as stream:
                stream.write(json.dumps(outcome) + "\n")
        write_task(task)
        executor._task = task
        return execute(executor, templar, variables)

    return executed


class CallbackModule(CallbackBase):
    """Writes the name of each task when it starts; tasks start one after another, as the strategy linear has it."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "current_task"

    def __init__(self):
        """Replace the executor if lies are requested, before Ansible forks the processes that run tasks."""
        super().__init__()
        if os.environ.get("HOSTILE_EACH"):
            TaskExecutor._execute = lying_first(TaskExecutor._execute)

    def v2_playbook_on_task_start(self, task, is_conditional):
        """Write the name before any host gets the task."""
        write_task(task)

    def v2_playbook_on_handler_task_start(self, task):
        """Handlers answer, too."""
        write_task(task)
