# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lock depends on, and what an upgrade can move in it. No I/O happens here."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_bytes
from ansible_collections.airgap.python.plugins.module_utils._pip._settings import INDEXES
from ansible_collections.airgap.python.plugins.module_utils._secrets import without_password
from ansible_collections.airgap.python.plugins.module_utils._target._target import Target


def digest_inputs(
    requirements: t.Iterable[str],
    constraints: t.Iterable[str],
    target: Target,
    settings: t.Mapping[str, str],
    find_links: t.Sequence[str],
    engine: str,
) -> str:
    """Return the SHA-256 of everything that a resolution depends on and that the site decides.

    Requirements and constraints are those of all files, with their hashes; their
    file and order make no difference.
    """
    described: t.Dict[str, t.Any] = {
        "requirements": sorted(set(requirements)),
        "constraints": sorted(set(constraints)),
        "target": {key: value for key, value in target.as_dict().items() if key != "name"},
        "indexes": [" ".join(without_password(url) for url in settings.get(key, "").split()) for key in INDEXES],
        "find_links": list(find_links),
        "engine": engine,
    }
    if settings.get("no-index"):
        described["no_index"] = True
    return "sha256:" + sha256_bytes(json.dumps(described, sort_keys=True).encode("utf-8"))


def affected_by_upgrade(names: t.Set[str], requires: t.Mapping[str, t.Set[str]]) -> t.Set[str]:
    """Return what an upgrade may have to move: everything that the projects require, and everything that requires them."""
    parents: t.Dict[str, t.Set[str]] = {}
    for parent, children in requires.items():
        for child in children:
            parents.setdefault(child, set()).add(parent)
    found: t.Set[str] = set()
    for edges in (requires, parents):
        todo = list(names)
        seen = set(names)
        while todo:
            for name in edges.get(todo.pop(), ()):
                if name not in seen:
                    seen.add(name)
                    todo.append(name)
        found |= seen
    return found
