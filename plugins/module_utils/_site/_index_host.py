# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of an index host, and whether each of them is as it should be: what their modules find in check mode."""

from __future__ import annotations

import copy
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.airgap.python.plugins.module_utils._backup import _schedule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import (
    _front_apply,
    _login,
    _publishing,
    _service_apply,
)
from ansible_collections.airgap.python.plugins.module_utils._index._client import Json


class Part(t.NamedTuple):
    """A part: the options of its module, the rules between them, and what the module does with them."""

    options: Json
    rules: Json
    run: t.Callable[[AnsibleModule], Json]


def _publish(module: AnsibleModule) -> Json:
    return _login.with_client(module, _publishing.run)


# By the names of their modules, in the order in which they are compared.
PARTS = {
    "devpi_service": Part(
        _service_apply.OPTIONS, {"required_if": _service_apply.REQUIRED_IF}, _service_apply.ensure_present
    ),
    "front_service": Part(_front_apply.OPTIONS, {"required_if": _front_apply.REQUIRED_IF}, _front_apply.ensure_present),
    "devpi_publish": Part({**_login.OPTIONS, **_publishing.OPTIONS}, _publishing.RULES, _publish),
    "index_backup": Part(_schedule.OPTIONS, {}, _schedule.ensure_present),
}


def difference(module: AnsibleModule) -> str:
    """Return how the host differs from the options of its parts, with the first difference; empty if it does not."""
    for name, part in PARTS.items():
        if module.params[name] is None:
            continue
        try:
            found = part.run(_as_in_check_mode(module, options_of(part, module.params[name])))
        except (AirgapError, OSError) as error:
            return "%s: %s" % (name, " ".join(str(error).split()))
        if found["changed"]:
            return "%s would change something" % name
    return ""


def options_of(part: Part, given: Json) -> Json:
    """Return the options of a part as its module gets them.

    Raises AirgapError if one is wrong. Secrets are refused, because the options of this module are shown in logs, and so is every
    state but present.
    """
    known = {key: one for key, one in part.options.items() if not one.get("no_log")}
    if "state" in known:
        known["state"] = {"type": "str", "choices": ["present"], "default": "present"}
    result = ArgumentSpecValidator(known, **part.rules).validate(given)
    if result.error_messages:
        raise AirgapError("; ".join(result.error_messages))
    return {**{key: one.get("default") for key, one in part.options.items()}, **result.validated_parameters}


def _as_in_check_mode(module: AnsibleModule, options: Json) -> AnsibleModule:
    """Return a module with other options that only compares."""
    other = copy.copy(module)
    other.params = options
    other.check_mode = True
    return other
