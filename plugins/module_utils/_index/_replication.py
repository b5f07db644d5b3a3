# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A devpi-server that copies another one: what its data must be, and whether it has everything that its primary has.

A replica's data are a copy, so they are made again where they do not fit. The data of a former primary may have what nobody
else has: they are only moved aside, and only if the site asks for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import tempfile
import time
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _migration
from ansible_collections.airgap.python.plugins.module_utils._index._client import Client, Json
from ansible_collections.airgap.python.plugins.module_utils._index._service import REPLICA, Found, Primary, Wanted

# The folder in the data folder with the data of a former primary.
REPLACED = _migration.REPLACED
# The databases of devpi-server 6 and 7, and the table of each with the changes.
DATABASES = {".sqlite": "changelog", ".sqlite_alchemy": "ulid_changelog"}
# Seconds between two looks at a replica that is not in sync.
INTERVAL = 0.5
PROMOTE = "If it is lost, play promote_replica, which makes a replica the primary"


OTHER_PRIMARY = "they are a copy of another primary"
AHEAD = "they have changes that the primary does not have"


class Sync(t.NamedTuple):
    """How far a replica is: its own and its primary's latest change, and the files that it could not copy, with reasons.

    ``primary_uuid`` is the identity of the primary that it copies, "" if it has not reached one yet.
    """

    in_sync: bool
    serial: int
    primary_serial: int
    errors: t.Tuple[str, ...]
    primary_uuid: str = ""


def why_copied_again(wanted: Wanted, found: Found) -> str:
    """Return why the data of a replica are made again from those of its primary, or ""."""
    data, primary = found.data, found.primary
    if not wanted.is_replica or ".serverversion" not in data.names:
        return ""
    if data.role != REPLICA:
        return "they are those of a former primary" if wanted.replace_data else ""
    if _migration.format_of(wanted.version, data.format) != data.format:
        return "devpi-server %s needs another format" % wanted.version
    return why_no_copy(data.primary, found.serial, primary)


def why_no_copy(copied: str, serial: int, primary: Primary) -> str:
    """Return why the data of a replica are not a copy of a primary, or "".

    Args:
        copied: The identity of the primary that they are a copy of.
        serial: Their latest change, which was read before that of the primary, because that one only grows.
    """
    if copied and primary.uuid and copied != primary.uuid:
        return OTHER_PRIMARY
    return AHEAD if serial > primary.serial >= 0 else ""


def find_problems(wanted: Wanted, found: Found) -> t.List[str]:
    """Return what must be fixed before a host can be a replica."""
    if not wanted.primary_url:
        return ["This host is a replica, and devpi_primary_url is empty. Set it to the address of the primary's front."]
    if wanted.image:
        return ["devpi_runtime is quadlet, and a replica does not run in a container. Set it to venv for this host."]
    if found.primary.problem:
        return [
            "The primary at %s cannot be reached: %s. Nothing was changed, and what is served here still is. Start the index on "
            "the first host of airgap_index. %s." % (wanted.primary_url, found.primary.problem, PROMOTE)
        ]
    data, where = found.data, wanted.data_dir
    if ".serverversion" not in data.names or data.role == REPLICA:
        return []
    if not wanted.replace_data:
        return [
            "The data in %s are those of a primary, and this host is not the first of airgap_index, so it would become a "
            "replica of %s. If it was the primary before another host was promoted, play index with -e devpi_replace_data=true: "
            "it then gets a copy of the primary's data, and its own are kept in %s/%s. If it is the primary, put it first in "
            "airgap_index." % (where, wanted.primary_url, where, REPLACED)
        ]
    if found.has_replaced:
        return [
            "%s/%s holds the data of an earlier replacement. Remove that folder, or move it away, and run this again."
            % (where, REPLACED)
        ]
    return []


def ask_primary(url: str, ca: str, timeout: float = 10) -> Primary:
    """Return the identity and the latest change of a primary; ``ca`` is the text of the certificates to check it with."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as stream:
        stream.write(ca)
        stream.flush()
        try:
            client = Client(url, timeout, stream.name if ca else None)
            try:
                client.request("GET", "/+api")
            finally:
                client.close()
        except AirgapError as error:
            return Primary(problem=str(error).rstrip("."))
    if not client.uuid:
        return Primary(problem="what responds there is not a devpi-server")
    return Primary(client.uuid, client.serial)


def read_serial(data: str) -> int:
    """Return the number of the latest change in a data folder, -1 if it cannot be read."""
    for name, table in DATABASES.items():
        path = os.path.join(data, name)
        if os.path.exists(path):
            try:
                with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % path, uri=True)) as database:
                    return int(database.execute("SELECT max(serial) FROM %s" % table).fetchone()[0])
            except (sqlite3.Error, TypeError, ValueError):
                return -1
    return -1


def read_sync(status: Json) -> Sync:
    """Return how far a replica is, from the document of its status.

    The status has when all files were there, which is also true before the files of the latest changes are waited for. So it
    must be after the time at which the latest change arrived.
    """
    errors = status.get("replication-errors") or {}
    serial, primary = status.get("serial"), status.get("primary-serial")
    serial = serial if isinstance(serial, int) else -1
    primary = primary if isinstance(primary, int) else -1
    changes = status.get("replica-metadata-in-sync-at") or 0
    has_files = bool(status.get("replica-in-sync-at")) and (status.get("replica-files-in-sync-at") or 0) >= changes > 0
    shown = tuple("%s: %s" % (path, (errors[path] or {}).get("message", "")) for path in sorted(errors))
    copied = str(status.get("primary-uuid") or "")
    return Sync(not shown and serial >= primary >= 0 and has_files, serial, primary, shown, copied)


def read_status(client: Client) -> Json:
    """Return the document of a server's status; devpi-server 6 and 7.0.0b4 cannot describe some errors."""
    response = client.send_json("GET", "/+status")
    if response.status == 500:
        error = {"message": "devpi-server cannot describe its replication errors (status 500)"}
        return {"role": "REPLICA", "serial": client.serial, "replication-errors": {"+status": error}}
    return t.cast(Json, client.document("GET", "/+status", response).get("result") or {})


def primary_of(client: Client, seconds: float) -> str:
    """Return the address at which a replica reaches its primary; raises AirgapError if the server is not a replica.

    While there are errors that it cannot describe, it does not say, so it is asked for so many seconds.
    """
    give_up = time.monotonic() + seconds
    while True:
        status = read_replica_status(client)
        url = status.get("primary-url")
        if isinstance(url, str) and url:
            return url
        if time.monotonic() > give_up:
            raise AirgapError("; ".join(read_sync(status).errors) + ". See 'journalctl -u devpi-server' on this host.")
        time.sleep(INTERVAL)


def sync_of(client: Client) -> Sync:
    """Return how far a server that is a replica is; raises AirgapError if it is not a replica."""
    return read_sync(read_replica_status(client))


def read_replica_status(client: Client) -> Json:
    """Return the document of a replica's status; raises AirgapError if the server is not a replica."""
    status = read_status(client)
    if status.get("role") != "REPLICA":
        raise AirgapError("%s is not a replica. Play index, which makes it one." % client.origin)
    return status


def wait(client: Client, serial: int, seconds: float) -> Sync:
    """Wait until a replica has all changes up to a serial and all files; raises AirgapError after so many seconds."""
    give_up = time.monotonic() + seconds
    while True:
        found = sync_of(client)
        if found.in_sync and found.serial >= serial:
            return found
        if time.monotonic() > give_up:
            reason = "; ".join(found.errors[:3]) or "files are still missing"
            raise AirgapError(
                "The replica does not have everything that its primary has after %g seconds: it has change %d of %d; %s. Nodes "
                "get what is missing from the primary, as long as that runs. Raise devpi_sync_timeout, or see 'journalctl -u "
                "devpi-server' on this host." % (seconds, found.serial, max(serial, found.primary_serial), reason)
            )
        time.sleep(INTERVAL)


def read_primary(nodeinfo: t.Mapping[str, t.Any]) -> str:
    """Return the identity of the primary that a data folder is a copy of, from devpi's .nodeinfo; "" if there is none."""
    found = nodeinfo.get("primary-uuid") or nodeinfo.get("master-uuid") or ""
    return found if isinstance(found, str) and found.isalnum() else ""


def parse_nodeinfo(data: bytes) -> t.Dict[str, t.Any]:
    """Return the content of devpi's .nodeinfo, empty if it is not one."""
    try:
        found = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
