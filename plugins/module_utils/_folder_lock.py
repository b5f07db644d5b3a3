# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time works in a folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import make_folder


@contextlib.contextmanager
def locked_folder(folder: str, check_mode: bool, patience: t.Optional[float] = None) -> t.Iterator[None]:
    """Lock a folder for this run; the kernel releases the lock when the run ends, however it ends.

    Waits for another run, for ever or for ``patience`` seconds; then raises AirgapError.
    """
    if check_mode:
        yield
        return
    make_folder(folder)
    handle = os.open(folder, os.O_RDONLY)
    try:
        if patience is None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        else:
            _lock_soon(handle, folder, patience)
        yield
    finally:
        os.close(handle)


def _lock_soon(handle: int, folder: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise AirgapError(
                    "Another run has been working in %s for %d seconds. Run this again when it has finished."
                    % (folder, patience)
                ) from error
            time.sleep(0.05)
