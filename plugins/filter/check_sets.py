# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the sets and targets of a site before anything is staged."""

from __future__ import annotations

DOCUMENTATION = r"""
name: check_sets
short_description: Check the sets and targets of a site
version_added: 0.1.0
author: airgap.python authors (@airgap-python)
description:
  - Returns what is wrong with the names of sets, with their targets, or with the projects to build.
  - The result names sets, targets and projects alone. Requirements may have URLs with passwords.
positional: _input, every, targets, build
options:
  _input:
    description: The sets of the site, as in C(airgap_sets).
    type: list
    elements: dict
    required: true
  every:
    description: These sets and those of the collection, each with C(targets).
    type: list
    elements: dict
    required: true
  targets:
    description: The names of C(airgap_targets).
    type: list
    elements: str
    required: true
  build:
    description: The normalized names of the projects to build.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
problem: "{{ airgap_sets | airgap.python.check_sets(every, ['node311']) }}"
"""

RETURN = r"""
_value:
  description: What is wrong, and how to fix it. Empty if nothing is.
  type: str
"""

import re
import typing as t

NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
RESERVED = "airgap-"

Sets = t.Sequence[t.Mapping[str, t.Any]]


def check_sets(sets: Sets, every: Sets, targets: t.Sequence[str], build: t.Sequence[str] = ()) -> str:
    """Return what is wrong, as RETURN says."""
    if not sets or not targets:
        return (
            "airgap_sets and airgap_targets must each have at least one entry. Write them in group_vars/all.yml; "
            "inventories/lab has an example."
        )
    names = [str(one.get("name") or "") for one in sets]
    for name in names:
        if not NAME.fullmatch(name) or name.startswith(RESERVED) or names.count(name) > 1:
            return (
                "%s: each set needs a unique name of lower-case letters, digits, '.', '_' and '-'. Names that start with "
                "'%s' are reserved for the sets of this role." % (name or "A set without name", RESERVED)
            )
    for one in every:
        strangers = [target for target in one["targets"] if target not in targets]
        if strangers or not one["targets"]:
            return (
                "Set %s is for %s, which airgap_targets does not have. It has: %s. The sets airgap-devpi and airgap-front are "
                "for airgap_index_target, and airgap-devpi is for devpi_target where that is set."
                % (one["name"], ", ".join(map(str, strangers)) or "no target", ", ".join(targets))
            )
    if len(set(build)) < len(build):
        return "stage_build names a project twice. It is %s; keep one of each." % ", ".join(build)
    return ""


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return it by its name."""
        return {"check_sets": check_sets}
