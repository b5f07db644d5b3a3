# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook mirror makes the same bundle as stage, from a mirror of the real bandersnatch, and the second run changes nothing."""

from __future__ import annotations

import os
import re
import sys

import pytest

from tests.integration import bandersnatch_mirror, small_bundle
from tests.integration.simple_index import SimpleIndex
from tests.integration.test_playbooks import Control

SETS = [{"name": "web", "requirements": ["app"]}]


class Site:
    """A host that stages, and an upstream on loopback."""

    def __init__(self, folder):
        self.index = SimpleIndex()
        self.index.add("app", "1.0", requires=["lib>=1"])
        self.index.add("lib", "1.0")
        self.index.add_sdist("lib", "1.0")
        self.index.add("lib", "0.9")
        self.index.files.update([small_bundle.installed_wheel("pip")])
        self.place = folder / "srv"
        # As after a first run, which would install it from the index.
        (self.place / "stage").mkdir(parents=True)
        (self.place / "stage/mirror").symlink_to(bandersnatch_mirror.install().parent)
        self.control = Control(folder)
        self.control.write({"airgap_stage": ["here"]}, here={"airgap_dir": str(self.place)})

    def play(self, name="mirror", *options, **variables):
        """Play mirror; return the status and the output."""
        site = {
            "airgap_sets": SETS,
            "airgap_targets": [small_bundle.here()],
            "airgap_index_kind": "folder",
            "stage_python": sys.executable,
            "stage_pip": "pip>=23.2",
            "stage_index_url": self.index.url,
            "stage_devpi_requirements": ["lib"],
            "stage_audit": "off",
            "stage_evidence": [],
        }
        return self.control.play(name, *options, **dict(site, **variables))


@pytest.fixture(name="site")
def site_fixture(tmp_path, monkeypatch):
    """Return a site."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    site = Site(tmp_path)
    yield site
    site.index.stop()


def changes(said):
    """Return how many tasks changed something."""
    return re.findall(r"here : ok=\d+ changed=(\d+)", said)


def test_bundle_comes_from_the_mirror_and_is_the_one_that_stage_makes(site):
    rc, said = site.play()
    assert rc == 0, said
    bundle, web = site.place / "bundle", site.place / "mirror/web"
    assert (bundle / "SHA256SUMS").exists()
    wheels = sorted(os.listdir(str(bundle / "wheels")))
    assert wheels == sorted(
        ["app-1.0-py3-none-any.whl", "lib-1.0-py3-none-any.whl", small_bundle.installed_wheel("pip")[0]]
    )
    mirrored = {path.name: path for path in (web / "packages").rglob("*") if path.is_file()}
    assert sorted(mirrored) == sorted([*wheels, "lib-1.0.tar.gz"])
    assert all(os.path.samefile(str(bundle / "wheels" / name), str(mirrored[name])) for name in wheels)
    assert "The locks name 3 of them" in said
    del site.index.requests[:]
    before = small_bundle.snapshot(bundle)
    for name in ("mirror", "stage"):
        rc, said = site.play(name)
        assert rc == 0, said
        assert changes(said) == ["0"], said
    assert (site.index.requests, small_bundle.snapshot(bundle)) == ([], before)


@pytest.mark.long
def test_check_mode_changes_nothing_and_a_private_project_can_be_left_to_pip(site):
    rc, said = site.play("mirror", "--check")
    assert rc == 0, said
    assert sorted(os.listdir(str(site.place))) == ["stage"]
    rc, said = site.play(stage_mirror_except=["lib"])
    assert rc == 0, said
    assert (site.place / "bundle/wheels/lib-1.0-py3-none-any.whl").exists()
    assert not (site.place / "mirror/web/simple/lib").exists()


@pytest.mark.long
def test_version_that_appears_while_the_mirror_is_made_stops_the_run_and_the_next_one_mirrors_it(site):
    answer = site.index.project_json

    def release(project):
        site.index.add("lib", "1.1")
        return answer(project)

    site.index.project_json = release
    rc, said = site.play()
    assert rc != 0, said
    assert (
        "lib-1.1-py3-none-any.whl did not come from the mirror, because the index changed meanwhile. Run again." in said
    )
    assert not (site.place / "bundle/SHA256SUMS").exists()
    rc, said = site.play()
    assert rc == 0, said
    assert list((site.place / "mirror/web/packages").rglob("lib-1.1-py3-none-any.whl"))
    assert sorted(path.name for path in (site.place / "bundle/wheels").glob("lib*")) == ["lib-1.1-py3-none-any.whl"]
