# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of this release that a bundle carries in install/, which install.sh starts, and the texts next to it."""

from __future__ import annotations

import os
import stat
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import make_folder, read_if_exists, write_atomic
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_bytes
from ansible_collections.airgap.python.plugins.module_utils._install import _program
from ansible_collections.airgap.python.plugins.module_utils._program_source import source_files

# The script that starts the program.
SCRIPT = "install.sh"


def release_files() -> t.Dict[str, bytes]:
    """Return path in a bundle to content of the program and of everything that it imports from this collection."""
    return {"%s/%s" % (_layout.INSTALL, path): data for path, data in source_files(_program).items()}


def read_installed(root: str) -> t.Dict[str, bytes]:
    """Return path to content of the files in install/ of a bundle."""
    folder = os.path.join(root, _layout.INSTALL)
    if not os.path.lexists(folder):
        return {}
    if os.path.islink(folder) or not os.path.isdir(folder):
        raise AirgapError("%s is not a folder. Remove it." % folder)
    paths = [os.path.join(_layout.INSTALL, path) for path in _folder.walk(folder)]
    return {path: read_if_exists(os.path.join(root, path)) or b"" for path in paths}


def write(root: str, before: t.Mapping[str, bytes], after: t.Mapping[str, bytes]) -> None:
    """Write the files that are new or different, and remove the others."""
    for path in sorted(set(before) - set(after)):
        os.unlink(os.path.join(root, path))
    for folder, _folders, _names in os.walk(os.path.join(root, _layout.INSTALL), topdown=False):
        if not os.listdir(folder):
            os.rmdir(folder)
    for path in sorted(after):
        if before.get(path) != after[path]:
            make_folder(os.path.dirname(os.path.join(root, path)))
            write_atomic(os.path.join(root, path), after[path])


def list_sums(files: t.Mapping[str, bytes]) -> str:
    """Return the lines of a diff: sum and path of each file."""
    return "".join("%s  %s\n" % (sha256_bytes(files[path]), path) for path in sorted(files))


def read_text(path: str) -> t.Tuple[t.Optional[bytes], int]:
    """Return the content of a file and its mode; without a regular file, None and 0."""
    if not os.path.isfile(path) or os.path.islink(path):
        return None, 0
    return read_if_exists(path), stat.S_IMODE(os.stat(path).st_mode)


def write_texts(root: str, texts: t.Mapping[str, t.Tuple[bytes, int]], check_mode: bool) -> t.List[t.Dict[str, str]]:
    """Write texts, given as name to content and mode, into a bundle; return the differences of those that change."""
    diffs = []
    for name, (data, mode) in texts.items():
        path = os.path.join(root, name)
        before = read_text(path)
        if before == (data, mode):
            continue
        if not check_mode:
            write_atomic(path, data, mode)
        diffs.append(
            {
                "before_header": path,
                "after_header": path,
                "before": (before[0] or b"").decode("utf-8", "replace"),
                "after": data.decode("utf-8"),
            }
        )
    return diffs


def update(root: str, texts: t.Mapping[str, t.Tuple[bytes, int]], check_mode: bool) -> t.List[t.Dict[str, str]]:
    """Write texts into a bundle and, with install.sh, the files of this release that it starts; return what differs.

    Raises AirgapError if something cannot be written.
    """
    try:
        before = read_installed(root) if SCRIPT in texts else {}
        after = release_files() if SCRIPT in texts else {}
        if before != after and not check_mode:
            write(root, before, after)
        diffs = write_texts(root, texts, check_mode)
    except OSError as error:
        raise AirgapError("%s cannot be written: %s." % (error.filename or root, error.strerror or error)) from error
    place = os.path.join(root, _layout.INSTALL)
    if before != after:
        diffs.append(
            {
                "before_header": place,
                "after_header": place,
                "before": list_sums(before),
                "after": list_sums(after),
            }
        )
    return diffs
