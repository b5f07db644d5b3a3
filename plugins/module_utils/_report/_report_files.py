# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files in a bundle's folder reports/: their names, their format, reading and writing them."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import make_folder, read_if_exists, write_atomic

# The format number in audit.json and changes.json.
FORMAT = 1
SBOM = "sbom.cdx.json"
AUDIT = "audit.json"
CHANGES = "changes.json"
PAGE = "report.html"
DEPENDENCIES = "dependencies.txt"


def report_path(root: str, name: str) -> str:
    """Return the path of a report of a bundle."""
    return os.path.join(root, _layout.REPORTS, name)


def read_report(root: str, name: str) -> t.Dict[str, t.Any]:
    """Return the content of a JSON report of this collection; raises AirgapError for anything else, and OSError."""
    path = report_path(root, name)
    document = _json.parse(_folder.read_text(path), path)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise AirgapError("%s is not a report of format %d. Stage the bundle again." % (path, FORMAT))
    return document


def write_report(root: str, name: str, text: str, check_mode: bool) -> t.Dict[str, t.Any]:
    """Write a report if it differs from the existing one, but not in check mode; return changed, dest and diff."""
    path = report_path(root, name)
    # JSON can contain half of a surrogate pair, UTF-8 cannot: it is written as a JSON escape.
    data = text.encode("utf-8", "backslashreplace")
    before = read_if_exists(path)
    if before == data:
        return {"changed": False, "dest": path}
    if not check_mode:
        make_folder(os.path.dirname(path))
        write_atomic(path, data)
    diff = {
        "before": (before or b"").decode("utf-8", "replace"),
        "after": data.decode("utf-8"),
        "before_header": path,
        "after_header": path,
    }
    return {"changed": True, "dest": path, "diff": diff}
