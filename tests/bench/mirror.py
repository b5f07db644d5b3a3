# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of an index on loopback that fills itself: it fetches each requested page or file once and stores it.

Each response is delayed by ``delay``, so that a measurement has the round trips of a distant index without its
noise. What is measured must be in the copy already: ``misses`` counts what was not.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import os
import re
import socketserver
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

# A stored copy starts with a line that has the status.
SKIP = len(b"200\n")


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A server without DNS lookups, which http.server's own makes."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


class Body:
    """The bytes of a response, in memory or in a file; only the requested range is read."""

    def __init__(self, data=b"", path=None, skip=0):
        self.data = data
        self.path = path
        self.skip = skip
        self.size = os.path.getsize(path) - skip if path else len(data)

    def read(self, start, end):
        """Return the bytes from start to before end."""
        if not self.path:
            return self.data[start:end]
        with open(self.path, "rb") as stream:
            stream.seek(self.skip + start)
            return stream.read(end - start)


class Mirror:
    """Serves /simple/PROJECT/ and /files/…; counts requests, bytes and misses."""

    def __init__(self, upstream, folder, delay=0.0):
        self.upstream = upstream.rstrip("/") + "/"
        self.folder = folder
        self.delay = delay
        self.lock = threading.Lock()
        self.pages = {}
        self.reset()
        os.makedirs(folder, exist_ok=True)
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Responds from the copy."""

            protocol_version = "HTTP/1.1"
            # Otherwise the end of each response waits for an acknowledgement, 40 ms more than the delay.
            disable_nagle_algorithm = True
            wbufsize = 1 << 20

            def do_GET(self):
                """Send a page or a file, whole or a range of it."""
                time.sleep(mirror.delay)
                status, kind, body = mirror.answer(self.path)
                start, end = 0, body.size
                wanted = re.match(r"bytes=(\d*)-(\d*)$", self.headers.get("Range", ""))
                extra = mirror.headers(self.path)
                if wanted and status == 200:
                    first, last = wanted.groups()
                    start = int(first) if first else body.size - int(last)
                    end = min(int(last) + 1, body.size) if first and last else body.size
                    extra["Content-Range"] = "bytes %d-%d/%d" % (start, end - 1, body.size)
                    status = 206
                sent = body.read(start, end) if self.command != "HEAD" else b""
                mirror.count(len(sent))
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(end - start))
                self.send_header("Accept-Ranges", "bytes")
                for name, value in extra.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(sent)

            do_HEAD = do_GET

            def log_message(self, *arguments):
                """Log nothing."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/simple/" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def reset(self):
        """Reset the counters."""
        self.requests = self.bytes = self.misses = 0

    def count(self, size):
        """Count one response."""
        with self.lock:
            self.requests += 1
            self.bytes += size

    def fetch(self, url):
        """Return the status and the path of a URL's copy, which is fetched the first time."""
        path = os.path.join(self.folder, hashlib.sha256(url.encode()).hexdigest())
        if not os.path.exists(path):
            with self.lock:
                self.misses += 1
            try:
                with urllib.request.urlopen(
                    urllib.request.Request(url, headers={"Accept": "text/html"}), timeout=180
                ) as answer:
                    body = b"200\n" + answer.read()
            except urllib.error.HTTPError as error:
                if error.code != 404:
                    raise
                body = b"404\n"
            temporary = "%s.%d" % (path, threading.get_ident())
            with open(temporary, "wb") as stream:
                stream.write(body)
            os.rename(temporary, path)
        with open(path, "rb") as stream:
            return int(stream.read(3)), path

    def headers(self, dummy_path):
        """Return more headers of the response for a path."""
        return {}

    def answer(self, path):
        """Return status, content type and body for a path."""
        kind, _slash, rest = path.lstrip("/").partition("/")
        if kind == "files":
            # The path has the encoded URL, then the file's name, for clients that read it.
            status, copy = self.fetch(base64.urlsafe_b64decode(rest.partition("/")[0] + "===").decode())
            return status, "application/octet-stream", Body(path=copy, skip=SKIP)
        # A page is rendered once: the copy shares the processor with what is measured.
        if rest not in self.pages:
            base = self.upstream + rest
            status, copy = self.fetch(base)
            body = Body(path=copy, skip=SKIP)
            page = re.sub(
                rb'href="([^"]+)"',
                lambda match: b'href="%s"' % self.local(base, match.group(1)),
                body.read(0, body.size),
            )
            self.pages[rest] = status, "text/html", Body(page)
        return self.pages[rest]

    @staticmethod
    def local(base, link):
        """Return the address that a link of a page has in the copy."""
        url, mark, fragment = urllib.parse.urljoin(base, link.decode().replace("&amp;", "&")).partition("#")
        name = url.rpartition("/")[2].partition("?")[0]
        return (
            "/files/%s/%s%s%s" % (base64.urlsafe_b64encode(url.encode()).decode().rstrip("="), name, mark, fragment)
        ).encode()

    def stop(self):
        """Stop the server."""
        self.server.shutdown()
        self.server.server_close()
