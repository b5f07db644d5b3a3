# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheels of pip in a bundle: pip contains packaging, and installs everything else."""

from __future__ import annotations

import os
import sys
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_file
from ansible_collections.airgap.python.plugins.module_utils._versions import release
from ansible_collections.airgap.python.plugins.module_utils._wheels import _metadata, _wheel_name
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import Pin


def pip_wheels(files: t.Iterable[t.Tuple[str, str]]) -> t.List[str]:
    """Return those of the files (path, SHA-256) that are wheels of pip, run here and have that sum, the newest first."""
    found: t.Dict[str, t.Tuple[int, ...]] = {}
    for path, sha256 in files:
        try:
            version = _wheel_name.pip_version(os.path.basename(path))
            # Code from it is run, so it must be exactly this file.
            if path in found or not os.path.isfile(path) or sha256_file(path) != sha256:
                continue
            oldest = _metadata.oldest_python(_metadata.parse(_metadata.read(path)))
        except AirgapError:
            continue
        if sys.version_info[: len(oldest)] >= oldest:
            found[path] = release(version)
    return sorted(found, key=lambda path: found[path], reverse=True)


def pip_wheels_of(pins: t.Iterable[Pin], pool: str) -> t.List[str]:
    """Return the wheels of pip in a pool that are pinned; see pip_wheels()."""
    return pip_wheels((os.path.join(pool, pin.filename), pin.sha256) for pin in pins if pin.name == "pip")
