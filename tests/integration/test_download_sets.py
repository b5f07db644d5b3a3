# SPDX-License-Identifier: GPL-3.0-or-later
"""Several sets in one run of pip_download, with the real pip against an index on loopback."""

from __future__ import annotations

import os

import pytest

from tests.integration.pip_download import NEW, OLD


@pytest.fixture(name="several")
def several_fixture(download):
    """Return a function that downloads sets, each for the target new unless it names others."""

    def run(*sets, **options):
        chosen = [dict({"targets": ["new"]}, **one) for one in sets]
        locks = str(download.parent / "locks")
        return download(targets=[OLD, NEW], requirements=None, sets=chosen, lock_dest=locks, **options)

    return run


BASE = {"name": "base", "requirements": ["app"], "targets": ["old", "new"]}


def test_each_set_has_locks_of_its_own_targets_and_one_run_does_all(several, download, index):
    sets = [BASE, {"name": "web", "requirements_lines": ["extra==1  # airgap: web.txt, line 7"]}]
    result = several(*sets)
    assert result.get("resolved") == ["base/old", "base/new", "web/new"], result
    assert sorted(result["targets"]) == ["base/new", "base/old", "web/new"]
    assert sorted(os.listdir(str(download.parent / "locks/base"))) == ["new.txt", "old.txt"]
    assert os.listdir(str(download.parent / "locks/web")) == ["new.txt"]
    assert "extra-1-py3-none-any.whl" in result["downloaded"]
    assert "extra-1-py3-none-any.whl" not in result["reused"]
    every = [one["filename"] for found in result["targets"].values() for one in found["files"]]
    assert [one["filename"] for one in result["files"]] == sorted(set(every))
    del index.requests[:]
    again = several(*sets)
    assert (again["changed"], again["resolved"], index.requests) == (False, [], [])


def test_constraints_lines_constrain_their_own_set(several):
    result = several(BASE, {"name": "web", "requirements": ["native"], "constraints_lines": ["native<2.1"]})
    assert not result.get("msg"), result
    versions = {name: [one["version"] for one in found["files"]] for name, found in result["targets"].items()}
    assert versions["web/new"] == ["2.0"]
    assert "2.1" in versions["base/new"]


def test_error_names_the_set_and_the_line_and_the_sets_before_it_are_complete(several, download):
    result = several(BASE, {"name": "web", "requirements_lines": ["nothing-like-it  # airgap: web.txt, line 7"]})
    assert result["failed"], result
    assert result["msg"].startswith("Set web: ")
    assert "web.txt, line 7" in result["msg"]
    assert os.path.exists(str(download.parent / "locks/base/new.txt"))


def test_name_to_upgrade_is_unknown_only_if_every_set_lacks_it(several):
    sets = [BASE, {"name": "web", "requirements": ["native"]}]
    several(*sets)
    assert several(*sets, upgrade=["extra", "reqeusts"])["not_locked"] == ["reqeusts"]


def test_sets_do_not_go_together_with_one_set(several):
    assert "sets cannot be combined with requirements" in several(BASE, constraints_files=["/x"])["msg"]
    assert "Set base is for east" in several(dict(BASE, targets=["east"]))["msg"]
    assert "Set base has nothing to download" in several(dict(BASE, requirements=[]))["msg"]


def test_secrets_in_the_lines_of_a_set_are_in_no_result(several):
    lines = ["app @ https://u:pass-word@127.0.0.1:1/app-1.0-py3-none-any.whl?signature=s3cret"]
    result = several({"name": "web", "requirements_lines": lines})
    assert result["failed"]
    assert "pass-word" not in str(result)
    assert "s3cret" not in str(result)


def test_check_mode_writes_nothing(several, download):
    result = several(BASE, check=True)
    assert result["changed"], result
    assert not os.path.exists(str(download.parent / "locks"))


def test_file_that_a_mirror_has_with_its_sha256_is_not_downloaded(several, download, index):
    mirror = download.parent / "mirror"
    (mirror / "aa/bb").mkdir(parents=True)
    (mirror / "cc").mkdir()
    extra, native = "extra-1-py3-none-any.whl", "native-2.1-cp313-cp313-manylinux_2_36_x86_64.whl"
    (mirror / "aa/bb" / extra).write_bytes(index.files[extra])
    (mirror / "cc" / extra).write_bytes(b"other content")
    (mirror / "cc" / native).write_bytes(b"damaged")
    sets = [{"name": "web", "requirements": ["extra", "native"]}]
    result = several(*sets, mirror=str(mirror))
    assert (result.get("mirrored"), result.get("downloaded")) == ([extra], [native]), result
    assert os.path.samefile(str(mirror / "aa/bb" / extra), str(download.pool / extra))
    assert (download.pool / native).read_bytes() == index.files[native]
    lock = (download.parent / "locks/web/new.txt").read_bytes()
    again = several(*sets)
    assert (again["changed"], again["mirrored"], again["reused"]) == (False, [], [extra, native])
    assert (download.parent / "locks/web/new.txt").read_bytes() == lock
