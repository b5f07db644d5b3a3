# SPDX-License-Identifier: GPL-3.0-or-later
"""Each kind of index keeps the one contract, and docs/indexes.md says what each gives: neither more nor less."""

from __future__ import annotations

import pytest

from tests.conformance.running import conform
from tests.integration import small_bundle
from tests.integration.devpi_server import (  # noqa: F401  # pylint: disable=unused-import
    VERSION,
    VERSIONS,
    devpi_bin,
    next_process,
    process,
)
from tests.integration.front_server import FrontServer
from tests.integration.pypiserver_server import pypiserver_fixture  # noqa: F401  # pylint: disable=unused-import
from tests.integration.simple_index import make_wheel
from tests.integration.test_static_index import run

PATH = "/airgap/prod/+simple/"
pytestmark = pytest.mark.devpi_server


def stage(folder):
    """Write a bundle whose names and versions need care; return the arguments that publish it."""
    first = [
        make_wheel("alpha_beta", "1.0+site.1"),
        make_wheel("app", "1.0", requires=["part>=2"], requires_python=">=3.8,<4"),
        make_wheel("part", "2.0"),
    ]
    second = [make_wheel("app", "2.0", requires=["part>=2"], requires_python=">=3.8,<4"), first[2]]
    here = small_bundle.here()
    manifest = small_bundle.write(folder / "bundle", {"old": {"here": first}, "base": {"here": second}}, [here])
    return {"src": str(folder / "bundle"), "bundle_id": manifest["id"]}


def test_static_index_behind_the_front(tmp_path):
    arguments = stage(tmp_path)
    reason = {"name": "app", "version": "1.0", "reason": "it is broken, use 2.0"}
    result = run(path=str(tmp_path / "static"), index="airgap/prod", withdrawn=[reason], **arguments)
    assert result.get("changed"), result
    front = FrontServer("static", tmp_path / "static", tmp_path / "nginx")
    try:
        conform("static", front.url + PATH, front.ca, tmp_path, withdrawn="app==1.0")
    finally:
        front.stop()


# Its pages are those of the static index.
@pytest.mark.long
def test_pypiserver_behind_the_front(tmp_path, pypiserver):
    result = run(path=str(tmp_path / "static"), index="airgap/prod", **stage(tmp_path))
    assert result.get("changed"), result
    front = FrontServer("pypiserver", tmp_path / "static", tmp_path / "nginx", pypiserver=pypiserver().url)
    try:
        conform("pypiserver", front.url + PATH, front.ca, tmp_path)
    finally:
        front.stop()


@pytest.mark.parametrize("version", VERSIONS)
def test_devpi_behind_the_front(version, request, tmp_path):
    server = request.getfixturevalue("process" if version == VERSION else "next_process")
    server.clear()
    server.create_index("airgap/prod")
    result = server.run(
        "devpi_upload", index="airgap/prod", login_user="airgap", login_password="owner-secret-2", **stage(tmp_path)
    )
    assert result.get("changed"), result
    front = FrontServer("devpi", server.folder / "data/+files", tmp_path / "nginx", devpi=server.url)
    try:
        conform("devpi %s" % version.partition(".")[0], front.url + PATH, front.ca, tmp_path)
    finally:
        front.stop()
