# SPDX-License-Identifier: GPL-3.0-or-later
"""A server on loopback that plays Galaxy (its API v3) for ansible-galaxy, and collections that are made on the spot."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import re
import tarfile
import threading


def make_collection(name, version, dependencies=None, files=None):
    """Return file name and bytes of the archive of a collection, as 'ansible-galaxy collection build' makes one."""
    namespace, short = name.split(".")
    contents = dict(
        {"README.md": b"A collection.\n", "meta/runtime.yml": b"requires_ansible: '>=2.14.0'\n"}, **files or {}
    )
    entries = [{"name": ".", "ftype": "dir", "chksum_type": None, "chksum_sha256": None, "format": 1}]
    for path, data in contents.items():
        parts = path.split("/")[:-1]
        for count in range(1, len(parts) + 1):
            entry = dict(entries[0], name="/".join(parts[:count]))
            entries += [entry] if entry not in entries else []
        digest = hashlib.sha256(data).hexdigest()
        entries.append({"name": path, "ftype": "file", "chksum_type": "sha256", "chksum_sha256": digest, "format": 1})
    listing = json.dumps({"files": entries, "format": 1}).encode()
    manifest = {
        "collection_info": {
            "namespace": namespace,
            "name": short,
            "version": version,
            "authors": ["Nobody"],
            "readme": "README.md",
            "tags": [],
            "description": "A collection.",
            "license": [],
            "license_file": None,
            "dependencies": dependencies or {},
            "repository": None,
            "documentation": None,
            "homepage": None,
            "issues": None,
        },
        "file_manifest_file": {
            "name": "FILES.json",
            "ftype": "file",
            "chksum_type": "sha256",
            "chksum_sha256": hashlib.sha256(listing).hexdigest(),
            "format": 1,
        },
        "format": 1,
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for folder in (str(one["name"]) for one in entries if one["ftype"] == "dir" and one["name"] != "."):
            member = tarfile.TarInfo(folder)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(member)
        for path, data in {"MANIFEST.json": json.dumps(manifest).encode(), "FILES.json": listing, **contents}.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return "%s-%s-%s.tar.gz" % (namespace, short, version), buffer.getvalue()


class GalaxyServer:
    """Plays Galaxy, and serves other files below /files/."""

    def __init__(self):
        self.collections = {}
        self.files = {}
        self.requests: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Answers from what the server has."""

            def do_GET(self):
                """Answer one request."""
                path = self.path.partition("?")[0]
                outer.requests.append(path)
                found = outer.answer(path)
                self.send_response(404 if found is None else 200)
                data = found if isinstance(found, bytes) else json.dumps(found or {}).encode()
                kind = "application/octet-stream" if isinstance(found, bytes) else "application/json"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_arguments):
                """Print nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, name, version, dependencies=None, lies=None):
        """Add a collection; with ``lies``, the server states other dependencies than the archive does."""
        filename, data = make_collection(name, version, dependencies)
        self.files[filename] = data
        self.collections.setdefault(name, {})[version] = (filename, dependencies if lies is None else lies)

    def answer(self, path):
        """Return what is answered: bytes, an object, or None."""
        if path.startswith("/files/"):
            return self.files.get(path[len("/files/") :])
        if path.rstrip("/") == "/api":
            return {"available_versions": {"v3": "v3/"}}
        match = re.search(r"/(?:index|collections)/([a-z_]+)/([a-z_]+)/(?:(versions)/(?:([^/]+)/)?)?$", path)
        name = "%s.%s" % match.groups()[:2] if match else ""
        if match is None or name not in self.collections:
            return None
        known = self.collections[name]
        if match.group(4):
            return self.describe(name, match.group(4), path) if match.group(4) in known else None
        if match.group(3):
            data = [{"version": version, "href": "%s%s/" % (path, version)} for version in known]
            return {"meta": {"count": len(data)}, "links": {"next": None}, "data": data}
        return {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "name": name}

    def describe(self, name, version, path):
        """Return a version of a collection as Galaxy describes it."""
        filename, dependencies = self.collections[name][version]
        data = self.files[filename]
        return {
            "namespace": {"name": name.split(".")[0]},
            "collection": {"name": name.split(".")[1]},
            "name": name.split(".")[1],
            "version": version,
            "href": path,
            "download_url": "%s/files/%s" % (self.url, filename),
            "artifact": {"filename": filename, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()},
            "metadata": {"dependencies": dependencies or {}},
            "signatures": [],
        }

    def stop(self):
        """Stop serving."""
        self.server.shutdown()
        self.server.server_close()
