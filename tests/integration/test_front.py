# SPDX-License-Identifier: GPL-3.0-or-later
"""What the front serves: files from disk, pages that it keeps for a moment, everything else by devpi, and a sentence without it.

The unit is tried in molecule/default/tests, where there is a systemd.
"""

from __future__ import annotations

import json
import time

import pytest

from tests.integration.devpi_server import devpi_bin, process  # noqa: F401  # pylint: disable=unused-import
from tests.integration.front_server import FrontServer
from tests.integration.test_conformance import stage
from tests.integration.test_static_index import run

pytestmark = pytest.mark.devpi_server
JSON = "application/vnd.pypi.simple.v1+json"
# nginx counts whole seconds.
EXPIRED = 2.2
PAGE = "/airgap/prod/+simple/app/"


@pytest.fixture(name="published")
def published_fixture(process, tmp_path):  # noqa: F811
    """Return a devpi-server with a bundle, and its front."""
    process.clear()
    process.create_index("airgap/prod")
    arguments = dict(login_user="airgap", login_password="owner-secret-2", **stage(tmp_path))
    assert process.run("devpi_upload", index="airgap/prod", **arguments).get("changed")
    files = process.folder / "data/+files"
    front = FrontServer("devpi", files, tmp_path / "front", devpi=process.url)
    yield process, front, files
    front.stop()


def wheel(front):
    """Return the address of a wheel, from the page of its project."""
    page = json.loads(front.request(PAGE, Accept=JSON).data)
    return "/airgap/prod/" + page["files"][0]["url"].replace("../../", "")


def test_files_come_from_disk_without_devpi_and_pages_do_not(published):
    server, front, _files = published
    address = wheel(front)
    server.stop()
    try:
        time.sleep(EXPIRED)
        assert front.request(address).status == 200
        assert front.request(address, Range="bytes=0-9").status == 206
        started = time.monotonic()
        for path in (PAGE, "/airgap/prod/+simple/missing/", "/+api", "/airgap/prod/+f/aaa/bbb/x.whl"):
            answer = front.request(path)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5"), path
            assert b"devpi-server does not answer its front" in answer.data
        assert time.monotonic() - started < 5
    finally:
        server.start()
    assert front.request(PAGE).status == 200


def test_file_that_the_front_may_not_read_or_does_not_have_comes_from_devpi(published):
    _server, front, files = published
    address = wheel(front)
    whole = front.request(address).data
    path = files / address[1:]
    path.rename(path.with_suffix(".aside"))
    try:
        time.sleep(EXPIRED)
        assert front.request(address).status in (404, 410, 500)
    finally:
        path.with_suffix(".aside").rename(path)
    assert front.request(address).data == whole
    assert front.request("/airgap/prod/+f/aaa/bbb/x.whl").status == 404


def test_page_is_kept_for_a_moment_and_each_form_by_itself(published):
    server, front, _files = published
    time.sleep(EXPIRED)
    html = front.request(PAGE, Accept="text/html", User_Agent="pip/26").data
    assert front.request(PAGE, Accept=JSON).headers["Content-Type"] == JSON
    server.stop()
    try:
        assert front.request(PAGE, Accept="text/html", User_Agent="pip/26").data == html
        # Another reader's page was not kept.
        assert front.request(PAGE, Accept="text/html", User_Agent="Mozilla/5.0").status == 503
        time.sleep(EXPIRED)
        assert front.request(PAGE, Accept="text/html", User_Agent="pip/26").status == 503
    finally:
        server.start()


def test_response_to_a_login_is_never_kept(published):
    server, front, _files = published
    time.sleep(EXPIRED)
    assert front.request(PAGE, Accept=JSON, X_Devpi_Auth="Og==").status in (200, 401, 403)
    server.stop()
    try:
        assert front.request(PAGE, Accept=JSON).status == 503
    finally:
        server.start()


def test_upload_passes_through(published, tmp_path):
    server, front, _files = published
    arguments = dict(login_user="airgap", login_password="owner-secret-2", ca_path=front.ca, url=front.url)
    (tmp_path / "more").mkdir()
    bundle = stage(tmp_path / "more")
    result = server.run("devpi_upload", index="airgap/prod", **arguments, **bundle)
    assert not result.get("failed"), result


def test_static_index_is_switched_at_once(tmp_path):
    first = stage(tmp_path)
    path = tmp_path / "static"
    assert run(path=str(path), index="airgap/prod", **first).get("changed")
    front = FrontServer("static", path, tmp_path / "front")
    try:
        assert front.request(PAGE, Accept=JSON).status == 200
        other = path / "other"
        other.mkdir()
        (path / "aside").symlink_to("other")
        (path / "aside").rename(path / "current")
        assert front.request(PAGE, Accept=JSON).status == 404
    finally:
        front.stop()


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (JSON, JSON),
        (JSON + ", application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01", JSON),
        ("application/vnd.pypi.simple.latest+json", JSON),
        ("text/html", "text/html"),
        ("*/*", "text/html"),
        (JSON + ";q=0, text/html", "text/html"),
    ],
)
def test_static_page_has_the_form_that_the_client_reads(static_front, accept, kind):
    answer = static_front.request(PAGE, Accept=accept)
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Vary"] == "Accept"


@pytest.fixture(name="static_front", scope="module")
def static_front_fixture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("static")
    assert run(path=str(folder / "static"), index="airgap/prod", **stage(folder)).get("changed")
    front = FrontServer("static", folder / "static", folder / "front")
    yield front
    front.stop()


def test_address_of_a_file_from_the_time_of_devpi_leads_to_it(static_front):
    page = json.loads(static_front.request(PAGE, Accept=JSON).data)
    address = "/airgap/prod/" + page["files"][0]["url"].replace("../../", "")
    of_devpi = address.replace("/prod/", "/prod-0123456789ab/")
    assert static_front.request(of_devpi).data == static_front.request(address).data
    assert static_front.request(of_devpi + ".metadata").data == static_front.request(address + ".metadata").data
    assert static_front.request(of_devpi + "x").status == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [("/airgap/prod/+simple/missing/", 404), ("/airgap/prod/+simple/..%2f..%2f", 400), ("/airgap/prod/+f/", 404)],
)
def test_static_front_shows_nothing_but_the_index(static_front, path, status):
    assert static_front.request(path).status in (status, 403, 404)


@pytest.mark.parametrize("kind", ["devpi", "static", "pypiserver"])
def test_files_that_are_not_wheels_are_served_and_cannot_be_changed(tmp_path, kind):
    (tmp_path / "front/files/current/files").mkdir(parents=True)
    (tmp_path / "front/files/current/release.json").write_text("{}")
    (tmp_path / "front/files/current/files/a-1.0+x.tar.gz").write_bytes(b"content")
    (tmp_path / "index/current").mkdir(parents=True)
    front = FrontServer(kind, tmp_path / "index", tmp_path / "front")
    try:
        for path in ("/files/a-1.0+x.tar.gz", "/files/a-1.0%2Bx.tar.gz"):
            answer = front.request(path)
            assert (answer.status, answer.data) == (200, b"content")
            assert answer.headers["Content-Type"] == "application/octet-stream"
            assert answer.headers["Cache-Control"] == "no-cache"
        assert front.request("/files/a-1.0+x.tar.gz", Range="bytes=0-2").data == b"con"
        assert front.request("/files/a-1.0+x.tar.gz", method="PUT", data=b"x").status == 405
        for path in ("/files/none", "/files/../release.json", "/files/%2e%2e/release.json", "/files/"):
            assert front.request(path).status in (400, 403, 404, 503), path
    finally:
        front.stop()
