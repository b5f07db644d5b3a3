# SPDX-License-Identifier: GPL-3.0-or-later
"""Play the whole demo under each version of ansible-core that the collection supports, and print a table.

For each version: a virtual environment with an interpreter that the version supports, the unit tests in it, a lab that is
created again, ``playbooks/survey.yml``, ``site.yml``, and ``site.yml`` again. The second run must change nothing, no run may
print a deprecation warning, and no secret that the site was given may be found afterwards: not in the output with ``-vvv``,
Ansible's log, the facts, the results that a callback writes, the registered variables, a command line on the internet host,
the journals, the bundle or any other file that the collection writes for others to read.
"""

from __future__ import annotations

import argparse
import base64
import dataclasses
import datetime
import glob
import json
import os
import platform
import re
import secrets
import shutil
import subprocess
import sys
import time
import typing as t
import urllib.parse

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.path.join(ROOT, ".cache", "core")
DOCUMENT = os.path.join(ROOT, "docs", "ansible-core.md")
PORT = 8099
FOLDER = "/root/core-canary"
# What the unit tests import besides requirements.txt.
FOR_UNIT_TESTS = ("pytest", "jsonschema", "hypothesis", "license-expression")
# What the secrets of a site may lie in: what devpi and the saved pip.conf are.
BY_DESIGN = re.compile(r"^/etc/devpi-server/|^/etc/pip\.conf\.before-airgap$")
SEARCHED = ("/srv", "/tmp", "/var/tmp", "/var/log", "/home", "/etc")


@dataclasses.dataclass(frozen=True)
class Core:
    """A minor version of ansible-core, what pip is asked for, and the oldest and newest Python that it supports."""

    minor: str
    asked: str
    oldest: t.Tuple[int, int]
    newest: t.Tuple[int, int]


CORES = (
    Core("2.18", "ansible-core>=2.18.1,<2.19", (3, 11), (3, 13)),
    Core("2.19", "ansible-core>=2.19,<2.20", (3, 11), (3, 13)),
    Core("2.20", "ansible-core>=2.20,<2.21", (3, 12), (3, 14)),
    Core("2.21", "ansible-core>=2.21,<2.22", (3, 12), (3, 14)),
    Core("2.22", "ansible-core>=2.22.0rc1,<2.23", (3, 13), (3, 15)),
)


@dataclasses.dataclass(frozen=True)
class Lab:
    """Hosts to play on: inventories, how playbooks reach the containers, and which part each plays."""

    inventories: t.Tuple[str, ...]
    site: str
    containers: t.Mapping[str, str]
    stage: str
    index: str
    # The node that has a pip.conf of its own.
    node: str
    survey: bool
    # What is played after the second run, if anything.
    verify: str = ""


LABS = {
    "full": Lab(
        ("inventories/lab",),
        "inventories/lab",
        {one: "airgap-" + one for one in ("internet", "bastion", "index", "node39", "node311", "node313")},
        "internet",
        "index",
        "node311",
        True,
    ),
    "single": Lab(
        ("inventories/single", "molecule/single/inventory"),
        "inventories/single",
        {"localhost": "airgap-single"},
        "localhost",
        "localhost",
        "",
        False,
        "molecule/single/verify.yml",
    ),
}


@dataclasses.dataclass
class Row:
    """What came of one version."""

    core: Core
    version: str = ""
    python: str = ""
    unit: str = ""
    first: float = 0.0
    second: float = 0.0
    hosts: int = 0
    changed: int = -1
    deprecations: t.List[str] = dataclasses.field(default_factory=list)
    found: t.List[str] = dataclasses.field(default_factory=list)
    troubles: t.List[str] = dataclasses.field(default_factory=list)
    missing: str = ""
    date: str = dataclasses.field(default_factory=lambda: datetime.date.today().isoformat())

    def is_good(self) -> bool:
        """Return whether all promises were kept."""
        return not (self.deprecations or self.found or self.troubles or self.missing)


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def interpreters() -> t.Dict[t.Tuple[int, int], str]:
    """Return the interpreters of this machine that can make a virtual environment, one for each minor version."""
    names = [sys.executable] + [shutil.which("python3.%d" % minor) or "" for minor in range(11, 16)]
    names += sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin/python3")))
    found: t.Dict[t.Tuple[int, int], str] = {}
    for name in filter(None, names):
        # A shim of a version manager is there for versions that are not.
        code = "import ensurepip, sys; print(*sys.version_info[:2], getattr(sys, '_base_executable', sys.executable))"
        done = subprocess.run(
            [name, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False
        )
        if done.returncode == 0:
            major, minor, path = done.stdout.split(maxsplit=2)
            found.setdefault((int(major), int(minor)), path.strip())
    return found


def environment(core: Core, known: t.Mapping[t.Tuple[int, int], str], with_unit_tests: bool) -> str:
    """Return the folder of a virtual environment with this version; empty where no interpreter here fits."""
    fitting = [known[one] for one in sorted(known) if core.oldest <= one <= core.newest]
    if not fitting:
        return ""
    folder = os.path.join(WORK, core.minor)
    with open(os.path.join(ROOT, "requirements.txt"), encoding="utf-8") as stream:
        lines = [line.strip() for line in stream if line.strip() and not line.startswith("#")]
    asked = [line for line in lines if not line.startswith("ansible-core")] + [core.asked]
    asked += FOR_UNIT_TESTS if with_unit_tests else ()
    stamp, wanted = os.path.join(folder, "made-of.json"), json.dumps([fitting[0], asked])
    if read(stamp) != wanted:
        say("Making %s with %s" % (os.path.relpath(folder, ROOT), fitting[0]))
        subprocess.run([fitting[0], "-m", "venv", "--clear", folder], check=True)
        pip = [os.path.join(folder, "bin", "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        subprocess.run(pip + asked, check=True)
        write(stamp, wanted)
    return folder


def read(path: str) -> str:
    """Return a file's text, or nothing."""
    if not os.path.isfile(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read()


def write(path: str, text: str) -> None:
    """Write a file that only its owner reads."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)


class Trial:
    """One version on one lab."""

    def __init__(self, core: Core, venv: str, lab: Lab) -> None:
        self.row = Row(core)
        self.venv = venv
        self.lab = lab
        self.folder = os.path.join(WORK, "run-" + core.minor)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder, mode=0o700)
        self.secrets = {
            name: "canary-%s-%s" % (name, secrets.token_hex(8))
            for name in ("root", "owner", "index", "requirement", "signature", "file", "node")
        }
        code = "import platform, ansible.release as r; print(r.__version__, platform.python_version())"
        out = subprocess.run([self.bin("python"), "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.row.version, self.row.python = out.split()

    def bin(self, name: str) -> str:
        """Return a program of the environment."""
        return os.path.join(self.venv, "bin", name)

    def variables(self) -> t.Dict[str, str]:
        """Return the environment variables of every run."""
        unset = ("ANSIBLE_", "PYTHONPATH", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
        return dict(
            kept,
            PATH="%s/bin:%s" % (self.venv, os.environ["PATH"]),
            ANSIBLE_CONFIG=os.path.join(ROOT, "ansible.cfg"),
            ANSIBLE_DEPRECATION_WARNINGS="1",
            ANSIBLE_NOCOLOR="1",
            MOLECULE_PROJECT_DIRECTORY=ROOT,
        )

    def recording(self, name: str) -> t.Dict[str, str]:
        """Return what has a run write down all that there is, into a folder of its own."""
        folder = os.path.join(self.folder, name)
        os.makedirs(folder)
        return {
            "CORE_RESULTS": folder,
            "ANSIBLE_CALLBACK_PLUGINS": os.path.join(HERE, "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "airgap.python.failures,every_result",
            "ANSIBLE_LOG_PATH": os.path.join(folder, "ansible.log"),
            "ANSIBLE_CACHE_PLUGIN": "jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": os.path.join(folder, "facts"),
            # From 2.22 on, results have the arguments of the module only where this is set.
            "ANSIBLE_INJECT_INVOCATION": "1",
        }

    def play(self, name: str, playbook: str, *more: str, variables: t.Optional[t.Dict[str, str]] = None) -> float:
        """Play a playbook, keep its output; return the seconds it took."""
        command = [self.bin("ansible-playbook")]
        for inventory in self.lab.inventories:
            command += ["--inventory", os.path.join(ROOT, inventory)]
        began = time.monotonic()
        with open(os.path.join(self.folder, name + ".out"), "w", encoding="utf-8") as stream:
            done = subprocess.run(
                command + [*more, os.path.join(ROOT, playbook)],
                cwd=ROOT,
                env=dict(self.variables(), **(variables or {})),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode != 0:
            self.row.troubles.append("%s ended with %d: see %s" % (name, done.returncode, self.output(name)))
        return time.monotonic() - began

    def output(self, name: str) -> str:
        """Return where the output of a run is."""
        return os.path.relpath(os.path.join(self.folder, name + ".out"), ROOT)

    def unit_tests(self) -> None:
        """Run the unit tests in the environment."""
        with open(os.path.join(self.folder, "unit.out"), "w", encoding="utf-8") as stream:
            done = subprocess.run(
                [self.bin("python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit"],
                cwd=ROOT,
                env=self.variables(),
                stdout=stream,
                stderr=subprocess.STDOUT,
                check=False,
            )
        last = read(os.path.join(self.folder, "unit.out")).strip().rpartition("\n")[2].strip("= ")
        self.row.unit = re.sub(r" in .*", "", last)
        if done.returncode != 0:
            self.row.troubles.append("unit tests: %s, see %s" % (last, self.output("unit")))

    def enter(self, host: str, *command: str, text: str = "", check: bool = True) -> str:
        """Run a command in a host's container, past Ansible; return its output."""
        return subprocess.run(
            ["podman", "exec", "--interactive", self.lab.containers[host], *command],
            input=text.encode(),
            stdout=subprocess.PIPE,
            check=check,
        ).stdout.decode(errors="replace")

    def put(self, host: str, path: str, text: str) -> None:
        """Write a file in a host's container that only root reads."""
        self.enter(host, "sh", "-c", 'umask 077; mkdir -p "${0%/*}"; cat > "$0"', path, text=text)

    def hide_canaries(self) -> None:
        """Give the site its secrets, start the index that asks for them, and give a node a pip.conf with a password."""
        settings = self.enter(self.lab.stage, "cat", "/etc/pip.conf", "/etc/environment", check=False)
        named = re.search(r"^(?:PIP_INDEX_URL|index-url)\s*=\s*(\S+)", settings, re.MULTILINE)
        code = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
        default = subprocess.run([self.bin("python"), "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout
        config = {
            "port": PORT,
            "upstream": named[1] if named else default.strip(),
            "user": "reader",
            "passwords": [self.secrets[one] for one in ("index", "requirement", "file")],
            "secrets": self.secrets,
        }
        self.put(self.lab.stage, FOLDER + "/config.json", json.dumps(config))
        self.put(self.lab.stage, FOLDER + "/canary_index.py", read(os.path.join(HERE, "canary_index.py")))
        unit = ["systemd-run", "--quiet", "--unit=core-canary", "/usr/bin/python3", FOLDER + "/canary_index.py", FOLDER]
        self.enter(self.lab.stage, *unit)
        if self.lab.node:
            kept = "[global]\nindex-url = https://reader:%s@old.index.example/simple\n" % self.secrets["node"]
            self.put(self.lab.node, "/etc/pip.conf", kept)

        with open(os.path.join(ROOT, self.lab.site, "group_vars", "all.yml"), encoding="utf-8") as stream:
            site = yaml.safe_load(stream)
        wheel = "airgap-canary @ http://reader:%s@127.0.0.1:%d/files/airgap_canary-1.0-py3-none-any.whl?signature=%s"
        asked = wheel % (self.secrets["requirement"], PORT, self.secrets["signature"])
        listed = os.path.join(self.folder, "canary.in")
        write(listed, wheel % (self.secrets["file"], PORT, self.secrets["signature"]) + "\n")
        extra = {
            "airgap_sets": site["airgap_sets"]
            + [{"name": "canary", "requirements": [asked]}, {"name": "canary-file", "requirements_file": listed}],
            "stage_index_url": "http://reader:%s@127.0.0.1:%d/simple/" % (self.secrets["index"], PORT),
            "devpi_root_password": self.secrets["root"],
            "publish_password": self.secrets["owner"],
        }
        write(os.path.join(self.folder, "secrets.yml"), yaml.safe_dump(extra))

    def run(self, with_unit_tests: bool) -> Row:
        """Do all of it."""
        say("== ansible-core %s on Python %s" % (self.row.version, self.row.python))
        if with_unit_tests:
            self.unit_tests()
        self.play("destroy", "molecule/lab/destroy.yml")
        self.play("create", "molecule/lab/create.yml")
        if self.row.troubles:
            return self.row
        self.hide_canaries()
        if self.lab.survey:
            self.play("survey", "playbooks/survey.yml", variables=self.recording("survey"))
        more = ("-vvv", "--diff", "--extra-vars", "@" + os.path.join(self.folder, "secrets.yml"))
        self.row.first = self.play("first", "site.yml", *more, variables=self.recording("first"))
        if not self.row.troubles:
            self.row.second = self.play("second", "site.yml", *more, variables=self.recording("second"))
            self.judge_recap()
        if self.lab.verify and not self.row.troubles:
            self.play("verify", self.lab.verify)
        self.find_deprecations()
        self.find_canaries()
        # What failed stays, to be looked at.
        if self.row.is_good():
            self.play("destroy", "molecule/lab/destroy.yml")
        return self.row

    def judge_recap(self) -> None:
        """See that the second run changed nothing on every host."""
        recap = re.findall(
            r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)",
            read(os.path.join(self.folder, "second.out")),
            re.MULTILINE,
        )
        self.row.hosts = len(recap)
        self.row.changed = sum(int(one[1]) for one in recap)
        if not set(self.lab.containers) <= {one[0] for one in recap}:
            self.row.troubles.append("the second run names only %s" % ", ".join(one[0] for one in recap))
        for host, changed, unreachable, failed in recap:
            if (changed, unreachable, failed) != ("0", "0", "0"):
                told = "the second run: %s changed=%s unreachable=%s failed=%s, see %s"
                self.row.troubles.append(told % (host, changed, unreachable, failed, self.output("second")))

    def find_deprecations(self) -> None:
        """Collect what is deprecated in what was printed and in the results."""
        found = []
        for path in glob.glob(os.path.join(self.folder, "*.out")):
            found += deprecations_in(read(path))
        for path in glob.glob(os.path.join(self.folder, "*", "results.jsonl")):
            for line in read(path).splitlines():
                entry = json.loads(line)
                said = list(entry["result"].get("deprecations") or ())
                # What a module says comes as a warning: see check() in plugin_utils/_answer.py.
                said += [one for one in entry["result"].get("warnings") or () if "deprecat" in str(one).lower()]
                for one in said:
                    found.append("%s: %s" % (entry["task"], one["msg"] if isinstance(one, dict) else one))
        self.row.deprecations = sorted({" ".join(one.split())[:300] for one in found})

    def forms(self) -> t.Dict[str, t.Set[str]]:
        """Return what is looked for: each secret as it is, in a URL, and as it is sent to the index."""
        known = dict(self.secrets)
        for path in self.enter(self.lab.index, "sh", "-c", "ls /etc/devpi-server/*", check=False).split():
            text = self.enter(self.lab.index, "cat", path).strip()
            if re.search(r"secret|password", os.path.basename(path)) and len(text) >= 12 and text not in known.values():
                known[os.path.basename(path)] = text
        officer = read(os.path.join(ROOT, ".lab", "officer_ed25519")).splitlines()
        if len(officer) > 3:
            known["officer's key"] = officer[2]
        found = {}
        for name, value in known.items():
            sent = base64.b64encode(b"reader:" + value.encode()).decode().rstrip("=")
            found[name] = {value, urllib.parse.quote(value, safe=""), sent}
        return found

    def find_canaries(self) -> None:
        """Look for every secret where none may be."""
        forms = self.forms()

        def look(text: str, where: str) -> None:
            for name, values in forms.items():
                if any(value in text for value in values):
                    self.row.found.append("%s in %s" % (name, where))

        own = {os.path.join(self.folder, one) for one in ("secrets.yml", "canary.in")}
        for path in sorted(glob.glob(os.path.join(self.folder, "**"), recursive=True)):
            if os.path.isfile(path) and path not in own:
                look(read(path), os.path.relpath(path, ROOT))
        for host in self.lab.containers:
            look(self.enter(host, "journalctl", "--no-pager", "--output=export"), "the journal of " + host)
            patterns = "\n".join(sorted(value for values in forms.values() for value in values))
            paths = self.enter(host, "grep", "-rlF", "-f", "-", *SEARCHED, text=patterns, check=False)
            for path in paths.splitlines():
                if not BY_DESIGN.search(path):
                    look(self.enter(host, "cat", path), "%s:%s" % (host, path))
        for name, words in json.loads(self.enter(self.lab.stage, "cat", FOLDER + "/argv.json")).items():
            self.row.found.append("%s in a command line: %s" % (name, words))
        # What is not there cannot be found: the registered variables are what a run knows, and the index was asked.
        known = json.loads(read(os.path.join(self.folder, "first", "variables.json")) or "{}")
        if not self.row.troubles and "__stage_download" not in known.get(self.lab.stage, {}):
            self.row.troubles.append("the registered variables were not written")


def deprecations_in(output: str) -> t.List[str]:
    """Return the deprecation warnings in what Ansible printed, each with the lines that it was broken into."""
    return re.findall(r"^\[DEPRECATION WARNING\]:?\s*(.+(?:\n(?![A-Z]+ |[a-z]+: |\[).+){0,3})", output, re.MULTILINE)


def ends(known: t.Collection[t.Tuple[int, int]], own: str) -> t.List[Core]:
    """Return the oldest and the newest version for which there is an interpreter, without the one that is played anyway."""
    runnable = [core for core in CORES if any(core.oldest <= one <= core.newest for one in known)]
    return [core for core in runnable[:1] + runnable[1:][-1:] if core.minor != ".".join(own.split(".")[:2])]


def table(rows: t.Sequence[Row]) -> t.List[str]:
    """Return the table as lines of Markdown."""
    lines = [
        "| ansible-core | Python | unit tests | first run | second run | changed, failed in it | deprecation warnings "
        "| secrets found | date |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row.missing:
            lines.append("| %s | %s | | | | | | | %s |" % (row.core.minor, row.missing, row.date))
            continue
        lines.append(
            "| %s | %s | %s | %d s | %s | %s | %d | %s | %s |"
            % (
                row.version,
                row.python,
                row.unit or "not run",
                row.first,
                "%d s" % row.second if row.second else "not run",
                "0 on all %d hosts" % row.hosts
                if row.hosts and not row.troubles and not row.changed
                else "; ".join(row.troubles),
                len(row.deprecations),
                "; ".join(row.found) or "nowhere",
                row.date,
            )
        )
    return lines


def remember(rows: t.Sequence[Row]) -> t.List[Row]:
    """Keep the rows for later runs; return those of all versions, of which some may be from an earlier run."""
    kept = []
    for core in CORES:
        path = os.path.join(WORK, "row-%s.json" % core.minor)
        for row in rows:
            if row.core == core:
                write(path, json.dumps(dataclasses.asdict(row)))
        if os.path.exists(path):
            kept.append(Row(**dict(json.loads(read(path)), core=core)))
    return kept


def document(rows: t.Sequence[Row], where: str) -> None:
    """Put the machine and the table into the page."""
    machine = "%s, %s, %d cores" % (distribution(), platform.machine(), os.cpu_count() or 1)
    told = ["%s, the lab's six hosts:" % machine, ""] + table(rows)
    text = read(where)
    begin, end = "<!-- begin: make core-matrix -->\n", "<!-- end: make core-matrix -->\n"
    head, dummy, rest = text.partition(begin)
    tail = rest.partition(end)[2]
    with open(where, "w", encoding="utf-8") as stream:
        stream.write(head + begin + "\n".join(told) + "\n" + end + tail)


def distribution() -> str:
    """Return what this machine runs."""
    found = re.search(r'^PRETTY_NAME="?([^"\n(]*)', read("/etc/os-release"), re.MULTILINE)
    return found[1].strip() if found else platform.system()


def main() -> int:
    """Run; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    minors = [core.minor for core in CORES]
    parser.add_argument("--versions", nargs="+", choices=minors, default=minors)
    parser.add_argument(
        "--ends", action="store_true", help="the oldest and the newest that run here, but not .venv's own"
    )
    parser.add_argument("--lab", choices=LABS, default="full")
    parser.add_argument("--no-unit-tests", action="store_true")
    parser.add_argument(
        "--document", action="store_true", help="write the table, with rows of earlier runs, into docs/ansible-core.md"
    )
    options = parser.parse_args()

    os.makedirs(WORK, exist_ok=True)
    known = interpreters()
    chosen = [core for core in CORES if core.minor in options.versions]
    if options.ends:
        from ansible.release import __version__ as own

        chosen = ends(known, own)
    rows = []
    for core in chosen:
        venv = environment(core, known, not options.no_unit_tests)
        if not venv:
            wanted = "%d.%d to %d.%d" % (core.oldest + core.newest)
            rows.append(Row(core, missing="no interpreter from %s here" % wanted))
            continue
        row = Trial(core, venv, LABS[options.lab]).run(not options.no_unit_tests)
        rows.append(row)
        for text in row.troubles + row.deprecations + row.found:
            say("   " + text)
    say("")
    say("\n".join(table(rows)))
    if options.document:
        document(remember(rows), DOCUMENT)
    # A version that cannot be played here is reported, and is not a failure.
    return 0 if all(row.is_good() or row.missing for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
