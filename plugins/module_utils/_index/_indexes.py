# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexes of devpi-server: the plan of a change, and the change."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _login, _names
from ansible_collections.airgap.python.plugins.module_utils._index._client import Client, Json

_SPECIAL_USERS = {":anonymous:": ":ANONYMOUS:", ":authenticated:": ":AUTHENTICATED:"}


class IndexPlan(t.NamedTuple):
    """What to do to an index: ``action`` is create, modify, delete or an empty string."""

    action: str
    settings: Json
    before: Json
    after: Json


def _is_same_setting(key: str, one: t.Any, other: t.Any) -> bool:
    # The order of bases decides which one wins; the order of an ACL means nothing.
    if key.startswith("acl_"):
        return sorted(set(one or [])) == sorted(set(other or []))
    if key == "bases":
        return list(one or []) == list(other or [])
    return bool(one == other)


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
        return IndexPlan("create", wanted, {}, dict(wanted))
    if current.get("type") != wanted["type"]:
        raise AirgapError(
            "Index %s is of type %s, not %s, and devpi cannot change that. Choose another name, or remove it first."
            % (name, current.get("type"), wanted["type"])
        )
    settings = {
        key: value
        for key, value in wanted.items()
        if key != "type" and not _is_same_setting(key, current.get(key), value)
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
    return IndexPlan("delete", {}, dict(before, projects=len(projects)), {})


def wanted_settings(params: t.Mapping[str, t.Any], owner: str) -> Json:
    """Return the settings that the options ask for, spelt as devpi stores them."""

    def acl(names: t.Iterable[str]) -> t.List[str]:
        return [_SPECIAL_USERS.get(name.lower(), name) for name in names]

    settings = {
        "type": params["type"],
        "bases": params["bases"],
        "volatile": params["volatile"],
        "acl_upload": acl([owner] if params["acl_upload"] is None else params["acl_upload"]),
        "acl_toxresult_upload": acl(params["acl_toxresult_upload"]),
    }
    if params["title"] is not None:
        settings["title"] = params["title"]
    return settings


def apply(client: Client, name: str, plan: IndexPlan) -> None:
    """Carry out a plan."""
    path = _names.index_path(name)
    if plan.action == "create":
        owner = _names.split_index(name)[0]
        if client.get_user(owner) is None:
            raise AirgapError(
                "Index %s needs the user %s, which does not exist. Create it with devpi_user first." % (name, owner)
            )
        client.request("PUT", path, plan.settings)
    elif plan.action == "modify":
        client.request("PATCH", path, plan.settings)
    else:
        # devpi deletes volatile indexes only.
        if not plan.before.get("volatile"):
            client.request("PATCH", path, {"volatile": True})
        client.request("DELETE", path)


def ensure(module: AnsibleModule, client: Client) -> Json:
    """Plan, apply unless in check mode, and return the result."""
    params = module.params
    name = params["name"]
    owner = _names.split_index(name)[0]
    for base in params["bases"]:
        _names.split_index(base)
    client.log_in(params["login_user"], _login.login_password(params))
    current = client.get_index(name, projects=params["state"] == "absent")
    plan = plan_index(name, params["state"], current, wanted_settings(params, owner), params["force"])
    if plan.action and not module.check_mode:
        apply(client, name, plan)
    return {"changed": bool(plan.action), "index": plan.after, "diff": {"before": plan.before, "after": plan.after}}
