# SPDX-License-Identifier: GPL-3.0-or-later
"""A loopback server that answers as Nexus Repository and Artifactory do by their documentation and by the reports of twine's users.

Neither can run here. It has the forms of their addresses, their headers, their pages, and what they respond to a second upload of a
file. It asks for a password for uploads, and with ``client_ca`` for a client certificate as well.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import re
import ssl
import threading
import typing as t

USER, PASSWORD = "publisher", "publisher's secret: #1"
NEXUS_PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>400 - Nexus Repository Manager</title><style>.x {color: red}</style></head>
<body><div><span class="product-spec">OSS 3.70.1-02</span></div>
<div class="content-section">%s</div></body></html>"""
NEXUS_TEXTS = {
    "nexus": "Repository does not allow updating assets: python",
    "newer nexus": "python/packages/app/1.0/%s cannot be updated",
}
ARTIFACTORY_TEXTS = {
    "artifactory": "Not enough permissions to delete/overwrite artifact 'python:app/1.0/%s' (user 'publisher' needs DELETE permission)",
    "newer artifactory": "Not enough permissions to delete/overwrite all artifacts under 'python:app/1.0/%s'",
}


class Vendor:
    """A server of one vendor.

    ``files`` is what it has, by file name; ``posts`` are the statuses of the uploads. ``statuses`` are sent before an upload is
    looked at, ``hidden`` is how many reads of pages do not list anything yet, ``hash_name`` is the hash that pages state.
    """

    def __init__(self, vendor, certificate=None, client_ca=None):
        self.vendor = vendor
        self.files: t.Dict[str, bytes] = {}
        self.posts: t.List[int] = []
        self.logins: t.List[str] = []
        self.fields: t.Dict[str, str] = {}
        self.statuses: t.List[int] = []
        self.hidden = 0
        self.hash_name = "sha256"
        # The start of all links, and whether responses end early.
        self.links = ""
        self.cut = False
        self.reads = 0
        self.is_nexus = "nexus" in vendor
        self.root = "/repository/python/" if self.is_nexus else "/artifactory/api/pypi/python"
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            if client_ca:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(client_ca)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        scheme = "https" if certificate else "http"
        self.origin = "%s://localhost:%d" % (scheme, self.server.server_address[1])
        self.url = self.origin + self.root
        self.simple = self.url.rstrip("/") + "/simple/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        """End it."""
        self.server.shutdown()
        self.server.server_close()

    def page(self, project):
        """Return the page of a project, None if it has no file of it."""
        self.reads += 1
        if self.hidden:
            self.hidden -= 1
            return None
        if self.links:
            return '<a href="%sapp-1.0-py3-none-any.whl">app</a>' % self.links
        names = [name for name in sorted(self.files) if name.partition("-")[0] == project]
        lines = [
            '<a data-requires-python="&gt;=3.8" href="../../packages/%s/1/%s#%s=%s" rel="internal">%s</a><br/>'
            % (project, name, self.hash_name, hashlib.new(self.hash_name, self.files[name]).hexdigest(), name)
            for name in names
        ]
        return "<html><body>\n%s\n</body></html>" % "\n".join(lines) if names else None

    def refusal(self, name):
        """Return status and body for a file that exists already."""
        if self.is_nexus:
            text = NEXUS_TEXTS[self.vendor]
            return 400, (NEXUS_PAGE % (text % name if "%" in text else text)).encode(), "text/html"
        text = ARTIFACTORY_TEXTS[self.vendor] % name
        return 403, json.dumps({"errors": [{"status": 403, "message": text}]}).encode(), "application/json"

    def upload(self, body, content_type):
        """Accept an upload; return status, body and type of the response."""
        if self.statuses:
            return self.statuses.pop(0), b"", "text/plain"
        boundary = content_type.partition("boundary=")[2].encode()
        for part in body.split(b"--" + boundary)[1:-1]:
            head, _, value = part.partition(b"\r\n\r\n")
            found = re.search(rb'name="([^"]*)"(?:; filename="([^"]*)")?', head)
            assert found, head
            if not found[2]:
                self.fields[found[1].decode()] = value[:-2].decode()
                continue
            name, data = found[2].decode(), value[:-2]
        if name in self.files:
            return self.refusal(name)
        assert self.fields["sha256_digest"] == hashlib.sha256(data).hexdigest()
        self.files[name] = data
        return 200, b"", "text/plain"

    def handler(self):
        """Return the class that handles requests."""
        vendor = self
        login = "Basic " + base64.b64encode(("%s:%s" % (USER, PASSWORD)).encode()).decode()

        class Handler(http.server.BaseHTTPRequestHandler):
            """Handles a request."""

            protocol_version = "HTTP/1.1"

            def log_message(self, *_arguments):  # pylint: disable=arguments-differ
                """Log nothing."""

            def respond(self, status, body, kind):
                """Send a response."""
                self.send_response(status)
                if vendor.is_nexus:
                    self.send_header("X-Content-Type-Options", "nosniff")
                else:
                    self.send_header("X-Artifactory-Id", "0123456789abcdef")
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body) + 100 * vendor.cut))
                self.close_connection = self.close_connection or vendor.cut
                self.end_headers()
                self.wfile.write(body)

            def version_string(self):
                """Return the header Server."""
                return "Nexus/3.70.1-02 (OSS)" if vendor.is_nexus else "Artifactory/7.90.5"

            def do_GET(self):  # pylint: disable=invalid-name
                """Serve a page or a file."""
                path = vendor.root.rstrip("/")
                vendor.logins.append(self.headers.get("Authorization", ""))
                if self.path.startswith(path + "/simple/"):
                    page = vendor.page(self.path[len(path + "/simple/") :].strip("/"))
                    self.respond(404 if page is None else 200, (page or "").encode(), "text/html")
                    return
                name = self.path.rpartition("/")[2]
                found = vendor.files.get(name) if self.path.startswith(path + "/packages/") else None
                self.respond(404 if found is None else 200, found or b"", "application/octet-stream")

            def do_POST(self):  # pylint: disable=invalid-name
                """Receive a file."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Authorization") != login:
                    answer = (401, b'{"errors": [{"status": 401, "message": "Bad credentials"}]}', "application/json")
                elif self.path != vendor.root:
                    answer = (404, b"", "text/plain")
                else:
                    answer = vendor.upload(body, self.headers["Content-Type"])
                vendor.posts.append(answer[0])
                self.respond(*answer)

        return Handler
