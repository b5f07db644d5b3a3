# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets for tests of the module pip_download, and readers of its results. Its fixtures are in conftest.py."""

from __future__ import annotations

OLD = {"name": "old", "python": "3.9.2", "libc": "glibc-2.31"}
NEW = {"name": "new", "python": "3.13.5", "libc": "glibc-2.41"}
WINDOWS = {"name": "windows", "python": "3.12.1", "os": "windows"}
ALL = (OLD, NEW, WINDOWS)


def pins(result, target):
    """Return name==version of a target's files."""
    return ["%s==%s" % (one["name"], one["version"]) for one in result["targets"][target]["files"]]
