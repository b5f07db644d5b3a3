# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch many files at a time with pip's own session.

pip downloads one file after another, and starting and inspecting each takes
longer than an index takes to send it. This file runs in pip's interpreter:
``python _pip_fetch.py FOLDER AT_A_TIME pip-arguments...``, with the arguments of
``pip download``. It reads URLs from standard input until its end, one per line,
and writes the file of the first to FOLDER/0, that of the next to FOLDER/1.

pip makes the connections, so its settings apply as for ``pip download``:
proxies, certificates, passwords, retries. Nothing is verified here. If a file
fails, or a new pip has moved what this needs, the rest is not fetched; the
caller verifies the files that exist, and has pip itself fetch the others.
"""

from __future__ import annotations

import concurrent.futures
import importlib
import inspect
import os
import sys
import typing as t


def fetch(download: t.Callable[[str, str], str], urls: t.Sequence[str], folder: str, at_a_time: int) -> None:
    """Call download(URL, folder) for each URL, and rename the file that it returns to the URL's number.

    After the first error, no more files are started.
    """

    def fetch_one(number: int, url: str) -> None:
        part = os.path.join(folder, "%d.part" % number)
        os.mkdir(part)
        os.rename(download(url, part), os.path.join(folder, str(number)))

    with concurrent.futures.ThreadPoolExecutor(max_workers=at_a_time) as pool:
        futures = [pool.submit(fetch_one, number, url) for number, url in enumerate(urls)]
        try:
            for future in concurrent.futures.as_completed(futures):
                future.result()
        finally:
            for future in futures:
                future.cancel()


def main() -> int:
    """Let pip prepare a download, then fetch with its session."""
    folder, at_a_time = sys.argv[1], int(sys.argv[2])
    command: t.Any = importlib.import_module("pip._internal.commands.download").DownloadCommand
    downloader: t.Any = importlib.import_module("pip._internal.network.download").Downloader
    link: t.Any = importlib.import_module("pip._internal.models.link").Link

    def run(self: t.Any, options: t.Any, dummy: t.Any) -> int:
        # pip 25.1 to 25.3 take the number of retries here; other versions have it in the session, or not at all.
        offered = {
            "session": self.get_default_session(options),
            "progress_bar": "off",
            "resume_retries": getattr(options, "resume_retries", 0),
        }
        known = inspect.signature(downloader).parameters
        download = downloader(**{key: value for key, value in offered.items() if key in known})
        urls = sys.stdin.read().splitlines()
        fetch(lambda url, part: download(link(url), part)[0], urls, folder, at_a_time)
        return 0

    command.run = run
    status: int = importlib.import_module("pip._internal.cli.main").main(sys.argv[3:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is on disk; do not wait for the interpreter to clean up.
    os._exit(status)


if __name__ == "__main__":
    raise SystemExit(main())
