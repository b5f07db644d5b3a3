# SPDX-License-Identifier: GPL-3.0-or-later
"""A caching mirror in a network with internet: a name of the site never comes from the upstream, whatever that has.

A second devpi-server plays the upstream.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.integration import devpi_server
from tests.integration.devpi_server import (  # noqa: F401  # pylint: disable=unused-import
    OWNER_PASSWORD,
    devpi_bin,
    next_process,
    process,
)
from tests.integration.test_devpi_modules import SIMPLE, wheel

pytestmark = pytest.mark.devpi_server


@pytest.fixture(name="upstream", params=[devpi_server.VERSION, devpi_server.NEXT])
def upstream_fixture(request, tmp_path):
    """What the internet has: a project that the site uses, and names of the site in versions that are far higher."""
    found = request.getfixturevalue("process" if request.param == devpi_server.VERSION else "next_process")
    found.clear()
    found.create_index("world/pypi")
    (tmp_path / "world").mkdir()
    files = [
        wheel(tmp_path / "world", name, version, content=b"world")
        for name, version in (("public", "1.0"), ("ours", "99.0"), ("base_of_ours", "99.0"), ("future", "99.0"))
    ]
    done = found.upload(files, index="world/pypi", login_user="world")
    assert "msg" not in done, done
    return found


@pytest.fixture(name="mirror")
def mirror_fixture(upstream, tmp_path_factory, tmp_path):
    """The server of the site, made with devpi_layout: it inherits from a mirror of the upstream."""
    server = devpi_server.Server(upstream.commands, tmp_path_factory.mktemp("mirror")).create().start()
    try:
        made = server.run(
            "devpi_layout",
            users=[{"name": "airgap", "password": OWNER_PASSWORD}],
            indexes=[
                {"name": "root/pypi", "type": "mirror", "mirror_url": upstream.url + "/world/pypi/+simple/"},
                {"name": "airgap/base"},
                {"name": "root/reserved", "acl_upload": ["root"], "reserved": ["Future"]},
                {"name": "airgap/prod", "bases": ["airgap/base", "root/reserved", "root/pypi"]},
            ],
        )
        assert "msg" not in made, made
        for name, index in (("ours", "airgap/prod"), ("base_of_ours", "airgap/base")):
            done = server.upload([wheel(tmp_path, name, content=b"site")], index=index)
            assert "msg" not in done, done
        yield server
    finally:
        server.stop()


def download(server, folder, requirement):
    """Return the status of pip download, its output, and the files."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pip", "--isolated", "download", "-q", "--no-cache-dir", "--no-deps", "-d", folder]
    command += ["-i", server.url + "/airgap/prod/+simple/", "--trusted-host", "127.0.0.1", requirement]
    done = subprocess.run(
        command,
        env={"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull, "NO_PROXY": "*"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout.decode(), sorted(path.name for path in folder.iterdir())


def test_a_name_of_the_site_never_comes_from_upstream(mirror, tmp_path):
    assert download(mirror, tmp_path / "public", "public") == (0, "", ["public-1.0-py3-none-any.whl"])
    for name in ("ours", "base_of_ours"):
        assert download(mirror, tmp_path / name, name) == (0, "", [name + "-1.0-py3-none-any.whl"])
        rc, output, files = download(mirror, tmp_path / name, name + ">1")
        assert rc != 0 and "from versions: 1.0" in output and files == [name + "-1.0-py3-none-any.whl"]
    # A name that is reserved and not published yet.
    rc, output, files = download(mirror, tmp_path / "future", "future")
    assert rc != 0 and "from versions: none" in output and files == []
    page = mirror.get("/airgap/prod/+simple/ours/", SIMPLE)
    assert [one["filename"] for one in page["files"]] == ["ours-1.0-py3-none-any.whl"]


def test_what_the_mirror_has_fetched_is_served_when_the_upstream_is_down(mirror, upstream, tmp_path):
    assert download(mirror, tmp_path / "one", "public")[0] == 0
    upstream.stop()
    try:
        assert download(mirror, tmp_path / "two", "public") == (0, "", ["public-1.0-py3-none-any.whl"])
    finally:
        upstream.start()


def test_only_what_the_site_publishes_is_promoted(mirror, tmp_path):
    assert download(mirror, tmp_path / "public", "public")[0] == 0
    mirror.create_index("airgap/closed")
    refused = mirror.run(
        "devpi_promote",
        from_index="airgap/prod",
        to_index="airgap/closed",
        versions=["public==1.0"],
        login_user="airgap",
        login_password=OWNER_PASSWORD,
    )
    assert refused["failed"] and "has no file of public 1.0" in refused["msg"]


def test_a_reserved_name_is_reserved_once_and_shown(mirror):
    again = mirror.run("devpi_index", name="root/reserved", reserved=["future"])
    assert not again["changed"], again
    more = mirror.run("devpi_index", name="root/reserved", reserved=["a", "future"])
    assert more["changed"] and more["diff"]["after"]["reserved"] == ["a", "future"]
    assert more["diff"]["before"]["reserved"] == ["future"]
    refused = mirror.run("devpi_index", name="root/pypi", type="mirror", reserved=["a"])
    assert refused["failed"] and "A mirror cannot reserve names" in refused["msg"]
