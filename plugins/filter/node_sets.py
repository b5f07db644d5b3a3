# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sets a node gets, worked out once from the variables of the site and what was read."""

from __future__ import annotations

DOCUMENTATION = r"""
name: node_sets
short_description: Which sets a node gets
version_added: 0.1.0
author: airgap.python authors (@airgap-python)
description:
  - Works out which sets fit the interpreters of a node, and whether the bundle has their locks.
positional: _input, host, pythons, read, bundles
options:
  _input:
    description:
      - The variables of the role P(airgap.python.install#role) without their prefix, with C(airgap_sets), the names of
        C(airgap_targets) as C(targets), and C(check_mode).
    type: dict
    required: true
  host:
    description: The name of the node in the inventory.
    type: str
    required: true
  pythons:
    description: The results of M(airgap.python.python_target_info), one for each interpreter.
    type: list
    elements: dict
    required: true
  read:
    description: The results of M(airgap.python.bundle_locks_info), one for each index host.
    type: list
    elements: dict
    required: true
  bundles:
    description: The folder of the bundle on each index host, by the host's name.
    type: dict
    required: true
"""

EXAMPLES = r"""
sets: "{{ settings | airgap.python.node_sets(inventory_hostname, pythons.results, locks.results, {'index': '/srv/airgap/bundle'}) }}"
"""

RETURN = r"""
_value:
  description: The result.
  type: dict
  contains:
    chosen:
      description: The names of the sets.
      type: list
      elements: str
    targets:
      description: The target of each interpreter.
      type: dict
    index_host:
      description: The first index host that has the bundle, or else the first of all.
      type: str
    missing:
      description: The locks that its bundle does not have, as SET/TARGET.
      type: list
      elements: str
    problem:
      description: Why the sets cannot be installed. Empty if they can.
      type: str
"""

import typing as t

from ansible_collections.airgap.python.plugins.module_utils._install import _node_sets


def node_sets(
    asked: t.Mapping[str, t.Any],
    host: str,
    pythons: t.Sequence[t.Mapping[str, t.Any]],
    read: t.Sequence[t.Mapping[str, t.Any]],
    bundles: t.Mapping[str, str],
) -> t.Dict[str, t.Any]:
    """Return which sets a node gets; see RETURN."""
    return _node_sets.choose(host, asked, pythons, read, bundles)._asdict()


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return it by its name."""
        return {"node_sets": node_sets}
