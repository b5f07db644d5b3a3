# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bundle promises about files besides its wheels: carried, verified and removed like them, under safe names alone."""

from __future__ import annotations

import io
import json
import os
import shutil

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import (
    _composition,
    _import,
    _layout,
    _manifest,
    _schema,
    _seal,
    _sums,
    _verify,
)
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._report import _changes
from ansible_collections.airgap.python.plugins.module_utils._transfer import _sender, _stream, _volumes
from ansible_collections.airgap.python.plugins.module_utils._transfer._export import Export
from ansible_collections.airgap.python.plugins.module_utils._transfer._reception import Offer, Reception
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock
from packaging.version import Version

from tests.unit.plugins.module_utils._bundle.test_manifest import SETS, TARGETS, write


def stage(root, files, base=None, created="2026-01-01T00:00:00Z"):
    """Compose and seal a bundle of one wheel and other files, as the role stage does; return its manifest."""
    sha256 = write(root, "wheels/flask-1.0-py3-none-any.whl", b"flask" * 50)
    pin = _lock.Pin("flask", "1.0", sha256, "flask-1.0-py3-none-any.whl", 250)
    write(root, "locks/base/node.txt", _lock.render([pin], "node", "x").encode())
    extras = [
        {"filename": name, "kind": "file", "sha256": write(root, "files/" + name, data), "origin": "source:" + name}
        for name, data in files.items()
    ]
    plan = _composition.plan(str(root), _composition.Order(SETS, TARGETS, created, base=base, extras=extras))
    _composition.apply(plan)
    _seal.apply(_seal.plan(str(root), ""))
    return plan.after


def verified(root, **options):
    """Return the paths of a bundle that is verified."""
    return sorted(entry.path for entry in _verify.verify(str(root), **options)[1])


def refusal(root):
    """Return the message with which a bundle is refused."""
    with pytest.raises(AirgapError) as caught:
        _verify.verify(str(root))
    return str(caught.value)


class Hop:
    """A host that receives what a folder offers."""

    def __init__(self, source, place):
        self.source, self.place = str(source), str(place)

    def reception(self, **params):
        """Return the receiving side of what is offered."""
        manifest, entries = _verify.verify(self.source)
        sums = {entry.path: entry.sha256 for entry in entries}
        return Reception(self.place, self.place + ".incoming", Offer(manifest["id"], sums["SHA256SUMS"], ""), params)

    def transfer(self, **params):
        """Send what is missing; return the paths of which bytes were sent, apart from the open part."""
        started = self.reception(**params).receive()
        if not started["open"]:
            return []
        sha256 = self.reception().offer.sha256
        stream = io.BytesIO()
        _stream.write_open(self.source, _sender.open_part(self.source, sha256, started["known"]), stream.write)
        stream.seek(0)
        opened = self.reception(**params).receive(stream)
        if not opened["wanted"]:
            return []
        dummy, parts = _sender.pool_parts(self.source, sha256, opened["wanted"])
        stream = io.BytesIO()
        _stream.write(self.source, parts, stream.write)
        stream.seek(0)
        self.reception(**params).receive(stream, opened["wanted"])
        return sorted({part.path for part in parts})


def test_bundle_without_other_files_has_the_manifest_that_it_always_had(tmp_path):
    manifest = stage(tmp_path, {})
    assert "extras" not in manifest
    pins = {("base", "node"): _lock.parse_pins((tmp_path / "locks/base/node.txt").read_text(), "x")}
    assert manifest == _composition.compose(SETS, TARGETS, pins, [], "2026-01-01T00:00:00Z")


def test_reader_that_knows_no_other_files_refuses_them_and_does_not_ignore_them(tmp_path):
    stage(tmp_path, {"a.txt": b"a"})
    older = json.loads(json.dumps(_schema.MANIFEST))
    del older["properties"]["extras"]
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert _schema.first_error(manifest, older) == "it has the unknown key 'extras'"


def test_other_file_is_in_manifest_and_sums_and_is_verified(tmp_path):
    manifest = stage(tmp_path, {"b.txt": b"bb", "a.tar.gz": b"a"})
    assert [(one["path"], one["size"]) for one in manifest["extras"]] == [("files/a.tar.gz", 1), ("files/b.txt", 2)]
    assert {"files/a.tar.gz", "files/b.txt"} < set(_sums.parse((tmp_path / "SHA256SUMS").read_text()))
    assert "files/a.tar.gz" in verified(tmp_path)
    (tmp_path / "files/a.tar.gz").write_bytes(b"b")
    assert "files/a.tar.gz has sha256" in refusal(tmp_path)
    (tmp_path / "files/a.tar.gz").unlink()
    assert "files/a.tar.gz is missing" in refusal(tmp_path)


def test_file_that_someone_added_is_refused(tmp_path):
    stage(tmp_path, {"a.txt": b"a"})
    write(tmp_path, "files/b.txt", b"b")
    assert "files/b.txt is not in the bundle's sums" in refusal(tmp_path)


def test_same_content_has_the_same_id_and_another_content_another(tmp_path):
    first = stage(tmp_path / "one", {"a.txt": b"a"})
    assert stage(tmp_path / "two", {"a.txt": b"a"}, created="2026-02-01T00:00:00Z")["id"] == first["id"]
    assert stage(tmp_path / "three", {"a.txt": b"b"})["id"] != first["id"]


def test_file_with_another_sum_than_the_site_requires_is_refused_with_both_sums(tmp_path):
    stage(tmp_path, {"a.txt": b"a"})
    extras = [{"filename": "a.txt", "kind": "file", "sha256": "f" * 64}]
    with pytest.raises(AirgapError, match="files/a.txt has sha256 ca978112.*, and the site requires fff"):
        _composition.plan(str(tmp_path), _composition.Order(SETS, TARGETS, extras=extras))


def test_file_that_is_no_longer_wanted_is_removed_and_a_foreign_one_is_an_error(tmp_path):
    stage(tmp_path, {"a.txt": b"a", "b.txt": b"b"})
    os.unlink(tmp_path / "files/b.txt")
    stage(tmp_path, {"a.txt": b"a"})
    assert "files/b.txt" not in verified(tmp_path)
    write(tmp_path, "files/c.txt", b"c")
    with pytest.raises(AirgapError, match=r"files/c.txt is neither .* Remove it"):
        stage(tmp_path, {"a.txt": b"a"})
    os.unlink(tmp_path / "files/c.txt")
    stage(tmp_path, {})
    assert not [path for path in verified(tmp_path) if path.startswith("files/")]


@pytest.mark.parametrize(
    "name", ["../x", "a/b", ".hidden", "-rf", "a b", "a%2e", "a?b", "a#b", "é", "a\nb", "con:x", "", "x" * 202]
)
def test_name_that_another_program_reads_otherwise_is_refused(tmp_path, name):
    assert not _layout.is_file_name(name)
    assert not _layout.has_place("files/" + name)
    manifest = stage(tmp_path, {"a.txt": b"a"})
    manifest["extras"][0]["path"] = "files/" + name
    manifest["id"] = _manifest.identify(manifest)
    with pytest.raises(AirgapError):
        _manifest.parse(_json.render(manifest))


def test_two_names_that_differ_only_by_case_are_refused(tmp_path):
    manifest = stage(tmp_path, {"a.txt": b"a"})
    manifest["extras"].append(dict(manifest["extras"][0], path="files/A.txt"))
    manifest["id"] = _manifest.identify(manifest)
    with pytest.raises(AirgapError, match="the same file on some file systems"):
        _manifest.parse(_json.render(manifest))


def test_file_outside_of_its_folder_is_refused(tmp_path):
    manifest = stage(tmp_path, {"a.txt": b"a"})
    for path in ("wheels/a.txt", "reports/report.html", "install.sh", "a.txt"):
        manifest["extras"][0]["path"] = path
        manifest["id"] = _manifest.identify(manifest)
        with pytest.raises(AirgapError):
            _manifest.parse(_json.render(manifest))


def test_transfer_brings_other_files_and_a_new_content_replaces_the_old(tmp_path):
    hop = Hop(tmp_path / "source", tmp_path / "hop/bundle")
    stage(hop.source, {"a.txt": b"a", "b.txt": b"b"})
    assert hop.transfer() == ["files/a.txt", "files/b.txt", "wheels/flask-1.0-py3-none-any.whl"]
    assert hop.transfer() == []
    stage(hop.source, {"a.txt": b"other", "b.txt": b"b"})
    assert hop.transfer() == ["files/a.txt"]
    assert (tmp_path / "hop/bundle/files/a.txt").read_bytes() == b"other"
    os.unlink(tmp_path / "source/files/b.txt")
    stage(hop.source, {"a.txt": b"other"})
    assert hop.transfer() == []
    assert "files/b.txt" not in verified(hop.place)


def test_delta_leaves_out_what_the_base_has_whatever_its_name(tmp_path):
    hop = Hop(tmp_path / "source", tmp_path / "hop/bundle")
    first = stage(hop.source, {"a.txt": b"a", "b.txt": b"b"})
    hop.transfer()
    inventory = _import.inventory(first, [first["id"]])
    base = _manifest.parse_base(_json.render(inventory), "inventory.json")
    assert [claim.filename for claim in base.claims] == ["flask-1.0-py3-none-any.whl"]
    shutil.rmtree(hop.source)
    second = stage(hop.source, {"renamed.txt": b"a", "c.txt": b"c"}, base)
    assert {one["path"]: one["carried"] for one in second["extras"]} == {
        "files/renamed.txt": False,
        "files/c.txt": True,
    }
    assert hop.transfer(complete=True) == ["files/c.txt"]
    manifest, dummy = _verify.verify(hop.place, whole=True)
    assert manifest == second
    assert (tmp_path / "hop/bundle/files/renamed.txt").read_bytes() == b"a"


def test_delta_whose_base_lacks_a_file_is_refused_with_its_name(tmp_path):
    base = _manifest.Base("b" * 32, frozenset([write(tmp_path / "other", "a.txt", b"a")]))
    stage(tmp_path / "bundle", {"a.txt": b"a"}, base)
    os.unlink(tmp_path / "bundle/files/a.txt")
    assert "files/a.txt" not in verified(tmp_path / "bundle")
    with pytest.raises(AirgapError, match="the first is files/a.txt"):
        _verify.verify(str(tmp_path / "bundle"), whole=True)


def test_disk_carries_other_files_in_its_volumes(tmp_path):
    stage(tmp_path / "bundle", {"a.txt": b"a" * 5000})
    export = Export(str(tmp_path / "bundle"), str(tmp_path / "disk"), 4096)
    assert {part.path for one in export.volumes for part in one.parts} == {
        "files/a.txt",
        "wheels/flask-1.0-py3-none-any.whl",
    }
    sums = {one.name: export.write_volume(one.name)[0].sha256 for one in export.volumes}
    export.write_open_part(sums)
    assert not os.path.exists(os.path.join(export.folder, "files"))
    assert verified(export.folder, ignored=_volumes.is_among_volumes)


def test_changes_name_added_changed_and_removed_files(tmp_path):
    first = stage(tmp_path / "one", {"a.txt": b"a", "b.txt": b"b"})
    second = stage(tmp_path / "two", {"a.txt": b"other", "c.txt": b"c"})
    changes = _changes.compare(first, second, Version)
    assert {kind: [one["path"] for one in found] for kind, found in changes["extras"].items()} == {
        "added": ["files/c.txt"],
        "changed": ["files/a.txt"],
        "removed": ["files/b.txt"],
    }
    assert [one["path"] for one in changes["files"]["new"]] == ["files/a.txt", "files/c.txt"]
    assert "extras" not in _changes.compare(second, second, Version)
    inventory = _changes.parse_base(_json.render(_import.inventory(first, [first["id"]])), "inventory.json")
    assert _changes.compare(inventory, second, Version)["extras"] == changes["extras"]
