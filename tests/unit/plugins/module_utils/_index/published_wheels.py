# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wheels, and what an index lists of them."""

from __future__ import annotations

from ansible_collections.airgap.python.plugins.module_utils._index import _client
from ansible_collections.airgap.python.plugins.module_utils._wheels._wheel import Wheel

HASH_A, HASH_B = "a" * 64, "b" * 64


def a_wheel(project="demo", sha256=HASH_A, requires_python=">=3.9", path="/x"):
    filename = "%s-1.0-py3-none-any.whl" % project
    fields = (("name", project), ("version", "1.0"), ("classifiers", "A"), ("classifiers", "B"))
    return Wheel(path, filename, sha256, project, "1.0", requires_python, fields)


def listed(wheel, sha256=HASH_A, requires_python=">=3.9"):
    return {wheel.project: {wheel.filename: _client.Listed(sha256, requires_python)}}
