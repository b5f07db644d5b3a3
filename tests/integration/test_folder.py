# SPDX-License-Identifier: GPL-3.0-or-later
"""The index as a folder that the site serves or mounts: published, installed from by nodes, checked and removed by the playbooks.

The clients are the real pip and uv; the folder is on this disk, on another file system, and behind a file server.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading

import pytest

from tests.integration import small_bundle
from tests.integration.test_playbooks import Control

UV = os.path.join(os.path.dirname(sys.executable), "uv")
PAGE = "current/airgap/prod/+simple/app/index.html"


class Site:
    """An index host and a node, which both are this machine, and a folder that both have."""

    def __init__(self, folder, place):
        self.folder = folder
        self.place = place
        self.control = Control(folder)
        self.bundle = folder / "srv/bundle"
        self.opt = folder / "opt"
        self.url = "file://%s/current/airgap/prod/+simple/" % place
        self.variables = {}
        self.control.write({"airgap_index": ["idx"], "airgap_nodes": ["node"]})

    def stage(self, version, **files):
        """Put a bundle in place; return its id."""
        shutil.rmtree(self.bundle, ignore_errors=True)
        sets = {
            "airgap-pip": {"here": [small_bundle.installed_wheel("pip")]},
            "base": {"here": small_bundle.application(version)},
        }
        return small_bundle.write(self.bundle, sets, [small_bundle.here()], files=files)["id"]

    def play(self, name, *options, **variables):
        """Run a playbook; return its status, whether it changed the index host and the node, and what it said."""
        values = {
            "airgap_dir": str(self.folder / "srv"),
            "airgap_index_kind": "folder",
            "static_dir": str(self.place),
            "airgap_sets": [{"name": "base"}],
            "airgap_targets": [small_bundle.here()],
            "install_python": sys.executable,
            "install_dir": str(self.opt),
            "install_compile": False,
            "pip_conf_index_url": self.url,
            "pip_conf_path": str(self.folder / "pip.conf"),
            "publish_operator": "olga",
            "front_config_dir": str(self.folder / "etc/front"),
            "front_venv": str(self.folder / "opt/airgap-front"),
            "devpi_config_dir": str(self.folder / "etc/devpi"),
            "devpi_data_dir": str(self.folder / "var/devpi"),
            "devpi_venv": str(self.folder / "opt/airgap-devpi"),
            "verify_json": str(self.folder / "verify.json"),
            "verify_page": str(self.folder / "site.html"),
            "check_disk_percent": 0,
        }
        values.update(self.variables)
        values.update(variables)
        rc, said = self.control.play(name, *options, **values)
        return rc, said.rpartition("PLAY RECAP")[2].count("changed=0"), said

    def has(self):
        """Return the version of the application on the node."""
        code = "import importlib.metadata as m; print(m.version('app'))"
        done = subprocess.run([self.opt / "base/bin/python", "-I", "-c", code], stdout=subprocess.PIPE, check=True)
        return done.stdout.decode().strip()


@pytest.fixture(name="tmpfs")
def tmpfs_fixture(tmp_path):
    """Return a folder on another file system than that of the bundle."""
    if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == tmp_path.stat().st_dev:
        pytest.skip("/dev/shm is not another file system")
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="airgap-test-") as folder:
        yield pathlib.Path(folder)


@pytest.fixture(name="site")
def site_fixture(tmp_path):
    """Return a site whose bundle is staged."""
    site = Site(tmp_path, tmp_path / "share")
    site.stage("1.0")
    return site


@pytest.fixture(name="first", scope="module")
def first_fixture(tmp_path_factory):
    """Return the folder of a site that serves its first bundle."""
    folder = tmp_path_factory.mktemp("first") / "site"
    folder.mkdir()
    site = Site(folder, folder / "share")
    site.stage("1.0", motd=b"hello")
    rc, _unchanged, said = site.play("index")
    assert rc == 0, said
    small_bundle.keep(folder)
    return folder


@pytest.fixture(name="serving")
def serving_fixture(first):
    """Return a site that serves its first bundle; it was published once for all tests."""
    small_bundle.bring_back(first)
    return Site(first, first / "share")


@pytest.fixture(name="server")
def server_fixture(serving):
    """Return the URL of a file server that has nothing but the folder."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(serving.place))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield "http://127.0.0.1:%d/current/airgap/prod/+simple/" % server.server_address[1]
    server.shutdown()
    server.server_close()


def installs(url, folder):
    """Install by pip and uv from an index, and return the versions of the application that each got."""
    found = []
    pip = [sys.executable, "-m", "pip", "--isolated", "install", "-q", "--no-cache-dir", "--no-compile", "-i", url]
    uv = [UV, "pip", "install", "-q", "--no-config", "--no-cache", "--default-index", url]
    for number, command in enumerate(([*pip, "--trusted-host", "127.0.0.1"], uv)):
        target = folder / ("got%d" % number)
        shutil.rmtree(target, ignore_errors=True)
        done = subprocess.run(
            [*command, "--target", target, "app"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        assert done.returncode == 0, done.stdout.decode()
        assert list(target.glob("part-2.0.dist-info"))
        (info,) = target.glob("app-*.dist-info")
        found.append(info.name[len("app-") : -len(".dist-info")])
    return found


def test_pip_and_uv_install_from_the_folder_and_a_second_run_changes_nothing(serving, tmp_path):
    assert (serving.place / "current").is_symlink()
    assert {path.stat().st_nlink for path in serving.place.glob("**/*.whl")} == {2}
    assert installs(serving.url, tmp_path) == ["1.0", "1.0"]
    rc, unchanged, said = serving.play("index")
    assert (rc, unchanged) == (0, 2), said


@pytest.mark.long
@pytest.mark.parametrize("place", ["another file system", "without links"])
def test_folder_may_be_on_another_file_system_or_one_without_links(site, request, tmp_path, place):
    if place == "another file system":
        site.place = request.getfixturevalue("tmpfs")
        site.url = site.url.replace(str(tmp_path / "share"), str(site.place))
    site.variables["static_links"] = place != "without links"
    rc, _unchanged, said = site.play("index")
    assert rc == 0, said
    assert (site.place / "current").is_symlink() == (place != "without links")
    links = {path.stat().st_nlink for path in site.place.glob("**/*.whl")}
    assert links == ({1} if place == "another file system" else {2})
    assert installs(site.url, tmp_path) == ["1.0", "1.0"]
    rc, unchanged, said = site.play("index")
    assert (rc, unchanged) == (0, 2), said


def test_next_bundle_is_served_from_a_folder_without_links_and_check_mode_writes_nothing(site, tmp_path):
    site.variables["static_links"] = False
    rc, _unchanged, said = site.play("index", "--check")
    assert rc == 0 and not (site.place / "current").exists(), said
    rc, _unchanged, said = site.play("index")
    assert rc == 0, said
    site.stage("2.0")
    rc, _unchanged, said = site.play("index")
    assert rc == 0, said
    assert installs(site.url, tmp_path) == ["2.0", "2.0"]


def test_pip_and_uv_install_from_a_file_server_that_is_there(server, tmp_path):
    assert installs(server, tmp_path) == ["1.0", "1.0"]


def test_nodes_get_the_address_install_from_the_folder_and_are_verified(serving, monkeypatch):
    serving.place.rename(serving.folder / "away")
    rc, _unchanged, said = serving.play("nodes", "--tags", "pip_conf")
    assert rc != 0 and "does not reach an index at " + serving.url in said, said
    assert "Mount the folder on node for everyone to read" in said
    assert not (serving.folder / "pip.conf").exists()
    (serving.folder / "away").rename(serving.place)
    rc, _unchanged, said = serving.play("nodes")
    assert rc == 0 and serving.has() == "1.0", said
    assert "index-url = " + serving.url in (serving.folder / "pip.conf").read_text()
    rc, unchanged, said = serving.play("nodes")
    assert (rc, unchanged) == (0, 2), said
    # pip reads the settings that the role wrote.
    monkeypatch.setenv("PIP_CONFIG_FILE", str(serving.folder / "pip.conf"))
    rc, _unchanged, said = serving.play("verify")
    found = json.loads((serving.folder / "verify.json").read_text())
    assert rc == 0 and found["nodes"][0]["canary"]["ok"], said


def test_former_bundle_comes_back_and_files_that_are_not_wheels_with_it(serving, tmp_path):
    first = json.loads((serving.bundle / "manifest.json").read_text())["id"]
    serving.stage("2.0", motd=b"bye")
    assert serving.play("index")[0] == 0
    motd = serving.place / "files/current/files/motd"
    assert motd.read_text() == "bye"
    rc, _unchanged, said = serving.play("index", publish_rollback=first)
    assert rc == 0 and "serves bundle " + first in said, said
    assert motd.read_text() == "hello"
    assert installs(serving.url, tmp_path) == ["1.0", "1.0"]


def test_withdrawn_version_is_marked_and_then_not_served(serving):
    for how, is_listed in (("yanked", True), ("gone", False)):
        rc, _unchanged, said = serving.play("withdraw", withdraw=["app==1.0"], withdraw_how=how, withdraw_reason="evil")
        assert rc == 0, said
        assert (serving.place / PAGE).exists() == is_listed
        assert not is_listed or 'data-yanked="evil"' in (serving.place / PAGE).read_text()


def test_check_reads_the_folder_itself(serving):
    serving.place.rename(serving.folder / "away")
    rc, _unchanged, said = serving.play("check", check_sample=0)
    assert rc != 0 and "cannot be read: No such file or directory. If the folder is mounted, check the mount" in said, (
        said
    )
    (serving.folder / "away").rename(serving.place)
    rc, _unchanged, said = serving.play("check", check_sample=0)
    assert rc == 0 and "All 3 files of bundle" in said and "3 of them were read, and are unchanged" in said, said
    (wheel,) = serving.place.glob("current/airgap/prod/+f/*/*/app-1.0-py3-none-any.whl")
    wheel.unlink()
    wheel.write_bytes(b"other")
    rc, _unchanged, said = serving.play("check", check_sample=0)
    assert rc != 0 and "app-1.0-py3-none-any.whl served damaged" in said, said
    rc, _unchanged, said = serving.play("index")
    assert rc == 0, said
    assert serving.play("check", check_sample=0)[0] == 0


def test_folder_that_is_not_mounted_is_not_written_to(site):
    site.place.mkdir()
    rc, _unchanged, said = site.play("index", static_mount=str(site.place))
    assert rc != 0 and "Nothing is mounted at %s" % site.place in said, said
    assert list(site.place.iterdir()) == []


def test_two_writers_of_one_folder_are_refused(site):
    site.control.write({"airgap_index": ["idx", "other"], "airgap_nodes": ["node"]})
    rc, _unchanged, said = site.play("index")
    assert rc != 0 and "one host alone writes what is served, and airgap_index has idx, other" in said, said
    assert not site.place.exists()


def test_site_that_does_not_name_the_address_is_asked_for_it(site):
    rc, _unchanged, said = site.play("nodes", "--tags", "pip_conf", pip_conf_index_url="")
    assert rc != 0 and "With airgap_index_kind folder, the site says where node finds the index" in said, said


def test_installer_that_nothing_would_serve_is_refused(site):
    rc, _unchanged, said = site.play("index", publish_installer=True)
    assert rc != 0 and "with airgap_index_kind folder there is no front that would serve install.sh" in said, said
    assert not (site.place / "current").exists()


def test_kind_that_does_not_exist_is_named_with_those_that_do(site):
    rc, _unchanged, said = site.play("index", airgap_index_kind="floder")
    assert rc != 0 and "airgap_index_kind is floder, and must be one of devpi, static, pypiserver, folder" in said, said


@pytest.mark.parametrize("with_data", [False, True])
def test_teardown_removes_what_is_served_and_the_releases_only_if_asked_to(serving, with_data):
    assert (serving.place / "files/current").exists()
    (serving.place / "of the site").write_text("stays")
    rc, _unchanged, said = serving.play("teardown", "--tags", "publish,static", static_remove_data=with_data)
    assert rc == 0, said
    assert not (serving.place / "current").exists() and not (serving.place / "files/current").exists()
    assert (serving.place / "releases").exists() != with_data
    assert (serving.place / "of the site").read_text() == "stays"
