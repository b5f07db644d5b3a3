# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the client behaves. The server here runs on loopback and gives the responses that a test prepares; the real
devpi-server is used in tests/integration/test_devpi_modules.py.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import os
import threading
import typing as t

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _client

from tests.unit.plugins.module_utils._index.published_wheels import HASH_A, a_wheel


class StandIn:
    """A stand-in for devpi-server: it records each request and gives the prepared responses in turn."""

    def __init__(self):
        outer = self
        # Status, document and headers of each.
        self.answers: t.List[t.Tuple[int, t.Any, t.Dict[str, str]]] = []
        # Method, path, headers and body of each.
        self.seen: t.List[t.Tuple[str, str, t.Dict[str, str], bytes]] = []
        self.connections: t.Set[t.Tuple[str, int]] = set()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.connections.add(self.client_address)
                outer.seen.append((self.command, self.path, dict(self.headers), body))
                status, document, headers = outer.answers.pop(0)
                if status == 0:
                    self.close_connection = True
                    return
                data = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                if "Content-Length" in headers:
                    self.close_connection = True
                else:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = "http://127.0.0.1:%d" % self.server.server_port

    def will(self, status, document=None, **headers):
        self.answers.append((status, {} if document is None else document, headers))


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setattr(_client.time, "sleep", lambda seconds: None)
    server = StandIn()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def client(stand_in):
    made = _client.Client(stand_in.url, 5)
    yield made
    made.close()


def test_one_login_gives_the_token_that_each_later_request_carries_on_one_connection(stand_in, client):
    stand_in.will(200, {"result": {"password": "TOKEN"}})
    stand_in.will(200, {"result": {"type": "stage"}})
    stand_in.will(404)
    client.log_in("root", "secret")
    assert client.get_index("airgap/prod") == {"type": "stage"}
    assert client.get_user("nobody") is None
    login, *later = stand_in.seen
    assert json.loads(login[3]) == {"user": "root", "password": "secret"} and "X-Devpi-Auth" not in login[2]
    assert [base64.b64decode(one[2]["X-Devpi-Auth"]) for one in later] == [b"root:TOKEN"] * 2
    assert len(stand_in.connections) == 1


def test_checking_a_users_password_does_not_change_the_login(stand_in, client):
    stand_in.will(200, {"result": {"password": "TOKEN"}})
    stand_in.will(401)
    stand_in.will(200, {"result": {}})
    client.log_in("root", "secret")
    assert client.has_password("airgap", "guess") is False
    client.get_user("airgap")
    assert base64.b64decode(stand_in.seen[-1][2]["X-Devpi-Auth"]) == b"root:TOKEN"


def test_a_refused_login_names_the_user_and_never_the_password(stand_in, client):
    stand_in.will(401, {"message": "no"})
    with pytest.raises(_client.LoginRefused, match="does not accept this password of user 'root'") as error:
        client.log_in("root", "very-secret")
    assert "very-secret" not in str(error.value)


@pytest.mark.parametrize(
    "status, fix",
    [
        (401, "Log in with login_user"),
        (403, "acl_upload"),
        (404, "Create it first"),
        (409, "Nothing was replaced"),
        (413, "client_max_body_size"),
        (500, "journalctl -u devpi-server"),
    ],
)
def test_each_refusal_names_the_request_the_reason_and_the_fix(stand_in, client, status, fix):
    stand_in.will(status, {"message": "the server's own words"})
    with pytest.raises(AirgapError, match=fix) as error:
        client.request("PUT", "/airgap/prod", {})
    assert "PUT %s/airgap/prod: status %d (the server's own words)" % (stand_in.url, status) in str(error.value)


def test_a_redirect_is_not_followed_with_the_token(stand_in, client):
    stand_in.will(302, Location="http://elsewhere.example/")
    with pytest.raises(AirgapError, match=r"redirects to http://elsewhere\.example/"):
        client.request("GET", "/airgap")
    assert len(stand_in.seen) == 1


@pytest.mark.parametrize("broken", [0, 502, 503, 504])
def test_a_get_is_sent_again_after_a_broken_response(stand_in, client, broken):
    stand_in.will(broken)
    stand_in.will(broken)
    stand_in.will(200, {"result": {"type": "stage"}})
    assert client.get_index("airgap/prod") == {"type": "stage"}
    assert len(stand_in.seen) == 3


@pytest.mark.parametrize("broken", [0, 503])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
def test_a_change_is_sent_again_and_its_response_says_so(stand_in, client, method, broken):
    stand_in.will(broken)
    stand_in.will(409, {"message": "exists"})
    response = client.send_json(method, "/airgap/prod", {})
    assert (response.status, response.repeated, len(stand_in.seen)) == (409, True, 2)
    stand_in.will(409, {"message": "exists"})
    assert not client.send_json(method, "/airgap/prod", {}).repeated


def test_response_whose_connection_breaks_in_its_middle_is_requested_again(stand_in, client, tmp_path):
    cut = {"Content-Length": "90"}
    stand_in.will(200, b"", **cut)
    stand_in.will(200, b'{"result":', **cut)
    stand_in.will(409, {"message": "exists"})
    assert client.send_json("PUT", "/airgap/prod", {}).repeated
    stand_in.will(200, b"half", **cut)
    stand_in.will(200, {"result": {}})
    stand_in.will(200, b"whole")
    assert client.download("/one.whl", str(tmp_path / "one.whl")) == hashlib.sha256(b"whole").hexdigest()
    stand_in.will(200, b"half", **cut)
    with pytest.raises(AirgapError, match="IncompleteRead"):
        client.sha256("/one.whl")


def test_what_was_created_before_the_connection_broke_gets_its_settings(stand_in, client):
    stand_in.will(0)
    stand_in.will(409, {"message": "user already exists"})
    stand_in.will(200)
    stand_in.will(200)
    client.create("/airgap", {"email": "a"}, {"password": "secret"})
    sent = [(method, json.loads(body)) for method, _path, _headers, body in stand_in.seen[1:]]
    assert sent == [
        ("PUT", {"email": "a", "password": "secret"}),
        ("PATCH", {"email": "a"}),
        ("PATCH", {"password": "secret"}),
    ]


def test_what_exists_already_is_not_taken_for_created(stand_in, client):
    stand_in.will(409, {"message": "user already exists"})
    with pytest.raises(AirgapError, match="user already exists"):
        client.create("/airgap", {})


def test_what_was_removed_before_the_connection_broke_is_removed(stand_in, client):
    stand_in.will(0)
    stand_in.will(404)
    client.delete("/airgap")
    stand_in.will(404, {"message": "no user"})
    with pytest.raises(AirgapError, match="no user"):
        client.delete("/airgap")


def test_a_server_that_responded_before_is_waited_for_longer_than_one_that_never_did(stand_in, client, monkeypatch):
    devpi = {"X-Devpi-Server-Version": "6.20.3", "X-Devpi-Serial": "7"}
    stand_in.will(200, {"result": {}}, **devpi)
    client.get_user("root")
    assert (client.version, client.serial) == ("6.20.3", 7)
    for _number in range(_client.TRIES + 5):
        stand_in.will(503)
    stand_in.will(200, {"result": {"type": "stage"}}, **devpi)
    assert client.get_index("airgap/prod") == {"type": "stage"}
    monkeypatch.setattr(_client, "PATIENCE", 0)
    stand_in.will(503)
    with pytest.raises(AirgapError, match="status 503"):
        client.get_index("airgap/prod")


def test_a_token_that_a_restart_made_invalid_is_replaced_once(stand_in, client):
    stand_in.will(200, {"result": {"password": "OLD"}})
    client.log_in("root", "secret")
    stand_in.will(0)
    stand_in.will(403)
    stand_in.will(200, {"result": {"password": "NEW"}})
    stand_in.will(200)
    client.request("PATCH", "/airgap/prod", {"title": "x"})
    assert base64.b64decode(stand_in.seen[-1][2]["X-Devpi-Auth"]) == b"root:NEW"
    stand_in.will(403)
    with pytest.raises(AirgapError, match="status 403"):
        client.request("PATCH", "/airgap/prod", {"title": "x"})


@pytest.mark.parametrize("status, refused", [(["ok", "alice", []], False), (["expired", "alice", []], True)])
def test_a_token_is_checked_before_it_is_used(stand_in, client, status, refused):
    stand_in.will(200, {"result": {"authstatus": status}})
    if refused:
        with pytest.raises(_client.LoginRefused, match=r"token of user 'alice' \(expired\)"):
            client.use_token("alice", "secret-token")
    else:
        client.use_token("alice", "secret-token")
    assert base64.b64decode(stand_in.seen[0][2]["X-Devpi-Auth"]) == b"alice:secret-token"


def test_an_explanation_in_the_status_line_is_in_the_error(client):
    body = json.dumps({"message": "\n\n", "title": "no permission to submit"}).encode()
    refused = _client.Response(403, {}, body, "no permission to submit")
    assert "status 403 (no permission to submit)" in str(client.refusal("POST", "/airgap/prod/", refused))
    assert "status 403. " in str(client.refusal("POST", "/airgap/prod/", refused._replace(reason="Forbidden")))


def test_a_server_that_never_answers_is_given_up_after_the_timeout(monkeypatch):
    import socket

    monkeypatch.setattr(_client, "TRIES", 1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        client = _client.Client("http://127.0.0.1:%d" % silent.getsockname()[1], 0.1)
        with pytest.raises(AirgapError, match=r"no response within 0\.1 s"):
            client.get_user("root")


@pytest.mark.parametrize("answer", [b"<html>", b"[]"])
def test_a_server_that_is_not_devpi_is_reported(stand_in, client, answer):
    stand_in.will(200, answer)
    with pytest.raises(AirgapError, match="Check url"):
        client.get_user("root")


def test_an_upload_streams_the_file_between_the_fields_of_its_form(stand_in, client, tmp_path, monkeypatch):
    monkeypatch.setattr(_client, "CHUNK", 1000)
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    content = os.urandom(5500)
    path.write_bytes(content)
    stand_in.will(200, b"")
    client.upload("airgap/prod", a_wheel(path=str(path), sha256=hashlib.sha256(content).hexdigest()))
    dummy, where, headers, body = stand_in.seen[0]
    assert where == "/airgap/prod/" and content in body
    boundary = headers["Content-Type"].split("boundary=")[1].encode()
    parts = body.split(b"--" + boundary)
    assert parts[0] == b"" and parts[-1] == b"--\r\n"
    fields = [part.split(b"\r\n\r\n", 1) for part in parts[1:-1]]
    assert b'name=":action"' in fields[0][0] and fields[0][1] == b"file_upload\r\n"
    assert sum(b'name="classifiers"' in head for head, dummy in fields) == 2
    assert (
        b'name="content"; filename="demo-1.0-py3-none-any.whl"' in fields[-1][0] and fields[-1][1] == content + b"\r\n"
    )


def test_the_end_of_a_file_that_was_changed_after_it_was_checked_is_not_sent(stand_in, client, tmp_path, monkeypatch):
    monkeypatch.setattr(_client, "CHUNK", 1000)
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    checked, other = os.urandom(5500), os.urandom(5500)
    path.write_bytes(other)
    stand_in.will(200, b"")
    with pytest.raises(AirgapError, match="was changed after it was checked"):
        client.upload("airgap/prod", a_wheel(path=str(path), sha256=hashlib.sha256(checked).hexdigest()))
    client.close()
    assert all(other not in body for _method, _path, _headers, body in stand_in.seen)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:3141", "ftp://x", "http://", "http://h:port", "http://h/?a=1", "http://user:geheim@h:3141"]
)
def test_an_unusable_address_is_refused_without_its_secret(url):
    with pytest.raises(AirgapError) as error:
        _client.Client(url)
    assert "geheim" not in str(error.value)


def test_only_files_on_the_index_itself_are_published_files():
    page = {
        "files": [
            {"filename": "own", "url": "../../+f/ab/cd/own", "hashes": {"sha256": HASH_A}, "requires-python": ">=3.9"},
            {"filename": "of-a-base", "url": "../../../../other/base/+f/ab/cd/of-a-base", "hashes": {"sha256": HASH_A}},
            {"filename": "absolute", "url": "http://h/airgap/prod/+f/ab/cd/absolute", "hashes": {}},
        ]
    }
    found = _client.files_of_index(page, "http://h/airgap/prod/+simple/demo/", "/airgap/prod")
    assert found == {"own": _client.Listed(HASH_A, ">=3.9"), "absolute": _client.Listed("", "")}
