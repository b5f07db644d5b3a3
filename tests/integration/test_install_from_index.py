# SPDX-License-Identifier: GPL-3.0-or-later
"""install.sh from an index: a host gets it with one request, and it verifies what else it gets before it is used."""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess
import sys
import types

import pytest
from ansible_collections.airgap.python.plugins.module_utils._index import _served_files

from tests.integration import small_bundle
from tests.integration.front_server import FrontServer
from tests.integration.test_install_sh import refused, version_of
from tests.integration.test_static_index import run

pytestmark = pytest.mark.devpi_server
RELEASE = pathlib.Path(small_bundle.ROLE).resolve() / "install.sh"


class Site:
    """An index host with a signed bundle, and a host that has only the CA and the list of officers."""

    def __init__(self, folder):
        self.folder = folder
        self.bundle = folder / "bundle"
        self.venv = folder / "venv"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.pip = small_bundle.installed_wheel("pip")
        self.alice, line = small_bundle.key(folder, "alice")
        (folder / "allowed").write_text(line + "\n")
        self.publish("1.0")
        self.front = FrontServer("static", folder / "static", folder / "front")
        self.index = self.front.url + "/airgap/prod/+simple/"

    def publish(self, version, sign=True):
        """Publish a bundle, and serve its installer."""
        subprocess.run(["rm", "-rf", str(self.bundle)], check=True)
        sets = {"airgap-pip": {"here": [self.pip]}, "base": {"here": small_bundle.application(version)}}
        manifest = small_bundle.write(self.bundle, sets, [small_bundle.here()])
        if sign:
            small_bundle.sign(self.bundle, self.alice)
        bundle = {"src": str(self.bundle), "bundle_id": manifest["id"]}
        assert run(path=str(self.folder / "static"), index="airgap/prod", **bundle).get("changed")
        params = dict(bundle, path=str(self.folder / "front/files"), keep=2, installer=True, links=True, mount=None)
        (self.folder / "front").mkdir(exist_ok=True)
        assert _served_files.publish(params, False)["changed"]

    @property
    def served(self):
        """Return the folder of the installer that is served."""
        return self.folder / "front/files/current/bundle"

    def install(self, *arguments, script=None, index=None):
        """Get install.sh from the index alone into an empty folder, and run it."""
        folder = self.folder / "host"
        folder.mkdir(exist_ok=True)
        (folder / "install.sh").write_bytes(self.front.request("/+bundle/install.sh").data)
        command = ["sh", str(script or folder / "install.sh"), *arguments, "--python", sys.executable]
        command += ["--index", index or self.index, "--ca", self.front.ca]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=str(folder),
            check=False,
            text=True,
            env=dict(os.environ, TMPDIR=str(self.temporary)),
        )
        assert os.listdir(folder) == ["install.sh"]
        assert not os.listdir(self.temporary)
        return types.SimpleNamespace(
            returncode=done.returncode, stdout=done.stdout, stderr=done.stderr, all=done.stdout + done.stderr
        )

    def base(self, **options):
        """Install the set base as the officers allow it."""
        allowed = ["--allowed-signers", str(self.folder / "allowed")]
        return self.install("base", "--venv", str(self.venv), *allowed, **options)


@pytest.fixture(name="site")
def site_fixture(tmp_path):
    """Return a site, whose front is stopped at the end."""
    site = Site(tmp_path)
    yield site
    site.front.stop()


def test_a_set_is_installed_from_the_index_and_the_next_bundle_replaces_it(site):
    done = site.base()
    assert done.returncode == 0, done.all
    assert "Verified: signed by alice@example.org" in done.stdout
    assert "Wheels are downloaded from %s" % site.index in done.stdout
    assert version_of(site.venv) == "1.0"
    assert "Already installed" in site.base().stdout
    site.publish("2.0")
    assert site.base().returncode == 0
    assert version_of(site.venv) == "2.0"


def test_the_program_of_a_release_is_used_instead_of_that_of_the_index(site):
    for path in (site.served / "install").rglob("*.py"):
        path.unlink()
        path.write_text("raise SystemExit('program of the index')\n")
    # Their sums are wrong now, so the program is not even started.
    refused(site.base(), "has another sum than SHA256SUMS says")
    done = site.base(script=RELEASE)
    refused(done, "has another sum than SHA256SUMS says")
    site.publish("1.1")
    done = site.base(script=RELEASE)
    assert done.returncode == 0, done.all


def reseal(site):
    """Correct the sums that are served, as someone can who controls the index host."""
    root = site.served
    lines = []
    for line in (root / "SHA256SUMS").read_text().splitlines():
        path = line[66:]
        sha256 = hashlib.sha256((root / path).read_bytes()).hexdigest() if (root / path).exists() else line[:64]
        lines.append("%s  %s\n" % (sha256, path))
    replace(root / "SHA256SUMS", "".join(lines).encode())


def replace(path, data):
    """Write a file that is a link to one of the bundle."""
    path.unlink()
    path.write_bytes(data)


def test_what_nobody_signed_is_refused(site):
    lock = site.served / "locks/base/here.txt"
    replace(lock, lock.read_bytes().replace(b"app==1.0", b"app==0.9"))
    reseal(site)
    refused(site.base(), "SHA256SUMS.sig of https:", "1 of 1 required signatures is missing", "other content")
    assert not site.venv.exists()
    site.publish("1.1", sign=False)
    refused(site.base(), "the bundle is not signed at all")
    done = site.install("base", "--venv", str(site.venv))
    assert done.returncode == 0 and "UNVERIFIED" in done.stdout


def test_a_wheel_that_was_changed_on_the_index_is_not_installed(site):
    wheel = next((site.folder / "static/current").rglob("app-1.0-*.whl"))
    replace(wheel, wheel.read_bytes() + b"x")
    refused(site.base(), "app-1.0-py3-none-any.whl has sha256", "was not written")
    assert not site.venv.exists()


def test_a_name_that_leads_out_is_never_written(site):
    with open(site.served / "SHA256SUMS", "a", encoding="utf-8") as stream:
        stream.write("%s  locks/../../../out.txt\n" % hashlib.sha256(b"x").hexdigest())
    done = site.install("base", "--venv", str(site.venv))
    refused(done, "could lead out of the bundle")
    assert not list(site.folder.parent.rglob("out.txt"))


def test_each_problem_with_the_index_is_named(site):
    refused(site.install("--list", index=site.index.replace("https:", "http:")), "is not https")
    refused(site.install("--list", index="https://localhost:9/x/y/+simple/"), "https://localhost:9", "cannot be read")
    refused(site.install("none"), "There is no set none in this bundle. It has: airgap-pip, base")
    assert "(here: here)" in site.install("--list").stdout
    for more in (["--bundle", "/x"], ["--base", "/x"]):
        assert site.install("--list", *more).returncode == 2
    (site.folder / "front/files/current").unlink()
    done = subprocess.run(
        ["sh", str(RELEASE), "--list", "--python", sys.executable, "--index", site.index, "--ca", site.front.ca],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
    )
    assert done.returncode == 1 and "Set publish_installer: true, and play index" in done.stdout
