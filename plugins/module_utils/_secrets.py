# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in URLs and settings: finding, removing and masking them. No I/O happens here."""

from __future__ import annotations

import re
import typing as t
import urllib.parse

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

# Shown in place of a secret that has no name.
HIDDEN = "********"
# A shorter value is not a secret, and would be part of too many words.
SHORTEST = 4
# A user name of at least this length may be a token rather than a person's name.
TOKEN = 12
# The path of a URL, with or without scheme and host, and its query.
_QUERY = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:/)?/[^\s?#'\"<>]*)\?[^\s'\"<>)]+")
# In a text: the user and password of a URL, and a URL with a query.
_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s?#]*@")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_URL_AND_QUERY = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^\s?#]*)\?[^\s#]*")


def without_user(text: str) -> str:
    """Return a text, such as a requirement, with user and password removed from its URLs."""
    return _USER.sub(lambda match: match.group(1), text)


def without_secrets(text: str) -> str:
    """Return a text that is safe for messages: user, password and query (which may be a signature) removed from URLs."""
    return _URL_AND_QUERY.sub(lambda match: match.group(1), without_user(text))


def without_login(address: str) -> str:
    """Return an address as a user typed it, URL or not, without user and password."""
    return without_user(address) if "://" in address else address.rpartition("@")[2]


def without_password(url: str) -> str:
    """Return a URL without user and password."""
    parts = urllib.parse.urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def public(url: str) -> str:
    """Return a URL that may leave this host: without user, password and query, which may be a signature or a token."""
    # Split by hand, because urlunsplit() drops the slashes of git+file:///.
    place, sign, fragment = without_password(url).partition("#")
    return place.partition("?")[0] + sign + fragment


def passwords(texts: t.Iterable[t.Optional[str]]) -> t.Set[str]:
    """Return every password in URLs, in each form that programs print; a user name without a password may be a token."""
    found = set()
    for text in texts:
        for url in _URL.findall(text or ""):
            parts = urllib.parse.urlsplit(url)
            secret = parts.password or (parts.username if len(parts.username or "") >= TOKEN else "")
            if secret:
                plain = urllib.parse.unquote(secret)
                found |= {secret, plain, urllib.parse.quote(plain, safe="")}
    return found


def queries(texts: t.Iterable[str]) -> t.Set[str]:
    """Return the queries of the URLs in requirements."""
    found = {urllib.parse.urlsplit(url).query for text in texts for url in _URL.findall(text)}
    return {query for query in found if len(query) >= SHORTEST}


def masks(secrets: t.Iterable[str]) -> t.Dict[str, str]:
    """Return for each secret the mask that hide() shows in its place."""
    return {secret: HIDDEN for secret in secrets}


def hide(text: str, secrets: t.Mapping[str, str]) -> str:
    """Return a text with each secret replaced by its mask, and with the queries of URLs masked."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, secrets[secret])
    return _QUERY.sub(lambda match: "%s?%s" % (match.group(1), HIDDEN), text)


class PlainSettings(t.NamedTuple):
    """pip's settings without passwords, and the netrc and variables from which pip gets them instead."""

    settings: t.Dict[str, str]
    netrc: str
    variables: t.Dict[str, str]


def out_of_settings(settings: t.Mapping[str, str]) -> PlainSettings:
    """Return pip's settings with the passwords moved to netrc(5) and to variables.

    For the environment of a build, pip starts itself with the indexes and the
    proxy as arguments, which every user of the machine can read. It also reads
    netrc(5) and the variables that name a proxy. Raises AirgapError for two
    logins on one machine, which netrc cannot express.
    """
    plain = dict(settings)
    logins: t.Dict[str, t.Tuple[str, str]] = {}
    for key in ("index-url", "extra-index-url"):
        for url in settings.get(key, "").split():
            parts = urllib.parse.urlsplit(url)
            if parts.username is None:
                continue
            login = (urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or ""))
            if logins.setdefault(parts.hostname or "", login) != login:
                raise AirgapError("The indexes use two logins for %s. Use one for both." % parts.hostname)
        if settings.get(key):
            plain[key] = " ".join(without_password(url) for url in settings[key].split())
    for text in (part for login in logins.values() for part in login):
        if re.search(r"[\s\"\\]", text):
            raise AirgapError(
                "An index's user or password has a space, a quote or a backslash, which netrc cannot express. Choose another."
            )
    lines = ["machine %s login %s password %s\n" % ((host,) + logins[host]) for host in sorted(logins)]
    variables = {}
    if "@" in settings.get("proxy", ""):
        proxy = plain.pop("proxy")
        variables = {key: proxy for key in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
    return PlainSettings(plain, "".join(lines), variables)


def scrub(value: t.Any, secrets: t.Collection[str]) -> t.Any:
    """Return a module's result without the secrets; from ansible-core 2.22 on, Ansible itself leaves them in it."""
    if isinstance(value, dict):
        return {key: scrub(one, secrets) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [scrub(one, secrets) for one in value]
    if isinstance(value, str):
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) >= SHORTEST:
                value = value.replace(secret, HIDDEN)
    return value
