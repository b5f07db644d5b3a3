# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project's checkout or release archive on the control host: read a file of it, and pack a checkout."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import subprocess
import tarfile
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

ENDINGS = (".tar.gz", ".tgz")
LARGEST = 1024 * 1024


def is_archive(path: str) -> bool:
    """Return whether a path is that of a release archive."""
    return path.endswith(ENDINGS) and os.path.isfile(path)


def read_text(path: str, name: str) -> t.Optional[str]:
    """Return a text file of a checkout or an archive, None if it has none of this name; raises AirgapError.

    The files of an archive may be in one folder, as those of a release are.
    """
    try:
        if not is_archive(path):
            place = os.path.join(path, name)
            if not os.path.isfile(place):
                return None
            with open(place, encoding="utf-8") as stream:
                return stream.read(LARGEST)
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                parts = [one for one in member.name.split("/") if one not in ("", ".")]
                if member.isreg() and name.split("/") in (parts, parts[1:]):
                    found = archive.extractfile(member)
                    return found.read(LARGEST).decode("utf-8") if found else None
    except (OSError, EOFError, tarfile.TarError, UnicodeDecodeError) as error:
        raise AirgapError("%s of %s cannot be read: %s. Get the release again." % (name, path, error)) from error
    return None


def pack(folder: str, path: str) -> None:
    """Write the archive of a checkout: the same files give the same bytes."""
    top = os.path.basename(path).partition(".tar")[0]
    with contextlib.ExitStack() as stack:
        raw = stack.enter_context(open(path, "wb"))
        packed = stack.enter_context(gzip.GzipFile("", "wb", 6, raw, 0))
        archive = stack.enter_context(tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT))
        for name in _files(folder):
            _add(archive, os.path.join(folder, name), "%s/%s" % (top, name))


def _files(folder: str) -> t.List[str]:
    """Return the files of a checkout: with git those that it tracks, because others may be secrets of a cluster."""
    if os.path.exists(os.path.join(folder, ".git")):
        command = ["git", "-c", "safe.directory=*", "-C", folder, "ls-files", "-z", "--cached"]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        except OSError as error:
            raise AirgapError("git cannot be run: %s. Install it on the control host." % error.strerror) from error
        if done.returncode != 0:
            text = done.stderr.decode("utf-8", "replace").strip()
            raise AirgapError(
                "git cannot list the files of %s: %s. Correct that, or name a release archive." % (folder, text)
            )
        names = [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
        return sorted(name for name in names if os.path.lexists(os.path.join(folder, name)))
    found = []
    for place, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        found += [os.path.relpath(os.path.join(place, name), folder) for name in names + links]
    return sorted(found)


def _add(archive: tarfile.TarFile, path: str, name: str) -> None:
    """Add a file or a link, without time and owner."""
    member = tarfile.TarInfo(name)
    if os.path.islink(path):
        member.type, member.mode, member.linkname = tarfile.SYMTYPE, 0o777, os.readlink(path)
        archive.addfile(member)
    elif os.path.isfile(path):
        with open(path, "rb") as stream:
            data = stream.read()
        member.mode, member.size = 0o755 if os.access(path, os.X_OK) else 0o644, len(data)
        archive.addfile(member, io.BytesIO(data))
