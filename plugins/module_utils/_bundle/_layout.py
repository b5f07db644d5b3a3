# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bundle is made of: its files and folders, and which names a file in it may have.

Names from a bundle are checked here before they are joined to a path.
"""

from __future__ import annotations

import re
import typing as t
import unicodedata

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._text import is_plain

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
POOL = "wheels"
# Files of any kind that a site asked for, besides the wheels.
FILES = "files"
# The name of such a file: nothing that a URL, a shell or a file system reads as something else.
FILE_NAME = r"[A-Za-z0-9_][A-Za-z0-9._+~-]{0,199}"
LOCKS = "locks"
REPORTS = "reports"
# The Python code of install.sh: unchanged files of this collection's release.
INSTALL = "install"
_SOURCE = re.compile(INSTALL + r"(/[a-z0-9_]+)+\.py")
_FILE = re.compile(FILES + "/" + FILE_NAME)
# The other files in its top folder.
TOP = (MANIFEST, "README.md", "install.sh")


class Entry(t.NamedTuple):
    """A file of a bundle: path relative to the bundle, SHA-256 in hex, size in bytes."""

    path: str
    sha256: str
    size: int


def check_name(path: str, where: str) -> None:
    """Refuse a name that could lead out of the bundle, or that another reader could take for another name.

    Raises AirgapError. Allowed are relative POSIX paths in Unicode form NFC, without empty, "." or
    ".." parts, blanks around a part, backslashes, line ends, and control and format
    characters.
    """
    reason = ""
    if not path or path.startswith("/"):
        reason = "it is not a relative path"
    elif any(part in ("", ".", "..") for part in path.split("/")):
        reason = "it has an empty, '.' or '..' part and could lead out of the bundle"
    elif any(part != part.strip() for part in path.split("/")):
        reason = "it has a part with a blank at its start or end, which some file systems drop"
    elif "\\" in path or not is_plain(path):
        reason = "it has a backslash or a control character"
    elif unicodedata.normalize("NFC", path) != path:
        reason = "it is not in Unicode form NFC"
    elif len(path.encode("utf-8")) > 1024:
        reason = "it is longer than 1024 bytes"
    if reason:
        raise AirgapError("%s names %r: %s. Do not use this bundle; transfer it again." % (where, path[:200], reason))


def check_names(paths: t.Iterable[str], where: str) -> None:
    """Refuse names that check_name() refuses, and two names that a file system may treat as one."""
    seen: t.Dict[str, str] = {}
    for path in paths:
        check_name(path, where)
        folded = unicodedata.normalize("NFC", path.casefold())
        if folded in seen:
            raise AirgapError(
                "%s names %r and %r, which are the same file on some file systems. Do not use this bundle; transfer it again."
                % (where, seen[folded], path)
            )
        seen[folded] = path
    for path in seen.values():
        parts = path.split("/")
        for count in range(1, len(parts)):
            if "/".join(parts[:count]).casefold() in seen:
                raise AirgapError(
                    "%s names %r as a file and as a folder. Do not use this bundle; transfer it again."
                    % (where, "/".join(parts[:count]))
                )


def has_place(path: str) -> bool:
    """Return whether a bundle may contain a file of this name, besides its sums and signatures."""
    # Source alone: an officer cannot read the bytecode and the libraries that Python could load as well.
    is_source = _SOURCE.fullmatch(path) is not None
    is_file = _FILE.fullmatch(path) is not None
    return path in TOP or is_source or is_file or (path.split("/")[0] in (POOL, LOCKS, REPORTS) and "/" in path)


def is_file_name(name: str) -> bool:
    """Return whether a file in the folder of other files may have this name."""
    return re.fullmatch(FILE_NAME, name) is not None


def is_in_pool(path: str) -> bool:
    """Return whether a file of a bundle is a wheel in its pool."""
    return path.startswith(POOL + "/")


def is_report(path: str) -> bool:
    """Return whether a file of a bundle is for the person who approves it."""
    return path.startswith(REPORTS + "/")


def is_payload(path: str) -> bool:
    """Return whether a file of a bundle is a wheel or one of the other files; the rest is its open part."""
    return path.startswith((POOL + "/", FILES + "/"))


def lock_path(set_name: str, target: str) -> str:
    """Return the path in a bundle of the lock of a set and a target."""
    return "%s/%s/%s.txt" % (LOCKS, set_name, target)
