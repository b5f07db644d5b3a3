# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The URL of the index on its own host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: local_url
short_description: The URL by which the index host reaches its own devpi-server
version_added: 0.1.0
author: airgap.python authors (@airgap-python)
description:
  - Makes the URL from the addresses that the server listens on, so that one variable is enough.
  - A server on all addresses, such as V(0.0.0.0), is reached through loopback. Of several addresses, loopback comes first.
positional: _input, port
options:
  _input:
    description: The addresses that the server listens on, one or several, as in C(devpi_host).
    type: raw
    required: true
  port:
    description: The port.
    type: int
    required: true
"""

EXAMPLES = r"""
url: "{{ '0.0.0.0' | airgap.python.local_url(3141) }}"  # http://127.0.0.1:3141
"""

RETURN = r"""
_value:
  description: The URL.
  type: str
"""

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.airgap.python.plugins.module_utils._index import _addresses


def local_url(hosts: t.Any, port: t.Any) -> str:
    """Return the first of the URLs."""
    urls = _addresses.own_urls(hosts, int(port))
    if not urls:
        raise AnsibleFilterError("devpi_host has no address. Set it, for example to 0.0.0.0 for every IPv4 address.")
    return urls[0]


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return it by its name."""
        return {"local_url": local_url}
