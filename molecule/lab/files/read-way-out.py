# SPDX-License-Identifier: GPL-3.0-or-later
"""Print, as JSON, how this machine reaches a package index: for the lab's internet host.

It prints settings of the connection only, never a folder of this machine.
"""

from __future__ import annotations

import ast
import configparser
import io
import json
import os
import subprocess
import sys

WANTED = ("index-url", "extra-index-url", "proxy", "timeout", "trusted-host", "retries")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
TRUST_STORE = "/etc/ssl/certs/ca-certificates.crt"


def pip_settings() -> dict[str, str]:
    """Return pip's settings by their name; a variable goes before a command's section, that before [global]."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    found: dict[int, dict[str, str]] = {0: {}, 1: {}, 2: {}}
    for line in listed.splitlines():
        key, _equals, value = line.partition("=")
        section, _dot, name = key.rpartition(".")
        rank = {"global": 0, "install": 1, "download": 1, ":env:": 2}.get(section)
        if rank is not None:
            found[rank][name.replace("default-timeout", "timeout")] = str(ast.literal_eval(value))
    return {**found[0], **found[1], **found[2]}


def connection_settings(settings: dict[str, str]) -> dict[str, str]:
    """Keep what names a way to an index over the network, and drop folders and file: URLs."""
    kept = {}
    for name in WANTED:
        words = settings.get(name, "").split()
        if name.endswith("index-url"):
            words = [word for word in words if word.startswith(("http://", "https://"))]
        if words:
            kept[name] = "\n".join(words)
    return kept


def ca_bundle(settings: dict[str, str]) -> str:
    """Return the certificates that this machine trusts for pip."""
    for path in (settings.get("cert"), os.environ.get("SSL_CERT_FILE"), *BUNDLES):
        if path and os.path.isfile(path):
            with open(path, encoding="utf-8") as stream:
                return stream.read()
    return ""


def main() -> None:
    """Print the three files' contents that the internet host needs."""
    settings = pip_settings()
    config = configparser.RawConfigParser()
    config["global"] = {**connection_settings(settings), "cert": TRUST_STORE}
    text = io.StringIO()
    config.write(text)
    environment = {name: os.environ[name] for name in PROXIES if os.environ.get(name)}
    environment["SSL_CERT_FILE"] = TRUST_STORE
    print(
        json.dumps(
            {
                "ca_bundle": ca_bundle(settings),
                "pip_conf": text.getvalue(),
                "environment": "".join(f"{name}={value}\n" for name, value in sorted(environment.items())),
            }
        )
    )


if __name__ == "__main__":
    main()
