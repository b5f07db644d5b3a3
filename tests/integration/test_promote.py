# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook promote on this machine: what passes its test on one index gets to the other, and a CI job can watch it."""

from __future__ import annotations

import json
import sys

import pytest

from tests.integration import small_bundle
from tests.integration.devpi_server import (  # noqa: F401  # pylint: disable=unused-import
    OWNER_PASSWORD,
    devpi_bin,
    process,
)
from tests.integration.test_devpi_modules import wheel
from tests.integration.test_playbooks import Control

pytestmark = pytest.mark.devpi_server


class Site(Control):
    """A site of one machine, with site/staging and site/prod on a server."""

    def __init__(self, server, folder):
        super().__init__(folder)
        self.server = server
        self.passwords = folder / "passwords"
        self.passwords.mkdir(mode=0o700)
        for user, text in (("root", (server.folder / "root.password").read_text()), ("site", OWNER_PASSWORD)):
            (self.passwords / (user + ".password")).write_text(text)
            (self.passwords / (user + ".password")).chmod(0o600)
        self.write({"airgap_index": ["index"], "airgap_nodes": ["node"]})

    def promote(self, *options, **variables):
        """Play the playbook; return its status and its output."""
        values = {
            "airgap_dir": str(self.folder),
            "publish_url": self.server.url,
            "publish_password_dir": str(self.passwords),
            "promote_from": "site/staging",
            "promote_to": "site/prod",
            "pip_conf_index_url": self.server.url + "/site/staging/+simple/",
        }
        return self.play("promote", *options, **{**values, **variables})

    def listed(self, index="site/prod"):
        """Return the projects that an index holds itself."""
        return self.server.get("/" + index)["result"]["projects"]

    def hook(self):
        """Return what the hook file says."""
        return json.loads((self.folder / "promotion.json").read_text())


@pytest.fixture(name="site")
def site_fixture(process, tmp_path):  # noqa: F811
    """Return a site whose staging has a version of demo."""
    process.clear()
    for name in ("staging", "prod"):
        process.create_index("site/" + name)
    done = process.upload([wheel(tmp_path)], index="site/staging", login_user="site")
    assert "msg" not in done, done
    return Site(process, tmp_path)


def test_what_passes_its_test_is_promoted_once_and_written_to_the_hook_file(site):
    gate = """%s -c "import os, sys; print(os.environ['AIRGAP_PROMOTE_VERSIONS']);
sys.exit(os.environ['AIRGAP_INDEX_URL'] != '%s/site/staging/+simple/')" """
    gate = " ".join((gate % (sys.executable, site.server.url)).split())
    asked = {"promote_versions": "demo==1.0", "promote_gate": gate}
    rc, output = site.promote("--check", **asked)
    assert rc == 0 and "site/prod would get 1 files from site/staging: demo==1.0" in output, output
    assert site.listed() == [] and not (site.folder / "promotion.json").exists()
    rc, output = site.promote(**asked)
    assert rc == 0 and site.listed() == ["demo"], output
    hook = site.hook()
    assert (hook["result"], hook["from"], hook["to"], hook["versions"]) == (
        "promoted",
        "site/staging",
        "site/prod",
        ["demo==1.0"],
    )
    before = (site.folder / "promotion.json").stat().st_mtime_ns
    rc, output = site.promote(**dict(asked, promote_gate="/bin/false"))
    assert rc == 0 and "1 were on it already" in output, output
    assert (site.folder / "promotion.json").stat().st_mtime_ns == before
    assert "changed=0" in site.last


def test_what_fails_its_test_is_not_promoted_and_the_hook_file_says_why(site):
    gate = "%s -c \"import sys; sys.exit('demo is broken')\"" % sys.executable
    rc, output = site.promote(promote_versions=["demo==1.0"], promote_gate=gate)
    assert rc != 0 and "Nothing was promoted to site/prod, because its test failed" in output, output
    assert "demo is broken" in output and site.listed() == []
    assert site.hook()["result"] == "refused" and "demo is broken" in site.hook()["reason"]


def test_nothing_is_promoted_without_a_gate_unless_that_is_asked_for_by_name(site):
    rc, output = site.promote(promote_versions=["demo==1.0"])
    assert rc != 0 and "promote_gate=none promotes without tests" in output and site.listed() == []
    rc, output = site.promote(promote_versions=["demo==1.0"], promote_gate="none")
    assert rc == 0 and site.listed() == ["demo"], output


@pytest.mark.long
def test_a_bundle_is_served_after_its_set_was_installed_from_staging_and_tested(site, tmp_path):
    root = site.folder / "bundle"
    pip = small_bundle.installed_wheel("pip")
    sets = {"airgap-pip": {"here": [pip]}, "base": {"here": small_bundle.application()}}
    manifest = small_bundle.write(root, sets, [small_bundle.here()])
    files = [{"path": str(root / one["path"]), "sha256": one["sha256"]} for one in manifest["files"]]
    asked = {
        "promote_bundle": True,
        "promote_gate_set": "base",
        "promote_gate": "python -c 'import app'",
        "airgap_sets": [{"name": "base", "requirements": ["app"]}],
        "airgap_targets": [small_bundle.here()],
        "install_python": sys.executable,
        "install_dir": str(tmp_path / "gate"),
    }
    rc, output = site.promote(**asked)
    assert rc != 0 and "Index site/staging does not have the files of the bundle" in output, output
    done = site.server.upload(files, index="site/staging", login_user="site")
    assert "msg" not in done, done
    rc, output = site.promote(**dict(asked, promote_gate="python -c 'import nothing'"))
    assert rc != 0 and "ModuleNotFoundError: No module named 'nothing'" in output, output
    rc, output = site.promote(**asked)
    assert rc == 0, output
    page = {
        one["name"] for one in site.server.get("/site/prod/+simple/", "application/vnd.pypi.simple.v1+json")["projects"]
    }
    assert {entry["name"] for entry in manifest["files"]} <= page
    assert site.hook()["bundle"] == manifest["id"]
    rc, output = site.promote(**asked)
    assert rc == 0 and "changed=0" in site.last, output
