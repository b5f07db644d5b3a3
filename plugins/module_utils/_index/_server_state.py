# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a devpi-server holds and how it is: users, indexes, versions, files and the state of its replicas."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import (
    _login,
    _names,
    _readiness,
    _replication,
    _settings,
    _users,
)
from ansible_collections.airgap.python.plugins.module_utils._index._client import Client, Json

USERS, INDEXES, VERSIONS, FILES, REPLICA = "users", "indexes", "versions", "files", "replica"
PARTS = (USERS, INDEXES, VERSIONS, FILES, REPLICA)
_ARCHIVES = (".tar.gz", ".tar.bz2", ".tgz", ".zip", ".tar", ".egg")


def version_of(filename: str) -> str:
    """Return the version in the name of a wheel or an sdist, or an empty string."""
    if filename.endswith(".whl"):
        parts = filename.split("-")
        return parts[1] if len(parts) >= 5 else ""
    for ending in _ARCHIVES:
        if filename.endswith(ending):
            return filename[: -len(ending)].rpartition("-")[2]
    return ""


def describe_users(users: t.Mapping[str, Json]) -> t.List[Json]:
    """Return the users of a server, sorted by name, from devpi's document of all users."""
    found = []
    for name in sorted(users):
        user: Json = {key: users[name].get(key) or "" for key in _users.FIELDS}
        indexes = ["%s/%s" % (name, index) for index in sorted(users[name].get("indexes") or {})]
        found.append(dict(user, name=name, indexes=indexes))
    return found


def describe_indexes(users: t.Mapping[str, Json], only: str = "") -> t.List[Json]:
    """Return the indexes of a server, or one of them, sorted by name, from devpi's document of all users."""
    found = []
    for user in sorted(users):
        for index, config in sorted((users[user].get("indexes") or {}).items()):
            name = "%s/%s" % (user, index)
            if only in ("", name):
                found.append(
                    {
                        "name": name,
                        "type": _settings.KINDS.get(str(config.get("type")), str(config.get("type"))),
                        "settings": _settings.shown({key: value for key, value in config.items() if key != "projects"}),
                    }
                )
    return found


def describe_replica(status: Json) -> Json:
    """Return a server's part in replication, from its status; devpi-server 6 calls the primary MASTER."""
    is_replica = status.get("role") == "REPLICA"
    serial = status.get("serial")
    serial = serial if isinstance(serial, int) else -1
    sync = _replication.read_sync(status)
    primary_serial = status.get("primary-serial") if is_replica else serial
    primary_serial = primary_serial if isinstance(primary_serial, int) else -1
    return {
        "role": "replica" if is_replica else "primary",
        "serial": serial,
        "primary_url": str(status.get("primary-url") or ""),
        "primary_serial": primary_serial,
        "in_sync": sync.in_sync if is_replica else True,
        "errors": list(sync.errors[:20]),
        "replicas": [
            {
                "address": str(one.get("remote-ip") or ""),
                "url": str(one.get("outside-url") or ""),
                "serial": one["serial"] if isinstance(one.get("serial"), int) else -1,
            }
            for dummy, one in sorted((status.get("polling_replicas") or {}).items())
        ],
    }


def list_contents(client: Client, indexes: t.Iterable[Json], parts: t.Collection[str]) -> Json:
    """Return the versions and files that are on indexes themselves; a mirror holds what others published."""
    versions: t.List[Json] = []
    files: t.List[Json] = []
    for index in indexes:
        if index["type"] != _settings.STAGE:
            continue
        name = index["name"]
        config = client.get_index(name, projects=True) or {}
        for project in sorted(config.get("projects") or []):
            listed = client.list_files(name, project)
            found = sorted({version_of(filename) for filename in listed})
            versions.append({"index": name, "project": project, "versions": found})
            for filename in sorted(listed):
                files.append(
                    {
                        "index": name,
                        "project": project,
                        "version": version_of(filename),
                        "filename": filename,
                        "sha256": listed[filename].sha256,
                        "requires_python": listed[filename].requires_python,
                    }
                )
    return {key: value for key, value in ((VERSIONS, versions), (FILES, files)) if key in parts}


def read(module: AnsibleModule, client: Client) -> Json:
    """Return what the options ask for; changes nothing."""
    params = module.params
    index = params["index"] or ""
    if index:
        _names.split_index(index)
    result: Json = _readiness.check(params)
    parts = params["gather"]
    if not result["answers"] or not parts:
        return result
    if any(params[key] is not None for key in ("login_password", "login_password_file", "login_token")):
        _login.log_in(client, params)
    if {USERS, INDEXES, VERSIONS, FILES} & set(parts):
        users = (client.request("GET", "/") or {}).get("result") or {}
        indexes = describe_indexes(users, index)
        if index and not indexes and not params["missing_ok"]:
            raise AirgapError("Index %s does not exist. Create it with devpi_index, or set missing_ok." % index)
        if USERS in parts:
            result[USERS] = describe_users(users)
        if INDEXES in parts:
            result[INDEXES] = indexes
        if {VERSIONS, FILES} & set(parts):
            result.update(list_contents(client, indexes, parts))
    if REPLICA in parts:
        result[REPLICA] = describe_replica(_replication.read_status(client))
    return dict(result, version=client.version, serial=client.serial)
