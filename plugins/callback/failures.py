# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last lines of a failed run: what is wrong, where, and what to do."""

from __future__ import annotations

DOCUMENTATION = r"""
name: failures
type: aggregate
short_description: End a failed run with what went wrong
version_added: 0.1.0
author:
  - airgap.python authors (@airgap-python)
description:
  - After the recap, prints one line for each failure that stopped a host, with the hosts and the task.
    The same failure on many hosts is one line. A rescued failure is not printed.
  - The message is that of the task, which names the thing, the reason and the fix.
requirements:
  - enabled in the configuration, as C(callbacks_enabled = airgap.python.failures)
"""

import typing as t

from ansible.plugins.callback import CallbackBase
from ansible_collections.airgap.python.plugins.plugin_utils._answer import readable

# The number of hosts in a line, and the length of a message.
HOSTS = 5
LONGEST = 2000


class CallbackModule(CallbackBase):
    """Records the last failure of each host, and prints them at the end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "airgap.python.failures"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self.last: t.Dict[str, t.Tuple[str, str]] = {}

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        """Record why a task failed."""
        if not ignore_errors:
            self.record(result, reason(result._result))

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        """Record why a host was not reached."""
        message = "%s Check that it is running, and how Ansible connects to it (ansible_host, ssh)." % reason(
            result._result
        )
        self.record(result, message)

    def record(self, result: t.Any, message: str) -> None:
        """Record the message of a host."""
        self.last[result._host.get_name()] = (result._task.get_name(), message)

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """Print what stopped the hosts that did not finish the run."""
        ended = [host for host in self.last if host in stats.failures or host in stats.dark]
        for line in lines({host: self.last[host] for host in ended}):
            self._display.display(line, color="red")


def reason(answer: t.Mapping[str, t.Any]) -> str:
    """Return the message of a failure in one line; for a loop, that of the first item that failed."""
    for item in answer.get("results") or ():
        if isinstance(item, dict) and item.get("failed"):
            return reason(item)
    message = str(answer.get("msg") or answer.get("censored") or "it failed without a message")
    # Of a command Ansible's message says only that it failed; the last line of its error output says why.
    output = [line for line in str(answer.get("stderr") or "").splitlines() if line.strip()]
    if output and "rc" in answer:
        message = "%s: %s" % (message, output[-1])
    line = " ".join(readable(message).split())
    return line if len(line) <= LONGEST else line[:LONGEST] + " …"


def lines(failures: t.Mapping[str, t.Tuple[str, str]]) -> t.List[str]:
    """Return one line for each different failure."""
    hosts: t.Dict[t.Tuple[str, str], t.List[str]] = {}
    for host, failure in failures.items():
        hosts.setdefault(failure, []).append(host)
    found = []
    for (task, message), names in hosts.items():
        more = " and %d more" % (len(names) - HOSTS) if len(names) > HOSTS else ""
        found.append("FAILED on %s%s at '%s': %s" % (", ".join(names[:HOSTS]), more, task, message))
    return found
