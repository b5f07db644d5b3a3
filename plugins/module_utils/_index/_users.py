# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users of devpi-server: the plan of a change, and the change."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _login, _names
from ansible_collections.airgap.python.plugins.module_utils._index._client import Client, Json, LoginRefused

# What devpi stores of a user besides its password.
FIELDS = ("email", "title", "description", "custom_data")


class UserPlan(t.NamedTuple):
    """What to do to a user: ``action`` is create, modify, delete or an empty string."""

    action: str
    settings: Json
    set_password: bool
    before: Json
    after: Json


def plan_user(
    name: str,
    state: str,
    current: t.Optional[Json],
    has_password: t.Optional[bool],
    wanted: t.Optional[Json] = None,
) -> UserPlan:
    """Plan the change of a user. Raises AirgapError if devpi would lose something.

    Args:
        name: The name of the user.
        state: present or absent.
        current: The user as devpi has it, None if it does not exist.
        has_password: Whether the user has the wanted password already; None if no password is wanted.
        wanted: The wanted value of each of FIELDS; one that is missing or None stays as it is.
    """
    values = {key: value for key, value in (wanted or {}).items() if key in FIELDS and value is not None}
    before = {} if current is None else dict({"name": name}, **{key: current.get(key) or "" for key in FIELDS})
    if state == "absent":
        return _plan_removal(name, current, before)
    if current is None:
        if has_password is None:
            raise AirgapError("User %s must be created and has no password. Give password or password_file." % name)
        settings = {key: value for key, value in values.items() if value}
        after = {key: settings.get(key, "") for key in FIELDS}
        return UserPlan("create", settings, True, {}, dict({"name": name, "password": "new"}, **after))
    # devpi removes a setting whose value is empty.
    settings = {key: value for key, value in values.items() if (value or "") != before[key]}
    after = dict(before, **{key: value or "" for key, value in settings.items()})
    if has_password is False:
        before["password"] = "another"
        after["password"] = "new"
    action = "modify" if settings or has_password is False else ""
    return UserPlan(action, settings, has_password is False, before, after)


def _plan_removal(name: str, current: t.Optional[Json], before: Json) -> UserPlan:
    if current is None:
        return UserPlan("", {}, False, {}, {})
    indexes = sorted(current.get("indexes") or {})
    if name == "root":
        raise AirgapError("User root cannot be removed: no other user can create users. Remove other users only.")
    if indexes:
        raise AirgapError(
            "User %s owns the indexes %s, which would be removed with it. Remove them with devpi_index first."
            % (name, ", ".join(indexes))
        )
    return UserPlan("delete", {}, False, before, {})


def apply(client: Client, name: str, plan: UserPlan, password: t.Optional[str]) -> None:
    """Carry out a plan."""
    path = _names.user_path(name)
    secret = {"password": password} if plan.set_password else {}
    if plan.action == "create":
        client.create(path, plan.settings, secret)
    elif plan.action == "delete":
        client.delete(path)
    else:
        # devpi lets users change their own password only if the request holds nothing else.
        for part in (plan.settings, secret):
            if part:
                client.request("PATCH", path, part)


def log_in(client: Client, params: t.Mapping[str, t.Any], password: t.Optional[str]) -> None:
    """Log in; a user that changes its own password may have the new one already."""
    try:
        _login.log_in(client, params)
    except LoginRefused:
        if password is None or params["name"] != params["login_user"]:
            raise
        client.log_in(params["login_user"], password)


def ensure(module: AnsibleModule, client: Client) -> Json:
    """Plan, apply unless in check mode, and return the result."""
    params = module.params
    name = _names.check_user(params["name"])
    password = params["password"]
    if params["password_file"] is not None and params["state"] == "present":
        password = _login.read_password_file(params["password_file"])
        module.no_log_values.add(password)
    log_in(client, params, password)
    current = client.get_user(name)
    has_password = None
    if password is not None and (current is None or params["update_password"] == "always"):
        has_password = current is not None and client.has_password(name, password)
    plan = plan_user(name, params["state"], current, has_password, params)
    if plan.action and not module.check_mode:
        apply(client, name, plan, password)
    user = {key: value for key, value in plan.after.items() if key != "password"}
    return {"changed": bool(plan.action), "user": user, "diff": {"before": plan.before, "after": plan.after}}
