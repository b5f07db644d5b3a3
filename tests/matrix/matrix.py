# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolve many packages for many targets with plain pip, with this collection and with uv; check each result; print the table.

Two independent checks verify what each engine chose: the closure check of
_closure over the files' metadata, and uv, offline, with a pool of exactly these
files (reduced to their metadata). If the lab is up, a third check is the real
pip in the real interpreter of its nodes with Python 3.9 and 3.13.

Resolutions are cached in --work for a day, so an interrupted run can continue.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import typing as t
import zipfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), os.pardir, os.pardir))
sys.path[:0] = [os.path.join(ROOT, ".collections")]

from ansible_collections.airgap.python.plugins.module_utils._pip import _command, _settings
from ansible_collections.airgap.python.plugins.module_utils._resolve import _pip_resolution
from ansible_collections.airgap.python.plugins.module_utils._resolve._inputs import EngineInputs
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser
from ansible_collections.airgap.python.plugins.module_utils._versions import canonical
from ansible_collections.airgap.python.plugins.module_utils._wheels import _closure, _lock, _packaging

PACKAGES = ["flask", "pytest", "django", "ipykernel", "docker", "devpi-server", "cryptography", "pandas"]
PACKAGES += ["ansible-core", "aiohttp", "twine", "typer", "lxml", "kubernetes", "sqlalchemy", "celery"]
PACKAGES += ["paramiko", "numpy", "boto3", "jmespath"]
# Each target with the name that uv has for its platform.
TARGETS = (
    ({"name": "linux39", "python": "3.9.18", "libc": "glibc-2.31"}, "x86_64-manylinux_2_31"),
    ({"name": "linux313", "python": "3.13.0", "libc": "glibc-2.40"}, "x86_64-manylinux_2_40"),
    ({"name": "windows312", "python": "3.12.1", "os": "windows"}, "x86_64-pc-windows-msvc"),
    (
        {"name": "mac312", "python": "3.12.1", "os": "macos", "arch": "arm64", "os_version": "14.0"},
        "aarch64-apple-darwin",
    ),
    ({"name": "arm311", "python": "3.11.7", "arch": "aarch64", "libc": "glibc-2.36"}, "aarch64-manylinux_2_36"),
)
ENGINES = ("plain", "ours", "uv")
VERDICTS = ("whole", "incomplete", "bloated", "failed")
TITLES = {"plain": "pip download's way", "ours": "airgap.python", "uv": "uv"}
AT_A_TIME = 2
KEPT = 24 * 3600


class Tools:
    """pip and uv in an environment of their own, newer than those of the checkout."""

    def __init__(self, work, pip, uv):
        self.work = work
        self.python = os.path.join(work, "venv", "bin", "python")
        self.uv = os.path.join(work, "venv", "bin", "uv")
        if not os.path.exists(self.uv):
            show("Creating %s with %s and %s" % (os.path.join(work, "venv"), pip, uv))
            subprocess.run([sys.executable, "-m", "venv", "--clear", os.path.join(work, "venv")], check=True)
            subprocess.run([self.python, "-m", "pip", "install", "--quiet", "--upgrade", pip, uv], check=True)
        pip = _command.Pip(self.python, {}, None)
        self.settings = pip.settings
        self.versions = {
            "pip": pip.version,
            "uv": self.call([self.uv, "--version"], os.environ)[1].split()[1],
        }

    @staticmethod
    def call(command, environment):
        """Run a command; return its status and its whole output."""
        done = subprocess.run(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return done.returncode, done.stdout.decode("utf-8", "replace")

    def pip(self, target, lines, scratch, as_target, *more):
        """Resolve with pip, with its own or the target's markers; return its report, or why there is none."""
        listing = os.path.join(scratch, "requirements.txt")
        with open(listing, "w", encoding="utf-8") as stream:
            stream.writelines(line + "\n" for line in lines)
        start = ["-m", "pip"]
        if as_target:
            start = [
                os.path.join(ROOT, "plugins/module_utils/_resolve/_pip_runner.py"),
                os.path.join(scratch, "environment.json"),
            ]
            with open(start[1], "w", encoding="utf-8") as stream:
                json.dump(target.markers(), stream)
        arguments = (
            start + _pip_resolution.resolve_arguments(target, EngineInputs([listing], [], []), scratch) + list(more)
        )
        rc, said = self.call([self.python] + arguments, _settings.pip_environment(self.settings, os.environ))
        if rc != 0:
            return None, _pip_resolution.why_unresolved(said, target, "cannot be resolved")
        with open(os.path.join(scratch, "report.json"), encoding="utf-8") as stream:
            return json.load(stream), ""

    def uv_compile(self, target, triple, lines, scratch, *more):
        """Resolve with uv; return name to version, or why there is nothing."""
        listing = os.path.join(scratch, "uv.in")
        with open(listing, "w", encoding="utf-8") as stream:
            stream.writelines(line + "\n" for line in lines)
        command = [self.uv, "pip", "compile", listing, "--python-version", target.python, "--python-platform", triple]
        command += ["--python", sys.executable, "--only-binary", ":all:", "--no-config", "--quiet"]
        command += ["--no-header", "--no-annotate"] + list(more)
        environment = dict(os.environ, UV_CACHE_DIR=os.path.join(self.work, "uv"))
        if self.settings.get("index-url"):
            environment["UV_DEFAULT_INDEX"] = self.settings["index-url"]
        if self.settings.get("cert"):
            environment["SSL_CERT_FILE"] = self.settings["cert"]
        if target.os_version:
            environment["MACOSX_DEPLOYMENT_TARGET"] = target.os_version
        rc, said = self.call(command, environment)
        if rc != 0:
            return None, " ".join(said.split())[:400]
        pins = [line.split(";")[0].strip().split("==") for line in said.splitlines() if "==" in line]
        return dict(pin_key(*pin) for pin in pins), ""


def show(text):
    """Print a line at once."""
    print(text, flush=True)


def read(path):
    """Return the text of a file."""
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def pin_key(name, version):
    """Return name and version in their normalized spelling."""
    return _lock.normalize(name), canonical(version)


def metadata_text(declared):
    """Return the METADATA that a resolution needs, from the metadata in pip's report (PEP 566, JSON form)."""
    lines = ["Metadata-Version: 2.1", "Name: " + declared["name"], "Version: " + declared["version"]]
    if declared.get("requires_python"):
        lines.append("Requires-Python: " + declared["requires_python"])
    lines += ["Requires-Dist: " + one for one in declared.get("requires_dist", [])]
    lines += ["Provides-Extra: " + one for one in declared.get("provides_extra", [])]
    return "\n".join(lines) + "\n\n"


def files_of(report):
    """Return the files that pip's report names, with their metadata."""
    files = []
    for item in report["install"]:
        url = item["download_info"]["url"].split("#")[0]
        declared = item["metadata"]
        files.append([declared["name"], declared["version"], url.rpartition("/")[2], metadata_text(declared)])
    return files


def make_stubs(files, folder):
    """Write a wheel for each file that contains only its metadata."""
    for name, version, filename, metadata in files:
        info = "%s.dist-info" % "-".join(filename.split("-")[:2])
        parts = {info + "/METADATA": metadata, info + "/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"}
        parts[info + "/RECORD"] = "".join("%s,,\n" % path for path in [*parts, info + "/RECORD"])
        assert name and version
        with zipfile.ZipFile(os.path.join(folder, filename), "w") as archive:
            for path, text in parts.items():
                archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), text)


def check_closure(packaging, package, target, files):
    """Return the verdict of the closure check, and what it found."""
    proof = _closure.check(
        packaging, [package], [], [_closure.Wheel(*one) for one in files], target.name, target.markers(), target.tags()
    )
    if proof.failures:
        return "incomplete", [failure.message for failure in proof.failures]
    return ("bloated", list(proof.unused)) if proof.unused else ("whole", [])


def compare(found, files):
    """Return the verdict on what uv chose from a pool of exactly these files."""
    if found is None:
        return "incomplete"
    return "whole" if set(found) == {_lock.normalize(one[0]) for one in files} else "bloated"


def check_with_uv(tools, package, target, triple, files):
    """Return the verdict of uv, offline, on a pool of exactly these files."""
    with tempfile.TemporaryDirectory() as scratch:
        pool = os.path.join(scratch, "pool")
        os.mkdir(pool)
        make_stubs(files, pool)
        offline = ["--offline", "--no-index", "--find-links", pool, "--no-cache", "--prerelease", "allow"]
        found, reason = tools.uv_compile(target, triple, [package], scratch, *offline)
    return compare(found, files), [reason] if reason else []


def resolve_case(tools, package, target, triple):
    """Return what each engine chose for one package and target: files, or the reason why there are none."""
    case: t.Dict[str, t.Dict[str, t.Any]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for engine in ENGINES:
            folder = os.path.join(scratch, engine)
            os.mkdir(folder)
            started = time.time()
            if engine == "uv":
                pins, reason = tools.uv_compile(target, triple, [package], folder)
                answer = {"files": None, "reason": reason}
                if pins is not None:
                    ours = case["ours"]["files"]
                    if ours is not None and dict(pin_key(*one[:2]) for one in ours) == pins:
                        answer["files"] = ours
                    else:
                        lines = ["%s==%s" % pin for pin in sorted(pins.items())]
                        report, answer["reason"] = tools.pip(target, lines, folder, True, "--no-deps")
                        answer["files"] = files_of(report) if report else None
            else:
                report, reason = tools.pip(target, [package], folder, engine == "ours")
                answer = {"files": files_of(report) if report else None, "reason": reason}
            case[engine] = dict(answer, seconds=round(time.time() - started, 1))
    return case


def cached_case(tools, package, target, triple):
    """Return a cached case, or resolve it and cache it."""
    identity = json.dumps([package, target.as_dict(), triple, tools.versions, tools.settings.get("index-url")])
    path = os.path.join(
        tools.work, "cases", target.name, "%s-%s.json" % (package, hashlib.sha256(identity.encode()).hexdigest()[:12])
    )
    if os.path.exists(path) and time.time() - os.path.getmtime(path) < KEPT:
        return json.loads(read(path))
    case = resolve_case(tools, package, target, triple)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".part", "w", encoding="utf-8") as stream:
        json.dump(case, stream, indent=1)
    os.rename(path + ".part", path)
    return case


def check_case(tools, packaging, package, target, triple, case, nodes):
    """Return for each engine its verdict, what was found, the verdict of each check, and whether its pins are uv's."""
    results = {}
    uv_pins = {pin_key(*one[:2]) for one in case["uv"]["files"]} if case["uv"]["files"] is not None else None
    for engine in ENGINES:
        files = case[engine]["files"]
        if files is None:
            results[engine] = {"verdict": "failed", "found": [case[engine]["reason"]], "checks": {}, "equal": False}
            continue
        verdict, found = check_closure(packaging, package, target, files)
        checks = {"closure": verdict}
        checks["uv"], reasons = check_with_uv(tools, package, target, triple, files)
        if target.name in nodes.hosts:
            checks["node"] = nodes.check(target, package, engine, files)
        equal = {pin_key(*one[:2]) for one in files} == uv_pins
        results[engine] = {"verdict": verdict, "found": found or reasons, "checks": checks, "equal": equal}
    return results


class Nodes:
    """The nodes of the lab whose interpreter is that of a target, each with the newest pip that it runs."""

    KNOWN = {"linux39": "airgap-node39", "linux313": "airgap-node313"}
    FOLDER = "/var/tmp/airgap-matrix"
    # As the collection does on a Debian without distutils.
    RUN = "import sysconfig, sys, runpy; sysconfig._PIP_USE_SYSCONFIG = True; sys.path.insert(0, sys.argv[1]); "
    RUN += "sys.argv = ['pip'] + sys.argv[2:]; runpy.run_module('pip', run_name='__main__')"

    def __init__(self, tools, targets):
        self.tools = tools
        self.hosts = {}
        self.pips = {}
        rc, said = (
            tools.call(["podman", "ps", "--format", "{{.Names}}"], os.environ) if shutil.which("podman") else (1, "")
        )
        for target in targets:
            host = self.KNOWN.get(target.name)
            if rc == 0 and host in said.split():
                self.hosts[target.name] = host
                self.copy_pip(target, host)
        show(
            "Checked on a node: %s" % (", ".join(sorted(self.hosts)) or "nothing, because the lab is not up (make lab)")
        )

    def copy_pip(self, target, host):
        """Copy a pip that the host's interpreter can run to the host."""
        with tempfile.TemporaryDirectory() as scratch:
            command = [self.tools.python, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
            command += ["--python-version", target.python, "--dest", scratch, "pip"]
            subprocess.run(command, env=_settings.pip_environment(self.tools.settings, os.environ), check=True)
            self.pips[target.name] = "%s/%s" % (self.FOLDER, os.listdir(scratch)[0])
            subprocess.run(["podman", "exec", host, "mkdir", "-p", self.FOLDER], check=True)
            subprocess.run(["podman", "cp", scratch + "/.", "%s:%s" % (host, self.FOLDER)], check=True)

    def check(self, target, package, engine, files):
        """Return the verdict of the node's pip on a pool of exactly these files: whole, or incomplete."""
        host = self.hosts[target.name]
        place = "%s/%s-%s" % (self.FOLDER, package, engine)
        with tempfile.TemporaryDirectory() as scratch:
            make_stubs(files, scratch)
            subprocess.run(["podman", "cp", scratch, "%s:%s" % (host, place)], check=True)
        command = ["podman", "exec", host, "python3", "-c", self.RUN, self.pips[target.name], "install", "--dry-run"]
        command += [
            "--ignore-installed",
            "--no-index",
            "--find-links",
            place,
            "--target",
            place + "/none",
            "--pre",
            package,
        ]
        rc, dummy = self.tools.call(command, os.environ)
        return "whole" if rc == 0 else "incomplete"

    def close(self):
        """Remove the copied files."""
        for host in self.hosts.values():
            self.tools.call(["podman", "exec", host, "rm", "-rf", self.FOLDER], os.environ)


def disagree(checks):
    """Return whether the checks differ; a real pip cannot detect that there is a file too many."""
    verdicts = {verdict for name, verdict in checks.items() if verdict and name != "node"}
    if checks.get("node"):
        verdicts.add("bloated" if checks["node"] == "whole" and verdicts == {"bloated"} else checks["node"])
    return len(verdicts) > 1


def render(results, versions):
    """Return the table, followed by each case that is not whole, as text."""
    possible = [key for key, one in results.items() if any(one[engine]["verdict"] != "failed" for engine in ENGINES)]
    lines = ["%d cases (package and target); wheels exist for %d of them." % (len(results), len(possible))]
    lines.append("Python %s, pip %s, uv %s." % (platform.python_version(), versions["pip"], versions["uv"]))
    header = "%-20s" + "%12s" * (len(VERDICTS) + 1)
    lines += ["", header % (("",) + VERDICTS + ("as uv",))]
    for engine in ENGINES:
        mine = [results[key][engine] for key in possible]
        counts = [sum(one["verdict"] == verdict for one in mine) for verdict in VERDICTS]
        lines.append(header % tuple([TITLES[engine]] + counts + [sum(one["equal"] for one in mine)]))
    for engine in ENGINES:
        verdicts = [one[engine]["checks"].get("node", "") for one in results.values()]
        if any(verdicts):
            found = (TITLES[engine], verdicts.count("whole"), verdicts.count("incomplete"))
            lines.append("%s: the real pip of the targets found %d whole and %d incomplete." % found)
    lines.append("")
    for (package, target), one in results.items():
        for engine in ENGINES:
            mine = one[engine]
            if (package, target) not in possible:
                lines.append("no wheels: %s for %s: %s" % (package, target, one["uv"]["found"][0][:160]))
                break
            if mine["verdict"] != "whole":
                lines.append(
                    "%s: %s for %s is %s: %s"
                    % (TITLES[engine], package, target, mine["verdict"], "; ".join(mine["found"])[:240])
                )
            elif not mine["equal"]:
                lines.append("%s: %s for %s has other pins than uv" % (TITLES[engine], package, target))
            if disagree(mine["checks"]):
                lines.append("the checks differ on %s, %s for %s: %s" % (engine, package, target, mine["checks"]))
    return "\n".join(lines)


def is_expected(results):
    """Return whether this collection's result is whole wherever wheels exist, and the checks agree everywhere."""
    for one in results.values():
        if any(disagree(one[engine]["checks"]) for engine in ENGINES):
            return False
        if one["ours"]["verdict"] != "whole" and any(one[engine]["verdict"] == "whole" for engine in ENGINES):
            return False
        if one["ours"]["verdict"] in ("incomplete", "bloated"):
            return False
    return True


def main():
    """Run the matrix, or a slice of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--packages", nargs="*", default=PACKAGES, help="a slice of the packages")
    parser.add_argument("--targets", nargs="*", default=[one["name"] for one, dummy in TARGETS])
    parser.add_argument("--work", default=os.path.join(ROOT, ".cache", "matrix"), help="folder of cached results")
    parser.add_argument("--pip", default="pip", help="the pip to install, such as pip==26.3")
    parser.add_argument("--uv", default="uv", help="the uv to install")
    parser.add_argument("--fresh", action="store_true", help="ignore cached results")
    options = parser.parse_args()
    if options.fresh:
        shutil.rmtree(os.path.join(options.work, "cases"), ignore_errors=True)
    os.makedirs(options.work, exist_ok=True)
    tools = Tools(options.work, options.pip, options.uv)
    packaging = _packaging.load()
    triples = [(_target_parser.parse(raw)[0], triple) for raw, triple in TARGETS if raw["name"] in options.targets]
    nodes = Nodes(tools, [target for target, dummy in triples])
    cases = [(package, target, triple) for package in options.packages for target, triple in triples]

    def work(one):
        package, target, triple = one
        case = cached_case(tools, package, target, triple)
        judged = check_case(tools, packaging, package, target, triple, case, nodes)
        return package, target, case, judged

    results = {}
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        for number, (package, target, case, judged) in enumerate(pool.map(work, cases), 1):
            results[(package, target.name)] = judged
            shown = [
                "%s %s %.1f s" % (engine, judged[engine]["verdict"], case[engine]["seconds"]) for engine in ENGINES
            ]
            show("[%d/%d] %s for %s: %s" % (number, len(cases), package, target.name, ", ".join(shown)))
    nodes.close()
    show("")
    show(render(results, tools.versions))
    return 0 if is_expected(results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
