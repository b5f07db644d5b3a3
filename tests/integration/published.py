# SPDX-License-Identifier: GPL-3.0-or-later
"""A devpi-server that a test can end and start again, and bundles to publish to it."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
import urllib.request

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _composition, _sums
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

from tests.integration.simple_index import make_wheel

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIMPLE = "application/vnd.pypi.simple.v1+json"
TARGET = {"name": "node", "python": "3.11.2", "libc": "glibc-2.36"}
SETS = [{"name": "base", "requirements": ["x"], "targets": ["node"]}]
ROOT_PASSWORD = "root-secret-1"


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


class Site:
    """A devpi-server on loopback, and the files of the host that publishes to it."""

    def __init__(self, commands, folder):
        self.commands = commands
        self.folder = folder
        self.files = folder / "data/+files"
        self.process = None
        folder.chmod(0o700)
        for name, text in (("root.password", ROOT_PASSWORD + "\n"), ("secret", os.urandom(32).hex())):
            (folder / name).write_text(text)
            (folder / name).chmod(0o600)
        (folder / "init.yml").write_text(
            "devpi-server:\n  serverdir: %s\n  no-root-pypi: true\n  root-passwd: %s\n"
            % (folder / "data", ROOT_PASSWORD)
        )
        subprocess.run([commands / "devpi-init", "-c", folder / "init.yml"], check=True, capture_output=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = "http://127.0.0.1:%d" % self.port
        self.start()

    def start(self):
        """Start the server and wait until it answers."""
        command = [self.commands / "devpi-server", "--serverdir", self.folder / "data", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--secretfile", self.folder / "secret", "--offline-mode"]
        command += ["--restrict-modify", "root", "--argon2-memory-cost", "8192"]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        for _attempt in range(150):
            try:
                self.get("/+api")
                return
            except OSError:
                assert self.process.poll() is None, (self.folder / "log").read_text()[-3000:]
                time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text()[-3000:])

    def kill(self):
        """End the server with SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """End the server."""
        self.process.terminate()
        self.process.wait(timeout=20)

    def get(self, path, accept="application/json"):
        """Return a JSON document of the server."""
        request = urllib.request.Request(self.url + path, headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def requests(self):
        """Return how many requests the server has received since the last call."""
        lines = re.findall(r"\[req\d+\].* (GET|HEAD|POST|PUT|PATCH|DELETE) /", (self.folder / "log").read_text())
        before, self.counted = getattr(self, "counted", 0), len(lines)
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

    def begin(self, module="devpi_publish", check=False, **options):
        """Return the process of a module that was started as Ansible starts it."""
        arguments = {
            "url": self.url,
            "login_password_file": str(self.folder / "root.password"),
            "_ansible_check_mode": check,
            "_ansible_diff": True,
        }
        if module == "devpi_publish":
            arguments.update(
                index="airgap/prod",
                password_file=str(self.folder / "airgap.password"),
                memory=str(self.folder / "publishing/devpi.json"),
                files_dir=str(self.files),
            )
        arguments.update({key: value for key, value in options.items() if value is not None})
        process = subprocess.Popen(
            [sys.executable, "-m", "ansible_collections.airgap.python.plugins.modules." + module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT / ".collections")},
        )
        process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
        process.stdin.close()
        process.stdin = None
        return process

    def run(self, module="devpi_publish", check=False, **options):
        """Run a module; return its result."""
        output, errors = self.begin(module, check, **options).communicate(timeout=120)
        assert output.strip().startswith(b"{"), errors.decode()
        assert ROOT_PASSWORD not in output.decode().split('"invocation"')[0]
        return json.loads(output)

    def publish(self, bundle, check=False, **options):
        """Publish a bundle; return the result."""
        return self.run(check=check, src=str(bundle.folder), bundle_id=bundle.id, **options)

    def publish_ok(self, bundle, check=False, **options):
        """Publish a bundle; return the result of a success."""
        result = self.publish(bundle, check, **options)
        assert "msg" not in result, result["msg"]
        return result
