# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch many files at a time with pip's own session.

pip downloads one file after another, and the time that it takes to start and to
look at each is longer than an index takes to send it. This file runs in the
interpreter that holds pip: ``python _pip_fetch.py FOLDER AT_A_TIME
pip-arguments...``, which are those of ``pip download``. It reads URLs from standard input, one a line, until
that ends, and leaves the file of the first as FOLDER/0, of the next as FOLDER/1.

Settings count as for ``pip download``, for it is pip that connects: proxies,
certificates, passwords, retries. Nothing that arrives is checked here. Where a
file fails, or a new pip has moved what this needs, the rest is not fetched; who
started this checks what is there, and has pip itself fetch what is not.
"""

from __future__ import annotations

import concurrent.futures
import importlib
import inspect
import os
import sys
import typing as t


def fetch(download: t.Callable[[str, str], str], urls: t.Sequence[str], folder: str, at_a_time: int) -> None:
    """Call download(URL, place) for each URL, and name the file that it returns by the URL's number.

    The first error ends it: no more files are started.
    """

    def one(number: int, url: str) -> None:
        place = os.path.join(folder, "%d.part" % number)
        os.mkdir(place)
        os.rename(download(url, place), os.path.join(folder, str(number)))

    with concurrent.futures.ThreadPoolExecutor(max_workers=at_a_time) as pool:
        futures = [pool.submit(one, number, url) for number, url in enumerate(urls)]
        try:
            for future in concurrent.futures.as_completed(futures):
                future.result()
        finally:
            for future in futures:
                future.cancel()


def main() -> int:
    """Have pip set itself up as for a download, then fetch with its session."""
    folder, at_a_time = sys.argv[1], int(sys.argv[2])
    command: t.Any = importlib.import_module("pip._internal.commands.download").DownloadCommand
    downloader: t.Any = importlib.import_module("pip._internal.network.download").Downloader
    link: t.Any = importlib.import_module("pip._internal.models.link").Link

    def run(self: t.Any, options: t.Any, dummy: t.Any) -> int:
        # pip 25.1 to 25.3 give the number of retries here; others have it in the session, or none.
        offered = {
            "session": self.get_default_session(options),
            "progress_bar": "off",
            "resume_retries": getattr(options, "resume_retries", 0),
        }
        known = inspect.signature(downloader).parameters
        download = downloader(**{key: value for key, value in offered.items() if key in known})
        urls = sys.stdin.read().splitlines()
        fetch(lambda url, place: download(link(url), place)[0], urls, folder, at_a_time)
        return 0

    command.run = run
    status: int = importlib.import_module("pip._internal.cli.main").main(sys.argv[3:])
    sys.stdout.flush()
    sys.stderr.flush()
    # All that was wanted is on disk; nobody waits for the interpreter to tidy up.
    os._exit(status)


if __name__ == "__main__":
    raise SystemExit(main())
