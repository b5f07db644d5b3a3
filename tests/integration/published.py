# SPDX-License-Identifier: GPL-3.0-or-later
"""A devpi-server that a test can end and start again, and bundles to publish to it."""

from __future__ import annotations

import hashlib
import re

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _composition, _sums
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

from tests.integration.devpi_server import Server
from tests.integration.simple_index import make_wheel

SIMPLE = "application/vnd.pypi.simple.v1+json"
TARGET = {"name": "node", "python": "3.11.2", "libc": "glibc-2.36"}
SETS = [{"name": "base", "requirements": ["x"], "targets": ["node"]}]


class Bundle:
    """A bundle in a folder: ``files`` are the SHA-256 of its wheels by file name."""

    def __init__(self, folder, wheels):
        """Make a bundle of wheels, each (name, version, what is in it)."""
        self.folder = folder
        self.files = {}
        (folder / "locks/base").mkdir(parents=True)
        (folder / "wheels").mkdir()
        pins = []
        for name, version, payload in wheels:
            filename, data = make_wheel(name, version, requires_python=">=3.8", payload=payload)
            (folder / "wheels" / filename).write_bytes(data)
            self.files[filename] = hashlib.sha256(data).hexdigest()
            pins.append(_lock.Pin(name, version, self.files[filename], filename, len(data), "-"))
        manifest = _composition.compose(SETS, [TARGET], {("base", "node"): pins}, [], "2026-01-01T00:00:00Z")
        self.id = manifest["id"]
        (folder / "locks/base/node.txt").write_text(_lock.render(pins, "node", "x"))
        (folder / "manifest.json").write_text(_json.render(manifest))
        (folder / "SHA256SUMS").write_text(_sums.render(_sums.compute(str(folder))))
        for path in (folder, *folder.rglob("*")):
            path.chmod(path.stat().st_mode & ~0o022)

    @property
    def index(self):
        """The name of the bundle's index."""
        return "airgap/prod-" + self.id[:12]


class Site(Server):
    """A devpi-server, and the files of the host that publishes to it."""

    def __init__(self, commands, folder, *options):
        super().__init__(commands, folder, "--offline-mode", *options)
        self.files = folder / "data/+files"
        self.counted = 0
        self.create().start()

    def requests(self):
        """Return how many requests the server has received since the last call."""
        lines = re.findall(r"\[req\d+\].* (?:GET|HEAD|POST|PUT|PATCH|DELETE) /", (self.folder / "log").read_text())
        before, self.counted = self.counted, len(lines)
        return self.counted - before

    def seen(self, index="airgap/prod"):
        """Return what a client sees on an index: the SHA-256 of every file by its name."""
        found = {}
        for project in self.get("/%s/+simple/" % index, SIMPLE)["projects"]:
            page = self.get("/%s/+simple/%s/" % (index, project["name"]), SIMPLE)
            found.update({one["filename"]: one["hashes"]["sha256"] for one in page["files"]})
        return found

    def names(self, index="airgap/prod"):
        """Return the projects that a client sees in one response."""
        return {one["name"] for one in self.get("/%s/+simple/" % index, SIMPLE)["projects"]}

    def indexes(self):
        """Return the settings of the indexes of the user airgap."""
        return self.get("/airgap")["result"]["indexes"]

    def publishing(self, **options):
        """Return the options of devpi_publish."""
        return {
            "index": "airgap/prod",
            "password_file": str(self.folder / "airgap.password"),
            "memory": str(self.folder / "publishing/devpi.json"),
            "files_dir": str(self.files),
            **options,
        }

    def start_publishing(self, bundle):
        """Return the process of a run that has started."""
        return self.begin("devpi_publish", **self.publishing(src=str(bundle.folder), bundle_id=bundle.id))

    def publish(self, bundle, check=False, **options):
        """Publish a bundle; return the result."""
        return self.run(
            "devpi_publish", check, **self.publishing(src=str(bundle.folder), bundle_id=bundle.id, **options)
        )

    def publish_ok(self, bundle, check=False, **options):
        """Publish a bundle; return the result of a success."""
        result = self.publish(bundle, check, **options)
        assert "msg" not in result, result["msg"]
        return result

    def roll_back(self, text, check=False):
        """Serve a former bundle again; return the result."""
        return self.run("devpi_publish", check, **self.publishing(rollback=text))
