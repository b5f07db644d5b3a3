# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requirement sets that a node gets into its interpreters themselves: what is missing, and its installation."""

from __future__ import annotations

import os
import tempfile
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _files
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import (
    _locked_venv,
    _set_decision,
    _system_packages,
    _venv,
    _venv_plan,
)
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock


class SystemJob(t.NamedTuple):
    """What one set lacks."""

    name: str
    interpreter: str
    python: _venv_plan.Python
    lock_text: str
    pip: _lock.Pin
    installed: _system_packages.Installed
    plan: _system_packages.SystemPlan


class SystemSets:
    """The sets that are installed into interpreters, in the order in which they were prepared."""

    def __init__(self, root: str, params: t.Mapping[str, t.Any], run: _venv.Run) -> None:
        self.root = root
        self.params = params
        self.run = run
        self.jobs: t.Dict[str, SystemJob] = {}

    def prepare(self, name: str, interpreter: str, python: _venv_plan.Python, lock_text: str, pip: _lock.Pin) -> None:
        """Find what a set lacks, all of it for a repair; raises AirgapError if the interpreter must not be changed."""
        installed = _system_packages.probe(interpreter, self.run)
        pins = _lock.parse_pins(lock_text, "The lock of the set " + name)
        plan = _system_packages.plan(installed, pins, _system_packages.read_record(self.root, name))
        if name in self.params["repair"]:
            plan = _system_packages.SystemPlan(reinstall=tuple(pins))
        if plan.changed:
            _system_packages.check_reserved(interpreter, name, installed, self.params["break_system_packages"])
        self.jobs[name] = SystemJob(name, interpreter, python, lock_text, pip, installed, plan)

    @property
    def changed(self) -> bool:
        """Return whether there is anything to do."""
        return any(job.plan.changed for job in self.jobs.values())

    def apply(
        self,
        wheel: t.Callable[[_lock.Pin, _venv_plan.Python], str],
        environment: t.Callable[[str, str, str], _locked_venv.Environment],
    ) -> None:
        """Install what is missing."""
        for job in self.jobs.values():
            if job.plan.changed:
                self.install(job, environment(self.root, job.interpreter, wheel(job.pip, job.python)))

    def install(self, job: SystemJob, pip: _locked_venv.Environment) -> None:
        """Install one set."""
        pip.use_interpreter(job.interpreter)
        os.environ.update(PIP_BREAK_SYSTEM_PACKAGES="1", PIP_ROOT_USER_ACTION="ignore")
        try:
            with tempfile.TemporaryDirectory(dir=self.root, prefix=_files.TEMPORARY_PREFIX) as folder:
                pip.folder = os.environ["TMPDIR"] = folder
                if job.plan.reinstall:
                    pip.install_lock(_lock.render(job.plan.reinstall, "", ""), reinstall=True)
                if job.plan.install:
                    pip.install_lock(job.lock_text)
        finally:
            for name in ("PIP_BREAK_SYSTEM_PACKAGES", "PIP_ROOT_USER_ACTION", "TMPDIR"):
                os.environ.pop(name, None)
        pins = _lock.parse_pins(job.lock_text)
        left = _system_packages.plan(_system_packages.probe(job.interpreter, self.run), pins, pins)
        if left.changed:
            raise AirgapError(
                "%s does not have what the lock of the set %s says although pip reported no error: %s. Another folder in its "
                "path may have other versions."
                % (job.interpreter, job.name, _set_decision.some([pin.name for pin in left.install]))
            )
        _system_packages.write_record(self.root, job.name, job.lock_text)

    def results(self) -> t.List[t.Dict[str, t.Any]]:
        """Return what was done with each set, or would be done in check mode."""
        results = []
        for job in self.jobs.values():
            pins = _lock.parse_pins(job.lock_text)
            before = {pin.name: job.installed.versions.get(pin.name, "") for pin in pins}
            results.append(
                {
                    "name": job.name,
                    "path": job.interpreter,
                    "python": _venv_plan.dotted(job.python.version),
                    "action": "installed" if job.plan.changed else "",
                    "reason": "",
                    "changes": _set_decision.changes(before, {pin.name: pin.version for pin in pins}),
                }
            )
        return results
