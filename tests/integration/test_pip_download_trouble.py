# SPDX-License-Identifier: GPL-3.0-or-later
"""What pip_download promises when something goes wrong: a clear error, nothing half-written, and a rerun that converges."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.integration.pip_download import OLD, pins
from tests.integration.simple_index import SimpleIndex, make_sdist, make_source, make_wheel

BACKPORT = "backport-1.2-py3-none-any.whl"


def snapshot(folder):
    """Return path to content of every file below a folder."""
    return {
        os.path.relpath(os.path.join(root, name), str(folder)): open(os.path.join(root, name), "rb").read()  # noqa: SIM115
        for root, _folders, names in os.walk(str(folder))
        for name in names
    }


def test_index_that_is_down_is_named_with_the_fix(download):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%d/simple/" % taken.getsockname()[1]
        # pip reports the reason only when it retries, five times by default.
        result = download(targets=[OLD], index_url=url, environment={"PIP_RETRIES": "1"})
    assert result["failed"]
    assert "target old" in result["msg"]
    assert "Check that this host reaches the index" in result["msg"]
    assert snapshot(download.parent) == {}


@pytest.mark.parametrize("trouble", [500, 503, "half"])
def test_request_that_fails_once_is_repeated(download, index, trouble):
    index.trouble[BACKPORT] = [trouble]
    result = download(targets=[OLD], environment={"PIP_RETRIES": "2"})
    assert "backport==1.2" in pins(result, "old")


@pytest.mark.parametrize("trouble", [500, "half"])
def test_request_that_always_fails_ends_with_the_files_name_and_writes_nothing(download, index, trouble):
    index.trouble[BACKPORT] = [trouble] * 1000
    result = download(targets=[OLD], environment={"PIP_RETRIES": "1", "PIP_RESUME_RETRIES": "1"})
    assert result["failed"]
    assert "backport" in result["msg"]
    assert snapshot(download.parent) == {}


@pytest.fixture(name="emptied")
def emptied_fixture(download):
    """Return download after a run whose pool was lost: its lock is up to date, so everything is fetched without resolving."""
    download(targets=[OLD])
    for path in download.pool.iterdir():
        path.unlink()
    return download


def test_lost_pool_is_fetched_with_one_request_for_each_file(emptied, index):
    del index.requests[:]
    result = emptied(targets=[OLD])
    assert len(result["downloaded"]) == 5
    assert sorted(index.requests) == sorted("/files/" + name for name in result["downloaded"])


@pytest.mark.parametrize("trouble", [500, "half"])
def test_file_that_does_not_arrive_with_the_others_is_fetched_by_itself(emptied, index, trouble):
    index.trouble[BACKPORT] = [trouble]
    result = emptied(targets=[OLD])
    assert len(result["downloaded"]) == 5
    assert (emptied.pool / BACKPORT).read_bytes() == make_wheel("backport", "1.2")[1]


def test_file_that_never_arrives_is_named_and_no_other_enters_the_pool(emptied, index):
    index.trouble[BACKPORT] = [500] * 1000
    result = emptied(targets=[OLD], environment={"PIP_RETRIES": "1"})
    assert "backport" in result["msg"]
    assert "Check that this host reaches the index" in result["msg"]
    assert list(emptied.pool.iterdir()) == []


def test_file_that_the_index_has_replaced_is_refused_and_no_other_enters_the_pool(emptied, index):
    index.files[BACKPORT] = make_wheel("backport", "1.2", payload=b"exchanged")[1]
    result = emptied(targets=[OLD])
    assert "backport" in result["msg"]
    assert "Find out why before you continue" in result["msg"]
    assert list(emptied.pool.iterdir()) == []


def test_pip_with_changed_internals_still_fetches(emptied, tmp_path):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ncase "$1" in *fetch.py) exit 1;; esac\nexec %s "$@"\n' % sys.executable)
    python.chmod(0o755)
    assert len(emptied(targets=[OLD], python=str(python))["downloaded"]) == 5


def test_process_that_waits_to_fetch_is_ended_if_uv_finds_no_versions(download):
    run = download.start(targets=[OLD], requirements=["nope"], resolver="uv")
    assert "nope" in json.loads(run.communicate()[0])["msg"]
    with pytest.raises(ProcessLookupError):
        os.killpg(run.pid, 0)


def test_index_that_is_slower_than_the_timeout_is_reported(download, index):
    index.trouble[BACKPORT] = [5.0] * 1000
    started = time.monotonic()
    result = download(targets=[OLD], environment={"PIP_DEFAULT_TIMEOUT": "1"})
    assert result["failed"]
    assert "Check that this host reaches the index" in result["msg"]
    assert time.monotonic() - started < 60
    assert snapshot(download.parent) == {}


def test_local_wheel_with_the_correct_name_and_other_content_is_refused(download, tmp_path):
    folder = tmp_path / "local"
    folder.mkdir()
    (folder / BACKPORT).write_bytes(b"this is not a wheel")
    result = download(targets=[OLD], find_links=[str(folder)])
    if result.get("failed"):
        assert BACKPORT in result["msg"]
    else:
        assert (download.pool / BACKPORT).read_bytes() == make_wheel("backport", "1.2")[1]


def test_broken_wheel_that_nothing_else_can_replace_is_refused_by_name(download, tmp_path):
    folder = tmp_path / "local"
    folder.mkdir()
    (folder / "solo-1.0-py3-none-any.whl").write_bytes(b"this is not a wheel")
    result = download(targets=[OLD], requirements=["solo"], find_links=[str(folder)])
    assert result["failed"]
    assert "solo" in result["msg"]
    assert snapshot(download.parent) == {}


def test_yanked_version_is_not_chosen_and_a_lock_that_pins_it_is_warned_of(download, index):
    name = index.add("backport", "1.3")
    index.yanked.add(name)
    assert "backport==1.2" in pins(download(targets=[OLD]), "old")
    index.yanked.add(BACKPORT)
    index.add("other", "1")
    result = download(targets=[OLD], requirements=["app", "other"])
    assert "backport==1.2" in pins(result, "old")
    assert "backport 1.2 was yanked" in json.dumps(result["warnings"])


@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system needs root")
def test_full_disk_ends_with_the_reason_and_a_rerun_converges(download, index):
    index.add("big", "1", payload=os.urandom(300_000))
    download.parent.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(download.parent)], check=True)
    try:
        result = download(targets=[OLD], requirements=["app", "big"])
        assert result["failed"]
        assert "No space left" in result["msg"]
        assert [name for name in snapshot(download.parent) if name.endswith(".txt")] == []
        subprocess.run(["mount", "-o", "remount,size=10m", str(download.parent)], check=True)
        assert "big==1" in pins(download(targets=[OLD], requirements=["app", "big"]), "old")
    finally:
        subprocess.run(["umount", str(download.parent)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system needs root")
def test_small_tmp_does_not_stop_a_download_to_a_large_disk(download, index, tmp_path):
    index.add("big", "1", payload=os.urandom(3_000_000))
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], check=True)
    try:
        result = download(targets=[OLD], requirements=["big"], environment={"TMPDIR": str(small)})
        assert not result.get("failed"), result["msg"]
        assert "big==1" in pins(result, "old")
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_run_that_is_killed_at_any_point_leaves_whole_files_and_a_rerun_converges(download):
    download(targets=[OLD])
    whole = snapshot(download.parent)
    for step in range(1, 8):
        for path in download.pool.iterdir():
            path.unlink()
        (download.locks / "old.txt").unlink(missing_ok=True)
        process = download.start(targets=[OLD])
        time.sleep(0.35 * step)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        left = {path: data for path, data in snapshot(download.parent).items() if ".tmp-airgap-" not in path}
        assert left.items() <= whole.items(), step
    assert "failed" not in download(targets=[OLD])
    assert snapshot(download.parent) == whole


def test_two_runs_with_one_pool_run_one_after_the_other(download, index):
    runs = [download.start(), download.start()]
    answers = [json.loads(run.communicate()[0]) for run in runs]
    assert sorted(answer["changed"] for answer in answers) == [False, True]
    pages = [path for path in index.requests if path == "/simple/app/"]
    # One of the two resolved; the other waited, and found the locks.
    assert len(pages) == 1


@pytest.fixture(name="foreign")
def foreign_fixture(index, tmp_path):
    """Return references to a project that leaves a mark whenever any of it runs, the mark, and a URL of a wheel."""
    mark = tmp_path / "mark"
    options = {"top": "open(%r, 'a').write('ran')" % str(mark)}
    folder = tmp_path / "thing"
    folder.mkdir()
    for path, data in make_source("thing", "1.0", **options).items():
        (folder / path).write_bytes(data)
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=one"]):
        subprocess.run(git + command, check=True)
    name, data = make_sdist("thing", "1.0", **options)
    index.files[name] = data
    files = index.url.replace("/simple/", "/files/")
    references = {"sdist": files + name, "vcs": "git+file://" + str(folder), "folder": "file://" + str(folder)}
    for kind, url in dict(references, vcs="git+%sthing.git@main" % files).items():
        index.add("by_" + kind, "1.0", requires=["thing @ " + url])
    index.add("by_wheel", "1.0", requires=["native @ %snative-2.0-cp39-cp39-manylinux_2_17_x86_64.whl" % files])
    return references, mark


@pytest.mark.parametrize("kind", ["sdist", "vcs", "folder"])
@pytest.mark.parametrize("resolver", ["pip", "uv"])
def test_nothing_of_a_project_runs_outside_of_stage_build_and_the_entry_is_in_the_message(
    download, foreign, index, resolver, kind
):
    references, mark = foreign
    del index.requests[:]
    wanted = ["thing @ %s ; sys_platform == 'linux'" % references[kind]]
    result = download(targets=[OLD], requirements=wanted, resolver=resolver, check=kind == "sdist")
    assert result.get("failed"), result
    assert "requirements: thing @ %s is not a wheel" % references[kind] in result["msg"]
    assert "add to stage_build: {name: thing, %s: " % ("vcs" if kind == "vcs" else "source") in result["msg"]
    assert not mark.exists()
    assert index.requests == []


def test_source_that_no_target_needs_is_accepted(download, foreign):
    references, mark = foreign
    wanted = ["app", "thing @ %s ; sys_platform == 'win32'" % references["sdist"]]
    assert "app==1.0" in pins(download(targets=[OLD], requirements=wanted), "old")
    assert not mark.exists()


@pytest.mark.parametrize("kind", ["sdist", "vcs", "folder", "wheel"])
@pytest.mark.parametrize("resolver", ["pip", "uv"])
def test_url_in_the_metadata_of_a_wheel_is_refused_with_who_asks_and_runs_nothing(download, foreign, resolver, kind):
    mark = foreign[1]
    result = download(targets=[OLD], requirements=["by_" + kind], resolver=resolver, check=kind in ("vcs", "wheel"))
    assert result.get("failed"), result
    assert re.search(r"by[-_]%s[-=]+1.0\S* requires (thing|native) @ " % kind, result["msg"]), result["msg"]
    assert "stage_build {name: by" in result["msg"]
    assert ("{name: thing, " in result["msg"]) is (kind != "wheel")
    assert not mark.exists()


@pytest.mark.parametrize("resolver", ["pip", "uv"])
def test_constraint_by_url_that_would_be_built_is_refused_with_its_file(download, foreign, index, tmp_path, resolver):
    references, mark = foreign
    index.add("thing", "1.0")
    (tmp_path / "limits.txt").write_text("thing @ %s\n" % references["sdist"])
    given = {"requirements": ["thing"], "constraints_files": [str(tmp_path / "limits.txt")]}
    result = download(targets=[OLD], resolver=resolver, **given)
    assert result.get("failed"), result
    assert "limits.txt, line 1: thing @ %s is not a wheel" % references["sdist"] in result["msg"].replace(
        "requirements and ", ""
    )
    assert not mark.exists()


@pytest.mark.parametrize("resolver", ["pip", "uv"])
@pytest.mark.parametrize(("status", "fix"), [(401, "user and password"), (403, "may read")])
def test_page_that_an_index_does_not_give_is_not_an_absent_one(download, index, resolver, status, fix):
    index.trouble["backport"] = [status] * 1000
    result = download(targets=[OLD], resolver=resolver, check=status == 401)
    assert result.get("failed"), result
    assert "backport" in result["msg"] and str(status) in result["msg"] and fix in result["msg"], result["msg"]
    assert "has no project" not in result["msg"]
    assert snapshot(download.parent) == {}


@pytest.fixture(name="private")
def private_fixture(index):
    """Return a private index that has a project of the first one as well."""
    private = SimpleIndex()
    private.add("app", "0.1")
    private.add("mine", "1.0")
    yield private
    private.stop()


@pytest.mark.parametrize(("resolver", "status"), [("pip", 401), ("pip", 503), ("uv", 401)])
def test_index_that_does_not_answer_does_not_leave_its_names_to_another(download, private, resolver, status):
    private.trouble["app"] = [status] * 1000
    result = download(targets=[OLD], extra_index_urls=[private.url], resolver=resolver)
    assert result.get("failed"), result
    assert "the index %s gave no answer about app" % private.url.rstrip("/") in result["msg"]
    assert snapshot(download.parent) == {}


@pytest.mark.parametrize("resolver", ["pip", "uv"])
def test_index_that_forbids_unknown_projects_does_not_have_them(download, private, resolver):
    for name in ("app", "backport", "native", "extra", "oldonly", "airgap-asks-what-there-is"):
        private.trouble[name] = [403] * 1000
    result = download(targets=[OLD], requirements=["app", "mine"], extra_index_urls=[private.url], resolver=resolver)
    assert {"app==1.0", "mine==1.0"} < set(pins(result, "old"))


def test_index_on_plain_http_that_pip_ignores_is_not_an_empty_one(download):
    result = download(targets=[OLD], index_url="http://index.invalid/simple/")
    assert "the index http://index.invalid gave no answer" in result["msg"]
    assert "trusted-host" in result["msg"]
