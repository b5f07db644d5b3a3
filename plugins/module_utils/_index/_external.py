# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An index that the site runs: which server it is, what its responses to an upload mean, and what to send. Nothing is sent here."""

from __future__ import annotations

import html
import http.client
import json
import re
import typing as t
from urllib.parse import urlsplit

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index._simple_page import Link

AUTO = "auto"
# The user of a token, by the convention of PyPI.
TOKEN_USER = "__token__"
# The most files that one message names.
MOST_NAMED = 20


class Known(t.NamedTuple):
    """A server that this collection knows.

    Attributes:
        title: Its name, for people.
        upload: The form of the address to upload to.
        exists: What it responds if a file of that name exists already: a status, and what is in the status line or the body.
    """

    title: str
    upload: str
    exists: t.Tuple[t.Tuple[int, str], ...]


# The rules of twine 5 and 6 (--skip-existing), and the newer texts of Nexus and Artifactory that are reported to it (its issues
# 1044 and 1251).
ANY_409 = (409, "")
ALREADY_EXISTS = (400, "already exist")
KNOWN = {
    "artifactory": Known(
        "Artifactory",
        "https://HOST/artifactory/api/pypi/REPOSITORY",
        ((403, "overwrite (all )?artifact"),),
    ),
    "cloudsmith": Known("Cloudsmith", "https://HOST/OWNER/REPOSITORY/", (ANY_409, ALREADY_EXISTS)),
    "devpi": Known("devpi-server", "https://HOST/USER/INDEX/", (ANY_409,)),
    "forgejo": Known("Forgejo or Gitea", "https://HOST/api/packages/OWNER/pypi", (ANY_409, ALREADY_EXISTS)),
    "gitlab": Known("GitLab", "https://HOST/api/v4/projects/ID/packages/pypi", ((400, "already been taken"),)),
    "nexus": Known(
        "Nexus Repository",
        "https://HOST/repository/REPOSITORY/",
        ((400, "updating asset"), (400, "cannot be updated")),
    ),
    "pulp": Known("Pulp", "https://HOST/pypi/DISTRIBUTION/legacy/", (ALREADY_EXISTS,)),
    "pypiserver": Known("pypiserver", "https://HOST/", (ANY_409,)),
}
# Of a server that is not known: what any of them responds.
GENERIC = Known("the server", "", tuple(sorted({rule for one in KNOWN.values() for rule in one.exists})))
SERVERS = (AUTO, *KNOWN)

# A header, and what its value begins with, in lower case.
_HEADERS = (
    ("x-artifactory-id", "", "artifactory"),
    ("x-jfrog-version", "", "artifactory"),
    ("server", "artifactory", "artifactory"),
    ("server", "nexus", "nexus"),
    ("x-devpi-server-version", "", "devpi"),
    ("x-gitlab-meta", "", "gitlab"),
    ("server", "cloudsmith", "cloudsmith"),
)
_PATHS = (
    (r"/api/pypi/[^/]+/?$", "artifactory"),
    (r"/api/packages/[^/]+/pypi/?$", "forgejo"),
    (r"/api/v4/(projects|groups)/.+/packages/pypi/?$", "gitlab"),
    (r"/repository/[^/]+/?$", "nexus"),
    (r"/pypi/[^/]+/(legacy|simple)/?$", "pulp"),
)
_HOSTS = ((r"(^|\.)cloudsmith\.io$", "cloudsmith"),)
# In lower case.
_BODIES = (
    ("nexus repository", "nexus"),
    ("welcome to pypiserver", "pypiserver"),
    ("pypiserver/", "pypiserver"),
)


class Response(t.NamedTuple):
    """A response of the server; the names of headers are in lower case."""

    status: int
    reason: str
    headers: t.Mapping[str, str]
    body: bytes


class Wanted(t.NamedTuple):
    """A file of the bundle: ``version`` is its version as the bundle has it."""

    filename: str
    path: str
    sha256: str
    size: int
    project: str
    version: str


def known(server: str) -> Known:
    """Return what is known of a server by its name; of one that is not known, what counts for any."""
    return KNOWN.get(server, GENERIC)


def by_header(headers: t.Mapping[str, str]) -> str:
    """Return which known server has these headers, "" if none does."""
    for header, start, name in _HEADERS:
        if headers.get(header, "\0").lower().startswith(start) and header in headers:
            return name
    return ""


def by_address(url: str) -> str:
    """Return which known server has an upload address of this form, "" if none does."""
    parts = urlsplit(url)
    for pattern, name in _PATHS:
        if re.search(pattern, parts.path):
            return name
    return next((name for pattern, name in _HOSTS if re.search(pattern, parts.hostname or "")), "")


def by_body(body: bytes) -> str:
    """Return which known server has a page like this, "" if none does."""
    text = body[:65536].decode("utf-8", "replace").lower()
    return next((name for part, name in _BODIES if part in text), "")


def is_exposed(url: str) -> bool:
    """Return whether others on the network can read what is sent to an address."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not re.match(r"127\.|localhost$|::1$", parts.hostname or "")


def exists_already(server: str, response: Response) -> bool:
    """Return whether the refusal of an upload means that the server has a file of that name."""
    texts = (response.reason.lower(), response.body[:65536].decode("utf-8", "replace").lower())
    return any(
        response.status == status and any(re.search(pattern, text) for text in texts)
        for status, pattern in known(server).exists
    )


def may_try_again(status: int) -> bool:
    """Return whether twine sends an upload again after this status."""
    return 500 <= status < 600


def message_of(response: Response) -> str:
    """Return the server's own message in one line of at most 300 characters."""
    text = response.body[:65536].decode("utf-8", "replace")
    try:
        text = _message_in(json.loads(text))
    except ValueError:
        if "<" in text:
            text = re.sub(r"(?is)<(script|style|title)\b.*?</\1>|<!--.*?-->|<[^>]*>", " ", text)
            text = html.unescape(text)
    if not text.strip() and response.reason != http.client.responses.get(response.status):
        text = response.reason
    return " ".join(text.split())[:300].rstrip(".")


def _message_in(document: t.Any) -> str:
    """Return the first text under a usual name in a document."""
    if isinstance(document, str):
        return document
    if isinstance(document, list):
        return next(filter(None, map(_message_in, document)), "")
    if isinstance(document, dict):
        for name in ("message", "detail", "error", "errors", "code"):
            if document.get(name):
                return _message_in(document[name])
        return next(filter(None, map(_message_in, document.values())), "")
    return ""


def refusal(server: str, url: str, filename: str, response: Response) -> AirgapError:
    """Return the error that explains why an upload failed."""
    found = known(server)
    status = response.status
    form = " Uploads to %s go to %s." % (found.title, found.upload) if found.upload else ""
    if 300 <= status < 400:
        fix = (
            "It redirects to %s, and nothing is sent there. Set publish_upload_url to the address that accepts uploads.%s"
            % (
                response.headers.get("location", "(nowhere)").partition("?")[0],
                form,
            )
        )
    elif status == 401:
        fix = (
            "The server does not accept the user and the password. Set publish_upload_user and publish_upload_password."
        )
    elif status == 403:
        fix = "The user is not allowed to upload there. Give it that right on the server, or set publish_upload_user."
    elif status in (404, 405):
        fix = "Nothing accepts uploads there. Correct publish_upload_url.%s" % form
    elif status == 413:
        fix = "The file is too large for the server, or for a proxy in front of it. Raise the limit there."
    elif status >= 500:
        fix = "The server failed, also when it was asked again. See its log."
    else:
        fix = "See the log of the server."
    message = message_of(response)
    return AirgapError(
        "%s was not accepted by %s: POST %s: status %d%s. %s"
        % (filename, found.title, url, status, message and " (%s)" % message, fix)
    )


class Plan(t.NamedTuple):
    """Which files to send, and which the server has."""

    upload: t.Tuple[Wanted, ...]
    present: t.Tuple[Wanted, ...]


def plan(title: str, wanted: t.Sequence[Wanted], hashes: t.Mapping[str, str]) -> Plan:
    """Compare the bundle with what the server has: SHA-256 by file name.

    Raises AirgapError, with both hashes, if the server has another file under the name of one of them.
    """
    conflicts = [
        "%s (sha256 here %s, there %s)"
        % (one.filename, one.sha256, hashes[one.filename] or "unknown, it cannot be downloaded")
        for one in wanted
        if hashes.get(one.filename, one.sha256) != one.sha256
    ]
    if conflicts:
        raise AirgapError(
            "%s has other files under the names of files of the bundle: %s. Nothing was sent. A published file is never replaced, "
            "because nodes have its hash: give the new one a new version, or stage the one that was published."
            % (title[:1].upper() + title[1:], "; ".join(conflicts[:MOST_NAMED]))
        )
    return Plan(
        tuple(one for one in wanted if one.filename not in hashes),
        tuple(one for one in wanted if one.filename in hashes),
    )


def check_read_back(
    url: str, wanted: t.Sequence[Wanted], hashes: t.Mapping[str, str], existed: t.Collection[str]
) -> None:
    """Raise AirgapError unless the server has each file that was sent with its SHA-256.

    ``existed`` are names of files of which it said that they exist already.
    """
    wrong = []
    for one in wanted:
        found = hashes.get(one.filename)
        if found is None and one.filename in existed:
            wrong.append("%s is not listed, although the server refused it because it exists" % one.filename)
        elif found is None:
            wrong.append("%s is not listed" % one.filename)
        elif found != one.sha256:
            wrong.append("%s has sha256 %s instead of %s" % (one.filename, found or "(none)", one.sha256))
    if wrong:
        raise AirgapError(
            "%s does not list what was sent to it: %s. Check that publish_simple_url is of the repository that publish_upload_url "
            "names, and read the log of the server. What is listed is served already; once this is fixed, run again."
            % (url, "; ".join(wrong[:MOST_NAMED]))
        )


def by_name(links: t.Iterable[Link], names: t.Collection[str]) -> t.Dict[str, Link]:
    """Return the links to these files, by file name; one that states its SHA-256 outranks one that does not."""
    found: t.Dict[str, Link] = {}
    for link in links:
        if link.filename in names and (link.filename not in found or not found[link.filename].sha256):
            found[link.filename] = link
    return found
