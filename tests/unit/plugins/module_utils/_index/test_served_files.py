# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are not wheels are served as one release: those of a bundle, all of them, unchanged, or the former ones."""

from __future__ import annotations

import os
import shutil

import pytest
from ansible_collections.airgap.python.plugins.module_utils._bundle import _sums, _verify
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _release_folder, _served_files

from tests.unit.plugins.module_utils._bundle import test_extras


class Host:
    """An index host with a bundle, and the folder that its front serves."""

    def __init__(self, folder):
        self.bundle = folder / "bundle"
        self.path = folder / "files"
        self.id = ""

    def stage(self, files):
        """Put a bundle in place of the former one; return its id."""
        shutil.rmtree(self.bundle, ignore_errors=True)
        self.id = test_extras.stage(self.bundle, files)["id"]
        return self.id

    def publish(self, check_mode=False, **options):
        """Serve the files of the bundle in place; return the result."""
        params = {
            "path": str(self.path),
            "src": str(self.bundle),
            "bundle_id": self.id,
            "keep": 2,
            "links": True,
            "mount": None,
            "installer": False,
        }
        return _served_files.publish(dict(params, **options), check_mode)

    def served(self):
        """Return file name to content of what is served."""
        return {path.name: path.read_bytes() for path in (self.path / "current/files").iterdir()}

    def is_settled(self, installer=False):
        """Return whether nothing would change."""
        return _served_files.is_settled(str(self.path), str(self.bundle), installer)

    def installer(self):
        """Return path to content of what is served for install.sh."""
        root = self.path / "current/bundle"
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(name="host")
def host_fixture(tmp_path):
    """Return a host."""
    return Host(tmp_path)


def test_files_of_a_bundle_are_served_as_links_and_a_second_run_changes_nothing(host):
    host.stage({"a.txt": b"a", "b.txt": b"b"})
    assert not host.is_settled()
    assert host.publish()["changed"] is True
    assert host.served() == {"a.txt": b"a", "b.txt": b"b"}
    assert os.path.samefile(host.bundle / "files/a.txt", host.path / "current/files/a.txt")
    assert host.is_settled()
    assert host.publish()["changed"] is False
    # The bundle accepts the links.
    _verify.verify(str(host.bundle))


def test_bundle_without_such_files_creates_nothing(host):
    host.stage({})
    assert host.is_settled()
    assert host.publish()["changed"] is False
    assert not host.path.exists()


def test_next_bundle_replaces_them_and_one_without_removes_them(host):
    host.stage({"a.txt": b"a"})
    host.publish()
    host.stage({"a.txt": b"other", "c.txt": b"c"})
    assert not host.is_settled()
    host.publish()
    assert host.served() == {"a.txt": b"other", "c.txt": b"c"}
    host.stage({})
    assert not host.is_settled()
    assert host.publish()["removed"] != []
    assert host.served() == {}
    assert host.is_settled()


def test_installer_is_the_bundle_without_wheels_files_and_reports(host):
    host.stage({"a.txt": b"a"})
    host.publish()
    assert not host.is_settled(installer=True)
    result = host.publish(installer=True)
    assert (result["changed"], result["files"]) == (True, ["a.txt"])
    assert "bundle/SHA256SUMS sha256:" in result["diff"]["after"]
    sums = _sums.parse((host.bundle / "SHA256SUMS").read_text())
    open_part = {path for path in sums if path.split("/")[0] not in ("wheels", "files", "reports")}
    assert {"manifest.json"} < open_part
    assert set(host.installer()) == open_part | {"SHA256SUMS"}
    assert all(data == (host.bundle / path).read_bytes() for path, data in host.installer().items())
    assert host.is_settled(installer=True) and not host.is_settled()
    assert host.publish(installer=True)["changed"] is False
    _verify.verify(str(host.bundle))


def test_rollback_serves_the_installer_of_the_former_bundle_and_without_the_option_it_is_removed(host):
    first = host.stage({})
    host.publish(installer=True)
    before = host.installer()
    host.stage({"b.txt": b"b"})
    host.publish(installer=True)
    assert host.installer() != before
    host.publish(src=None, bundle_id=first)
    assert host.installer() == before
    host.publish()
    assert not (host.path / "current/bundle").exists()


def test_record_that_names_a_path_outside_is_not_a_release(host):
    host.stage({})
    host.publish(installer=True)
    record = host.path / "current/release.json"
    record.write_text(record.read_text().replace("manifest.json", "locks/../../x"))
    assert _served_files.read(str(host.path / "current")) is None


def test_rollback_serves_those_of_the_former_bundle_again(host):
    first = host.stage({"a.txt": b"a"})
    host.publish()
    host.stage({"b.txt": b"b"})
    host.publish()
    assert host.publish(src=None, bundle_id=first)["files"] == ["a.txt"]
    assert host.served() == {"a.txt": b"a"}
    assert host.publish(src=None, bundle_id=first)["changed"] is False


def test_rollback_to_a_bundle_without_files_serves_none(host):
    host.stage({"a.txt": b"a"})
    host.publish()
    host.publish(src=None, bundle_id="f" * 32)
    assert host.served() == {}


def test_file_that_someone_changed_is_written_again(host, monkeypatch):
    def refuse(_source, _target):
        raise OSError("no links here")

    monkeypatch.setattr(_release_folder.os, "link", refuse)
    host.stage({"a.txt": b"a"})
    host.publish()
    assert not os.path.samefile(host.bundle / "files/a.txt", host.path / "current/files/a.txt")
    (host.path / "current/files/a.txt").write_bytes(b"x")
    assert not host.is_settled()
    assert host.publish()["changed"] is True
    assert host.served() == {"a.txt": b"a"}
    (host.path / "current/files/added.txt").write_bytes(b"x")
    assert host.publish()["changed"] is True
    assert host.served() == {"a.txt": b"a"}


def test_run_that_fails_before_the_switch_leaves_what_was_served(host, monkeypatch):
    host.stage({"a.txt": b"a"})
    host.publish()
    host.stage({"a.txt": b"b"})

    def fail(_self, _name):
        raise OSError("the disk is full")

    monkeypatch.setattr(_served_files.ReleaseFolder, "switch", fail)
    with pytest.raises(AirgapError, match="the disk is full. Clients still get those that were served before"):
        host.publish()
    assert host.served() == {"a.txt": b"a"}


def test_check_mode_writes_nothing(host):
    host.stage({"a.txt": b"a"})
    assert host.publish(check_mode=True)["changed"] is True
    assert not host.path.exists()


def test_bundle_that_changed_after_it_was_verified_is_refused(host):
    host.stage({"a.txt": b"a"})
    with pytest.raises(AirgapError, match="the bundle changed after it was verified"):
        host.publish(bundle_id="0" * 32)


def test_no_more_bundles_stay_than_wanted(host):
    for content in (b"a", b"b", b"c"):
        host.stage({"a.txt": content})
        host.publish()
    assert len(os.listdir(host.path / "releases")) == 2


def test_without_links_the_files_are_switched_as_folders(host, monkeypatch):
    monkeypatch.delattr(os, "symlink")
    first = host.stage({"a.txt": b"a"})
    host.publish(links=False)
    assert not (host.path / "current").is_symlink() and host.served() == {"a.txt": b"a"}
    assert host.publish(links=False)["changed"] is False
    assert host.is_settled()
    host.stage({"b.txt": b"b"})
    assert host.publish(links=False)["changed"]
    assert host.served() == {"b.txt": b"b"}
    assert [path.name for path in (host.path / "releases").iterdir()] == [first]
