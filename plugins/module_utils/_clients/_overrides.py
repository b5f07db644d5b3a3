# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a host and its users that override the site's pip.conf, and the effect of each, without I/O.

pip reads /etc/xdg/pip/pip.conf, /etc/pip.conf, the user's files, the environment's own, and PIP_ variables, where
the later ones win, and in each file the section of a command wins over [global] (pip documentation, "Configuration"). Its
HTTP library also reads *_proxy variables and ~/.netrc. The authors of these files are not trusted: messages repeat only
the names of known keys, and scheme, host and port of URLs.
"""

from __future__ import annotations

import configparser
import ipaddress
import re
import shlex
import typing as t
from urllib.parse import urlsplit

SECTIONS = ("global", "install", "download", "wheel", "index", "list")
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
# The most characters of a DNS name and a port (RFC 1035).
LONGEST = 253 + len(":65535")
# The most users that a message names.
MOST = 3


class Finding(t.NamedTuple):
    """A file of a user, and what pip does because of it."""

    path: str
    user: str
    effects: t.Tuple[str, ...]


def place(value: str) -> str:
    """Return scheme, host and port of a URL: nothing that may be secret, and no control characters."""
    try:
        parts = urlsplit(value.strip())
    except ValueError:
        return "another place"
    host = parts.netloc.rpartition("@")[2]
    known = parts.scheme in SCHEMES and 0 < len(host) <= LONGEST
    if not known or re.search(r"[^A-Za-z0-9.:_\[\]-]", host):
        return "another place"
    return "%s://%s" % (parts.scheme, host)


def _same(one: str, other: str) -> bool:
    return one.strip().rstrip("/") == other.strip().rstrip("/")


def _is_true(value: str) -> bool:
    return value.strip().lower() in ("1", "true", "yes", "on", "y", "t")


def effect(key: str, value: str, url: str) -> str:
    """Return what one setting of pip changes, given the URL of the site's index; empty if nothing."""
    host, scheme = urlsplit(url).hostname or "", urlsplit(url).scheme
    if not value.strip():
        return ""
    if key in ("index-url", "pypi-url"):
        return "" if _same(value, url) else "uses %s instead of the index" % place(value)
    if key == "extra-index-url":
        others = [place(one) for one in value.split() if not _same(one, url)]
        return "also uses %s, and installs newer versions from there" % ", ".join(others[:MOST]) if others else ""
    if key == "no-index":
        return "uses no index" if _is_true(value) else ""
    if key == "find-links":
        return "also uses files from other places (find-links)"
    if key == "proxy":
        return "reaches the index through the proxy %s" % place(value)
    if key in ("cert", "client-cert") and scheme == "https":
        return "uses other certificates (%s)" % key
    if key == "trusted-host" and scheme == "http":
        trusted = {one.rpartition(":")[0] if one.count(":") == 1 else one for one in value.split()}
        return "" if host in trusted else "does not trust %s, and refuses it because it uses http" % host
    if key == "no-binary":
        return "builds from source, which the index does not have (no-binary)"
    return ""


def config_effects(text: str, url: str, overridden: t.Container[str] = ()) -> t.Tuple[str, ...]:
    """Return what a configuration file of pip changes; ``overridden`` are keys of its [global] that the site's file sets."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error:
        return ("does not start, because it cannot parse that file",)
    found = []
    for section in SECTIONS:
        for raw, value in parser.items(section) if parser.has_section(section) else ():
            key = raw.lower().replace("_", "-").lstrip("-")
            if section == "global" and key in overridden:
                continue
            found.append(effect(key, value or "", url))
    return _once(found)


def _once(effects: t.Iterable[str]) -> t.Tuple[str, ...]:
    return tuple(dict.fromkeys(one for one in effects if one))


def assignments(text: str) -> t.Dict[str, str]:
    """Return the variables that a shell's file, /etc/environment, or a file of pam_env or environment.d sets."""
    found: t.Dict[str, str] = {}
    for line in text.splitlines():
        old = re.match(r"\s*(\w+)\s+(?:DEFAULT|OVERRIDE)=(.*)", line)
        if old:
            line = "%s=%s" % old.groups()
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            words = line.split()
        for word in words:
            match = re.match(r"([A-Za-z_]\w*)=(.*)", word, re.DOTALL)
            if match:
                found[match.group(1)] = match.group(2)
            elif word not in ("export", "declare", "typeset", "-x", "-gx", "setenv"):
                # The variables of a single command, or none.
                break
    return found


def is_bypassed(url: str, no_proxy: str) -> bool:
    """Return whether no_proxy excludes the index, by the rules of the library that pip uses (requests)."""
    host = (urlsplit(url).hostname or "").lower()
    port = urlsplit(url).port
    for entry in no_proxy.lower().replace(",", " ").split():
        if entry in ("*", host, "%s:%s" % (host, port)):
            return True
        try:
            if "/" in entry and ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False):
                return True
        except ValueError:
            pass
        if ("." + host).endswith("." + entry.lstrip(".")):
            return True
    return False


def variable_effects(variables: t.Mapping[str, str], url: str, no_proxy: str = "") -> t.Tuple[str, ...]:
    """Return what variables change; ``no_proxy`` is its value from other files."""
    scheme = urlsplit(url).scheme
    found = []
    for name, value in variables.items():
        if name == "PIP_CONFIG_FILE":
            if value.strip() == "/dev/null":
                found.append("reads no configuration file, and does not use the site's index")
        elif name.startswith("PIP_"):
            found.append(effect(name[len("PIP_") :].lower().replace("_", "-"), value, url))
        elif name.lower() in PROXIES and name.lower()[: -len("_proxy")] in (scheme, "all") and value.strip():
            excluded = variables.get("no_proxy") or variables.get("NO_PROXY") or no_proxy
            if not is_bypassed(url, excluded):
                found.append(
                    "reaches the index through the proxy %s (%s), because no_proxy does not name %s"
                    % (place(value), name, urlsplit(url).hostname)
                )
        elif name in BUNDLES and scheme == "https" and value.strip():
            found.append("uses other certificates (%s)" % name)
    return _once(found)


def netrc_effects(logins: t.Optional[t.Container[str]], url: str) -> t.Tuple[str, ...]:
    """Return what a netrc changes, given the hosts that it has logins for, or None if it is broken."""
    if logins is None:
        return ("reads no login from it, because it is broken; other programs may fail on it",)
    host = urlsplit(url).hostname or ""
    if host in logins or "default" in logins:
        return ("sends the index a login from it, which the index may refuse",)
    return ()


def sentences(findings: t.Iterable[Finding], site_file: str) -> t.List[str]:
    """Return a sentence for each kind of finding; users with the same finding share one."""
    users: t.Dict[t.Tuple[str, t.Tuple[str, ...]], t.List[str]] = {}
    for one in findings:
        users.setdefault((one.path, one.effects), []).append(one.user)
    found = []
    for (path, effects), names in users.items():
        of = [name for name in names if name]
        whose = " of " + ", ".join(of[:MOST]) if of else ""
        more = " and %d more" % (len(of) - MOST) if len(of) > MOST else ""
        found.append("%s%s%s overrides %s: pip %s." % (path, whose, more, site_file, "; ".join(effects)))
    return found
