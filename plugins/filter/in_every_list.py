# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The items that several lists have in common."""

from __future__ import annotations

DOCUMENTATION = r"""
name: in_every_list
short_description: The items of a list that are in every one of several other lists
version_added: 0.1.0
author: airgap.python authors (@airgap-python)
description:
  - Like P(ansible.builtin.intersect#filter), for any number of lists.
positional: _input, lists
options:
  _input:
    description: The items.
    type: list
    elements: str
    required: true
  lists:
    description: The other lists. If there are none, all items are returned.
    type: list
    elements: list
    required: true
"""

EXAMPLES = r"""
unknown: "{{ ['flask', 'reqeusts'] | airgap.python.in_every_list([['reqeusts'], ['flask', 'reqeusts']]) }}"  # [reqeusts]
"""

RETURN = r"""
_value:
  description: The items that every list contains, in their order.
  type: list
  elements: str
"""

import typing as t


def in_every_list(items: t.Iterable[str], lists: t.Iterable[t.Collection[str]]) -> t.List[str]:
    """Return the items that are in every one of the lists."""
    others = list(lists)
    return [item for item in items if all(item in other for other in others)]


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return it by its name."""
        return {"in_every_list": in_every_list}
