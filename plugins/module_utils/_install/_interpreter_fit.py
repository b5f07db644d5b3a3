# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the interpreter of the index host can use what was staged for its target."""

from __future__ import annotations

import json
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._target import _survey


def misfit(module: AnsibleModule, python: str, target: t.Mapping[str, t.Any]) -> str:
    """Return why an interpreter cannot use what was staged for a target, "" if it can."""

    def run(command: t.List[str]) -> t.Tuple[int, str, str]:
        found: t.Tuple[int, str, str] = module.run_command(command, environ_update={"LC_ALL": "C"})
        return found

    try:
        found = _survey.describe_interpreter(python, run, [target])[0]
    except AirgapError as error:
        return " ".join(str(error).split("\n"))
    if found["target"]:
        return ""
    return (
        "%s on this host does not fit the target %s, for which devpi-server was staged: %s. Set airgap_index_target to a target "
        "that fits, or add %s to airgap_targets, and stage again."
        % (python, target.get("name", ""), "; ".join(found["reasons"].values()), json.dumps(found["suggestion"]))
    )
