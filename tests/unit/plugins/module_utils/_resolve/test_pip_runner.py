# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner makes the installed pip evaluate the target's markers, and detects if it does not."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from ansible_collections.airgap.python.plugins.module_utils._resolve import _pip_runner
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser

PYTHON39 = _target_parser.parse({"name": "x", "python": "3.9.2", "libc": "glibc-2.31"})[0].markers()

PROBE = """
import json, sys
sys.argv = ["runner", sys.argv[1]]
from importlib.machinery import SourceFileLoader
runner = SourceFileLoader("runner", %r).load_module()
environment = json.loads(sys.argv[1])
%s
print(json.dumps(runner.is_used(environment)))
from pip._internal.req.constructors import install_req_from_line
print(json.dumps(install_req_from_line("x; python_version == '3.9' and extra == ''").match_markers()))
"""


def probe(extra=""):
    """Run the runner's check in a separate interpreter; return its result and that of pip."""
    code = PROBE % (_pip_runner.__file__, extra)
    command = [sys.executable, "-W", "ignore", "-c", code, json.dumps(PYTHON39)]
    return [json.loads(line) for line in subprocess.check_output(command).decode().split()]


def test_pip_evaluates_markers_of_the_target():
    assert probe() == [True, True]


def test_pip_that_moved_its_markers_is_detected():
    moved = "import pip._vendor.packaging.markers as m; m.Marker.evaluate = lambda self, environment=None: False"
    assert probe(moved)[0] is False


def test_pip_that_raises_is_detected():
    moved = "import pip._vendor.packaging.markers as m; m.Marker.evaluate = None"
    code = PROBE.split("from pip._internal", maxsplit=1)[0] % (_pip_runner.__file__, moved)
    out = subprocess.check_output([sys.executable, "-W", "ignore", "-c", code, json.dumps(PYTHON39)])
    assert out.strip() == b"false"


@pytest.mark.parametrize("name", ["prepare_linked_requirement", "prepare_editable_requirement"])
def test_pip_that_cannot_be_kept_from_building_is_not_run(tmp_path, name):
    (tmp_path / "environment.json").write_text(json.dumps(PYTHON39))
    moved = "import pip._internal.operations.prepare as p; del p.RequirementPreparer.%s\n" % name
    code = (
        moved
        + "from importlib.machinery import SourceFileLoader\nimport sys\nsys.argv = ['runner', %r, 'list']\n"
        % str(tmp_path / "environment.json")
    )
    code += "sys.exit(SourceFileLoader('runner', %r).load_module().main())" % _pip_runner.__file__
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], stderr=subprocess.PIPE, check=False)
    assert run.returncode == _pip_runner.MOVED
    assert b"Stage with an older pip" in run.stderr
