# SPDX-License-Identifier: GPL-3.0-or-later
"""What an index that the site runs means by its responses, which server it is, and what is sent to it."""

from __future__ import annotations

import json

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _external, _external_client, _simple_page

A, B = "a" * 64, "b" * 64
NEXUS = (
    "<!doctype html>\n<html><head><title>400 - Nexus</title><style>p {}</style></head>"
    "<body>\n<p>Repository does not allow\n updating assets: pypi&amp;local</p></body></html>"
)


def response(status, body="", reason="", **headers):
    """Return a response."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return _external.Response(status, reason, named, body.encode())


def wanted(name, sha256=A):
    """Return a file of a bundle."""
    return _external.Wanted(name, "/b/" + name, sha256, 1, name.partition("-")[0], "1.0")


EXISTS = {
    "pypiserver": response(409, "Package already exists!", "Conflict"),
    "devpi": response(409, "", "app-1.0.whl already exists in non-volatile index"),
    "nexus": response(400, NEXUS, "Bad Request"),
    "artifactory": response(
        403, '{"errors": [{"message": "Not enough permissions to delete/overwrite artifact \'x\'"}]}'
    ),
    "gitlab": response(400, '{"message": "Validation failed: File name has already been taken"}'),
    "forgejo": response(409, '{"message": "package file already exists"}'),
    "pulp": response(400, "", "Package app-1.0.whl already exists in index"),
    "cloudsmith": response(409, "duplicate"),
}


@pytest.mark.parametrize("server", sorted(_external.KNOWN))
def test_each_known_server_is_understood_by_its_own_rule_and_by_the_general_one(server):
    assert _external.exists_already(server, EXISTS[server])
    assert _external.exists_already("", EXISTS[server])


@pytest.mark.parametrize(
    ("server", "found"),
    [
        ("nexus", response(400, "app-1.0-py3-none-any.whl cannot be updated")),
        ("artifactory", response(403, "Not enough permissions to delete/overwrite all artifacts under 'x'")),
        ("", response(400, "File already exists ('app-1.0.whl', with blake2_256 hash 'ab')")),
    ],
)
def test_newer_texts_are_understood(server, found):
    assert _external.exists_already(server, found)


@pytest.mark.parametrize(
    ("server", "found"),
    [
        ("nexus", response(409, "Conflict")),
        ("artifactory", response(403, "You have no right to deploy")),
        ("pypiserver", response(403, "overwrite artifact")),
        ("", response(400, "Invalid metadata")),
        ("", response(500, "already exists")),
        ("", response(200, "already exists")),
    ],
)
def test_other_refusals_are_refusals(server, found):
    assert not _external.exists_already(server, found)


@pytest.mark.parametrize(
    ("headers", "server"),
    [
        ({"server": "Nexus/3.70.1-02 (OSS)"}, "nexus"),
        ({"server": "Artifactory/7.90.5"}, "artifactory"),
        ({"server": "nginx", "x-jfrog-version": "Artifactory/7"}, "artifactory"),
        ({"x-devpi-server-version": "6.20.3"}, "devpi"),
        ({"x-gitlab-meta": "{}"}, "gitlab"),
        ({"server": "nginx"}, ""),
        ({}, ""),
    ],
)
def test_server_is_recognised_by_its_headers(headers, server):
    assert _external.by_header(headers) == server


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://h/artifactory/api/pypi/python", "artifactory"),
        ("https://h/repository/python/", "nexus"),
        ("https://h/api/packages/team/pypi", "forgejo"),
        ("https://h/api/v4/projects/12/packages/pypi", "gitlab"),
        ("https://h/api/v4/projects/a%2Fb/packages/pypi", "gitlab"),
        ("https://h/pypi/prod/legacy/", "pulp"),
        ("https://h/pypi/prod/simple/", "pulp"),
        ("https://python.cloudsmith.io/o/r/", "cloudsmith"),
        ("https://h/site/prod/", ""),
        ("https://h/", ""),
    ],
)
def test_server_is_recognised_by_its_address(url, server):
    assert _external.by_address(url) == server


def test_server_is_recognised_by_its_start_page():
    assert _external.by_body(b"<h1>Welcome to pypiserver!</h1>") == "pypiserver"
    assert _external.by_body(b"<title>Sonatype Nexus Repository</title>") == "nexus"
    assert _external.by_body(b"hello") == ""


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_only_failures_of_the_server_are_tried_again(status):
    assert _external.may_try_again(status)
    assert not any(map(_external.may_try_again, (200, 201, 301, 400, 401, 403, 404, 409, 413, 429)))


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (response(400, NEXUS), "Repository does not allow updating assets: pypi&local"),
        (response(403, '{"errors": [{"status": 403, "message": "No right."}]}'), "No right"),
        (response(400, '{"sha256_digest": ["This field is required."]}'), "This field is required"),
        (response(409, "", "app exists"), "app exists"),
        (response(404, "", "Not Found"), ""),
        (response(400, json.dumps("x" * 999)), "x" * 300),
        (response(400, "[]"), ""),
    ],
)
def test_message_of_the_server_is_one_line(found, text):
    assert _external.message_of(found) == text


@pytest.mark.parametrize(
    ("found", "fix"),
    [
        (response(301, location="https://h/new/?token=x"), "It redirects to https://h/new/, and nothing is sent there"),
        (response(401), "Set publish_upload_user and publish_upload_password"),
        (response(403), "Give it that right on the server"),
        (response(404), "Uploads to Nexus Repository go to https://HOST/repository/REPOSITORY/"),
        (response(413), "Raise the limit"),
        (response(502), "also when it was asked again"),
        (response(400), "See the log of the server"),
    ],
)
def test_refusal_names_the_fix(found, fix):
    said = str(_external.refusal("nexus", "https://h/", "app.whl", found))
    assert said.startswith("app.whl was not accepted by Nexus Repository: POST https://h/: status %d" % found.status)
    assert fix in said and "token=x" not in said


def test_plan_sends_what_is_missing_and_refuses_other_files_with_both_hashes():
    files = [wanted("app-1.whl"), wanted("part-1.whl")]
    plan = _external.plan("the server", files, {"app-1.whl": A, "more-1.whl": B})
    assert [[one.filename for one in group] for group in plan] == [["part-1.whl"], ["app-1.whl"]]
    with pytest.raises(
        AirgapError, match="^The server has other files.*app-1.whl .sha256 here a+, there b+.*Nothing was sent"
    ):
        _external.plan("the server", files, {"app-1.whl": B})
    with pytest.raises(AirgapError, match="there unknown, it cannot be downloaded"):
        _external.plan("the server", files, {"app-1.whl": ""})


def test_read_back_compares_each_file():
    files = [wanted("app-1.whl"), wanted("part-1.whl")]
    _external.check_read_back("https://h/", files, {"app-1.whl": A, "part-1.whl": A}, [])
    for hashes, existed, text in (
        ({"app-1.whl": A}, [], "part-1.whl is not listed."),
        ({"app-1.whl": A}, ["part-1.whl"], "is not listed, although the server refused it because it exists"),
        ({"app-1.whl": A, "part-1.whl": B}, [], "part-1.whl has sha256 b+ instead of a+"),
        ({"app-1.whl": A, "part-1.whl": ""}, [], r"part-1.whl has sha256 \(none\)"),
    ):
        with pytest.raises(AirgapError, match=text):
            _external.check_read_back("https://h/", files, hashes, existed)


def test_link_that_states_its_hash_outranks_one_that_does_not():
    links = [
        _simple_page.Link("a.whl", "", "1"),
        _simple_page.Link("a.whl", A, "2"),
        _simple_page.Link("b.whl", B, "3"),
    ]
    assert _external.by_name(links, {"a.whl"}) == {"a.whl": links[1]}
    assert _external.by_name(links[::-1], {"a.whl"}) == {"a.whl": links[1]}


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://user:secret@h/", "holds a user or a password"),
        ("h/x", "Write it as https://HOST/PATH/"),
        ("file:///x", "Write it as"),
        ("https://h:port/", "Write it as"),
        ("https://h/?q=1", "Write it as"),
    ],
)
def test_addresses_are_checked(url, problem):
    with pytest.raises(AirgapError, match=problem) as caught:
        _external_client.origin_of(url, "publish_upload_url")
    assert "secret" not in str(caught.value)
    assert _external_client.origin_of("https://h/x/", "") == ("https", "h", 443)
    assert _external_client.origin_of("http://h:81/x/", "") == ("http", "h", 81)


@pytest.mark.parametrize("text", ['{"files": "x"}', '{"files": ["x"]}', "{"])
def test_json_that_is_not_a_page_is_refused(text):
    with pytest.raises(ValueError, match="list of files|Expecting"):
        _simple_page.parse(text.encode())


def test_pages_in_both_forms_are_read():
    page = '<a data-requires-python=">=3.8" href="x/a-1.0%2Bl.whl#sha256=AB">a</a><a href="b.whl#md5=1">b</a><a name=x>'
    links = [("a-1.0+l.whl", "ab", "x/a-1.0%2Bl.whl"), ("b.whl", "", "b.whl")]
    assert _simple_page.parse(page.encode()) == links
    document = {
        "files": [{"filename": "a.whl", "hashes": {"sha256": "AB"}, "url": "u"}, {"filename": "b.whl", "hashes": {}}]
    }
    assert _simple_page.parse(json.dumps(document).encode()) == [("a.whl", "ab", "u"), ("b.whl", "", "")]


@pytest.mark.parametrize(
    ("url", "exposed"),
    [
        ("http://nexus.example.org/", True),
        ("http://10.0.0.1:8081/", True),
        ("http://localhost.example.org/", True),
        ("http://127.0.0.1:8080/", False),
        ("http://[::1]/", False),
        ("http://localhost:80/", False),
        ("https://nexus.example.org/", False),
    ],
)
def test_password_over_the_network_needs_https(url, exposed):
    assert _external.is_exposed(url) == exposed
