# SPDX-License-Identifier: GPL-3.0-or-later
"""A small site on loopback: four hosts that are folders of this machine. The playbooks really run, and what changed is checked.

What loopback lacks is replaced. For tasks that need systemd, the interpreter of the index host gives the answers in ANSWERS.
The devpi-server is a real one that the test starts. The environment in which the stage runs pip is that of the tests, under
another path.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import typing as t

import yaml

from tests.integration import small_bundle

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
INTERPRETER = os.path.join(ROOT, "tests/hostile/interpreter.py")
STAGE, HOP, INDEX, NODE = HOSTS = ("h-stage", "h-hop", "h-index", "h-node")
FOLDERS = HOSTS + ("control", "canary")
GROUPS = {
    "airgap_stage": STAGE,
    "airgap_bastion": HOP,
    "airgap_index": INDEX,
    "airgap_nodes": NODE,
    "kube_node": NODE,
}
ANSWERS = {
    "airgap.python.devpi : Start devpi-server and wait until it answers, timeout in seconds: 60": {
        "changed": True,
        "steps": ["config", "unit"],
        "restart": "it does not run",
        "url": "http://127.0.0.1:3141",
        "answers": True,
    },
    "Check that Kubespray runs": {
        "changed": False,
        "versions": ["ansible-core 2.18.19"],
        "played": False,
        "passwords": "bcrypt",
    },
}
# What differs between two honest runs: names and times, the incoming folder, and what Ansible keeps for itself.
VARIES = re.compile(
    r"(^|/)(ledger\.jsonl|inventory\.json|incoming(/.*)?|__pycache__(/.*)?|[^/]*\.log)$"
    r"|^h-[a-z]+/(tmp|task\.log|interpreter\.json)(/|$)|^control/(home|task)(/|$)"
)
CANARY = b"canary"
SECRET = "secret-of-the-control-host"
SECRET_OF_INDEX = "secret-of-the-index-host"


class Site:
    """The hosts, their folders, and the control host, all below one folder."""

    def __init__(self, root, index_url, devpi_url, password):
        self.root = str(root)
        self.seed = self.root + ".seed"
        self.known = {}
        self.index_url, self.devpi_url = index_url, devpi_url
        for folder in ("control/site/lab", "control/keys", "control/desk", "canary/dir", "canary/file", "canary/bin"):
            os.makedirs(self.path(folder))
        for host in HOSTS:
            os.makedirs(self.path(host, "tmp"))
            self.wrap(host, "python", sys.executable)
        self.key, self.officer = self.make_key("alice")
        self.foreign_key, self.attacker = self.make_key("mallory")
        self.write("control/secret.txt", SECRET + "==1\n")
        self.write("h-index/secret/note.txt", SECRET_OF_INDEX + "\n")
        self.write(
            "canary/bin/python", '#!/bin/sh\ntouch %s/canary/ran\nexec %s "$@"\n' % (self.root, sys.executable), 0o755
        )
        self.write("h-index/etc/root.password", password, 0o600)
        self.venv()
        self.set_behaviour()

    # The folders.

    def path(self, *parts):
        """Return a path below the site's folder."""
        return os.path.join(self.root, *parts)

    def write(self, name, text, mode=0o644):
        """Write a file."""
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(self.path(name), mode)

    def make_key(self, name):
        """Return a private key and its line for a list of allowed signers."""
        path = self.path("control/keys", name)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True)
        with open(path + ".pub", encoding="ascii") as stream:
            return path, "%s@example.org %s" % (name, " ".join(stream.read().split()[:2]))

    def wrap(self, host, name, real):
        """Write a program that runs the hostile interpreter in place of a real one."""
        line = '#!/bin/sh\nexec "%s" "%s" "%s" "%s" "$@"\n'
        self.write(
            os.path.join(host, name),
            line % (sys.executable, INTERPRETER, self.path(host, "interpreter.json"), real),
            0o755,
        )

    def venv(self):
        """Create the environment of the stage, which finds the packages of this one."""
        venv = self.path(STAGE, "airgap/stage/venv")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
        (site,) = glob.glob(venv + "/lib/python*/site-packages")
        self.write(os.path.join(site, "tests.pth"), sysconfig.get_path("purelib") + "\n")
        self.write(venv + "/bin/pip", "")
        os.rename(venv + "/bin/python", venv + "/bin/python.real")
        self.wrap(STAGE, venv + "/bin/python", venv + "/bin/python.real")

    # Playing.

    def inventory(self):
        """Write the inventory. It has the variables that a user sets, because facts could override them there."""
        port = self.devpi_url.rsplit(":", 1)[1]
        site = {
            "ansible_connection": "local",
            "ansible_become": False,
            "airgap_sets": [{"name": "base", "requirements": ["app"]}],
            "kubespray_set": "base",
            "airgap_targets": [small_bundle.here()],
            "airgap_index_target": "here",
            "airgap_index_name": "%s/prod" % os.path.basename(self.root).replace("-", ""),
            "airgap_media": self.path(INDEX, "disk"),
            "transfer_mode": "stored",
            "publish_allowed_signers": [self.officer],
            "publish_operator": "olga",
            "stage_python": sys.executable,
            "stage_pip": "pip",
            "stage_audit": "off",
            "stage_index_url": self.index_url,
            "install_python": sys.executable,
            "front_state": "absent",
            "backup_state": "absent",
            "devpi_port": int(port),
        }
        own = {
            STAGE: {"airgap_media": self.path(STAGE, "disk")},
            INDEX: {
                "ansible_host": "127.0.0.1",
                "devpi_python": self.path(INDEX, "python"),
                "devpi_venv": self.path(INDEX, "opt/devpi"),
                "devpi_config_dir": self.path(INDEX, "etc"),
            },
            NODE: {
                "install_dir": self.path(NODE, "opt"),
                "pip_conf_path": self.path(NODE, "pip.conf"),
                "pip_conf_uv_path": self.path(NODE, "uv.toml"),
            },
        }
        for host in HOSTS:
            own.setdefault(host, {}).update(
                airgap_dir=self.path(host, "airgap"),
                ansible_python_interpreter=self.path(host, "python"),
                ansible_remote_tmp=self.path(host, "tmp"),
            )
        groups: t.Dict[str, t.Any] = {group: {"hosts": {host: {}}} for group, host in GROUPS.items()}
        text = json.dumps({"all": {"vars": site, "hosts": own, "children": groups}}, indent=1)
        self.write("control/site/lab/hosts.yml", text)

    def set_behaviour(self, host=None, attack=None):
        """Make one host attack, and all others be honest."""
        for one in HOSTS:
            config = {
                "task_file": self.path("control/task"),
                "log": self.path(one, "task.log"),
                "answers": ANSWERS,
                "secrets": [SECRET] + [SECRET_OF_INDEX] * (one != INDEX),
                "attack": attack if one == host else None,
            }
            self.write(os.path.join(one, "interpreter.json"), json.dumps(config))
            self.write(os.path.join(one, "task.log"), "")

    def answered(self, host):
        """Return the answers of a host since set_behaviour(), in order: the task, the module, whether it lied, which secrets it received."""
        with open(self.path(host, "task.log"), encoding="utf-8") as stream:
            return [json.loads(line) for line in stream]

    def outcomes(self):
        """Return the outcome of each lie of a play with ``each``, in order."""
        with open(self.path("control/home/outcomes.json"), encoding="utf-8") as stream:
            return [json.loads(line) for line in stream]

    def play(self, *playbooks, limit=None, tags=None, each=None, **variables):
        """Play playbooks as one; return the status and all that was printed, as bytes.

        With ``each``, a dictionary of ``lies`` and ``tasks``, each of these tasks first runs with every lie.
        """
        book = [{"import_playbook": os.path.join(ROOT, "playbooks", name + ".yml")} for name in playbooks]
        self.write("control/home/play.yml", json.dumps(book))
        environment = {
            name: os.environ[name] for name in os.environ if not name.startswith(("PIP_", "ANSIBLE_", "PYTHON"))
        }
        environment.update(
            HOME=self.path("control/home"),
            ANSIBLE_CONFIG=os.path.join(ROOT, "ansible.cfg"),
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_PIPELINING="1",
            ANSIBLE_CALLBACK_PLUGINS=os.path.join(ROOT, "tests/hostile/callback"),
            ANSIBLE_CALLBACKS_ENABLED="current_task",
            HOSTILE_TASK_FILE=self.path("control/task"),
        )
        if each is not None:
            # The requested lie is in one file, so one host runs at a time.
            self.write("control/home/each.json", json.dumps(each))
            environment.update(
                HOSTILE_EACH=self.path("control/home/each.json"),
                HOSTILE_OUTCOMES=self.path("control/home/outcomes.json"),
                ANSIBLE_FORKS="1",
            )
        variables["_devpi_unit_path"] = self.path(INDEX, "devpi-server.service")
        if "approve" in playbooks:
            with open(self.path(STAGE, "airgap/bundle/SHA256SUMS"), "rb") as stream:
                variables.setdefault("approve_sha256", hashlib.sha256(stream.read()).hexdigest())
            variables.setdefault("approve_signing_key", self.key)
            variables.setdefault("approve_report_dest", self.path("control/desk"))
        command = [os.path.join(os.path.dirname(sys.executable), "ansible-playbook"), "-e", json.dumps(variables)]
        command += ["-i", self.path("control/site/lab"), self.path("control/home/play.yml")]
        done = subprocess.run(
            command + (["--limit", limit] if limit else []) + (["--tags", tags] if tags else []),
            env=environment,
            cwd=self.path("control/site"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return done.returncode, done.stdout

    def make(self):
        """Play the site honestly, and save two states: before the bundle was received inside, and after."""
        self.inventory()
        rc, output = self.play("outside", "transfer", "index", "nodes", stage_signing_key=self.key)
        assert rc == 0, output.decode()
        # Someone carries the disk inside.
        copy(self.path(STAGE, "disk"), self.path(INDEX, "disk"))
        for state in ("after", "before"):
            for folder in FOLDERS:
                copy(self.path(folder), os.path.join(self.seed, state, folder))
            for host in (HOP, INDEX):
                shutil.rmtree(self.path(host, "airgap"), ignore_errors=True)

    # Checking.

    def restore(self, name):
        """Restore a state, and make all hosts honest."""
        for folder in FOLDERS:
            shutil.rmtree(self.path(folder), ignore_errors=True)
            copy(os.path.join(self.seed, name, folder), self.path(folder))
        for extra in set(os.listdir(self.root)) - set(FOLDERS):
            with contextlib.suppress(NotADirectoryError):
                shutil.rmtree(self.path(extra))
        self.set_behaviour()

    def saved(self, name):
        """Return the sums of a state."""
        return sums(os.path.join(self.seed, name))

    def found(self, hostile, rc, output, allowed):
        """Return what a hostile host achieved, as sentences; ``allowed`` are the states that an honest run may leave."""
        said = []
        now = sums(self.root)
        for path in sorted(set(now).union(*allowed)):
            if path.startswith(hostile + "/") or now.get(path) in [state.get(path) for state in allowed]:
                continue
            if path.startswith("canary/") or not VARIES.search(path):
                said.append("%s was %s" % (path, "changed" if path in now else "removed"))
            elif os.path.isfile(self.path(path)) and not path.startswith("control/home/.ansible"):
                with open(self.path(path), "rb") as stream:
                    if CANARY in stream.read():
                        said.append("%s holds a canary" % path)
        for host in HOSTS:
            for secret in [SECRET] + [SECRET_OF_INDEX] * (host != INDEX):
                said += ["%s has the %s" % (path, secret) for path in holding(self.path(host), secret)]
            said += ["%s received the %s" % (host, one) for line in self.answered(host) for one in line["received"]]
        for secret in (SECRET, SECRET_OF_INDEX):
            if secret.encode() in output:
                said.append("the output shows the %s" % secret)
        if b"\x1b" in output:
            said.append("raw escape bytes are printed")
        if rc != 0 and not names_host(output.decode("utf-8", "replace"), hostile):
            said.append("the play failed (%d), and its output does not name the host" % rc)
        return [shown(one) for one in said]


def shown(text):
    """Return a text that is safe to show in a terminal."""
    return re.sub(r"[^\n\x20-\x7e]", lambda match: ascii(match.group())[1:-1], text)


def names_host(output, host):
    """Say whether an error names a host, other than in a path."""
    return bool(
        re.search(r"(?<![/\w])%s(?![/\w])" % re.escape(host), output.split("PLAY RECAP")[0].partition("ERROR")[2])
    )


def copy(source, target):
    """Copy a folder with its links and times."""
    shutil.copytree(source, target, symlinks=True)


def sums(root):
    """Return path to SHA-256, link target or kind of everything below a folder."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            if os.path.islink(path):
                found[os.path.relpath(path, root)] = os.readlink(path)
            elif os.path.isfile(path):
                with open(path, "rb") as stream:
                    found[os.path.relpath(path, root)] = hashlib.sha256(stream.read()).hexdigest()
            else:
                found[os.path.relpath(path, root)] = "folder"
    return found


def holding(root, text):
    """Return the files below a folder that hold a text, except those that the test itself writes."""
    command = ["grep", "-rlF", "--exclude=task.log", "--exclude=interpreter.json", text, root]
    return subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout.decode().splitlines()


def facts(site):
    """Return every variable that a site can set, each with a value whose effect would be visible."""
    found = {}
    for path in sorted(glob.glob(os.path.join(ROOT, "roles/*/meta/argument_specs.yml"))):
        with open(path, encoding="utf-8") as stream:
            for entry in yaml.safe_load(stream)["argument_specs"].values():
                for name, option in entry.get("options", {}).items():
                    found[name] = canary(site, name, option.get("type", "str"))
    for path in sorted(glob.glob(os.path.join(ROOT, "playbooks/**/*.yml"), recursive=True)):
        with open(path, encoding="utf-8") as stream:
            for name in re.findall(r"\b(?:approve|history|kubespray|teardown|airgap)_[a-z_]+", stream.read()):
                found.setdefault(name, canary(site, name, "str"))
    for group in GROUPS:
        found.pop(group, None)
    found.update(
        airgap_sets=[{"name": "base", "requirements_file": site.path("control/secret.txt")}],
        stage_sets=[{"name": "base", "requirements_file": site.path("control/secret.txt")}],
        airgap_targets=[dict(small_bundle.here(), name="canary")],
        airgap_index_target="canary",
        airgap_index_name="canary/prod",
        stage_signing_key=site.foreign_key,
        approve_signing_key=site.foreign_key,
        publish_required_signatures=0,
        inventory_dir=site.path("canary/dir/inventory"),
        playbook_dir=site.path("canary/dir/playbook"),
        inventory_hostname="canary",
        groups={name: ["canary"] for name in GROUPS},
        ansible_host="canary.invalid",
        ansible_connection="local",
        ansible_python_interpreter=site.path("canary/bin/python"),
        ansible_become_user="canary",
        ansible_remote_tmp=site.path("canary/dir/tmp"),
        ansible_shell_executable=site.path("canary/bin/python"),
    )
    return found


def canary(site, name, kind):
    """Return a value of a type whose use would leave a trace."""
    where = site.path("canary/dir" if re.search(r"(_dir|_dest|_paths|_media)$", name) else "canary/file", name)
    if "signers" in name:
        return [site.attacker]
    return {"int": 4242, "bool": True, "list": [where], "dict": {"canary": where}}.get(kind, where)


def strings(site):
    """Return the texts that replace every string."""
    return {
        "relative": "../../../canary/relative",
        "absolute": site.path("canary/absolute"),
        "newlines": "canary\n- canary: 1\n# canary\r\nSHA256SUMS: canary",
        "terminal": "\x1b]0;canary\x07\x1b[2J\x9b31mcanary",
        "jinja": "{{ lookup('ansible.builtin.pipe', 'touch %s') }}" % site.path("canary/jinja"),
        "huge": "canary " * (10 * 1024 * 1024 // 7),
    }
