# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore a backup to a host that has nothing in those places. Nothing is ever replaced.

The list of a backup names what was where; this uses the names of the sources only, and the paths come from the site.
"""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import shutil
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._backup import _check, _snapshot
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import fsync_dir, make_folder, open_plain
from ansible_collections.airgap.python.plugins.module_utils._hashes import copy_hashed, sha256_file

ASIDE = ".restoring"
# Source and path of the note that devpi-server has of its identity and its part in replication.
NOTE = ("devpi", ".nodeinfo")
Entries = t.Sequence[t.Mapping[str, t.Any]]


def choose(folder: str) -> str:
    """Return the backup that a path names: itself, or the newest in it. Raises AirgapError if there is none."""
    if os.path.isfile(os.path.join(folder, _snapshot.LIST)):
        return folder
    found = _snapshot.names(folder)
    if not found:
        raise AirgapError("%s is not a backup and holds none. Name the folder of the backups, or one of them." % folder)
    return os.path.join(folder, found[-1])


def is_there(path: str, entries: Entries, name: str = "") -> bool:
    """Return whether a place holds what a backup has of a source. A database goes on changing, so its presence counts."""
    for entry in entries:
        place = os.path.join(path, entry["path"]) if entry["path"] else path
        if entry["type"] == "link":
            if not os.path.islink(place) or os.readlink(place) != entry["target"]:
                return False
        elif entry["type"] == "folder":
            if not os.path.isdir(place):
                return False
        elif (
            not os.path.isfile(place)
            or not entry.get("database")
            and (name, entry["path"]) != NOTE
            and (os.path.getsize(place) != entry["size"] or sha256_file(place) != entry["sha256"])
        ):
            return False
    return True


def is_free(path: str) -> bool:
    """Return whether nothing is lost if a path is filled: it does not exist, is empty, or a killed run was filling it."""
    if not os.path.lexists(path):
        return True
    if os.path.islink(path) or not os.path.isdir(path):
        return False
    found = set(os.listdir(path)) - {"lost+found"}
    return not found or ASIDE in found


def plan(document: t.Mapping[str, t.Any], sources: t.Sequence[_snapshot.Source]) -> t.List[_snapshot.Source]:
    """Return the sources to restore, without those that are in place; raises AirgapError if something would be lost."""
    missing = [one.name for one in sources if one.name not in document["sources"] and not one.optional]
    if missing:
        raise AirgapError(
            "This backup does not contain %s. It is of another site or another kind of index: it contains %s."
            % (" and ".join(missing), ", ".join(sorted(document["sources"])))
        )
    wanted, lost = [], []
    for source in sources:
        entries = document["sources"].get(source.name)
        if entries is None or is_there(source.path, entries, source.name):
            continue
        if is_free(source.path):
            wanted.append(source)
        else:
            lost.append(source.path)
    if lost:
        raise AirgapError(
            "%s exists on this host and differs from the backup. A backup is restored to a fresh host, and replaces "
            "nothing: play teardown with devpi_remove_data=true first, or move it away." % " and ".join(lost)
        )
    return wanted


def owner_here(number: int, known: t.Mapping[str, str], by_name: t.Callable[[str], int], kind: str) -> int:
    """Return the number that an owner or group has on this host; its old one where the host does not know the name.

    Raises AirgapError if that number belongs to someone else here.
    """
    name = known.get(str(number), "")
    if name:
        with contextlib.suppress(KeyError):
            return by_name(name)
    other = _name_here(number, kind)
    if other and other != name:
        raise AirgapError(
            "The backup has files of the %s %s (number %d), and here that number belongs to %s. Create the %s %s first."
            % (kind, name or "without a name", number, other, kind, name or number)
        )
    return number


def missing_accounts(
    document: t.Mapping[str, t.Any], sources: t.Sequence[_snapshot.Source], comments: t.Container[str]
) -> t.Dict[str, str]:
    """Return the accounts that sources belong to and that this host lacks, with their comments, if it is one of those given.

    Another account could get the number that one of them had.
    """
    found = {}
    for source in sources:
        for entry in document["sources"][source.name]:
            for kind, number in (("users", entry["uid"]), ("groups", entry["gid"])):
                name = document[kind].get(str(number), "")
                comment = document.get("comments", {}).get(name)
                if comment in comments and not _has_account(name):
                    found[name] = comment
    return found


def _has_account(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _name_here(number: int, kind: str) -> str:
    try:
        return pwd.getpwuid(number).pw_name if kind == "user" else grp.getgrgid(number).gr_name
    except KeyError:
        return ""


def restore(backup: str, document: t.Mapping[str, t.Any], sources: t.Sequence[_snapshot.Source]) -> None:
    """Restore sources from a backup that was checked; each appears under its path when it is complete."""
    for source in sources:
        path = source.path.rstrip("/")
        # A folder that is a file system of its own is filled from within.
        is_mount = os.path.ismount(path)
        aside = os.path.join(path, ASIDE) if is_mount else path + ASIDE
        for name in sorted(os.listdir(path)) if is_mount else ():
            if name not in ("lost+found", ASIDE):
                _remove(os.path.join(path, name))
        _remove(aside)
        make_folder(os.path.dirname(aside))
        _fill(os.path.join(backup, source.name), aside, document, source.name)
        if source.name == NOTE[0]:
            note = os.path.join(aside, NOTE[1])
            if os.path.lexists(note):
                forget_identity(note)
        os.sync()
        if is_mount:
            _move_up(aside, path)
        else:
            os.rename(aside, path)
        fsync_dir(os.path.dirname(path))


def _fill(origin: str, aside: str, document: t.Mapping[str, t.Any], name: str) -> None:
    entries = document["sources"][name]
    for entry in entries:
        _write(origin, aside, entry, document)
    # Modes last: a folder that its owner may not write to gets its files before.
    for entry in reversed(entries):
        if entry["type"] == "folder":
            os.chmod(os.path.join(aside, entry["path"]) if entry["path"] else aside, entry["mode"] & 0o777)


def forget_identity(note: str) -> None:
    """Remove the identity of a devpi-server from its own note; it gives itself a new one when it starts.

    It goes on from an older state. A replica that copied the later one would take the next changes for those that follow its
    own, and mix both. With another identity, devpi-server refuses that, and the role devpi copies the data again.
    """
    with open_plain(note) as stream:
        data = stream.read()
    try:
        found = json.loads(data)
    except ValueError:
        return
    if isinstance(found, dict) and found.pop("uuid", None) is not None:
        with open(note, "w", encoding="utf-8") as target:
            json.dump(found, target)


def _move_up(aside: str, path: str) -> None:
    """Move what was restored from a folder to the one above it; the folder goes last, and marks that this is not done."""
    status = os.stat(aside)
    for name in sorted(os.listdir(aside)):
        os.rename(os.path.join(aside, name), os.path.join(path, name))
    os.chown(path, status.st_uid, status.st_gid)
    os.chmod(path, status.st_mode & 0o777)
    os.rmdir(aside)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _write(origin: str, aside: str, entry: t.Mapping[str, t.Any], document: t.Mapping[str, t.Any]) -> None:
    place = os.path.join(aside, entry["path"]) if entry["path"] else aside
    copy = os.path.join(origin, entry["path"]) if entry["path"] else origin
    uid = owner_here(entry["uid"], document["users"], lambda name: pwd.getpwnam(name).pw_uid, "user")
    gid = owner_here(entry["gid"], document["groups"], lambda name: grp.getgrnam(name).gr_gid, "group")
    if entry["type"] == "folder":
        os.mkdir(place, 0o700)
    elif entry["type"] == "link":
        os.symlink(entry["target"], place)
    else:
        before = os.umask(0o077)
        try:
            if copy_hashed(copy, place) != entry["sha256"]:
                raise AirgapError("%s was changed after it was checked. Use another backup." % copy)
        finally:
            os.umask(before)
    os.chown(place, uid, gid, follow_symlinks=False)
    if entry["type"] == "file":
        os.chmod(place, entry["mode"] & 0o777)


def ensure_restored(
    folder: str,
    sources: t.Sequence[_snapshot.Source],
    check_mode: bool,
    comments: t.Container[str] = (),
    create_account: t.Callable[[str, str], object] = lambda name, comment: None,
) -> t.Dict[str, t.Any]:
    """Check a backup and restore what is not in place; return the result of the module.

    Accounts with these comments are created with ``create_account``, called with name and comment, where the host lacks them.
    """
    backup = choose(folder)
    document = _snapshot.read(backup)
    wanted = plan(document, sources)
    problems = _check.find_problems(backup) if wanted else []
    if problems:
        raise AirgapError(
            "The backup %s is damaged: %s. Nothing was restored. Use another one." % (backup, "; ".join(problems))
        )
    if not check_mode:
        for name, comment in sorted(missing_accounts(document, wanted, comments).items()):
            create_account(name, comment)
        restore(backup, document, wanted)
    return {
        "changed": bool(wanted),
        "backup": backup,
        "created": document["created"],
        "restored": [one.path for one in wanted],
    }
