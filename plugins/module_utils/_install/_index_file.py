# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One file of an index, found on the page of its project: for a host that has no pip yet."""

from __future__ import annotations

import html.parser
import http.client
import json
import os
import socket
import ssl
import time
import typing as t
import urllib.error
import urllib.request
from urllib.parse import quote, unquote, urljoin, urlsplit

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import make_folder, written_aside
from ansible_collections.airgap.python.plugins.module_utils._hashes import is_sha256, sha256_file, sha256_stream
from ansible_collections.airgap.python.plugins.module_utils._http_response import check_received

ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
# What OpenSSL says of a certificate that a wrong clock may be the cause of (X509_verify_cert_error_string(3)).
NOT_YET_VALID, EXPIRED = 9, 10
# What a request fails with. Before Python 3.10, socket.timeout is not TimeoutError.
BROKEN = (urllib.error.URLError, http.client.HTTPException, ssl.SSLError, ConnectionError, socket.timeout)
# How often a request is sent that is interrupted.
TRIES = 3
LARGEST_PAGE = 16 * 1024 * 1024
Params = t.Mapping[str, t.Any]


class _Links(html.parser.HTMLParser):
    """Collects where the links of a page lead (PEP 503)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: t.List[str] = []

    def handle_starttag(self, tag: str, attrs: t.List[t.Tuple[str, t.Optional[str]]]) -> None:
        """Note one link."""
        if tag == "a":
            self.found += [value for key, value in attrs if key == "href" and value]


def find_link(page: bytes, kind: str, filename: str) -> str:
    """Return where a project's page says that a file is, as it says it; an empty text if it does not list the file."""
    text = page.decode("utf-8", "replace")
    if "json" in kind:
        try:
            files = json.loads(text).get("files") or []
            return next((str(one["url"]) for one in files if one.get("filename") == filename), "")
        except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
            return ""
    links = _Links()
    links.feed(text)
    return next((one for one in links.found if unquote(urlsplit(one).path).rpartition("/")[2] == filename), "")


def open_url(url: str, accept: str, params: Params) -> t.Any:
    """Return the open response to a GET request. Proxies and netrc of the user are not used."""
    # A page of a server must not make this host read its own files.
    given = next((str(params[name]) for name in ("index_url", "files_url", "url") if params.get(name)), "")
    kinds = ("file",) if urlsplit(given).scheme == "file" else ("http", "https")
    if urlsplit(url).scheme not in kinds:
        raise AirgapError(
            "%s is %s. Correct the address of the index."
            % (url, "neither http nor https" if len(kinds) > 1 else "not a file")
        )
    if url.startswith("file:") and url.endswith("/"):
        url += "index.html"
    context = ssl.create_default_context(cafile=params["ca_path"]) if urlsplit(url).scheme == "https" else None
    handlers: t.List[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    request = urllib.request.Request(url, headers={"Accept": accept, "User-Agent": "airgap.python"})
    return urllib.request.build_opener(*handlers).open(request, timeout=params["timeout"])


def why(error: Exception) -> str:
    """Return the reason of a request that failed."""
    if isinstance(error, urllib.error.HTTPError):
        return "status %d" % error.code
    if isinstance(error, urllib.error.URLError):
        reason = error.reason
        if getattr(reason, "verify_code", 0) in (NOT_YET_VALID, EXPIRED):
            return "%s. This host's clock says %s" % (reason, time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()))
        return str(reason)
    return str(error) or type(error).__name__


class Interrupted(AirgapError):
    """A request that a server accepted and did not complete, as one does that is busy or restarts."""


def _is_interrupted(error: Exception) -> bool:
    # A connection that is not accepted is a URLError.
    if isinstance(error, urllib.error.HTTPError):
        return error.code in (502, 503, 504)
    return isinstance(error, (socket.timeout, ConnectionError, http.client.IncompleteRead))


def _download(page_url: str, params: Params) -> None:
    filename = params["filename"]
    url = page_url
    try:
        with open_url(url, ACCEPT, params) as response:
            page = response.read(LARGEST_PAGE + 1)
            if len(page) <= LARGEST_PAGE:
                check_received(response)
            kind = response.headers.get("Content-Type", "")
            base = response.geturl()
        link = find_link(page, kind, filename)
        if not link:
            raise AirgapError(
                "The index does not list %s at %s. Publish the bundle that the lock is from (playbook index), then run this "
                "again." % (filename, page_url)
            )
        url = urljoin(base, link).partition("#")[0]
        with open_url(url, "*/*", params) as response, written_aside(params["dest"]) as stream:
            real = sha256_stream(response, stream.write)
            check_received(response)
            if real != params["sha256"]:
                raise AirgapError(
                    "%s has sha256 %s instead of %s, and was not written. Check what the index serves: play index again."
                    % (url, real, params["sha256"])
                )
    except BROKEN as error:
        raise (Interrupted if _is_interrupted(error) else AirgapError)(
            "%s cannot be read: %s. Check that this host reaches the index, and its certificate (pip_conf_cert)."
            % (url, why(error))
        ) from error


def fetch(params: Params) -> t.Dict[str, t.Any]:
    """Have a file with this SHA-256 in place; return whether it changed. Raises AirgapError and OSError.

    A file that is there already costs no request.
    """
    dest = params["dest"]
    if not is_sha256(params["sha256"]):
        raise AirgapError("sha256 is %r, not 64 lower-case hex digits. Copy it from the lock." % params["sha256"][:80])
    if os.path.isfile(dest) and not os.path.islink(dest) and sha256_file(dest) == params["sha256"]:
        return {"changed": False, "path": dest}
    make_folder(os.path.dirname(dest) or ".")
    url = "%s/%s/" % (params["index_url"].rstrip("/"), quote(params["project"], safe=""))
    # Another host may serve it under the same name; a busy one may have time later, as pip expects it as well.
    others, tries = max(params["attempts"], 1) - 1, TRIES
    while True:
        try:
            _download(url, params)
            break
        except AirgapError as error:
            tries -= 1
            others -= 1
            if others < 0 and (tries < 1 or not isinstance(error, Interrupted)):
                raise
            time.sleep(1 if isinstance(error, Interrupted) else 0)
    return {"changed": True, "path": dest}
