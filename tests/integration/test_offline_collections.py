# SPDX-License-Identifier: GPL-3.0-or-later
"""Collections inside the gap: real archives from the front's address, installed by the real ansible-galaxy without a server."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest

from tests.integration.galaxy_server import GalaxyServer, make_collection

RUN = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.airgap.python.plugins.modules.offline_collections import main
with patch_module_args(json.loads(sys.argv[1])):
    main()
"""


class Control:
    """A control host inside the gap, and the server that its archives come from."""

    def __init__(self, folder):
        self.folder = folder
        self.server = GalaxyServer()
        self.wanted = {}

    def add(self, name, version, dependencies=None, files=None):
        """Let the bundle have a collection, in place of another version of it."""
        filename, data = make_collection(name, version, dependencies, files)
        self.server.files[filename] = data
        sha256 = hashlib.sha256(data).hexdigest()
        self.wanted[name] = {"name": name, "version": version, "filename": filename, "sha256": sha256}

    def run(self, check=False, **options):
        """Run the module; return its result, and the names of what was requested."""
        arguments = {
            "path": str(self.folder / "collections"),
            "collections": list(self.wanted.values()),
            "files_url": self.server.url + "/files/",
            "ansible_galaxy": os.path.join(os.path.dirname(sys.executable), "ansible-galaxy"),
            "_ansible_check_mode": check,
        }
        self.server.requests.clear()
        done = subprocess.run(
            [sys.executable, "-c", RUN, json.dumps(dict(arguments, **options))],
            env=dict(os.environ, PYTHONPATH=os.path.abspath(".collections"), http_proxy="http://127.0.0.1:9"),
            stdout=subprocess.PIPE,
            check=False,
        )
        return json.loads(done.stdout)

    def file(self, name, path="README.md"):
        """Return the path of a file of a collection."""
        return self.folder.joinpath("collections/ansible_collections", *name.split("."), path)


@pytest.fixture(name="control")
def control_fixture(tmp_path):
    """Return a control host without collections."""
    control = Control(tmp_path)
    yield control
    control.server.stop()


def test_collections_are_installed_and_a_second_run_requests_nothing(control):
    control.add("acme.tools", "1.2.0", {"acme.base": "*"})
    control.add("acme.base", "1.0.0")
    assert control.run(check=True)["installed"] == ["acme.base 1.0.0", "acme.tools 1.2.0"]
    assert not control.folder.joinpath("collections").exists() and control.server.requests == []
    done = control.run()
    assert done.get("installed") == ["acme.base 1.0.0", "acme.tools 1.2.0"], done
    assert control.file("acme.tools", "meta/runtime.yml").exists()
    again = control.run()
    assert (again["changed"], control.server.requests) == (False, [])


def test_changed_collection_is_put_right_and_other_archives_are_not_fetched(control):
    control.add("acme.tools", "1.2.0")
    control.add("acme.base", "1.0.0")
    control.run()
    control.file("acme.base").write_text("changed")
    assert control.run()["installed"] == ["acme.base 1.0.0"]
    assert control.server.requests == ["/files/acme-base-1.0.0.tar.gz"]
    assert control.file("acme.base").read_text() == "A collection.\n"


def test_same_version_with_another_content_is_installed_and_what_the_bundle_lacks_is_removed(control):
    control.add("acme.tools", "1.2.0")
    control.add("acme.base", "1.0.0")
    control.run()
    control.add("acme.tools", "1.2.0", files={"README.md": b"Another.\n"})
    del control.wanted["acme.base"]
    done = control.run()
    assert (done["installed"], done["removed"]) == (["acme.tools 1.2.0"], ["acme.base"])
    assert control.file("acme.tools").read_text() == "Another.\n"
    assert not control.file("acme.base").exists()


def test_archive_with_another_sum_is_not_installed(control):
    control.add("acme.tools", "1.2.0")
    control.server.files["acme-tools-1.2.0.tar.gz"] = make_collection("acme.tools", "1.2.0", files={"x": b"x"})[1]
    failed = control.run()
    assert "acme-tools-1.2.0.tar.gz has sha256" in failed["msg"] and "was not installed" in failed["msg"]
    assert not control.file("acme.tools").exists()


def test_collection_without_what_it_depends_on_is_named(control):
    control.add("acme.tools", "1.2.0", {"acme.base": ">=2.0.0"})
    assert "acme.tools 1.2.0 needs acme.base >=2.0.0, and there is no archive of it" in control.run()["msg"]


def test_front_that_does_not_serve_the_archive_is_named_with_the_fix(control):
    control.add("acme.tools", "1.2.0")
    control.server.files.clear()
    message = control.run()["msg"]
    assert "acme-tools-1.2.0.tar.gz cannot be read: status 404. Play index" in message
    message = control.run(ansible_galaxy="/nonexistent/ansible-galaxy", collections=[])
    assert message["changed"] is False
