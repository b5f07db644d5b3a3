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

# How many bytes are read and written at once: more does not fit in a processor's cache.
CHUNK = 1 << 18


def sha256_file(path: str) -> str:
    """Return the SHA-256 of a regular file as 64 lower-case hex digits."""
    with open(path, "rb") as stream:
        return sha256_stream(stream)


def sha256_stream(stream: t.BinaryIO, write: t.Callable[[bytes], t.Any] = len) -> str:
    """Return the SHA-256 of the rest of a stream, and pass its bytes to ``write``: what is written is what was hashed."""
    digest = hashlib.sha256()
    for chunk in iter(lambda: stream.read(CHUNK), b""):
        digest.update(chunk)
        write(chunk)
    return digest.hexdigest()


def copy_hashed(source: str, target: str) -> str:
    """Copy a file to a new one, following no links; return the SHA-256 of what was written. Raises OSError."""
    with open_plain(source) as stream, open(target, "xb") as copy:
        return sha256_stream(stream, copy.write)


def sha256_files(paths: t.Iterable[str]) -> t.Iterator[str]:
    """Return the SHA-256 of each file, in order. Hashing releases the interpreter lock, so threads run in parallel."""
    with concurrent.futures.ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        futures = [pool.submit(sha256_file, path) for path in paths]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


def sha256_bytes(data: bytes) -> str:
    """Return the SHA-256 of bytes as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def is_sha256(text: str) -> bool:
    """Return whether a text is a SHA-256: 64 lower-case hex digits."""
    return bool(re.match(r"[0-9a-f]{64}\Z", text))
