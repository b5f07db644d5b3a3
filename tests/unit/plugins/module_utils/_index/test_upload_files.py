# SPDX-License-Identifier: GPL-3.0-or-later
"""What devpi_upload checks before it sends a file: the metadata that it sends are those of the file that it hashed."""

from __future__ import annotations

import hashlib
import os

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _uploads
from ansible_collections.airgap.python.plugins.module_utils._wheels import _metadata

from tests.integration.simple_index import make_wheel
from tests.unit.plugins.module_utils._bundle.test_manifest import seal


def read_wheels(path, sha256):
    """Return what one wheel declares."""
    return _uploads.read_wheels(_uploads.packaging_for([]), [(str(path), sha256)])


@pytest.fixture(name="wheel")
def wheel_fixture(tmp_path):
    """Return the path of a wheel and its SHA-256."""
    filename, data = make_wheel("app", "1.0", requires=["part>=2"])
    (tmp_path / filename).write_bytes(data)
    return tmp_path / filename, hashlib.sha256(data).hexdigest()


def test_what_a_wheel_declares_is_read_from_the_file_that_was_hashed(wheel, tmp_path, monkeypatch):
    path, sha256 = wheel
    other = tmp_path / "other"
    other.write_bytes(make_wheel("app", "1.0", requires=["evil"])[1])
    real = _metadata.read

    def swapped(*arguments):
        os.replace(other, path)
        return real(*arguments)

    monkeypatch.setattr(_metadata, "read", swapped)
    found = read_wheels(path, sha256)[0]
    assert ("requires_dist", "part>=2") in found.fields


def test_a_link_and_a_file_that_others_can_change_are_refused_by_name(wheel, tmp_path):
    path, sha256 = wheel
    path.chmod(0o666)
    with pytest.raises(AirgapError, match="app-1.0.*can be changed by others: its mode 0666"):
        read_wheels(path, sha256)
    path.chmod(0o644)
    assert read_wheels(path, sha256)[0].project == "app"
    path.rename(tmp_path / "aside")
    path.symlink_to(tmp_path / "aside")
    with pytest.raises(AirgapError, match="app-1.0.*a link"):
        read_wheels(path, sha256)


def test_bundle_that_changed_after_it_was_verified_is_refused_with_both_ids(tmp_path):
    manifest = seal(str(tmp_path))
    assert _uploads.files_of_bundle(str(tmp_path), manifest["id"]) == manifest["files"]
    with pytest.raises(AirgapError, match="is bundle %s, and bundle_id is %s" % (manifest["id"], "a" * 32)):
        _uploads.files_of_bundle(str(tmp_path), "a" * 32)
