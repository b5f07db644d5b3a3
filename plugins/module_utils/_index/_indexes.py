# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexes of devpi-server: the plan of a change, and the change."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _login, _names, _settings
from ansible_collections.airgap.python.plugins.module_utils._index._client import Client, Json
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock


class IndexPlan(t.NamedTuple):
    """What to do to an index: ``action`` is create, modify, delete or an empty string."""

    action: str
    settings: Json
    before: Json
    after: Json


def plan_index(
    name: str,
    state: str,
    current: t.Optional[Json],
    wanted: Json,
    force: bool = False,
) -> IndexPlan:
    """Plan the change of an index; settings that ``wanted`` does not name stay as they are.

    Raises AirgapError if the index is of another type, or if published files would be lost without ``force``.
    """
    if state == "absent":
        return _plan_removal(name, current, force)
    if current is None:
        if _settings.KINDS[wanted["type"]] == _settings.MIRROR and not any(key.endswith("_url") for key in wanted):
            raise AirgapError(
                "Index %s is a mirror and has no upstream. Set mirror_url to the address of a simple index." % name
            )
        return IndexPlan("create", wanted, {}, dict(wanted))
    found = str(current.get("type"))
    if _settings.KINDS.get(found) != _settings.KINDS[wanted["type"]]:
        raise AirgapError(
            "Index %s is of type %s, not %s, and devpi cannot change that. Choose another name, or remove it first."
            % (name, found, wanted["type"])
        )
    settings = {
        key: value
        for key, value in wanted.items()
        if key != "type" and not _settings.is_same(key, current.get(key), value)
    }
    shown = sorted(set(wanted) | {"type"})
    before = {key: current.get(key) for key in shown}
    return IndexPlan("modify" if settings else "", settings, before, dict(before, **settings))


def _plan_removal(name: str, current: t.Optional[Json], force: bool) -> IndexPlan:
    if current is None:
        return IndexPlan("", {}, {}, {})
    projects = current.get("projects") or []
    if projects and not current.get("volatile") and not force:
        raise AirgapError(
            "Index %s is non-volatile and holds %d projects (%s%s), which would be lost. "
            "Set force=true to remove it all the same."
            % (name, len(projects), ", ".join(projects[:5]), ", ..." if len(projects) > 5 else "")
        )
    before = {key: value for key, value in current.items() if key != "projects"}
    return IndexPlan("delete", {}, before, {})


def plan_reserved(client: Client, name: str, params: t.Mapping[str, t.Any], exists: bool) -> t.Tuple[Json, Json]:
    """Return the names that an index must know, as they are now and as they will be, empty if they are the same."""
    wanted = sorted({_lock.normalize(project) for project in params["reserved"] or []})
    if not wanted or params["state"] == "absent":
        return {}, {}
    known = (client.get_index(name, projects=True) or {}).get("projects") or [] if exists else []
    before = [project for project in wanted if project in known]
    return ({}, {}) if before == wanted else ({"reserved": before}, {"reserved": wanted})


def reserve(client: Client, name: str, before: Json, after: Json) -> None:
    """Make an index know the names that it does not know yet."""
    for project in after.get("reserved", []):
        if project not in before["reserved"]:
            client.register(name, project)


def apply(client: Client, name: str, plan: IndexPlan) -> None:
    """Carry out a plan."""
    path = _names.index_path(name)
    if plan.action == "create":
        owner = _names.split_index(name)[0]
        if client.get_user(owner) is None:
            raise AirgapError(
                "Index %s needs the user %s, which does not exist. Create it with devpi_user first." % (name, owner)
            )
        client.create(path, plan.settings)
    elif plan.action == "modify":
        client.request("PATCH", path, plan.settings)
    else:
        # devpi deletes volatile indexes only.
        if not plan.before.get("volatile"):
            client.request("PATCH", path, {"volatile": True})
        client.delete(path)


def ensure(module: AnsibleModule, client: Client) -> Json:
    """Plan, apply unless in check mode, and return the result."""
    params = module.params
    name = params["name"]
    owner = _names.split_index(name)[0]
    for base in params["bases"] or []:
        _names.split_index(base)
    module.no_log_values.update(_secrets.passwords([params["mirror_url"]]))
    _login.log_in(client, params)
    current = client.get_index(name)
    if current is not None and params["state"] == "absent" and not params["force"] and not current.get("volatile"):
        current = client.get_index(name, projects=True)
    wanted = {} if params["state"] == "absent" else _settings.wanted(params, owner, client.version)
    plan = plan_index(name, params["state"], current, wanted, params["force"])
    reserved = plan_reserved(client, name, params, current is not None)
    if not module.check_mode:
        if plan.action:
            apply(client, name, plan)
        reserve(client, name, *reserved)
    before, after = _settings.shown(plan.before), _settings.shown(plan.after)
    return {
        "changed": bool(plan.action or reserved[1]),
        "index": after,
        "diff": {"before": dict(before, **reserved[0]), "after": dict(after, **reserved[1])},
    }
