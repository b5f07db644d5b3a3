# SPDX-License-Identifier: GPL-3.0-or-later
"""Take each release of Kubespray through a bundle on each Python that it supports, and print a table.

For each release: its requirements are staged for the interpreters of this machine, as playbooks/stage.yml does it with
``kubespray_path``, and the bundle is copied. From there on nothing has a network. For each interpreter, the bundle's install.sh
makes the environment; the checks of playbooks/kubespray.yml run; Kubespray's ``ansible_version.yml`` is played with its own
settings; ``cluster.yml`` passes ``--syntax-check`` and ``--list-tasks``.

KUBESPRAY names a folder with a checkout in a folder for each release. For a release that is not there, the test writes plays
with the imports of Kubespray's, and the row says so.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import glob
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import typing as t

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.path.join(ROOT, ".cache", "kubespray")
DOCUMENT = os.path.join(ROOT, "docs", "kubespray.md")
MINORS = (11, 12, 13)
NO_NETWORK = ("unshare", "--map-root-user", "--net")


@dataclasses.dataclass(frozen=True)
class Release:
    """A release of Kubespray: its folder, and what its requirements.txt and ansible_version.yml say, for plays of our own."""

    name: str
    branch: str
    requirements: t.Tuple[str, ...]
    core: t.Tuple[str, str]
    # The newest Python that its ansible-core supports on a control host.
    newest: int


_COMMON = ("jmespath==1.1.0", "netaddr==1.3.0")
RELEASES = (
    Release("v2.30", "release-2.30", ("ansible==10.7.0", "cryptography==46.0.3", *_COMMON), ("2.17.3", "2.18.0"), 12),
    Release("v2.31", "release-2.31", ("ansible==11.13.0", "cryptography==46.0.7", *_COMMON), ("2.18.0", "2.19.0"), 13),
    Release(
        "master",
        "master",
        ("ansible==11.13.0", "bcrypt<6", "cryptography==50.0.0", "passlib==1.7.4", *_COMMON),
        ("2.18.0", "2.19.0"),
        13,
    ),
)


@dataclasses.dataclass
class Row:
    """What came of one release on one Python."""

    release: str
    python: str
    source: str = ""
    wheels: int = 0
    core: str = ""
    staged: str = ""
    installed: str = ""
    version: str = ""
    passwords: str = ""
    syntax: str = ""
    tasks: str = ""
    imported: str = ""
    troubles: t.List[str] = dataclasses.field(default_factory=list)
    date: str = dataclasses.field(default_factory=lambda: datetime.date.today().isoformat())


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def read(path: str) -> str:
    """Return a file's text."""
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def write(path: str, text: str) -> None:
    """Write a file, with its folder."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)


def interpreters() -> t.Dict[int, str]:
    """Return the interpreters of this machine that can create an environment, by minor version."""
    names = sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3")))
    names += [shutil.which("python3.%d" % minor) or "" for minor in MINORS]
    found: t.Dict[int, str] = {}
    code = "import ensurepip, sys; print(sys.version_info[1], sys.prefix == sys.base_prefix)"
    for name in filter(None, names):
        done = subprocess.run(
            [name, "-I", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False
        )
        if done.returncode == 0 and done.stdout.split()[1] == "True":
            found.setdefault(int(done.stdout.split()[0]), name)
    return {minor: found[minor] for minor in MINORS if minor in found}


def find_checkout(release: Release, checkouts: str) -> str:
    """Return the folder of a release's checkout; empty if there is none."""
    names = (release.branch, release.name, release.name.lstrip("v"))
    places = [os.path.join(os.path.abspath(checkouts), name) for name in names if checkouts]
    return next((path for path in places if os.path.isfile(os.path.join(path, "cluster.yml"))), "")


def own_plays(release: Release, folder: str) -> None:
    """Write plays with the imports of Kubespray's: a cluster.yml, its gate, a group bastion, the filters that it uses."""
    gate = """\
- name: Check Ansible version
  hosts: all
  gather_facts: false
  run_once: true
  tags: always
  tasks:
    - name: Check the version of Ansible
      assert:
        msg: "Ansible must be between %(from)s and %(to)s exclusive - you have {{ ansible_version.string }}"
        that:
          - ansible_version.string is version('%(from)s', '>=')
          - ansible_version.string is version('%(to)s', '<')
    - name: Check that python netaddr is installed
      assert:
        that: "'127.0.0.1' | ansible.utils.ipaddr == '127.0.0.1'"
""" % {"from": release.core[0], "to": release.core[1]}
    cluster = """\
- name: Common tasks for every playbooks
  import_playbook: boilerplate.yml
- name: Prepare the hosts
  hosts: kube_control_plane:kube_node:etcd:calico_rr
  gather_facts: false
  tasks:
    - {name: Load a module, community.general.modprobe: {name: br_netfilter}}
    - {name: Set a parameter, ansible.posix.sysctl: {name: net.ipv4.ip_forward, value: "1"}}
    - {name: Make a key, community.crypto.openssl_privatekey: {path: /tmp/key.pem}}
    - {name: Read a resource, kubernetes.core.k8s_info: {kind: Node}}
    - {name: Read a container, community.docker.docker_container_info: {name: etcd}}
"""
    boilerplate = """\
- name: Check ansible version
  import_playbook: ansible_version.yml
- name: Set up proxy environment
  hosts: bastion[0]
  gather_facts: false
  tasks:
    - {name: Show an address, debug: {msg: "{{ '10.0.0.1/8' | ansible.utils.ipaddr('network') }}"}}
"""
    files = {
        "requirements.txt": "".join(line + "\n" for line in release.requirements),
        "galaxy.yml": "version: %s\n" % release.name.lstrip("v"),
        "ansible.cfg": "[defaults]\nfact_caching = jsonfile\nfact_caching_connection = /tmp\nfact_caching_timeout = 86400\n",
        "cluster.yml": "- name: Install Kubernetes\n  import_playbook: playbooks/cluster.yml\n",
        "playbooks/ansible_version.yml": "---\n" + gate,
        "playbooks/boilerplate.yml": "---\n" + boilerplate,
        "playbooks/cluster.yml": "---\n" + cluster,
    }
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in files.items():
        write(os.path.join(folder, name), text)


HOSTS = {
    "all": {
        "hosts": {
            name: {"ansible_host": "192.0.2.%d" % number} for number, name in enumerate(("one", "two", "jump"), 1)
        },
        "children": {
            "kube_control_plane": {"hosts": {"one": {}}},
            "etcd": {"hosts": {"one": {}}},
            "kube_node": {"hosts": {"two": {}}},
            "calico_rr": {"hosts": {}},
            # Kubespray reads this group for itself.
            "bastion": {"hosts": {"jump": {}}},
            "airgap_index": {"hosts": {"index": {"ansible_host": "192.0.2.9"}}},
        },
    }
}


class Trial:
    """One release."""

    def __init__(self, release: Release, known: t.Mapping[int, str], checkouts: str) -> None:
        self.release = release
        self.folder = os.path.join(WORK, release.branch)
        self.known = {minor: path for minor, path in known.items() if minor <= release.newest}
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.source = "checkout"
        self.checkout = find_checkout(release, checkouts)
        if not self.checkout:
            self.source = "own plays"
            self.checkout = os.path.join(self.folder, "plays")
            own_plays(release, self.checkout)
        write(os.path.join(self.folder, "cluster.json"), json.dumps(HOSTS))

    def run(self, name: str, command: t.Sequence[str], cwd: str = ROOT, **variables: str) -> t.Tuple[int, str]:
        """Run a command, keep its output; return its status and the output."""
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PYTHON", "VIRTUAL_ENV"))
        }
        kept.update(ANSIBLE_NOCOLOR="1", LC_ALL="C.UTF-8", **variables)
        with open(os.path.join(self.folder, name + ".out"), "w+", encoding="utf-8", errors="replace") as stream:
            done = subprocess.run(
                command,
                cwd=cwd,
                env=kept,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                check=False,
            )
            stream.seek(0)
            return done.returncode, stream.read()

    def stage(self) -> str:
        """Stage the release for all interpreters; return what went wrong."""
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "ansible_become": False}
        site = {
            "all": {
                "vars": dict(
                    local,
                    survey_pythons=list(self.known.values()),
                    airgap_dir=os.path.join(self.folder, "outside"),
                    airgap_targets=["*.target.txt"],
                    airgap_sets=[{"name": "kubespray"}],
                    kubespray_path=self.checkout,
                    stage_python=sys.executable,
                    stage_audit="off",
                    front_state="absent",
                ),
                "children": {"airgap_stage": {"hosts": {"here": {}}}, "airgap_nodes": {"hosts": {"here": {}}}},
            }
        }
        inventory = os.path.join(self.folder, "site", "hosts.json")
        write(inventory, json.dumps(site))
        for name in ("survey", "stage"):
            command = [os.path.join(os.path.dirname(sys.executable), "ansible-playbook"), "--inventory", inventory]
            command.append(os.path.join(ROOT, "playbooks", name + ".yml"))
            rc, out = self.run(name, command, ANSIBLE_CONFIG=os.path.join(ROOT, "ansible.cfg"))
            if rc != 0:
                return "%s: %s" % (name, out.strip().splitlines()[-1][:300])
        shutil.copytree(
            os.path.join(self.folder, "outside", "bundle"), os.path.join(self.folder, "bundle"), symlinks=True
        )
        return ""

    def try_python(self, minor: int, seconds: float, trouble: str) -> Row:
        """Install and try the release with one interpreter; return the row."""
        python = self.known[minor]
        row = Row(self.release.name, "3.%d" % minor, self.source, staged="%d s" % seconds)
        if trouble:
            row.troubles.append(trouble)
            return row
        venv = os.path.join(self.folder, "venv-3.%d" % minor)
        bundle = os.path.join(self.folder, "bundle")
        started = time.monotonic()
        installer = ["sh", os.path.join(bundle, "install.sh"), "kubespray", "--python", python, "--venv", venv]
        rc, out = self.run("install-%d" % minor, [*NO_NETWORK, *installer])
        if rc != 0:
            row.troubles.append("install.sh: " + out.strip().splitlines()[-1][:300])
            return row
        row.installed = "%d s" % (time.monotonic() - started)
        row.wheels = sum(
            read(path).count("--hash=")
            for path in glob.glob(os.path.join(bundle, "locks", "kubespray", "cp3%d-*.txt" % minor))
        )
        code = "import json, sys; from ansible_collections.airgap.python.plugins.module_utils._site import _kubespray as k; "
        code += "print(json.dumps(k.check(sys.argv[1], checkout=sys.argv[2])))"
        checks = [*NO_NETWORK, sys.executable, "-c", code, venv, self.checkout]
        rc, out = self.run("check-%d" % minor, checks, PYTHONPATH=os.path.join(ROOT, ".collections"))
        if rc != 0:
            row.troubles.append("the checks: " + out.strip().splitlines()[-1][:300])
            return row
        found = json.loads(out)
        row.troubles += found["problems"]
        row.core = found["versions"].get("ansible-core", "")
        row.passwords = "yes" if found["passwords"] == "bcrypt" else "no"
        own = {
            # Its own settings apply, but not the facts of another cluster.
            "ANSIBLE_CONFIG": os.path.join(self.checkout, "ansible.cfg"),
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": os.path.join(self.folder, "facts"),
            "ANSIBLE_COLLECTIONS_PATH": os.path.join(self.folder, "collections"),
            "VIRTUAL_ENV": venv,
        }
        play = [
            *NO_NETWORK,
            os.path.join(venv, "bin", "ansible-playbook"),
            "--inventory",
            os.path.join(self.folder, "cluster.json"),
        ]
        rc, out = self.run("version-%d" % minor, [*play, "playbooks/ansible_version.yml"], self.checkout, **own)
        row.version = self.judge(row, "ansible_version.yml", rc, out)
        rc, out = self.run("syntax-%d" % minor, [*play, "--syntax-check", "cluster.yml"], self.checkout, **own)
        row.syntax = self.judge(row, "--syntax-check", rc, out)
        rc, out = self.run("tasks-%d" % minor, [*play, "--list-tasks", "cluster.yml"], self.checkout, **own)
        row.tasks = self.judge(row, "--list-tasks", rc, out)
        if rc == 0:
            row.tasks = str(len(re.findall(r"^      \S.*TAGS: \[", out, re.MULTILINE)))
        row.imported = self.try_import(row, minor, play, own)
        return row

    def try_import(self, row: Row, minor: int, play: t.Sequence[str], own: t.Mapping[str, str]) -> str:
        """List the tasks of a playbook that imports ours before Kubespray's, both as collections."""
        collections = os.path.join(self.folder, "collections", "ansible_collections")
        for name, target in (("airgap/python", ROOT), ("kubernetes_sigs/kubespray", self.checkout)):
            path = os.path.join(collections, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if not os.path.lexists(path):
                os.symlink(target, path)
        text = "- import_playbook: airgap.python.kubespray\n- import_playbook: kubernetes_sigs.kubespray.cluster\n"
        path = os.path.join(self.folder, "both.yml")
        write(path, text)
        rc, out = self.run("import-%d" % minor, [*play, "--list-tasks", path], self.folder, **own)
        return self.judge(row, "imported", rc, out)

    def judge(self, row: Row, what: str, rc: int, out: str) -> str:
        """Return yes for a run that succeeded; note the trouble otherwise."""
        if rc == 0:
            return "yes"
        row.troubles.append("%s: %s" % (what, " ".join(out.strip().splitlines()[-3:])[:300]))
        return "no"

    def rows(self) -> t.List[Row]:
        """Do all of it."""
        say(
            "== Kubespray %s (%s) on Python %s"
            % (self.release.name, self.source, ", ".join("3.%d" % one for one in self.known))
        )
        started = time.monotonic()
        trouble = self.stage() if self.known else ""
        seconds = time.monotonic() - started
        rows = []
        for minor in MINORS:
            if minor > self.release.newest:
                supported = "its ansible-core supports up to 3.%d" % self.release.newest
                rows.append(Row(self.release.name, "3.%d" % minor, supported))
            elif minor not in self.known:
                rows.append(Row(self.release.name, "3.%d" % minor, "no interpreter here"))
            else:
                rows.append(self.try_python(minor, seconds, trouble))
                say("   3.%d: %s" % (minor, "; ".join(rows[-1].troubles) or "passed"))
        return rows


def table(rows: t.Iterable[Row]) -> t.List[str]:
    """Return the table as lines of Markdown."""
    lines = [
        "| Kubespray | Python | with | ansible-core | wheels | staged | installed | `ansible_version.yml` | bcrypt | `--syntax-check` "
        "| tasks | imported | date |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in rows:
        cells = [
            one.release,
            one.python,
            one.source,
            one.core,
            str(one.wheels or ""),
            one.staged,
            one.installed,
            one.version,
        ]
        cells += [one.passwords, one.syntax, one.tasks, one.imported, one.date]
        lines.append("| %s |" % " | ".join(cells))
    return lines


def document(rows: t.Sequence[Row], where: str) -> None:
    """Write the machine and the table into the page."""
    text = read(where)
    found = re.search(r'^PRETTY_NAME="?([^"\n(]*)', read("/etc/os-release"), re.MULTILINE)
    system = found[1].strip() if found else platform.system()
    machine = "%s, %s, %d cores:" % (system, platform.machine(), os.cpu_count() or 1)
    begin, end = "<!-- begin: make kubespray-matrix -->\n", "<!-- end: make kubespray-matrix -->\n"
    head, _begin, rest = text.partition(begin)
    tail = rest.partition(end)[2]
    write(where, head + begin + "\n".join([machine, "", *table(rows)]) + "\n" + end + tail)


def main() -> int:
    """Run; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [one.name for one in RELEASES]
    parser.add_argument("--releases", nargs="+", choices=names, default=names)
    parser.add_argument(
        "--checkouts", default="", help="a folder with the checkouts release-2.30, release-2.31, master"
    )
    parser.add_argument("--document", action="store_true", help="write the table into docs/kubespray.md")
    parser.add_argument(
        "--only-plays", default="", help="write the plays of the newest release there, or link its checkout; and stop"
    )
    options = parser.parse_args()
    if options.only_plays:
        checkout = find_checkout(RELEASES[-1], options.checkouts)
        if os.path.islink(options.only_plays):
            os.unlink(options.only_plays)
        shutil.rmtree(options.only_plays, ignore_errors=True)
        if checkout:
            os.makedirs(os.path.dirname(os.path.abspath(options.only_plays)), exist_ok=True)
            os.symlink(checkout, options.only_plays)
        else:
            own_plays(RELEASES[-1], options.only_plays)
        return 0
    known = interpreters()
    rows: t.List[Row] = []
    for release in RELEASES:
        path = os.path.join(WORK, "rows-%s.json" % release.branch)
        if release.name in options.releases:
            found = Trial(release, known, options.checkouts).rows()
            write(path, json.dumps([dataclasses.asdict(one) for one in found]))
        # Rows of an earlier run stay.
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as stream:
                rows += [Row(**one) for one in json.load(stream)]
    say("\n" + "\n".join(table(rows)))
    if options.document:
        document(rows, DOCUMENT)
    return 1 if any(one.troubles for one in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
