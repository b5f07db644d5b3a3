# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host reaches the index: the URL, the certificate to check it with, and the lines of /etc/hosts; from the site's variables."""

from __future__ import annotations

import hashlib
import re
import typing as t
from urllib.parse import SplitResult, urlsplit

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _addresses, _kinds

# A variable that is worked out from the others.
AUTO = "auto"
IP = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
# Addresses that mean the requesting host itself.
LOOPBACK = re.compile(
    r"127\.|0\.0\.0\.0$|\[?(::|::1|::ffff:127\.[0-9.]+)\]?$|(localhost|ip6-localhost)(\.localdomain)?\.?$",
    re.IGNORECASE,
)
SCHEMES = ("http", "https", "file")

Variables = t.Mapping[str, t.Any]


class Front(t.NamedTuple):
    """What the index host says of the server that nodes reach.

    Attributes:
        kind: The row of the table of kinds.
        present: Whether it is the role front's, and not devpi-server itself.
        tls: Whether it is https.
        port: Its port.
        own_certificate: Whether its certificate is of the CA that the role front makes on that host.
        ca: The file with the certificate of its CA on that host; "" if pip uses its own certificates.
    """

    kind: _kinds.Kind
    present: bool
    tls: bool
    port: int
    own_certificate: bool
    ca: str


class Access(t.NamedTuple):
    """How a host reaches the index.

    Attributes:
        url: The simple index; "" if none is known, and if it holds a password, which is never shown.
        scheme: Of that URL.
        address: The address of the index hosts in it.
        trusted_host: The host that pip may contact over http; "" with https.
        ca: The file on the index hosts with the certificate of their CA; "" if none is carried.
        cert: The file on the host with certificates; "" for pip's own.
        carries_ca: Whether the certificate of the CA is carried to the host.
        hosts: The lines of the block in /etc/hosts.
        is_loopback: Whether the URL means the requesting host itself.
        problem: What is wrong with the settings; "" if nothing is.
    """

    url: str
    scheme: str
    address: str
    trusted_host: str
    ca: str
    cert: str
    carries_ca: bool
    hosts: t.List[str]
    is_loopback: bool
    problem: str


def front_of(index_host: Variables, kind: str) -> Front:
    """Return what an index host's variables say of its server. ``kind`` is the kind if they do not name it."""
    present = index_host.get("front_state", "present") == "present"
    tls = present and bool(boolean(index_host.get("front_tls", True), strict=False))
    own = not index_host.get("front_certificate")
    ca = ""
    if tls and (own or index_host.get("front_ca_certificate")):
        ca = "%s/ca.pem" % index_host.get("front_config_dir", "/etc/airgap-front")
    return Front(
        _kinds.find(str(index_host.get("airgap_index_kind", kind))),
        present,
        tls,
        _port(index_host, "front_port", 443 if tls else 80) if present else _port(index_host, "devpi_port", 3141),
        own,
        ca,
    )


def _port(index_host: Variables, name: str, default: int) -> int:
    value = index_host.get(name, default)
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise AirgapError("%s of the index host is %r. Set it to a number." % (name, value)) from error


def own_url(front: Front, address: str, index: str) -> str:
    """Return the URL at which the index host serves an index; "" if the site serves it by itself."""
    if not address or not front.kind.front:
        return ""
    scheme, default_port = ("https", 443) if front.tls else ("http", 80)
    host = "[%s]" % address if ":" in address else address
    return "%s://%s%s/%s/+simple/" % (scheme, host, "" if front.port == default_port else ":%d" % front.port, index)


def ordered(addresses: t.Sequence[str], host: str) -> t.List[str]:
    """Return the addresses in the order of one host: hosts differ in the first one, and each always has the same."""
    if not addresses:
        return []
    first = int(hashlib.sha256(host.encode("utf-8")).hexdigest()[:8], 16) % len(addresses)
    return [*addresses[first:], *addresses[:first]]


def work_out(asked: Variables, host: str, index_hosts: t.Mapping[str, Variables]) -> Access:
    """Return how a host reaches the index.

    ``asked`` are the variables of the role pip_conf without their prefix, with airgap_index_name, airgap_index_kind and, as
    connection, ansible_connection; ``index_hosts`` are the variables of each host in airgap_index, by its name, in their order.
    Raises AirgapError for a kind of index that there is not, and for a port that is not a number.
    """
    names = list(index_hosts)
    first = index_hosts[names[0]] if names else {}
    front = front_of(first, str(asked.get("airgap_index_kind") or "devpi"))
    index_name = str(asked.get("airgap_index_name") or "airgap/prod")
    # As Ansible's lists, also a text with commas.
    clients = _addresses.split(asked["clients"])
    addresses = list(_addresses.split(asked["index_addresses"])) or [
        str(index_hosts[name].get("ansible_host") or name) for name in names
    ]
    address = str(asked["index_address"]) or (addresses[0] if addresses else "")
    # Not every pip takes an IP address in an https URL. A given certificate, and clients without "hosts", are without the name.
    if not asked["index_address"] and (
        len(names) > 1
        or (
            "hosts" in clients
            and front.tls
            and front.own_certificate
            and is_ip(address)
            and not LOOPBACK.match(address)
        )
    ):
        address = str(asked["index_name"])
    own = own_url(front, address, index_name)
    url = str(asked["index_url"]) or own
    parts = _parts(url)
    ca = str(asked["ca"])
    if ca == AUTO:
        ca = front.ca if url == own else ""
    cert = str(asked["cert"])
    if cert == AUTO:
        cert = str(asked["own_cert"]) if ca and "ca" in clients else ""
    trusted_host = str(asked["trusted_host"])
    if trusted_host == AUTO:
        trusted_host = (parts.hostname or "") if parts.scheme == "http" else ""
    writes_hosts = "hosts" in clients and address == asked["index_name"] and bool(url) and url == own
    is_loopback = (
        parts.scheme != "file" and bool(LOOPBACK.match(address)) and bool(LOOPBACK.match(parts.hostname or ""))
    )
    is_index_host = bool(names) and (
        host == names[0]
        # One machine may have two names in the inventory.
        or (asked.get("connection") == "local" and first.get("ansible_connection") == "local")
    )
    found = Access(
        url,
        parts.scheme,
        address,
        trusted_host,
        ca,
        cert,
        bool(ca) and ("trust_store" in clients or ("ca" in clients and cert == asked["own_cert"])),
        ["%s %s" % (one, address) for one in ordered(addresses, host)] if writes_hosts else [],
        is_loopback,
        "",
    )
    problem = _problem_of_url(found, asked, host, front.kind, index_name)
    if not problem and not is_index_host:
        problem = _problem_of_addresses(found, addresses, host, names)
    if not problem and writes_hosts and not all(map(is_ip, addresses)):
        problem = _not_reachable(addresses, host)
    return found._replace(url="" if "@" in parts.netloc else url, problem=problem)


def _parts(url: str) -> SplitResult:
    """Return the parts of a URL; none of what is not a URL at all, such as one with half of an IPv6 address."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def is_ip(text: str) -> bool:
    """Return whether a text has the form of an IP address."""
    return bool(IP.fullmatch(text))


def _problem_of_url(found: Access, asked: Variables, host: str, kind: _kinds.Kind, index_name: str) -> str:
    parts = _parts(found.url)
    if not found.url and kind.front:
        return (
            "No index is known: the inventory has no host in the group airgap_index. Add the index host to it, or set "
            "pip_conf_index_url."
        )
    if not found.url:
        return (
            "pip_conf_index_url is not set. With airgap_index_kind %s, the site says where %s finds the index, for example %s."
            % (
                asked.get("airgap_index_kind"),
                host,
                "file:///mnt/python/current/%s/+simple/" % index_name
                if kind.publish == "static"
                else "https://nexus.example.org/repository/python/simple/",
            )
        )
    if (
        found.scheme not in SCHEMES
        or bool(parts.hostname) == (found.scheme == "file")
        or (found.scheme == "file" and len(parts.path) < 2)
    ):
        return (
            "pip_conf_index_url must begin with http://HOST, https://HOST or file:///FOLDER. Write it in full, for example "
            "https://10.0.0.1/airgap/prod/+simple/."
        )
    if "@" in parts.netloc:
        return (
            "pip_conf_index_url holds a user or a password, and every user of the host can read %s. Remove it; let the index "
            "serve its files without a login inside the gap." % asked["path"]
        )
    return ""


def _problem_of_addresses(found: Access, addresses: t.Sequence[str], host: str, names: t.Sequence[str]) -> str:
    if found.is_loopback:
        return (
            "%s would request the index at %s, which is %s itself. The default is ansible_host of the index host, which may be "
            "the address of a tunnel: set pip_conf_index_addresses to a list with the address at which the nodes reach %s."
            % (host, found.address, host, names[0] if names else "the index")
        )
    if found.hosts and any(map(LOOPBACK.match, addresses)):
        return _not_reachable(addresses, host)
    return ""


def _not_reachable(addresses: t.Sequence[str], host: str) -> str:
    return (
        "%s are not all IP addresses at which %s reaches the index hosts. Set pip_conf_index_addresses to these. If the site has "
        "a name or a balancer of its own for all of them, set pip_conf_index_address to that instead."
        % (", ".join(addresses), host)
    )
