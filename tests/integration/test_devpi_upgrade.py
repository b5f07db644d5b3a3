# SPDX-License-Identifier: GPL-3.0-or-later
"""Data of devpi-server 6 are served by devpi-server 7: all files, users, passwords and indexes."""

from __future__ import annotations

import hashlib
import os
import pwd
import sys

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _migration

from tests.integration.devpi_server import NEXT, OWNER_PASSWORD, VERSION, Server, install
from tests.integration.simple_index import make_wheel

pytestmark = [
    pytest.mark.devpi_server,
    pytest.mark.skipif(sys.version_info < (3, 11), reason="devpi-server 7 needs Python 3.11"),
]
SIMPLE = "application/vnd.pypi.simple.v1+json"


@pytest.fixture(name="server")
def server_fixture(tmp_path):
    """Return a server of version 6 with two wheels."""
    server = Server(install(VERSION), tmp_path, "--offline-mode").create().start()
    server.create_index("airgap/prod")
    files = []
    for name, data in (make_wheel("app", "1.0"), make_wheel("lib", "2.0", requires_python=">=3.8")):
        (tmp_path / name).write_bytes(data)
        files.append({"path": str(tmp_path / name), "sha256": hashlib.sha256(data).hexdigest()})
    assert server.upload(files)["uploaded_count"] == 2
    yield server
    server.stop()


def convert(server):
    """Convert the data while the server runs; return their serial."""
    account = pwd.getpwuid(os.geteuid())
    data = str(server.folder / "data")
    return _migration.convert(data, account, str(server.commands / "python"), str(install(NEXT) / "python"))


def pages(server):
    """Return what the index lists of both projects, as far as both versions list it."""
    found = {}
    for project in ("app", "lib"):
        for one in server.get("/airgap/prod/+simple/%s/" % project, SIMPLE)["files"]:
            found[one["filename"]] = (one["url"], one["hashes"], one.get("requires-python") or "")
    return found


def test_everything_is_served_by_the_next_version(server):
    before, data = pages(server), str(server.folder / "data")
    serial = convert(server)
    assert pages(server) == before
    assert _migration.check_converted(data) == 2
    server.stop()
    _migration.exchange(data, serial)
    after = Server(install(NEXT), server.folder, "--offline-mode").start()
    try:
        assert pages(after) == before
        assert after.get("/+status")["result"]["versioninfo"]["devpi-server"] == NEXT
        after.client().log_in("airgap", OWNER_PASSWORD)
    finally:
        after.stop()
    assert _migration.restore(data)
    assert pages(server.start()) == before


def test_upload_during_the_conversion_stops_the_exchange(server):
    serial = convert(server)
    server.create_index("airgap/more")
    server.stop()
    with pytest.raises(AirgapError, match="Someone published"):
        _migration.exchange(str(server.folder / "data"), serial)
    _migration.restore(str(server.folder / "data"))
    assert "airgap/more" in ["airgap/" + one for one in server.start().get("/airgap")["result"]["indexes"]]
