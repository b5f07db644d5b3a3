# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an interpreter can install what was resolved for a target."""

from __future__ import annotations

import typing as t

from ansible_collections.airgap.python.plugins.module_utils._target._target import Target
from ansible_collections.airgap.python.plugins.module_utils._versions import release


def misfit(target: Target, here: Target) -> str:
    """Return why an interpreter (``here``) cannot use what was resolved for a target; "" if it can.

    A lock for an older patch version or an older C library fits a newer
    interpreter of the same minor version (PEP 600 for the library), but not the reverse.
    """
    for field in ("implementation", "os", "arch"):
        if getattr(target, field) != getattr(here, field):
            return "%s is %s, here %s" % (field, getattr(target, field), getattr(here, field))
    if target.minor != here.minor:
        return "python is %d.%d, here %d.%d" % (target.minor + here.minor)
    if release(target.python) > release(here.python):
        return "python is %s, newer than %s here" % (target.python, here.python)
    if target.libc.split("-")[0] != here.libc.split("-")[0]:
        return "libc is %s, here %s" % (target.libc, here.libc)
    if release(target.libc) > release(here.libc):
        return "libc is %s, newer than %s here" % (target.libc, here.libc)
    if release(target.os_version) > release(here.os_version):
        return "os_version is %s, newer than %s here" % (target.os_version, here.os_version)
    if target.abis()[0] not in here.abis():
        return "its ABI is %s, here %s" % (target.abis()[0], here.abis()[0])
    accepted = set(here.tags())
    for tag in target.tags():
        if tag not in accepted:
            return "it accepts wheels with the tag %s, which are not accepted here" % tag
    return ""


def best_fit(targets: t.Iterable[Target], here: Target) -> t.Optional[Target]:
    """Return the closest of the targets that an interpreter can use, or None."""
    fitting = [target for target in targets if not misfit(target, here)]
    return max(fitting, key=lambda one: (release(one.python), release(one.libc)), default=None)
