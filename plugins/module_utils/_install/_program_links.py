# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links in a bin folder to the programs of requirement sets. Files that something else wrote are never replaced."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _files
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _record
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import normalize


class Links(t.NamedTuple):
    """What a bin folder must get and lose; ``warnings`` name what is not linked, and why."""

    add: t.Mapping[str, str]
    remove: t.Tuple[str, ...]
    warnings: t.Tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Return whether there is anything to do."""
        return bool(self.add or self.remove)


def programs(environment: str, projects: t.Container[str]) -> t.List[str]:
    """Return the names of the programs that some projects installed into an environment."""
    found = set()
    folder = os.path.join(os.path.realpath(environment), "bin")
    for info in _record.info_folders(environment):
        if normalize(os.path.basename(info).partition("-")[0]) not in projects:
            continue
        with contextlib.suppress(OSError, ValueError, AirgapError):
            for row in _record.rows(os.path.join(info, "RECORD")):
                path = os.path.normpath(os.path.join(os.path.dirname(info), row[0]))
                if os.path.dirname(path) == folder:
                    found.add(os.path.basename(path))
    return sorted(found)


def own_links(folder: str, root: str) -> t.Dict[str, str]:
    """Return the links in a bin folder that lead to a program of a set, name to target."""
    found = {}
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        with contextlib.suppress(OSError):
            target = os.readlink(os.path.join(folder, name))
            parts = target[len(root) + 1 :].split("/")
            if target.startswith(root + "/") and len(parts) == 3 and parts[1:] == ["bin", name]:
                found[name] = target
    return found


def plan(folder: str, root: str, wanted: t.Sequence[t.Tuple[str, t.Sequence[str]]]) -> Links:
    """Return what must change in a bin folder so that it has links to the programs of sets: set and names, in order."""
    targets: t.Dict[str, str] = {}
    warnings = []
    own = own_links(folder, root)
    for set_name, names in wanted:
        for name in names:
            path = os.path.join(folder, name)
            if name in targets:
                first = targets[name][len(root) + 1 :].split("/")[0]
                warnings.append(
                    "%s of the set %s is not linked, because the set %s has a program of that name. Choose one with "
                    "install_bin_sets." % (path, set_name, first)
                )
            elif name not in own and os.path.lexists(path):
                warnings.append(
                    "%s of the set %s is not linked, because something else created a file of that name. Move it away, or "
                    "leave the set out of install_bin_sets." % (path, set_name)
                )
            else:
                targets[name] = "%s/%s/bin/%s" % (root, set_name, name)
    return Links(
        {name: target for name, target in targets.items() if own.get(name) != target},
        tuple(sorted(name for name in own if name not in targets)),
        tuple(warnings),
    )


def apply(folder: str, links: Links) -> None:
    """Write and remove the links of a plan."""
    if links.add:
        _files.make_folder(folder)
    for name, target in links.add.items():
        temporary = os.path.join(folder, _files.TEMPORARY_PREFIX + name)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        os.symlink(target, temporary)
        os.rename(temporary, os.path.join(folder, name))
    for name in links.remove:
        os.unlink(os.path.join(folder, name))
