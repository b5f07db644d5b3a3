# SPDX-License-Identifier: GPL-3.0-or-later
"""Install with many real pips at a time from the index of the lab, and print how long they take. Run it with `make clients`.

20 pips at once, five rounds, on the nodes of the lab, which share this machine's processors. Each installs a project with
its requirements into a new folder, without a cache. Any that fails ends this with its output.
"""

from __future__ import annotations

import concurrent.futures
import datetime
import os
import subprocess
import sys
import time
import typing as t

NODES = ("node311", "node313", "node39")
PIPS = 20
ROUNDS = 5
PROJECT = "requests"


def install(number: int) -> float:
    """Install on one of the nodes; return the seconds. Raises RuntimeError with pip's output if it fails."""
    node = NODES[number % len(NODES)]
    folder = "/tmp/airgap-clients/%d" % number
    command = "rm -rf {0} && /opt/airgap/base/bin/pip install --quiet --no-cache-dir --target {0} {1} && rm -rf {0}"
    started = time.monotonic()
    done = subprocess.run(
        ["podman", "exec", "airgap-" + node, "sh", "-c", command.format(folder, PROJECT)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError("A pip on %s failed:\n%s" % (node, done.stdout))
    return time.monotonic() - started


def percentile(values: t.Sequence[float], share: float) -> float:
    """Return the value below which a share of the values is (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> None:
    """Print a table of one line."""
    alone = min(install(0) for _round in range(3))
    seconds: t.List[float] = []
    for number in range(ROUNDS):
        with concurrent.futures.ThreadPoolExecutor(PIPS) as pool:
            seconds += pool.map(install, range(PIPS))
        sys.stdout.write("round %d of %d: %d installed\n" % (number + 1, ROUNDS, len(seconds)))
    sys.stdout.write("\n| date | cores | installs | failed | alone | p50 | p99 |\n|---|---|---|---|---|---|---|\n")
    sys.stdout.write(
        "| %s | %d | %d, %d at a time | 0 | %.1f s | %.1f s | %.1f s |\n"
        % (
            datetime.date.today(),
            os.cpu_count() or 0,
            len(seconds),
            PIPS,
            alone,
            percentile(seconds, 0.5),
            percentile(seconds, 0.99),
        )
    )


if __name__ == "__main__":
    main()
