# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks of the tests that need more than Python."""

from __future__ import annotations


def pytest_configure(config):
    """Make the marks known, so that a misspelt one is an error."""
    config.addinivalue_line("markers", "devpi_server: needs PyPI once, and starts a real devpi-server on loopback")
