# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requesting the index from the host that will use it, before any of its settings are there."""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
import typing as t
import urllib.error
import urllib.request
from urllib.parse import unquote, urlsplit

# The fix, by HTTP status; 0 if there was no response.
FIXES = {
    0: "Check that it runs, and that %(host)s can reach it. If nodes reach it at another address than Ansible, set "
    "pip_conf_index_addresses (or all of pip_conf_index_url). If its certificate is not trusted, set pip_conf_cert.",
    401: "Let the index serve its files without a login inside the gap.",
    403: "Let the index serve its files without a login inside the gap.",
    404: "A server answers, but does not have this index. Check airgap_index_name, and that pip_conf_index_address is the "
    "index host's.",
}


# The fix for a folder (file://).
FOLDER_FIX = "Mount the folder on %(host)s for everyone to read, and correct pip_conf_index_url if it is elsewhere."


class Response(t.NamedTuple):
    """What came back: the status is 0 if nothing did, and the reason says why it is not 200."""

    status: int
    reason: str


def failure(host: str, url: str, response: Response) -> str:
    """Return why a host cannot use the index, and the fix."""
    fixes = FIXES.get(response.status, FIXES[0]) if urlsplit(url).scheme != "file" else FOLDER_FIX
    fix = fixes % {"host": host}
    return "%s does not reach an index at %s: %s. %s Nothing on %s was changed." % (
        host,
        url,
        response.reason,
        fix,
        host,
    )


def sentence(url: str, response: Response) -> str:
    """Return what to say of a response in check mode."""
    return "%s %s." % (url, "answers" if response.status == 200 else "does not answer yet: " + response.reason)


def addresses_of(lines: t.Iterable[str]) -> t.Dict[str, t.List[str]]:
    """Return the addresses of each name in lines of hosts(5)."""
    found: t.Dict[str, t.List[str]] = {}
    for line in lines:
        address, *names = line.split()
        for name in names:
            found.setdefault(name, []).append(address)
    return found


def look(url: str) -> Response:
    """Return whether a folder is a simple index; the URL is file:///FOLDER."""
    path = os.path.join(unquote(urlsplit(url).path), "index.html")
    try:
        with open(path, "rb") as page:
            page.read(1)
            is_readable = os.fstat(page.fileno()).st_mode & 0o004
    except OSError as error:
        return Response(0, "%s: %s" % (path, error.strerror))
    return Response(200, "") if is_readable else Response(0, "%s: others may not read it" % path)


def request(url: str, ca: str, ca_path: str, names: t.Mapping[str, t.Sequence[str]], timeout: int) -> Response:
    """Request a URL. ``ca`` is the text of certificates, or else ``ca_path`` a file of them; ``names`` outrank the host's.

    Proxies and the netrc of the user are not used.
    """
    if urlsplit(url).scheme == "file":
        return look(url)

    def connect(place: t.Tuple[str, int], *args: t.Any, **options: t.Any) -> socket.socket:
        host, port = place
        last: t.Optional[OSError] = None
        for address in names.get(host, [host]):
            try:
                return socket.create_connection((address, port), *args, **options)
            except OSError as error:
                last = error
        raise last or OSError("it has no address")

    class Plain(http.client.HTTPConnection):
        """A connection to the named addresses."""

        def __init__(self, *args: t.Any, **options: t.Any) -> None:
            super().__init__(*args, **options)
            self._create_connection = connect

    class Secure(http.client.HTTPSConnection):
        """A connection to the named addresses with TLS."""

        def __init__(self, *args: t.Any, **options: t.Any) -> None:
            super().__init__(*args, **options)
            self._create_connection = connect

    class PlainHandler(urllib.request.HTTPHandler):
        """Opens http."""

        def http_open(self, req: urllib.request.Request) -> t.Any:
            """Open a URL."""
            return self.do_open(Plain, req)

    class SecureHandler(urllib.request.HTTPSHandler):
        """Opens https."""

        def https_open(self, req: urllib.request.Request) -> t.Any:
            """Open a URL."""
            return self.do_open(Secure, req, context=context)

    try:
        context = None
        if urlsplit(url).scheme == "https":
            context = ssl.create_default_context(cadata=ca or None, cafile=None if ca else ca_path or None)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), PlainHandler(), SecureHandler(context=context)
        )
        asked = urllib.request.Request(url, headers={"User-Agent": "airgap.python"})
        with opener.open(asked, timeout=timeout) as response:
            return Response(response.status, "" if response.status == 200 else "status %d" % response.status)
    except urllib.error.HTTPError as error:
        return Response(error.code, str(error))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Response(0, _reason(error))


def _reason(error: BaseException) -> str:
    inner = getattr(error, "reason", error)
    text = getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
    return re.sub(r"^\[Errno -?[0-9]+\] ", "", str(text))
