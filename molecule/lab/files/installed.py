# SPDX-License-Identifier: GPL-3.0-or-later
"""On a node: print, as JSON, its Python, the packages of each environment in a folder, and pip's index with its address.

installed.py INSTALL_DIR
"""

import configparser
import json
import platform
import socket
import subprocess
import sys
import urllib.parse
from pathlib import Path

# Run by each environment's own interpreter.
LIST = """
import importlib.metadata, json
print(json.dumps(sorted("%s==%s" % (d.metadata["Name"], d.version) for d in importlib.metadata.distributions())))
"""


def main():
    """Look, and print."""
    sets = {}
    for python in sorted(Path(sys.argv[1]).glob("*/bin/python")):
        listed = subprocess.run([str(python), "-I", "-c", LIST], check=True, stdout=subprocess.PIPE)
        sets[python.parent.parent.name] = json.loads(listed.stdout.decode())
    config = configparser.RawConfigParser()
    config.read("/etc/pip.conf")
    url = config.get("global", "index-url", fallback="none")
    try:
        address = socket.gethostbyname(urllib.parse.urlsplit(url).hostname or "")
    except OSError:
        address = "none"
    print(
        json.dumps(
            {
                "python": platform.python_version(),
                "sets": sets,
                "index_url": url,
                "index_address": address,
            }
        )
    )


if __name__ == "__main__":
    main()
