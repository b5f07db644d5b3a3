# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pip of one interpreter with the settings that apply: the only place that runs pip on the internet host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import read_if_exists
from ansible_collections.airgap.python.plugins.module_utils._pip import _failure, _settings
from ansible_collections.airgap.python.plugins.module_utils._versions import release

# The oldest pip whose report and markers are tested.
OLDEST_PIP = (23, 2)
# The arguments by which an interpreter runs pip.
MODULE = ("-m", "pip")
# How often pip is run before a failure of the network is final.
TRIES = 3
# Prints the version of the interpreter's pip, the folder that pip is imported from, and the interpreter's prefix.
DESCRIBE_PIP = """
import json, os, sys
import pip
print(json.dumps([pip.__version__, os.path.dirname(os.path.dirname(os.path.abspath(pip.__file__))), sys.prefix]))
"""


def run_logged(
    command: t.Sequence[str],
    environment: t.Mapping[str, str],
    log: t.Optional[str],
    secrets: t.Mapping[str, str],
    seconds_at_most: t.Optional[float] = None,
) -> t.Tuple[int, str]:
    """Run a command; return its status and output, which are also logged without secrets.

    A command that takes longer than ``seconds_at_most`` is stopped, with the status 124 of timeout(1).
    """
    started = time.time()
    try:
        process = subprocess.run(
            list(command),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=seconds_at_most,
        )
    except OSError as error:
        return 127, str(error)
    except subprocess.TimeoutExpired:
        return 124, "timed out after %d seconds" % (seconds_at_most or 0)
    out = process.stdout.decode("utf-8", "replace")
    log_command(command, process.returncode, time.time() - started, out, log, secrets)
    return process.returncode, out


def log_command(
    command: t.Sequence[str], rc: int, seconds: float, out: str, log: t.Optional[str], secrets: t.Mapping[str, str]
) -> None:
    """Add a command, its status and its output to the log, if there is one, without secrets."""
    log_text("rc=%d %.1fs %s\n%s" % (rc, seconds, " ".join(command), out), log, secrets)


def log_text(text: str, log: t.Optional[str], secrets: t.Mapping[str, str]) -> None:
    """Add a text with the time to the log, if there is one, without secrets."""
    if not log:
        return
    text = _secrets.hide("%s %s" % (time.strftime("%Y-%m-%dT%H:%M:%S"), text), secrets)
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)


def config_files(prefix: str, variables: t.Mapping[str, str]) -> t.List[str]:
    """Return the paths of pip's configuration files, the weakest first, for an interpreter with this prefix.

    By pip's documentation, "Configuration files": running pip to list them would take as long as the rest of an unchanged run.
    """
    home = os.path.expanduser("~")
    user = os.path.join(variables.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "pip")
    everyone = [os.path.join(one, "pip") for one in (variables.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)]
    everyone.append("/etc")
    if sys.platform == "darwin":
        everyone = ["/Library/Application Support/pip"]
        user = os.path.join(home, "Library/Application Support/pip")
        if not os.path.isdir(user):
            user = os.path.join(home, ".config/pip")
    named = variables.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return []
    # A file in PIP_CONFIG_FILE replaces those of the user.
    users = [] if named and os.path.exists(named) else [os.path.join(home, ".pip"), user]
    return [os.path.join(folder, "pip.conf") for folder in everyone + users + [prefix]] + ([named] if named else [])


class Pip:
    """pip of one interpreter, with the settings that apply."""

    def __init__(self, python: str, options: t.Mapping[str, t.Any], log: t.Optional[str]) -> None:
        self.python = python
        self.log = log
        self.settings: t.Dict[str, str] = {}
        self.found: t.Dict[str, str] = {}
        rc, out = self.call(["-c", DESCRIBE_PIP], os.environ)
        if rc != 0:
            raise AirgapError(
                "%s has no pip: %s. Name a virtual environment that has one (virtualenv)."
                % (python, out.strip().rpartition("\n")[2])
            )
        self.version, self.folder, prefix = json.loads(out.strip().splitlines()[-1])
        if release(self.version) < OLDEST_PIP:
            raise AirgapError(
                "%s has pip %s and %d.%d or newer is needed. Upgrade pip there." % ((python, self.version) + OLDEST_PIP)
            )
        texts = [self.config_text(path) for path in config_files(prefix, os.environ) if os.path.isfile(path)]
        settings = _settings.parse_settings(texts, os.environ)
        self.settings, self.warnings = _settings.choose_settings(settings, options)

    @staticmethod
    def config_text(path: str) -> str:
        """Return the text of a configuration file; for one that the role pip_conf wrote, that of its backup."""
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        if _settings.is_written_by_pip_conf(text):
            return (read_if_exists(path + ".before-airgap") or b"").decode("utf-8")
        return text

    def call(self, arguments: t.Sequence[str], environment: t.Mapping[str, str]) -> t.Tuple[int, str]:
        """Run the interpreter; return its status and its output."""
        return run_logged([self.python, *arguments], dict(environment), None, {})

    def run(
        self,
        arguments: t.Sequence[str],
        variables: t.Optional[t.Mapping[str, str]] = None,
        program: t.Sequence[str] = MODULE,
    ) -> t.Tuple[int, str]:
        """Run pip, or a program that runs it, with more variables, and log it; return its status and its output without secrets."""
        environment = _settings.pip_environment(self.settings, os.environ)
        environment.update(variables or {})
        rc, out = run_logged([self.python, *program, *arguments], environment, self.log, self.secrets())
        return rc, _secrets.hide(out, self.secrets())

    def run_with_retries(
        self,
        arguments: t.Sequence[str],
        variables: t.Optional[t.Mapping[str, str]] = None,
        program: t.Sequence[str] = MODULE,
    ) -> t.Tuple[int, str]:
        """Run pip, and again after a temporary failure; pip itself does not retry once a response has started."""
        for number in range(TRIES):
            rc, out = self.run(arguments, variables, program)
            if rc == 0 or not _failure.is_temporary(out):
                break
            if number + 1 < TRIES:
                time.sleep(number + 1)
        return rc, out

    def remove_passwords(self) -> _secrets.PlainSettings:
        """Remove the passwords from the settings, for programs that pip starts (see out_of_settings); the log still hides them."""
        self.found = self.secrets()
        plain = _secrets.out_of_settings(self.settings)
        self.settings = plain.settings
        return plain

    def secrets(self) -> t.Dict[str, str]:
        """Return the passwords in the settings and the secrets in requirements, each with what is shown in its place."""
        return dict(self.found, **_secrets.masks(_secrets.passwords(self.settings.values())))


def interpreter_path(params: t.Mapping[str, t.Any]) -> str:
    """Return the interpreter whose pip a module runs, by its options."""
    if params["virtualenv"]:
        return os.path.join(params["virtualenv"], "bin", "python")
    return params["python"] or sys.executable


def pip_for_module(module: AnsibleModule) -> Pip:
    """Return the pip that a module's options name; pass its warnings on, and hide its passwords in the result."""
    pip = Pip(interpreter_path(module.params), module.params, module.params["log"])
    for warning in pip.warnings:
        module.warn(warning)
    module.no_log_values.update(pip.secrets())
    return pip
