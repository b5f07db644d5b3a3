# SPDX-License-Identifier: GPL-3.0-or-later
"""The role install on a node: two calls, no request by a node that is right, rollback, and two Pythons."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.integration import interpreters, small_bundle
from tests.integration.simple_index import SimpleIndex
from tests.integration.test_playbooks import Control


class Site:
    """An index host with a bundle, an index that serves it, and a node; all of them this machine."""

    def __init__(self, folder):
        self.folder = folder
        self.control = Control(folder)
        self.index = SimpleIndex()
        self.opt = folder / "opt"
        self.targets = [small_bundle.here()]
        self.sets = [{"name": "base"}]
        self.pip = {"here": [small_bundle.installed_wheel("pip")]}

    def publish(self, version, **more):
        """Write a bundle with a version of the application, and serve its files."""
        sets = {"airgap-pip": self.pip, "base": {"here": small_bundle.application(version)}, **more}
        shutil.rmtree(str(self.folder / "srv"), ignore_errors=True)
        small_bundle.write(self.folder / "srv/bundle", sets, self.targets)
        for path in (self.folder / "srv/bundle/wheels").iterdir():
            self.index.files[path.name] = path.read_bytes()

    def play(self, *options, **variables):
        """Play the role on the node."""
        self.control.write(
            {"airgap_index": ["idx"], "airgap_nodes": ["node"]}, idx={"airgap_dir": str(self.folder / "srv")}
        )
        values = {
            "airgap_sets": self.sets,
            "airgap_targets": self.targets,
            "install_python": sys.executable,
            "install_dir": str(self.opt),
            "install_compile": False,
            "pip_conf_index_url": self.index.url,
            "pip_conf_path": str(self.folder / "pip.conf"),
            "pip_conf_uv_path": str(self.folder / "uv.toml"),
        }
        return self.control.play("nodes", "--tags", "install", *options, **dict(values, **variables))

    def has(self, name="base"):
        """Return the version of the application in a set."""
        code = "import importlib.metadata as m; print(m.version('app'))"
        done = subprocess.run(
            [str(self.opt / name / "bin/python"), "-I", "-c", code], stdout=subprocess.PIPE, check=True
        )
        return done.stdout.decode().strip()


@pytest.fixture(name="site")
def site_fixture(tmp_path):
    """Return a site."""
    site = Site(tmp_path)
    yield site
    site.index.stop()


def test_node_is_installed_changed_rolled_back_and_removed(site):
    site.publish("1.0")
    rc, said = site.play("--check")
    assert rc == 0 and not site.opt.exists(), said
    rc, said = site.play()
    assert rc == 0 and site.has() == "1.0", said
    rc, said = site.play("--tags", "nodes")
    assert rc == 0 and "changed=1" in said.rpartition("node :")[2], said
    before = len(site.index.requests)
    rc, said = site.play("-vvv", "--tags", "nodes")
    assert rc == 0 and len(site.index.requests) == before, said
    assert "changed=0" in said.rpartition("node :")[2], said
    # One call to the index host for the locks, and three to the node: its clients, its target and its sets.
    assert said.count("Using module file") == 4, said
    site.publish("2.0")
    rc, said = site.play()
    assert rc == 0 and site.has() == "2.0", said
    shutil.rmtree(str(site.folder / "srv"))
    site.index.stop()
    rc, said = site.play(install_rollback=["base"])
    assert rc == 0 and site.has() == "1.0", said
    assert "app 2.0 becomes 1.0" in said, said
    rc, said = site.play(install_rollback=["base"])
    assert rc == 0 and "changed=0" in said.rpartition("node :")[2] and "it was rolled back already" in said, said
    rc, said = site.play(install_state="absent")
    assert rc == 0 and not (site.opt / "base").exists() and not (site.opt / ".sets").exists(), said
    site.index = SimpleIndex()


def test_two_pythons_with_two_sets(site):
    others = [version for version in interpreters.VERSIONS if version != "%d.%d" % sys.version_info[:2]]
    other = next((path for path in map(found, others) if path), None)
    if other is None:
        pytest.skip("this machine has one Python only")
    target = dict(interpreters.target(other), name="other")
    site.targets.append(target)
    site.pip["other"] = [interpreters.pip(other)]
    site.sets = [{"name": "base", "targets": ["here"]}, {"name": "legacy", "targets": ["other"]}]
    site.publish("1.0", legacy={"other": small_bundle.application("1.5")})
    rc, said = site.play(install_pythons={"legacy": other})
    assert rc == 0 and (site.has(), site.has("legacy")) == ("1.0", "1.5"), said
    done = subprocess.run([str(site.opt / "legacy/bin/python"), "--version"], stdout=subprocess.PIPE, check=True)
    assert target["python"] in done.stdout.decode()
    rc, said = site.play(install_pythons={"lagacy": other})
    assert rc != 0 and "install_pythons names lagacy, which airgap_sets does not have" in said, said
    rc, said = site.play(install_sets=["legacy"])
    assert rc != 0 and "install_sets names legacy, which is not for the target here" in said, said


def found(version):
    """Return an interpreter of a version, or None."""
    try:
        return interpreters.find(version)
    except pytest.skip.Exception:
        return None
