# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An index that is a folder, read as a client reads one from its server: for the checks of a site that serves files alone."""

from __future__ import annotations

import os
import typing as t
from urllib.parse import quote, unquote, urlsplit

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_file
from ansible_collections.airgap.python.plugins.module_utils._index import _static_pages


class Response(t.NamedTuple):
    """What a page gives."""

    status: int


class Folder:
    """The folder of a static index, by its URL file:///FOLDER."""

    origin = "file://"

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
            raise AirgapError("%s is not a folder of this host. Write it as file:///FOLDER." % url)
        self.root = parts.path.rstrip("/")
        self.path = unquote(self.root)

    def url(self, path: str) -> str:
        """Return the URL of a path."""
        return self.origin + self.root + quote(path, safe="/+%")

    def _file(self, path: str) -> str:
        return self.path + unquote(path)

    def send(self, method: str, path: str, headers: t.Optional[t.Mapping[str, str]] = None) -> Response:
        """Open a page; raises AirgapError if it cannot be read."""
        page = os.path.join(self._file(path), _static_pages.HTML)
        try:
            with open(page, "rb") as stream:
                stream.read(1)
        except OSError as error:
            raise AirgapError(
                "%s cannot be read: %s. If the folder is mounted, check the mount; then play index."
                % (page, error.strerror)
            ) from error
        return Response(200)

    def request(self, method: str, path: str, missing_ok: bool = False, accept: str = "") -> t.Any:
        """Return a page as JSON, None if it does not exist."""
        try:
            with open(os.path.join(self._file(path), _static_pages.JSON), encoding="utf-8") as stream:
                return _json.parse(stream.read(), path)
        except FileNotFoundError:
            if missing_ok:
                return None
            raise

    def sha256(self, path: str) -> str:
        """Return the SHA-256 of a file, "" if it does not exist."""
        try:
            return sha256_file(self._file(path))
        except FileNotFoundError:
            return ""

    def close(self) -> None:
        """Do nothing: no file stays open."""
