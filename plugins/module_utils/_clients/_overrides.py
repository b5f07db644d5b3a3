# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a host and its users that override the site's pip.conf and uv.toml, and the effect of each, without I/O.

pip reads /etc/xdg/pip/pip.conf, /etc/pip.conf, the user's files, the environment's own, and PIP_ variables, where
the later ones win, and in each file the section of a command wins over [global] (pip documentation, "Configuration"). Its
HTTP library also reads *_proxy variables and ~/.netrc. uv reads the user's uv.toml, and UV_ variables, which win (uv
documentation, "Configuration files"). The authors of these files are not trusted: messages repeat only the names of known
keys, and scheme, host and port of URLs.
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


PIP, UV = "pip", "uv"
_FALSE = ("0", "false", "no", "off", "n", "f", "")


class Finding(t.NamedTuple):
    """A file of a user, and what a client does because of it."""

    path: str
    user: str
    effects: t.Tuple[str, ...]
    client: str = PIP


class Setting(t.NamedTuple):
    """A value, and the line that sets it."""

    value: str
    line: int


class Ours(t.NamedTuple):
    """What the site wants: the URL of its index, files of certificates that have its CA, and the site's uv.toml."""

    url: str
    certificates: t.Tuple[str, ...] = ()
    uv_toml: str = "/etc/uv/uv.toml"


class Effect(t.NamedTuple):
    """What a client does because of a setting in a line; "" if nothing."""

    client: str
    text: str
    line: int


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


def effect(key: str, value: str, ours: Ours) -> str:
    """Return what one setting of pip changes; empty if nothing."""
    url = ours.url
    host, scheme = urlsplit(url).hostname or "", urlsplit(url).scheme
    if not value.strip():
        return ""
    if key in ("index-url", "pypi-url"):
        return "" if _same(value, url) else "uses %s instead of the index" % place(value)
    if key == "extra-index-url":
        others = _others(value, url)
        return "also uses %s, and installs newer versions from there" % others if others else ""
    if key == "no-index":
        return "uses no index" if _is_true(value) else ""
    if key == "find-links":
        return "also uses files from other places (find-links)"
    if key == "proxy":
        return "reaches the index through the proxy %s" % place(value)
    if key in ("cert", "client-cert") and scheme == "https" and value not in ours.certificates:
        return "uses other certificates (%s)" % key
    if key == "trusted-host" and scheme == "http":
        trusted = {one.rpartition(":")[0] if one.count(":") == 1 else one for one in value.split()}
        return "" if host in trusted else "does not trust %s, and refuses it because it uses http" % host
    if key == "no-binary":
        return "builds from source, which the index does not have (no-binary)"
    return ""


def _others(value: str, url: str) -> str:
    """Return the places in a list of URLs that are not the index."""
    return ", ".join([place(one) for one in value.split() if not _same(one, url)][:MOST])


def uv_effect(key: str, value: str, ours: Ours) -> str:
    """Return what one setting of uv changes; empty if nothing."""
    url = ours.url
    if key in ("default-index", "index-url"):
        # An index may have a name before its URL: NAME=URL.
        plain = re.sub(r"^[A-Za-z0-9._-]+=", "", value.strip())
        return "" if not plain or _same(plain, url) else "uses %s instead of the index" % place(plain)
    if key in ("index", "extra-index-url"):
        others = _others(re.sub(r"(^|\s)[A-Za-z0-9._-]+=(?=\w+:)", r"\1", value), url)
        return "also uses %s, and before the index" % others if others else ""
    if key in ("no-index", "offline"):
        return "uses no index" if _is_true(value) else ""
    if key == "find-links":
        return "also uses files from other places (find-links)" if value.strip() else ""
    if key in ("system-certs", "native-tls") and urlsplit(url).scheme == "https":
        return "does not use the system's certificates (%s)" % key if value.strip().lower() in _FALSE[:-1] else ""
    if key == "no-config":
        return "reads no configuration file, and does not use the site's index" if _is_true(value) else ""
    if key == "config-file" and value.strip() not in ("", ours.uv_toml):
        return "reads another configuration file instead of %s" % ours.uv_toml
    return ""


def config_effects(text: str, ours: Ours, overridden: t.Container[str] = ()) -> t.Tuple[Effect, ...]:
    """Return what a configuration file of pip changes; ``overridden`` are keys of its [global] that the site's file sets."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error:
        return (Effect(PIP, "does not start, because it cannot parse that file", 0),)
    lines = _ini_lines(text)
    found = []
    for section in SECTIONS:
        for raw, value in parser.items(section) if parser.has_section(section) else ():
            key = raw.lower().replace("_", "-").lstrip("-")
            if section == "global" and key in overridden:
                continue
            found.append(Effect(PIP, effect(key, value or "", ours), lines.get((section, raw), 0)))
    return _once(found)


def _ini_lines(text: str) -> t.Dict[t.Tuple[str, str], int]:
    """Return the line of each key of a file of configparser, by section and key."""
    found: t.Dict[t.Tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"\[([^]]+)\]", line)
        key = re.match(r"([^\s=:#;\[][^=:]*?)\s*[=:]", line)
        if head:
            section = head.group(1)
        elif key:
            found[section, key.group(1).lower()] = number
    return found


def uv_toml_effects(text: str, ours: Ours) -> t.Tuple[Effect, ...]:
    """Return what a uv.toml changes. Known keys only are read, each with its line, because Python 3.8 cannot parse TOML."""
    found: t.List[Effect] = []
    section = ""
    index: t.Dict[str, Setting] = {}

    def end_index() -> None:
        url = index.get("url")
        if url and index.get("explicit", Setting("", 0)).value != "true":
            key = "default-index" if index.get("default", Setting("", 0)).value == "true" else "index"
            found.append(Effect(UV, uv_effect(key, url.value, ours), url.line))
        index.clear()

    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        head = re.match(r"\s*(\[\[?)\s*([\w.-]+)\s*\]", line)
        pair = re.match(r"\s*([\w-]+)\s*=\s*(.*)", line)
        if head:
            end_index()
            section = head.group(2)
        elif pair:
            key, value = pair.group(1), pair.group(2)
            if value.startswith("["):
                rest = "\n".join([value, *lines[number:]])
                value = " ".join(_strings(rest.partition("]")[0]))
            else:
                value = (_strings(value) or [value.split("#")[0].strip()])[0]
            if section == "index":
                index[key] = Setting(value, number)
            elif section in ("", "pip"):
                found.append(Effect(UV, uv_effect(key, value, ours), number))
    end_index()
    return _once(found)


def _strings(text: str) -> t.List[str]:
    """Return the strings in a text of TOML, without its escapes."""
    return [one or other for one, other in re.findall(r"\"([^\"\n]*)\"|'([^'\n]*)'", text)]


def _once(effects: t.Iterable[Effect]) -> t.Tuple[Effect, ...]:
    return tuple(dict.fromkeys(one for one in effects if one.text))


def assignments(text: str) -> t.Dict[str, Setting]:
    """Return the variables that a shell's file, /etc/environment, a crontab, or a file of pam_env or environment.d sets."""
    found: t.Dict[str, Setting] = {}
    for number, line in enumerate(text.splitlines(), 1):
        old = re.match(r"\s*(\w+)\s+(?:DEFAULT|OVERRIDE)=(.*)", line)
        if old:
            line = "%s=%s" % old.groups()
        for word in _words(line):
            match = re.match(r"([A-Za-z_]\w*)=(.*)", word, re.DOTALL)
            if match:
                found[match.group(1)] = Setting(match.group(2), number)
            elif word not in ("export", "declare", "typeset", "-x", "-gx", "setenv"):
                # The variables of a single command, or none.
                break
    return found


def systemd_assignments(text: str) -> t.Dict[str, Setting]:
    """Return the variables that a unit or a configuration of systemd sets (systemd.exec(5), systemd-system.conf(5))."""
    found: t.Dict[str, Setting] = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r"\s*(?:Default)?Environment\s*=(.*)", line)
        for word in _words(match.group(1)) if match else ():
            name, sign, value = word.partition("=")
            if sign:
                found[name] = Setting(value.replace("%%", "%"), number)
    return found


def _words(line: str) -> t.List[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return line.split()


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


def variable_effects(variables: t.Mapping[str, Setting], ours: Ours, no_proxy: str = "") -> t.Tuple[Effect, ...]:
    """Return what variables change; ``no_proxy`` is its value from other files."""
    scheme = urlsplit(ours.url).scheme
    found = []
    for name, (value, line) in variables.items():
        client, text = PIP, ""
        if name == "PIP_CONFIG_FILE":
            if value.strip() == "/dev/null":
                text = "reads no configuration file, and does not use the site's index"
        elif name.startswith("PIP_"):
            text = effect(name[len("PIP_") :].lower().replace("_", "-"), value, ours)
        elif name.startswith("UV_"):
            client, text = UV, uv_effect(name[len("UV_") :].lower().replace("_", "-"), value, ours)
        elif name.lower() in PROXIES and name.lower()[: -len("_proxy")] in (scheme, "all") and value.strip():
            excluded = [variables[one].value for one in ("no_proxy", "NO_PROXY") if one in variables]
            if not is_bypassed(ours.url, next((one for one in excluded if one), no_proxy)):
                text = "reaches the index through the proxy %s (%s), because no_proxy does not name %s" % (
                    place(value),
                    name,
                    urlsplit(ours.url).hostname,
                )
        elif scheme == "https" and value.strip() and value not in ours.certificates:
            client = PIP if name in BUNDLES else UV
            text = "uses other certificates (%s)" % name if name in (*BUNDLES, "SSL_CERT_FILE", "SSL_CERT_DIR") else ""
        found.append(Effect(client, text, line))
    return _once(found)


def netrc_effects(logins: t.Optional[t.Container[str]], url: str) -> t.Tuple[Effect, ...]:
    """Return what a netrc changes, given the hosts that it has logins for, or None if it is broken."""
    if logins is None:
        return (Effect(PIP, "reads no login from it, because it is broken; other programs may fail on it", 0),)
    host = urlsplit(url).hostname or ""
    if host in logins or "default" in logins:
        return (Effect(PIP, "sends the index a login from it, which the index may refuse", 0),)
    return ()


def findings(path: str, user: str, effects: t.Iterable[Effect]) -> t.List[Finding]:
    """Return what is found in one file, for each client apart; each effect with its line."""
    found: t.Dict[str, t.List[str]] = {}
    for one in effects:
        found.setdefault(one.client, []).append(one.text + (" (line %d)" % one.line if one.line else ""))
    return [Finding(path, user, tuple(texts), client) for client, texts in found.items()]


def sentences(found: t.Iterable[Finding], site_files: t.Mapping[str, str]) -> t.List[str]:
    """Return a sentence for each kind of finding; users with the same finding share one. ``site_files`` are by client."""
    users: t.Dict[t.Tuple[str, str, t.Tuple[str, ...]], t.List[str]] = {}
    for one in found:
        if one.client in site_files:
            users.setdefault((one.path, one.client, one.effects), []).append(one.user)
    texts = []
    for (path, client, effects), names in users.items():
        of = [name for name in names if name]
        whose = " of " + ", ".join(of[:MOST]) if of else ""
        more = " and %d more" % (len(of) - MOST) if len(of) > MOST else ""
        texts.append(
            "%s%s%s overrides %s: %s %s." % (path, whose, more, site_files[client], client, "; ".join(effects))
        )
    return texts
