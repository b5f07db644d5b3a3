# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write every task result, and at the end every variable that the run itself set, to files."""

from __future__ import annotations

DOCUMENTATION = r"""
name: every_result
type: notification
short_description: Write all results to a file
description:
  - Adds each result, as a callback gets it, to the file C(results.jsonl) in the folder that the environment variable
    CORE_RESULTS names.
  - At the end of the run, writes what was registered or set for each host to C(variables.json) there. These values are not
    masked; from ansible-core 2.22 on, results given to callbacks are.
requirements: []
"""

import json
import os
import typing as t

from ansible.plugins.callback import CallbackBase

FOLDER = os.environ["CORE_RESULTS"]


class CallbackModule(CallbackBase):
    """Keeps nothing back."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "every_result"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # A VariableManager, from the start of a play on; its dictionary of facts is private to ansible-core.
        self.variables: t.Any = None

    def v2_playbook_on_play_start(self, play):
        """Keep a reference to what holds the variables."""
        self.variables = play.get_variable_manager()

    def keep(self, result, *args, **kwargs):
        """Add a result to the file."""
        entry = {"host": result._host.get_name(), "task": result._task.get_name(), "result": result._result}
        with open(os.path.join(FOLDER, "results.jsonl"), "a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry, default=str) + "\n")

    v2_runner_on_ok = v2_runner_on_failed = v2_runner_on_skipped = v2_runner_on_unreachable = keep
    v2_runner_item_on_ok = v2_runner_item_on_failed = v2_runner_item_on_skipped = v2_runner_retry = keep

    def v2_playbook_on_stats(self, stats):
        """Write what was registered and set."""
        known = {str(host): dict(values) for host, values in self.variables._nonpersistent_fact_cache.items()}
        with open(os.path.join(FOLDER, "variables.json"), "w", encoding="utf-8") as stream:
            json.dump(known, stream, default=str)
