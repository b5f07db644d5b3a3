# SPDX-License-Identifier: GPL-3.0-or-later
"""On the internet host of the lab: a package index that wants a password, and a guard that looks for it in command lines.

It serves one wheel itself and sends whoever asks for another project to the index named in ``upstream``. Without one of
the passwords it gives nothing, so a run that succeeds has used them. The folder that is given holds ``config.json``:
``port``, ``upstream``, ``user``, ``passwords`` and ``secrets``, which no command line may hold. Finds go to ``argv.json``.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import os
import sys
import threading
import time
import zipfile

WHEEL = "airgap_canary-1.0-py3-none-any.whl"
PROJECT = "airgap-canary"
# Seconds between two looks at the command lines of this machine.
PAUSE = 0.2


def wheel():
    """Return the bytes of the wheel, the same each time."""
    info = "airgap_canary-1.0.dist-info"
    files = {
        "airgap_canary.py": "",
        info + "/METADATA": "Metadata-Version: 2.1\nName: %s\nVersion: 1.0\nLicense: MIT\n" % PROJECT,
        info + "/WHEEL": "Wheel-Version: 1.0\nGenerator: airgap\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        rows.append("%s,sha256=%s,%d\n" % (path, digest, len(text)))
    files[info + "/RECORD"] = "".join(rows) + info + "/RECORD,,\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return packed.getvalue()


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    config: dict = {}
    allowed: set = set()
    wheel = wheel()

    def do_GET(self):
        """Serve a page, the wheel, or the way to the real index."""
        if self.headers.get("Authorization") not in self.allowed:
            self.reply(401, b"", ("WWW-Authenticate", 'Basic realm="canary"'))
            return
        path = self.path.partition("?")[0]
        if path.startswith("/files/"):
            self.reply(200, self.wheel, ("Content-Type", "application/octet-stream"))
        elif path == "/simple/%s/" % PROJECT:
            link = '<a href="/files/%s#sha256=%s">%s</a>' % (WHEEL, hashlib.sha256(self.wheel).hexdigest(), WHEEL)
            self.reply(
                200, ("<!DOCTYPE html><html><body>%s</body></html>" % link).encode(), ("Content-Type", "text/html")
            )
        elif path.startswith("/simple/") and path.count("/") == 3:
            self.reply(302, b"", ("Location", self.config["upstream"].rstrip("/") + path[len("/simple") :]))
        else:
            self.reply(404, b"")

    do_HEAD = do_GET

    def reply(self, status, body, *headers):
        """Answer."""
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args):
        """Print nothing: requests are not secret, and nobody reads them."""


def watch(secrets, found_path):
    """Look for the secrets in all command lines, for good, and write down whose they are in."""
    found = {}
    while True:
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as stream:
                    line = stream.read()
            except OSError:
                continue
            for name, secret in secrets.items():
                if secret.encode() in line and name not in found:
                    words = line.decode(errors="replace").replace("\0", " ").replace(secret, "<%s>" % name)
                    found[name] = words[:400]
                    with open(found_path + ".new", "w", encoding="utf-8") as stream:
                        json.dump(found, stream)
                    os.replace(found_path + ".new", found_path)
        time.sleep(PAUSE)


def main():
    """Serve until stopped."""
    folder = sys.argv[1]
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as stream:
        config = json.load(stream)
    Handler.config = config
    for password in config["passwords"]:
        pair = "%s:%s" % (config["user"], password)
        Handler.allowed.add("Basic " + base64.b64encode(pair.encode()).decode())
    threading.Thread(target=watch, args=(config["secrets"], os.path.join(folder, "argv.json")), daemon=True).start()
    with open(os.path.join(folder, "argv.json"), "x", encoding="utf-8") as stream:
        stream.write("{}")
    http.server.ThreadingHTTPServer(("127.0.0.1", config["port"]), Handler).serve_forever()


if __name__ == "__main__":
    main()
