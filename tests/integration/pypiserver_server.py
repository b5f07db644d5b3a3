# SPDX-License-Identifier: GPL-3.0-or-later
"""A real pypiserver on a loopback port, run by the program that the role pypiserver installs, or by itself.

It comes from PyPI into .cache, and is started and ended by its process id.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time

import pytest
from ansible_collections.airgap.python.plugins.module_utils._index import _pypiserver_program

from tests.integration import kept
from tests.integration.devpi_server import free_port

VERSION = "2.4.2"
PACKAGES = ("pypiserver==" + VERSION, "passlib==1.7.4", "waitress", "twine")
USERS = {"alice": "alice's secret: #1", "bob": "bob-secret"}


def install():
    """Return the folder of the commands of an environment with pypiserver, installed once."""
    return kept.environment("pypiserver-venv-" + VERSION, *PACKAGES)


class PypiServer:
    """A running pypiserver of a static folder."""

    def __init__(self, static, folder, users=None):
        folder.mkdir(exist_ok=True)
        self.folder, self.static = folder, static
        self.uploads = folder / "uploads"
        self.uploads.mkdir(exist_ok=True)
        self.passwords = folder / "htpasswd"
        self.python = install() / "python"
        self.port = free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        self.set_passwords(USERS if users is None else users)
        settings = {
            "current": str(static / "current"),
            "index": "airgap/prod",
            "uploads": str(self.uploads),
            "passwords": str(self.passwords),
            "host": "127.0.0.1",
            "port": self.port,
        }
        (folder / "settings.json").write_text(json.dumps(settings))
        with open(folder / "log", "ab") as log:
            self.running = subprocess.Popen(
                [self.python, "-I", _pypiserver_program.__file__, "serve", folder / "settings.json"],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        for _attempt in range(200):
            try:
                self.get("/airgap/prod/simple/")
                break
            except OSError:
                assert self.running.poll() is None, (folder / "log").read_text()
                time.sleep(0.1)

    def set_passwords(self, users, *options):
        """Set the users; return what changed."""
        command = [self.python, "-I", _pypiserver_program.__file__, "passwords", self.passwords, *options]
        done = subprocess.run(command, input=json.dumps(users).encode(), stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

    def get(self, path):
        """Return status and body of a page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def upload(self, path, user="alice", password=None, url=None, **environment):
        """Upload a file by twine; return its status and what it said."""
        command = [install() / "twine", "upload", "--non-interactive", "--disable-progress-bar", "-u", user]
        command += ["-p", USERS[user] if password is None else password]
        done = subprocess.run(
            [*command, "--repository-url", url or self.url + "/airgap/prod/", path],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": "/usr/bin", "HOME": str(self.folder), **environment},
            check=False,
        )
        return done.returncode, done.stdout.decode()

    def stop(self):
        """End it."""
        self.running.terminate()
        self.running.wait(timeout=20)


class PlainServer:
    """A running pypiserver as its documentation starts it, with a password for uploads."""

    user, password = "alice", "alice-secret-1"

    def __init__(self, folder):
        self.packages = folder / "packages"
        self.packages.mkdir()
        python = install() / "python"
        code = "import sys; from passlib.apache import HtpasswdFile as H; h = H(sys.argv[1], new=True); h.set_password(*sys.argv[2:]); h.save()"
        subprocess.run([python, "-c", code, folder / "htpasswd", self.user, self.password], check=True)
        port = free_port()
        self.url = "http://127.0.0.1:%d/" % port
        command = [install() / "pypi-server", "run", "-i", "127.0.0.1", "-p", str(port), "-P", folder / "htpasswd"]
        with open(folder / "log", "ab") as log:
            self.running = subprocess.Popen(
                [*command, "-a", "update", self.packages], stdout=log, stderr=subprocess.STDOUT
            )
        for _attempt in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except OSError:
                assert self.running.poll() is None, (folder / "log").read_text()
                time.sleep(0.1)

    def stop(self):
        """End it."""
        self.running.terminate()
        self.running.wait(timeout=20)


@pytest.fixture(name="pypiserver")
def pypiserver_fixture(tmp_path):
    """Return a function that starts a server of tmp_path/static; it is ended with the test."""
    started = []

    def start(**options):
        started.append(PypiServer(tmp_path / "static", tmp_path / "pypiserver", **options))
        return started[-1]

    yield start
    for one in started:
        one.stop()
