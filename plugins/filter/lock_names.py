# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of the locks of requirement sets."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lock_names
short_description: The names of the locks that requirement sets have
version_added: 0.1.0
author: airgap.python authors (@airgap-python)
description:
  - Returns V(SET/TARGET) for each target of each set.
options:
  _input:
    description: Requirement sets with C(name) and C(targets).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
names: "{{ [{'name': 'base', 'targets': ['el9', 'debian12']}] | airgap.python.lock_names }}"  # [base/el9, base/debian12]
"""

RETURN = r"""
_value:
  description: The names, in the order of the sets.
  type: list
  elements: str
"""

import typing as t


def lock_names(sets: t.Iterable[t.Mapping[str, t.Any]]) -> t.List[str]:
    """Return SET/TARGET for each target of each set."""
    return ["%s/%s" % (one["name"], target) for one in sets for target in one["targets"]]


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return it by its name."""
        return {"lock_names": lock_names}
