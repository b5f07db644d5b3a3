# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that speaks to devpi-server: its HTTP API, and what to ask of it.

The decisions (plan_*) are pure: they take what is there and what is wanted.
The client keeps one connection with one token, because each password check
costs the server 0.2 s.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import secrets
import ssl
import stat
import time
import typing as t
from urllib.parse import quote, unquote, urljoin, urlsplit

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import CHUNK
from ansible_collections.airgap.python.plugins.module_utils._secrets import without_login
from ansible_collections.airgap.python.plugins.module_utils._wheels._wheel import Wheel

# A simple page of 10,000 files has about 4 MB. More than this is no answer of devpi.
LARGEST_ANSWER = 64 * 1024 * 1024
TRIES = 3
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.@-]*$")

Json = t.Dict[str, t.Any]


class LoginRefused(AirgapError):
    """The server does not know this user with this password."""


class Answer(t.NamedTuple):
    """A complete answer of the server."""

    status: int
    headers: t.Mapping[str, str]
    body: bytes


class Listed(t.NamedTuple):
    """A file as the simple index lists it (PEP 691); ``sha256`` is empty where the index gives none."""

    sha256: str
    requires_python: str


def check_user(name: str) -> str:
    """Return a user's name, or raise AirgapError where devpi would not take it."""
    if not _NAME.match(name):
        raise AirgapError("%r is no name for a devpi user. Use letters, digits, '-', '_', '.' and '@'." % name)
    return name


def split_index(name: str) -> t.Tuple[str, str]:
    """Return user and index of USER/INDEX, or raise AirgapError."""
    parts = name.split("/")
    if len(parts) != 2 or not all(_NAME.match(part) for part in parts):
        raise AirgapError(
            "%r is no name of an index. Write USER/INDEX with letters, digits, '-', '_', '.' and '@'." % name
        )
    return parts[0], parts[1]


def read_password_file(path: str) -> str:
    """Return the password that a file holds, without the newline at its end.

    Raises AirgapError where there is none, and where others than its owner may touch it.
    """
    try:
        with open(path, "rb") as stream:
            found = os.fstat(stream.fileno())
            data = stream.read(4096)
    except OSError as error:
        raise AirgapError(
            "The password file %s cannot be read: %s. Make it on this host, with mode 0600." % (path, error.strerror)
        ) from error
    if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
        raise AirgapError(
            "The password file %s has mode %04o, so others may read it. Run 'chmod 0600 %s', and change the password."
            % (path, stat.S_IMODE(found.st_mode), path)
        )
    try:
        password = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise AirgapError("The password file %s is not UTF-8. Write the password into it as text." % path) from error
    password = password[:-1] if password.endswith("\n") else password
    if not password or "\n" in password:
        raise AirgapError("The password file %s must hold one line, the password." % path)
    return password


class Client:
    """One connection to a devpi-server. ``timeout`` is in seconds and counts for each wait, not for the whole."""

    def __init__(self, url: str, timeout: float = 60, ca_path: t.Optional[str] = None) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1 or parts.query or parts.fragment:
            raise AirgapError(
                "%r is no address of a devpi-server. Write it as http://127.0.0.1:3141." % without_login(url)
            )
        if parts.username or parts.password:
            raise AirgapError(
                "The address of %s holds a user or a password. Give them as login_user and login_password."
                % parts.hostname
            )
        self.root = parts.path.rstrip("/")
        self.origin = "%s://%s" % (parts.scheme, parts.netloc)
        self.user = ""
        self._token = ""
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
        """Give the connection back."""
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
        repeatable: bool = False,
    ) -> Answer:
        """Return the server's answer, whatever its status.

        Only what may be done twice (``repeatable``, or a GET) is tried again
        after a broken connection or a 502, 503 or 504.
        """
        tries = TRIES if repeatable or method == "GET" else 1
        for left in range(tries - 1, -1, -1):
            try:
                answer = self._send_once(method, path, body, headers or {})
            except ssl.SSLCertVerificationError as error:
                self._connection.close()
                raise AirgapError(
                    "%s: its certificate is not trusted: %s. Name the certificates to check it against in ca_path."
                    % (self.url(path), error.verify_message)
                ) from error
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                if not left:
                    raise self._no_answer(method, path, error) from error
            else:
                if answer.status not in (502, 503, 504) or not left:
                    return answer
            time.sleep(0.5 * (tries - left))
        raise AssertionError("unreachable")

    def _send_once(
        self,
        method: str,
        path: str,
        body: t.Union[bytes, t.Callable[[], t.Iterator[bytes]], None],
        headers: t.Mapping[str, str],
    ) -> Answer:
        sent = {"Accept": "application/json", "User-Agent": "airgap.python"}
        if self._token:
            sent["X-Devpi-Auth"] = self._token
        sent.update(headers)
        try:
            self._connection.request(method, self.root + path, body() if callable(body) else body, sent)
        except (BrokenPipeError, ConnectionResetError):
            # A server may refuse a long body before it has read it all, and say why.
            if not callable(body):
                raise
        response = self._connection.getresponse()
        data = response.read(LARGEST_ANSWER + 1)
        if len(data) > LARGEST_ANSWER:
            self._connection.close()
            raise AirgapError(
                "%s %s: the answer is larger than any of devpi. Check the url." % (method, self.url(path))
            )
        if response.will_close:
            self._connection.close()
        return Answer(response.status, {key.lower(): value for key, value in response.getheaders()}, data)

    def _no_answer(self, method: str, path: str, error: Exception) -> AirgapError:
        reason = str(error) or type(error).__name__
        if "timed out" in reason:
            reason = "no answer within %g s" % (self._connection.timeout or 0)
        return AirgapError(
            "%s %s: %s. Check that devpi-server runs there (systemctl status devpi-server), "
            "and that url and timeout are right." % (method, self.url(path), reason)
        )

    def refusal(self, method: str, path: str, answer: Answer) -> AirgapError:
        """Return the error that says what an answer's status means here."""
        status = answer.status
        said = _message(answer)
        if status == 401:
            mend = "Log in with login_user and its password; user %r is not known with this one." % (
                self.user or "(none)"
            )
        elif status == 403:
            mend = (
                "User %r may not do this; log in as root, or as a user that the index names in acl_upload." % self.user
            )
        elif status == 404:
            mend = "There is no such thing on this server. Create it first, or check its name."
        elif status == 409:
            mend = "It is there already, in another form. Nothing was replaced."
        elif status == 413:
            mend = "Too large for the server or a proxy before it. Raise max-request-body-size or client_max_body_size."
        elif 300 <= status < 400:
            mend = "It leads to %s, where no password is sent. Give that address as url." % answer.headers.get(
                "location", "?"
            )
        elif status >= 500:
            mend = (
                "The server failed. See 'journalctl -u devpi-server' on the index host; a full disk is the usual cause."
            )
        else:
            mend = "Check that url is a devpi-server and that its version is supported."
        return AirgapError("%s %s: status %d%s. %s" % (method, self.url(path), status, said and " (%s)" % said, mend))

    def ask(
        self,
        method: str,
        path: str,
        body: t.Optional[Json] = None,
        missing_ok: bool = False,
        accept: str = "application/json",
        repeatable: bool = False,
    ) -> t.Optional[Json]:
        """Return the JSON document of an answer, or None for a 404 with ``missing_ok``."""
        headers = {"Accept": accept}
        data = None
        if body is not None:
            data = json.dumps(body).encode("utf-8")
            headers["Content-Type"] = "application/json"
        answer = self.send(method, path, data, headers, repeatable)
        if answer.status == 404 and missing_ok:
            return None
        if not 200 <= answer.status < 300:
            raise self.refusal(method, path, answer)
        try:
            document = json.loads(answer.body.decode("utf-8"))
        except ValueError as error:
            raise AirgapError(
                "%s %s: the answer is no JSON, so this is no devpi-server. Check url." % (method, self.url(path))
            ) from error
        if not isinstance(document, dict):
            raise AirgapError("%s %s: the answer is no JSON object. Check url." % (method, self.url(path)))
        return document

    def login(self, user: str, password: str) -> None:
        """Trade a password for a token that this connection sends from now on."""
        token = self._new_token(user, password)
        if token is None:
            raise LoginRefused(
                "%s: user %r is not known with this password. Check login_user and its password or password file; "
                "root's password is reset with 'devpi-passwd' on the index host." % (self.url("/+login"), user)
            )
        self.user = user
        self._token = base64.b64encode(("%s:%s" % (user, token)).encode("utf-8")).decode("ascii")

    def password_is(self, user: str, password: str) -> bool:
        """Tell whether a user has this password; the connection's own login stays as it is."""
        return self._new_token(user, password) is not None

    def _new_token(self, user: str, password: str) -> t.Optional[str]:
        body = json.dumps({"user": user, "password": password}).encode("utf-8")
        headers = {"Content-Type": "application/json"}
        kept, self._token = self._token, ""
        try:
            answer = self.send("POST", "/+login", body, headers, repeatable=True)
        finally:
            self._token = kept
        if answer.status == 401:
            return None
        if answer.status != 200:
            raise self.refusal("POST", "/+login", answer)
        try:
            return str(json.loads(answer.body.decode("utf-8"))["result"]["password"])
        except (ValueError, KeyError, TypeError) as error:
            raise AirgapError(
                "%s: the answer holds no token, so this is no devpi-server. Check url." % self.url("/+login")
            ) from error

    def get_user(self, name: str) -> t.Optional[Json]:
        """Return a user's document without secrets, or None."""
        found = self.ask("GET", "/" + quote(name, safe=""), missing_ok=True)
        return None if found is None else t.cast(Json, found.get("result", {}))

    def get_index(self, name: str, projects: bool = False) -> t.Optional[Json]:
        """Return an index's configuration, with its C(projects) where asked for, or None."""
        found = self.ask("GET", _index_path(name) + ("" if projects else "?no_projects="), missing_ok=True)
        return None if found is None else t.cast(Json, found.get("result", {}))

    def list_files(self, index: str, project: str) -> t.Dict[str, Listed]:
        """Return the files of a project that lie on this very index, not on its bases, by file name."""
        path = "%s/+simple/%s/" % (_index_path(index), quote(project, safe=""))
        page = self.ask("GET", path, missing_ok=True, accept=SIMPLE_JSON)
        return own_files(page or {}, self.url(path), self.root + _index_path(index))

    def upload(self, index: str, wheel: Wheel) -> None:
        """Send one wheel and its metadata. Not tried again by itself: an upload is not a question."""
        path = _index_path(index) + "/"
        boundary = "airgap-" + secrets.token_hex(16)
        head, tail = multipart(wheel, boundary)
        size = os.path.getsize(wheel.path)

        def body() -> t.Iterator[bytes]:
            yield head
            left = size
            digest = hashlib.sha256()
            with open(wheel.path, "rb") as stream:
                while left:
                    block = stream.read(min(CHUNK, left))
                    if not block:
                        raise AirgapError("%s became shorter while it was sent. Fetch the bundle again." % wheel.path)
                    left -= len(block)
                    digest.update(block)
                    # Without its end the server takes nothing of it.
                    if not left and digest.hexdigest() != wheel.sha256:
                        raise AirgapError("%s was changed after it was checked. Fetch the bundle again." % wheel.path)
                    yield block
            yield tail

        headers = {
            "Content-Type": "multipart/form-data; boundary=" + boundary,
            "Content-Length": str(len(head) + size + len(tail)),
        }
        answer = self.send("POST", path, body, headers)
        if answer.status != 200:
            raise AirgapError("%s: %s" % (wheel.filename, self.refusal("POST", path, answer)))


def _message(answer: Answer) -> str:
    """Return what the server said about itself in one line of at most 300 characters."""
    text = answer.body[:4096].decode("utf-8", "replace")
    try:
        document = json.loads(text)
        text = str(document.get("message", "")) if isinstance(document, dict) else ""
    except ValueError:
        if "<" in text:
            text = ""
    return " ".join(text.split())[:300]


def _index_path(name: str) -> str:
    user, index = split_index(name)
    return "/%s/%s" % (quote(user, safe=""), quote(index, safe=""))


def own_files(page: Json, url: str, index_path: str) -> t.Dict[str, Listed]:
    """Return the files of a simple page (PEP 691) that an index holds itself.

    devpi lists the files of the bases on the same page; only the address of a
    file tells where it lies: /USER/INDEX/+f/...
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
    """Return what stands before and after the wheel's bytes in the upload form (RFC 7578).

    By hand: the standard library has no encoder for it, and others would hold the whole wheel in memory.
    """
    parts = []
    for name, value in ((":action", "file_upload"), ("protocol_version", "1")) + wheel.fields:
        parts.append('--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (boundary, name, value))
    parts.append(
        '--%s\r\nContent-Disposition: form-data; name="content"; filename="%s"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n" % (boundary, wheel.filename)
    )
    return "".join(parts).encode("utf-8", "replace"), ("\r\n--%s--\r\n" % boundary).encode("ascii")


class UserPlan(t.NamedTuple):
    """What to do to a user: ``action`` is create, modify, delete or an empty string."""

    action: str
    settings: Json
    set_password: bool
    before: Json
    after: Json


def plan_user(
    name: str,
    state: str,
    current: t.Optional[Json],
    password: t.Optional[bool],
    email: t.Optional[str],
) -> UserPlan:
    """Decide what to do to a user.

    ``password`` is None where none is wanted, else whether the user has it already.
    ``email`` is None to leave it alone. Raises AirgapError where devpi would lose something.
    """
    before = {} if current is None else {"name": name, "email": current.get("email") or ""}
    if state == "absent":
        if current is None:
            return UserPlan("", {}, False, {}, {})
        indexes = sorted(current.get("indexes") or {})
        if name == "root":
            raise AirgapError("User root cannot be removed: nobody else can create users. Remove other users only.")
        if indexes:
            raise AirgapError(
                "User %s owns the indexes %s, which would go with it. Remove them with devpi_index first."
                % (name, ", ".join(indexes))
            )
        return UserPlan("delete", {}, False, before, {})
    if current is None:
        if password is None:
            raise AirgapError("User %s is to be created and has no password. Give password or password_file." % name)
        settings = {"email": email} if email else {}
        return UserPlan("create", settings, True, {}, {"name": name, "email": email or "", "password": "new"})
    settings = {}
    after = dict(before)
    if email is not None and email != before["email"]:
        settings["email"] = email
        after["email"] = email
    if password is False:
        before["password"] = "another"
        after["password"] = "new"
    action = "modify" if settings or password is False else ""
    return UserPlan(action, settings, password is False, before, after)


class IndexPlan(t.NamedTuple):
    """What to do to an index: ``action`` is create, modify, delete or an empty string."""

    action: str
    settings: Json
    before: Json
    after: Json


def _same_setting(key: str, one: t.Any, other: t.Any) -> bool:
    # The order of bases decides which one wins; that of an ACL means nothing.
    if key.startswith("acl_"):
        return sorted(set(one or [])) == sorted(set(other or []))
    if key == "bases":
        return list(one or []) == list(other or [])
    return bool(one == other)


def plan_index(
    name: str,
    state: str,
    current: t.Optional[Json],
    wanted: Json,
    force: bool = False,
) -> IndexPlan:
    """Decide what to do to an index; settings that ``wanted`` does not name stay as they are.

    Raises AirgapError where the index is of another type, and where files that
    were published for good would be lost without ``force``.
    """
    if state == "absent":
        if current is None:
            return IndexPlan("", {}, {}, {})
        projects = current.get("projects") or []
        if projects and not current.get("volatile") and not force:
            raise AirgapError(
                "Index %s is non-volatile and holds %d projects (%s%s), which would be lost. "
                "Set force=true to remove it all the same."
                % (name, len(projects), ", ".join(projects[:5]), ", ..." if len(projects) > 5 else "")
            )
        before = {key: value for key, value in current.items() if key != "projects"}
        return IndexPlan("delete", {}, dict(before, projects=len(projects)), {})
    if current is None:
        return IndexPlan("create", wanted, {}, dict(wanted))
    if current.get("type") != wanted["type"]:
        raise AirgapError(
            "Index %s is of type %s, not %s, and devpi cannot change that. Take another name, or remove it first."
            % (name, current.get("type"), wanted["type"])
        )
    settings = {
        key: value for key, value in wanted.items() if key != "type" and not _same_setting(key, current.get(key), value)
    }
    shown = sorted(set(wanted) | {"type"})
    before = {key: current.get(key) for key in shown}
    return IndexPlan("modify" if settings else "", settings, before, dict(before, **settings))


class UploadPlan(t.NamedTuple):
    """Which wheels to send, which are there, and of those whose Requires-Python the index does not give."""

    upload: t.Tuple[Wheel, ...]
    present: t.Tuple[Wheel, ...]
    undeclared: t.Tuple[Wheel, ...]


def plan_upload(index: str, wheels: t.Sequence[Wheel], listed: t.Mapping[str, t.Mapping[str, Listed]]) -> UploadPlan:
    """Compare wheels with what an index lists by project and file name.

    Raises AirgapError, naming every file and both hashes, where the index holds
    another file under the name of one of them.
    """
    upload, present, undeclared, conflicts = [], [], [], []
    for wheel in wheels:
        there = listed.get(wheel.project, {}).get(wheel.filename)
        if there is None:
            upload.append(wheel)
        elif there.sha256 != wheel.sha256:
            conflicts.append(
                "%s (sha256 here %s, on the index %s)" % (wheel.filename, wheel.sha256, there.sha256 or "not given")
            )
        else:
            present.append(wheel)
            if there.requires_python != wheel.requires_python:
                undeclared.append(wheel)
    if conflicts:
        raise AirgapError(
            "Index %s holds other files under the same names: %s. Nothing was uploaded. "
            "A published file is never replaced: "
            "give the new one a new version, or publish to another index." % (index, "; ".join(conflicts[:20]))
        )
    return UploadPlan(tuple(upload), tuple(present), tuple(undeclared))


def check_uploaded(index: str, wheels: t.Sequence[Wheel], listed: t.Mapping[str, t.Mapping[str, Listed]]) -> None:
    """Raise AirgapError unless the index lists each wheel with its hash and its Requires-Python.

    The server believes the form that it is sent, so an upload that it accepted proves nothing.
    """
    declared: t.Dict[t.Tuple[str, str], t.Set[str]] = {}
    for wheel in wheels:
        # devpi keeps one Requires-Python for all files of a version.
        declared.setdefault((wheel.project, wheel.version), set()).add(wheel.requires_python)
    wrong = []
    for wheel in wheels:
        there = listed.get(wheel.project, {}).get(wheel.filename)
        if there is None:
            wrong.append("%s is not listed" % wheel.filename)
        elif there.sha256 != wheel.sha256:
            wrong.append("%s has sha256 %s instead of %s" % (wheel.filename, there.sha256 or "(none)", wheel.sha256))
        elif there.requires_python not in declared[(wheel.project, wheel.version)]:
            wrong.append(
                "%s has Requires-Python %r instead of %r"
                % (wheel.filename, there.requires_python, wheel.requires_python)
            )
    if wrong:
        raise AirgapError(
            "Index %s was sent these files and lists something else: %s. Do not install from it; "
            "check the disk and the log of devpi-server, and publish again." % (index, "; ".join(wrong[:20]))
        )


def why_silent(url: str, timeout: float = 5, ca_path: t.Optional[str] = None) -> str:
    """Return why no devpi-server answers at a URL, or "" where one does. Asks once and is not patient."""
    try:
        client = Client(url, timeout, ca_path)
    except AirgapError as error:
        return str(error)
    try:
        answer = client._send_once("GET", "/+api", None, {})
        kind = json.loads(answer.body.decode("utf-8")).get("type") if answer.status == 200 else ""
    except ssl.SSLCertVerificationError as error:
        return "its certificate is not trusted: %s" % error.verify_message
    except (OSError, http.client.HTTPException) as error:
        return getattr(error, "strerror", None) or str(error) or type(error).__name__
    except (ValueError, AttributeError):
        kind = ""
    finally:
        client.close()
    return "" if kind == "apiconfig" else "what answers there is no devpi-server (status %d)" % answer.status


def options() -> Json:
    """Return the module options that all devpi modules share (see the doc fragment devpi)."""
    return {
        "url": {"type": "str", "default": "http://127.0.0.1:3141"},
        "login_user": {"type": "str", "default": "root"},
        "login_password": {"type": "str", "no_log": True},
        "login_password_file": {"type": "path", "no_log": False},
        "ca_path": {"type": "path"},
        "timeout": {"type": "int", "default": 60},
    }


def login_password(params: t.Mapping[str, t.Any]) -> str:
    """Return the password to log in with, from the option or the file."""
    if params["login_password"] is not None:
        return str(params["login_password"])
    return read_password_file(params["login_password_file"])


def connect(params: t.Mapping[str, t.Any]) -> Client:
    """Return a client for a module's options, not logged in yet."""
    return Client(params["url"], params["timeout"], params["ca_path"])
