# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the last run left on the server, remembered on its host, so that the next one can see that nothing has changed since.

devpi-server counts its changes: every response has the serial of the latest one. As long as a server has the same
identity and the same serial, everything on it is as it was.
"""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._files import make_folder, read_if_exists, write_atomic

FORMAT = 1
State = t.Dict[str, t.Any]


def password_state(path: str) -> t.List[int]:
    """Return what tells one content of a password file from the next, without its content; empty if it does not exist."""
    try:
        found = os.stat(path)
    except OSError:
        return []
    return [found.st_ino, found.st_ctime_ns, found.st_size]


def state(uuid: str, serial: int, index: str, identity: str, password: t.Sequence[int]) -> State:
    """Return what is remembered after a run in which everything was right."""
    return {
        "format": FORMAT,
        "uuid": uuid,
        "serial": serial,
        "index": index,
        "id": identity,
        "password": list(password),
    }


def is_same(path: t.Optional[str], now: State) -> bool:
    """Return whether the last run left exactly this state, and the server has not changed since."""
    if path is None or not now["uuid"] or now["serial"] < 0 or not now["password"]:
        return False
    try:
        return bool(json.loads((read_if_exists(path) or b"").decode("utf-8", "replace")) == now)
    except (ValueError, RecursionError, OSError):
        return False


def remember(path: t.Optional[str], now: State) -> None:
    """Write the state, unless the file has it."""
    if path is not None and not is_same(path, now):
        make_folder(os.path.dirname(path) or ".")
        write_atomic(path, _json.render(now).encode("utf-8"))
