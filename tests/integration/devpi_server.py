# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real devpi-server on a loopback port, of the version that is current and of the one that comes next.

It comes from PyPI into .cache and is started and ended by its process id.
"""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from ansible_collections.airgap.python.plugins.module_utils._index._client import Client

from tests.integration import kept

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION = "6.20.3"
NEXT = "7.0.0b4"
# The tests of publishing play a part with the next version in `make test`, too.
VERSIONS = [VERSION, pytest.param(NEXT, marks=pytest.mark.long)]
ROOT_PASSWORD = "root: 'secret' #1"
OWNER_PASSWORD = "owner-secret-2"


def install(version, *plugins):
    """Return the folder of the commands of a devpi-server, installed once with plugins of it."""
    return kept.environment("-".join(["devpi-venv", version, *plugins]), "devpi-server==" + version, *plugins)


def free_port():
    """Return a port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A devpi-server and the folder with its data and passwords."""

    def __init__(self, commands, folder, *options):
        self.commands = commands
        self.folder = folder
        self.options = options
        self.port = free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        self.running = None

    def create(self):
        """Write the secrets and create the data folder."""
        self.folder.chmod(0o700)
        for name, text in (("root.password", ROOT_PASSWORD + "\n"), ("secret", os.urandom(32).hex())):
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o600)
        quoted = ROOT_PASSWORD.replace("'", "''")
        (self.folder / "init.yml").write_text(
            "devpi-server:\n  serverdir: %s\n  no-root-pypi: true\n  root-passwd: '%s'\n"
            % (self.folder / "data", quoted)
        )
        subprocess.run([self.commands / "devpi-init", "-c", self.folder / "init.yml"], check=True, capture_output=True)
        return self

    def start(self, wait=True):
        """Start the server, and wait until it answers."""
        command = [self.commands / "devpi-server", "--serverdir", self.folder / "data"]
        command += ["--port", str(self.port), "--host", "127.0.0.1", "--argon2-memory-cost", "8192"]
        command += ["--secretfile", self.folder / "secret", "--restrict-modify", "root", *self.options]
        with open(self.folder / "log", "ab") as log:
            self.running = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        for _attempt in range(300 if wait else 0):
            try:
                self.get("/+api")
                break
            except OSError:
                assert self.running.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.1)
        else:
            assert not wait, (self.folder / "log").read_text()
        return self

    def stop(self, hard=False):
        """End the server; hard is SIGKILL."""
        if self.running is not None:
            self.running.kill() if hard else self.running.terminate()
            self.running.wait(timeout=20)
            self.running = None

    def get(self, path, accept="application/json"):
        request = urllib.request.Request(self.url + path, headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def arguments(self, args, check=False, diff=True):
        """Return a module's arguments with the server's address and root's login."""
        args = {"url": self.url, "_ansible_check_mode": check, "_ansible_diff": diff, **args}
        if not {"login_password", "login_password_file", "login_token"} & set(args):
            args["login_password_file"] = str(self.folder / "root.password")
        # None means no login.
        return {key: value for key, value in args.items() if value is not None}

    def begin(self, module, **args):
        """Start a module as Ansible does on a managed host; return its process."""
        process = subprocess.Popen(
            [sys.executable, "-m", "ansible_collections.airgap.python.plugins.modules." + module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT / ".collections")},
            text=True,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": self.arguments(args)}))
        process.stdin.close()
        process.stdin = None
        return process

    def run(self, module, check=False, diff=True, **args):
        """Run a module as Ansible does on a managed host; return its result."""
        done = subprocess.run(
            [sys.executable, "-m", "ansible_collections.airgap.python.plugins.modules." + module],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": self.arguments(args, check, diff)}),
            env={**os.environ, "PYTHONPATH": str(ROOT / ".collections")},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stdout.strip().startswith("{"), done.stderr
        for secret in (ROOT_PASSWORD, OWNER_PASSWORD):
            shown = done.stdout.split('"invocation"')[0]
            assert secret not in shown
            assert json.dumps(secret)[1:-1] not in done.stdout
        return json.loads(done.stdout)

    def upload(self, files, index="airgap/prod", **args):
        args.setdefault("login_user", "airgap")
        args.setdefault("login_password", OWNER_PASSWORD)
        return self.run("devpi_upload", index=index, files=files, **args)

    def client(self):
        """Return a client that is logged in as root."""
        client = Client(self.url)
        client.log_in("root", ROOT_PASSWORD)
        return client

    def clear(self):
        """Remove every index and every user except root; in this process, because starting a module takes half a second."""
        client = self.client()
        for user, found in self.get("/")["result"].items():
            for index in found.get("indexes", {}):
                client.request("PATCH", "/%s/%s" % (user, index), {"volatile": True})
                client.delete("/%s/%s" % (user, index))
            if user != "root":
                client.delete("/" + user)
        client.close()

    def create_index(self, name, password=OWNER_PASSWORD, **settings):
        """Create an index as devpi_index does by default, and its owner if it does not exist."""
        client = self.client()
        user = name.partition("/")[0]
        if client.get_user(user) is None:
            client.create("/" + user, {}, {"password": password})
        closed = {"bases": [], "volatile": False, "acl_upload": [user], "acl_toxresult_upload": []}
        client.create("/" + name, {**closed, **settings})
        client.close()


@pytest.fixture(scope="session")
def devpi_bin():
    """Return the folder of devpi's commands, installed once."""
    return install(VERSION)


@pytest.fixture(scope="session")
def process(devpi_bin, tmp_path_factory):
    """A server of the current version."""
    options = ("--offline-mode", "--role", "primary", "--enable-core-metadata")
    server = Server(devpi_bin, tmp_path_factory.mktemp("devpi"), *options).create()
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="session")
def next_process(tmp_path_factory):
    """A server of the next version."""
    if sys.version_info < (3, 11):
        pytest.skip("devpi-server 7 needs Python 3.11")
    server = Server(install(NEXT), tmp_path_factory.mktemp("devpi7"), "--offline-mode", "--role", "primary").create()
    try:
        yield server.start()
    finally:
        server.stop()
