# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses that the front listens on."""

from __future__ import annotations

DOCUMENTATION = r"""
name: listen_addresses
short_description: The addresses that a server listens on, each with the port
version_added: 0.1.0
author: airgap.python authors (@airgap-python)
description:
  - Writes addresses as the units of systemd and the configuration of nginx have them, with brackets for IPv6.
positional: _input, port
options:
  _input:
    description: The addresses, one or several, as in C(front_host).
    type: raw
    required: true
  port:
    description: The port.
    type: int
    required: true
"""

EXAMPLES = r"""
listen: "{{ ['0.0.0.0', '::'] | airgap.python.listen_addresses(443) }}"  # ['0.0.0.0:443', '[::]:443']
"""

RETURN = r"""
_value:
  description: HOST:PORT for each address.
  type: list
  elements: str
"""

import typing as t

from ansible_collections.airgap.python.plugins.module_utils._index import _addresses


def listen_addresses(hosts: t.Any, port: t.Any) -> t.List[str]:
    """Return HOST:PORT for each address."""
    return _addresses.listen(hosts, int(port))


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return it by its name."""
        return {"listen_addresses": listen_addresses}
