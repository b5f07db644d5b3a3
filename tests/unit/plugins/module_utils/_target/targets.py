# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets that several tests use."""

from __future__ import annotations

from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser

NODE39 = {"name": "node39", "python": "3.9.2", "os": "linux", "arch": "x86_64", "libc": "glibc-2.31"}
FREE_THREADED = [
    "cp313-cp313t-manylinux_2_41_x86_64",
    "cp313-cp313t-linux_x86_64",
    "cp313-abi3t-linux_x86_64",
    "cp313-none-linux_x86_64",
    "py3-none-any",
]


def target(**changes):
    """Return node39 with changes; a field that is None is left out."""
    raw = {key: value for key, value in dict(NODE39, **changes).items() if value is not None}
    return _target_parser.parse(raw)[0]
