# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading files safely, and writing them so that they are complete or absent."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

# The names of files that are still being written begin with this; it identifies what a killed run left behind.
TEMPORARY_PREFIX = ".tmp-airgap-"
NOT_A_FILE = "%s is neither a file nor a folder (a link or a device). A bundle contains neither: remove it."


def open_plain(path: str) -> t.BinaryIO:
    """Open a regular file for reading: no links are followed, and a pipe does not block.

    Raises AirgapError for anything else, and OSError.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise AirgapError(NOT_A_FILE % path) from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise AirgapError(NOT_A_FILE % path)
    return os.fdopen(handle, "rb")


def make_folder(path: str) -> None:
    """Create a folder and those above it, writable by their owner alone whatever the umask; it may exist."""
    before = os.umask(0o022)
    os.umask(before | 0o022)
    try:
        os.makedirs(path, exist_ok=True)
    finally:
        os.umask(before)


def fsync_dir(path: str) -> None:
    """Make the names in a folder durable (fsync(2): a folder needs its own)."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def written_aside(path: str, mode: int = 0o644) -> t.Iterator[t.BinaryIO]:
    """Open a file for writing that gets its name only when it is complete, at the end of the ``with`` statement.

    The data is written under a temporary name in the same folder, synced, and
    renamed with rename(2). On any error the temporary file is removed.
    """
    folder = os.path.dirname(path) or "."
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=TEMPORARY_PREFIX)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            try:
                os.fchmod(stream.fileno(), mode)
            except PermissionError:
                # FAT has no modes. A secret must not be written there.
                if not mode & 0o077:
                    raise
            os.fsync(stream.fileno())
        os.rename(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    fsync_dir(folder)


def write_atomic(path: str, data: bytes, mode: int = 0o644) -> None:
    """Write a small file that gets its name only when it is complete."""
    with written_aside(path, mode) as stream:
        stream.write(data)


def move_into_place(source: str, path: str, mode: int = 0o644) -> None:
    """Give a finished file on the same file system its final name, durably."""
    with open(source, "rb") as stream:
        os.fchmod(stream.fileno(), mode)
        os.fsync(stream.fileno())
    os.rename(source, path)
    fsync_dir(os.path.dirname(path) or ".")


def remove_scratch_folders(folder: str, with_files: bool = False) -> None:
    """Remove the scratch folders that killed runs left behind; the caller holds the folder with locked_folder().

    Files are removed as well if nothing else writes into the folder (``with_files``).
    """
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name.startswith(TEMPORARY_PREFIX) and os.path.isdir(path):
            shutil.rmtree(path, ignore_errors=True)
        elif name.startswith(TEMPORARY_PREFIX) and with_files:
            os.unlink(path)


def read_if_exists(path: str) -> t.Optional[bytes]:
    """Return the bytes of a file, or None if it does not exist."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def remove_if_exists(path: str) -> None:
    """Remove a file, if it exists."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
