# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare staging with the method of common guides: one `pip download` with a list of platform tags for each target.

Both use the same copy of an index on loopback, in turn, in one run. Run it with `make bench`.
cold: no pip cache, nothing downloaded. warm: a full cache, nothing downloaded. unchanged: the same run again.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time

from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser

from tests.bench.mirror import Mirror

REQUIREMENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "requirements.txt")
TARGETS = [
    {"name": "py39", "python": "3.9.18", "os": "linux", "arch": "x86_64", "libc": "glibc-2.34"},
    {"name": "py311", "python": "3.11.7", "os": "linux", "arch": "x86_64", "libc": "glibc-2.36"},
    {"name": "py312", "python": "3.12.1", "os": "linux", "arch": "x86_64", "libc": "glibc-2.39"},
    {"name": "py313", "python": "3.13.0", "os": "linux", "arch": "x86_64", "libc": "glibc-2.41"},
]
MODULE = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.airgap.python.plugins.modules.pip_download import main
with patch_module_args(json.loads(sys.argv[1])):
    main()
"""


def tools():
    """Return an interpreter with the current pip and uv, as the role stage creates one."""
    venv = os.path.abspath(".cache/bench/venv")
    python = os.path.join(venv, "bin/python")
    if not os.path.exists(os.path.join(venv, "bin/uv")):
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--upgrade", "pip", "uv"], check=True)
    return python


PYTHON = ""


def upstream():
    """Return the index that pip uses on this machine."""
    code = (
        "from pip._internal.models.index import PyPI; from pip._internal.configuration import Configuration; "
        "c = Configuration(isolated=False); c.load(); "
        "print(dict(c.items()).get(':env:.index-url') or dict(c.items()).get('global.index-url') or PyPI.simple_url)"
    )
    return subprocess.check_output([sys.executable, "-c", code]).decode().strip().splitlines()[-1]


def environment(url, cache):
    """Return an environment in which pip and uv know this index and nothing else of the machine's settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_"))}
    kept.update(PIP_CONFIG_FILE=os.devnull, PIP_INDEX_URL=url, PIP_CACHE_DIR=cache, UV_CACHE_DIR=cache + "-uv")
    kept.update(PYTHONPATH=os.path.abspath(".collections"), PIP_DISABLE_PIP_VERSION_CHECK="1")
    return kept


def guide(targets, folder, env):
    """Do it as the guides say; return how many targets failed."""
    failed = 0
    for raw in targets:
        target = _target_parser.parse(raw)[0]
        command = [PYTHON, "-m", "pip", "download", "--quiet", "--only-binary", ":all:"]
        command += ["--dest", os.path.join(folder, "wheelhouse")] + target.pip_arguments()
        command += ["--requirement", REQUIREMENTS]
        failed += (
            subprocess.run(
                command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
            ).returncode
            != 0
        )
    return failed


def ours(resolver, targets, folder, env):
    """Download with the module; return how many targets failed."""
    arguments = {
        "requirements_files": [REQUIREMENTS],
        "dest": os.path.join(folder, "bundle/wheels"),
        "lock_dest": os.path.join(folder, "bundle/locks/bench"),
        "targets": targets,
        "python": PYTHON,
        "resolver": resolver,
    }
    done = subprocess.run(
        [sys.executable, "-c", MODULE, json.dumps(arguments)], env=env, stdout=subprocess.PIPE, check=False
    )
    answer = json.loads(done.stdout)
    if answer.get("failed"):
        print(answer["msg"])
    return len(targets) if answer.get("failed") else 0


class Bench:
    """Runs each method in each state and collects the figures."""

    def __init__(self, mirror, scratch, delay):
        self.mirror = mirror
        self.scratch = scratch
        self.delay = delay
        self.figures = {}
        self.ways = {
            "guide": guide,
            "pip": lambda *arguments: ours("pip", *arguments),
            "uv": lambda *arguments: ours("uv", *arguments),
        }

    def run(self, way, count, state, number):
        """Run one method once and record time, requests and bytes."""
        folder = os.path.join(self.scratch, "%s-%d" % (way, count))
        cache = os.path.join(self.scratch, "cache-%s-%d" % (way, count))
        if state == "cold":
            shutil.rmtree(cache, ignore_errors=True)
            shutil.rmtree(cache + "-uv", ignore_errors=True)
        if state != "unchanged":
            shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder, exist_ok=True)
        self.mirror.reset()
        started = time.monotonic()
        failed = self.ways[way](TARGETS[:count], folder, environment(self.mirror.url, cache))
        figure = (time.monotonic() - started, self.mirror.requests, self.mirror.bytes, failed, self.mirror.misses)
        print("  %-6s %d targets %-9s %6.2f s" % (way, count, state, figure[0]), flush=True)
        self.figures.setdefault((way, count, state), []).append(figure)
        return number

    def table(self):
        """Print the medians and the ratios to the method of the guides."""
        print(
            "\n%-8s %-8s %-10s %8s %9s %9s %7s %7s"
            % ("targets", "way", "state", "seconds", "requests", "MB", "failed", "ratio")
        )
        for (way, count, state), runs in sorted(
            self.figures.items(), key=lambda one: (one[0][1], one[0][2], one[0][0])
        ):
            middle = sorted(runs)[len(runs) // 2]
            base = sorted(self.figures[("guide", count, state)])[len(runs) // 2]
            print(
                "%-8d %-8s %-10s %8.2f %9d %9.1f %7d %7.2f"
                % (count, way, state, middle[0], middle[1], middle[2] / 1e6, middle[3], middle[0] / base[0])
            )
            if any(run[4] for run in runs):
                print("  %d responses were not in the copy: run it again." % max(run[4] for run in runs))


def main():
    """Fill the copy of the index, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, default=0.02, help="delay of each response in seconds")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--ways", nargs="+", default=["guide", "pip", "uv"])
    parser.add_argument("--counts", nargs="+", type=int, default=[1, 4])
    options = parser.parse_args()
    global PYTHON
    PYTHON = tools()
    mirror = Mirror(upstream(), os.path.abspath(".cache/bench/index"), 0)
    with tempfile.TemporaryDirectory(prefix="airgap-bench-") as scratch:
        print("Filling the copy of the index", flush=True)
        filling = Bench(mirror, scratch, 0)
        for way in options.ways:
            filling.run(way, max(options.counts), "cold", 0)
        mirror.delay = options.delay
        bench = Bench(mirror, scratch, options.delay)
        print("Measuring, %d ms a request" % (options.delay * 1000), flush=True)
        for number in range(options.runs):
            for count in options.counts:
                for state in ("cold", "warm", "unchanged"):
                    for way in options.ways:
                        bench.run(way, count, state, number)
        pip = subprocess.check_output([PYTHON, "-m", "pip", "--version"]).decode().split()[1]
        print(
            "\n%s, pip %s, Python %s, %s cores"
            % (datetime.date.today(), pip, platform.python_version(), os.cpu_count())
        )
        bench.table()
    mirror.stop()


if __name__ == "__main__":
    main()
