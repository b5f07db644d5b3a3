# SPDX-License-Identifier: GPL-3.0-or-later
"""What pip_download promises, with the real pip against an index on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

from tests.integration.conftest import RUN
from tests.integration.pip_download import ALL, NEW, OLD, WINDOWS, pins
from tests.integration.simple_index import SimpleIndex, make_wheel


def run_module(which, **arguments):
    """Run another module as Ansible does."""
    command = [sys.executable, "-c", RUN.replace("pip_download", which), json.dumps(arguments)]
    environment = dict(os.environ, PYTHONPATH=os.path.abspath(".collections"))
    return json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False).stdout)


def test_each_target_gets_what_its_own_markers_and_tags_ask_for(download):
    result = download(targets=ALL)
    assert result.get("changed"), result
    assert pins(result, "old") == ["app==1.0", "backport==1.2", "extra==1", "native==2.0", "oldonly==1"]
    assert pins(result, "new") == ["app==1.0", "extra==1", "native==2.1"]
    assert pins(result, "windows") == ["app==1.0", "extra==1", "native==2.0", "winlib==3"]


def test_locks_and_pool_agree_to_the_byte(download):
    result = download(targets=ALL)
    named = set()
    for target in ("old", "new", "windows"):
        for pin in _lock.parse_pins((download.locks / (target + ".txt")).read_text()):
            data = (download.pool / pin.filename).read_bytes()
            assert hashlib.sha256(data).hexdigest() == pin.sha256
            assert len(data) == pin.size
            named.add(pin.filename)
    assert named == set(os.listdir(str(download.pool))) == set(result["downloaded"])
    assert sorted(os.listdir(str(download.parent))) == ["locks", "wheels"]


def test_unchanged_inputs_ask_the_index_for_nothing(download, index):
    download()
    del index.requests[:]
    index.add("app", "2.0")
    result = download()
    assert result["changed"] is False
    assert index.requests == []


def test_each_page_and_each_file_is_requested_once_for_all_targets(download, index):
    download(targets=ALL)
    assert "/files/extra-1-py3-none-any.whl" in index.requests
    assert sorted(index.requests) == sorted(set(index.requests))


def test_changed_requirement_resolves_again_and_reuses_the_pool(download):
    both = [OLD, WINDOWS]
    download(targets=both)
    result = download(targets=both, requirements=["app", "winlib; sys_platform == 'win32'"])
    assert result["resolved"] == ["old", "windows"]
    assert result["downloaded"] == []
    assert result["changed"] is True


def test_new_target_leaves_the_other_locks_alone(download):
    download(targets=[OLD])
    before = (download.locks / "old.txt").read_bytes()
    result = download(targets=[OLD, NEW])
    assert result["resolved"] == ["new"]
    assert (download.locks / "old.txt").read_bytes() == before


def test_damaged_file_in_the_pool_is_fetched_again_and_reported(download):
    download()
    path = download.pool / "backport-1.2-py3-none-any.whl"
    path.write_bytes(b"half a whe")
    result = download()
    assert result["downloaded"] == ["backport-1.2-py3-none-any.whl"]
    assert "backport-1.2" in str(result["warnings"])
    assert path.read_bytes() == make_wheel("backport", "1.2")[1]


def test_check_mode_reports_the_downloads_and_writes_nothing(download):
    result = download(check=True)
    assert result["changed"] is True
    assert "backport-1.2-py3-none-any.whl" in result["downloaded"]
    assert not download.parent.exists()


def test_wrong_content_for_a_hash_is_refused_and_nothing_is_written(download, index):
    index.promised["backport-1.2-py3-none-any.whl"] = "0" * 64
    result = download()
    assert result["failed"]
    assert "backport" in result["msg"]
    assert "Find out why before you continue" in result["msg"]
    assert os.listdir(str(download.pool)) == []
    assert os.listdir(str(download.locks)) == []


def test_unknown_package_is_named_with_the_target(download):
    result = download(requirements=["nope"])
    assert "target old" in result["msg"]
    assert "nope" in result["msg"]


def test_version_without_a_fitting_wheel_is_named_with_the_machine(download):
    result = download(targets=[OLD], requirements=["winlib"])
    assert "winlib" in result["msg"]
    assert "python 3.9.2 on linux x86_64 (glibc-2.31)" in result["msg"]


def test_conflict_shows_who_asks_for_what(download, index):
    index.add("other", "1", requires=["native<2"])
    result = download(targets=[OLD], requirements=["app", "other"])
    assert "other 1 depends on native<2" in result["msg"]


def test_requirement_that_applies_to_no_target_is_warned_of(download):
    result = download(targets=[OLD], requirements=["app", "winlib; sys_platform == 'win32'"])
    assert "winlib" in str(result["warnings"])


def test_local_folder_of_the_hosts_pip_settings_is_not_used(download, tmp_path, monkeypatch):
    folder = tmp_path / "local"
    folder.mkdir()
    name, data = make_wheel("app", "9.9")
    (folder / name).write_bytes(data)
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    assert "app==1.0" in pins(download(), "old")
    assert "app==9.9" in pins(download(find_links=[str(folder)], refresh=True), "old")


def test_password_of_the_index_is_in_no_output_and_no_log(download, index, tmp_path):
    url = index.url.replace("http://", "http://user:s3cr3t-word@")
    result = download(index_url=url)
    assert result["changed"] is True
    assert "s3cr3t-word" not in json.dumps(result)
    assert "s3cr3t-word" not in (tmp_path / "pip.log").read_text()
    assert all("s3cr3t-word" not in path.read_text() for path in download.locks.iterdir())


def test_scratch_of_a_killed_run_is_removed(download):
    download()
    leftover = download.parent / ".tmp-airgap-killed"
    leftover.mkdir()
    download()
    assert not leftover.exists()


def test_absent_removes_the_lock_and_only_files_that_no_lock_names(download):
    download(targets=[OLD, WINDOWS])
    result = download(targets=[WINDOWS], state="absent", requirements=None)
    assert result["removed"] == ["native-2.0-cp312-cp312-win_amd64.whl", "winlib-3-cp312-cp312-win_amd64.whl"]
    assert not (download.locks / "windows.txt").exists()
    assert (download.pool / "app-1.0-py3-none-any.whl").exists()


def test_pip_installs_from_the_lock_with_hashes(download, tmp_path):
    download(targets=[dict(NEW, python="%d.%d.%d" % sys.version_info[:3], name="here")], requirements=["backport"])
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--find-links", str(download.pool)]
    command += ["--require-hashes", "-r", str(download.locks / "here.txt"), "--target", str(tmp_path / "site")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert (tmp_path / "site/backport.py").exists()


def test_new_requirement_moves_nothing_that_the_lock_has(download, index):
    download(targets=[OLD])
    index.add("app", "2.0")
    index.add("other", "1")
    assert pins(download(targets=[OLD], requirements=["app", "other"]), "old")[:3] == [
        "app==1.0",
        "backport==1.2",
        "extra==1",
    ]


def test_requirement_that_forces_a_version_moves_it(download, index):
    download(targets=[OLD])
    index.add("app", "2.0")
    assert pins(download(targets=[OLD], requirements=["app>=2"]), "old") == ["app==2.0"]


def test_refresh_uses_the_newest(download, index):
    download(targets=[OLD])
    index.add("app", "2.0")
    result = download(targets=[OLD], refresh=True)
    assert pins(result, "old") == ["app==2.0"]
    assert result["changed"] is True
    assert download(targets=[OLD], refresh=True)["changed"] is False


def test_upgrade_moves_only_the_named_project_and_what_it_forces(download, index):
    download(targets=[OLD])
    index.add("backport", "1.3")
    index.add("extra", "2")
    index.add("app", "1.1", requires=["backport>=1.3", "native", "extra"])
    before = pins(download(targets=[OLD]), "old")
    assert "backport==1.2" in before
    assert "extra==2" not in pins(download(targets=[OLD], upgrade=["backport"]), "old")
    assert "backport==1.3" in pins(download(targets=[OLD]), "old")
    assert "app==1.0" in pins(download(targets=[OLD]), "old")
    assert pins(download(targets=[OLD], upgrade=["app"]), "old")[:2] == ["app==1.1", "backport==1.3"]


def test_upgrade_of_a_project_that_no_lock_has_is_reported_and_resolves_nothing(download):
    download(targets=[OLD])
    result = download(targets=[OLD], upgrade=["blackport"])
    assert (result["not_locked"], result["resolved"], result["changed"]) == (["blackport"], [], False)


def test_option_inside_a_requirements_file_is_refused_and_not_ignored(download, tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text("app\n--index-url https://index.example/simple\n")
    result = download(requirements=None, requirements_files=[str(path)])
    assert "requirements.txt, line 2: the option --index-url cannot be set in a file" in result["msg"]


def test_hash_in_a_requirements_file_is_enforced(download, tmp_path, index):
    path = tmp_path / "requirements.txt"
    good = hashlib.sha256(index.files["backport-1.2-py3-none-any.whl"]).hexdigest()
    path.write_text("backport==1.2 --hash=sha256:%s\n" % good)
    assert download(requirements=None, requirements_files=[str(path)])["changed"] is True
    path.write_text("backport==1.2 --hash=sha256:%s\n" % ("0" * 64))
    result = download(requirements=None, requirements_files=[str(path)])
    assert "backport" in result["msg"]
    assert "expected hash" in result["msg"]


def test_uv_gives_the_same_pins_as_pip(download):
    by_pip = download(targets=ALL)
    for name in ("old", "new", "windows"):
        (download.locks / (name + ".txt")).unlink()
    by_uv = download(targets=ALL, resolver="uv")
    assert "msg" not in by_uv, by_uv["msg"]
    assert by_uv["engine"].startswith("uv ")
    for name in ("old", "new", "windows"):
        assert by_uv["targets"][name]["files"] == by_pip["targets"][name]["files"]


def test_uv_asks_the_index_for_nothing_when_nothing_changed(download, index):
    download(resolver="uv")
    del index.requests[:]
    assert download(resolver="uv")["changed"] is False
    assert index.requests == []


def test_uv_causes_a_warning_if_a_marker_needs_the_release_of_the_system(download, index):
    index.add("driver", "1", requires=["extra; platform_release >= '5'"])
    result = download(requirements=["app", "driver"], targets=[OLD], resolver="uv")
    assert "driver-1-py3-none-any.whl" in str(result["warnings"])
    assert "platform_release" in str(result["warnings"])
    assert "app-1.0" not in str(result["warnings"])


@pytest.fixture(name="urls")
def urls_fixture(index):
    """Return two URLs that serve different files under one name."""
    other = SimpleIndex()
    index.add("probe", "1.0")
    name = other.add("probe", "1.0", payload=b"another")
    yield [one.url.replace("/simple/", "/files/" + name) for one in (index, other)]
    other.stop()


@pytest.mark.parametrize("options", [{}, {"resolver": "uv"}, {"check": True}])
def test_two_targets_that_want_two_files_under_one_name_are_refused_before_a_lock_is_written(download, urls, options):
    wanted = ["probe @ %s ; sys_platform == 'linux'" % urls[0], "probe @ %s ; sys_platform == 'win32'" % urls[1]]
    result = download(targets=[OLD, WINDOWS], requirements=wanted, **options)
    assert result.get("failed"), result
    for part in [*urls, "old.txt", "windows.txt", "probe-1.0-py3-none-any.whl"]:
        assert part in result["msg"]
    assert not [path for path in download.parent.rglob("*") if path.is_file()]


def test_two_sets_that_want_two_files_under_one_name_are_refused_and_the_first_stays_whole(download, urls):
    download(targets=[OLD], requirements=["probe @ " + urls[0]])
    before = {path: path.read_bytes() for path in download.parent.glob("*/**/*.*")}
    other = str(download.parent / "locks/other")
    wanted = {"targets": [OLD], "requirements": ["probe @ " + urls[1]], "lock_dest": other}
    result = download(**wanted)
    assert result.get("failed"), result
    for part in [*urls, "locks/base/old.txt", "locks/other/old.txt"]:
        assert part in result["msg"]
    assert {path: path.read_bytes() for path in download.parent.glob("*/**/*.*")} == before
    assert "Two different files have the name" in json.dumps(download(check=True, **wanted)["warnings"])
    # A later set is compared when it is staged.
    assert "failed" not in download(other_locks=[], **wanted)
    again = download(targets=[OLD], requirements=["probe @ " + urls[0]], other_locks=["other"])
    assert "locks/other/old.txt" in again["msg"]


def test_files_next_to_the_locks_that_are_not_locks_are_ignored(download):
    notes = download.parent / "locks/notes"
    notes.mkdir(parents=True)
    os.mkfifo(str(notes / "pipe.txt"))
    (notes / "loop.txt").symlink_to("loop.txt")
    (notes / "todo.txt").write_text("buy milk\n")
    run = download.start(targets=[OLD])
    try:
        assert json.loads(run.communicate(timeout=30)[0]).get("changed")
    finally:
        run.kill()
    removed = download(targets=[OLD], state="absent", requirements=None)["removed"]
    assert "app-1.0-py3-none-any.whl" in removed


def test_lock_of_a_removed_target_is_ignored_if_the_valid_locks_are_named(download, urls):
    download(targets=[OLD, NEW], requirements=["probe @ " + urls[0]])
    other = {"requirements": ["probe @ " + urls[1]], "lock_dest": str(download.parent / "locks/other")}
    download(targets=[NEW], requirements=["app"])
    assert "locks/base/old.txt" in download(targets=[NEW], other_locks=["base"], **other)["msg"]
    assert "locks/base/old.txt" in download(targets=[NEW], other_locks=["base/new", "base/old"], **other)["msg"]
    assert "failed" not in download(targets=[NEW], other_locks=["base/new", "base/gone"], **other)


def test_file_that_the_base_has_with_other_content_is_refused(download, urls, tmp_path):
    there = {"path": "wheels/probe-1.0-py3-none-any.whl", "sha256": "a" * 64, "origin": "https://before.example/probe"}
    base = tmp_path / "base.json"
    base.write_text(json.dumps({"format": 1, "id": "b" * 32, "files": [there]}))
    result = download(targets=[OLD], requirements=["probe @ " + urls[0]], base=str(base))
    for part in [urls[0], "locks/base/old.txt", "https://before.example/probe", "b" * 32]:
        assert part in result["msg"]
    assert list(download.locks.glob("*")) == []
    assert "failed" not in download(targets=[OLD], requirements=["app"], base=str(base))


@pytest.mark.parametrize("resolver", ["pip", "uv"])
def test_secret_of_the_environment_and_a_query_are_in_no_lock_log_result_or_bundle(download, index, tmp_path, resolver):
    name, spare, plain = [index.add(project, "1.0") for project in ("probe", "spare", "plain")]
    index.signed.update({name: "sig=canary-1", spare: "/canary-2/", plain: "sig=canary-3"})
    files = index.url.replace("/simple/", "/files/")
    wanted = [
        "probe @ %s%s?sig=${TOKEN}" % (files, name),
        "spare @ %s${PLACE}/%s" % (files.replace("//", "//user:canary-4@"), spare),
        "app",
        "plain",
    ]
    options = {"targets": [OLD], "resolver": resolver, "environment": {"TOKEN": "canary-1", "PLACE": "canary-2"}}
    result = download(requirements=wanted, **options)
    assert "failed" not in result, result
    assert {"plain==1.0", "probe==1.0", "spare==1.0"} < set(pins(result, "old"))
    lock = (download.locks / "old.txt").read_text()
    assert "# root: probe @ %s%s\n" % (files, name) in lock
    assert "# root: spare @ %s${PLACE}/%s\n" % (files, spare) in lock
    assert " %s${PLACE}/%s\n" % (files, spare) in lock
    # An up-to-date lock is enough to fetch them again, and a file that cannot be fetched is named without the secret.
    del index.files[name]
    (download.pool / name).unlink()
    (download.pool / spare).unlink()
    failed = download(requirements=wanted, **options)
    assert "probe" in failed["msg"]
    index.add("probe", "1.0")
    assert download(requirements=wanted, **options)["resolved"] == []
    # Only the index knows the query of its own link.
    (download.pool / plain).unlink()
    again = download(requirements=wanted, **options)
    assert (again["resolved"], again["downloaded"]) == (["old"], [plain])
    described = run_module(
        "bundle_manifest",
        path=str(download.parent),
        sets=[
            {
                "name": "base",
                "requirements": [*wanted, "x @ https://u:canary-5@h/x.whl?sig=canary-6"],
                "targets": ["old"],
            }
        ],
        targets=[OLD],
    )
    assert "failed" not in described, described
    seen = json.dumps([result, failed]) + (tmp_path / "pip.log").read_text()
    seen += "".join(path.read_text() for path in download.parent.rglob("*") if path.suffix in (".txt", ".json"))
    assert "canary" not in seen, seen[seen.index("canary") - 300 :][:400]


def test_uv_causes_one_warning_for_all_markers_on_the_release_of_the_system(download, index, tmp_path):
    names = ["driver%d" % number for number in range(5)]
    for name in names:
        index.add(name, "1", requires=["extra; platform_release >= '5'"])
    result = download(requirements=["app", *names], targets=[OLD], resolver="uv")
    (warning,) = [str(one) for one in result["warnings"] if "platform_release" in str(one)]
    assert "driver0-1-py3-none-any.whl" in warning
    assert "and 2 more, listed in %s" % (tmp_path / "pip.log") in warning
    assert "app-1.0" not in warning
    assert "driver4-1-py3-none-any.whl" in (tmp_path / "pip.log").read_text()
