# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SHA-256 of files, streams and bytes."""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._files import open_plain

# What is read and written at a time: more does not stay in a processor's cache.
CHUNK = 1 << 18


def sha256_file(path: str) -> str:
    """Return the SHA-256 of a regular file as 64 lower-case hex digits."""
    with open(path, "rb") as stream:
        return sha256_stream(stream)


def sha256_stream(stream: t.BinaryIO, write: t.Callable[[bytes], t.Any] = len) -> str:
    """Return the SHA-256 of the rest of a stream, and pass its bytes on: what was hashed is what is written."""
    digest = hashlib.sha256()
    for block in iter(lambda: stream.read(CHUNK), b""):
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


def sha256_bytes(data: bytes) -> str:
    """Return the SHA-256 of bytes as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def is_sha256(text: str) -> bool:
    """Say whether a text is a SHA-256 as it is written here: 64 lower-case hex digits."""
    return bool(re.match(r"[0-9a-f]{64}\Z", text))
