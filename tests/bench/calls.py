# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the calls to hosts and the seconds of playbooks on the lab when nothing is left to change.

Run it with `make calls` after `make demo` (PLAYBOOKS="playbooks/index.yml site.yml" for others, CHECKOUT=FOLDER to play those of
another checkout in turn, whose lab must be up). A call is a line with EXEC in the output of `ansible-playbook -vvv`.
"""

from __future__ import annotations

import argparse
import collections
import datetime
import os
import re
import subprocess
import sys
import time


def play(checkout: str, playbook: str) -> tuple[float, collections.Counter[str], int]:
    """Play a playbook on the lab; return its seconds, the calls to each host and how many tasks changed."""
    command = ["ansible-playbook", "-i", "inventories/lab", "-vvv", playbook]
    settings = dict(os.environ, ANSIBLE_CONFIG=os.path.join(checkout, "ansible.cfg"), ANSIBLE_NOCOLOR="1")
    started = time.monotonic()
    done = subprocess.run(command, cwd=checkout, env=settings, stdout=subprocess.PIPE, text=True, check=False)
    seconds = time.monotonic() - started
    if done.returncode:
        sys.exit("%s failed:\n%s" % (playbook, done.stdout[-3000:]))
    calls = collections.Counter(re.findall(r"^<([^>]+)> .*\bEXEC ", done.stdout, re.M))
    changed = sum(map(int, re.findall(r" changed=(\d+) ", done.stdout)))
    return seconds, calls, changed


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("playbooks", nargs="*", default=["playbooks/index.yml"])
    parser.add_argument("--checkout", action="append", default=[], help="another checkout, played in turn")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("%s, %d cores\n" % (datetime.date.today(), os.cpu_count() or 1))
    print("| checkout | playbook | calls | by host | seconds | changed |\n|---|---|---|---|---|---|", flush=True)
    checkouts = [os.getcwd(), *map(os.path.abspath, options.checkout)]
    found: dict[tuple[str, str], list[tuple[float, collections.Counter[str], int]]] = {}
    for _round in range(options.rounds):
        for playbook in options.playbooks:
            for checkout in checkouts:
                found.setdefault((checkout, playbook), []).append(play(checkout, playbook))
    for (checkout, playbook), runs in found.items():
        seconds = ", ".join("%.1f" % one[0] for one in runs)
        calls = runs[-1][1]
        by_host = ", ".join("%s %d" % pair for pair in calls.most_common())
        line = (os.path.basename(checkout), playbook, sum(calls.values()), by_host, seconds, runs[-1][2])
        print("| %s |" % " | ".join(map(str, line)))


if __name__ == "__main__":
    main()
