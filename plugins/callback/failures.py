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
  - After the recap, prints one line for each failure that ended a host's part of the run, with the hosts and the task.
    The same failure of many hosts is one line. A failure that was rescued is none.
  - The message is that of the task, which names the thing, the reason and the mend.
requirements:
  - enabled in the configuration, as C(callbacks_enabled = airgap.python.failures)
"""

import typing as t

from ansible.plugins.callback import CallbackBase
from ansible_collections.airgap.python.plugins.plugin_utils._answer import readable

# How many hosts a line names, and the length of a message that is no book.
HOSTS = 5
LONGEST = 2000


class CallbackModule(CallbackBase):
    """Keeps the last failure of each host."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "airgap.python.failures"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self.last: t.Dict[str, t.Tuple[str, str]] = {}

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        """Keep why a task failed."""
        if not ignore_errors:
            self.keep(result, reason(result._result))

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        """Keep why a host was not reached."""
        said = "%s Check that it runs, and how Ansible is to reach it (ansible_host, ssh)." % reason(result._result)
        self.keep(result, said)

    def keep(self, result: t.Any, said: str) -> None:
        """Keep what was said of a host."""
        self.last[result._host.get_name()] = (result._task.get_name(), said)

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """Say what ended the run of the hosts that did not come to its end."""
        ended = [host for host in self.last if host in stats.failures or host in stats.dark]
        for line in lines({host: self.last[host] for host in ended}):
            self._display.display(line, color="red")


def reason(answer: t.Mapping[str, t.Any]) -> str:
    """Return the message of a failure, in a loop that of its first item that failed, in one line."""
    for item in answer.get("results") or ():
        if isinstance(item, dict) and item.get("failed"):
            return reason(item)
    said = str(answer.get("msg") or answer.get("censored") or "it failed and does not say why")
    line = " ".join(readable(said).split())
    return line if len(line) <= LONGEST else line[:LONGEST] + " …"


def lines(failures: t.Mapping[str, t.Tuple[str, str]]) -> t.List[str]:
    """Return a line for each different failure."""
    hosts: t.Dict[t.Tuple[str, str], t.List[str]] = {}
    for host, failure in failures.items():
        hosts.setdefault(failure, []).append(host)
    told = []
    for (task, said), names in hosts.items():
        more = " and %d more" % (len(names) - HOSTS) if len(names) > HOSTS else ""
        told.append("FAILED on %s%s at '%s': %s" % (", ".join(names[:HOSTS]), more, task, said))
    return told
