# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the groups of an inventory with the groups that a playbook needs."""

from __future__ import annotations

DOCUMENTATION = r"""
name: check_groups
short_description: Compare the groups of an inventory with those that a playbook needs
version_added: 0.1.0
author: airgap.python authors (@airgap-python)
description:
  - Reports which groups are empty or misspelt, and which hosts the play runs on.
  - Ansible itself treats a play without hosts as a success.
positional: _input, needed
options:
  _input:
    description: The variable C(groups), group name to hosts.
    type: dict
    required: true
  needed:
    description:
      - Host patterns of group names, such as V(airgap_nodes:kube_node) or V(airgap_index[0]). Each one must match a host.
    type: list
    elements: str
    required: true
  optional:
    description: Groups that are played on as well, but may be empty.
    type: list
    elements: str
    default: []
  ours:
    description: The groups of this collection. A group whose name differs from one of them only in case, C(_) or a final C(s) is considered misspelt.
    type: list
    elements: str
    default: []
  playing:
    description: The hosts that remain after C(--limit), C(ansible_play_hosts_all).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
found: "{{ groups | airgap.python.check_groups(['airgap_index[0]'], playing=ansible_play_hosts_all) }}"
"""

RETURN = r"""
_value:
  description: The result.
  type: dict
  contains:
    misspelt:
      description: For each misspelt group, V(NAME to CORRECT_NAME).
      type: list
      elements: str
    empty:
      description: The patterns of O(needed) that match no host.
      type: list
      elements: str
    hosts:
      description: All hosts that the playbook is for, before C(--limit).
      type: list
      elements: str
    playing:
      description: Those of RV(_value.hosts) that remain after C(--limit).
      type: list
      elements: str
    summary:
      description: A line for each group that has hosts, with the first hosts that remain.
      type: list
      elements: str
"""

import re
import typing as t

# More hosts of a group than these are counted, not named.
MOST = 8

Groups = t.Mapping[str, t.Sequence[str]]


def _plain(name: str) -> str:
    """Return a group's name without the parts that are easily mistyped: case, separators, a plural."""
    return re.sub(r"[^a-z0-9]", "", name.lower()).rstrip("s")


def _unique(names: t.Iterable[str]) -> t.List[str]:
    return list(dict.fromkeys(names))


def _names(pattern: str) -> t.List[str]:
    """Return the group names of a host pattern."""
    return [part[: -len("[0]")] if part.endswith("[0]") else part for part in pattern.split(":")]


def _hosts(groups: Groups, pattern: str) -> t.List[str]:
    """Return the hosts that a host pattern matches."""
    found: t.List[str] = []
    for part, name in zip(pattern.split(":"), _names(pattern)):
        hosts = groups.get(name, [])
        found += hosts[:1] if part.endswith("[0]") else hosts
    return _unique(found)


def _summary(name: str, hosts: t.Sequence[str], playing: t.Collection[str]) -> str:
    left = [host for host in hosts if host in playing]
    more = " and %d more" % (len(left) - MOST) if len(left) > MOST else ""
    return "%s: %s%s" % (name, ", ".join(left[:MOST]) or "left out by --limit", more)


def check_groups(
    groups: Groups,
    needed: t.Sequence[str],
    optional: t.Sequence[str] = (),
    ours: t.Sequence[str] = (),
    playing: t.Sequence[str] = (),
) -> t.Dict[str, t.List[str]]:
    """Return misspelt groups, patterns without a host, the hosts that are meant, and a summary; see RETURN."""
    hosts = {pattern: _hosts(groups, pattern) for pattern in needed}
    meant = _unique(
        [host for pattern in needed for host in hosts[pattern]]
        + [host for name in optional for host in groups.get(name, [])]
    )
    names = _unique([*ours, *(name for pattern in needed for name in _names(pattern))])
    return {
        "misspelt": [
            "%s to %s" % (name, right)
            for name in groups
            if name not in ours
            for right in ours
            if _plain(name) == _plain(right) and set(groups[name]) - set(groups.get(right, []))
        ],
        "empty": [pattern for pattern in needed if not hosts[pattern]],
        "hosts": meant,
        "playing": [host for host in meant if host in playing],
        "summary": [_summary(name, groups[name], playing) for name in names if groups.get(name)],
    }


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return it by its name."""
        return {"check_groups": check_groups}
