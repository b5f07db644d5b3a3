# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files a host's clients need, decided from the module's options and what is on the host. No I/O happens here."""

from __future__ import annotations

import os
import re
import typing as t
from urllib.parse import urlsplit

from ansible_collections.airgap.python.plugins.module_utils._clients import _contents
from ansible_collections.airgap.python.plugins.module_utils._clients._files_plan import Found, Owner, Wanted
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

PIECES = ("pip", "uv", "ca", "hosts", "trust_store", "constraints", "environment", "pypirc")
# The options that name a file.
PATHS = ("path", "uv_path", "ca_path", "hosts_path", "constraints_path", "systemd_path", "environment_path")
# The start of the names of the index's certificates in a trust store.
ANCHOR = "airgap-index-"


class TrustStore(t.NamedTuple):
    """Where a system keeps the certificates that it trusts: ours go to ``anchors``, ``command`` makes ``bundle`` of all."""

    anchors: str
    command: t.Tuple[str, ...]
    bundle: str


# ca-certificates of Debian and of Enterprise Linux; the command exists on one of them only.
TRUST_STORES = (
    TrustStore(
        "/usr/local/share/ca-certificates", ("/usr/sbin/update-ca-certificates",), "/etc/ssl/certs/ca-certificates.crt"
    ),
    TrustStore(
        "/etc/pki/ca-trust/source/anchors",
        ("/usr/bin/update-ca-trust",),
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    ),
)


class User(t.NamedTuple):
    """A user of the host with a home folder."""

    name: str
    home: str
    uid: int
    gid: int


class Host(t.NamedTuple):
    """What is known of a host before the files are planned; ``owner`` is who runs this, ``pypircs`` have the role's mark."""

    owner: Owner
    users: t.Mapping[str, User]
    pypircs: t.Tuple[str, ...] = ()
    hosts: Found = Found()
    environment: Found = Found()
    trust_store: t.Optional[TrustStore] = None
    anchors: t.Tuple[str, ...] = ()
    ca: Found = Found()


class Needs(t.NamedTuple):
    """The files, in the order in which they are written, and the certificates that the trust store must have."""

    files: t.List[Wanted]
    certificates: t.Dict[str, str]


def chosen(params: t.Mapping[str, t.Any]) -> t.Set[str]:
    """Return the pieces that are wanted; the others are what they were before the role."""
    return set(params["clients"]) if params["state"] == "present" else set()


def site_of(params: t.Mapping[str, t.Any]) -> _contents.Site:
    """Return the settings of the index."""
    wanted = chosen(params)
    return _contents.Site(
        url=params["index_url"] or "",
        trusted_host=params["trusted_host"],
        cert=params["cert"],
        timeout=params["timeout"],
        constraints=tuple(params["constraints"]) if "constraints" in wanted else (),
        constraints_path=params["constraints_path"],
        uv_native_tls=params["uv_native_tls"],
        in_trust_store="trust_store" in wanted and bool(params["ca"]),
    )


def plan(params: t.Mapping[str, t.Any], host: Host) -> Needs:
    """Return what the host must have; raises AirgapError for an option that cannot be carried out."""
    wanted, site = chosen(params), site_of(params)
    common = host.owner._replace(mode=0o644)
    certificates = _contents.certificates(params["ca"]) if "trust_store" in wanted else {}
    if "trust_store" in wanted and host.trust_store is None:
        raise AirgapError(
            "This host has neither update-ca-certificates (Debian) nor update-ca-trust (Enterprise Linux), so its trust store "
            "cannot be changed. Install its package ca-certificates, or leave trust_store out of pip_conf_clients."
        )
    has_store = host.trust_store is not None and bool(certificates or host.anchors) and "trust_store" in wanted
    bundle = host.trust_store.bundle if host.trust_store and has_store and urlsplit(site.url).scheme == "https" else ""
    values = _contents.variables(site, bundle) if "environment" in wanted else {}
    files: t.Dict[str, t.Sequence[t.Optional[Wanted]]] = {
        "ca": [_ca(params, host, "ca" in wanted, common)],
        "hosts": _block(params["hosts_path"], params["hosts"] if "hosts" in wanted else [], host.hosts, common),
        "constraints": [
            Wanted(params["constraints_path"], _data(site.constraints and _contents.constraints(site)), common)
        ],
        "trust_store": _anchors(params, host, certificates, "trust_store" in wanted, common),
        "uv": [
            Wanted(params["uv_path"], _data("uv" in wanted and _contents.uv_toml(site)), common, setting=_out("uv"))
        ],
        "pip": [
            Wanted(
                params["path"],
                _data("pip" in wanted and _contents.pip_conf(site)),
                common,
                setting="set pip_conf_path",
            )
        ],
        "environment": [
            Wanted(
                params["systemd_path"],
                _data(values and _contents.systemd_conf(values)),
                common,
                setting=_out("environment"),
            ),
            *_block(params["environment_path"], _contents.environment_lines(values), host.environment, common),
        ],
        "pypirc": _pypircs(params, host, site, "pypirc" in wanted),
    }
    return Needs(
        [one for piece in PIECES if piece in params["only"] for one in files[piece] if one is not None], certificates
    )


def _data(text: t.Any) -> t.Optional[bytes]:
    return text.encode("utf-8") if text else None


def _out(piece: str) -> str:
    return "leave %s out of pip_conf_clients" % piece


def _ca(params: t.Mapping[str, t.Any], host: Host, is_wanted: bool, common: Owner) -> t.Optional[Wanted]:
    """Return the file of the CA. While an index host cannot be reached, the certificates that the host has stay."""
    if is_wanted and not params["ca_complete"] and (host.ca.kind == "file" or not params["ca"]):
        return None
    return Wanted(
        params["ca_path"],
        _data(is_wanted and params["ca"].strip() and params["ca"].strip() + "\n"),
        common,
        marked=False,
    )


def _block(path: str, lines: t.Sequence[str], found: Found, common: Owner) -> t.List[Wanted]:
    """Return a file that others write, too, with the role's lines."""
    text = found.data.decode("utf-8", "surrogateescape")
    after = _contents.with_block(text, lines)
    if after == text:
        return []
    return [Wanted(path, after.encode("utf-8", "surrogateescape"), found.owner or common, marked=False, shared=True)]


def _anchors(
    params: t.Mapping[str, t.Any], host: Host, certificates: t.Mapping[str, str], is_wanted: bool, common: Owner
) -> t.List[Wanted]:
    """Return a file for each certificate, as Debian asks for, and the removal of others of the role."""
    if host.trust_store is None:
        return []
    folder = host.trust_store.anchors
    files = {os.path.join(folder, "%s%s.crt" % (ANCHOR, name)): pem for name, pem in certificates.items()}
    found = [Wanted(path, _data(pem), common, marked=False) for path, pem in files.items()]
    if params["ca_complete"] or not is_wanted:
        found += [Wanted(path, None, common, marked=False) for path in host.anchors if path not in files]
    return found


def _pypircs(params: t.Mapping[str, t.Any], host: Host, site: _contents.Site, is_wanted: bool) -> t.List[Wanted]:
    found: t.Dict[str, Wanted] = {}
    for one in params["publishers"] if is_wanted else ():
        user = host.users.get(one["user"])
        if user is None:
            raise AirgapError(
                "The publisher %s is not a user of this host with a home folder. Create the user first, or correct "
                "pip_conf_publishers." % one["user"]
            )
        # The site's CA issued the certificate of the index, not that of any other server.
        url = one["url"] or site.upload_url
        cert = site.cert if urlsplit(url).netloc == urlsplit(site.url).netloc else ""
        publisher = _contents.Publisher(one["user"], one["login"], one["password"], url, cert)
        path = os.path.join(user.home, ".pypirc")
        owner = Owner(user.uid, user.gid, 0o600)
        text = _contents.pypirc(publisher)
        found[path] = Wanted(
            path, _data(text), owner, is_secret=True, setting="remove %s from pip_conf_publishers" % one["user"]
        )
    for path in host.pypircs:
        found.setdefault(path, Wanted(path, None, host.owner, is_secret=True))
    return list(found.values())


def needs_update(needs: Needs, bundle: str, removed: t.Iterable[str]) -> bool:
    """Return whether the trust store must be made again, given the bundle of all certificates that it made last.

    ``removed`` are the certificates that were removed.
    """
    gone = set(_contents.certificates("".join(removed))) - set(needs.certificates)
    return not _contents.has_certificates(bundle, needs.certificates.values()) or bool(
        gone & set(_contents.certificates(bundle))
    )


def own_folder(path: str) -> str:
    """Return a folder that the role may remove when it is empty, "" if it belongs to the system."""
    folder = os.path.dirname(path)
    return folder if re.search(r"^/etc/(airgap|uv|systemd/system\.conf\.d)$", folder) else ""
