# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client's manners and the decisions. The server in here is a stand-in on loopback that answers what a test
tells it to; the real devpi-server is asked in tests/integration/test_devpi_modules.py.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import os
import threading

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _devpi
from ansible_collections.airgap.python.plugins.module_utils._wheels._wheel import Wheel

HASH_A, HASH_B = "a" * 64, "b" * 64


def a_wheel(project="demo", sha256=HASH_A, requires_python=">=3.9", path="/x"):
    filename = "%s-1.0-py3-none-any.whl" % project
    fields = (("name", project), ("version", "1.0"), ("classifiers", "A"), ("classifiers", "B"))
    return Wheel(path, filename, sha256, project, "1.0", requires_python, fields)


class StandIn:
    """A stand-in for devpi-server: notes each request and gives the prepared answers in turn."""

    def __init__(self):
        outer = self
        self.answers = []
        self.seen = []
        self.connections = set()

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
    monkeypatch.setattr(_devpi.time, "sleep", lambda seconds: None)
    server = StandIn()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def client(stand_in):
    made = _devpi.Client(stand_in.url, 5)
    yield made
    made.close()


def test_one_login_gives_the_token_that_each_later_request_carries_on_one_connection(stand_in, client):
    stand_in.will(200, {"result": {"password": "TOKEN"}})
    stand_in.will(200, {"result": {"type": "stage"}})
    stand_in.will(404)
    client.login("root", "secret")
    assert client.get_index("airgap/prod") == {"type": "stage"}
    assert client.get_user("nobody") is None
    login, *later = stand_in.seen
    assert json.loads(login[3]) == {"user": "root", "password": "secret"} and "X-Devpi-Auth" not in login[2]
    assert [base64.b64decode(one[2]["X-Devpi-Auth"]) for one in later] == [b"root:TOKEN"] * 2
    assert len(stand_in.connections) == 1


def test_asking_for_a_users_password_leaves_the_login_as_it_is(stand_in, client):
    stand_in.will(200, {"result": {"password": "TOKEN"}})
    stand_in.will(401)
    stand_in.will(200, {"result": {}})
    client.login("root", "secret")
    assert client.password_is("airgap", "guess") is False
    client.get_user("airgap")
    assert base64.b64decode(stand_in.seen[-1][2]["X-Devpi-Auth"]) == b"root:TOKEN"


def test_a_refused_login_names_the_user_and_never_the_password(stand_in, client):
    stand_in.will(401, {"message": "no"})
    with pytest.raises(_devpi.LoginRefused, match="'root' is not known") as error:
        client.login("root", "very-secret")
    assert "very-secret" not in str(error.value)


@pytest.mark.parametrize(
    "status, mend",
    [
        (401, "Log in with login_user"),
        (403, "acl_upload"),
        (404, "Create it first"),
        (409, "Nothing was replaced"),
        (413, "client_max_body_size"),
        (500, "journalctl -u devpi-server"),
    ],
)
def test_each_refusal_says_what_was_asked_why_it_failed_and_what_to_do(stand_in, client, status, mend):
    stand_in.will(status, {"message": "the server's own words"})
    with pytest.raises(AirgapError, match=mend) as error:
        client.ask("PUT", "/airgap/prod", {})
    assert "PUT %s/airgap/prod: status %d (the server's own words)" % (stand_in.url, status) in str(error.value)


def test_a_redirect_is_not_followed_with_the_token(stand_in, client):
    stand_in.will(302, Location="http://elsewhere.example/")
    with pytest.raises(AirgapError, match=r"leads to http://elsewhere\.example/"):
        client.ask("GET", "/airgap")
    assert len(stand_in.seen) == 1


@pytest.mark.parametrize("broken", [0, 502, 503, 504])
def test_a_question_is_asked_again_after_a_broken_answer(stand_in, client, broken):
    stand_in.will(broken)
    stand_in.will(broken)
    stand_in.will(200, {"result": {"type": "stage"}})
    assert client.get_index("airgap/prod") == {"type": "stage"}
    assert len(stand_in.seen) == 3


@pytest.mark.parametrize("broken", [0, 503])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
def test_a_change_is_sent_once_whatever_happens(stand_in, client, method, broken):
    stand_in.will(broken)
    with pytest.raises(AirgapError):
        client.ask(method, "/airgap/prod", {})
    assert len(stand_in.seen) == 1


def test_a_server_that_never_answers_is_given_up_after_the_timeout(monkeypatch):
    import socket

    monkeypatch.setattr(_devpi, "TRIES", 1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        client = _devpi.Client("http://127.0.0.1:%d" % silent.getsockname()[1], 0.1)
        with pytest.raises(AirgapError, match=r"no answer within 0\.1 s"):
            client.get_user("root")


@pytest.mark.parametrize("answer", [b"<html>", b"[]"])
def test_what_is_no_devpi_is_said_to_be_none(stand_in, client, answer):
    stand_in.will(200, answer)
    with pytest.raises(AirgapError, match="Check url"):
        client.get_user("root")


def test_an_upload_streams_the_file_between_the_fields_of_its_form(stand_in, client, tmp_path, monkeypatch):
    monkeypatch.setattr(_devpi, "CHUNK", 1000)
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
    monkeypatch.setattr(_devpi, "CHUNK", 1000)
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
def test_an_address_that_cannot_be_used_is_refused_without_its_secret(url):
    with pytest.raises(AirgapError) as error:
        _devpi.Client(url)
    assert "geheim" not in str(error.value)


@pytest.mark.parametrize("name", ["prod", "a/b/c", "../x", "a/..", "a/", "+a/b", "a/b?x", "a b/c"])
def test_a_name_that_is_no_index_never_becomes_an_address(name):
    with pytest.raises(AirgapError, match="USER/INDEX"):
        _devpi.split_index(name)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o601])
def test_a_password_file_that_others_may_touch_is_refused(tmp_path, mode):
    path = tmp_path / "password"
    path.write_text("secret\n")
    path.chmod(mode)
    with pytest.raises(AirgapError, match="chmod 0600"):
        _devpi.read_password_file(str(path))


@pytest.mark.parametrize("text, expected", [("secret\n", "secret"), (" s p \n", " s p "), ("x", "x")])
def test_a_password_file_holds_the_password_in_one_line(tmp_path, text, expected):
    path = tmp_path / "password"
    path.write_text(text)
    path.chmod(0o600)
    assert _devpi.read_password_file(str(path)) == expected


@pytest.mark.parametrize("text", ["", "\n", "one\ntwo\n"])
def test_a_password_file_without_one_password_is_refused(tmp_path, text):
    path = tmp_path / "password"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(AirgapError, match="one line"):
        _devpi.read_password_file(str(path))


@pytest.mark.parametrize(
    "state, current, password, email, action",
    [
        ("present", None, False, None, "create"),
        ("present", {"email": "a"}, True, None, ""),
        ("present", {"email": "a"}, None, "a", ""),
        ("present", {"email": "a"}, None, "", "modify"),
        ("present", {}, False, None, "modify"),
        ("absent", {"indexes": {}}, None, None, "delete"),
        ("absent", None, None, None, ""),
    ],
)
def test_a_user_is_changed_only_where_it_differs(state, current, password, email, action):
    assert _devpi.plan_user("airgap", state, current, password, email).action == action


def test_a_new_user_needs_a_password_and_one_with_indexes_stays():
    with pytest.raises(AirgapError, match="has no password"):
        _devpi.plan_user("airgap", "present", None, None, None)
    with pytest.raises(AirgapError, match="owns the indexes prod"):
        _devpi.plan_user("airgap", "absent", {"indexes": {"prod": {}}}, None, None)
    with pytest.raises(AirgapError, match="root cannot be removed"):
        _devpi.plan_user("root", "absent", {}, None, None)


WANTED = {"type": "stage", "bases": [], "volatile": False, "acl_upload": ["a", "b"]}


@pytest.mark.parametrize(
    "change, action",
    [
        ({}, ""),
        ({"acl_upload": ["b", "a"]}, ""),
        ({"custom_data": {"x": 1}}, ""),
        ({"volatile": True}, "modify"),
        ({"bases": ["root/x"]}, "modify"),
        ({"acl_upload": ["a"]}, "modify"),
    ],
)
def test_an_index_is_changed_only_where_its_settings_differ(change, action):
    plan = _devpi.plan_index("a/b", "present", dict(WANTED, **change), WANTED)
    assert plan.action == action
    assert set(plan.settings) == (set(change) if action else set())


def test_the_order_of_bases_counts():
    current = dict(WANTED, bases=["x/a", "x/b"])
    assert _devpi.plan_index("a/b", "present", current, dict(WANTED, bases=["x/b", "x/a"])).action == "modify"


def test_an_index_of_another_type_is_refused():
    with pytest.raises(AirgapError, match="of type mirror"):
        _devpi.plan_index("a/b", "present", {"type": "mirror"}, WANTED)


@pytest.mark.parametrize(
    "projects, volatile, force, refused",
    [
        (["flask"], False, False, True),
        (["flask"], False, True, False),
        ([], False, False, False),
        (["flask"], True, False, False),
    ],
)
def test_published_files_are_lost_only_by_force(projects, volatile, force, refused):
    current = dict(WANTED, projects=projects, volatile=volatile)
    if refused:
        with pytest.raises(AirgapError, match="force=true"):
            _devpi.plan_index("a/b", "absent", current, WANTED, force)
    else:
        assert _devpi.plan_index("a/b", "absent", current, WANTED, force).action == "delete"


def test_only_files_that_lie_on_the_index_itself_count_as_published():
    page = {
        "files": [
            {"filename": "own", "url": "../../+f/ab/cd/own", "hashes": {"sha256": HASH_A}, "requires-python": ">=3.9"},
            {"filename": "of-a-base", "url": "../../../../other/base/+f/ab/cd/of-a-base", "hashes": {"sha256": HASH_A}},
            {"filename": "absolute", "url": "http://h/airgap/prod/+f/ab/cd/absolute", "hashes": {}},
        ]
    }
    found = _devpi.own_files(page, "http://h/airgap/prod/+simple/demo/", "/airgap/prod")
    assert found == {"own": _devpi.Listed(HASH_A, ">=3.9"), "absolute": _devpi.Listed("", "")}


def listed(wheel, sha256=HASH_A, requires_python=">=3.9"):
    return {wheel.project: {wheel.filename: _devpi.Listed(sha256, requires_python)}}


def test_what_is_published_is_not_sent_again():
    here, new = a_wheel(), a_wheel("other")
    plan = _devpi.plan_upload("a/b", [here, new], listed(here))
    assert plan.present == (here,) and plan.upload == (new,) and plan.undeclared == ()


def test_a_published_file_without_its_requires_python_is_told():
    wheel = a_wheel()
    assert _devpi.plan_upload("a/b", [wheel], listed(wheel, requires_python="")).undeclared == (wheel,)


@pytest.mark.parametrize("there", [HASH_B, ""])
def test_another_file_under_the_same_name_is_named_with_both_hashes(there):
    wheel = a_wheel()
    with pytest.raises(AirgapError, match="Nothing was uploaded") as error:
        _devpi.plan_upload("a/b", [a_wheel("new"), wheel], listed(wheel, there))
    assert (
        wheel.filename in str(error.value) and HASH_A in str(error.value) and (there or "not given") in str(error.value)
    )


@pytest.mark.parametrize("there", [{}, {"sha256": HASH_B}, {"requires_python": ""}])
def test_an_upload_counts_only_when_the_index_lists_what_was_sent(there):
    wheel = a_wheel()
    found = listed(wheel, **there) if there else {}
    with pytest.raises(AirgapError, match="lists something else"):
        _devpi.check_uploaded("a/b", [wheel], found)
    _devpi.check_uploaded("a/b", [wheel], listed(wheel))
