# SPDX-License-Identifier: GPL-3.0-or-later
"""devpi-server with its pages for people: behind the front, with a search, and nothing else changes."""

from __future__ import annotations

import os
import pathlib
import pwd
import re
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from ansible_collections.airgap.python.plugins.module_utils._index import _migration

from tests.conformance.running import lacks
from tests.integration.devpi_server import NEXT, VERSION, Server, install
from tests.integration.front_server import FrontServer
from tests.integration.published import Bundle, Site

pytestmark = pytest.mark.devpi_server
ROOT = pathlib.Path(__file__).resolve().parents[2]


class Visitor:
    """Somebody with a browser."""

    def __init__(self, front):
        self.front = front
        self.context = ssl.create_default_context(cafile=front.ca)

    def read(self, path):
        """Return a page, which has only addresses of the front."""
        headers = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "User-Agent": "Mozilla/5.0"}
        request = urllib.request.Request(urllib.parse.urljoin(self.front.url, path), headers=headers)
        with urllib.request.urlopen(request, context=self.context, timeout=20) as answer:
            text = answer.read().decode()
        assert "http://127.0.0.1" not in text and "http://localhost" not in text
        return text

    def find(self, words):
        """Return the addresses that a search finds, as soon as it finds any; devpi-web indexes in the background."""
        end = time.monotonic() + 90
        while True:
            found = re.findall(r'href="([^"]+)"', self.read("/+search?query=" + words))
            found = sorted(one for one in found if re.search(r"/airgap/[^/]+/[^/]+/[0-9.]+$", one))
            if found or time.monotonic() > end:
                break
            time.sleep(0.1)
        return [urllib.parse.urlsplit(one).path for one in found]


@pytest.fixture(name="server")
def server_fixture(tmp_path):
    """Return a server with devpi-web."""
    server = Site(install(VERSION, "devpi-web"), tmp_path)
    yield server
    server.stop()


@pytest.fixture(name="visitor")
def visitor_fixture(server, tmp_path):
    """Return a visitor of the server's front."""
    front = FrontServer("devpi", server.folder / "data/+files", tmp_path / "nginx", devpi=server.url)
    yield Visitor(front)
    front.stop()


def publish(server, folder, *wheels):
    """Publish a bundle, so that only this one is kept; return it."""
    folder.mkdir()
    bundle = Bundle(folder, wheels)
    server.publish_ok(bundle, keep=1)
    return bundle


def test_visitor_finds_the_wheels_of_the_bundle_that_is_served(server, visitor, tmp_path):
    first = publish(server, tmp_path / "one", ("seaweed", "1.0", b"a"), ("other", "1.0", b"b"))
    address = "/%s/seaweed/1.0" % first.index
    assert visitor.find("seaweed") == [address]
    (file,) = [name for name in first.files if name.startswith("seaweed")]
    assert file in visitor.read(address) and first.files[file] in visitor.read(address)
    # The index that nodes use inherits it, and leads there.
    assert address in visitor.read("/airgap/prod/seaweed")
    assert first.index in visitor.read("/airgap/prod/")
    second = publish(server, tmp_path / "two", ("seaweed", "2.0", b"a"))
    assert visitor.find("seaweed") == ["/%s/seaweed/2.0" % second.index]
    # It is not part of a backup, and is made again.
    server.stop()
    shutil.rmtree(server.folder / "data/.indices")
    server.start()
    assert visitor.find("seaweed") == ["/%s/seaweed/2.0" % second.index]


def test_installers_get_the_same_pages_as_without_it(server, visitor, tmp_path):
    server.stop()
    server.options += ("--enable-core-metadata",)
    server.start()
    bundle = publish(server, tmp_path / "one", ("alphabeta", "1.0", b"a"), ("lib", "2.0", b"b"))
    url = visitor.front.url + "/airgap/prod/+simple/"
    # The page of an error is compiled when it is first needed; the test has a limit for how long an answer takes.
    with pytest.raises(urllib.error.HTTPError, match="404"):
        visitor.read("/airgap/prod/+simple/missing/")
    settings = dict(os.environ, INDEX_URL=url, INDEX_CA=visitor.front.ca, INDEX_LACKS=lacks("devpi 6"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/conformance/test_pages.py"]
    done = subprocess.run(
        command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0, done.stdout.decode()
    # Its data serve without it as well.
    server.stop()
    plain = Server(install(VERSION), server.folder, "--offline-mode").start()
    try:
        assert plain.get("/%s" % bundle.index)["result"]["projects"] == ["alphabeta", "lib"]
    finally:
        plain.stop()


@pytest.mark.long
@pytest.mark.skipif(sys.version_info < (3, 11), reason="devpi-server 7 needs Python 3.11")
def test_next_version_serves_the_pages_too(server, visitor, tmp_path):
    bundle = publish(server, tmp_path / "one", ("seaweed", "1.0", b"a"))
    data, commands = str(server.folder / "data"), install(NEXT, "devpi-web")
    account = pwd.getpwuid(os.geteuid())
    serial = _migration.convert(data, account, str(server.commands / "python"), str(commands / "python"))
    assert _migration.check_converted(data) == 1
    server.stop()
    _migration.exchange(data, serial)
    after = Server(commands, server.folder, "--offline-mode")
    after.port, after.url = server.port, server.url
    after.start()
    try:
        assert visitor.find("seaweed") == ["/%s/seaweed/1.0" % bundle.index]
    finally:
        after.stop()
