# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users of devpi-server: the plan of a change, and the change."""

from __future__ import annotations

import typing as t
from urllib.parse import quote

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _client, _login, _names
from ansible_collections.airgap.python.plugins.module_utils._index._client import Json


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
    password: t.Optional[bool],
    email: t.Optional[str],
) -> UserPlan:
    """Decide what to do to a user.

    ``password`` is None where none is wanted, else whether the user has it already.
    ``email`` is None to leave it alone. Raises AirgapError where devpi would lose something.
    """
    before = {} if current is None else {"name": name, "email": current.get("email") or ""}
    if state == "absent":
        if current is None:
            return UserPlan("", {}, False, {}, {})
        indexes = sorted(current.get("indexes") or {})
        if name == "root":
            raise AirgapError("User root cannot be removed: nobody else can create users. Remove other users only.")
        if indexes:
            raise AirgapError(
                "User %s owns the indexes %s, which would go with it. Remove them with devpi_index first."
                % (name, ", ".join(indexes))
            )
        return UserPlan("delete", {}, False, before, {})
    if current is None:
        if password is None:
            raise AirgapError("User %s is to be created and has no password. Give password or password_file." % name)
        settings = {"email": email} if email else {}
        return UserPlan("create", settings, True, {}, {"name": name, "email": email or "", "password": "new"})
    settings = {}
    after = dict(before)
    if email is not None and email != before["email"]:
        settings["email"] = email
        after["email"] = email
    if password is False:
        before["password"] = "another"
        after["password"] = "new"
    action = "modify" if settings or password is False else ""
    return UserPlan(action, settings, password is False, before, after)


def login(client, params, password):
    """Log in; a user that changes its own password may have the new one already."""
    try:
        client.login(params["login_user"], _login.login_password(params))
    except _client.LoginRefused:
        if password is None or params["name"] != params["login_user"]:
            raise
        client.login(params["login_user"], password)


def run(module, client):
    """Plan, apply unless in check mode, and return the result."""
    params = module.params
    name = _names.check_user(params["name"])
    password = params["password"]
    if params["password_file"] is not None and params["state"] == "present":
        password = _login.read_password_file(params["password_file"])
        module.no_log_values.add(password)
    login(client, params, password)
    current = client.get_user(name)
    has_it = None
    if password is not None and (current is None or params["update_password"] == "always"):
        has_it = current is not None and client.password_is(name, password)
    plan = plan_user(name, params["state"], current, has_it, params["email"])
    if plan.action and not module.check_mode:
        path = "/" + quote(name, safe="")
        secret = {"password": password} if plan.set_password else {}
        if plan.action == "create":
            client.ask("PUT", path, dict(plan.settings, **secret))
        elif plan.action == "delete":
            client.ask("DELETE", path)
        else:
            # devpi lets users change just their password themselves, so that goes by itself.
            for part in (plan.settings, secret):
                if part:
                    client.ask("PATCH", path, part)
    user = {key: value for key, value in plan.after.items() if key != "password"}
    return {"changed": bool(plan.action), "user": user, "diff": {"before": plan.before, "after": plan.after}}
