# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how long a bundle takes to be published to an empty devpi-server, against raw POSTs of the same files.

Run it with `make bench-publish` (WHEELS=FOLDER for wheels of your own). Both ways run in turn, each time into an empty index of a server that is
started here on loopback. The raw way is one session with a token, which checks nothing and reads nothing back. Ours is
the module as Ansible runs it on a host, Python's start and all checks included. Then: the same bundle again, and a
bundle with a few other files. Last: the same bundle as a static index.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import http.client
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import typing as t
import zipfile

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _composition, _sums
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

from tests.integration import devpi_server

TARGET = {"name": "node", "python": "3.11.2", "libc": "glibc-2.36"}
SETS = [{"name": "base", "requirements": ["x"], "targets": ["node"]}]


def pin_of(path):
    """Return the pin of a wheel."""
    with open(path, "rb") as stream:
        data = stream.read()
    name, version = os.path.basename(path).split("-")[:2]
    return _lock.Pin(
        _lock.normalize(name), version, hashlib.sha256(data).hexdigest(), os.path.basename(path), len(data), "-"
    )


def download():
    """Return a folder with the wheels that the requirements of this folder need here, downloaded once."""
    folder = os.path.abspath(".cache/bench/wheels")
    if not os.path.isdir(folder):
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--only-binary",
            ":all:",
            "--dest",
            folder + ".part",
        ]
        subprocess.run(
            [*command, "--requirement", os.path.join(os.path.dirname(__file__), "requirements.txt")], check=True
        )
        os.rename(folder + ".part", folder)
    return folder


def small_wheel(folder, number):
    """Write a small wheel; return its path."""
    path = os.path.join(folder, "package_%04d-1.0-py3-none-any.whl" % number)
    info = "package_%04d-1.0.dist-info/" % number
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("package_%04d/__init__.py" % number, "NUMBER = %d\n" % number)
        archive.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: package-%04d\nVersion: 1.0\n" % number)
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(info + "RECORD", "")
    return path


def make_bundle(folder, wheels):
    """Make a bundle of wheels, which are linked into its pool; return its id."""
    os.makedirs(folder + "/wheels")
    os.makedirs(folder + "/locks/base")
    for path in wheels:
        os.link(path, os.path.join(folder, "wheels", os.path.basename(path)))
    pins = [pin_of(path) for path in wheels]
    manifest = _composition.compose(SETS, [TARGET], {("base", "node"): pins}, [], "2026-01-01T00:00:00Z")
    for path, text in (
        ("locks/base/node.txt", _lock.render(pins, "node", "x")),
        ("manifest.json", _json.render(manifest)),
    ):
        with open(os.path.join(folder, path), "w", encoding="utf-8") as stream:
            stream.write(text)
    with open(os.path.join(folder, "SHA256SUMS"), "w", encoding="utf-8") as stream:
        stream.write(_sums.render(_sums.compute(folder)))
    return manifest["id"]


def run(module, arguments):
    """Run a module as Ansible does; return its seconds and its result."""
    os.sync()
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "ansible_collections.airgap.python.plugins.modules." + module],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode(),
        env=dict(os.environ, PYTHONPATH=os.path.abspath(".collections")),
        stdout=subprocess.PIPE,
        check=False,
    )
    seconds = time.monotonic() - started
    result = json.loads(done.stdout)
    if "msg" in result:
        sys.exit(result["msg"])
    return seconds, result


class Server:
    """A devpi-server with nothing on it, on loopback."""

    def __init__(self, commands, folder):
        self.folder = folder
        os.mkdir(folder, 0o700)
        for name, text in (("secret", os.urandom(32).hex()), ("root.password", "root-password\n")):
            with open(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT, 0o600), "w") as stream:
                stream.write(text)
        data = os.path.join(folder, "data")
        with open(os.path.join(folder, "init.yml"), "w") as stream:
            stream.write("devpi-server:\n  serverdir: %s\n  no-root-pypi: true\n  root-passwd: root-password\n" % data)
        subprocess.run(
            [os.path.join(commands, "devpi-init"), "-c", os.path.join(folder, "init.yml")],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = "http://127.0.0.1:%d" % self.port
        command = [os.path.join(commands, "devpi-server"), "--serverdir", data, "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--secretfile", os.path.join(folder, "secret"), "--offline-mode"]
        command += ["--restrict-modify", "root", "--argon2-memory-cost", "8192"]
        with open(os.path.join(folder, "log"), "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        for _attempt in range(300):
            with contextlib.suppress(OSError):
                self.session().close()
                break
            time.sleep(0.1)

    def session(self):
        """Return a connection that has answered once."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", "/+api")
        connection.getresponse().read()
        return connection

    def stop(self):
        """End the server."""
        self.process.terminate()
        self.process.wait()

    def publish(self, bundle, identity):
        """Publish a bundle with the module; return its seconds and its result."""
        arguments = {
            "url": self.url,
            "index": "airgap/prod",
            "src": bundle,
            "bundle_id": identity,
            "password_file": os.path.join(self.folder, "airgap.password"),
            "login_password_file": os.path.join(self.folder, "root.password"),
            "memory": os.path.join(self.folder, "memory/devpi.json"),
            "files_dir": os.path.join(self.folder, "data/+files"),
        }
        return run("devpi_publish", arguments)

    def post(self, wheels):
        """POST all wheels in one session; return the seconds, without those of the login."""
        session = self.session()

        def request(method, path, body, headers):
            session.request(method, path, body, dict(headers, Accept="application/json"))
            response = session.getresponse()
            data = response.read()
            if response.status not in (200, 201):
                sys.exit("%s %s: %d %s" % (method, path, response.status, data[:200]))
            return data

        kind = {"Content-Type": "application/json"}
        answer = request("POST", "/+login", json.dumps({"user": "root", "password": "root-password"}).encode(), kind)
        token = "root:" + json.loads(answer)["result"]["password"]
        login = {"X-Devpi-Auth": base64.b64encode(token.encode()).decode()}
        request("PUT", "/raw", b'{"password": "raw-password"}', dict(kind, **login))
        settings = json.dumps({"type": "stage", "bases": [], "volatile": False, "acl_upload": ["root"]}).encode()
        request("PUT", "/raw/prod", settings, dict(kind, **login))
        os.sync()
        started = time.monotonic()
        for path in wheels:
            name, version = os.path.basename(path).split("-")[:2]
            form = [(":action", "file_upload"), ("protocol_version", "1"), ("name", name), ("version", version)]
            head = "".join('--x-x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % field for field in form)
            head += '--x-x\r\nContent-Disposition: form-data; name="content"; filename="%s"\r\n' % os.path.basename(
                path
            )
            head += "Content-Type: application/octet-stream\r\n\r\n"
            with open(path, "rb") as stream:
                body = head.encode() + stream.read() + b"\r\n--x-x--\r\n"
            request("POST", "/raw/prod/", body, dict(login, **{"Content-Type": "multipart/form-data; boundary=x-x"}))
        seconds = time.monotonic() - started
        session.close()
        return seconds


@contextlib.contextmanager
def served(commands, folder):
    """Run a new server, and remove it afterwards."""
    server = Server(commands, folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def measure(commands, folder, wheels, rounds):
    """Return the seconds of each way in each round."""
    found: t.Dict[str, t.List[float]] = {
        "raw POSTs": [],
        "devpi_publish": [],
        "the same again": [],
        "five other files": [],
        "static_index": [],
        "static_index, the same again": [],
    }
    bundle, second = os.path.join(folder, "bundle"), os.path.join(folder, "second")
    identity = make_bundle(bundle, wheels)
    others = os.path.join(folder, "others")
    os.mkdir(others)
    other = make_bundle(second, wheels[5:] + [small_wheel(others, 9000 + number) for number in range(5)])
    for number in range(rounds):
        with served(commands, os.path.join(folder, "raw%d" % number)) as server:
            found["raw POSTs"].append(server.post(wheels))
        with served(commands, os.path.join(folder, "ours%d" % number)) as server:
            found["devpi_publish"].append(server.publish(bundle, identity)[0])
            found["the same again"].append(server.publish(bundle, identity)[0])
            found["five other files"].append(server.publish(second, other)[0])
        static = {"path": os.path.join(folder, "static"), "index": "airgap/prod", "src": bundle, "bundle_id": identity}
        found["static_index"].append(run("static_index", static)[0])
        found["static_index, the same again"].append(run("static_index", static)[0])
        shutil.rmtree(static["path"])
    return found


def main():
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheels", help="a folder of real wheels (default: those of requirements.txt)")
    parser.add_argument("--small", type=int, default=0, help="this many small wheels instead")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.makedirs(".cache", exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="airgap-bench-", dir=os.path.abspath(".cache")) as folder:
        os.umask(0o022)
        pool = os.path.join(folder, "pool")
        os.mkdir(pool)
        if options.small:
            wheels = [small_wheel(pool, number) for number in range(options.small)]
        else:
            source = options.wheels or download()
            names = sorted(name for name in os.listdir(source) if name.endswith(".whl"))
            wheels = [shutil.copy(os.path.join(source, name), pool) for name in names]
        size = sum(os.path.getsize(path) for path in wheels) / 1e6
        print("Python %s, %d cores" % (platform.python_version(), os.cpu_count() or 1))
        print("\n| %d wheels, %.0f MB | seconds | ratio |\n|---|---|---|" % (len(wheels), size))
        found = measure(str(devpi_server.install(devpi_server.VERSION)), folder, wheels, options.rounds)
        for way, seconds in found.items():
            shown = ", ".join("%.2f" % one for one in seconds)
            # Each round's ratio is that of two runs one after the other, on a machine that may have other work.
            ratios = sorted(one / raw for one, raw in zip(seconds, found["raw POSTs"]))
            print("| %s | %s | %.2f |" % (way, shown, ratios[len(ratios) // 2]), flush=True)


if __name__ == "__main__":
    main()
