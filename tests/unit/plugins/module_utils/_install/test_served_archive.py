# SPDX-License-Identifier: GPL-3.0-or-later
"""An archive of the index, unpacked next to the one that serves; no member of it leaves its folder."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import os
import tarfile
import threading

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _served_archive


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and counts."""

    requests = 0

    def do_GET(self):
        """Count and serve."""
        Quiet.requests += 1
        super().do_GET()

    def log_message(self, *dummy):
        """Print nothing."""


class Site:
    """An index and a host."""

    def __init__(self, folder, url):
        self.folder, self.url = folder, url
        self.dest = folder / "opt/kubespray"

    def serve(self, *members):
        """Serve an archive of these members, each a name with a text or a changed TarInfo; return its sum."""
        path = self.folder / "served/kubespray.tar.gz"
        with tarfile.open(path, "w:gz") as stream:
            for name, text, changes in members:
                member = tarfile.TarInfo(name)
                member.size = 0 if "type" in changes else len(text)
                for key, value in changes.items():
                    setattr(member, key, value)
                stream.addfile(member, io.BytesIO(text.encode()))
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def apply(self, sha256="", state="present", check_mode=False):
        """Run the module's program."""
        params = {"dest": str(self.dest), "state": state, "url": self.url, "sha256": sha256, "ca_path": None}
        return _served_archive.apply(dict(params, timeout=10, attempts=1), check_mode)


@pytest.fixture(name="site")
def site_fixture(tmp_path):
    """Return a site."""
    (tmp_path / "served").mkdir()
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path / "served"))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Site(tmp_path, "http://127.0.0.1:%d/kubespray.tar.gz" % server.server_port)
    server.shutdown()
    server.server_close()


def test_archive_is_unpacked_once_and_the_former_one_stays(site):
    first = site.serve(
        ("k-1/cluster.yml", "one", {}), ("k-1/link", "", {"type": tarfile.SYMTYPE, "linkname": "cluster.yml"})
    )
    assert site.apply(first, check_mode=True)["changed"]
    assert not site.dest.exists()
    assert site.apply(first) == {"changed": True, "path": str(site.dest)}
    assert (site.dest / "link").read_text() == "one"
    before = Quiet.requests
    assert not site.apply(first)["changed"]
    assert Quiet.requests == before
    second = site.serve(("k-2/cluster.yml", "two", {}))
    assert site.apply(second)["changed"]
    assert (site.dest / "cluster.yml").read_text() == "two"
    third = site.serve(("k-3/cluster.yml", "three", {}))
    assert site.apply(third)["changed"]
    folders = {"kubespray", "kubespray-" + second[:12], "kubespray-" + third[:12]}
    assert set(os.listdir(site.dest.parent)) == folders
    assert site.apply(state="absent")["changed"]
    assert os.listdir(site.dest.parent) == []
    assert not site.apply(state="absent")["changed"]


def test_folder_of_someone_else_is_never_replaced(site):
    site.dest.mkdir(parents=True)
    with pytest.raises(AirgapError, match=r"exists, and is not a link that this collection made"):
        site.apply(site.serve(("a", "x", {})))


def test_file_with_another_sum_is_not_unpacked(site):
    site.serve(("a", "x", {}))
    with pytest.raises(AirgapError, match=r"instead of 0000.*was not unpacked"):
        site.apply("0" * 64)
    assert os.listdir(site.dest.parent) == []


@pytest.mark.parametrize(
    "member",
    [
        ("../evil", "x", {}),
        ("/evil", "x", {}),
        ("a/../../evil", "x", {}),
        ("link", "", {"type": tarfile.SYMTYPE, "linkname": "../../etc/passwd"}),
        ("link", "", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}),
        ("hard", "", {"type": tarfile.LNKTYPE, "linkname": "a"}),
        ("pipe", "", {"type": tarfile.FIFOTYPE}),
    ],
)
def test_member_that_leads_out_of_the_folder_is_refused(site, member):
    sha256 = site.serve(("a", "x", {}), member)
    with pytest.raises(AirgapError, match=r"in the archive"):
        site.apply(sha256)
    assert os.listdir(site.dest.parent) == []


def test_no_file_is_written_through_a_link(site):
    sha256 = site.serve(("a", "x", {}), ("b", "", {"type": tarfile.SYMTYPE, "linkname": "."}), ("b/c", "y", {}))
    with pytest.raises((AirgapError, OSError)):
        site.apply(sha256)
