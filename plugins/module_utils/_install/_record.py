# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RECORD: which files each project of an environment installed, with their hashes (specification of installed projects)."""

from __future__ import annotations

import base64
import csv
import errno
import glob
import hashlib
import io
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _files, _hashes
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

# SHA-256, as RECORD writes it: base64 for URLs without its padding.
_ALGORITHM = "sha256="


def info_folders(environment: str) -> t.List[str]:
    """Return the .dist-info folders of an environment, each once."""
    pattern = os.path.join(glob.escape(environment), "lib*", "py*", "site-packages", "*.dist-info")
    return sorted({os.path.realpath(one) for one in glob.glob(pattern)})


def rows(record: str) -> t.List[t.List[str]]:
    """Return the rows of a RECORD: path, hash and size. Raises OSError and ValueError."""
    with _files.open_plain(record) as stream:
        text = stream.read().decode("utf-8")
    try:
        return [(row + ["", "", ""])[:3] for row in csv.reader(io.StringIO(text, newline="")) if row]
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _hash_of(data: bytes) -> str:
    return _ALGORITHM + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode("ascii").rstrip("=")


def _hash_of_file(path: str) -> str:
    with _files.open_plain(path) as stream:
        digest = bytes.fromhex(_hashes.sha256_stream(stream))
    return _ALGORITHM + base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")


def damage(environment: str) -> t.List[str]:
    """Return a text for each file of an environment that is missing or that is not what was installed."""
    found = []
    root = os.path.realpath(environment) + os.sep
    for folder in info_folders(environment):
        record = os.path.join(folder, "RECORD")
        try:
            entries = rows(record)
        except (OSError, ValueError, AirgapError) as error:
            found.append("%s cannot be read: %s" % (record[len(root) :], getattr(error, "strerror", None) or error))
            continue
        for name, wanted, _size in entries:
            path = os.path.normpath(os.path.join(os.path.dirname(folder), name))
            # A file without a hash is only one that Python writes itself, or RECORD.
            if not wanted.startswith(_ALGORITHM) or not path.startswith(root):
                continue
            reason = _why_damaged(path, wanted)
            if reason:
                found.append("%s %s" % (path[len(root) :], reason))
    return found


def _why_damaged(path: str, wanted: str) -> str:
    try:
        return "" if _hash_of_file(path) == wanted else "was changed"
    except AirgapError:
        return "is not a file any more"
    except OSError as error:
        return "is missing" if error.errno in (errno.ENOENT, errno.ENOTDIR) else "cannot be read: %s" % error.strerror


def update(environment: str, changed: t.Iterable[str]) -> None:
    """Write the hashes and sizes of changed files into every RECORD that has them."""
    paths = {os.path.realpath(path) for path in changed}
    for folder in info_folders(environment) if paths else []:
        record = os.path.join(folder, "RECORD")
        entries = rows(record)
        differs = False
        for entry in entries:
            path = os.path.normpath(os.path.join(os.path.dirname(folder), entry[0]))
            if path in paths and entry[1]:
                with open(path, "rb") as stream:
                    data = stream.read()
                entry[1:] = [_hash_of(data), str(len(data))]
                differs = True
        if differs:
            text = io.StringIO(newline="")
            csv.writer(text).writerows(entries)
            _files.write_atomic(record, text.getvalue().encode("utf-8"), os.stat(record).st_mode & 0o777)
