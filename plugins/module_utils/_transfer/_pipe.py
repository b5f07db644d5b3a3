# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The named pipe through which a module and the relay exchange a stream: the module runs with become, the relay does not."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import stat
import time

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

# How long one end of a pipe waits for the other, in seconds.
TIMEOUT = 120.0
# The size of the pipe's buffer, in bytes.
BUFFER = 1 << 18
# fcntl(2), of Linux. Python has a name for it from 3.10 on.
F_SETPIPE_SZ = 1031


class Pipe:
    """One end of a named pipe that the relay creates and of which it holds the other end.

    Neither opening nor reading waits longer than ``timeout`` seconds. Raises AirgapError when that time is over, and if the
    path is not a pipe.
    """

    def __init__(self, path: str, flags: int, timeout: float = TIMEOUT) -> None:
        self.timeout = timeout
        self.poll = select.poll()
        self.handle = -1
        deadline = time.monotonic() + timeout
        while self.handle < 0:
            try:
                self.handle = os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)
            except OSError as error:
                # It does not exist yet, or the relay has not opened it for reading yet.
                if error.errno not in (errno.ENOENT, errno.ENXIO):
                    raise
                if time.monotonic() > deadline:
                    raise AirgapError(
                        "The relay on the control host did not connect within %d seconds. Run this again." % timeout
                    ) from error
                time.sleep(0.01)
        if not stat.S_ISFIFO(os.fstat(self.handle).st_mode):
            self.close()
            raise AirgapError("%s is not a pipe." % path)
        self.poll.register(self.handle, select.POLLIN if flags == os.O_RDONLY else select.POLLOUT)
        with contextlib.suppress(OSError):
            # With a larger buffer, fewer switches between the processes.
            fcntl.fcntl(self.handle, F_SETPIPE_SZ, BUFFER)

    def read(self, length: int) -> bytes:
        """Return up to this many bytes, and none at the end."""
        self.wait("Nothing arrived for %d seconds. Run this again: what arrived is kept.")
        return os.read(self.handle, length)

    def write(self, data: bytes) -> None:
        """Write all of the bytes."""
        rest = memoryview(data)
        while rest:
            self.wait("The relay on the control host read nothing for %d seconds. Run this again.")
            rest = rest[os.write(self.handle, rest) :]

    def wait(self, message: str) -> None:
        """Wait until the pipe is ready; raises AirgapError with the message after the timeout."""
        if not self.poll.poll(self.timeout * 1000):
            raise AirgapError(message % self.timeout)

    def close(self) -> None:
        """Close this end."""
        os.close(self.handle)
