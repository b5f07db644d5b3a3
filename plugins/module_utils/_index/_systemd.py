# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of systemd for one unit."""

from __future__ import annotations

import time
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _client, _journal
from ansible_collections.airgap.python.plugins.module_utils._index._service import Runs

SHOWN = ("ActiveState", "SubState", "Result", "NeedDaemonReload", "UnitFileState", "MainPID", "NRestarts")
POLL = 0.25


def run(module: AnsibleModule, *argv: str) -> t.Tuple[int, str, str]:
    """Run a command in the root folder; raises OSError where there is none, so that what was begun is taken back."""
    return module.run_command(list(argv), cwd="/", environ_update={"LC_ALL": "C"}, handle_exceptions=False)


def parse_show(text: str, boot: float) -> Runs:
    """Return what ``systemctl show`` says; ``boot`` is the time at which the monotonic clock was 0."""
    said = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def number(name: str) -> int:
        return int(said[name]) if said.get(name, "").isdigit() else 0

    began = number("ExecMainStartTimestampMonotonic")
    running = said.get("MainPID", "0") != "0"
    return Runs(
        said.get("ActiveState", "inactive"),
        said.get("SubState", "dead"),
        said.get("NeedDaemonReload") == "yes",
        said.get("UnitFileState") in ("enabled", "enabled-runtime"),
        boot + began / 1e6 if began and running else 0,
        number("NRestarts"),
        said.get("Result", "success"),
    )


def has_failed(runs: Runs, restarts: int = 0) -> bool:
    """Say whether systemd has seen the server end; ``restarts`` is how often it had started it again before."""
    return runs.active in ("failed", "inactive") or runs.sub == "auto-restart" or runs.restarts > restarts


class Systemd:
    """The commands of systemd for one unit."""

    def __init__(self, module: AnsibleModule, name: str) -> None:
        self.module = module
        self.name = name

    def call(self, *arguments: str) -> t.Tuple[int, str]:
        """Run systemctl; return its status and what it said."""
        rc, out, err = run(self.module, "systemctl", *arguments)
        return rc, (out + err).strip()

    def must(self, *arguments: str) -> None:
        """Run systemctl, which must succeed."""
        rc, said = self.call(*arguments)
        if rc != 0:
            raise AirgapError("systemctl %s failed: %s." % (" ".join(arguments), said[-300:]))

    def show(self) -> Runs:
        """Return what systemd says of the unit."""
        properties = ",".join((*SHOWN, "ExecMainStartTimestampMonotonic"))
        dummy, out = self.call("show", self.name, "--property", properties)
        return parse_show(out, time.time() - time.clock_gettime(time.CLOCK_MONOTONIC))

    def said_since(self, began: float) -> t.List[str]:
        """Return what the unit wrote since then."""
        run(self.module, "journalctl", "--sync")
        argv = [
            "journalctl",
            "--unit",
            self.name,
            "--since",
            "@%.6f" % began,
            "--output",
            "cat",
            "--no-pager",
            "--quiet",
        ]
        dummy, out, dummy2 = run(self.module, *argv, "--lines", "120")
        return out.splitlines()

    def start(self, verb: str, urls: t.Sequence[str], patience: int) -> None:
        """Start the unit and wait until it answers at each URL; raises AirgapError as soon as systemd says it failed."""
        began = time.time()
        self.call(verb, self.name)
        restarts = self.show().restarts
        deadline = time.monotonic() + patience
        while True:
            runs = self.show()
            if has_failed(runs, restarts):
                line, mend = _journal.why_it_ended(self.said_since(began))
                raise AirgapError("devpi-server ended as it was started: %s. %s" % (line, mend))
            silent = [(url, why) for url, why in ((url, _client.why_silent(url)) for url in urls) if why]
            if not silent and runs.active == "active":
                return
            if time.monotonic() > deadline:
                line, dummy = _journal.why_it_ended(self.said_since(began))
                raise AirgapError(
                    "devpi-server runs, but did not answer at %s within %d s (%s). It said last: %s. See 'systemctl status %s', "
                    "and set devpi_wait_timeout if it only needs longer."
                    % (*silent[0][:1], patience, silent[0][1], line, self.name)
                    if silent
                    else "systemd did not call devpi-server active within %d s." % patience
                )
            time.sleep(POLL)
