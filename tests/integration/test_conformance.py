# SPDX-License-Identifier: GPL-3.0-or-later
"""Each kind of index keeps the one contract, and docs/indexes.md says what each gives: neither more nor less."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from tests.conformance.conftest import FEATURES
from tests.integration import small_bundle
from tests.integration.devpi_server import (  # noqa: F401  # pylint: disable=unused-import
    NEXT,
    VERSION,
    devpi_bin,
    next_process,
    process,
)
from tests.integration.front_server import FrontServer
from tests.integration.simple_index import make_wheel
from tests.integration.test_static_index import run

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The columns of the table, and what each lacks.
LACKS = {
    "static": "",
    VERSION: "cache,metadata-sums,sizes,times,versions,withdrawn",
    NEXT: "cache,withdrawn",
}
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


def conform(front, lacks, folder):
    """Run the conformance test against an index; return what it has."""
    url = front.url + "/airgap/prod/+simple/"
    settings = dict(os.environ, INDEX_URL=url, INDEX_CA=front.ca, INDEX_LACKS=lacks)
    settings["INDEX_REPORT"] = str(folder / "report.json")
    if "withdrawn" not in lacks:
        settings["INDEX_WITHDRAWN"] = "app==1.0"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--basetemp",
            folder / "its",
            "tests/conformance",
        ],
        cwd=ROOT,
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode()
    return json.loads((folder / "report.json").read_text())


def table():
    """Return what docs/indexes.md says: column to feature to whether the index has it."""
    lines = re.findall(r"^\| (.+?) \|$", (ROOT / "docs/indexes.md").read_text(encoding="utf-8"), re.MULTILINE)
    rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    names = {text: name for name, text in FEATURES.items()}
    (head,) = [row for row in rows if row[0] == "what clients get"]
    found: dict[str, dict[str, bool]] = {column: {} for column in head[1:]}
    for row in rows:
        if row[0] in names:
            for column, cell in zip(head[1:], row[1:]):
                assert cell in ("yes", "no"), row
                found[column][names[row[0]]] = cell == "yes"
    return found


def test_static_index_behind_the_front(tmp_path):
    arguments = stage(tmp_path)
    reason = {"name": "app", "version": "1.0", "reason": "it is broken, use 2.0"}
    result = run(path=str(tmp_path / "static"), index="airgap/prod", withdrawn=[reason], **arguments)
    assert result.get("changed"), result
    front = FrontServer("static", tmp_path / "static", tmp_path / "nginx")
    try:
        found = conform(front, LACKS["static"], tmp_path)
    finally:
        front.stop()
    assert found == table()["static"]
    assert all(found.values())


@pytest.mark.parametrize("version", [VERSION, NEXT])
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
        found = conform(front, LACKS[version], tmp_path)
    finally:
        front.stop()
    assert found == table()["devpi %s" % version.partition(".")[0]]
