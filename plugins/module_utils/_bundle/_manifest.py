# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of a bundle: which files it names, which of them the bundle carries, and the base that has the others."""

from __future__ import annotations

import datetime
import os
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout, _schema
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_bytes
from ansible_collections.airgap.python.plugins.module_utils._wheels import _pool

FORMAT = 1
# The lists of a manifest that name files: the wheels, and the others, where there are some.
LISTS = ("files", "extras")
_ID = re.compile(r"[0-9a-f]{32}\Z")


def is_id(text: t.Any) -> bool:
    """Return whether a value is a bundle's id."""
    return isinstance(text, str) and _ID.match(text) is not None


def identify(manifest: t.Mapping[str, t.Any]) -> str:
    """Return a bundle's id: 32 hex digits of the SHA-256 over its content, without id and time."""
    content = {key: value for key, value in manifest.items() if key not in ("id", "created")}
    return sha256_bytes(_json.render(content).encode("utf-8"))[:32]


def parse(text: str, where: str = _layout.MANIFEST) -> t.Dict[str, t.Any]:
    """Return the manifest that a text holds; raises AirgapError unless its structure and its names are valid.

    The structure is that of docs/manifest.schema.json.
    """
    document = _json.parse(text, where)
    manifest: t.Dict[str, t.Any] = document if isinstance(document, dict) else {}
    number = manifest.get("format")
    if not isinstance(number, int):
        raise AirgapError("%s is not a manifest: it lacks a format number. Transfer the bundle again." % where)
    if number != FORMAT:
        raise AirgapError(
            "%s has format %d, and this collection reads format %d. Install the collection version that made it."
            % (where, number, FORMAT)
        )
    files = [one for key in LISTS if isinstance(manifest.get(key), list) for one in manifest[key]]
    paths = [entry["path"] for entry in files if isinstance(entry, dict) and isinstance(entry.get("path"), str)]
    _layout.check_names(paths, where)
    wrong = _schema.first_error(manifest, _schema.MANIFEST)
    if wrong:
        raise AirgapError("%s is not a manifest: %s. Transfer the bundle again." % (where, wrong))
    _check_base(manifest, where)
    try:
        datetime.datetime.fromisoformat(manifest["created"].replace("Z", "+00:00"))
    except ValueError as error:
        raise AirgapError("%s states the time %r, which does not exist." % (where, manifest["created"])) from error
    try:
        real = identify(manifest)
    except UnicodeEncodeError as error:
        raise AirgapError("%s contains invalid text. Transfer the bundle again." % where) from error
    if real != manifest["id"]:
        raise AirgapError("%s does not have the content that its id %s stands for." % (where, manifest["id"]))
    return manifest


def _check_base(manifest: t.Mapping[str, t.Any], where: str) -> None:
    base = manifest.get("base")
    if base is not None and not is_id(base):
        raise AirgapError(
            "%s names a base that is not a bundle id: %r. Transfer the bundle again." % (where, str(base)[:80])
        )
    for entry in entries(manifest):
        if not isinstance(entry.get("carried", True), bool) or (base is None and not is_carried(entry)):
            raise AirgapError(
                "%s states that %r is not carried, but names no base that has it. Transfer the bundle again."
                % (where, entry["path"])
            )


def extras(manifest: t.Mapping[str, t.Any]) -> t.List[t.Dict[str, t.Any]]:
    """Return the files of a manifest besides its wheels."""
    return list(manifest.get("extras") or [])


def entries(manifest: t.Mapping[str, t.Any]) -> t.List[t.Dict[str, t.Any]]:
    """Return every file of a manifest: its wheels and the others."""
    return [*manifest["files"], *extras(manifest)]


def is_carried(entry: t.Mapping[str, t.Any]) -> bool:
    """Return whether a bundle carries a file of its manifest, or leaves it to its base."""
    return bool(entry.get("carried", True))


class Base(t.NamedTuple):
    """What a delta adds to: the id of a bundle, the SHA-256 of every file that the index host has with it, and their names."""

    id: str
    sha256: t.FrozenSet[str]
    claims: t.Tuple[_pool.Claim, ...] = ()


def parse_base(text: str, where: str) -> Base:
    """Return the base that a manifest.json or an inventory.json describes; raises AirgapError for anything else.

    The bundle itself need not exist here; only its id and its sums are used.
    """
    document = _json.parse(text, where)
    wheels, others = (document.get("files"), document.get("extras", [])) if isinstance(document, dict) else (None, None)
    if isinstance(document, dict) and isinstance(document.get("format"), int) and document["format"] > FORMAT:
        raise AirgapError(
            "%s has format %d, and this collection reads format %d. Install the collection version that made it."
            % (where, document["format"], FORMAT)
        )
    if not isinstance(wheels, list) or not isinstance(others, list) or not is_id(document.get("id")):
        raise AirgapError("%s is neither the manifest of a bundle nor an inventory: it lacks an id or files." % where)
    sums = [str(entry.get("sha256")) if isinstance(entry, dict) else "" for entry in wheels + others]
    if not all(re.match(r"^[0-9a-f]{64}\Z", one) for one in sums):
        raise AirgapError("%s lists a file without a sha256." % where)
    where = "bundle %s, which is inside" % document["id"]
    claims = [
        _pool.Claim(str(entry.get("path")).rpartition("/")[2], entry["sha256"], str(entry.get("origin") or ""), where)
        for entry in wheels
    ]
    return Base(document["id"], frozenset(sums), tuple(claims))


def read(root: str) -> t.Dict[str, t.Any]:
    """Return the manifest of the bundle in a folder; raises AirgapError if it is missing or not valid."""
    path = os.path.join(root, _layout.MANIFEST)
    return parse(_folder.read_text(path), path)


def absent(manifest: t.Mapping[str, t.Any], found: t.Iterable[_layout.Entry]) -> t.List[t.Dict[str, t.Any]]:
    """Return the manifest's files that verify() did not find: the base has them."""
    there = {entry.path for entry in found}
    return [entry for entry in entries(manifest) if entry["path"] not in there]


def carried(manifest: t.Mapping[str, t.Any]) -> t.List[_layout.Entry]:
    """Return the wheels and the other files that a bundle carries."""
    return [_layout.Entry(one["path"], one["sha256"], one["size"]) for one in entries(manifest) if is_carried(one)]


def left_out(manifest: t.Mapping[str, t.Any]) -> t.List[_layout.Entry]:
    """Return the files that a manifest leaves to its base."""
    return [_layout.Entry(one["path"], one["sha256"], one["size"]) for one in entries(manifest) if not is_carried(one)]


def to_send(manifest: t.Mapping[str, t.Any], found: t.Iterable[_layout.Entry]) -> t.List[_layout.Entry]:
    """Return the files to transfer of those that verify() found: all but those that the base has."""
    others = {entry.path for entry in left_out(manifest)}
    return [entry for entry in found if entry.path not in others]


def check_whole(where: str, manifest: t.Mapping[str, t.Any], missing: t.Sequence[t.Mapping[str, t.Any]]) -> None:
    """Raise AirgapError, with the base to import first, where files of a delta are missing."""
    if missing:
        raise AirgapError(
            "%s: bundle %s adds to bundle %s, and %d of the files that it leaves to that bundle are not here; the first is %s. "
            "Import bundle %s first, or stage again with stage_base empty, so that the bundle carries all files."
            % (where, manifest["id"], manifest["base"], len(missing), missing[0]["path"], manifest["base"])
        )
