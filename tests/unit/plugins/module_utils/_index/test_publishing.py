# SPDX-License-Identifier: GPL-3.0-or-later
"""What is sent, what the server copies, and what is refused before and after it."""

from __future__ import annotations

import json
import types
import typing

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _publishing, _unchanged

A, B, C = "a" * 64, "b" * 64, "c" * 64


def file(project, sha256, version="1.0", tag="py3-none-any"):
    """Return a file of a bundle."""
    name = "%s-%s-%s.whl" % (project.replace("-", "_"), version, tag)
    return _publishing.File(name, "/bundle/wheels/" + name, sha256, project, version)


def listed(*files, requires_python=""):
    """Return what an index lists that has these files."""
    return {one.filename: (one.sha256, requires_python) for one in files}


def test_files_that_the_index_lacks_are_sent_and_those_that_are_not_the_bundles_are_removed():
    wanted = [file("one", A), file("two", B), file("three", C)]
    found = listed(file("one", A), file("two", C), file("four", C))
    lacking, foreign = _publishing.compare(wanted, found)
    assert [one.project for one in lacking] == ["two", "three"]
    assert foreign == ["four-1.0-py3-none-any.whl", "two-1.0-py3-none-any.whl"]
    assert _publishing.compare(wanted, listed(*wanted)) == ([], [])


def test_server_copies_a_version_only_if_all_files_of_it_are_the_bundles():
    one, linux, windows = file("a-one", A), file("two", B, tag="cp311-cp311-linux"), file("two", C, tag="cp311-win")
    lacking = [one, linux]
    copied = _publishing.versions_to_copy(lacking, listed(one, linux, file("three", C)))
    assert copied == {one.filename: ("a-one", "1.0"), linux.filename: ("two", "1.0")}
    # devpi would copy the wheel for Windows too, which the bundle does not have.
    assert _publishing.versions_to_copy(lacking, listed(linux, windows)) == {}
    assert _publishing.versions_to_copy(lacking, listed(one._replace(sha256=C))) == {}


def test_other_content_under_a_published_name_is_refused_with_both_sums():
    with pytest.raises(AirgapError, match="one-1.0-py3-none-any.whl .sha256 here %s, there %s." % (A, B)):
        _publishing.check_names("airgap/prod-x", [file("one", A)], listed(file("one", B)))
    _publishing.check_names("airgap/prod-x", [file("one", A)], listed(file("one", A), file("two", B)))


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (listed(file("one", A)), "two-1.0-py3-none-any.whl is not listed"),
        (listed(file("one", A), file("two", C)), "two-1.0-py3-none-any.whl has sha256 %s instead of %s" % (C, B)),
        (listed(file("one", A), file("two", B), file("x", C)), "x-1.0-py3-none-any.whl is not in the bundle"),
        (listed(file("one", A), file("two", B), requires_python=">=4"), "has Requires-Python '>=4'"),
    ],
)
def test_index_that_lists_anything_else_than_the_bundle_is_not_served(found, why):
    files = [file("one", A), file("two", B)]
    declared = {("one", "1.0"): {""}, ("two", "1.0"): {""}}
    _publishing.check_read_back("airgap/prod-x", files, listed(*files), declared)
    with pytest.raises(AirgapError) as caught:
        _publishing.check_read_back("airgap/prod-x", files, found, declared)
    assert why in str(caught.value) and "Nodes still get what was served before" in str(caught.value)


def test_change_by_someone_else_meanwhile_is_noticed():
    client: typing.Any = types.SimpleNamespace(serial=7)
    steady = _publishing.Steady()
    steady.wrote(client)
    client.serial = 9
    steady.read(client)
    client.serial = 10
    steady.wrote(client)
    steady.wrote(client)
    assert steady.is_so
    client.serial = 11
    steady.read(client)
    assert not steady.is_so
    steady = _publishing.Steady()
    steady.read(client)
    client.serial = 13
    steady.wrote(client)
    assert not steady.is_so


def test_memory_counts_only_for_the_same_server_serial_index_bundle_and_password(tmp_path):
    path = str(tmp_path / "publishing/devpi.json")
    state = _unchanged.state("uuid", 7, "airgap/prod", "a" * 32, [1, 2, 3])
    assert not _unchanged.is_same(path, state)
    _unchanged.remember(path, state)
    assert _unchanged.is_same(path, state) and not _unchanged.is_same(None, state)
    for key, value in (("uuid", "x"), ("serial", 8), ("index", "x/y"), ("id", "b" * 32), ("password", [1, 2, 4])):
        assert not _unchanged.is_same(path, dict(state, **{key: value}))
    for text in ("", "{", "[" * 100000, json.dumps(dict(state, more=1))):
        (tmp_path / "publishing/devpi.json").write_text(text)
        assert not _unchanged.is_same(path, state)


@pytest.mark.parametrize("missing", [{"uuid": ""}, {"serial": -1}, {"password": []}])
def test_memory_never_counts_where_the_server_or_the_password_is_not_known(tmp_path, missing):
    path = str(tmp_path / "devpi.json")
    state = dict(_unchanged.state("uuid", 7, "airgap/prod", "a" * 32, [1]), **missing)
    _unchanged.remember(path, state)
    assert not _unchanged.is_same(path, state)


def test_only_empty_folders_are_removed(tmp_path):
    (tmp_path / "index/+f/abc/def").mkdir(parents=True)
    (tmp_path / "index/+f/123/456").mkdir(parents=True)
    (tmp_path / "index/+f/123/456/file.whl").write_text("x")
    (tmp_path / "elsewhere/empty").mkdir(parents=True)
    (tmp_path / "index/link").symlink_to(tmp_path / "elsewhere")
    _publishing.remove_empty(str(tmp_path / "index"))
    assert (tmp_path / "index/+f/123/456/file.whl").exists() and (tmp_path / "elsewhere/empty").exists()
    assert not (tmp_path / "index/+f/abc").exists()
    _publishing.remove_empty(str(tmp_path / "nothing"))
