# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare a bundle with the one before it. _changes decides what the report says."""

from __future__ import annotations

import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _manifest, _memory
from ansible_collections.airgap.python.plugins.module_utils._report import _changes
from ansible_collections.airgap.python.plugins.module_utils._wheels import _packaging


def read_changes(root: str, memory: str, base: t.Optional[str]) -> t.Dict[str, t.Any]:
    """Return what changed, as changes.json has it. Raises AirgapError and OSError.

    ``memory`` and ``base`` are paths: of what was sealed before, and of the bundle that this one adds to.
    """
    manifest = _manifest.read(root)
    base_manifest = _changes.parse_base(_folder.read_text(base), base) if base else None
    earlier = _changes.choose_earlier(_memory.read(memory), manifest["id"], base_manifest)
    return _changes.compare(earlier, manifest, _packaging.load().parse_version)
