# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sealing: SHA256SUMS over every file of a bundle, and then the memory of what was sealed.

The sums are written first. Were the memory first, a run that is killed between the two would leave a bundle in the
memory that was never sealed, and the changes in it would be missing from the next comparison.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout, _manifest, _memory, _sums
from ansible_collections.airgap.python.plugins.module_utils._files import read_if_exists, write_atomic
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_bytes


class Plan(t.NamedTuple):
    """What sealing changes: the sums, the signatures over other sums, and the memory."""

    root: str
    before: t.Optional[bytes]
    sums: bytes
    removes_signatures: bool
    memory: str
    memory_before: t.Optional[t.Dict[str, t.Any]]
    memory_after: t.Optional[t.Dict[str, t.Any]]

    @property
    def is_changed(self) -> bool:
        """Whether anything changes."""
        return self.before != self.sums or self.memory_after is not None

    def diffs(self) -> t.List[t.Dict[str, str]]:
        """Return what differs, as Ansible shows it."""
        path = os.path.join(self.root, _layout.SUMS)
        found = [
            {
                "before_header": path,
                "after_header": path,
                "before": (self.before or b"").decode("utf-8", "replace"),
                "after": self.sums.decode("utf-8"),
            }
        ]
        if self.memory_after is not None:
            found.append(
                {
                    "before_header": self.memory,
                    "after_header": self.memory,
                    "before": _memory.show_ids(self.memory_before),
                    "after": _memory.show_ids(self.memory_after),
                }
            )
        return found

    def result(self) -> t.Dict[str, t.Any]:
        """Return the result of the module."""
        return {"changed": self.is_changed, "sha256": sha256_bytes(self.sums), "unsigned": self.removes_signatures}


def plan(root: str, memory: str) -> Plan:
    """Return what sealing the bundle in a folder changes; no memory is written where its path is empty."""
    manifest = _manifest.read(root) if os.path.lexists(os.path.join(root, _layout.MANIFEST)) else None
    left_out = {entry.path for entry in _manifest.left_out(manifest)} if manifest else set()
    before = read_if_exists(os.path.join(root, _layout.SUMS))
    sums = _sums.render(_sums.compute(root, left_out)).encode("utf-8")
    is_signed = os.path.exists(os.path.join(root, _layout.SIGNATURE))
    state = _memory.read(memory) if memory else None
    after = _memory.add(state, manifest) if memory and manifest else None
    return Plan(root, before, sums, before != sums and is_signed, memory, state, after)


def apply(planned: Plan) -> None:
    """Remove signatures over other sums, write the sums, then the memory."""
    if planned.removes_signatures:
        os.unlink(os.path.join(planned.root, _layout.SIGNATURE))
    if planned.before != planned.sums:
        write_atomic(os.path.join(planned.root, _layout.SUMS), planned.sums)
    if planned.memory_after is not None:
        _memory.write(planned.memory, planned.memory_after)
