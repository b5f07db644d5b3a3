# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of a service: installed from a bundle alone, next to the former one, which stays for a rollback."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _locked_venv

# The option of every module that installs the environment of its service.
OPTION: t.Dict[str, t.Any] = {
    "type": "dict",
    "options": {
        # Not secret, but long, and the host's journal would get it at every run.
        "lock_content": {"type": "str", "required": True, "no_log": True},
        "pip_wheel": {"type": "path", "required": True},
        "pip_wheel_sha256": {"type": "str"},
        "find_links": {"type": "list", "elements": "path", "required": True},
    },
}


class ServiceEnvironment:
    """The environment at a path; without options it is left as it is."""

    def __init__(
        self, module: AnsibleModule, path: str, python: str, options: t.Optional[t.Mapping[str, t.Any]]
    ) -> None:
        self.module = module
        self.params = dict(
            options or {},
            path=path,
            python=python,
            lock=None,
            no_index=True,
            cert=None,
            trusted_host=[],
            timeout=15,
            attempts=1,
            keep_former=True,
        )
        self.is_wanted = options is not None
        self.change: t.Optional[_locked_venv.Change] = None

    @property
    def changes(self) -> bool:
        """Return whether the environment does not hold what the lock says."""
        return self.change is not None and self.change.plan.changed

    def inspect(self) -> t.List[str]:
        """Find out what must be done; return why it cannot be done."""
        if not self.is_wanted:
            return []
        try:
            text = self.params["lock_content"]
            with _locked_venv.clean_process(), _locked_venv.explained(self.module, self.params["path"], {}):
                # The lookup of a file removes the newline at its end.
                self.change = _locked_venv.prepare(
                    self.module, self.params, text if text.endswith("\n") else text + "\n"
                )
        except AirgapError as error:
            return [" ".join(str(error).split("\n"))]
        return []

    def install(self) -> None:
        """Install what is missing; the former environment is kept until the service discards or restores it."""
        if self.change is not None and self.changes:
            with _locked_venv.clean_process(), _locked_venv.explained(self.module, self.params["path"], {}):
                _locked_venv.apply(self.module, self.params, {}, self.change)

    @property
    def diff(self) -> t.List[t.Dict[str, str]]:
        """Return the difference of the packages, as Ansible shows it."""
        if self.change is None or not self.changes:
            return []
        found: t.Dict[str, str] = _locked_venv.result_of(self.params["path"], self.change.python, self.change.plan)[
            "diff"
        ]
        return [found]
