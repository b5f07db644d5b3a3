# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of an index that the site runs: its simple pages, its files, and uploads as twine makes them.

Proxies and the netrc of the user are not used. User and password are only sent to the host of the upload address.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import ssl
import time
import typing as t
from urllib.parse import quote, urljoin, urlsplit

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_stream
from ansible_collections.airgap.python.plugins.module_utils._http_response import check_received
from ansible_collections.airgap.python.plugins.module_utils._index import _external, _simple_page
from ansible_collections.airgap.python.plugins.module_utils._index._client import LARGEST_RESPONSE, upload_form
from ansible_collections.airgap.python.plugins.module_utils._index._external import Response
from ansible_collections.airgap.python.plugins.module_utils._index._simple_page import Link
from ansible_collections.airgap.python.plugins.module_utils._secrets import without_login
from ansible_collections.airgap.python.plugins.module_utils._wheels._wheel import Wheel

USER_AGENT = "airgap.python"
# As twine: how often a connection is tried, and how often an upload is sent.
TRIES = 5
# twine and pip read pages again after these.
READ_AGAIN = (500, 502, 503, 504)
MOST_REDIRECTS = 5
_PORTS = {"http": 80, "https": 443}

Origin = t.Tuple[str, str, int]


class Login(t.NamedTuple):
    """What the server is shown: user and password, or a client certificate. ``ca_path`` is what its own is checked with."""

    user: str = ""
    password: str = ""
    client_cert: t.Optional[str] = None
    client_key: t.Optional[str] = None
    ca_path: t.Optional[str] = None


def origin_of(url: str, option: str) -> Origin:
    """Return scheme, host and port of an address; raises AirgapError for one that is not http or https, or has a login."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.username or parts.password or "@" in parts.netloc:
        raise AirgapError(
            "%s holds a user or a password. Set publish_upload_user and publish_upload_password instead." % option
        )
    if parts.scheme not in _PORTS or not parts.hostname or port == -1 or parts.query or parts.fragment:
        raise AirgapError("%s is %r. Write it as https://HOST/PATH/." % (option, without_login(url)))
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme]


def _target(url: str) -> str:
    """Return path and query of an address as a request has them; what is quoted already stays so."""
    parts = urlsplit(url)
    return quote(parts.path or "/", safe="/%+~:@!$&'()*,;=-._") + ("?" + parts.query if parts.query else "")


class Server:
    """An index by the address of its simple pages, and the address that accepts uploads, if any."""

    def __init__(self, simple_url: str, upload_url: str, login: Login, timeout: float) -> None:
        self.simple_url = simple_url.rstrip("/") + "/"
        self.upload_url = upload_url
        self.origin = origin_of(simple_url, "publish_simple_url")
        # Who gets the password.
        self.trusted = origin_of(upload_url, "publish_upload_url") if upload_url else self.origin
        self.login = login
        self.timeout = timeout
        # Pulp serves pages by another program, which may have another address. Others redirect to PyPI for a project that they
        # do not have, and its files are not theirs.
        self._leaves = "pulp" in (_external.by_address(self.simple_url), _external.by_address(upload_url))
        # What the first response had in its headers.
        self.headers: t.Mapping[str, str] = {}
        self._context: t.Optional[ssl.SSLContext] = None
        self._connections: t.Dict[Origin, http.client.HTTPConnection] = {}

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            connection.close()

    def url(self, path: str) -> str:
        """Return the address of a page below the simple index."""
        return self.simple_url + path.lstrip("/")

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            login = self.login
            try:
                self._context = ssl.create_default_context(cafile=login.ca_path)
                if login.client_cert:
                    # A key with a passphrase would otherwise ask for it.
                    self._context.load_cert_chain(login.client_cert, login.client_key, lambda: "")
            except (OSError, ssl.SSLError, ValueError) as error:
                raise AirgapError(
                    "The certificates (%s) cannot be read: %s. Name PEM files on this host in publish_ca_path, publish_client_cert "
                    "and publish_client_key; the key must have no passphrase."
                    % (", ".join(filter(None, [login.ca_path, login.client_cert, login.client_key])), error)
                ) from error
        return self._context

    def _connect(self, origin: Origin) -> http.client.HTTPConnection:
        """Return an open connection; raises OSError."""
        scheme, host, port = origin
        connection: http.client.HTTPConnection
        if scheme == "https":
            connection = http.client.HTTPSConnection(host, port, timeout=self.timeout, context=self._tls())
        else:
            connection = http.client.HTTPConnection(host, port, timeout=self.timeout)
        tries = 0
        while True:
            try:
                connection.connect()
                return connection
            except ssl.SSLError:
                raise
            except OSError:
                tries += 1
                if tries >= TRIES:
                    raise
                time.sleep(min(0.2 * tries, 1))

    def _reach(self, method: str, url: str, origin: Origin) -> http.client.HTTPConnection:
        """Return an open connection; raises AirgapError."""
        try:
            return self._connect(origin)
        except OSError as error:
            raise self._failure(method, url, error) from error

    def _headers(self, origin: Origin, accept: str) -> t.Dict[str, str]:
        headers = {"User-Agent": USER_AGENT, "Accept": accept}
        if self.login.password and origin == self.trusted:
            user = self.login.user or _external.TOKEN_USER
            pair = ("%s:%s" % (user, self.login.password)).encode("utf-8")
            headers["Authorization"] = "Basic " + base64.b64encode(pair).decode("ascii")
        return headers

    def _failure(self, method: str, url: str, error: Exception) -> AirgapError:
        if isinstance(error, ssl.SSLCertVerificationError):
            return AirgapError(
                "%s %s: its certificate is not trusted: %s. Set publish_ca_path to the certificates of its CA, a PEM file on this "
                "host." % (method, url, error.verify_message)
            )
        reason = str(error) or type(error).__name__
        if "timed out" in reason:
            reason = "no response within %g s" % self.timeout
        return AirgapError(
            "%s %s: %s. Check that the server runs and that this host reaches it. If it asks for a client certificate, set "
            "publish_client_cert." % (method, url, reason)
        )

    def _open(self, url: str, accept: str, leave: bool) -> t.Tuple[http.client.HTTPResponse, str]:
        """Return the response to a GET, whose body was not read yet, and the address that gave it.

        Redirects are followed, to another host only with ``leave``; the password is not sent to another host or port.
        """
        redirects = 0
        while True:
            # Links on pages have fragments.
            url = url.partition("#")[0]
            parts = urlsplit(url)
            try:
                origin = (parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme])
            except (KeyError, ValueError) as error:
                raise AirgapError(
                    "%s links to %s, which is not an address of http or https." % (self.simple_url, without_login(url))
                ) from error
            response = self._try(origin, url, accept)
            location = response.getheader("Location")
            if response.status not in (301, 302, 303, 307, 308) or not location or redirects == MOST_REDIRECTS:
                return response, url
            target = urljoin(url, location)
            if not leave and urlsplit(target).hostname != parts.hostname:
                return response, url
            self._read(response, url)
            redirects += 1
            url = target

    def _try(self, origin: Origin, url: str, accept: str) -> http.client.HTTPResponse:
        """Return the response to one GET, sent again after a broken connection or a failure that may pass."""
        tries = 0
        while True:
            tries += 1
            connection = self._connections.pop(origin, None) or self._reach("GET", url, origin)
            try:
                connection.request("GET", _target(url), headers=self._headers(origin, accept))
                response = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if tries >= TRIES:
                    raise self._failure("GET", url, error) from error
                continue
            self._connections[origin] = connection
            if response.status not in READ_AGAIN or tries >= TRIES:
                return response
            self._read(response, url)
            time.sleep(min(0.5 * tries, 2))

    def _read(self, response: http.client.HTTPResponse, url: str) -> bytes:
        """Return the body of a response; raises AirgapError if it is not complete or too large for a page."""
        try:
            body = response.read(LARGEST_RESPONSE + 1)
            check_received(response)
        except (OSError, http.client.HTTPException) as error:
            raise self._failure("GET", url, error) from error
        if len(body) > LARGEST_RESPONSE:
            raise AirgapError("GET %s: the response is too large to be a page of an index." % url)
        return body

    def _page(self, url: str, accept: str) -> t.Tuple[Response, str]:
        """Return a whole response of the server, and the address that gave it."""
        response, address = self._open(url, accept, self._leaves)
        body = self._read(response, address)
        headers = {key.lower(): value for key, value in response.getheaders()}
        self.headers = self.headers or headers
        return Response(response.status, response.reason or "", headers, body), address

    def send(self, method: str, path: str, headers: t.Optional[t.Mapping[str, str]] = None) -> Response:
        """Return the response to a GET of a page below the simple index."""
        return self._page(self.url(path), _simple_page.ACCEPT)[0]

    def look(self, url: str) -> Response:
        """Return the response to a GET of any address."""
        return self._page(url, "*/*")[0]

    def links(self, project: str) -> t.List[Link]:
        """Return the files on the page of a project, with whole addresses; none if the server does not have it."""
        asked = self.url(quote(project, safe="") + "/")
        response, url = self._page(asked, _simple_page.ACCEPT)
        if response.status == 404 or 300 <= response.status < 400:
            return []
        if response.status != 200:
            fix = "See its log."
            if response.status in (401, 403):
                fix = (
                    "Correct publish_upload_user and publish_upload_password, and allow that user to read. Nodes read without a "
                    "login."
                )
            elif response.status < 500:
                fix = "Correct publish_simple_url."
            raise AirgapError(
                "GET %s: status %d %s. %s" % (asked, response.status, _external.message_of(response), fix)
            )
        try:
            found = _simple_page.parse(response.body)
        except (ValueError, AttributeError) as error:
            raise AirgapError(
                "GET %s: this is not a page of a simple index: %s. Correct publish_simple_url." % (asked, error)
            ) from error
        return [one._replace(address=urljoin(url, one.address)) for one in found]

    def sha256(self, address: str) -> str:
        """Return the SHA-256 of what is at an address, "" if the server does not give it."""
        response, dummy = self._open(address, "*/*", True)
        try:
            found = sha256_stream(t.cast(t.BinaryIO, response))
            check_received(response)
        except (OSError, http.client.HTTPException) as error:
            raise self._failure("GET", address, error) from error
        return found if response.status == 200 else ""

    def upload(self, wheel: Wheel) -> Response:
        """Send a wheel, and return the response. As with twine, it is sent again only after a status from 500 on."""
        tries = 0
        while True:
            tries += 1
            response = self._upload(wheel)
            if not _external.may_try_again(response.status) or tries >= TRIES:
                return response
            time.sleep(min(0.5 * tries, 2))

    def _upload(self, wheel: Wheel) -> Response:
        body, headers = upload_form(wheel)
        headers.update(self._headers(self.trusted, "application/json;q=0.9, */*;q=0.8"))
        # A new connection: the server may have closed one that was idle, and then it is unknown what it received.
        connection = self._reach("POST", self.upload_url, self.trusted)
        try:
            # A server may refuse a long body before it has read all of it, and respond why.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request("POST", _target(self.upload_url), body(), headers)
            response = connection.getresponse()
            found = {key.lower(): value for key, value in response.getheaders()}
            return Response(response.status, response.reason or "", found, response.read(LARGEST_RESPONSE))
        except (OSError, http.client.HTTPException) as error:
            raise self._failure("POST", self.upload_url, error) from error
        finally:
            connection.close()
