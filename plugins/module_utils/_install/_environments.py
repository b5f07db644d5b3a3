# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the virtual environments of a host have installed, by the names of their .dist-info folders."""

from __future__ import annotations

import glob
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle._withdrawal import parse
from ansible_collections.airgap.python.plugins.module_utils._install import _set_folder, _system_packages
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import normalize


def installed(environment: str) -> t.Set[t.Tuple[str, str]]:
    """Return name and version of every project in an environment (specification of installed projects)."""
    found = set()
    for folder in glob.glob(os.path.join(glob.escape(environment), "lib*", "py*", "site-packages", "*.dist-info")):
        name, dummy, version = os.path.basename(folder)[: -len(".dist-info")].partition("-")
        found.add((normalize(name), version))
    return found


def find(folder: str, pins: t.Iterable[str]) -> t.List[str]:
    """Return a text for each environment in a folder and each of these versions that it has.

    Former environments, which a rollback would bring back, are among them, and sets in an interpreter itself.
    """
    wanted = [parse(one) for one in pins]
    found = []
    places = {path: installed(path) for path in _folders(folder, "*")}
    serving = {os.path.realpath(path) for path in places}
    kept = [path for path in _folders(folder, _set_folder.FOLDER, "*", "*") if os.path.realpath(path) not in serving]
    for path in kept:
        name = os.path.basename(os.path.dirname(path))
        places["%s, which is kept for a rollback of %s," % (path, name)] = installed(path)
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), _system_packages.FOLDER, "*.txt"))):
        name = os.path.basename(path)[: -len(".txt")]
        pins_of = _system_packages.read_record(folder, name)
        places["The Python that install_system installed the set %s into" % name] = {
            (pin.name, pin.version) for pin in pins_of
        }
    for place, has in places.items():
        found += ["%s has %s==%s" % (place, *one) for one in wanted if one in has]
    return found


def _folders(*parts: str) -> t.List[str]:
    """Return the environments in a folder; the parts after the first are patterns."""
    pattern = os.path.join(glob.escape(parts[0]), *parts[1:], "pyvenv.cfg")
    return [os.path.dirname(path) for path in sorted(glob.glob(pattern))]
