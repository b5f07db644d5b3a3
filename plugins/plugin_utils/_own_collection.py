# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pack this collection, as it is on the control host, into an archive that ansible-galaxy installs.

The same files give the same bytes: an archive of 'ansible-galaxy collection build' has the time at which it was built.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
_FILES, _MANIFEST = "FILES.json", "MANIFEST.json"


def pack(path: str, root: str = ROOT) -> None:
    """Write the archive of the collection in a folder: an installed one, or a checkout of its repository."""
    is_installed = os.path.exists(os.path.join(root, _MANIFEST))
    listing, manifest, read = _installed(root) if is_installed else _checkout(root)
    listing["files"] = sorted(listing["files"], key=lambda one: str(one["name"]))
    text = _render(listing)
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(text).hexdigest()
    with contextlib.ExitStack() as stack:
        raw = stack.enter_context(open(path, "wb"))
        packed = stack.enter_context(gzip.GzipFile("", "wb", 6, raw, 0))
        archive = stack.enter_context(tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT))
        _add(archive, _MANIFEST, _render(manifest))
        _add(archive, _FILES, text)
        for entry in listing["files"]:
            if entry["ftype"] != "dir":
                _add(archive, entry["name"], _read(read, entry), read(entry["name"])[1])
            elif entry["name"] != ".":
                _add(archive, entry["name"], None)


def _installed(root: str) -> t.Tuple[t.Dict[str, t.Any], t.Dict[str, t.Any], t.Callable[[str], t.Tuple[bytes, bool]]]:
    documents = []
    for name in (_FILES, _MANIFEST):
        with open(os.path.join(root, name), encoding="utf-8") as stream:
            documents.append(json.load(stream))

    def read(name: str) -> t.Tuple[bytes, bool]:
        path = os.path.join(root, name)
        with open(path, "rb") as stream:
            return stream.read(), os.access(path, os.X_OK)

    return documents[0], documents[1], read


def _checkout(root: str) -> t.Tuple[t.Dict[str, t.Any], t.Dict[str, t.Any], t.Callable[[str], t.Tuple[bytes, bool]]]:
    """Have ansible-galaxy decide what belongs to the collection, from its galaxy.yml."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "ansible", "galaxy", "collection", "build", "--output-path", folder, root]
        environment = dict(os.environ, ANSIBLE_NOCOLOR="1", ANSIBLE_DEPRECATION_WARNINGS="0")
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        names = os.listdir(folder)
        if done.returncode != 0 or len(names) != 1:
            raise AirgapError(
                "This collection cannot be packed from %s: %s. Install it with ansible-galaxy, or set stage_own_collection: "
                "false." % (root, done.stdout.decode("utf-8", "replace").strip().rpartition("\n")[2])
            )
        found: t.Dict[str, t.Tuple[bytes, bool]] = {}
        with tarfile.open(os.path.join(folder, names[0]), "r:gz") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isreg() or member.issym() else None
                if stream is not None:
                    found[member.name] = (stream.read(), bool(member.mode & 0o100))
    return json.loads(found[_FILES][0]), json.loads(found[_MANIFEST][0]), found.__getitem__


def _read(read: t.Callable[[str], t.Tuple[bytes, bool]], entry: t.Mapping[str, t.Any]) -> bytes:
    """Return the content of a listed file; raises AirgapError if it is not the listed one."""
    try:
        data = read(entry["name"])[0]
    except (KeyError, OSError) as error:
        raise AirgapError(
            "%s of this collection cannot be read: %s. Install the collection again." % (entry["name"], error)
        ) from error
    if hashlib.sha256(data).hexdigest() != entry["chksum_sha256"]:
        raise AirgapError(
            "%s of this collection was changed after it was installed. Install the collection again: ansible-galaxy "
            "collection verify shows what differs." % entry["name"]
        )
    return data


def _render(document: t.Any) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode("utf-8")


def _add(archive: tarfile.TarFile, name: str, data: t.Optional[bytes], is_program: bool = False) -> None:
    """Add a file, or a folder (None), without time and owner."""
    member = tarfile.TarInfo(name)
    if data is None:
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(member)
        return
    member.mode, member.size = 0o755 if is_program else 0o644, len(data)
    archive.addfile(member, io.BytesIO(data))
