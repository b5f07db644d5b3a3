# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a response of HTTP was received to its end."""

from __future__ import annotations

import http.client
import typing as t


def check_received(response: t.Any) -> None:
    """Raise http.client.IncompleteRead if a connection ended before the Content-Length of a response that was read.

    Python's ``HTTPResponse.read(amount)`` returns what it has then, and says nothing; only ``read()`` without an amount
    raises. A body in chunks raises by itself.
    """
    if getattr(response, "length", None):
        raise http.client.IncompleteRead(b"", response.length)
