# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requirement sets of a site whose set for Kubespray has the requirements of a checkout."""

from __future__ import annotations

DOCUMENTATION = r"""
name: kubespray_sets
short_description: Give a site's set for Kubespray the requirements of a checkout
version_added: 0.1.0
author: airgap.python authors (@airgap-python)
description:
  - Returns the sets with the C(requirements_file) of one of them set to a checkout or a release archive of Kubespray, in place
    of its own requirements. Its targets and constraints stay.
options:
  _input:
    description: Requirement sets.
    type: list
    elements: dict
    required: true
  path:
    description: The checkout or archive. Empty means that no set is changed.
    type: str
    required: true
  name:
    description: The name of the set.
    type: str
    default: kubespray
  requirements:
    description: What the set requires besides.
    type: list
    elements: str
    default: []
  constraints:
    description: Limits of versions, besides those of the set.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
sets: "{{ [{'name': 'kubespray', 'targets': ['el9']}] | airgap.python.kubespray_sets('~/kubespray') }}"
"""

RETURN = r"""
_value:
  description: The sets.
  type: list
  elements: dict
"""

import typing as t

from ansible.errors import AnsibleFilterError


def kubespray_sets(
    sets: t.Iterable[t.Mapping[str, t.Any]],
    path: str,
    name: str = "kubespray",
    requirements: t.Sequence[str] = (),
    constraints: t.Sequence[str] = (),
) -> t.List[t.Dict[str, t.Any]]:
    """Return the sets, one of them with the requirements of a checkout."""
    found = [dict(one) for one in sets]
    if not path:
        return found
    own = [one for one in found if one.get("name") == name]
    if not own:
        raise AnsibleFilterError(
            "kubespray_path is set, and airgap_sets has no set %s. Add {name: %s, targets: [TARGET]}, with the target of the "
            "host that Kubespray runs from." % (name, name)
        )
    for one in own:
        one["requirements_file"] = path
        one["requirements"] = list(requirements)
        one["constraints"] = list(one.get("constraints") or ()) + list(constraints)
    return found


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return it by its name."""
        return {"kubespray_sets": kubespray_sets}
