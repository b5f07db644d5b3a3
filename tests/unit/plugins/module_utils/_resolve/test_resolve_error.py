# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures of a resolution name the thing, the reason and the fix."""

from __future__ import annotations

from ansible_collections.airgap.python.plugins.module_utils._resolve import _resolve_error


def test_message_keeps_its_lines_and_escapes_control_characters():
    error = _resolve_error.ResolveError("No lock is written:\nflask 3.1.1\x1b[2K needs werkzeug")
    assert str(error).splitlines() == ["No lock is written:", "flask 3.1.1\\x1b[2K needs werkzeug"]
