# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sending side of a transfer: what of a bundle or a volume is sent, and the process that writes it into a pipe."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout, _sums
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_bytes, sha256_file
from ansible_collections.airgap.python.plugins.module_utils._transfer import _parts, _pipe, _stream, _volumes

Emit = t.Callable[[bytes], t.Any]


class Load(t.NamedTuple):
    """What a stream will hold: its size in bytes, before compression, and the function that writes it."""

    bytes: int
    write: t.Callable[[Emit], None]


def load(path: str, sha256: str, known: t.Collection[str], wanted: t.Sequence[str]) -> Load:
    """Return what is sent: the parts of the pool or of a volume that ``wanted`` names, or the open part without it.

    Raises AirgapError if the bundle is not the one whose SHA256SUMS has this SHA-256.
    """
    if wanted:
        root, parts = pool_parts(path, sha256, wanted)
        return Load(sum(part.length for part in parts), lambda emit: _stream.write(root, parts, emit))
    files = open_part(path, sha256, known)
    return Load(sum(size for dummy, size in files), lambda emit: _stream.write_open(path, files, emit))


def open_part(root: str, sha256: str, known: t.Collection[str]) -> t.List[t.Tuple[str, int]]:
    """Return path and size of the files of the open part whose SHA-256 is not known, SHA256SUMS first."""
    sums = {path: one for path, one in _read_sums(root, sha256).items() if not _layout.is_payload(path)}
    for name in (_layout.SUMS, _layout.SIGNATURE, _volumes.LIST):
        if os.path.isfile(os.path.join(root, name)):
            sums[name] = sha256_file(os.path.join(root, name))
    paths = sorted((path for path in sums if sums[path] not in known), key=lambda path: (path != _layout.SUMS, path))
    return [(path, os.lstat(os.path.join(root, path)).st_size) for path in paths]


def pool_parts(root: str, sha256: str, wanted: t.Sequence[str]) -> t.Tuple[str, t.List[_parts.Part]]:
    """Return the folder and the parts that are wanted of a bundle's pool, or of a volume if ``root`` is a file."""
    if os.path.isfile(root):
        root, name = os.path.split(root)
        paths = [name]
    else:
        paths = sorted(path for path in _read_sums(root, sha256) if _layout.is_payload(path))
    return root, _parts.parse_wanted(wanted, paths, lambda path: os.lstat(os.path.join(root, path)).st_size)


def _read_sums(root: str, sha256: str) -> t.Dict[str, str]:
    path = os.path.join(root, _layout.SUMS)
    text = _folder.read_text(path)
    if sha256_bytes(text.encode("utf-8")) != sha256:
        raise AirgapError("%s has changed: it is not that of the offered bundle any more. Run this again." % path)
    return _sums.parse(text, path)


def start(write: t.Callable[[Emit], None], folder: str) -> None:
    """Start a process that serves the stream; return when that process no longer depends on this one."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            os.close(reader)
            _detach()
            os.close(writer)
            serve(write, folder)
        finally:
            os._exit(0)
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)


def _detach() -> None:
    """Leave the session, the working folder and the standard streams of the module, so that this process outlives it."""
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)


def serve(write: t.Callable[[Emit], None], folder: str) -> None:
    """Write the stream into the pipe in a folder; why that fails is written next to the pipe, for relay.sh to print."""
    path = os.path.join(folder, "pipe")
    # Without a peer, or when the peer ends, nobody reads the reason either.
    with contextlib.suppress(AirgapError, OSError), contextlib.closing(_pipe.Pipe(path, os.O_WRONLY)) as pipe:
        # If Ansible lost the connection and ran the module again, there are two such processes. One can remove the name.
        os.unlink(path)
        try:
            write(pipe.write)
        except (AirgapError, OSError) as error:
            _write_reason(os.path.join(folder, "error"), str(error))


def _write_reason(path: str, text: str) -> None:
    """Write a new file that the login user can read. The folder is the login user's, who could have created a link."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), 0o644)
        stream.write(text)
