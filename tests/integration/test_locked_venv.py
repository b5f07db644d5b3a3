# SPDX-License-Identifier: GPL-3.0-or-later
"""An environment is created if its disk has the space, and a full disk is named."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest

from tests.integration import small_bundle
from tests.integration.simple_index import SimpleIndex
from tests.integration.test_signatures import run

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a small file system needs root")
# Larger than the small disk, and not compressible.
PAYLOAD = b"\n#" + os.urandom(3 << 20).hex().encode()


@pytest.fixture(name="small")
def small_fixture(tmp_path):
    """Return a folder on its own small disk."""
    path = str(tmp_path / "small")
    os.makedirs(path)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", path], check=False).returncode:
        pytest.skip("this machine mounts no tmpfs")
    yield path
    subprocess.run(["umount", "--lazy", path], check=False)


@pytest.fixture(name="make")
def make_fixture(tmp_path):
    """Return a function that creates an environment with a large wheel from an index; TMPDIR is another folder."""
    index = SimpleIndex()
    name = index.add("big", "1", payload=PAYLOAD)
    wheel, data = small_bundle.installed_wheel("pip")
    (tmp_path / wheel).write_bytes(data)
    digest = hashlib.sha256(index.files[name]).hexdigest()

    def make(path, temporary):
        return run(
            "locked_venv",
            {"TMPDIR": str(temporary)},
            path=str(path),
            python=sys.executable,
            lock_content="big==1 --hash=sha256:%s  # %s %d\n" % (digest, name, len(index.files[name])),
            pip_wheel=str(tmp_path / wheel),
            index_url=index.url,
        )

    yield make
    index.stop()


def test_small_tmp_does_not_stop_an_environment_on_a_large_disk(make, small, tmp_path):
    result = make(tmp_path / "venv", small)
    assert not result.get("failed"), result["msg"]
    assert [name for name in os.listdir(str(tmp_path / "venv")) if name.startswith(".tmp")] == []


def test_full_disk_is_named_with_its_free_bytes(make, small, tmp_path):
    result = make(os.path.join(small, "venv"), tmp_path)
    assert result["failed"]
    assert "%s/venv is not complete: the disk is full: %s has " % (small, small) in result["msg"]
    assert " bytes free" in result["msg"]
    subprocess.run(["mount", "-o", "remount,size=200m", small], check=True)
    assert make(os.path.join(small, "venv"), tmp_path)["changed"]
