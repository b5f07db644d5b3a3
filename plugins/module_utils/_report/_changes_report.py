# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write changes.json of a bundle. _changes decides what it says."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout, _manifest, _memory
from ansible_collections.airgap.python.plugins.module_utils._report import _changes, _report_files
from ansible_collections.airgap.python.plugins.module_utils._wheels import _packaging


def write_changes(root: str, memory: str, base: t.Optional[str], check_mode: bool) -> t.Dict[str, t.Any]:
    """Write the changes of a bundle; return the result of bundle_changes. Raises AirgapError and OSError.

    ``memory`` and ``base`` are paths: of what was sealed before, and of the bundle that this one adds to.
    """
    if check_mode and not os.path.exists(os.path.join(root, _layout.MANIFEST)):
        dest = _report_files.report_path(root, _report_files.CHANGES)
        return {"changed": True, "dest": dest, "against": "", "counts": dict.fromkeys(_changes.KINDS, 0)}
    manifest = _manifest.read(root)
    base_manifest = _changes.parse_base(_folder.read_text(base), base) if base else None
    state = _memory.read(memory)
    earlier = _changes.choose_earlier(state, manifest["id"], base_manifest)
    changes = _changes.compare(earlier, manifest, _packaging.load().parse_version)
    result = _report_files.write_report(root, _report_files.CHANGES, _json.render(changes), check_mode)
    return dict(result, against=(changes["against"] or {}).get("id") or "", counts=changes["counts"])
