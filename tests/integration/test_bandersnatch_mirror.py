# SPDX-License-Identifier: GPL-3.0-or-later
"""A mirror has what the locks' versions have for the targets, verified against its pages and the locks."""

from __future__ import annotations

import hashlib
import os
import stat

import pytest

from tests.integration import small_bundle
from tests.integration.bandersnatch_mirror import Mirror
from tests.integration.simple_index import SimpleIndex, make_wheel

APP = "app-1.0-py3-none-any.whl"
NATIVE = "native-2.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
LIB = "lib-1.0-py3-none-any.whl"


@pytest.fixture(name="upstream")
def upstream_fixture():
    """Return an index whose projects have more files and versions than the locks name."""
    index = SimpleIndex()
    index.add("app", "1.0")
    index.add("app", "2.0")
    index.add_sdist("app", "1.0")
    index.add("lib", "1.0")
    index.add("else", "1.0")
    for tag in (
        "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
        "cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64",
        "cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64",
        "cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64",
        "cp311-cp311-win_amd64",
        "cp311-cp311-macosx_11_0_arm64",
    ):
        index.add("native", "2.0", tag=tag)
    yield index
    index.stop()


@pytest.fixture(name="mirror")
def mirror_fixture(upstream, tmp_path):
    """Return what mirrors it."""
    return Mirror(upstream, tmp_path)


def test_mirror_has_the_versions_of_the_locks_for_the_targets_and_no_other_file(mirror, upstream):
    progress = mirror.path.parent / "progress"
    result = mirror(APP, NATIVE, progress=str(progress))
    assert not result.get("failed"), result
    assert result["changed"] and result["mirrored"]
    assert progress.read_text() == "mirroring: 2 of 2 projects, 4 files\n"
    assert mirror.packages() == sorted(
        [
            APP,
            "app-1.0.tar.gz",
            NATIVE,
            # An older Python may be that of the stable ABI.
            "native-2.0-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        ]
    )
    for path in (mirror.web / "packages").rglob("*.whl"):
        assert path.read_bytes() == upstream.files[path.name]
    assert result["projects"] == ["app", "native"]
    assert result["locked"]["files"] == 2
    assert result["mirror"]["files"] == sum(path.is_file() for path in mirror.web.rglob("*"))
    # Only these projects were asked for, and never the list of all.
    assert {path for path in upstream.requests if "/packages/" not in path} == {"/pypi/app/json", "/pypi/native/json"}
    config = mirror.path / "bandersnatch.conf"
    assert "app==1.0" in result["diff"]["after"] == config.read_text()
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


def test_second_run_asks_nothing_and_a_damaged_file_is_fetched_again(mirror, upstream):
    mirror(APP, NATIVE)
    del upstream.requests[:]
    before = small_bundle.snapshot(mirror.path)
    result = mirror(APP, NATIVE)
    assert (result["changed"], result["mirrored"], upstream.requests) == (False, False, [])
    assert small_bundle.snapshot(mirror.path) == before
    (path,) = mirror.web.rglob(APP)
    path.unlink()
    path.write_bytes(b"damaged")
    assert mirror(APP, NATIVE, check=True)["mirrored"]
    assert path.read_bytes() == b"damaged" and upstream.requests == []
    assert mirror(APP, NATIVE)["mirrored"]
    assert path.read_bytes() == upstream.files[APP]
    assert mirror(APP, NATIVE, refresh=True)["mirrored"]


def test_check_mode_writes_nothing(mirror, upstream, tmp_path):
    result = mirror(APP, check=True)
    assert result["changed"] and result["mirrored"], result
    assert upstream.requests == [] and not list(tmp_path.iterdir())


def test_versions_that_no_lock_names_any_more_are_reported_and_removed_if_wanted(mirror):
    mirror(APP, LIB)
    result = mirror("app-2.0-py3-none-any.whl")
    assert result["unused"]["files"] > 2 and result["removed"] == [], result
    assert APP in mirror.packages()
    result = mirror("app-2.0-py3-none-any.whl", prune=True)
    assert result["changed"] and result["unused"]["files"] == 0, result
    assert mirror.packages() == ["app-2.0-py3-none-any.whl"]
    assert not (mirror.web / "simple/lib").exists()
    assert not mirror("app-2.0-py3-none-any.whl", prune=True)["changed"]


def test_files_that_do_not_come_from_the_upstream_are_left_to_others(mirror, upstream):
    built = (
        mirror.file(LIB, version="1.0", origin="built:lib") if False else dict(mirror.file(LIB), origin="built:lib 1.0")
    )
    upstream.files["own-1.0-py3-none-any.whl"] = make_wheel("own", "1.0")[1]
    result = mirror(APP, built, "own-1.0-py3-none-any.whl", exempt=["Own"])
    assert result["others"] == [LIB, "own-1.0-py3-none-any.whl"], result
    assert result["projects"] == ["app"] and mirror.packages() == [APP, "app-1.0.tar.gz"]
    result = mirror(built)
    assert "There is nothing to mirror" in result["msg"], result


def test_project_that_the_upstream_does_not_have_is_named(mirror):
    result = mirror(APP, dict(mirror.file(APP), name="private", filename="private-1.0-py3-none-any.whl"))
    assert "does not have private. What comes from another index" in result["msg"], result
    assert not (mirror.path / "bandersnatch.conf").exists()


def test_refresh_that_the_upstream_does_not_answer_for_a_project_fails_though_the_old_mirror_is_whole(mirror, upstream):
    lib = mirror.file(LIB)
    mirror(lib)
    del upstream.files[LIB]
    result = mirror(lib, refresh=True)
    assert "does not have lib" in result["msg"], result
    assert mirror.packages() == [LIB]


def test_upstream_without_serials_is_named_with_the_reason(mirror, upstream):
    upstream.serial = None
    result = mirror(APP)
    assert "sends no X-PyPI-Last-Serial with /pypi/app/json" in result["msg"], result


def test_upstream_that_does_not_answer_is_named_without_its_password(mirror):
    result = mirror(APP, index_url="http://user:secret-word@127.0.0.1:9/simple/")
    assert "bandersnatch could not read from http://127.0.0.1:9: it does not answer" in result["msg"], result
    assert "secret-word" not in str(result) + mirror.log.read_text()
    assert not (mirror.path / "bandersnatch.conf").exists()


def test_file_with_another_content_than_promised_is_refused(mirror, upstream):
    upstream.promised[APP] = hashlib.sha256(b"other").hexdigest()
    result = mirror(dict(mirror.file(APP), sha256=upstream.promised[APP]))
    assert "Not every file has the SHA-256 that it must have: ValueError: Inconsistent file" in result["msg"], result
    assert not (mirror.path / "bandersnatch.conf").exists()
    # bandersnatch leaves what it wrote so far.
    assert list(mirror.web.rglob(".app*"))
    assert not mirror(LIB).get("failed")
    assert not list(mirror.web.rglob(".app*"))


def test_file_with_another_sha256_than_in_the_lock_is_refused(mirror):
    result = mirror(dict(mirror.file(APP), sha256="b" * 64))
    assert "the upstream names SHA-256" in result["msg"] and "and the lock %s" % ("b" * 64) in result["msg"], result
    assert not (mirror.path / "bandersnatch.conf").exists()


def test_file_that_fails_once_is_fetched_by_the_next_run(mirror, upstream):
    upstream.trouble[APP] = [500]
    result = mirror(APP, LIB)
    assert "it has an internal error" in result["msg"], result
    assert not (mirror.path / "bandersnatch.conf").exists()
    result = mirror(APP, LIB)
    assert not result.get("failed") and mirror.packages() == [APP, "app-1.0.tar.gz", LIB], result


def test_full_disk_is_named(mirror, tmp_path):
    program = tmp_path / "full"
    program.write_text("#!/bin/sh\necho 'OSError: [Errno 28] No space left on device'\nexit 1\n")
    program.chmod(0o755)
    result = mirror(APP, program=str(program))
    assert "the disk is full." in result["msg"] and "bytes free" in result["msg"], result


def test_proxy_of_the_environment_is_used_unless_the_host_is_reached_directly(mirror):
    proxy = {"http_proxy": "http://127.0.0.1:9"}
    assert not mirror(APP, environment=proxy).get("failed")
    result = mirror(LIB, environment=dict(proxy, no_proxy=""))
    assert "bandersnatch could not read" in result["msg"], result
    assert os.path.exists(str(mirror.path / "bandersnatch.conf.new"))
