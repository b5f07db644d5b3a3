# SPDX-License-Identifier: GPL-3.0-or-later
"""A small simple index (PEP 503) on loopback with wheels made on the spot, and a count of its requests."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import re
import socketserver
import tarfile
import threading
import time
import typing as t
import zipfile


def make_wheel(name, version, tag="py3-none-any", requires=(), requires_python="", payload=b"", programs=()):
    """Return the file name and the bytes of a wheel (PEP 427) that installs one module, and programs that print its version."""
    filename = "%s-%s-%s.whl" % (name, version, tag)
    info = "%s-%s.dist-info" % (name, version)
    metadata = ["Metadata-Version: 2.1", "Name: " + name, "Version: " + version]
    metadata += ["Requires-Dist: " + one for one in requires]
    metadata += ["Provides-Extra: " + extra for one in requires for extra in re.findall(r"extra == '(\w+)'", one)]
    if requires_python:
        metadata.append("Requires-Python: " + requires_python)
    files = {
        name + ".py": b"version = %r\n" % version + payload,
        info + "/METADATA": "\n".join(metadata).encode() + b"\n\n",
        info + "/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: %s\n" % tag.encode(),
    }
    if programs:
        files[name + ".py"] += b"\ndef main():\n    print(version)\n"
        entries = "".join("%s = %s:main\n" % (one, name) for one in programs)
        files[info + "/entry_points.txt"] = b"[console_scripts]\n" + entries.encode()
    record = "".join("%s,sha256=%s,%d\n" % (path, record_hash(data), len(data)) for path, data in files.items())
    files[info + "/RECORD"] = (record + info + "/RECORD,,\n").encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), data)
    return filename, buffer.getvalue()


def record_hash(data):
    """Return the SHA-256 of a file as RECORD has it."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


# A build backend (PEP 517) that lies in the source itself and needs nothing; it writes the wheel that make_wheel would.
BACKEND = """
import os, sys
import zipfile

PROJECT = {project!r}
WHEEL = {filename!r}
FILES = {files!r}
{top}

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    {hook}
    with zipfile.ZipFile(os.path.join(wheel_directory, WHEEL), "w") as archive:
        for path, data in FILES.items():
            archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), data)
    return WHEEL

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    for path, data in FILES.items():
        if ".dist-info/" in path:
            where = os.path.join(metadata_directory, path)
            os.makedirs(os.path.dirname(where), exist_ok=True)
            with open(where, "wb") as stream:
                stream.write(data)
    return [path for path in FILES if path.endswith("/METADATA")][0].split("/")[0]
"""


def make_source(name, version, build_requires=(), hook="pass", top="", **options):
    """Return path to bytes of a source folder whose build gives make_wheel's wheel.

    ``hook`` runs in the build, ``top`` whenever anything of the source runs, as for its metadata.
    """
    filename, data = make_wheel(name, version, **options)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {path: archive.read(path) for path in archive.namelist()}
    system = '[build-system]\nrequires = %s\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    requires = "[%s]" % ", ".join('"%s"' % one for one in build_requires)
    return {
        "pyproject.toml": (system % requires).encode(),
        "backend.py": BACKEND.format(project=name, filename=filename, files=files, hook=hook, top=top).encode(),
        "PKG-INFO": ("Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version)).encode(),
    }


def make_sdist(name, version, **options):
    """Return the file name and the bytes of an sdist of make_source's folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, data in make_source(name, version, **options).items():
            member = tarfile.TarInfo("%s-%s/%s" % (name, version, path))
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return "%s-%s.tar.gz" % (name, version), buffer.getvalue()


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A server that looks nothing up in DNS, which http.server's own does."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


class SimpleIndex:
    """Serves wheels below /simple/; ``requests`` has every path that was asked for."""

    def __init__(self):
        self.files: t.Dict[str, bytes] = {}
        self.promised: t.Dict[str, str] = {}
        self.yanked: t.Set[str] = set()
        # What goes wrong with a file, as often as it is in the list: a status, "half" of it, or seconds to wait.
        self.trouble: t.Dict[str, t.List[t.Union[int, float, str]]] = {}
        # Files that are given only where the URL has this query or this folder in it.
        self.signed: t.Dict[str, str] = {}
        self.requests: t.List[str] = []
        # The X-PyPI-Last-Serial of the JSON API, which proxies leave out.
        self.serial: t.Optional[int] = 7
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Answers from the index's files."""

            def do_GET(self):
                """Answer a project page or a file."""
                index.requests.append(self.path)
                parts = self.path.partition("?")[0].strip("/").split("/")
                if parts[0] == "simple" and len(parts) == 2:
                    status, kind, body = 200, "text/html", index.page(parts[1])
                    if not body:
                        status = 404
                elif parts[0] == "pypi" and len(parts) == 3:
                    status, kind, body = 200, "application/json", index.project_json(parts[1])
                    if not body:
                        status = 404
                else:
                    status, kind, body = 200, "application/octet-stream", index.files.get(parts[-1], b"")
                size = len(body)
                troubles = index.trouble.get(parts[-1])
                trouble = troubles.pop(0) if troubles else None
                if index.signed.get(parts[-1], "") not in self.path:
                    trouble = 403
                if trouble == "half":
                    body = body[: size // 2]
                elif isinstance(trouble, float):
                    time.sleep(trouble)
                elif isinstance(trouble, int):
                    status, body, size = trouble, b"", 0
                self.send_response(status)
                self.send_header("Content-Type", kind)
                if parts[0] == "pypi" and index.serial:
                    self.send_header("X-PyPI-Last-Serial", str(index.serial))
                self.send_header("Content-Length", str(size))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, *arguments):
                """Say nothing."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/simple/" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def add(self, *arguments, **options):
        """Serve one more wheel; return its file name."""
        filename, data = make_wheel(*arguments, **options)
        self.files[filename] = data
        return filename

    def add_sdist(self, *arguments, **options):
        """Serve one more sdist; return its file name."""
        filename, data = make_sdist(*arguments, **options)
        self.files[filename] = data
        return filename

    def page(self, project):
        """Return a project's page, or nothing where there is none."""
        links = []
        for filename, data in sorted(self.files.items()):
            if filename.split("-")[0].replace("_", "-") == project:
                digest = self.promised.get(filename) or hashlib.sha256(data).hexdigest()
                yanked = ' data-yanked="broken"' if filename in self.yanked else ""
                query = "?" + self.signed[filename] if filename in self.signed else ""
                link = (filename, query, digest, yanked, filename)
                links.append('<a href="/files/%s%s#sha256=%s"%s>%s</a><br>' % link)
        return ("<!DOCTYPE html><html><body>%s</body></html>" % "".join(links)).encode() if links else b""

    def project_json(self, project):
        """Return what PyPI's JSON API says of a project, or nothing where there is none."""
        releases: t.Dict[str, t.List[t.Dict[str, t.Any]]] = {}
        for filename, data in sorted(self.files.items()):
            if filename.split("-")[0].replace("_", "-") != project:
                continue
            sdist = filename.endswith(".tar.gz")
            version = filename[: -len(".tar.gz")].split("-")[1] if sdist else filename.split("-")[1]
            found = {
                "filename": filename,
                "url": "%s/packages/%s/%s" % (self.url.rpartition("/simple/")[0], project, filename),
                "digests": {"sha256": self.promised.get(filename) or hashlib.sha256(data).hexdigest(), "md5": "0" * 32},
                "size": len(data),
                "packagetype": "sdist" if sdist else "bdist_wheel",
                "upload_time_iso_8601": "2026-01-01T00:00:00.000000Z",
                "requires_python": None,
                "yanked": False,
            }
            releases.setdefault(version, []).append(found)
        whole = {"info": {"name": project}, "last_serial": self.serial or 0, "releases": releases}
        return json.dumps(whole).encode() if releases else b""

    def stop(self):
        """End the server."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
