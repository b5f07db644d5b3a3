# SPDX-License-Identifier: GPL-3.0-or-later
"""A checkout or a release archive on the control host: what is read of it, and what is packed."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.plugin_utils import _release


def write(folder, files):
    """Write files below a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def archive(path, files):
    """Write an archive with these files."""
    with tarfile.open(path, "w:gz") as stream:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            stream.addfile(member, io.BytesIO(text.encode()))
    return str(path)


def names(path):
    """Return the names in an archive."""
    with tarfile.open(path) as stream:
        return stream.getnames()


def test_file_of_a_folder_and_of_an_archive_is_read_wherever_the_archive_has_it(tmp_path):
    write(tmp_path / "checkout", {"requirements.txt": "netaddr"})
    release = archive(tmp_path / "release.tar.gz", {"kubespray-2.31.1/requirements.txt": "jmespath"})
    collection = archive(tmp_path / "collection.tgz", {"requirements.txt": "ansible", "roles/x/requirements.txt": "no"})
    assert _release.read_text(str(tmp_path / "checkout"), "requirements.txt") == "netaddr"
    assert _release.read_text(release, "requirements.txt") == "jmespath"
    assert _release.read_text(collection, "requirements.txt") == "ansible"
    assert _release.read_text(release, "galaxy.yml") is None


def test_archive_that_is_damaged_is_named(tmp_path):
    path = tmp_path / "release.tar.gz"
    path.write_bytes(b"no archive")
    with pytest.raises(
        AirgapError, match=r"requirements.txt of .*release.tar.gz cannot be read.*Get the release again"
    ):
        _release.read_text(str(path), "requirements.txt")


def test_same_files_are_packed_to_the_same_bytes_with_links_and_modes(tmp_path):
    write(tmp_path / "checkout", {"cluster.yml": "x", "scripts/run.sh": "y"})
    os.chmod(tmp_path / "checkout/scripts/run.sh", 0o700)
    os.symlink("cluster.yml", tmp_path / "checkout/link.yml")
    sums = set()
    for number in range(2):
        os.utime(tmp_path / "checkout/cluster.yml", (number, number))
        _release.pack(str(tmp_path / "checkout"), str(tmp_path / "kubespray.tar.gz"))
        sums.add(hashlib.sha256((tmp_path / "kubespray.tar.gz").read_bytes()).hexdigest())
    assert len(sums) == 1
    with tarfile.open(tmp_path / "kubespray.tar.gz") as stream:
        found = {one.name: (one.mode, one.linkname) for one in stream}
    assert found == {
        "kubespray/cluster.yml": (0o644, ""),
        "kubespray/link.yml": (0o777, "cluster.yml"),
        "kubespray/scripts/run.sh": (0o755, ""),
    }


def test_of_a_git_checkout_only_tracked_files_are_packed(tmp_path):
    folder = tmp_path / "checkout"
    write(folder, {"cluster.yml": "x", "inventory/mycluster/credentials/kubeadm.creds": "secret"})
    for command in (["init", "-q"], ["add", "cluster.yml"]):
        subprocess.run(["git", "-C", str(folder), *command], check=True)
    _release.pack(str(folder), str(tmp_path / "kubespray.tar.gz"))
    assert names(tmp_path / "kubespray.tar.gz") == ["kubespray/cluster.yml"]
