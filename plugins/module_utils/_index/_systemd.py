# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of systemd for one unit."""

from __future__ import annotations

import re
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _client, _journal
from ansible_collections.airgap.python.plugins.module_utils._index._service import UnitState

PROPERTIES = ("ActiveState", "SubState", "Result", "NeedDaemonReload", "UnitFileState", "MainPID", "NRestarts")
POLL_SECONDS = 0.25
# The folder for units that are removed at a reboot.
RUN_UNITS = "/run/systemd/system"
# The number of a capability (capability.h).
SYS_PTRACE = 19


def run(module: AnsibleModule, *argv: str) -> t.Tuple[int, str, str]:
    """Run a command in the root folder; raises OSError if it does not exist, so that the change is rolled back."""
    rc, out, err = module.run_command(list(argv), cwd="/", environ_update={"LC_ALL": "C"}, handle_exceptions=False)
    return rc, out, err


def run_or_fail(module: AnsibleModule, *argv: str) -> None:
    """Run a command that must succeed."""
    rc, out, err = run(module, *argv)
    if rc != 0:
        raise AirgapError("%s failed: %s." % (argv[0], (err or out).strip()[-300:]))


def parse_show(text: str, boot: float) -> UnitState:
    """Return what ``systemctl show`` reports; ``boot`` is the time at which the monotonic clock was 0."""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def number(name: str) -> int:
        return int(values[name]) if values.get(name, "").isdigit() else 0

    started = number("ExecMainStartTimestampMonotonic")
    has_process = values.get("MainPID", "0") != "0"
    return UnitState(
        values.get("ActiveState", "inactive"),
        values.get("SubState", "dead"),
        values.get("NeedDaemonReload") == "yes",
        values.get("UnitFileState") in ("enabled", "enabled-runtime", "generated"),
        boot + started / 1e6 if started and has_process else 0,
        number("NRestarts"),
        values.get("Result", "success"),
    )


def has_failed(state: UnitState, restarts: int = 0) -> bool:
    """Return whether the server has ended; ``restarts`` is how often systemd had restarted it before."""
    return state.active in ("failed", "inactive") or state.sub == "auto-restart" or state.restarts > restarts


def fit(unit: str, status: str = "/proc/1/status") -> str:
    """Return a unit without the setting that systemd cannot apply in a container (capabilities(7): SYS_PTRACE).

    Without that capability, systemd cannot write the user map of a process that ProtectProc hides from it.
    """
    try:
        with open(status, encoding="ascii") as stream:
            found = re.search(r"^CapBnd:\s*([0-9a-f]+)$", stream.read(), re.MULTILINE)
    except OSError:
        return unit
    may_trace = not found or int(found.group(1), 16) >> SYS_PTRACE & 1
    return unit if may_trace else unit.replace("PrivateUsers=yes\n", "")


class Systemd:
    """The commands of systemd for one unit."""

    def __init__(self, module: AnsibleModule, name: str) -> None:
        self.module = module
        self.name = name

    def systemctl(self, *arguments: str) -> t.Tuple[int, str]:
        """Run systemctl; return its code and its output."""
        rc, out, err = run(self.module, "systemctl", *arguments)
        return rc, (out + err).strip()

    def systemctl_or_fail(self, *arguments: str) -> None:
        """Run systemctl, which must succeed."""
        rc, output = self.systemctl(*arguments)
        if rc != 0:
            raise AirgapError("systemctl %s failed: %s." % (" ".join(arguments), output[-300:]))

    def state(self) -> UnitState:
        """Return the state of the unit."""
        properties = ",".join((*PROPERTIES, "ExecMainStartTimestampMonotonic"))
        dummy, out = self.systemctl("show", self.name, "--property", properties)
        return parse_show(out, time.time() - time.clock_gettime(time.CLOCK_MONOTONIC))

    def journal_since(self, start: float) -> t.List[str]:
        """Return what the unit wrote to the journal since a time."""
        run(self.module, "journalctl", "--sync")
        argv = [
            "journalctl",
            "--unit",
            self.name,
            "--since",
            "@%.6f" % start,
            "--output",
            "cat",
            "--no-pager",
            "--quiet",
        ]
        dummy, out, dummy2 = run(self.module, *argv, "--lines", "120")
        return out.splitlines()

    def start(self, verb: str, urls: t.Sequence[str], timeout: int) -> None:
        """Start or restart the unit and wait until it answers at each URL.

        Raises AirgapError as soon as systemd reports a failure, or after ``timeout`` seconds.
        """
        started = time.time()
        self.systemctl(verb, self.name)
        state = self.state()
        restarts = state.restarts
        deadline = time.monotonic() + timeout
        while True:
            if has_failed(state, restarts):
                line, fix = _journal.explain_exit(self.journal_since(started))
                raise AirgapError("devpi-server ended when it was started: %s. %s" % (line, fix))
            reasons = {url: _client.why_unreachable(url) for url in urls}
            unreachable = [(url, reason) for url, reason in reasons.items() if reason]
            if not unreachable and state.active == "active":
                return
            if time.monotonic() > deadline:
                raise self._timed_out(unreachable, started, timeout)
            time.sleep(POLL_SECONDS)
            state = self.state()

    def _timed_out(self, unreachable: t.Sequence[t.Tuple[str, str]], started: float, timeout: int) -> AirgapError:
        if not unreachable:
            return AirgapError("systemd did not report devpi-server as active within %d s." % timeout)
        url, reason = unreachable[0]
        line, dummy = _journal.explain_exit(self.journal_since(started))
        return AirgapError(
            "devpi-server runs, but did not answer at %s within %d s (%s). Its last message: %s. See 'systemctl status %s', "
            "and set devpi_wait_timeout if it only needs longer." % (url, timeout, reason, line, self.name)
        )
