# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of requirements and built wheels for the tests of this folder."""

from __future__ import annotations

import json

from ansible_collections.airgap.python.plugins.module_utils._resolve import (
    _build_order,
    _built_wheel,
    _requirements_file,
)
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HERE = _target_parser.parse({"name": "here", "python": "3.11.7", "libc": "glibc-2.36"})[0]


def parse(files, requirements=(), constraints=(), variables=None):
    """Parse the file r.txt among files in memory."""

    def read(path):
        if path not in files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return files[path]

    first = ["r.txt"] if "r.txt" in files else []
    return _requirements_file.parse(list(requirements), first, list(constraints), read, variables)


def built(filename="tool-1.0-py3-none-any.whl", **fields):
    """Return a built wheel from a record."""
    order = _build_order.parse_order(
        fields.pop("order", {"name": "tool", "vcs": "git+https://h.example/tool@" + COMMIT})
    )
    record = {
        "format": 1,
        "name": "tool",
        "version": "1.0",
        "filename": filename,
        "sha256": "a" * 64,
        "size": 3,
        "tags": ["-".join(filename[: -len(".whl")].split("-")[-3:])],
        "origin": "built:x",
        "inputs": _built_wheel.build_inputs(order, "", HERE, "26.3"),
    }
    record.update(fields)
    return _built_wheel.parse_built_wheel(json.dumps(record), "/built/tool.json")
