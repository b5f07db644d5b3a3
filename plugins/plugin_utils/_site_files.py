# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lookups find the files that a site's settings name, on the control host."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

Found = t.TypeVar("Found")


def folders(variables: t.Optional[t.Mapping[str, t.Any]]) -> t.List[str]:
    """Return the folders in which a relative path begins, in order: that of the inventory, that of the playbook."""
    named = [(variables or {}).get(name) for name in ("inventory_dir", "playbook_dir")]
    return [str(folder) for folder in named if folder] or [os.getcwd()]


def find(path: str, places: t.Sequence[str], look: t.Callable[[str], t.Optional[Found]], fix: str) -> Found:
    """Return what ``look`` finds at a path in the first folder where it finds anything.

    Raises AirgapError, with how to fix it, where it finds nothing in any of them.
    """
    for folder in places:
        found = look(os.path.join(folder, os.path.expanduser(path)))
        if found:
            return found
    raise AirgapError("There is no %s in %s. %s" % (path, " or ".join(places), fix))
