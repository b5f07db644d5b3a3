# SPDX-License-Identifier: GPL-3.0-or-later
"""What the check of collections promises: archives are judged by their own manifest, and a gap is named with who needs it."""

from __future__ import annotations

import io
import json
import tarfile

import pytest
from ansible_collections.airgap.python.plugins.module_utils._bundle import _collections
from ansible_collections.airgap.python.plugins.module_utils._bundle._collections import Collection
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def archive(path, manifest, name="MANIFEST.json"):
    """Write an archive with one file."""
    data = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    with tarfile.open(path, "w:gz") as stream:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        stream.addfile(member, io.BytesIO(data))
    return str(path)


def info(**changes):
    """Return the manifest of a collection."""
    return {"collection_info": dict({"namespace": "acme", "name": "tools", "version": "1.2.0"}, **changes)}


def test_archive_states_name_version_and_dependencies(tmp_path):
    path = archive(tmp_path / "x.tar.gz", info(dependencies={"acme.base": ">=1.0.0"}))
    assert _collections.read(path) == Collection("acme.tools", "1.2.0", {"acme.base": ">=1.0.0"})
    assert _collections.read(path).filename == "acme-tools-1.2.0.tar.gz"


@pytest.mark.parametrize(
    "manifest",
    [
        b"{}",
        b"[]",
        b"x",
        b'{"collection_info": 1}',
        info(name="../x"),
        info(version="1"),
        info(version="1.2.0/../x"),
        info(namespace=None),
        info(dependencies=["acme.base"]),
    ],
)
def test_archive_that_states_something_else_is_refused(tmp_path, manifest):
    with pytest.raises(AirgapError):
        _collections.read(archive(tmp_path / "x.tar.gz", manifest))


def test_file_that_is_no_archive_of_a_collection_is_refused_with_the_fix(tmp_path):
    (tmp_path / "a").write_bytes(b"text")
    archive(tmp_path / "b", info(), "other.json")
    (tmp_path / "c").write_bytes((tmp_path / "b").read_bytes()[:60])
    for name in "abc":
        with pytest.raises(AirgapError, match="not the archive of a collection.*ansible-galaxy collection build"):
            _collections.read(str(tmp_path / name))


@pytest.mark.parametrize(
    ("version", "wanted", "result"),
    [
        ("1.2.0", "*", True),
        ("1.2.0", "", True),
        ("1.2.0", "1.2.0", True),
        ("1.2.0", "==1.2", True),
        ("1.2.0", "=1.2.0", True),
        ("1.10.0", ">=1.9.0,<2.0.0", True),
        ("2.0.0", ">=1.9.0, <2.0.0", False),
        ("1.2.0", "!=1.2.0", False),
        ("2.0.0-rc.1", ">=2.0.0", False),
        ("2.0.0-rc.2", ">2.0.0-rc.1", True),
        ("2.0.0-rc.10", ">2.0.0-rc.9", True),
        ("2.0.0-1", "<2.0.0-a", True),
        ("2.0.0+build", "==2.0.0", True),
    ],
)
def test_versions_are_compared_as_galaxy_does(version, wanted, result):
    assert _collections.is_met(version, wanted) is result


def test_closed_collections_have_no_problems_and_others_are_left_out():
    known = [
        Collection("acme.tools", "1.2.0", {"acme.base": ">=1.0.0"}),
        Collection("acme.base", "1.5.0", {}),
        Collection("acme.other", "1.0.0", {}),
    ]
    closure = _collections.check([("acme.tools", "*")], known)
    assert closure.problems == ()
    assert [one.name for one in closure.needed] == ["acme.base", "acme.tools"]


def test_gap_is_named_with_who_needs_what():
    known = [Collection("acme.tools", "1.2.0", {"acme.base": ">=2.0.0", "acme.gone": "*", "acme.odd": "~1"})]
    known += [Collection("acme.base", "1.5.0", {}), Collection("acme.odd", "1.0.0", {})]
    assert _collections.check([("acme.tools", ">=3.0.0")], known).problems == (
        "the site needs acme.tools >=3.0.0, and the archive has 1.2.0",
        "acme.tools 1.2.0 needs acme.base >=2.0.0, and the archive has 1.5.0",
        "acme.tools 1.2.0 needs acme.gone *, and there is no archive of it",
        "acme.tools 1.2.0 needs acme.odd in versions that cannot be read: '~1'",
    )


def test_collections_that_need_each_other_are_closed():
    known = [Collection("a.a", "1.0.0", {"a.b": "*"}), Collection("a.b", "1.0.0", {"a.a": "*"})]
    assert len(_collections.check([("a.a", "*")], known).needed) == 2
