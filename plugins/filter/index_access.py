# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host reaches the index, worked out once from the variables of the site."""

from __future__ import annotations

DOCUMENTATION = r"""
name: index_access
short_description: How a host reaches the index
version_added: 0.1.0
author: airgap.python authors (@airgap-python)
description:
  - Works out the URL of the index, the certificate to check it with, and the lines of C(/etc/hosts), from the variables of
    the role P(airgap.python.pip_conf#role) and those of the index hosts.
positional: _input, host, index_hosts, hostvars
options:
  _input:
    description:
      - The variables of the role without their prefix, with C(airgap_index_name), C(airgap_index_kind) and C(connection).
    type: dict
    required: true
  host:
    description: The name of the host in the inventory.
    type: str
    required: true
  index_hosts:
    description: The names of the hosts in C(airgap_index).
    type: list
    elements: str
    required: true
  hostvars:
    description: The variables of all hosts.
    type: dict
    required: true
"""

EXAMPLES = r"""
access: "{{ settings | airgap.python.index_access(inventory_hostname, groups['airgap_index'], hostvars) }}"
"""

RETURN = r"""
_value:
  description: The result.
  type: dict
  contains:
    url:
      description: The simple index. Empty if none is known.
      type: str
    scheme:
      description: The scheme of RV(_value.url).
      type: str
    address:
      description: The address of the index hosts in RV(_value.url).
      type: str
    trusted_host:
      description: The host that pip may contact over http. Empty with https.
      type: str
    ca:
      description: The file on the index hosts with the certificate of their CA. Empty if none is carried.
      type: str
    cert:
      description: The file on the host with certificates. Empty for pip's own.
      type: str
    carries_ca:
      description: Whether the certificate of the CA is carried to the host.
      type: bool
    hosts:
      description: The lines of the block in C(/etc/hosts).
      type: list
      elements: str
    is_loopback:
      description: Whether RV(_value.url) means the requesting host itself.
      type: bool
    problem:
      description: What is wrong with the variables. Empty if nothing is.
      type: str
"""

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _index_access


def index_access(
    asked: t.Mapping[str, t.Any], host: str, index_hosts: t.Sequence[str], hostvars: t.Mapping[str, t.Any]
) -> t.Dict[str, t.Any]:
    """Return how a host reaches the index; see RETURN."""
    try:
        found = _index_access.work_out(asked, host, {str(name): hostvars[name] for name in index_hosts})
    except AirgapError as error:
        raise AnsibleFilterError(str(error)) from error
    return found._asdict()


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return it by its name."""
        return {"index_access": index_access}
