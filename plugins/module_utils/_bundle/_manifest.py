# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle: its manifest, its sums, and the check that a folder is exactly that bundle.

Nothing in a bundle is believed because of where it lies. Names are judged
before they are joined to a path, and every file is hashed before it is used.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import stat
import typing as t
import unicodedata

from ansible_collections.airgap.python.plugins.module_utils._access import check_folders_above, other_writers
from ansible_collections.airgap.python.plugins.module_utils._bundle import _schema, _signature
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import NOT_A_FILE, TEMPORARY_PREFIX, open_plain
from ansible_collections.airgap.python.plugins.module_utils._hashes import (
    CHUNK,
    sha256_bytes,
    sha256_file,
    sha256_files,
)
from ansible_collections.airgap.python.plugins.module_utils._text import is_plain, split_lines
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock, _pool

FORMAT = 1
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
POOL = "wheels"
LOCKS = "locks"
REPORTS = "reports"
# The Python of install.sh: files of this collection's release, as they are there.
INSTALL = "install"
_SOURCE = re.compile(INSTALL + r"(/[a-z0-9_]+)+\.py")
# What a bundle holds besides, in its top folder.
TOP = (MANIFEST, "README.md", "install.sh")
# A manifest of 10,000 files has about 5 MB. More than this is no manifest but an attack or a mistake.
LARGEST_TEXT = 64 * 1024 * 1024
_SUM_LINE = re.compile(r"([0-9a-f]{64})  (.+)", re.DOTALL)
_ID = re.compile(r"[0-9a-f]{32}\Z")


class Entry(t.NamedTuple):
    """A file of a bundle: path relative to the bundle, SHA-256 in hex, size in bytes."""

    path: str
    sha256: str
    size: int


def check_name(path: str, where: str) -> None:
    """Refuse a name that could lead out of the bundle or be taken for another.

    Raises AirgapError. Allowed are relative POSIX paths without empty, "." or
    ".." parts and without blanks around a part, without backslashes, control and
    format characters and other ends of lines than LF, in Unicode form NFC.
    """
    reason = ""
    if not path or path.startswith("/"):
        reason = "it is not a relative path"
    elif any(part in ("", ".", "..") for part in path.split("/")):
        reason = "it has an empty, '.' or '..' part and could lead out of the bundle"
    elif any(part != part.strip() for part in path.split("/")):
        reason = "it has a part with a blank at its begin or end, which some file systems drop"
    elif "\\" in path or not is_plain(path):
        reason = "it has a backslash or a control character"
    elif unicodedata.normalize("NFC", path) != path:
        reason = "it is not in Unicode form NFC"
    elif len(path.encode("utf-8")) > 1024:
        reason = "it is longer than 1024 bytes"
    if reason:
        raise AirgapError("%s names %r: %s. Do not use this bundle; fetch it again." % (where, path[:200], reason))


def check_names(paths: t.Iterable[str], where: str) -> None:
    """Refuse names that check_name() refuses, and two that a file system may hold for one."""
    seen: t.Dict[str, str] = {}
    for path in paths:
        check_name(path, where)
        folded = unicodedata.normalize("NFC", path.casefold())
        if folded in seen:
            raise AirgapError(
                "%s names %r and %r, which are one file to some file systems. Do not use this bundle; fetch it again."
                % (where, seen[folded], path)
            )
        seen[folded] = path
    for path in seen.values():
        parts = path.split("/")
        for count in range(1, len(parts)):
            if "/".join(parts[:count]).casefold() in seen:
                raise AirgapError(
                    "%s names %r as a file and as a folder. Do not use this bundle; fetch it again."
                    % (where, "/".join(parts[:count]))
                )


def has_place(path: str) -> bool:
    """Say whether a bundle may hold a file of this name, beside its sums and signatures."""
    # Neither bytecode nor a library: whatever else Python could load, no officer could read.
    is_source = _SOURCE.fullmatch(path) is not None
    return path in TOP or is_source or (path.split("/")[0] in (POOL, LOCKS, REPORTS) and "/" in path)


def parse_sums(text: str, where: str = SUMS) -> t.Dict[str, str]:
    """Return path to SHA-256 from the text of a sums file: what sha256sum(1) reads the same, and nothing else."""
    sums: t.Dict[str, str] = {}
    paths = []
    try:
        lines = split_lines(text)
    except ValueError as error:
        raise AirgapError("%s is no list of sums: %s. Fetch the bundle again." % (where, error)) from error
    for number, line in enumerate(lines, 1):
        match = _SUM_LINE.fullmatch(line)
        if match is None:
            raise AirgapError("%s, line %d is no sum: %r. Fetch the bundle again." % (where, number, line[:120]))
        if match.group(2) in sums:
            raise AirgapError("%s names %r twice. Do not use this bundle; fetch it again." % (where, match.group(2)))
        paths.append(match.group(2))
        sums[match.group(2)] = match.group(1)
    check_names(paths, where)
    for path in (SUMS, SIGNATURE):
        if path in sums:
            raise AirgapError("%s names %s, which cannot hold its own sum. Fetch the bundle again." % (where, path))
    for path in paths:
        if not has_place(path):
            raise AirgapError(
                "%s names %r, which has no place in a bundle. Do not use this bundle; fetch it again." % (where, path)
            )
    return sums


def sums_of(root: str, left_out: t.Collection[str] = ()) -> t.Dict[str, str]:
    """Return path to SHA-256 of every file that a bundle may hold but those left out.

    Raises AirgapError for any file that has no place in a bundle.
    """
    paths = [path for path in walk(root) if path not in (SUMS, SIGNATURE) and TEMPORARY_PREFIX not in path]
    check_names(paths, root)
    for path in paths:
        if not has_place(path):
            raise AirgapError("%s has no place in a bundle. Remove it." % os.path.join(root, path))
    paths = [path for path in paths if path not in left_out]
    return dict(zip(paths, sha256_files(os.path.join(root, path) for path in paths)))


def render_sums(sums: t.Mapping[str, str]) -> str:
    """Return the text of a sums file that sha256sum -c accepts, in order of the paths."""
    return "".join("%s  %s\n" % (sums[path], path) for path in sorted(sums))


def identify(manifest: t.Mapping[str, t.Any]) -> str:
    """Return a bundle's id: 32 hex digits of the SHA-256 over its content, without id and time."""
    content = {key: value for key, value in manifest.items() if key not in ("id", "created")}
    return sha256_bytes(render_json(content).encode("utf-8"))[:32]


def render_json(document: t.Any) -> str:
    """Return JSON that is the same for the same content."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _once(pairs: t.List[t.Tuple[str, t.Any]]) -> t.Dict[str, t.Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = sorted(key for key in found if [one for one, dummy in pairs].count(key) > 1)
        raise ValueError("the key %r stands twice in one object" % twice[0][:80])
    return found


def _no_number(text: str) -> t.Any:
    raise ValueError("%s is no JSON number" % text)


def _integer(text: str) -> int:
    # Python reads a number of a million digits in minutes.
    if len(text) > 18:
        raise ValueError("a number has %d digits" % len(text))
    return int(text)


def parse_json(text: str, where: str) -> t.Any:
    """Return what JSON from outside says; raises AirgapError where two readers could understand two things."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_int=_integer, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise AirgapError("%s is not JSON: %s. Fetch the bundle again." % (where, error)) from error


def parse_manifest(text: str, where: str = MANIFEST) -> t.Dict[str, t.Any]:
    """Return a manifest whose shape and names are right; raises AirgapError otherwise.

    The shape is that of docs/manifest.schema.json.
    """
    manifest = parse_json(text, where)
    number = manifest.get("format") if isinstance(manifest, dict) else None
    if not isinstance(number, int):
        raise AirgapError("%s is no manifest: it has no format number. Fetch the bundle again." % where)
    if number != FORMAT:
        raise AirgapError(
            "%s has format %d, and this collection reads format %d. Install the collection version that made it."
            % (where, number, FORMAT)
        )
    files = manifest["files"] if isinstance(manifest.get("files"), list) else []
    paths = [entry["path"] for entry in files if isinstance(entry, dict) and isinstance(entry.get("path"), str)]
    check_names(paths, where)
    wrong = _schema.first_error(manifest, _schema.MANIFEST)
    if wrong:
        raise AirgapError("%s is no manifest: %s. Fetch the bundle again." % (where, wrong))
    _check_base(manifest, where)
    try:
        datetime.datetime.fromisoformat(manifest["created"].replace("Z", "+00:00"))
    except ValueError as error:
        raise AirgapError("%s states the time %r, which does not exist." % (where, manifest["created"])) from error
    try:
        real = identify(manifest)
    except UnicodeEncodeError as error:
        raise AirgapError("%s holds what is no text. Fetch the bundle again." % where) from error
    if real != manifest["id"]:
        raise AirgapError("%s does not have the content that its id %s stands for." % (where, manifest["id"]))
    return manifest


def _check_base(manifest: t.Mapping[str, t.Any], where: str) -> None:
    base = manifest.get("base")
    if base is not None and (not isinstance(base, str) or not _ID.match(base)):
        raise AirgapError("%s names a base that is no bundle id: %r. Fetch the bundle again." % (where, str(base)[:80]))
    for entry in manifest["files"]:
        if not isinstance(entry.get("carried", True), bool) or (base is None and not is_carried(entry)):
            raise AirgapError(
                "%s says that %r is not carried, and names no base that has it. Fetch the bundle again."
                % (where, entry["path"])
            )


def is_in_pool(path: str) -> bool:
    """Say whether a file of a bundle lies in its pool; all others are its open part."""
    return path.startswith(POOL + "/")


def is_carried(entry: t.Mapping[str, t.Any]) -> bool:
    """Say whether a bundle brings a file of its manifest, or leaves it to its base."""
    return bool(entry.get("carried", True))


class Base(t.NamedTuple):
    """What a delta builds on: the id of a bundle, the SHA-256 of every file that is there with it, and their names."""

    id: str
    sha256: t.FrozenSet[str]
    claims: t.Tuple[_pool.Claim, ...] = ()


def parse_base(text: str, where: str) -> Base:
    """Return the base that a manifest.json or an inventory.json describes; raises AirgapError for anything else.

    The bundle that it describes need not be at hand, and nothing in it is used but id and sums.
    """
    document = parse_json(text, where)
    entries = document.get("files") if isinstance(document, dict) else None
    if isinstance(document, dict) and isinstance(document.get("format"), int) and document["format"] > FORMAT:
        raise AirgapError(
            "%s has format %d, and this collection reads format %d. Install the collection version that made it."
            % (where, document["format"], FORMAT)
        )
    if not isinstance(entries, list) or not _ID.match(str(document.get("id"))):
        raise AirgapError("%s is neither the manifest of a bundle nor an inventory: it has no id or no files." % where)
    sums = [str(entry.get("sha256")) if isinstance(entry, dict) else "" for entry in entries]
    if not all(re.match(r"^[0-9a-f]{64}\Z", one) for one in sums):
        raise AirgapError("%s lists a file without sha256." % where)
    where = "bundle %s, which is inside" % document["id"]
    claims = [
        _pool.Claim(str(entry.get("path")).rpartition("/")[2], entry["sha256"], str(entry.get("origin") or ""), where)
        for entry in entries
    ]
    return Base(document["id"], frozenset(sums), tuple(claims))


def compose(
    sets: t.Sequence[t.Mapping[str, t.Any]],
    targets: t.Sequence[t.Mapping[str, t.Any]],
    locks: t.Mapping[t.Tuple[str, str], t.Sequence[_lock.Pin]],
    unused: t.Iterable[t.Mapping[str, t.Any]],
    created: str,
    base: t.Optional[Base] = None,
) -> t.Dict[str, t.Any]:
    """Return the manifest of the files that locks (by set and target) name.

    ``unused`` are entries of an earlier manifest that no lock names any more
    and that stay in the pool. A file that the base has is not carried. Raises AirgapError where two locks want two
    contents under one file name.
    """
    files: t.Dict[str, t.Dict[str, t.Any]] = {}
    check_names_of_locks(locks)
    for (set_name, target), pins in sorted(locks.items()):
        for pin in pins:
            entry = files.setdefault(
                pin.filename,
                {
                    "path": "%s/%s" % (POOL, pin.filename),
                    "name": pin.name,
                    "version": pin.version,
                    "sha256": pin.sha256,
                    "size": pin.size,
                    "origin": pin.origin,
                    "used_by": [],
                },
            )
            entry["used_by"].append({"set": set_name, "target": target})
    for kept in unused:
        name = os.path.basename(kept["path"])
        if name not in files:
            files[name] = dict(kept, used_by=[])
    for entry in files.values():
        entry["carried"] = base is None or entry["sha256"] not in base.sha256
    manifest: t.Dict[str, t.Any] = {
        "format": FORMAT,
        "created": created,
        "base": base.id if base else None,
        "sets": list(sets),
        "targets": list(targets),
        "files": [files[name] for name in sorted(files)],
    }
    manifest["id"] = identify(manifest)
    return manifest


def lock_path(set_name: str, target: str) -> str:
    """Return where in a bundle the lock of a set and a target lies."""
    return "%s/%s/%s.txt" % (LOCKS, set_name, target)


def check_names_of_locks(locks: t.Mapping[t.Tuple[str, str], t.Sequence[_lock.Pin]]) -> None:
    """Raise AirgapError where two locks want two contents under one name."""
    claims = [claim for key in sorted(locks) for claim in _pool.claims(locks[key], lock_path(*key))]
    found = _pool.clash(claims)
    if found:
        raise AirgapError("%s %s" % (_pool.told(*found), _pool.SAME_FILE))


def unless_it_is_its_base(manifest: t.Dict[str, t.Any], before: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """Return a manifest whose base is the bundle before; if it holds just the same, return it as it was before."""
    carried = {entry["path"]: is_carried(entry) for entry in before["files"]}
    files = [dict(entry, carried=carried.get(entry["path"], True)) for entry in manifest["files"]]
    same = dict(manifest, base=before["base"], files=files, id=before["id"])
    return same if identify(same) == before["id"] else manifest


def walk(root: str) -> t.Dict[str, int]:
    """Return path to size of every file below a folder; raises AirgapError for what is no plain file."""
    found: t.Dict[str, int] = {}
    folders = [""]
    while folders:
        folder = folders.pop()
        for item in os.scandir(os.path.join(root, folder)):
            path = os.path.join(folder, item.name)
            status = item.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                folders.append(path)
            elif stat.S_ISREG(status.st_mode):
                found[path] = status.st_size
            else:
                raise AirgapError(NOT_A_FILE % os.path.join(root, path))
    return found


def check_owners(root: str, beside: t.Iterable[str] = ()) -> None:
    """Refuse a bundle that another user than root and this one can change while it is used.

    By its folders and files, by a folder above it, or by another name of a file
    (a hard link) outside. Folders ``beside`` it are ours, too, and may hold such
    names: a reception links what it has already. Raises AirgapError.
    """
    check_folders_above(root)
    names: t.Dict[t.Tuple[int, int], int] = {}
    linked: t.Dict[str, os.stat_result] = {}
    for path, status in _statuses(root):
        reason = other_writers(status)
        if reason:
            raise AirgapError(
                "%s can be changed by others while it is used: %s. Use a copy in a folder of your own (cp -r %s), or run "
                "'chmod -R go-w' and 'chown -R' on it." % (path, reason, root)
            )
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            linked[path] = status
            names[status.st_dev, status.st_ino] = names.get((status.st_dev, status.st_ino), 0) + 1
    for folder in beside if linked else ():
        for _dummy, status in _statuses(folder) if os.path.isdir(folder) else ():
            if (status.st_dev, status.st_ino) in names:
                names[status.st_dev, status.st_ino] += 1
    for path, status in linked.items():
        if names[status.st_dev, status.st_ino] < status.st_nlink:
            raise AirgapError(
                "%s has another name outside of the bundle (a hard link), and who writes to that changes it. "
                "Use a copy in a folder of your own: cp -r %s" % (path, root)
            )


def _statuses(folder: str) -> t.Iterator[t.Tuple[str, os.stat_result]]:
    """Return the path and the status of a folder and of all that lies below it."""
    yield folder, os.lstat(folder)
    if os.path.islink(folder):
        yield os.path.realpath(folder), os.stat(folder)
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            yield os.path.join(parent, name), os.lstat(os.path.join(parent, name))


def _read(path: str, limit: int) -> bytes:
    """Return up to ``limit`` bytes of a plain file; raises FileNotFoundError, or AirgapError for what is no file."""
    with open_plain(path) as stream:
        return stream.read(limit)


def read_text(path: str) -> str:
    """Return the text of a small file of a bundle; raises AirgapError if it is missing, huge or no text."""
    try:
        data = _read(path, LARGEST_TEXT + 1)
    except FileNotFoundError as error:
        raise AirgapError("%s is missing. Stage the bundle, or fetch it again." % path) from error
    if len(data) > LARGEST_TEXT:
        raise AirgapError("%s is larger than %d MiB, which no bundle needs." % (path, LARGEST_TEXT >> 20))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise AirgapError("%s is not UTF-8 text. Fetch the bundle again." % path) from error


def read_signatures(root: str) -> t.Tuple[bytes, t.Optional[t.List[_signature.Block]]]:
    """Return the bytes that are signed and the blocks over them, None where there is no signature file.

    Raises AirgapError for a signature file that holds anything else, whether a signature is asked for or not.
    """
    sums = read_text(os.path.join(root, SUMS)).encode("utf-8")
    path = os.path.join(root, SIGNATURE)
    try:
        data = _read(path, _signature.LARGEST + 1)
    except FileNotFoundError:
        return sums, None
    return sums, _signature.cut(data, path)


def read(root: str) -> t.Dict[str, t.Any]:
    """Return the manifest of the bundle in a folder; raises AirgapError if it is missing or wrong."""
    path = os.path.join(root, MANIFEST)
    return parse_manifest(read_text(path), path)


def verify(
    root: str,
    whole: bool = False,
    known: t.Optional[t.Mapping[str, str]] = None,
    incoming: str = "",
    beside: t.Optional[t.Callable[[str], bool]] = None,
) -> t.Tuple[t.Dict[str, t.Any], t.List[Entry]]:
    """Check that a folder is a bundle and nothing else; return its manifest and every file that is there.

    In this order: that nobody else can change it, in ``incoming`` being what a
    reception has linked; the form of the signatures (who made them is _approval's);
    the names in the sums and the manifest; that the folder holds just the
    files they name; every sum; that manifest, locks and sums agree. Files of
    the manifest that are not carried are checked against it;
    they may be absent(), but not if the bundle must be ``whole``. ``known`` are
    sums that the caller has from writing the files itself just now: those are
    not read again. With ``beside``, the folder has the open part alone, which is all
    but the pool: paths for which that is true lie beside it and are not looked at,
    and who can change the folder is not either. Raises AirgapError with the name of
    the first file that is wrong.
    """
    found = walk(root) if os.path.isdir(root) else {}
    if beside is not None:
        found = {path: size for path, size in found.items() if not beside(path)}
    elif found:
        # A reception that was broken off leaves the first or the second.
        check_owners(root, [root + ".previous", incoming or os.path.join(os.path.dirname(root), "incoming")])
    manifest, sums = _read_names(root)
    listed = {entry["path"]: entry for entry in manifest["files"]}
    wanted = {path: sha256 for path, sha256 in sums.items() if beside is None or not is_in_pool(path)}
    wanted.update({path: entry["sha256"] for path, entry in listed.items() if not is_carried(entry) and path in found})
    for path in sorted(set(found) - set(wanted) - {SUMS, SIGNATURE}):
        raise AirgapError(
            "%s is not in the bundle's sums: someone put it there. Remove it, or %s the bundle again."
            % (os.path.join(root, path), "stage" if beside is None else "export")
        )
    for path in sorted(set(wanted) - set(found)):
        raise AirgapError(
            "%s is missing. %s."
            % (
                os.path.join(root, path),
                "Remove the folder %s and transfer the bundle again" % root
                if beside is None
                else "Export the bundle again",
            )
        )
    entries = _hash(root, wanted, found, sums, known or {})
    promised = [] if beside is None else [one._replace(sha256=sums[one.path]) for one in carried(manifest)]
    _check_agreement(root, manifest, {entry.path: entry for entry in promised + entries})
    for path in (SUMS, SIGNATURE):
        if path in found:
            entries.append(Entry(path, sha256_file(os.path.join(root, path)), found[path]))
    if whole:
        check_whole(root, manifest, absent(manifest, entries))
    return manifest, entries


def _read_names(root: str) -> t.Tuple[t.Dict[str, t.Any], t.Dict[str, str]]:
    """Return manifest and sums of a folder after judging each name in them, and that both mean the same pool."""
    sums_path = os.path.join(root, SUMS)
    data, dummy = read_signatures(root)
    sums = parse_sums(data.decode("utf-8"), sums_path)
    manifest = read(root)
    if MANIFEST not in sums:
        raise AirgapError("%s does not name %s. Fetch the bundle again." % (sums_path, MANIFEST))
    check_names(set(sums) | {entry["path"] for entry in manifest["files"]}, root)
    brought = {entry.path for entry in carried(manifest)}
    for path in sorted(brought ^ {path for path in sums if is_in_pool(path)}):
        raise AirgapError(
            "%s is in only one of %s (as a file that is carried) and %s. Remove the folder %s and transfer the bundle again."
            % (os.path.join(root, path), MANIFEST, SUMS, root)
        )
    return manifest, sums


def _hash(
    root: str,
    wanted: t.Mapping[str, str],
    found: t.Mapping[str, int],
    sums: t.Mapping[str, str],
    known: t.Mapping[str, str],
) -> t.List[Entry]:
    """Return an entry for each wanted file; raises AirgapError for the first whose sum is another."""
    paths = [path for path in sorted(wanted) if path not in known]
    reals = dict(zip(paths, sha256_files(os.path.join(root, path) for path in paths)), **known)
    entries = []
    for path in sorted(wanted):
        real = reals[path]
        if real != wanted[path]:
            raise AirgapError(
                "%s has sha256 %s and should have %s (%s): it was damaged or changed. Remove the folder %s and transfer the bundle again."
                % (os.path.join(root, path), real, wanted[path], SUMS if path in sums else MANIFEST, root)
            )
        entries.append(Entry(path, real, found[path]))
    return entries


def absent(manifest: t.Mapping[str, t.Any], entries: t.Iterable[Entry]) -> t.List[t.Dict[str, t.Any]]:
    """Return the manifest's files that are not among those that verify() found: the base has them."""
    there = {entry.path for entry in entries}
    return [entry for entry in manifest["files"] if entry["path"] not in there]


def carried(manifest: t.Mapping[str, t.Any]) -> t.List[Entry]:
    """Return the files of the pool that a bundle brings."""
    return [Entry(one["path"], one["sha256"], one["size"]) for one in manifest["files"] if is_carried(one)]


def left_out(manifest: t.Mapping[str, t.Any]) -> t.List[Entry]:
    """Return the files that a manifest leaves to its base."""
    return [Entry(one["path"], one["sha256"], one["size"]) for one in manifest["files"] if not is_carried(one)]


def to_send(manifest: t.Mapping[str, t.Any], entries: t.Iterable[Entry]) -> t.List[Entry]:
    """Return what has to cross of what verify() found: all but the files that the base has."""
    others = {entry.path for entry in left_out(manifest)}
    return [entry for entry in entries if entry.path not in others]


def check_whole(where: str, manifest: t.Mapping[str, t.Any], missing: t.Sequence[t.Mapping[str, t.Any]]) -> None:
    """Raise AirgapError, with the base that is not here, where files of a delta are missing."""
    if missing:
        raise AirgapError(
            "%s: bundle %s adds to bundle %s, and %d of the files that it leaves to it are not here, the first %s. "
            "Import bundle %s first, or stage again with stage_base empty, which brings all files."
            % (where, manifest["id"], manifest["base"], len(missing), missing[0]["path"], manifest["base"])
        )


def _check_agreement(root: str, manifest: t.Mapping[str, t.Any], entries: t.Mapping[str, Entry]) -> None:
    listed = {entry["path"]: entry for entry in manifest["files"]}
    for path, entry in listed.items():
        if path in entries and (entry["sha256"], entry["size"]) != entries[path][1:]:
            raise AirgapError(
                "%s has another sum or size in %s than in %s. Remove the folder %s and transfer the bundle again."
                % (os.path.join(root, path), MANIFEST, SUMS, root)
            )
    for path in entries:
        if not path.startswith(LOCKS + "/"):
            continue
        where = os.path.join(root, path)
        pins = _lock.parse(read_text(where), where)
        for pin in pins:
            entry = listed.get("%s/%s" % (POOL, pin.filename))
            if entry is None or entry["sha256"] != pin.sha256:
                raise AirgapError(
                    "%s pins %s, which is not in the pool. Stage the bundle again." % (where, pin.filename)
                )


class Part(t.NamedTuple):
    """A run of bytes of one file of a bundle."""

    path: str
    offset: int
    length: int


def cut(missing: t.Iterable[t.Tuple[str, int, int]], piece_size: int) -> t.List[t.List[Part]]:
    """Lay runs of bytes (path, from, up to) out in pieces of at most ``piece_size`` bytes, in order."""
    pieces: t.List[t.List[Part]] = []
    room = 0
    for path, offset, end in missing:
        while True:
            if room <= 0 or not pieces:
                pieces.append([])
                room = piece_size
            length = min(end - offset, room)
            pieces[-1].append(Part(path, offset, length))
            room -= max(length, 1)
            offset += length
            if offset >= end:
                break
    return pieces


def _not_through_a_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)


def blocks_of_parts(root: str, parts: t.Iterable[Part]) -> t.Iterator[bytes]:
    """Return the bytes of parts, in order."""
    for part in parts:
        check_name(part.path, "the plan")
        with open(os.path.join(root, part.path), "rb", buffering=0, opener=_not_through_a_link) as stream:
            stream.seek(part.offset)
            left = part.length
            while left:
                block = stream.read(min(left, CHUNK))
                if not block:
                    raise AirgapError("%s became shorter while it was read." % os.path.join(root, part.path))
                yield block
                left -= len(block)


def digest_of_parts(root: str, parts: t.Iterable[Part], write: t.Callable[[bytes], t.Any]) -> str:
    """Pass the bytes of parts on to ``write`` and return their SHA-256 in hex."""
    digest = hashlib.sha256()
    for block in blocks_of_parts(root, parts):
        digest.update(block)
        write(block)
    return digest.hexdigest()
