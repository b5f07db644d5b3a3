# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose client files are below a folder, an index with https for it, and the real clients with these files."""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import ssl
import subprocess
import sys
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._index import _site_certificate

from tests.integration.simple_index import SimpleIndex

# The users and the trust store of the host are below its folder, too.
RUN = """
import json, os, pwd, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.airgap.python.plugins.module_utils._clients import _needs
from ansible_collections.airgap.python.plugins.modules.client_settings import main
arguments, folder, users = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3].split(",")
me = pwd.getpwuid(os.geteuid())
def entry(name):
    return pwd.struct_passwd((name, "x", me.pw_uid, me.pw_gid, "", os.path.join(folder, "home", name), "/bin/sh"))
pwd.getpwall = lambda: [entry(name) for name in users if name]
store = os.path.join(folder, "store")
_needs.TRUST_STORES = (_needs.TrustStore(store, (os.path.join(folder, "update-store"),), os.path.join(folder, "bundle.crt")),)
left = [int(os.environ.get("KILL_AT", "0"))]
def killing(call):
    def killed(*arguments, **options):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), 9)
        return call(*arguments, **options)
    return killed
for name in ("link", "rename", "unlink", "fsync"):
    setattr(os, name, killing(getattr(os, name)))
with patch_module_args(arguments):
    main()
"""
SITES = "PIP_", "UV_", "SSL_", "REQUESTS_", "CURL_", "http_proxy", "https_proxy", "XDG_"


class SecureIndex(SimpleIndex):
    """A simple index with https, and the certificate of its CA."""

    def __init__(self, folder: pathlib.Path, names=("localhost", "127.0.0.1", "airgap-index.internal")) -> None:
        super().__init__()
        folder.mkdir()
        (folder / "certificate.json").write_text(json.dumps({"names": list(names)}))
        _site_certificate.run(str(folder), False, datetime.datetime.now(datetime.timezone.utc))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(str(folder / "server.pem"))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = "https://127.0.0.1:%d/simple/" % self.port
        self.ca = (folder / "ca.pem").read_text()


class ClientHost:
    """A host; ``run`` is the module as Ansible runs it."""

    def __init__(self, folder: pathlib.Path, index: SecureIndex) -> None:
        self.folder = folder
        self.index = index
        self.users = "alice,bob"
        for name in self.users.split(","):
            (folder / "home" / name).mkdir(parents=True)
        self.path = folder / "etc/pip.conf"
        self.path.parent.mkdir()
        self.uv_path = folder / "etc/uv/uv.toml"
        self.ca_path = folder / "etc/airgap/ca.pem"
        self.hosts = folder / "etc/hosts"
        self.hosts.write_text("127.0.0.1 localhost\n")
        (folder / "etc/environment").write_text("")
        self.saved = folder / "etc/pip.conf.before-airgap"

    def trust_store(self, command: str = "find store -type f -exec cat {} + > bundle.crt") -> None:
        """Give the host a trust store, and the command that makes its bundle."""
        (self.folder / "store").mkdir(exist_ok=True)
        program = self.folder / "update-store"
        program.write_text("#!/bin/sh\ncd %s\n%s\n" % (self.folder, command))
        program.chmod(0o755)

    def run(self, check: bool = False, kill_at: int = 0, **options):
        """Run the module; return its result, {} if it was killed at that call which changes names in a folder."""
        etc = self.folder / "etc"
        arguments = {
            "index_url": self.index.url,
            "ca": self.index.ca,
            "cert": str(self.ca_path),
            "ca_path": str(self.ca_path),
            "path": str(self.path),
            "uv_path": str(self.uv_path),
            "hosts_path": str(self.hosts),
            "constraints_path": str(etc / "airgap/constraints.txt"),
            "systemd_path": str(etc / "system.conf.d/airgap.conf"),
            "environment_path": str(etc / "environment"),
            "find_overrides": False,
            "timeout": 5,
        }
        arguments.update(options)
        arguments.update({"_ansible_check_mode": check, "_ansible_diff": True})
        done = subprocess.run(
            [sys.executable, "-c", RUN, json.dumps(arguments), str(self.folder), self.users],
            env=dict(os.environ, PYTHONPATH=os.path.abspath(".collections"), KILL_AT=str(kill_at)),
            stdout=subprocess.PIPE,
            check=False,
        )
        return json.loads(done.stdout) if done.returncode != -9 else {}

    def tree(self):
        """Return everything below the host's folder: owner's mode, target or content."""
        found: t.Dict[str, t.Any] = {}
        for path in sorted(self.folder.rglob("*")):
            name = str(path.relative_to(self.folder))
            if path.is_symlink():
                found[name] = os.readlink(path)
            elif path.is_file():
                found[name] = (path.stat().st_mode, path.read_bytes())
        return found

    def environment(self, **more):
        """Return the environment of a client that has these files at the places of the system."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(SITES)}
        home = self.folder / "home/alice"
        kept.update(HOME=str(home), PIP_CONFIG_FILE=str(self.path), UV_CONFIG_FILE=str(self.uv_path))
        kept.update(more)
        return kept

    def client(self, *command, cwd=None, **more):
        """Run a client; return its status and its output."""
        done = subprocess.run(
            [str(one) for one in command],
            env=self.environment(**more),
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return done.returncode, done.stdout.decode()
