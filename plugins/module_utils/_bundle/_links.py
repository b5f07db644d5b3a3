# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folders on this host that link files of a bundle instead of copying them (hard links).

A bundle refuses such names, because whoever writes to one changes the bundle. The folders of a static index are the
exception. They are recorded next to the bundle, in BUNDLE.links, one absolute path a line, and believed only while
nobody but root and this user can change them.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._access import check_folders_above, other_writers
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import open_plain, write_atomic

SUFFIX = ".links"
# The record has a line for each static index of the host; more than this is a mistake.
LARGEST = 65536


def _read(root: str) -> t.List[str]:
    try:
        with open_plain(os.path.abspath(root) + SUFFIX) as stream:
            if other_writers(os.fstat(stream.fileno())):
                return []
            lines = stream.read(LARGEST).decode("utf-8", "replace").split("\n")
    except FileNotFoundError:
        return []
    return [line for line in lines if os.path.isabs(line) and os.path.isdir(line)]


def read(root: str) -> t.List[str]:
    """Return the folders that link files of a bundle; raises AirgapError for one that others can change."""
    found = _read(root)
    for folder in found:
        check_folders_above(folder)
        for path in (folder, os.path.realpath(folder)):
            reason = other_writers(os.lstat(path))
            if reason:
                raise AirgapError(
                    "%s links files of the bundle %s, and others can change it: %s. Run 'chmod -R go-w' and 'chown -R' on it."
                    % (folder, root, reason)
                )
    return found


def record(root: str, folder: str) -> None:
    """Record that a folder links files of a bundle, before it does. Raises OSError where nothing can be written."""
    folder = os.path.abspath(folder)
    found = _read(root)
    if folder not in found:
        lines = sorted([*found, folder])
        write_atomic(os.path.abspath(root) + SUFFIX, "".join(line + "\n" for line in lines).encode("utf-8"))
