# SPDX-License-Identifier: GPL-3.0-or-later
"""On the lab's internet host: print, as JSON, the index that its pip uses: {"name": …, "address": …, "port": …}.

The address has answered, so a failure inside with the same address means that there is no route, not that there is no
server.
"""

import configparser
import json
import socket
import sys
import urllib.parse
from pathlib import Path


def pip_default():
    """Return pip's default index, from the pip that Debian ships for ensurepip."""
    for folder in ("/usr/share/python-wheels", "/usr/lib/python3/dist-packages/ensurepip/_bundled"):
        for wheel in Path(folder).glob("pip-*.whl"):
            sys.path.insert(0, str(wheel))
            from pip._internal.models.index import PyPI

            return PyPI.simple_url
    raise SystemExit("no pip wheel here: python3-venv is missing")


def main():
    """Find the index, connect to it, and say so."""
    config = configparser.RawConfigParser()
    config.read("/etc/pip.conf")
    proxy = config.get("global", "proxy", fallback=None)
    url = urllib.parse.urlsplit(proxy or config.get("global", "index-url", fallback=None) or pip_default())
    port = url.port or (443 if url.scheme == "https" else 80)
    with socket.create_connection((url.hostname, port), 10) as connection:
        print(json.dumps({"name": url.hostname, "address": connection.getpeername()[0], "port": port}))


if __name__ == "__main__":
    main()
