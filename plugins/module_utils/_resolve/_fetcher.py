# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch many files at a time in one process, with pip's own session."""

from __future__ import annotations

import inspect
import os
import subprocess
import time
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._pip import _settings
from ansible_collections.airgap.python.plugins.module_utils._pip._arguments import pip_arguments
from ansible_collections.airgap.python.plugins.module_utils._pip._command import Pip, log_command
from ansible_collections.airgap.python.plugins.module_utils._resolve import _pip_fetch


class Fetcher:
    """Fetches many files at a time with pip's own session, in one process (see _pip_fetch).

    That process is started early and gets its list of URLs later: importing pip
    takes longer than fetching a hundred files from a nearby index.
    """

    def __init__(self, pip: Pip, scratch: str, at_a_time: int) -> None:
        self.pip = pip
        self.folder = os.path.join(scratch, "fetched")
        # What the process printed last: why a file did not arrive.
        self.last_line = ""
        os.mkdir(self.folder)
        script = os.path.join(scratch, "fetch.py")
        with open(script, "w", encoding="utf-8") as stream:
            stream.write(inspect.getsource(_pip_fetch))
        self.command = [pip.python, script, self.folder, str(at_a_time)] + pip_arguments("download")
        self.process = subprocess.Popen(
            self.command,
            env=_settings.pip_environment(pip.settings, os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def fetch(self, urls: t.Sequence[str], report_progress: t.Callable[[int], None]) -> t.List[str]:
        """Return the path of the file of each URL; it is not verified, and missing if it could not be fetched.

        report_progress() is called with the number of files so far, twice a second. Can be called once.
        """
        started = time.time()
        output = self.wait_briefly(("".join(url + "\n" for url in urls)).encode("utf-8"))
        while output is None:
            report_progress(sum(name.isdigit() for name in os.listdir(self.folder)))
            output = self.wait_briefly(None)
        out = output.decode("utf-8", "replace")
        self.last_line = out.strip().rpartition("\n")[2]
        log_command(self.command, self.process.returncode, time.time() - started, out, self.pip.log, self.pip.secrets())
        return [os.path.join(self.folder, str(number)) for number in range(len(urls))]

    def wait_briefly(self, text: t.Optional[bytes]) -> t.Optional[bytes]:
        """Return the output of the process if it ends within half a second, else None."""
        try:
            return self.process.communicate(text, timeout=0.5)[0]
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """End the process, whether or not it has fetched anything."""
        self.process.kill()
        self.process.communicate()
