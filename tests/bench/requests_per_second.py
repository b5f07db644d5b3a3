# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare requests per second: devpi-server alone, behind the front, a static index behind the front, nginx on a plain folder.

All on loopback in one run, with wrk (Debian package wrk): 50 connections, a page of the simple index and a small wheel. Run
it with `make requests`.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.request

from tests.integration import small_bundle
from tests.integration.devpi_server import VERSION, Server, free_port, install
from tests.integration.front_server import FrontServer
from tests.integration.simple_index import make_wheel
from tests.integration.test_static_index import run

JSON = "application/vnd.pypi.simple.v1+json"
CONNECTIONS = 50
PAGE = "/airgap/prod/+simple/app/"
# Versions on the page, and bytes of a wheel.
VERSIONS, SIZE = 12, 13000
# Like the front's, but the root is a folder of two files, and nothing is chosen.
PLAIN = """
    server {
        listen 127.0.0.1:%d%s;
        root %s;
%s        location / { }
    }
"""


def measure(url, seconds, accept=JSON):
    """Return requests per second."""
    command = ["wrk", "-t2", "-c%d" % CONNECTIONS, "-d%ds" % seconds, "-H", "Accept: " + accept, url]
    said = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", said)
    found = re.search(r"Requests/sec:\s+([0-9.]+)", said)
    assert found, said
    if failed:
        sys.stderr.write("%s: %s\n" % (url, failed.group()))
    return float(found.group(1))


def both(base, wheel, seconds):
    """Return requests per second of the page and of the wheel, after each was requested once."""
    found = []
    for path in (PAGE, wheel):
        measure(base + path, 1)
        found.append(measure(base + path, seconds))
    return found


def publish(folder, server):
    """Publish the same wheels to devpi-server and as a static index; return the address of one of them."""
    wheels = [make_wheel("app", "1.%d" % number, payload=os.urandom(SIZE)) for number in range(VERSIONS)]
    for number, wheel in enumerate(wheels):
        bundle = folder / ("bundle%d" % number)
        manifest = small_bundle.write(bundle, {"base": {"here": [wheel]}}, [small_bundle.here()])
        login = {"login_user": "airgap", "login_password": "owner-secret-2", "bundle_id": manifest["id"]}
        result = server.run("devpi_upload", index="airgap/prod", src=str(bundle), **login)
        assert result.get("changed"), result
    sets = {"s%d" % number: {"here": [wheel]} for number, wheel in enumerate(wheels)}
    manifest = small_bundle.write(folder / "bundle", sets, [small_bundle.here()])
    source = {"src": str(folder / "bundle"), "bundle_id": manifest["id"]}
    result = run(path=str(folder / "static"), index="airgap/prod", **source)
    assert result.get("changed"), result
    request = urllib.request.Request(server.url + PAGE, headers={"Accept": JSON})
    with urllib.request.urlopen(request) as answer:
        return "/airgap/prod/" + json.load(answer)["files"][0]["url"].replace("../../", "")


def add_plain(front, static, wheel):
    """Let the front's nginx also serve a plain folder with only the two files; return its URL."""
    folder = static.parent / "plain"
    (folder / "f").mkdir(parents=True, exist_ok=True)
    shutil.copy(static / ("current%sindex.json" % PAGE), folder / "page")
    shutil.copy(static / ("current" + wheel), folder / "f/wheel")
    config = front.folder / "nginx.conf"
    text = config.read_text()
    listen = re.search(r"listen 127.0.0.1:\d+( ssl)?;", text)
    assert listen
    port = free_port()
    certificate = "".join(re.findall(r"^ +ssl_.*\n", text, re.MULTILINE))
    server = PLAIN % (port, listen.group(1) or "", folder, certificate)
    front.stop()
    config.write_text(text.rstrip().rstrip("}") + server + "}\n")
    front.start()
    return "%s:%d" % (front.url.rpartition(":")[0], port)


def cpu_seconds(server):
    """Return how long the workers of nginx have used a CPU."""
    listed = subprocess.run(["pgrep", "-P", str(server.running.pid)], stdout=subprocess.PIPE, check=True).stdout
    total = 0
    for pid in listed.decode().split():
        fields = pathlib.Path("/proc/%s/stat" % pid).read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def compare(front, plain, wheel, seconds):
    """Return requests per second of the static index and of the plain folder, and the ratio per second of CPU.

    They take turns, and the ratio says the same on a machine that does something else.
    """
    for url in (front.url + PAGE, plain + "/page", front.url + wheel, plain + "/f/wheel"):
        measure(url, 1)
    found, ratios = [], []
    for own, other in ((PAGE, "/page"), (wheel, "/f/wheel")):
        rates: list[list[float]] = [[], []]
        efforts: list[list[float]] = [[], []]
        for turn in range(6):
            before = cpu_seconds(front)
            rate = measure((plain + other) if turn % 2 else (front.url + own), seconds)
            rates[turn % 2].append(rate)
            efforts[turn % 2].append(rate * seconds / (cpu_seconds(front) - before))
        found.append([statistics.median(one) for one in rates])
        ratios.append(statistics.median(efforts[0]) / statistics.median(efforts[1]))
    return [*zip(*found), ratios]


def main():
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    seconds = parser.parse_args().seconds
    if not shutil.which("wrk"):
        sys.exit("wrk is missing. Install it: apt-get install wrk")
    rows, ratios = [], {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "devpi").mkdir()
        server = Server(install(VERSION), folder / "devpi").create().start()
        try:
            server.clear()
            server.create_index("airgap/prod")
            wheel = publish(folder, server)
            rows.append(("devpi-server %s alone, http" % VERSION, both(server.url, wheel, seconds)))
            for tls in (False, True):
                scheme = "https" if tls else "http"
                front = FrontServer("devpi", folder / "devpi/data/+files", folder / ("d" + scheme), server.url, tls)
                rows.append(("devpi-server behind the front, " + scheme, both(front.url, wheel, seconds)))
                front.stop()
        finally:
            server.stop()
        for tls in (False, True):
            scheme = "https" if tls else "http"
            front = FrontServer("static", folder / "static", folder / ("s" + scheme), tls=tls)
            plain = add_plain(front, folder / "static", wheel)
            static, other, ratios[scheme] = compare(front, plain, wheel, seconds)
            front.stop()
            rows += [
                ("static index behind the front, " + scheme, static),
                ("nginx on a plain folder, " + scheme, other),
            ]
    alone = rows[0][1]
    print(
        "%d connections, %d CPUs, %s, Python %s"
        % (CONNECTIONS, os.cpu_count() or 0, platform.machine(), sys.version.split()[0])
    )
    print("%-40s %12s %12s %8s %8s" % ("requests per second", "page", "wheel", "page x", "wheel x"))
    for title, (page, file) in rows:
        print("%-40s %12.0f %12.0f %8.1f %8.1f" % (title, page, file, page / alone[0], file / alone[1]))
    for scheme, (page, file) in ratios.items():
        print("per second of CPU, static index / plain folder, %s: page %.2f, wheel %.2f" % (scheme, page, file))


if __name__ == "__main__":
    main()
