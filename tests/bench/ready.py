# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how soon devpi-server answers after its start, and how much memory it then needs: empty, and with 362 wheels.

Run it with `make ready`. The server has the options that the role devpi gives it.
"""

from __future__ import annotations

import pathlib
import tempfile
import time

from tests.integration.devpi_server import VERSION, install
from tests.integration.published import Bundle, Site

WHEELS = 362
STARTS = 5


def measure(site):
    """Return the seconds until the server answers, the best of some starts, and its memory in MB."""
    seconds = []
    for _start in range(STARTS):
        site.stop()
        site.start(wait=False)
        started = time.monotonic()
        while True:
            try:
                site.get("/+api")
                break
            except OSError:
                time.sleep(0.02)
        seconds.append(time.monotonic() - started)
    status = pathlib.Path("/proc/%d/status" % site.running.pid).read_text(encoding="ascii")
    (used,) = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")]
    return min(seconds), used / 1000


def main():
    """Measure, and print a table."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "site").mkdir()
        site = Site(install(VERSION), folder / "site")
        try:
            rows = [("empty", *measure(site))]
            result = site.publish(Bundle(folder / "bundle", [("wheel%d" % one, "1.0", b"") for one in range(WHEELS)]))
            assert "msg" not in result, result["msg"]
            rows.append(("%d wheels" % WHEELS, *measure(site)))
        finally:
            site.stop()
    print("| devpi-server %s | ready after | memory at rest |\n|---|---|---|" % VERSION)
    for what, seconds, used in rows:
        print("| %s | %.1f s | %.0f MB |" % (what, seconds, used))


if __name__ == "__main__":
    main()
