# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP client of devpi-server.

It keeps one connection with one token, because each password check costs the server 0.2 s.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import secrets
import ssl
import time
import typing as t
from urllib.parse import quote, unquote, urljoin, urlsplit

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import CHUNK, sha256_stream
from ansible_collections.airgap.python.plugins.module_utils._http_response import check_received
from ansible_collections.airgap.python.plugins.module_utils._index._names import index_path
from ansible_collections.airgap.python.plugins.module_utils._secrets import without_login
from ansible_collections.airgap.python.plugins.module_utils._wheels._wheel import Wheel

# A simple page of 10,000 files has about 4 MB. A larger response does not come from devpi.
LARGEST_RESPONSE = 64 * 1024 * 1024
# How often a server that has not responded yet is tried, and for how many seconds one that did: it may be restarting.
TRIES = 3
PATIENCE = 60
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
Json = t.Dict[str, t.Any]


class LoginRefused(AirgapError):
    """The server does not know this user with this password or token."""


class Response(t.NamedTuple):
    """A complete response of the server; ``repeated`` if the same request may have reached the server before."""

    status: int
    headers: t.Mapping[str, str]
    body: bytes
    reason: str = ""
    repeated: bool = False


class Listed(t.NamedTuple):
    """A file as the simple index lists it (PEP 691); ``sha256`` is empty if the index gives none."""

    sha256: str
    requires_python: str


class Client:
    """One connection to a devpi-server. ``timeout`` is in seconds and applies to each wait, not to the whole."""

    def __init__(self, url: str, timeout: float = 60, ca_path: t.Optional[str] = None) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1 or parts.query or parts.fragment:
            raise AirgapError(
                "%r is not the address of a devpi-server. Write it as http://127.0.0.1:3141." % without_login(url)
            )
        if parts.username or parts.password:
            raise AirgapError(
                "The address of %s holds a user or a password. Give them as login_user and login_password."
                % parts.hostname
            )
        self.root = parts.path.rstrip("/")
        self.origin = "%s://%s" % (parts.scheme, parts.netloc)
        self.user = ""
        # As the latest response named them: the version of devpi-server, its identity, and the serial of its latest change.
        self.version = ""
        self.uuid = ""
        self.serial = -1
        self._token = ""
        self._credentials: t.Optional[t.Tuple[str, str]] = None
        self._connection: http.client.HTTPConnection
        if parts.scheme == "https":
            try:
                context = ssl.create_default_context(cafile=ca_path)
            except (OSError, ssl.SSLError) as error:
                raise AirgapError(
                    "The certificates in %s cannot be read: %s. Name a PEM file." % (ca_path, error)
                ) from error
            self._connection = http.client.HTTPSConnection(parts.hostname, port, timeout=timeout, context=context)
        else:
            self._connection = http.client.HTTPConnection(parts.hostname, port, timeout=timeout)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def url(self, path: str) -> str:
        """Return the whole address of a path, for messages."""
        return self.origin + self.root + path

    def send(
        self,
        method: str,
        path: str,
        body: t.Union[bytes, t.Callable[[], t.Iterator[bytes]], None] = None,
        headers: t.Optional[t.Mapping[str, str]] = None,
    ) -> Response:
        """Return the server's response, whatever its status.

        After a broken connection, a 502, 503 or 504, the request is sent again. All requests of
        this client may be sent twice: the second one finds what the first one did, and its response says ``repeated``,
        because "exists already" then means its own work.
        """
        give_up = time.monotonic() + PATIENCE
        tries = 0
        repeated = renewed = False
        while True:
            tries += 1
            sent = False
            try:
                if self._connection.sock is None:
                    self._connection.connect()
                sent = True
                response = self.send_once(method, path, body, headers or {})
            except ssl.SSLCertVerificationError as error:
                self._connection.close()
                raise AirgapError(
                    "%s: its certificate is not trusted: %s. Name the certificates to check it against in ca_path."
                    % (self.url(path), error.verify_message)
                ) from error
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                if not self._may_try_again(tries, give_up):
                    raise self._no_response(method, path, error) from error
                repeated = repeated or sent
            else:
                if response.status in (502, 503, 504) and self._may_try_again(tries, give_up):
                    repeated = True
                elif response.status in (401, 403) and tries > 1 and self._credentials and not renewed:
                    # A server without a file for its secret forgets all tokens when it restarts.
                    renewed = True
                    self.log_in(*self._credentials)
                    continue
                else:
                    return response._replace(repeated=repeated)
            time.sleep(min(0.5 * tries, 2))

    def _may_try_again(self, tries: int, give_up: float) -> bool:
        # A server that has responded before is waited for; an address where none responds is wrong more often than not.
        return time.monotonic() < give_up if self.serial >= 0 else tries < TRIES

    def send_once(
        self,
        method: str,
        path: str,
        body: t.Union[bytes, t.Callable[[], t.Iterator[bytes]], None],
        headers: t.Mapping[str, str],
    ) -> Response:
        """Return the response to one request that is sent once."""
        sent = {"Accept": "application/json", "User-Agent": "airgap.python"}
        if self._token:
            sent["X-Devpi-Auth"] = self._token
        sent.update(headers)
        try:
            self._connection.request(method, self.root + path, body() if callable(body) else body, sent)
        except (BrokenPipeError, ConnectionResetError):
            # A server may refuse a long body before it has read all of it, and respond why.
            if not callable(body):
                raise
        response = self._connection.getresponse()
        data = response.read(LARGEST_RESPONSE + 1)
        if len(data) > LARGEST_RESPONSE:
            self._connection.close()
            raise AirgapError(
                "%s %s: the response is larger than any response of devpi. Check the url." % (method, self.url(path))
            )
        check_received(response)
        if response.will_close:
            self._connection.close()
        found = {key.lower(): value for key, value in response.getheaders()}
        if "x-devpi-server-version" in found:
            self.version = found["x-devpi-server-version"]
            serial = found.get("x-devpi-serial", "")
            self.serial = int(serial) if serial.isdigit() else 0
            self.uuid = found.get("x-devpi-uuid", "")
        return Response(response.status, found, data, response.reason or "")

    def _no_response(self, method: str, path: str, error: Exception) -> AirgapError:
        reason = str(error) or type(error).__name__
        if "timed out" in reason:
            reason = "no response within %g s" % (self._connection.timeout or 0)
        return AirgapError(
            "%s %s: %s. Check that devpi-server runs there (systemctl status devpi-server), "
            "and that url and timeout are correct." % (method, self.url(path), reason)
        )

    def refusal(self, method: str, path: str, response: Response) -> AirgapError:
        """Return the error that explains the status of a response."""
        status = response.status
        message = _message(response)
        if status == 401:
            fix = "Log in with login_user and its password; the server does not accept this password of user %r." % (
                self.user or "(none)"
            )
        elif status == 403:
            fix = (
                "User %r may not do this; log in as root, or as a user that the index names in acl_upload." % self.user
            )
        elif status == 404:
            fix = "The server does not have it. Create it first, or check its name."
        elif status == 409:
            fix = "It exists already, with other content. Nothing was replaced."
        elif status == 413:
            fix = "Too large for the server or for a proxy in front of it. Raise max-request-body-size or client_max_body_size."
        elif 300 <= status < 400:
            fix = "It redirects to %s, where no password is sent. Give that address as url." % response.headers.get(
                "location", "?"
            )
        elif status >= 500:
            fix = (
                "The server failed. See 'journalctl -u devpi-server' on the index host; a full disk is the usual cause."
            )
        else:
            fix = "Check that url is a devpi-server and that its version is supported."
        return AirgapError(
            "%s %s: status %d%s. %s" % (method, self.url(path), status, message and " (%s)" % message, fix)
        )

    def request(
        self,
        method: str,
        path: str,
        body: t.Optional[Json] = None,
        missing_ok: bool = False,
        accept: str = "application/json",
    ) -> t.Optional[Json]:
        """Return the JSON document of a response, or None for a 404 with ``missing_ok``."""
        response = self.send_json(method, path, body, accept)
        if response.status == 404 and missing_ok:
            return None
        return self.document(method, path, response)

    def send_json(
        self, method: str, path: str, body: t.Optional[Json] = None, accept: str = "application/json"
    ) -> Response:
        """Return the server's response to a request whose body is a JSON document, whatever its status."""
        headers = {"Accept": accept}
        data = None
        if body is not None:
            data = json.dumps(body).encode("utf-8")
            headers["Content-Type"] = "application/json"
        return self.send(method, path, data, headers)

    def document(self, method: str, path: str, response: Response) -> Json:
        """Return the JSON document of a successful response; raises AirgapError for any other."""
        if not 200 <= response.status < 300:
            raise self.refusal(method, path, response)
        try:
            document = json.loads(response.body.decode("utf-8"))
        except ValueError as error:
            raise AirgapError(
                "%s %s: the response is not JSON, so this is not a devpi-server. Check url." % (method, self.url(path))
            ) from error
        if not isinstance(document, dict):
            raise AirgapError("%s %s: the response is not a JSON object. Check url." % (method, self.url(path)))
        return document

    def sha256(self, path: str) -> str:
        """Return the SHA-256 of a file that the server serves, of any size; "" if it does not serve it."""
        try:
            self._connection.request("GET", self.root + path, headers={"User-Agent": "airgap.python"})
            response = self._connection.getresponse()
            found = sha256_stream(t.cast(t.BinaryIO, response))
            check_received(response)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise self._no_response("GET", path, error) from error
        if response.will_close:
            self._connection.close()
        return found if response.status == 200 else ""

    def create(self, path: str, settings: Json, secret: t.Optional[Json] = None) -> None:
        """Create a user or an index; raises AirgapError if it exists."""
        secret = secret or {}
        response = self.send_json("PUT", path, dict(settings, **secret))
        if response.status == 409 and response.repeated:
            # It was created by the same request, before the connection broke.
            for part in (settings, secret):
                if part:
                    self.request("PATCH", path, part)
            return
        self.document("PUT", path, response)

    def delete(self, path: str) -> None:
        """Remove what is at a path; raises AirgapError if nothing is there."""
        response = self.send_json("DELETE", path)
        if response.status == 404 and response.repeated:
            return
        if not 200 <= response.status < 300:
            raise self.refusal("DELETE", path, response)

    def use_token(self, user: str, token: str) -> None:
        """Send a token that someone else got from the server; raises LoginRefused if it is not valid."""
        self._credentials = None
        self.user = user
        self._token = base64.b64encode(("%s:%s" % (user, token)).encode("utf-8")).decode("ascii")
        found = self.request("GET", "/+api") or {}
        status = (found.get("result") or {}).get("authstatus") or [""]
        if status[0] != "ok":
            raise LoginRefused(
                "%s: the server does not accept this token of user %r (%s). Tokens expire: get a new one with "
                "'devpi login', or set login_password_file." % (self.url("/+api"), user, status[0] or "no status")
            )

    def log_in(self, user: str, password: str) -> None:
        """Trade a password for a token that this connection sends from now on."""
        token = self._new_token(user, password)
        if token is None:
            raise LoginRefused(
                "%s: the server does not accept this password of user %r. Check login_user and its password or password file; "
                "root's password is reset with 'devpi-passwd' on the index host." % (self.url("/+login"), user)
            )
        self.user = user
        self._token = base64.b64encode(("%s:%s" % (user, token)).encode("utf-8")).decode("ascii")
        self._credentials = (user, password)

    def has_password(self, user: str, password: str) -> bool:
        """Return whether a user has this password; the connection's own login stays as it is."""
        return self._new_token(user, password) is not None

    def _new_token(self, user: str, password: str) -> t.Optional[str]:
        body = json.dumps({"user": user, "password": password}).encode("utf-8")
        headers = {"Content-Type": "application/json"}
        former = self._token, self._credentials
        self._token, self._credentials = "", None
        try:
            response = self.send("POST", "/+login", body, headers)
        finally:
            self._token, self._credentials = former
        if response.status == 401:
            return None
        if response.status != 200:
            raise self.refusal("POST", "/+login", response)
        try:
            return str(json.loads(response.body.decode("utf-8"))["result"]["password"])
        except (ValueError, KeyError, TypeError) as error:
            raise AirgapError(
                "%s: the response holds no token, so this is not a devpi-server. Check url." % self.url("/+login")
            ) from error

    def get_user(self, name: str) -> t.Optional[Json]:
        """Return a user's document without secrets, or None."""
        found = self.request("GET", "/" + quote(name, safe=""), missing_ok=True)
        return None if found is None else t.cast(Json, found.get("result", {}))

    def get_index(self, name: str, projects: bool = False) -> t.Optional[Json]:
        """Return an index's configuration, with its projects if requested, or None."""
        found = self.request("GET", index_path(name) + ("" if projects else "?no_projects="), missing_ok=True)
        return None if found is None else t.cast(Json, found.get("result", {}))

    def list_files(self, index: str, project: str) -> t.Dict[str, Listed]:
        """Return the files of a project that are on this index itself, not on its bases, by file name."""
        path = "%s/+simple/%s/" % (index_path(index), quote(project, safe=""))
        page = self.request("GET", path, missing_ok=True, accept=SIMPLE_JSON)
        return files_of_index(page or {}, self.url(path), self.root + index_path(index))

    def register(self, index: str, project: str) -> None:
        """Make an index know a project of which it has no file, as version 0."""
        path = index_path(index) + "/"
        boundary = "airgap-" + secrets.token_hex(16)
        fields = ((":action", "submit"), ("name", project), ("version", "0"))
        part = '--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        body = "".join(part % (boundary, name, value) for name, value in fields) + "--%s--\r\n" % boundary
        headers = {"Content-Type": "multipart/form-data; boundary=" + boundary}
        response = self.send("POST", path, body.encode("utf-8"), headers)
        if response.status != 200:
            raise AirgapError("%s: %s" % (project, self.refusal("POST", path, response)))

    def download(self, path: str, dest: str) -> str:
        """Write the file at a path of the server into a new file, and return its SHA-256."""
        for left in range(TRIES - 1, -1, -1):
            digest = hashlib.sha256()
            try:
                self._connection.request("GET", self.root + path, headers={"X-Devpi-Auth": self._token})
                response = self._connection.getresponse()
                if response.status != 200:
                    body = response.read(LARGEST_RESPONSE)
                    raise self.refusal("GET", path, Response(response.status, {}, body, response.reason))
                with open(dest, "wb") as stream:
                    chunk = response.read(CHUNK)
                    while chunk:
                        digest.update(chunk)
                        stream.write(chunk)
                        chunk = response.read(CHUNK)
                check_received(response)
                return digest.hexdigest()
            except http.client.HTTPException as error:
                self._connection.close()
                if not left:
                    raise self._no_response("GET", path, error) from error
            except OSError as error:
                self._connection.close()
                if not left or error.filename is not None:
                    raise self._no_response("GET", path, error) from error
            # Waits for a server that restarts.
            self.request("GET", "/+api")
        raise AssertionError("unreachable")

    def upload(self, index: str, wheel: Wheel, hashed: bool = True) -> None:
        """Send one wheel and its metadata.

        ``hashed`` withholds the end of a file that has another SHA-256. Without it, read the index back afterwards: the
        server lists the SHA-256 of what it received.
        """
        path = index_path(index) + "/"
        body, headers = upload_form(wheel, hashed)
        response = self.send("POST", path, body, headers)
        if response.status != 200:
            raise AirgapError("%s: %s" % (wheel.filename, self.refusal("POST", path, response)))


def _message(response: Response) -> str:
    """Return the server's own message in one line of at most 300 characters.

    devpi explains a refused upload in the status line alone: "409 demo-1.0.whl already exists in non-volatile index".
    """
    text = response.body[:4096].decode("utf-8", "replace")
    try:
        document = json.loads(text)
        text = str(document.get("message", "")) if isinstance(document, dict) else ""
    except ValueError:
        if "<" in text:
            text = ""
    if not text.strip() and response.reason != http.client.responses.get(response.status):
        text = response.reason
    return " ".join(text.split())[:300]


def files_of_index(page: Json, url: str, index_path: str) -> t.Dict[str, Listed]:
    """Return the files of a simple page (PEP 691) that an index holds itself.

    devpi lists the files of the bases on the same page; only the address of a
    file shows which index it is on: /USER/INDEX/+f/...
    """
    found: t.Dict[str, Listed] = {}
    for entry in page.get("files", []):
        path = unquote(urlsplit(urljoin(url, str(entry.get("url", "")))).path)
        if path.startswith(unquote(index_path) + "/+f/"):
            hashes = entry.get("hashes") or {}
            found[str(entry.get("filename"))] = Listed(
                str(hashes.get("sha256", "")).lower(), str(entry.get("requires-python") or "")
            )
    return found


def multipart(wheel: Wheel, boundary: str) -> t.Tuple[bytes, bytes]:
    """Return what comes before and after the wheel's bytes in the upload form (RFC 7578).

    Encoded here because the standard library has no encoder for it, and others hold the whole wheel in memory.
    """
    parts = []
    for name, value in ((":action", "file_upload"), ("protocol_version", "1")) + wheel.fields:
        parts.append('--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (boundary, name, value))
    parts.append(
        '--%s\r\nContent-Disposition: form-data; name="content"; filename="%s"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n" % (boundary, wheel.filename)
    )
    return "".join(parts).encode("utf-8", "replace"), ("\r\n--%s--\r\n" % boundary).encode("ascii")


def upload_form(wheel: Wheel, hashed: bool = True) -> t.Tuple[t.Callable[[], t.Iterator[bytes]], t.Dict[str, str]]:
    """Return the body of an upload, read from the file while it is sent, and its headers.

    ``hashed`` withholds the end of a file that has another SHA-256.
    """
    boundary = "airgap-" + secrets.token_hex(16)
    head, tail = multipart(wheel, boundary)
    size = os.path.getsize(wheel.path)

    def body() -> t.Iterator[bytes]:
        yield head
        left = size
        digest = hashlib.sha256()
        with open(wheel.path, "rb") as stream:
            while left:
                chunk = stream.read(min(CHUNK, left))
                if not chunk:
                    raise AirgapError("%s became shorter while it was sent. Transfer the bundle again." % wheel.path)
                left -= len(chunk)
                if hashed:
                    digest.update(chunk)
                # Without the end of the request the server stores nothing of it.
                if hashed and not left and digest.hexdigest() != wheel.sha256:
                    raise AirgapError("%s was changed after it was checked. Transfer the bundle again." % wheel.path)
                yield chunk
        yield tail

    headers = {
        "Content-Type": "multipart/form-data; boundary=" + boundary,
        "Content-Length": str(len(head) + size + len(tail)),
    }
    return body, headers


def why_unreachable(url: str, timeout: float = 5, ca_path: t.Optional[str] = None) -> str:
    """Return why no devpi-server answers at a URL, or "" if one does. Sends one request and does not retry."""
    try:
        client = Client(url, timeout, ca_path)
    except AirgapError as error:
        return str(error)
    try:
        response = client.send_once("GET", "/+api", None, {})
        kind = json.loads(response.body.decode("utf-8")).get("type") if response.status == 200 else ""
    except ssl.SSLCertVerificationError as error:
        return "its certificate is not trusted: %s" % error.verify_message
    except (OSError, http.client.HTTPException) as error:
        return getattr(error, "strerror", None) or str(error) or type(error).__name__
    except (ValueError, AttributeError):
        kind = ""
    finally:
        client.close()
    return "" if kind == "apiconfig" else "what answers there is not a devpi-server (status %d)" % response.status
