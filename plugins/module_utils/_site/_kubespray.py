# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Kubespray needs of the environment that its playbooks run in, tried out in that environment."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

VERSION_PLAYBOOK = "playbooks/ansible_version.yml"
PROJECTS = ("ansible", "ansible-core", "jmespath", "netaddr", "passlib", "bcrypt")
PASSWORD = "airgap test password"  # noqa: S105
HOSTS = "localhost ansible_connection=local\n"
# Each filter with what it must answer.
FILTERS = (
    ("json_query (jmespath)", "{{ {'nodes': [{'ip': '10.9.8.7/24'}]} | community.general.json_query('nodes[0].ip') }}"),
    ("ipaddr (netaddr)", "{{ '10.9.8.7/24' | ansible.utils.ipaddr('network') }}"),
)
ANSWERS = ("10.9.8.7/24", "10.9.8.0")
_PROBE = """
import importlib, importlib.metadata as m, json
found = {}
for name in %r:
    try:
        found[name] = m.version(name)
    except m.PackageNotFoundError:
        pass
wrong = {}
for name in ("jmespath", "netaddr"):
    try:
        importlib.import_module(name)
    except Exception as error:
        wrong[name] = "%%s: %%s" %% (type(error).__name__, error)
print(json.dumps({"versions": found, "wrong": wrong}))
"""
_VERIFY = "import sys; from passlib.hash import bcrypt; sys.exit(0 if bcrypt.verify(sys.argv[1], sys.argv[2]) else 1)"


class Environment:
    """An environment, and a folder for everything that its programs write."""

    def __init__(self, path: str, scratch: str) -> None:
        self.path = path
        self.scratch = scratch
        self.python = os.path.join(path, "bin", "python")

    def run(self, program: str, *arguments: str) -> t.Tuple[int, str]:
        """Run a program of the environment; return its status and output.

        It sees no settings and no collections of the host, and no facts that Kubespray cached.
        """
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PYTHON"))}
        kept.update(
            ANSIBLE_CONFIG=os.path.join(self.scratch, "ansible.cfg"),
            ANSIBLE_COLLECTIONS_PATH="/nonexistent",
            ANSIBLE_CACHE_PLUGIN="memory",
            ANSIBLE_HOME=os.path.join(self.scratch, "home"),
            ANSIBLE_LOCAL_TEMP=os.path.join(self.scratch, "tmp"),
            ANSIBLE_REMOTE_TEMP=os.path.join(self.scratch, "tmp"),
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_DEPRECATION_WARNINGS="0",
            HOME=self.scratch,
            LC_ALL="C.UTF-8",
        )
        try:
            done = subprocess.run(
                [os.path.join(self.path, "bin", program), *arguments],
                cwd=self.scratch,
                env=kept,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
        except OSError as error:
            return 127, "%s: %s" % (program, error.strerror)
        return done.returncode, done.stdout.decode("utf-8", "replace")

    def evaluate(self, expression: str) -> t.Tuple[int, str]:
        """Have Ansible evaluate an expression; return its status and output."""
        hosts = os.path.join(self.scratch, "hosts")
        arguments = "--args=" + json.dumps({"msg": expression})
        return self.run("ansible", "localhost", "--inventory", hosts, "--module-name=ansible.builtin.debug", arguments)


def reason(output: str) -> str:
    """Return what a failed run of Ansible reported, on one line."""
    found = re.findall(r'"msg": "((?:[^"\\]|\\.)*)"', output) or re.findall(
        r"^(?:ERROR!|\[ERROR\]:)\s*(.+)", output, re.MULTILINE
    )
    lines = output.strip().splitlines()
    text = " ".join((found or lines[-1:] or ["no output"])[-1].split())
    # Ansible repeats a message with that of its cause, which may be the same.
    half = (len(text) - 2) // 2
    return (text[:half] if text[:half] == text[half + 2 :] and half > 0 else text)[:400]


def check(path: str, playbook: str = "", checkout: str = "") -> t.Dict[str, t.Any]:
    """Try everything; return the versions and the problems, each with its fix. Raises AirgapError and OSError."""
    text = playbook
    if checkout:
        place = os.path.join(checkout, VERSION_PLAYBOOK)
        if not os.path.isfile(place):
            raise AirgapError(
                "%s does not exist: %s is not a checkout of Kubespray. Check kubespray_path." % (place, checkout)
            )
        with open(place, encoding="utf-8") as stream:
            text = stream.read()
    if not os.access(os.path.join(path, "bin", "python"), os.X_OK):
        raise AirgapError("%s is not an environment. Install the set first." % path)
    scratch = tempfile.mkdtemp(prefix="airgap-kubespray-")
    try:
        for name, content in (("ansible.cfg", "[defaults]\n"), ("hosts", HOSTS), ("ansible_version.yml", text)):
            with open(os.path.join(scratch, name), "w", encoding="utf-8") as stream:
                stream.write(content)
        return _check(Environment(path, scratch), bool(text))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _check(venv: Environment, has_playbook: bool) -> t.Dict[str, t.Any]:
    status, output = venv.run("python", "-I", "-c", _PROBE % (PROJECTS,))
    if status != 0:
        raise AirgapError("%s does not run: %s. Install the set again." % (venv.python, reason(output)))
    found = _json.parse(output.strip().splitlines()[-1], venv.python)
    versions: t.Dict[str, str] = {str(name): str(found["versions"][name]) for name in found["versions"]}
    problems = [
        "%s cannot be imported: %s. Add it to the set, or take Kubespray's requirements with kubespray_path." % one
        for one in sorted(found["wrong"].items())
    ]
    if has_playbook:
        hosts = os.path.join(venv.scratch, "hosts")
        status, output = venv.run(
            "ansible-playbook", "--inventory", hosts, os.path.join(venv.scratch, "ansible_version.yml")
        )
        if status != 0:
            problems.append(
                "Kubespray's ansible_version.yml fails with ansible-core %s: %s. Stage the set with the requirements of this "
                "checkout." % (versions.get("ansible-core", "(none)"), reason(output))
            )
    for (name, expression), answer in zip(FILTERS, ANSWERS):
        status, output = venv.evaluate(expression)
        if status != 0 or answer not in output:
            problems.append(
                "The filter %s does not run: %s. The set must require ansible, jmespath and netaddr."
                % (name, reason(output))
            )
    passwords = _check_passwords(venv, versions, problems)
    return {
        "versions": versions,
        "played": has_playbook,
        "passwords": passwords,
        "problems": problems,
    }


def _check_passwords(venv: Environment, versions: t.Mapping[str, str], problems: t.List[str]) -> str:
    """Hash a password as Kubespray does for Argo CD; return bcrypt, or why it cannot be done."""
    status, output = venv.evaluate("{{ %r | password_hash('bcrypt') }}" % PASSWORD)
    hashes = re.findall(r"\$2[abxy]\$[0-9]{2}\$[./A-Za-z0-9]{53}", output)
    if status == 0 and hashes:
        if "passlib" in versions and venv.run("python", "-I", "-c", _VERIFY, PASSWORD, hashes[0])[0] != 0:
            problems.append(
                "passlib does not accept the hash that it made. Constrain the set: constraints: [bcrypt<5]."
            )
        return "bcrypt"
    why = reason(output)
    if "passlib" in versions:
        problems.append(
            "passlib %s cannot hash a password with bcrypt %s: %s. Constrain the set: constraints: [bcrypt<5]."
            % (versions["passlib"], versions.get("bcrypt", "(none)"), why)
        )
    return why
