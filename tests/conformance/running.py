# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of this test against an index, and the table in docs/indexes.md with what each kind is expected to have."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

from tests.conformance.conftest import FEATURES, MIDDLE_PIP, OLDEST_PIP, unpacked_pip

ROOT = pathlib.Path(__file__).resolve().parents[2]


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


def lacks(column):
    """Return what the kind of a column lacks, as INDEX_LACKS has it."""
    return ",".join(feature for feature, has in table()[column].items() if not has)


def conform(column, url, ca, folder, withdrawn="", prefix=()):
    """Run the conformance test against an index; it must have what a column of the table says, neither more nor less.

    ``prefix`` is a command that runs it in another network.
    """
    expected = table()[column]
    for version in (OLDEST_PIP, MIDDLE_PIP, ""):
        unpacked_pip(version)
    settings = dict(os.environ, INDEX_URL=url, INDEX_CA=str(ca), INDEX_LACKS=lacks(column))
    settings["INDEX_REPORT"] = str(folder / "report.json")
    if expected["withdrawn"]:
        settings["INDEX_WITHDRAWN"] = withdrawn
    command = [*prefix, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "--basetemp", folder / "its", "tests/conformance"],
        cwd=ROOT,
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode()
    assert json.loads((folder / "report.json").read_text()) == expected
