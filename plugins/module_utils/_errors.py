# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error that users see. A module catches it once and fails with its text."""

from __future__ import annotations

import typing as t

from ansible_collections.airgap.python.plugins.module_utils._text import shown


class AirgapError(Exception):
    """Something cannot be done; the lines name the thing, the reason and the fix.

    The text is safe to print: characters that would control a terminal are
    escaped. ``details`` are values for the module's result. Add a subclass only
    where code must distinguish one failure from another.
    """

    def __init__(self, *lines: str, **details: t.Any) -> None:
        super().__init__("\n".join(shown(line) for line in lines))
        self.details = details
