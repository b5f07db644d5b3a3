# SPDX-License-Identifier: GPL-3.0-or-later
"""What every index must do for the programs that install: old and new pip, and uv."""

from __future__ import annotations

import os
import time

import pytest

feature = pytest.mark.feature


def spelled(project):
    """Return another spelling of a project's name."""
    return project.upper().replace("-", "_.")


def pinned(project):
    """Return a requirement for exactly the version of a file."""
    name, file = project
    return "%s==%s" % (name, file["filename"].split("-")[1])


def download(client, index, folder, *requirements):
    """Download with a pip; return the names of the files."""
    client("download", "--no-deps", "-q", "-i", index.url, "-d", folder / "out", *requirements)
    return os.listdir(folder / "out")


@feature("pip-old")
def test_oldest_pip_downloads_and_installs(pip_old, index, project, tmp_path):
    assert download(pip_old, index, tmp_path, pinned(project)) == [project[1]["filename"]]
    pip_old("install", "-q", "--no-deps", "-i", index.url, "--target", tmp_path / "there", pinned(project))
    assert os.listdir(tmp_path / "there")


@feature("pip-old")
def test_oldest_pip_compares_hashes(pip_old, index, project, tmp_path):
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text("%s --hash=sha256:%s\n" % (pinned(project), project[1]["sha256"]))
    bad.write_text("%s --hash=sha256:%s\n" % (pinned(project), "0" * 64))
    assert download(pip_old, index, tmp_path, "--require-hashes", "-r", good)
    pip_old("download", "--no-deps", "-i", index.url, "-d", tmp_path / "not", "-r", bad, fails=True)


@feature("pip-middle")
def test_first_pip_that_reads_json_downloads(pip_middle, index, project, tmp_path):
    assert download(pip_middle, index, tmp_path, pinned(project)) == [project[1]["filename"]]


@feature("pip")
def test_newest_pip_downloads_and_installs(pip, index, project, environment, tmp_path):
    assert download(pip, index, tmp_path, pinned(project)) == [project[1]["filename"]]
    pip("--python", environment, "install", "-q", "-i", index.url, pinned(project))
    assert project[0] in pip("--python", environment, "list", "--format=freeze").lower().replace("_", "-")


@feature("pip")
def test_newest_pip_compares_hashes(pip, index, project, tmp_path):
    good = tmp_path / "good.txt"
    good.write_text("%s --hash=sha256:%s\n" % (pinned(project), project[1]["sha256"]))
    assert download(pip, index, tmp_path, "--require-hashes", "-r", good) == [project[1]["filename"]]


@feature("pip")
def test_newest_pip_lists_the_versions(pip, index, project):
    assert project[1]["filename"].split("-")[1] in pip("index", "versions", "-i", index.url, project[0])


@feature("names")
def test_other_spellings_are_found(pip, pip_old, uv, index, project, environment, tmp_path):
    wanted = pinned((spelled(project[0]), project[1]))
    for number, client in enumerate((pip, pip_old)):
        assert download(client, index, tmp_path / str(number), wanted) == [project[1]["filename"]]
    uv("pip", "install", "-q", "--python", environment, "--default-index", index.url, wanted)


@feature("missing")
def test_missing_name_fails_at_once(pip, uv, index, environment, tmp_path):
    before = time.monotonic()
    said = pip("download", "-i", index.url, "-d", tmp_path, "no-such-project-anywhere", fails=True)
    assert "No matching distribution found for no-such-project-anywhere" in said
    said = uv("pip", "install", "--python", environment, "--default-index", index.url, "no-such-project", fails=True)
    assert "no-such-project was not found" in said
    assert time.monotonic() - before < 10


@feature("uv")
def test_uv_installs_and_compiles_with_hashes(uv, index, project, environment, tmp_path):
    options = ["--python", environment, "--default-index", index.url]
    uv("pip", "install", "-q", *options, pinned(project))
    (tmp_path / "in.txt").write_text(pinned(project) + "\n")
    compiled = uv("pip", "compile", "-q", "--generate-hashes", "--no-header", *options, tmp_path / "in.txt")
    assert "--hash=sha256:" + project[1]["sha256"] in compiled
    (tmp_path / "lock.txt").write_text(compiled)
    uv("pip", "sync", "--require-hashes", *options, tmp_path / "lock.txt")


@feature("uv")
def test_uv_locks_and_syncs_a_project_and_the_lock_stays(uv, index, project, environment, tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "site"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["%s"]\n' % pinned(project)
    )
    options = ["--python", environment, "--default-index", index.url]
    uv("lock", *options, cwd=tmp_path)
    first = (tmp_path / "uv.lock").read_text()
    assert project[1]["sha256"] in first
    uv("sync", "--locked", *options, cwd=tmp_path)
    uv("lock", *options, cwd=tmp_path)
    assert (tmp_path / "uv.lock").read_text() == first


@feature("times")
def test_pip_and_uv_choose_by_upload_time(pip, uv, index, project, environment, tmp_path):
    after = ["download", "--no-deps", "-q", "-i", index.url, "-d", tmp_path, "--uploaded-prior-to"]
    pip(*after, "2100-01-01T00:00:00Z", pinned(project))
    pip(*after, "2000-01-01T00:00:00Z", pinned(project), fails=True)
    options = ["--python", environment, "--default-index", index.url, "--exclude-newer"]
    uv("pip", "install", *options, "2100-01-01T00:00:00Z", pinned(project))
    uv("pip", "install", "--reinstall", *options, "2000-01-01T00:00:00Z", pinned(project), fails=True)


@feature("withdrawn")
def test_withdrawn_version_is_installed_only_where_it_is_pinned(
    pip, pip_old, uv, index, withdrawn, environment, tmp_path
):
    name, version = withdrawn
    others = {one["filename"].split("-")[1] for one in index.files(name)} - {version}
    for number, client in enumerate((pip, pip_old)):
        found = download(client, index, tmp_path / str(number), name)
        assert others and {one.split("-")[1] for one in found} <= others
        assert "yanked" in client(
            "download", "--no-deps", "-i", index.url, "-d", tmp_path / "pinned", "%s==%s" % (name, version)
        )
    uv("pip", "install", "--no-deps", "--python", environment, "--default-index", index.url, name)
    said = uv("pip", "list", "--python", environment)
    assert version not in said.split()
