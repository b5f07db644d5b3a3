# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An import in the ledger: the record that starts it, the record that ends it, and the inventory after it."""

from __future__ import annotations

import getpass
import os
import typing as t
import uuid

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import (
    _clock,
    _folder,
    _layout,
    _ledger,
    _manifest,
    _succession,
    _sums,
)
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import read_if_exists, write_atomic
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_file

LONGEST_MESSAGE = 1000
# The options that both modules have; documented in the doc fragments ledger and bundle_import.
OPTIONS: t.Dict[str, t.Dict[str, t.Any]] = {
    "path": {"type": "path", "required": True},
    "bundle": {"type": "path", "required": True},
    "sha256": {"type": "str", "default": ""},
    "signers": {"type": "list", "elements": "dict", "default": [], "no_log": False},
    "operator": {"type": "str", "default": ""},
    "index": {"type": "str", "default": ""},
}
Record = t.Dict[str, t.Any]
Params = t.Mapping[str, t.Any]


class Bundle(t.NamedTuple):
    """The bundle that is imported: its manifest, and the SHA-256 of its SHA256SUMS."""

    manifest: t.Mapping[str, t.Any]
    sums: str


def read_bundle(root: str, sha256: str) -> Bundle:
    """Return the bundle in a folder; raises AirgapError if ``sha256``, unless empty, is not that of its sums."""
    bundle = Bundle(_manifest.read(root), sha256_file(os.path.join(root, _layout.SUMS)))
    if sha256:
        sums = _sums.parse(_folder.read_text(os.path.join(root, _layout.SUMS)), root)
        real = sha256_file(os.path.join(root, _layout.MANIFEST))
        if (bundle.sums, real) != (sha256, sums.get(_layout.MANIFEST)):
            raise AirgapError(
                "%s is not the bundle that was verified: it changed since then. Wait until whoever transfers one is done, and run this "
                "again." % root
            )
    return bundle


def login_user() -> str:
    """Return who logged in to this host, even where this runs as root."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return ""


def is_settled(ledger: _ledger.Ledger, bundle: Bundle, signers: t.Sequence[t.Mapping[str, str]]) -> bool:
    """Return whether the last import was of exactly this bundle with exactly these signers, and succeeded.

    After a rollback, that is the last import of the bundle that is served again.
    """
    if not ledger.imports or not ledger.done or ledger.imports[-1].result != _ledger.OK:
        return False
    last = next((one for one in reversed(ledger.done) if one.id == ledger.served), ledger.done[-1])
    keys = {one.get("key") for one in last.signers}
    return (last.id, last.sums, keys) == (bundle.manifest["id"], bundle.sums, {one.get("key") for one in signers})


def _begin(bundle: Bundle, params: Params) -> Record:
    return {
        "event": "begin",
        "run": uuid.uuid4().hex,
        "when": _clock.render_precisely(_clock.now()),
        "id": bundle.manifest["id"],
        "base": bundle.manifest["base"],
        "created": bundle.manifest["created"],
        "sums": bundle.sums,
        "signers": params["signers"],
        "operator": params["operator"],
        "user": login_user(),
        "published_to": params["index"],
        "files": len(_manifest.entries(bundle.manifest)),
        "bytes": sum(entry["size"] for entry in _manifest.entries(bundle.manifest)),
    }


def _end(run: str, params: Params) -> Record:
    return {
        "event": "end",
        "run": run,
        "when": _clock.render_precisely(_clock.now()),
        "result": params["result"],
        "message": params["reason"][:LONGEST_MESSAGE],
        "uploaded": params["uploaded"],
        "present": params["present"],
        "uploaded_bytes": params["uploaded_bytes"],
    }


def plan_start(ledger: _ledger.Ledger, bundle: Bundle, params: Params) -> t.List[Record]:
    """Return the record to add before anything is published, none where the same import succeeded already.

    Raises AirgapError if the bundle is older than the last one, from the future, or was rolled back.
    """
    _succession.check(ledger, bundle.manifest, params["older_ok"], _clock.now())
    if not params["older_ok"]:
        _succession.check_rollback(ledger, bundle.manifest["id"])
    if not params["force"] and is_settled(ledger, bundle, params["signers"]):
        return []
    return [_begin(bundle, params)]


def plan_end(bundle: Bundle, params: Params) -> t.List[Record]:
    """Return the records to add after an import: none for a success that started nothing, both for such a failure."""
    if params["run"]:
        return [_end(params["run"], params)]
    if params["result"] != _ledger.FAILED:
        return []
    begin = _begin(bundle, params)
    return [begin, _end(begin["run"], params)]


def inventory(manifest: t.Mapping[str, t.Any], imported: t.Sequence[str]) -> t.Dict[str, t.Any]:
    """Return the inventory of the index host: carried outside, it is the base of the next delta."""
    keys = ("path", "kind", "name", "version", "sha256", "size", "origin")
    lists = {
        one: [{key: entry[key] for key in keys if key in entry} for entry in manifest[one]]
        for one in _manifest.LISTS
        if one in manifest
    }
    return {"format": _ledger.FORMAT, "id": manifest["id"], "imported": list(imported), **lists}


def _new_inventory(bundle: Bundle, params: Params) -> t.Optional[bytes]:
    """Return what the inventory must hold after this import, None where it holds that already or is not wanted."""
    if not params["inventory"]:
        return None
    identity = bundle.manifest["id"]
    imported = [one for one in _ledger.read(params["path"]).ids if one != identity] + [identity]
    data = _json.render(inventory(bundle.manifest, imported)).encode("utf-8")
    return None if read_if_exists(params["inventory"]) == data else data


def start(params: Params, check_mode: bool) -> t.Dict[str, t.Any]:
    """Check the bundle against the ledger and record that its import starts; return the result of the module."""
    bundle = read_bundle(params["bundle"], params["sha256"])
    ledger = _ledger.read(params["path"])
    records = plan_start(ledger, bundle, params)
    if records and not check_mode:
        _ledger.append(params["path"], records)
    return dict(_started(ledger, bundle, records), changed=bool(records))


def _started(ledger: _ledger.Ledger, bundle: Bundle, records: t.Sequence[Record]) -> t.Dict[str, t.Any]:
    return {
        "id": bundle.manifest["id"],
        "recorded": bool(records),
        "run": records[0]["run"] if records else "",
        "withdrawn": _ledger.withdrawn_options(ledger),
    }


def find_settled(bundle: Bundle, params: Params) -> t.Dict[str, t.Any]:
    """Return what start() returns for a bundle that was imported before, {} if something must be recorded or written."""
    ledger = _ledger.read(params["path"])
    if not is_settled(ledger, bundle, params["signers"]) or _new_inventory(bundle, params) is not None:
        return {}
    return _started(ledger, bundle, [])


def record_rollback(params: Params, check_mode: bool) -> t.Dict[str, t.Any]:
    """Record that a bundle is served again, unless the ledger says so already; return the result of the module."""
    ledger = _ledger.read(params["path"])
    if ledger.served == params["id"]:
        return {"changed": False, "replaced": ""}
    record = {
        "event": "rollback",
        "run": uuid.uuid4().hex,
        "when": _clock.render_precisely(_clock.now()),
        "id": params["id"],
        "replaced": ledger.served,
        "operator": params["operator"],
        "user": login_user(),
        "published_to": params["index"],
    }
    if not check_mode:
        _ledger.append(params["path"], [record])
    return {"changed": True, "replaced": ledger.served}


def end(params: Params, check_mode: bool) -> t.Dict[str, t.Any]:
    """Record how an import ended, and write the inventory after a success; return the result of the module."""
    bundle = read_bundle(params["bundle"], params["sha256"])
    records = plan_end(bundle, params)
    if records and not check_mode:
        _ledger.append(params["path"], records)
    data = _new_inventory(bundle, params) if params["result"] == _ledger.OK else None
    if data is not None and not check_mode:
        write_atomic(params["inventory"], data)
    return {"changed": bool(records) or data is not None, "run": records[0]["run"] if records else ""}
