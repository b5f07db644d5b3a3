# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of the index: where it listens, and where its own host reaches it, from devpi_host and devpi_port."""

from __future__ import annotations

import ipaddress
import typing as t

# What means every address, and the one of them that is always this host's own.
WILDCARDS = {"0.0.0.0": "127.0.0.1", "*": "127.0.0.1", "::": "::1"}
LOOPBACK = ("localhost", "::1")


def split(hosts: t.Any) -> t.Tuple[str, ...]:
    """Return the addresses of devpi_host: a list, or a text with commas or spaces between them; brackets are removed."""
    several = [hosts] if isinstance(hosts, str) else hosts
    parts = [part for one in several for part in str(one).replace(",", " ").split()]
    return tuple(dict.fromkeys(one[1:-1] if one[:1] == "[" and one[-1:] == "]" else one for one in parts if one))


def host_port(host: str, port: int) -> str:
    """Return HOST:PORT, with brackets where the host is an IPv6 address (RFC 3986)."""
    return "%s:%d" % ("[%s]" % host if ":" in host else host, port)


def listen(hosts: t.Any, port: int) -> t.List[str]:
    """Return HOST:PORT of each address to listen on, as systemd and nginx write it."""
    found = ["0.0.0.0" if host == "*" else host for host in split(hosts)]
    return list(dict.fromkeys(host_port(_compressed(host), port) for host in found))


def _compressed(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


def own_urls(hosts: t.Any, port: int) -> t.List[str]:
    """Return the URLs at which the index host reaches its own server, one for each address, loopback first."""
    found = list(dict.fromkeys(WILDCARDS.get(host, host) for host in split(hosts)))
    found.sort(key=lambda host: not (host in LOOPBACK or host.startswith("127.")))
    return ["http://" + host_port(host, port) for host in found]
