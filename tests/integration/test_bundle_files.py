# SPDX-License-Identifier: GPL-3.0-or-later
"""Files besides wheels, as Ansible runs bundle_files: real pip fetches, real ansible-galaxy downloads, both on loopback.

No Galaxy can be reached by the tests: galaxy_server plays it, with collections that are made on the spot.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest
from ansible_collections.airgap.python.plugins.module_utils._bundle import _composition
from ansible_collections.airgap.python.plugins.plugin_utils import _own_collection

from tests.integration.galaxy_server import GalaxyServer, make_collection

PROGRAMS = os.path.dirname(sys.executable)


def digest(data):
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


class Stage:
    """An internet host: this machine."""

    def __init__(self, folder, galaxy):
        self.folder = folder
        self.galaxy = galaxy
        self.bundle = folder / "bundle"
        self.out = ""
        for name in ("bundle/wheels", "bundle/locks", "stage/galaxy/bin", "home"):
            (folder / name).mkdir(parents=True)
        for name in ("python", "ansible-galaxy"):
            (folder / "stage/galaxy/bin" / name).symlink_to(os.path.join(PROGRAMS, name))

    def run(self, *options, **arguments):
        """Run the module as a task; return its result."""
        arguments = dict(
            {
                "path": str(self.bundle),
                "scratch": str(self.folder / "stage/files"),
                "python": sys.executable,
                "log": str(self.folder / "pip.log"),
                "galaxy_venv": str(self.folder / "stage/galaxy"),
                "galaxy_server": self.galaxy.url + "/api/",
            },
            **arguments,
        )
        tasks = [
            {"airgap.python.bundle_files": arguments, "register": "found"},
            {
                "ansible.builtin.copy": {"content": "{{ found | to_json }}", "dest": str(self.folder / "result.json")},
                "check_mode": False,
            },
        ]
        play = [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]
        (self.folder / "play.json").write_text(json.dumps(play))
        (self.folder / "result.json").unlink(missing_ok=True)
        environment = dict(
            os.environ,
            ANSIBLE_CONFIG=os.path.abspath("ansible.cfg"),
            ANSIBLE_NOCOLOR="1",
            HOME=str(self.folder / "home"),
            no_proxy="127.0.0.1",
            PIP_RETRIES="0",
        )
        command = [os.path.join(PROGRAMS, "ansible-playbook"), "-i", "localhost,", "-c", "local"]
        command += ["-e", "ansible_python_interpreter=" + sys.executable, *options, str(self.folder / "play.json")]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.out = done.stdout.decode()
        if done.returncode != 0:
            return None
        result = json.loads((self.folder / "result.json").read_text())
        assert "lacking" not in result
        return result

    def describe(self, result):
        """Write the manifest, as the role does after this module."""
        order = _composition.Order([], [{"name": "node", "python": "3.11.2"}], extras=result["extras"])
        _composition.apply(_composition.plan(str(self.bundle), order))

    def files(self):
        """Return file name to content of what the bundle has."""
        folder = self.bundle / "files"
        return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}

    def said(self):
        """Return what was printed, as one line."""
        return " ".join(self.out.split())


@pytest.fixture(name="galaxy")
def galaxy_fixture():
    """Return a server that plays Galaxy."""
    server = GalaxyServer()
    yield server
    server.stop()


@pytest.fixture(name="stage")
def stage_fixture(tmp_path, galaxy):
    """Return an internet host."""
    return Stage(tmp_path, galaxy)


def test_files_come_by_url_and_from_the_control_host_and_a_second_run_fetches_nothing(stage, galaxy, tmp_path):
    galaxy.files["build.tar.gz"] = b"build" * 1000
    (tmp_path / "site-ca.pem").write_bytes(b"a certificate")
    files = [
        {"url": galaxy.url + "/files/build.tar.gz?token=s3cret", "sha256": digest(b"build" * 1000)},
        {"src": str(tmp_path / "site-ca.pem"), "name": "ca.pem"},
    ]
    planned = stage.run("--check", files=files)
    assert (planned["changed"], planned["written"], galaxy.requests) == (True, ["build.tar.gz", "ca.pem"], [])
    assert stage.files() == {} and os.listdir(tmp_path / "stage") == ["galaxy"]
    first = stage.run("-vvv", files=files)
    assert "s3cret" not in stage.out
    assert first["written"] == ["build.tar.gz", "ca.pem"]
    assert stage.files() == {"build.tar.gz": b"build" * 1000, "ca.pem": b"a certificate"}
    assert {one["filename"]: one["origin"] for one in first["extras"]} == {
        "build.tar.gz": galaxy.url + "/files/build.tar.gz?",
        "ca.pem": "source:ca.pem",
    }
    requests = list(galaxy.requests)
    again = stage.run(files=files)
    assert (again["changed"], again["written"], again["extras"]) == (False, [], first["extras"])
    assert galaxy.requests == requests
    assert os.listdir(tmp_path / "stage/files") in ([], [".lock"]), os.listdir(tmp_path / "stage/files")


def test_wrong_sum_names_both_sums_and_writes_nothing(stage, galaxy, tmp_path):
    galaxy.files["build.tar.gz"] = b"other"
    assert stage.run(files=[{"url": galaxy.url + "/files/build.tar.gz", "sha256": "a" * 64}]) is None
    assert "has sha256 %s, and the site requires %s" % (digest(b"other"), "a" * 64) in stage.said()
    (tmp_path / "ca.pem").write_bytes(b"ca")
    assert stage.run(files=[{"src": str(tmp_path / "ca.pem"), "sha256": "b" * 64}]) is None
    assert "has sha256 %s, and the site requires %s" % (digest(b"ca"), "b" * 64) in stage.said()
    assert stage.files() == {}


def test_file_that_cannot_be_fetched_is_named_and_others_are_kept(stage, galaxy):
    galaxy.files["a.bin"] = b"a"
    files = [
        {"url": galaxy.url + "/files/a.bin", "sha256": digest(b"a")},
        {"url": galaxy.url + "/files/gone.bin", "sha256": "a" * 64},
    ]
    assert stage.run(files=files) is None
    assert "gone.bin cannot be fetched from" in stage.said() and "404" in stage.said()
    assert stage.files() == {"a.bin": b"a"}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"url": "https://x.example/", "sha256": "a" * 64}, "not a valid file name"),
        ({"url": "https://x.example/%2e%2e", "sha256": "a" * 64}, "not a valid file name"),
        ({"url": "file:///etc/passwd", "sha256": "a" * 64}, "neither http nor https"),
        ({"url": "https://x.example/a.bin"}, "needs sha256"),
        ({"src": "/nonexistent/a.bin"}, "does not exist on the control host"),
        ({"src": "/etc"}, "is a folder"),
    ],
)
def test_entry_that_cannot_be_meant_is_refused(stage, entry, said):
    assert stage.run(files=[entry]) is None
    assert said in stage.said()


def test_file_whose_content_changes_is_replaced(stage, tmp_path):
    (tmp_path / "ca.pem").write_bytes(b"one")
    stage.run(files=[{"src": str(tmp_path / "ca.pem")}])
    (tmp_path / "ca.pem").write_bytes(b"two")
    assert stage.run(files=[{"src": str(tmp_path / "ca.pem")}])["written"] == ["ca.pem"]
    assert stage.files() == {"ca.pem": b"two"}


def test_collections_come_with_what_they_depend_on_and_stay_as_they_are(stage, galaxy):
    galaxy.add("acme.tools", "1.2.0", {"acme.base": ">=1.0.0"})
    galaxy.add("acme.base", "1.0.0")
    wanted = [{"name": "acme.tools", "version": ">=1.0.0,<2.0.0"}]
    planned = stage.run("--check", collections=wanted)
    assert planned["changed"] is True and galaxy.requests == []
    first = stage.run(collections=wanted)
    assert first, stage.out
    assert first["written"] == ["acme-base-1.0.0.tar.gz", "acme-tools-1.2.0.tar.gz"]
    assert [(one["name"], one["version"], one["kind"]) for one in first["extras"]] == [
        ("acme.base", "1.0.0", "collection"),
        ("acme.tools", "1.2.0", "collection"),
    ]
    assert stage.files() == {name: galaxy.files[name] for name in first["written"]}
    stage.describe(first)
    galaxy.add("acme.base", "1.5.0")
    requests = len(galaxy.requests)
    again = stage.run(collections=wanted)
    assert (again["changed"], again["extras"], len(galaxy.requests)) == (False, first["extras"], requests)
    newer = stage.run(collections=wanted, refresh=True)
    assert newer["written"] == ["acme-base-1.5.0.tar.gz"]
    assert [one["filename"] for one in newer["extras"]] == ["acme-base-1.5.0.tar.gz", "acme-tools-1.2.0.tar.gz"]


def test_server_that_hides_a_dependency_is_found_out_by_the_archive(stage, galaxy):
    galaxy.add("acme.tools", "1.2.0", {"acme.base": ">=1.0.0"}, lies={})
    assert stage.run(collections=[{"name": "acme.tools"}]) is None
    assert "acme.tools 1.2.0 needs acme.base >=1.0.0, and there is no archive of it" in stage.said()
    assert stage.files() == {}


def test_collection_with_another_sum_than_required_is_refused(stage, galaxy):
    galaxy.add("acme.tools", "1.2.0")
    assert stage.run(collections=[{"name": "acme.tools", "sha256": "a" * 64}]) is None
    assert "acme-tools-1.2.0.tar.gz has sha256" in stage.said() and "requires %s" % ("a" * 64) in stage.said()


def test_archives_of_the_control_host_need_no_server(stage, galaxy, tmp_path):
    for name, dependencies in (("acme.tools", {"acme.base": "*"}), ("acme.base", {})):
        filename, data = make_collection(name, "2.0.0", dependencies)
        (tmp_path / filename).write_bytes(data)
    wanted = [{"src": str(tmp_path / ("acme-%s-2.0.0.tar.gz" % name))} for name in ("tools", "base")]
    first = stage.run(collections=wanted)
    assert first["written"] == ["acme-base-2.0.0.tar.gz", "acme-tools-2.0.0.tar.gz"]
    assert galaxy.requests == []
    stage.describe(first)
    assert stage.run(collections=wanted)["changed"] is False
    galaxy.add("acme.base", "1.9.0")
    mixed = stage.run(collections=wanted[:1])
    assert mixed, stage.out
    assert [one["filename"] for one in mixed["extras"]] == ["acme-base-1.9.0.tar.gz", "acme-tools-2.0.0.tar.gz"]


def test_server_that_does_not_answer_is_named_with_the_fix(stage):
    assert stage.run(collections=[{"name": "acme.tools"}], galaxy_server="http://127.0.0.1:9/api/") is None
    assert "The collections cannot be downloaded from http://127.0.0.1:9/api/" in stage.said()
    assert "Set stage_galaxy_server" in stage.said()


def test_own_collection_is_packed_to_the_same_bytes_and_ansible_galaxy_installs_it(stage, tmp_path):
    first = stage.run(own_collection=True)
    assert first, stage.out
    (one,) = first["extras"]
    assert (one["name"], one["kind"]) == ("airgap.python", "collection")
    assert stage.run(own_collection=True)["changed"] is False
    command = [
        os.path.join(PROGRAMS, "ansible-galaxy"),
        "collection",
        "install",
        "--offline",
        "-p",
        str(tmp_path / "in"),
    ]
    # A collection that another path has would not be installed again.
    (tmp_path / "empty.cfg").write_text("")
    environment = dict(
        os.environ, ANSIBLE_CONFIG=str(tmp_path / "empty.cfg"), ANSIBLE_COLLECTIONS_PATH=str(tmp_path / "in")
    )
    subprocess.run([*command, str(stage.bundle / "files" / one["filename"])], check=True, env=environment)
    root = tmp_path / "in/ansible_collections/airgap/python"
    assert (root / "playbooks/site.yml").exists() and not (root / "tests").exists()
    # An installed collection is packed to the same archive.
    _own_collection.pack(str(tmp_path / "again.tar.gz"), str(root))
    assert (tmp_path / "again.tar.gz").read_bytes() == (stage.bundle / "files" / one["filename"]).read_bytes()
    (root / "README.md").write_text("changed")
    with pytest.raises(Exception, match="README.md of this collection was changed after it was installed"):
        _own_collection.pack(str(tmp_path / "again.tar.gz"), str(root))
