# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The locks of a bundle, for the hosts that install from them."""

from __future__ import annotations

import base64
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def _exists(path: str) -> bool:
    """Return whether anything is at a path; raises OSError where that cannot be determined."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True


def read(root: str, sets: t.Sequence[str], targets: t.Sequence[str]) -> t.Dict[str, t.Any]:
    """Return the locks of sets and targets that a bundle has; raises AirgapError if one cannot be read."""
    locks = []
    try:
        found = _exists(os.path.join(root, _layout.MANIFEST))
        for set_name in sets:
            for target in targets:
                relative = _layout.lock_path(set_name, target)
                _layout.check_name(relative, "the inventory")
                path = os.path.join(root, relative)
                if _exists(path):
                    content = base64.b64encode(_folder.read_text(path).encode("utf-8")).decode("ascii")
                    locks.append({"set": set_name, "target": target, "content": content})
    except OSError as error:
        # Staging again would not help here.
        raise AirgapError("%s cannot be read: %s." % (root, error.strerror)) from error
    return {"found": found, "locks": locks}
