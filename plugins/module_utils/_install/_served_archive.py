# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An archive that the index serves, unpacked: a link to a folder for each content, which is never changed afterwards."""

from __future__ import annotations

import os
import posixpath
import shutil
import tarfile
import tempfile
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import TEMPORARY_PREFIX, make_folder
from ansible_collections.airgap.python.plugins.module_utils._hashes import is_sha256, sha256_file, sha256_stream
from ansible_collections.airgap.python.plugins.module_utils._http_response import check_received
from ansible_collections.airgap.python.plugins.module_utils._install import _index_file

Params = t.Mapping[str, t.Any]
# A release of Kubespray has some 2,000 files of 10 MB together.
MOST_FILES, MOST_BYTES = 100_000, 2 * 1024**3
DIGITS = 12


def folder_of(dest: str, sha256: str) -> str:
    """Return the folder that an archive is unpacked to."""
    return "%s-%s" % (dest, sha256[:DIGITS])


def apply(params: Params, check_mode: bool) -> t.Dict[str, t.Any]:
    """Have ``dest`` lead to the unpacked archive; return the result of the module. Raises AirgapError and OSError.

    An archive that was unpacked costs no request.
    """
    dest, sha256 = params["dest"].rstrip("/"), params["sha256"]
    if params["state"] == "absent":
        return _remove(dest, check_mode)
    if not is_sha256(sha256 or ""):
        raise AirgapError("sha256 is %r, not 64 lower-case hex digits." % str(sha256)[:80])
    if os.path.lexists(dest) and not _is_ours(dest):
        raise AirgapError(
            "%s exists, and is not a link that this collection made. Move it, or name another folder." % dest
        )
    folder = folder_of(dest, sha256)
    is_linked = os.path.islink(dest) and os.readlink(dest) == os.path.basename(folder)
    if is_linked and os.path.isdir(folder):
        return {"changed": False, "path": dest}
    if not check_mode:
        make_folder(os.path.dirname(dest))
        if not os.path.isdir(folder):
            _write(folder, params)
        _link(dest, folder)
        _remove_others(dest, folder)
    return {"changed": True, "path": dest}


def _is_ours(dest: str) -> bool:
    """Return whether a path is a link to a folder next to it that has an archive's name."""
    if not os.path.islink(dest):
        return False
    target = os.readlink(dest)
    return "/" not in target and _is_folder_of(os.path.basename(dest), target)


def _is_folder_of(base: str, name: str) -> bool:
    digits = name[len(base) + 1 :]
    return name.startswith(base + "-") and len(digits) == DIGITS and set(digits) <= set("0123456789abcdef")


def _write(folder: str, params: Params) -> None:
    """Fetch, verify and unpack an archive to a folder that did not exist."""
    scratch = tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=os.path.dirname(folder))
    try:
        archive = os.path.join(scratch, "archive")
        _fetch(archive, params)
        unpacked = os.path.join(scratch, "unpacked")
        os.mkdir(unpacked)
        os.chmod(unpacked, 0o755)
        unpack(archive, unpacked)
        os.rename(unpacked, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _fetch(path: str, params: Params) -> None:
    for left in reversed(range(max(params["attempts"], 1))):
        try:
            _fetch_once(path, params)
            return
        except AirgapError:
            # Another index host may serve it under the same name.
            if not left:
                raise


def _fetch_once(path: str, params: Params) -> None:
    url = params["url"]
    try:
        with _index_file.open_url(url, "*/*", params) as response, open(path, "wb") as stream:
            real = sha256_stream(response, stream.write)
            check_received(response)
    except _index_file.BROKEN as error:
        raise AirgapError(
            "%s cannot be read: %s. Play index, so that the front serves the files of the bundle; check that this host reaches "
            "it, and its certificate (pip_conf_cert)." % (url, _index_file.why(error))
        ) from error
    if real != params["sha256"] or sha256_file(path) != real:
        raise AirgapError(
            "%s has sha256 %s instead of %s, and was not unpacked. Play index, so that the files of the bundle are served."
            % (url, real, params["sha256"])
        )


def unpack(archive: str, folder: str) -> None:
    """Unpack files, folders and links that stay inside; a single folder at the top is left out. Raises AirgapError."""
    try:
        with tarfile.open(archive, "r:gz") as stream:
            members = []
            for member in stream:
                members.append(member)
                if len(members) > MOST_FILES or sum(one.size for one in members[-1:]) > MOST_BYTES:
                    raise AirgapError("The archive has more files or larger ones than a checkout can have.")
            if sum(one.size for one in members) > MOST_BYTES:
                raise AirgapError("The archive has more files or larger ones than a checkout can have.")
            names = {member: _parts(member.name) for member in members if member.type != tarfile.XGLTYPE}
            tops = {parts[0] for parts in names.values() if parts}
            inner = (
                1
                if len(tops) == 1 and all(len(parts) > 1 or one.isdir() for one, parts in names.items() if parts)
                else 0
            )
            links = []
            for member, parts in names.items():
                if len(parts) > inner:
                    path = os.path.join(folder, *parts[inner:])
                    if member.issym():
                        links.append((member, parts[inner:], path))
                    else:
                        _unpack_member(stream, member, path)
            # Last, so that no file is written through a link.
            for member, parts, path in links:
                target = posixpath.normpath(
                    posixpath.join(*parts[:-1], member.linkname) if parts[:-1] else member.linkname
                )
                if member.linkname.startswith("/") or target.split("/")[0] == "..":
                    raise AirgapError("%s in the archive leads out of it." % member.name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                os.symlink(member.linkname, path)
    except (tarfile.TarError, EOFError) as error:
        raise AirgapError("The archive cannot be unpacked: %s. Stage the bundle again." % error) from error


def _parts(name: str) -> t.List[str]:
    parts = [one for one in name.split("/") if one not in ("", ".")]
    if name.startswith("/") or ".." in parts:
        raise AirgapError("%s in the archive leads out of it." % name)
    return parts


def _unpack_member(stream: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
    if member.isdir():
        os.makedirs(path, mode=0o755, exist_ok=True)
        return
    content = stream.extractfile(member) if member.isreg() else None
    if content is None:
        raise AirgapError("%s in the archive is neither a file nor a folder nor a link." % member.name)
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    with content, open(path, "xb") as target:
        shutil.copyfileobj(content, target)
    os.chmod(path, 0o755 if member.mode & 0o100 else 0o644)


def _link(dest: str, folder: str) -> None:
    """Let a link lead to a folder next to it, in one step."""
    aside = "%s.%s" % (dest, TEMPORARY_PREFIX.strip("."))
    if os.path.lexists(aside):
        os.unlink(aside)
    os.symlink(os.path.basename(folder), aside)
    os.replace(aside, dest)


def _folders(dest: str) -> t.List[str]:
    place = os.path.dirname(dest)
    names = sorted(os.listdir(place)) if os.path.isdir(place) else []
    return [os.path.join(place, name) for name in names if _is_folder_of(os.path.basename(dest), name)]


def _remove_others(dest: str, folder: str) -> None:
    """Remove what was unpacked before, except the newest of it."""
    others = sorted((one for one in _folders(dest) if one != folder), key=os.path.getmtime)
    for one in others[:-1]:
        shutil.rmtree(one)


def _remove(dest: str, check_mode: bool) -> t.Dict[str, t.Any]:
    folders = _folders(dest)
    is_linked = _is_ours(dest)
    if not check_mode:
        if is_linked:
            os.unlink(dest)
        for one in folders:
            shutil.rmtree(one)
    return {"changed": bool(is_linked or folders), "path": dest}
