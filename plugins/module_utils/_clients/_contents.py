# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of the files that make clients use the index. No I/O happens here."""

from __future__ import annotations

import hashlib
import json
import re
import typing as t
from urllib.parse import urlsplit

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

# This line marks a file that the role pip_conf wrote.
MARK = "# Written by Ansible, role airgap.python.pip_conf. Changes here are lost at its next run."
# The lines around what it wrote into a file that others write, too.
BLOCK_START = "# Begin of what the role airgap.python.pip_conf wrote"
BLOCK_END = "# End of what the role airgap.python.pip_conf wrote"
# What the index is called in uv.toml and ~/.pypirc, for twine upload -r.
NAME = "airgap"
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s+(.+?)\s+-----END CERTIFICATE-----", re.DOTALL)


class Site(t.NamedTuple):
    """The settings of the index: ``cert`` is a file, "" for the certificates that each client has.

    ``constraints`` are lines of a constraints file at ``constraints_path``, ``in_trust_store`` says that the system trusts the
    index's CA.
    """

    url: str
    trusted_host: str = ""
    cert: str = ""
    timeout: int = 15
    constraints: t.Tuple[str, ...] = ()
    constraints_path: str = ""
    uv_native_tls: bool = False
    in_trust_store: bool = False

    @property
    def upload_url(self) -> str:
        """The address to which devpi's users upload, without the simple pages of the index."""
        url = self.url.rstrip("/")
        return (url[: -len("/+simple")] if url.endswith("/+simple") else url) + "/"


class Publisher(t.NamedTuple):
    """A user of a host who uploads: the login is that of the index, ``cert`` the file with the certificate of its CA."""

    user: str
    login: str
    password: str
    url: str
    cert: str = ""


def pip_conf(site: Site) -> str:
    """Return pip.conf or pip.ini (pip documentation, "Configuration")."""
    lines = [MARK, "[global]", "index-url = " + site.url]
    if site.trusted_host:
        lines.append("trusted-host = " + site.trusted_host)
    if site.cert:
        lines.append("cert = " + site.cert)
    lines.append("timeout = %d" % site.timeout)
    if site.constraints:
        lines.append("constraint = " + site.constraints_path)
    lines.append("disable-pip-version-check = true")
    return _text(lines)


def uv_toml(site: Site) -> str:
    """Return uv.toml: one index, no other Python than the host's, and the host's own certificates.

    uv has no setting for a file with certificates: it uses those that it contains, or those of the system.
    """
    lines = [MARK]
    if (site.cert or site.in_trust_store) and urlsplit(site.url).scheme == "https":
        lines.append("native-tls = true" if site.uv_native_tls else "system-certs = true")
    lines.append('python-downloads = "never"')
    if site.constraints:
        lines.append("constraint-dependencies = [%s]" % ", ".join(json.dumps(one) for one in site.constraints))
    lines += ["", "[[index]]", 'name = "%s"' % NAME, "url = " + json.dumps(site.url), "default = true"]
    return _text(lines)


def constraints(site: Site) -> str:
    """Return the file of constraints; raises AirgapError for a line that is not one requirement."""
    for line in site.constraints:
        if not re.match(r"[A-Za-z0-9]", line) or not line.isprintable():
            raise AirgapError(
                "The constraint %r does not begin with the name of a project. Write each as a requirement, such as "
                "urllib3<3 (pip_conf_constraints)." % line
            )
    return _text([MARK, *site.constraints])


def variables(site: Site, bundle: str) -> t.Dict[str, str]:
    """Return the variables that make programs use the index which read no configuration file.

    ``bundle`` is the system's file of certificates, "" if it does not have the index's.
    """
    found = {"PIP_INDEX_URL": site.url}
    if site.trusted_host:
        found["PIP_TRUSTED_HOST"] = site.trusted_host
    if site.cert:
        found["PIP_CERT"] = site.cert
    if site.constraints:
        found["PIP_CONSTRAINT"] = found["UV_CONSTRAINT"] = site.constraints_path
    found["UV_DEFAULT_INDEX"] = found["PDM_PYPI_URL"] = site.url
    if bundle:
        found["SSL_CERT_FILE"] = found["REQUESTS_CA_BUNDLE"] = bundle
    return found


def systemd_conf(values: t.Mapping[str, str]) -> str:
    """Return a drop-in of systemd-system.conf(5) that sets variables for all units."""
    words = ['"%s=%s"' % (name, value.replace("%", "%%")) for name, value in values.items()]
    return _text([MARK, "[Manager]", "DefaultEnvironment=" + " ".join(words)])


def environment_lines(values: t.Mapping[str, str]) -> t.List[str]:
    """Return lines of /etc/environment, which cron and logins read (pam_env(8))."""
    return ["%s=%s" % one for one in values.items()]


def pypirc(publisher: Publisher) -> str:
    """Return ~/.pypirc; raises AirgapError for a value that would break it."""
    for name, value in (("login", publisher.login), ("password", publisher.password), ("url", publisher.url)):
        if not value or value != value.strip() or not value.isprintable():
            raise AirgapError(
                "The %s of the publisher %s is empty, has spaces around it, or has more than one line. Correct it "
                "(pip_conf_publishers)." % (name, publisher.user)
            )
    lines = [MARK, "[distutils]", "index-servers = " + NAME, "", "[%s]" % NAME, "repository = " + publisher.url]
    lines += ["username = " + publisher.login, "password = " + publisher.password]
    if publisher.cert and urlsplit(publisher.url).scheme == "https":
        lines.append("ca_cert = " + publisher.cert)
    return _text(lines)


def certificates(text: str) -> t.Dict[str, str]:
    """Return the certificates in a text, each as PEM, by a short name that follows from its content."""
    found = {}
    for body in _CERTIFICATE.findall(text):
        plain = re.sub(r"\s+", "", body)
        lines = [plain[place : place + 64] for place in range(0, len(plain), 64)]
        pem = "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n" % "\n".join(lines)
        found[hashlib.sha256(plain.encode("ascii", "replace")).hexdigest()[:8]] = pem
    return found


def has_certificates(bundle: str, wanted: t.Iterable[str]) -> bool:
    """Return whether a file of certificates has all of these, whatever their line ends."""
    return set(certificates("".join(wanted))) <= set(certificates(bundle))


def has_mark(data: bytes) -> bool:
    """Return whether the role wrote a file."""
    return MARK in data.decode("utf-8", "replace").splitlines()


def with_block(text: str, lines: t.Sequence[str]) -> str:
    """Return a file of others with these lines as the role's block: where the block is, or at the end; none: without it."""
    kept: t.List[str] = []
    place, inside = None, False
    for line in text.splitlines(keepends=True):
        if line.strip() == BLOCK_START:
            place, inside = len(kept), True
        elif inside:
            inside = line.strip() != BLOCK_END
        else:
            kept.append(line)
    if not lines:
        return "".join(kept)
    if place is None or inside:
        place = len(kept)
    if place and not kept[place - 1].endswith("\n"):
        kept[place - 1] += "\n"
    return "".join([*kept[:place], _text([BLOCK_START, *lines, BLOCK_END]), *kept[place:]])


def block(text: str) -> str:
    """Return the role's block in a file, "" if there is none."""
    found = re.search(r"^%s\n.*?^%s$" % (re.escape(BLOCK_START), re.escape(BLOCK_END)), text, re.MULTILINE | re.DOTALL)
    return found.group() + "\n" if found else ""


def _text(lines: t.Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
