# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a replica serves a bundle by itself: it has all changes of its primary, and every file is on its own disk."""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import open_plain
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_stream
from ansible_collections.airgap.python.plugins.module_utils._index import (
    _bundle_indexes,
    _names,
    _replication,
    _service,
    _unchanged,
    _uploads,
)
from ansible_collections.airgap.python.plugins.module_utils._index._client import Client, Json
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import normalize


def path_of(files_dir: str, name: str, filename: str, sha256: str) -> str:
    """Return where devpi-server has a file of an index on disk."""
    return os.path.join(files_dir, *_names.split_index(name), "+f", sha256[:3], sha256[3:16], filename)


def find_missing(files_dir: str, name: str, files: t.Iterable[_uploads.Located]) -> t.List[str]:
    """Return the files of a bundle that a disk does not have, or has with other content, by name."""
    missing = []
    for source, sha256 in files:
        filename = os.path.basename(source)
        try:
            with open_plain(path_of(files_dir, name, filename, sha256)) as stream:
                found = sha256_stream(stream)
        except (AirgapError, OSError):
            found = ""
        if found != sha256:
            missing.append(filename)
    return missing


def primary_serial(replica: Client, params: t.Mapping[str, t.Any], seconds: float) -> int:
    """Return the latest change of a replica's primary, which is asked for its address for so many seconds.

    Raises AirgapError if the primary cannot be reached, and if the replica is not a copy of it: a replica whose primary was
    restored from a backup reports that it is in sync, and serves what the primary does not have.
    """
    url = _replication.primary_of(replica, seconds)
    own = _replication.sync_of(replica)
    path = params["primary_ca_path"]
    try:
        client = Client(url, params["timeout"], path if path and os.path.exists(path) else None)
        try:
            client.request("GET", "/+api")
        finally:
            client.close()
    except AirgapError as error:
        raise AirgapError("The primary at %s cannot be reached: %s %s." % (url, error, _replication.PROMOTE)) from error
    reason = _replication.why_no_copy(own.primary_uuid, own.serial, _service.Primary(client.uuid, client.serial))
    if reason:
        raise AirgapError(
            "The data of this replica are not a copy of its primary's at %s: %s. It still serves them, and copies nothing more. "
            "Play index, which copies all of the primary's data again." % (url, reason)
        )
    return client.serial


def read(module: AnsibleModule, client: Client) -> Json:
    """Wait until the replica has everything, and check the files of the bundle; raises AirgapError if it lacks something."""
    params = module.params
    serial = primary_serial(client, params, params["sync_timeout"])
    found = _replication.wait(client, serial, params["sync_timeout"])
    name = _bundle_indexes.name_of(params["index"], params["bundle_id"])
    bases = (client.get_index(params["index"]) or {}).get("bases") or []
    if name not in bases:
        raise AirgapError(
            "%s on the replica serves %s, and not bundle %s, which the primary was to serve. Publish on the primary first."
            % (params["index"], " and ".join(bases) or "nothing", params["bundle_id"])
        )
    withdrawn = {(normalize(one["name"]), one["version"]) for one in params["withdrawn"]}
    entries = [
        one
        for one in _uploads.files_of_bundle(params["src"], params["bundle_id"])
        if (normalize(one["name"]), one["version"]) not in withdrawn
    ]
    files = list(_uploads.locate(entries, params["src"]))
    listed = ["%s==%s" % one for one in sorted(withdrawn)]
    state = _unchanged.state(client.uuid, found.serial, params["index"], " ".join([params["bundle_id"], *listed]), [1])
    if not _unchanged.is_same(params["memory"], state):
        missing = find_missing(params["files_dir"], name, files)
        if missing:
            raise AirgapError(
                "On the disk of this replica, %d files of bundle %s are missing or damaged: %s. See 'journalctl -u devpi-server' on "
                "this host. To copy everything again, stop devpi-server on this replica (never on the primary), remove the content "
                "of its data folder, and play index."
                % (len(missing), params["bundle_id"], ", ".join(missing[: _uploads.MOST_NAMED]))
            )
        if not module.check_mode:
            _unchanged.remember(params["memory"], state)
    return {"serial": found.serial, "primary_serial": serial, "count": len(files)}
