# SPDX-License-Identifier: GPL-3.0-or-later
"""What static_index promises, as Ansible runs it: pip installs from plain files, and a killed run changes nothing."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.integration import small_bundle
from tests.integration.simple_index import make_wheel
from tests.integration.test_closure import COLLECTIONS, RUN

# `make kills` does 20.
KILLS = int(os.environ.get("KILL_PLACES", "6"))


def start(**arguments):
    """Return a run of the module that has started."""
    command = [sys.executable, "-c", RUN, "static_index", json.dumps(arguments), COLLECTIONS]
    return subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)


def run(**arguments):
    """Run the module; return its result."""
    return json.loads(start(**arguments).communicate()[0])


def stage(folder, version, count=0):
    """Write a bundle with an application, and ``count`` more wheels; return the arguments that publish it."""
    here = small_bundle.here()
    more = [make_wheel("more%d" % number, version, payload=b"#" * 50000) for number in range(count)]
    wheels = [*small_bundle.application(version), *more]
    manifest = small_bundle.write(folder / ("bundle-" + version), {"base": {"here": wheels}}, [here])
    return {
        "path": str(folder / "static"),
        "index": "airgap/prod",
        "src": str(folder / ("bundle-" + version)),
        "bundle_id": manifest["id"],
    }


def check_sums(folder):
    """Return the id of the bundle that is served, after every file of it was compared with the sums."""
    root = os.path.realpath(folder / "static/current")
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=root, check=True)
    with open(os.path.join(root, "release.json"), encoding="utf-8") as stream:
        document = json.load(stream)
    wheels = [name for dummy, _folders, names in os.walk(root) for name in names if name.endswith(".whl")]
    assert len(wheels) == document["count"]
    return document["bundle"]


def test_pip_downloads_from_plain_files(tmp_path):
    assert run(**stage(tmp_path, "1.0"))["changed"]
    url = "file://%s/static/current/airgap/prod/+simple/" % tmp_path
    command = [sys.executable, "-m", "pip", "--isolated", "download", "-q", "-i", url, "-d", str(tmp_path / "out")]
    subprocess.run([*command, "app"], check=True)
    assert sorted(os.listdir(tmp_path / "out")) == ["app-1.0-py3-none-any.whl", "part-2.0-py3-none-any.whl"]


def test_run_that_is_killed_at_any_point_leaves_what_was_served(tmp_path):
    seed = int(os.environ.get("AIRGAP_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
    print("AIRGAP_SEED=%d" % seed)
    dice = random.Random(seed)
    first, second = stage(tmp_path, "1.0", 60), stage(tmp_path, "2.0", 60)
    assert run(**first)["changed"]
    began = time.monotonic()
    assert run(**second)["changed"]
    duration = time.monotonic() - began
    ids = {first["bundle_id"], second["bundle_id"]}
    for number in range(KILLS):
        wanted = (first, second)[number % 2]
        # Nothing can be used of an earlier run.
        for name in os.listdir(tmp_path / "static/releases"):
            if name != os.path.basename(os.readlink(tmp_path / "static/current")):
                shutil.rmtree(tmp_path / "static/releases" / name)
        before = check_sums(tmp_path)
        process = start(**wanted)
        time.sleep(dice.uniform(0.2, 1.1) * duration)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        served = check_sums(tmp_path)
        assert served in ids
        if process.returncode == -signal.SIGKILL and served == before:
            # The bundle is still intact, and the next run completes what the killed one left.
            result = run(**wanted)
            assert result["changed"] and "msg" not in result, result
        assert check_sums(tmp_path) == wanted["bundle_id"]


@pytest.mark.parametrize("how", ["src without an id", "an unknown setting of withdrawn"])
def test_arguments_that_cannot_be_meant_are_refused(tmp_path, how):
    arguments = stage(tmp_path, "1.0")
    if how == "src without an id":
        del arguments["bundle_id"]
    else:
        arguments["withdrawn"] = [{"name": "app", "version": "1.0", "because": "it is bad"}]
    result = run(**arguments)
    assert result["failed"] and ("bundle_id" in result["msg"] or "because" in result["msg"])
    assert not (tmp_path / "static").exists()
