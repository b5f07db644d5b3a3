# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lookups search for the files that a site's settings name, on the control host."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

Found = t.TypeVar("Found")


def folders(variables: t.Optional[t.Mapping[str, t.Any]]) -> t.List[str]:
    """Return the folders that a relative path starts from, in order: that of the inventory, that of the playbook."""
    named = [(variables or {}).get(name) for name in ("inventory_dir", "playbook_dir")]
    return [str(folder) for folder in named if folder] or [os.getcwd()]


def find(path: str, places: t.Sequence[str], read: t.Callable[[str], t.Optional[Found]], fix: str) -> Found:
    """Return what ``read`` returns for a path in the first folder where it returns anything.

    Raises AirgapError, with the fix, where there is nothing in any folder.
    """
    for folder in places:
        found = read(os.path.join(folder, os.path.expanduser(path)))
        if found:
            return found
    raise AirgapError("There is no %s in %s. %s" % (path, " or ".join(places), fix))
