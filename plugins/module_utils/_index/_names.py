# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of devpi's users and indexes, and their paths in its HTTP API."""

from __future__ import annotations

import re
import typing as t
from urllib.parse import quote

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.@-]*\Z")


def check_user(name: str) -> str:
    """Return a user's name, or raise AirgapError if devpi would refuse it."""
    if not _NAME.match(name):
        raise AirgapError("%r is not a valid devpi user name. Use letters, digits, '-', '_', '.' and '@'." % name)
    return name


def split_index(name: str) -> t.Tuple[str, str]:
    """Return user and index of USER/INDEX, or raise AirgapError."""
    parts = name.split("/")
    if len(parts) != 2 or not all(_NAME.match(part) for part in parts):
        raise AirgapError(
            "%r is not a valid index name. Write USER/INDEX with letters, digits, '-', '_', '.' and '@'." % name
        )
    return parts[0], parts[1]


def user_path(name: str) -> str:
    """Return the path of a user in the HTTP API."""
    return "/" + quote(name, safe="")


def index_path(name: str) -> str:
    """Return the path of an index in the HTTP API."""
    user, index = split_index(name)
    return "%s/%s" % (user_path(user), quote(index, safe=""))
