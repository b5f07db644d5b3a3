# SPDX-License-Identifier: GPL-3.0-or-later
"""The closure check finds what real files lack: before a lock is written, and in a bundle on its own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import typing

import pytest
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

from tests.integration.simple_index import SimpleIndex, make_wheel

OLD = {"name": "old", "python": "3.9.2", "libc": "glibc-2.31"}
NEW = {"name": "new", "python": "3.13.5", "libc": "glibc-2.41"}

RUN = """
import json, sys
sys.path.insert(0, sys.argv[3])
from importlib import import_module
from ansible.module_utils.testing import patch_module_args
module = import_module("ansible_collections.airgap.python.plugins.modules." + sys.argv[1])
with patch_module_args(json.loads(sys.argv[2])):
    module.main()
"""
COLLECTIONS = os.path.abspath(os.path.join(__file__, "..", "..", "..", ".collections"))


class LyingIndex(SimpleIndex):
    """An index whose metadata files (PEP 658) may differ from its wheels."""

    def serve_metadata(self, filename, metadata):
        """Serve a metadata file next to a wheel."""
        self.files[filename + ".metadata"] = metadata.encode()

    def page(self, project):
        """Return a project's page that announces the metadata files."""
        text = super().page(project).decode()
        for name, data in self.files.items():
            if name.endswith(".metadata"):
                start = text.find('<a href="/files/%s#' % name)
                if start >= 0:
                    text = text[:start] + text[text.index("<br>", start) + 4 :]
                digest = hashlib.sha256(data).hexdigest()
                wheel = name[: -len(".metadata")]
                text = text.replace('">%s<' % wheel, '" data-dist-info-metadata="sha256=%s">%s<' % (digest, wheel))
        return text.encode()


def run(module, **arguments):
    """Run a module as Ansible does; return its result."""
    command = [sys.executable, "-c", RUN, module, json.dumps(arguments), COLLECTIONS]
    environment = dict(os.environ, PIP_NO_CACHE_DIR="1", PIP_RETRIES="0")
    return json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False).stdout)


@pytest.fixture(name="index")
def index_fixture():
    """Return an index with an application that needs a backport on an old Python."""
    index = LyingIndex()
    index.add("app", "1.0", requires=["backport>=1; python_version < '3.10'", "extra; extra == 'more'"])
    index.add("backport", "1.2")
    index.add("extra", "1")
    yield index
    index.stop()


@pytest.fixture(name="stage")
def stage_fixture(index, tmp_path):
    """Return a function that downloads a set."""

    def download(requirements=("app[more]",), **options):
        arguments = {
            "requirements": list(requirements),
            "dest": str(tmp_path / "bundle/wheels"),
            "lock_dest": str(tmp_path / "bundle/locks/base"),
            "targets": [OLD, NEW],
            "index_url": index.url,
            "python": sys.executable,
        }
        return run("pip_download", **dict(arguments, **options))

    stage: typing.Any = download
    stage.bundle = tmp_path / "bundle"
    stage.locks = tmp_path / "bundle/locks/base"
    stage.pool = tmp_path / "bundle/wheels"
    return stage


def seal(stage, **options):
    """Write the manifest and the sums."""
    one = dict({"name": "base", "requirements": ["app[more]"], "targets": ["old", "new"]}, **options)
    for module, options in (("bundle_manifest", {"sets": [one], "targets": [OLD, NEW]}), ("bundle_seal", {})):
        result = run(module, path=str(stage.bundle), **options)
        assert "msg" not in result, result


def test_lock_that_is_not_closed_is_not_written_and_its_files_are_removed(stage, index):
    index.serve_metadata("app-1.0-py3-none-any.whl", "Metadata-Version: 2.1\nName: app\nVersion: 1.0\n\n")
    result = stage(["app"])
    assert result["failed"]
    assert "No lock is written" in result["msg"]
    assert "app 1.0 (required by the requirement app) needs backport>=1 on target old (python 3.9.2" in result["msg"]
    assert os.listdir(str(stage.locks)) == os.listdir(str(stage.pool)) == []


def test_file_that_only_the_index_requires_gives_a_warning(stage, index):
    told = "Metadata-Version: 2.1\nName: app\nVersion: 1.0\nRequires-Dist: extra\nRequires-Dist: backport\n\n"
    index.serve_metadata("app-1.0-py3-none-any.whl", told)
    result = stage(["app"])
    assert result["changed"] is True
    assert "target old: nothing asks for extra-1-py3-none-any.whl" in str(result["warnings"])


def test_constraint_and_requirements_file_are_checked_and_recorded_in_the_lock(stage, tmp_path):
    (tmp_path / "more.txt").write_text("extra  # comment\n-c limits.txt\n")
    (tmp_path / "limits.txt").write_text("backport<2\n")
    (tmp_path / "r.txt").write_text("-r more.txt\napp; python_version < '4'\n")
    result = stage([], requirements_files=[str(tmp_path / "r.txt")])
    assert result["changed"] is True
    assert _lock.parse_lock((stage.locks / "old.txt").read_text()).roots == ("app; python_version < '4'", "extra")
    assert stage([], requirements_files=[str(tmp_path / "r.txt")])["changed"] is False


@pytest.mark.parametrize(("resolver", "check"), [("pip", False), ("pip", True), ("uv", True)])
def test_extra_that_does_not_exist_stops_the_run_with_those_that_do(stage, resolver, check):
    result = stage(["app[mroe]", "extra"], resolver=resolver, _ansible_check_mode=check)
    assert "app[mroe] requires the extra mroe of app, but app 1.0 does not have it." in result["msg"]
    # uv reports no metadata, and check mode downloads no files.
    assert "It has: more." in result["msg"] or (resolver, check) == ("uv", True)
    assert not stage.bundle.exists() or os.listdir(str(stage.locks)) == os.listdir(str(stage.pool)) == []


@pytest.mark.parametrize(("resolver", "check"), [("uv", False), ("pip", True), ("uv", True)])
def test_missing_extra_that_another_project_requires_gives_one_warning(stage, index, resolver, check):
    index.add("asker", "1", requires=["app[mroe]"])
    result = stage(["asker"], resolver=resolver, _ansible_check_mode=check)
    assert "msg" not in result, result["msg"]
    assert str(result["warnings"]).count("extra mroe of app, but app 1.0 does not have it") == 1


def test_bundle_with_a_missing_extra_gives_a_warning(stage):
    stage()
    seal(stage, requirements=["app[more]"])
    for path in stage.locks.iterdir():
        path.write_text(path.read_text().replace("# root: app[more]", "# root: app[more,mroe]"))
    seal(stage)
    result = run("bundle_closure", path=str(stage.bundle))
    assert "app[more,mroe] requires the extra mroe of app, but app 1.0 does not have it" in str(result["warnings"])


def test_closure_is_checked_from_the_bundle_alone(stage):
    stage()
    seal(stage)
    result = run("bundle_closure", path=str(stage.bundle))
    assert [(one["set"], one["target"], one["files"], one["edges"]) for one in result["locks"]] == [
        ("base", "old", 3, 3),
        ("base", "new", 2, 2),
    ]
    assert not any(one["failures"] or one["unused"] for one in result["locks"])
    assert result["changed"] is False


def test_bundle_whose_lock_lost_a_file_fails_with_its_name(stage):
    stage()
    lock = stage.locks / "old.txt"
    lock.write_text("".join(line for line in lock.read_text().splitlines(True) if not line.startswith("backport==")))
    refused = run(
        "bundle_manifest",
        path=str(stage.bundle),
        sets=[{"name": "base", "requirements": ["app[more]"], "targets": ["old", "new"]}],
        targets=[OLD, NEW],
    )
    assert "neither in a lock" in refused["msg"]
    (stage.pool / "backport-1.2-py3-none-any.whl").unlink()
    seal(stage)
    result = run("bundle_closure", path=str(stage.bundle))
    assert result["failed"]
    assert "set base: app 1.0 (required by the requirement app[more]) needs backport>=1" in result["msg"]
    assert result["locks"][0]["failures"][0]["marker"] == 'python_version < "3.10"'


def test_bundle_of_an_earlier_version_is_checked_from_the_manifest_or_with_a_warning(stage):
    stage()
    for path in stage.locks.iterdir():
        path.write_text("".join(line for line in path.read_text().splitlines(True) if "# root:" not in line))
    seal(stage)
    assert "warnings" not in run("bundle_closure", path=str(stage.bundle))
    seal(stage, requirements_file="r.txt")
    result = run("bundle_closure", path=str(stage.bundle))
    assert "do not name its requirements" in str(result["warnings"])
    assert "failed" not in result


def test_missing_or_broken_wheel_is_named(stage):
    stage()
    seal(stage)
    path = stage.pool / "extra-1-py3-none-any.whl"
    path.write_bytes(b"nothing")
    assert "not a readable zip archive" in run("bundle_closure", path=str(stage.bundle))["msg"]
    path.unlink()
    assert (
        "extra-1-py3-none-any.whl is in a lock but not in the pool"
        in run("bundle_closure", path=str(stage.bundle))["msg"]
    )
    path.write_bytes(make_wheel("extra", "1")[1])
    assert "failed" not in run("bundle_closure", path=str(stage.bundle))


def test_lock_with_another_sum_than_the_pool_is_refused(stage):
    stage()
    seal(stage)
    name, data = make_wheel("extra", "1", payload=b"another")
    (stage.pool / name).write_bytes(data)
    result = run("bundle_closure", path=str(stage.bundle))
    assert result.get("failed"), result
    for part in (name, hashlib.sha256(data).hexdigest(), hashlib.sha256(make_wheel("extra", "1")[1]).hexdigest()):
        assert part in result["msg"]
