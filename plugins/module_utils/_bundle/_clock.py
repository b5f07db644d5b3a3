# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as bundles and the ledger state them (RFC 3339), and how far the clocks of two hosts may differ."""

from __future__ import annotations

import datetime

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

# How far the clock of another host may be ahead of this one's.
TOLERANCE = datetime.timedelta(hours=1)


def now() -> datetime.datetime:
    """Return the time of this host's clock."""
    return datetime.datetime.now(datetime.timezone.utc)


def render(at: datetime.datetime) -> str:
    """Return a time as a manifest states it, to the second."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def render_precisely(at: datetime.datetime) -> str:
    """Return a time as the ledger states it, to the microsecond, so that the order of records is known."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str, where: str) -> datetime.datetime:
    """Return the time that an RFC 3339 text states; raises AirgapError for any other text."""
    try:
        found = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise AirgapError("%s: %r is not a time (RFC 3339)." % (where, text[:80])) from error
    return found if found.tzinfo else found.replace(tzinfo=datetime.timezone.utc)


def is_ahead(created: str, at: datetime.datetime) -> bool:
    """Return whether a time is in the future of ``at`` by more than clocks may differ; a text that is not a time is not."""
    try:
        return parse(created, "") - at > TOLERANCE
    except AirgapError:
        return False
