# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the virtual environments of a host have installed, by the names of their .dist-info folders."""

from __future__ import annotations

import glob
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle._withdrawal import parse
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import normalize


def installed(environment: str) -> t.Set[t.Tuple[str, str]]:
    """Return name and version of every project in an environment (specification of installed projects)."""
    found = set()
    for folder in glob.glob(os.path.join(glob.escape(environment), "lib*", "python*", "site-packages", "*.dist-info")):
        name, dummy, version = os.path.basename(folder)[: -len(".dist-info")].partition("-")
        found.add((normalize(name), version))
    return found


def find(folder: str, pins: t.Iterable[str]) -> t.List[str]:
    """Return a text for each environment in a folder and each of these versions that it has."""
    wanted = [parse(one) for one in pins]
    found = []
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*", "pyvenv.cfg"))):
        environment = os.path.dirname(path)
        has = installed(environment)
        found += ["%s has %s==%s" % (environment, *one) for one in wanted if one in has]
    return found
