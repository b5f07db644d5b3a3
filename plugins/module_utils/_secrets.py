# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What in a URL is nobody's business but that of the host that uses it. No I/O happens here."""

from __future__ import annotations

import re
import typing as t
import urllib.parse

# What is shown in place of a secret that has no name.
HIDDEN = "********"
# A shorter value is no secret, and stands in too many words.
SHORTEST = 4
# A user name that is no name of a person has at least so many characters.
TOKEN = 12
# The path of a URL, with or without what comes before it, and its query.
_QUERY = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:/)?/[^\s?#'\"<>]*)\?[^\s'\"<>)]+")
# In a text: the user and password of a URL, and a URL with a query.
_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s?#]*@")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_URL_AND_QUERY = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^\s?#]*)\?[^\s#]*")


def without_user(text: str) -> str:
    """Return a text, such as a requirement, whose URLs have no user and password."""
    return _USER.sub(lambda match: match.group(1), text)


def without_secrets(text: str) -> str:
    """Return a text as messages may show it: without user, password and query, which may be a signature, in its URLs."""
    return _URL_AND_QUERY.sub(lambda match: match.group(1), without_user(text))


def without_password(url: str) -> str:
    """Return a URL without user and password."""
    parts = urllib.parse.urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def public(url: str) -> str:
    """Return a URL as it may leave this host: without user, password and query, which may be a signature or a token."""
    # By hand, for urlunsplit() drops the slashes of git+file:///.
    place, sign, fragment = without_password(url).partition("#")
    return place.partition("?")[0] + sign + fragment


def passwords(texts: t.Iterable[t.Optional[str]]) -> t.Set[str]:
    """Return every password in URLs, as it is written and as it is meant; a user that stands alone may be a token."""
    found = set()
    for text in texts:
        for url in _URL.findall(text or ""):
            parts = urllib.parse.urlsplit(url)
            secret = parts.password or (parts.username if len(parts.username or "") >= TOKEN else "")
            if secret:
                found |= {secret, urllib.parse.unquote(secret)}
    return found


def queries(texts: t.Iterable[str]) -> t.Set[str]:
    """Return the queries of the URLs in requirements."""
    found = {urllib.parse.urlsplit(url).query for text in texts for url in _URL.findall(text)}
    return {query for query in found if len(query) >= SHORTEST}


def hide(text: str, secrets: t.Mapping[str, str]) -> str:
    """Return a text with each secret replaced by what stands for it, and without the queries of URLs."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, secrets[secret])
    return _QUERY.sub(lambda match: "%s?%s" % (match.group(1), HIDDEN), text)


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
