# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of the internet host: the manifest of the bundle that was sealed last, and of the one before it.

It is in a file outside the bundle, so that the next bundle can be compared with what was sealed before.
"""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout, _manifest, _sums
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import read_if_exists, write_atomic
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_bytes

# The format number of the file.
FORMAT = 1
State = t.Mapping[str, t.Any]


def parse(text: str) -> t.Optional[t.Dict[str, t.Any]]:
    """Return the state that a text holds, ``sealed`` and ``before``; None for any other text."""
    try:
        state: t.Dict[str, t.Any] = _json.parse(text, "the memory of what was sealed")
        for key in ("sealed", "before"):
            if state[key] is not None or key == "sealed":
                _manifest.parse(json.dumps(state[key]))
    except (KeyError, TypeError, AirgapError):
        return None
    return state


def add(state: t.Optional[State], sealed: t.Mapping[str, t.Any]) -> t.Optional[t.Dict[str, t.Any]]:
    """Return the state after a bundle is sealed; None where that changes nothing."""
    if state is None:
        return {"format": FORMAT, "sealed": sealed, "before": None}
    if state["sealed"]["id"] == sealed["id"]:
        return None
    return {"format": FORMAT, "sealed": sealed, "before": state["sealed"]}


def read(path: str) -> t.Optional[t.Dict[str, t.Any]]:
    """Return the state in a file; None where it does not exist or is not a memory."""
    return parse((read_if_exists(path) or b"").decode("utf-8", "replace"))


def write(path: str, state: State) -> None:
    """Replace the file as a whole."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_atomic(path, _json.render(state).encode("utf-8"))


def show_ids(state: t.Optional[State]) -> str:
    """Return the ids in a state as text, for a diff."""
    if state is None:
        return ""
    return "".join("%s: %s\n" % (key, (state[key] or {}).get("id")) for key in ("sealed", "before"))


def sealed_manifest(root: str) -> t.Optional[t.Dict[str, t.Any]]:
    """Return the manifest of a bundle if its sum is in SHA256SUMS, else None: that bundle is not sealed."""
    data = read_if_exists(os.path.join(root, _layout.MANIFEST))
    sums = read_if_exists(os.path.join(root, _layout.SUMS))
    if data is None or sums is None:
        return None
    try:
        if _sums.parse(sums.decode("utf-8")).get(_layout.MANIFEST) != sha256_bytes(data):
            return None
        return _manifest.parse(data.decode("utf-8"))
    except (AirgapError, UnicodeDecodeError):
        return None
