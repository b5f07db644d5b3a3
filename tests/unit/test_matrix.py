# SPDX-License-Identifier: GPL-3.0-or-later
"""What the matrix promises: its verdicts and its table say what the resolutions were."""

from __future__ import annotations

import os
import zipfile

import pytest
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser
from ansible_collections.airgap.python.plugins.module_utils._wheels import _metadata, _packaging

from tests.matrix import matrix

OLD = _target_parser.parse({"name": "old", "python": "3.9.18", "libc": "glibc-2.31"})[0]
APP = {
    "name": "app",
    "version": "1.0",
    "requires_python": ">=3.9",
    "requires_dist": ["backport; python_version < '3.10'", "web; extra == 'x'"],
    "provides_extra": ["x"],
}


def report(*declared):
    """Return what pip reports of these wheels."""
    url = "https://index.example/%s-%s-py3-none-any.whl#sha256=aa"
    items = [{"download_info": {"url": url % (one["name"], one["version"])}, "metadata": one} for one in declared]
    return {"install": items}


BACKPORT = {"name": "backport", "version": "1"}
WEB = {"name": "web", "version": "1"}


@pytest.mark.parametrize(
    "declared, verdict",
    [((APP, BACKPORT), "whole"), ((APP,), "incomplete"), ((APP, BACKPORT, WEB), "bloated")],
)
def test_the_closure_check_verifies_the_report_of_pip(declared, verdict):
    files = matrix.files_of(report(*declared))
    assert matrix.check_closure(_packaging.load(), "app", OLD, files)[0] == verdict


@pytest.mark.parametrize(
    "found, verdict",
    [(None, "incomplete"), ({"app": "1", "backport": "1"}, "whole"), ({"app": "1"}, "bloated")],
)
def test_uv_verifies_by_what_it_chose_from_the_pool(found, verdict):
    assert matrix.compare(found, matrix.files_of(report(APP, BACKPORT))) == verdict


def test_the_pool_of_the_second_check_holds_the_same_metadata(tmp_path):
    files = matrix.files_of(report(APP))
    matrix.make_stubs(files, str(tmp_path))
    path = tmp_path / "app-1.0-py3-none-any.whl"
    assert _metadata.read(str(path)) == files[0][3]
    assert "Requires-Python: >=3.9\n" in files[0][3]
    assert os.listdir(str(tmp_path)) == [path.name]
    with zipfile.ZipFile(str(path)) as archive:
        assert "app-1.0.dist-info/RECORD" in archive.namelist()


def result(verdict="whole", **checks):
    """Return one engine's result."""
    return {"verdict": verdict, "found": [verdict + " because"], "checks": checks, "equal": verdict == "whole"}


@pytest.mark.parametrize(
    "checks, differ",
    [
        ({"closure": "whole", "uv": "whole"}, False),
        ({"closure": "whole", "uv": "incomplete"}, True),
        ({"closure": "whole", "uv": "whole", "node": "incomplete"}, True),
        ({"closure": "whole", "uv": "whole", "node": ""}, False),
        ({"closure": "bloated", "uv": "bloated", "node": "whole"}, False),
    ],
)
def test_checks_that_differ_are_reported(checks, differ):
    assert matrix.disagree(checks) is differ


def test_ours_must_be_whole_wherever_wheels_exist():
    whole, lost = result(closure="whole", uv="whole"), result("failed")
    assert matrix.is_expected({("a", "t"): {"plain": lost, "ours": whole, "uv": whole}})
    assert matrix.is_expected({("a", "t"): {"plain": lost, "ours": lost, "uv": lost}})
    assert not matrix.is_expected({("a", "t"): {"plain": lost, "ours": lost, "uv": whole}})
    for verdict in ("incomplete", "bloated"):
        mine = result(verdict, closure=verdict, uv=verdict)
        assert not matrix.is_expected({("a", "t"): {"plain": lost, "ours": mine, "uv": lost}})


def test_table_counts_cases_that_wheels_can_satisfy_and_names_the_others():
    whole, lost, less = result(), result("failed"), result("incomplete")
    results = {
        ("a", "t"): {"plain": less, "ours": whole, "uv": whole},
        ("b", "t"): {"plain": lost, "ours": lost, "uv": lost},
    }
    text = matrix.render(results, {"pip": "1", "uv": "2"})
    assert "2 cases (package and target); wheels exist for 1 of them." in text
    rows = {line[:20].strip(): line[20:].split() for line in text.splitlines() if line[:20].strip()}
    assert rows["pip download's way"][:5] == ["0", "1", "0", "0", "0"]
    assert rows["airgap.python"] == ["1", "0", "0", "0", "1"]
    assert "no wheels: b for t" in text
    assert "pip download's way: a for t is incomplete" in text


def test_table_tells_what_the_real_pip_found_where_it_was_asked():
    asked = result(closure="whole", uv="whole", node="whole")
    text = matrix.render({("a", "t"): {"plain": result(), "ours": asked, "uv": asked}}, {"pip": "1", "uv": "2"})
    assert "airgap.python: the real pip of the targets found 1 whole and 0 incomplete." in text
    assert "pip download's way: the real pip" not in text
