# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layout of a server: its users and its indexes, planned together and applied in an order that works."""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _indexes, _login, _names, _settings, _users
from ansible_collections.airgap.python.plugins.module_utils._index._client import Client, Json
from ansible_collections.airgap.python.plugins.module_utils._secret_file import write_secret


class User(t.NamedTuple):
    """What to do to a user, and the password that it gets."""

    name: str
    plan: _users.UserPlan
    password: t.Optional[str]


class Index(t.NamedTuple):
    """What to do to an index."""

    name: str
    plan: _indexes.IndexPlan
    reserved: t.Tuple[Json, Json]

    @property
    def is_changed(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.plan.action or self.reserved[1])


def read_entries(entries: t.Iterable[t.Any]) -> t.List[Json]:
    """Return the entries of indexes with every option of devpi_index; raises AirgapError for one that it would refuse."""
    found = []
    spec = {"name": {"type": "str", "required": True}, **_settings.SPEC}
    for entry in entries:
        checked = ArgumentSpecValidator(spec).validate(entry)
        if checked.error_messages:
            name = entry.get("name") or "without a name"
            raise AirgapError("The index %s in indexes: %s." % (name, "; ".join(checked.error_messages).rstrip(".")))
        found.append(dict(checked.validated_parameters))
    return found


def check_names(kind: str, entries: t.Iterable[t.Mapping[str, t.Any]]) -> None:
    """Raise AirgapError if two entries have one name."""
    names = [str(entry["name"]) for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise AirgapError("%s names %s twice. Write one entry for each." % (kind, ", ".join(twice)))


def existing(users: t.Mapping[str, Json]) -> t.Dict[str, Json]:
    """Return the settings of every index on the server, by USER/INDEX."""
    return {
        "%s/%s" % (user, name): config for user in users for name, config in (users[user].get("indexes") or {}).items()
    }


def check_references(
    users: t.Collection[str], indexes: t.Collection[str], entries: t.Iterable[t.Mapping[str, t.Any]]
) -> t.List[str]:
    """Return warnings of users that publish and do not exist; raises AirgapError for an owner or a base that does not.

    ``users`` and ``indexes`` are those that exist once the layout is applied.
    """
    warnings = []
    wrong = []
    for entry in entries:
        if entry["state"] == "absent":
            continue
        owner = _names.split_index(entry["name"])[0]
        if owner not in users:
            wrong.append("%s needs the user %s" % (entry["name"], owner))
        for base in entry["bases"] or []:
            _names.split_index(base)
            if base not in indexes:
                wrong.append("%s inherits from %s" % (entry["name"], base))
        unknown = sorted(
            name for name in set(entry["acl_upload"] or []) if not name.startswith(":") and name not in users
        )
        if unknown:
            warnings.append(
                "acl_upload of %s names %s, who is not a user of this server." % (entry["name"], ", ".join(unknown))
            )
    if wrong:
        raise AirgapError(
            "%s, and that does not exist and is not in the layout. Nothing was changed. Add it, or correct its name."
            % ("; ".join(wrong))
        )
    return warnings


class Layout:
    """One run on one server."""

    def __init__(self, module: AnsibleModule, client: Client) -> None:
        self.module = module
        self.client = client
        self.params = module.params
        self.created_files: t.List[str] = []

    def password_of(self, entry: t.Mapping[str, t.Any]) -> t.Optional[str]:
        """Return the password that a user must have; one that is not set is in a file, which is created if it does not exist."""
        if entry["password"] is not None or self.params["password_dir"] is None or entry["state"] == "absent":
            return t.cast(t.Optional[str], entry["password"])
        path = os.path.join(self.params["password_dir"], entry["name"] + ".password")
        try:
            if write_secret(path, None, os.geteuid(), os.getegid(), self.module.check_mode):
                self.created_files.append(path)
            if self.module.check_mode and path in self.created_files:
                return ""
        except OSError as error:
            raise AirgapError("%s cannot be written: %s." % (path, error.strerror or error)) from error
        return _login.read_password_file(path)

    def plan_users(self, users: t.Mapping[str, Json]) -> t.List[User]:
        """Return what to do to each user."""
        plans = []
        for entry in self.params["users"]:
            name = _names.check_user(entry["name"])
            password = self.password_of(entry)
            current = users.get(name)
            has_password = None
            if password is not None:
                self.module.no_log_values.add(password or _secrets.HIDDEN)
                has_password = current is not None and self.client.has_password(name, password)
            plans.append(User(name, _users.plan_user(name, entry["state"], current, has_password, entry), password))
        return plans

    def plan_indexes(self, entries: t.Iterable[Json], indexes: t.Mapping[str, Json]) -> t.List[Index]:
        """Return what to do to each index."""
        plans = []
        for entry in entries:
            name, current = entry["name"], indexes.get(entry["name"])
            owner = _names.split_index(name)[0]
            wanted: Json = {}
            if entry["state"] == "absent":
                if current is not None and not entry["force"] and not current.get("volatile"):
                    current = self.client.get_index(name, projects=True)
            else:
                self.module.no_log_values.update(_secrets.passwords([entry["mirror_url"]]))
                wanted = _settings.wanted(entry, owner, self.client.version)
            reserved = _indexes.plan_reserved(self.client, name, entry, current is not None)
            plan = _indexes.plan_index(name, entry["state"], current, wanted, entry["force"])
            plans.append(Index(name, plan, reserved))
        return plans

    def apply(self, users: t.Sequence[User], indexes: t.Sequence[Index]) -> None:
        """Carry out the plans: users first, and an index gets its bases once all indexes exist."""
        for user in users:
            if user.plan.action in ("create", "modify"):
                _users.apply(self.client, user.name, user.plan, user.password)
        created = [index for index in indexes if index.plan.action == "create"]
        for index in created:
            settings = {key: value for key, value in index.plan.settings.items() if key != "bases"}
            self.client.create(_names.index_path(index.name), settings)
        for index in created:
            if index.plan.settings.get("bases"):
                bases = {"bases": index.plan.settings["bases"]}
                self.client.request("PATCH", _names.index_path(index.name), bases)
        for action in ("modify", "delete"):
            for index in indexes:
                if index.plan.action == action:
                    _indexes.apply(self.client, index.name, index.plan)
        for index in indexes:
            _indexes.reserve(self.client, index.name, *index.reserved)
        for user in users:
            if user.plan.action == "delete":
                _users.apply(self.client, user.name, user.plan, None)

    def ensure(self) -> Json:
        """Plan, apply unless in check mode, and return the result."""
        entries = read_entries(self.params["indexes"])
        check_names("users", self.params["users"])
        check_names("indexes", entries)
        _login.log_in(self.client, self.params)
        server: t.Dict[str, Json] = (self.client.request("GET", "/") or {}).get("result") or {}
        indexes = existing(server)
        # An index that something else manages is created if it does not exist, so that others can inherit from it.
        entries += [
            dict(read_entries([{"name": name}])[0])
            for name in self.params["existing"]
            if name not in indexes and name not in [entry["name"] for entry in entries]
        ]
        gone = {entry["name"] for entry in [*entries, *self.params["users"]] if entry["state"] == "absent"}
        there = {entry["name"] for entry in [*entries, *self.params["users"]]}
        for warning in check_references((set(server) | there) - gone, (set(indexes) | there) - gone, entries):
            self.module.warn(warning)
        # A user is removed after its indexes.
        left = {
            user: dict(
                server[user],
                indexes={
                    name: config
                    for name, config in (server[user].get("indexes") or {}).items()
                    if "%s/%s" % (user, name) not in gone
                },
            )
            for user in server
        }
        users, planned = self.plan_users(left), self.plan_indexes(entries, indexes)
        if not self.module.check_mode:
            self.apply(users, planned)
        before: Json = {user.name: user.plan.before for user in users if user.plan.action}
        after: Json = {user.name: user.plan.after for user in users if user.plan.action}
        for index in planned:
            if index.is_changed:
                before[index.name] = dict(_settings.shown(index.plan.before), **index.reserved[0])
                after[index.name] = dict(_settings.shown(index.plan.after), **index.reserved[1])
        return {
            "changed": bool(before or after or self.created_files),
            "users": [user.name for user in users if user.plan.action],
            "indexes": [index.name for index in planned if index.is_changed],
            "diff": {"before": before, "after": after},
        }


def ensure(module: AnsibleModule, client: Client) -> Json:
    """Make the server have these users and indexes."""
    return Layout(module, client).ensure()
