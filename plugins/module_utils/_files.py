# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are whole or absent: the one place that hashes, writes and names them."""

from __future__ import annotations

import concurrent.futures
import contextlib
import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

# What is read and written at a time: more does not stay in a processor's cache.
BLOCK = 1 << 18
# How a file is called while it is being written; what a killed run leaves is known by it.
TEMPORARY = ".tmp-airgap-"
NO_FILE = "%s is neither a file nor a folder (a link or a device). A bundle holds none: remove it."


def sha256_file(path: str) -> str:
    """Return the SHA-256 of a regular file as 64 lower-case hex digits."""
    with open(path, "rb") as stream:
        return sha256_stream(stream)


def sha256_stream(stream: t.BinaryIO, write: t.Callable[[bytes], t.Any] = len) -> str:
    """Return the SHA-256 of the rest of a stream, and pass its bytes on: what was hashed is what is written."""
    digest = hashlib.sha256()
    for block in iter(lambda: stream.read(BLOCK), b""):
        digest.update(block)
        write(block)
    return digest.hexdigest()


def copy_hashed(source: str, target: str) -> str:
    """Copy a file to a new one and return the SHA-256 of what was written; neither is a link. Raises OSError."""
    with open_plain(source) as stream, open(target, "xb") as copy:
        return sha256_stream(stream, copy.write)


def sha256_files(paths: t.Iterable[str]) -> t.Iterator[str]:
    """Return the SHA-256 of each file in order; hashing lets other threads run, so several go at a time."""
    with concurrent.futures.ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        waiting = [pool.submit(sha256_file, path) for path in paths]
        try:
            for one in waiting:
                yield one.result()
        finally:
            for one in waiting:
                one.cancel()


def room(*paths: str) -> str:
    """Return the file system of each path, each once, and what is free on it: what to say where a disk is full."""
    told: t.Dict[str, str] = {}
    for path in paths:
        place = os.path.realpath(path)
        while not os.path.isdir(place):
            place = os.path.dirname(place)
        usage = os.statvfs(place)
        while not os.path.ismount(place):
            place = os.path.dirname(place)
        free = usage.f_bavail * usage.f_frsize
        said = "%s has %d bytes free (%.1f MiB)" % (place, free, free / 2**20)
        if usage.f_files and not usage.f_favail:
            said += " and no room for one more file"
        told[place] = said
    return ", ".join(told.values())


def is_full(error: OSError) -> bool:
    """Say whether an error is that of a disk, or of a user's share of it, that is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def sha256_bytes(data: bytes) -> str:
    """Return the SHA-256 of bytes as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def is_sha256(text: str) -> bool:
    """Say whether a text is a SHA-256 as it is written here: 64 lower-case hex digits."""
    return bool(re.match(r"[0-9a-f]{64}\Z", text))


def open_plain(path: str) -> t.BinaryIO:
    """Open a file for reading, neither through a link nor waiting for the other end of a pipe.

    Raises AirgapError for what is no file, and OSError.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise AirgapError(NO_FILE % path) from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise AirgapError(NO_FILE % path)
    return os.fdopen(handle, "rb")


def other_writers(status: os.stat_result) -> str:
    """Say why somebody else than root and this user can change a file or a folder; "" if nobody can."""
    if status.st_uid not in (0, os.geteuid()):
        return "user %d owns it" % status.st_uid
    if status.st_mode & 0o022 and not stat.S_ISLNK(status.st_mode):
        return "its mode %04o lets others write" % stat.S_IMODE(status.st_mode)
    return ""


def check_way(path: str, fix: str = "") -> None:
    """Raise AirgapError if somebody else can put another thing in the place of a path: by a folder above it, or a link.

    A folder with the sticky bit, such as /tmp, lets nobody rename what is another's. ``fix`` says what to do in
    place of using a copy.
    """
    for way in (os.path.abspath(path), os.path.realpath(path)):
        while way != os.path.dirname(way):
            way = os.path.dirname(way)
            if not os.path.lexists(way):
                continue
            status = os.lstat(way)
            reason = other_writers(status)
            if reason and not (status.st_mode & stat.S_ISVTX and status.st_uid in (0, os.geteuid())):
                raise AirgapError(
                    "%s lies below %s, and others can change that while it is used: %s. %s"
                    % (
                        path,
                        way,
                        reason,
                        fix
                        or "Use a copy in a folder of your own (cp -r), or run 'chmod go-w' and 'chown' on %s." % way,
                    )
                )


def make_folder(path: str) -> None:
    """Make a folder, and those above it, that nobody else can write to whatever the umask; no harm if it is there."""
    before = os.umask(0o022)
    os.umask(before | 0o022)
    try:
        os.makedirs(path, exist_ok=True)
    finally:
        os.umask(before)


def fsync_dir(path: str) -> None:
    """Make the names in a folder durable (fsync(2): the folder needs its own)."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def written_aside(path: str, mode: int = 0o644) -> t.Iterator[t.BinaryIO]:
    """Open a file for writing that appears under its name complete, when the block ends, or not at all.

    The data go to a temporary name in the same folder, are synced, and take
    the final name by rename(2). On any error the temporary file is removed.
    """
    folder = os.path.dirname(path) or "."
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=TEMPORARY)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            try:
                os.fchmod(stream.fileno(), mode)
            except PermissionError:
                # FAT has no modes of its own. A secret must not lie there.
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
    """Write a small file that appears under its name complete or not at all."""
    with written_aside(path, mode) as stream:
        stream.write(data)


def keep_secret(path: str, content: t.Optional[str], uid: int, gid: int, check_mode: bool = False) -> bool:
    """Have a file with a secret that its owner alone can read; say whether it was, or would be, changed.

    Without ``content`` a secret that is there is kept, and where there is none, 256 random bits are.
    """
    there = read_if_there(path)
    # An empty file is what a full disk leaves behind.
    write = not there if content is None else there is None or there.decode("utf-8", "replace").rstrip("\n") != content
    if write and not check_mode:
        write_atomic(path, ((content or secrets.token_urlsafe(32)) + "\n").encode("utf-8"), 0o600)
    return own(path, uid, gid, 0o600, check_mode) or write


def own(path: str, uid: int, gid: int, mode: int, check_mode: bool = False) -> bool:
    """Give a file or folder that is there its owner and mode; say whether it had, or would have, others before.

    Raises AirgapError for a link: what it names may be anybody's.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise AirgapError(
                "%s is a link, and is to be a file or a folder itself. Remove the link." % path
            ) from error
        raise
    try:
        found = os.fstat(handle)
        if (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (uid, gid, mode):
            return False
        if not check_mode:
            os.fchmod(handle, mode)
            os.fchown(handle, uid, gid)
        return True
    finally:
        os.close(handle)


def adopt(source: str, path: str, mode: int = 0o644) -> None:
    """Give a finished file of the same file system its final name, durably."""
    with open(source, "rb") as stream:
        os.fchmod(stream.fileno(), mode)
        os.fsync(stream.fileno())
    os.rename(source, path)
    fsync_dir(os.path.dirname(path) or ".")


def remove_scratch(folder: str) -> None:
    """Remove what killed runs left in a folder that is held, so that it is nobody's now."""
    for name in os.listdir(folder):
        if name.startswith(TEMPORARY):
            path = os.path.join(folder, name)
            if os.path.isdir(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)


def read_if_there(path: str) -> t.Optional[bytes]:
    """Return a file's bytes, or None where there is no such file."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def held(folder: str, check_mode: bool, patience: t.Optional[float] = None) -> t.Iterator[None]:
    """Hold a folder for this run alone; the kernel lets go of it when the run ends, however it ends.

    Waits for another run, at most ``patience`` seconds if that is given; then raises AirgapError.
    """
    if check_mode:
        yield
        return
    make_folder(folder)
    handle = os.open(folder, os.O_RDONLY)
    try:
        if patience is None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        else:
            _lock_soon(handle, folder, patience)
        yield
    finally:
        os.close(handle)


def _lock_soon(handle: int, folder: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise AirgapError(
                    "Another run has been at work in %s for %d seconds. Run this again when it has ended."
                    % (folder, patience)
                ) from error
            time.sleep(0.05)
