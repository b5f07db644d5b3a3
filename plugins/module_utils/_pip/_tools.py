# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folders and the environment in which the internet host stages."""

from __future__ import annotations

import os
import stat
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import make_folder

# This many of the last characters of a failed command's output are shown.
SHOWN = 2000
MODE = 0o755
# The settings that pip gets as variables: they may contain passwords, which every user sees in a command line.
VARIABLES = {"index_url": "PIP_INDEX_URL", "proxy": "PIP_PROXY", "cert": "PIP_CERT"}


def run_module(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Create what is missing, or find that in check mode; return the module's result."""
    params = module.params
    module.no_log_values.update(_secrets.passwords([params["index_url"], params["proxy"]]))
    incomplete = [path for path in params["folders"] if not is_complete(path)]
    interpreter = os.path.join(params["virtualenv"], "bin", "python")
    # The interpreter is a link, which leads nowhere after an upgrade of the host's Python.
    has_pip = os.path.exists(interpreter) and os.path.exists(os.path.join(params["virtualenv"], "bin", "pip"))
    installed = has_pip and is_installed(module, interpreter)
    if not has_pip:
        require_venv(module)
    if not module.check_mode:
        for path in incomplete:
            make_folder(path)
            os.chmod(path, MODE)
        if not has_pip:
            command = [params["python"], "-m", "venv", params["virtualenv"]]
            run(module, command, "The virtual environment was not created")
        if not installed:
            install(module, interpreter)
            return {"changed": True, "exists": True}
    return {"changed": bool(incomplete) or not installed, "exists": os.path.exists(interpreter)}


def is_complete(path: str) -> bool:
    """Return whether a folder exists with its mode."""
    return os.path.isdir(path) and stat.S_IMODE(os.stat(path).st_mode) == MODE


def require_venv(module: AnsibleModule) -> None:
    """Raise AirgapError unless the interpreter can create an environment with pip."""
    python = module.params["python"]
    try:
        rc, dummy, err = module.run_command([python, "-c", "import ensurepip, venv"], handle_exceptions=False)
    except OSError as error:
        rc, err = 127, str(error)
    if rc != 0:
        reason = err.strip().rpartition("\n")[2]
        raise AirgapError(
            "%s cannot create a virtual environment with pip: %s. Install python3-venv (Debian) or python3 (EL) there, or name "
            "another interpreter in stage_python." % (python, reason)
        )


def is_installed(module: AnsibleModule, interpreter: str) -> bool:
    """Return whether everything that is required is installed; no index is asked."""
    arguments = ["-m", "pip", "install", "--dry-run", "--no-index", "--quiet"]
    rc, dummy, dummy = module.run_command([interpreter, *arguments, *module.params["requirements"]])
    return bool(rc == 0)


def install(module: AnsibleModule, interpreter: str) -> None:
    """Upgrade pip, then install the other tools."""
    variables = {name: module.params[key] for key, name in VARIABLES.items() if module.params[key]}
    links = [part for folder in module.params["find_links"] for part in ("--find-links", folder)]
    if module.params["no_index"]:
        variables, links = {"PIP_CONFIG_FILE": os.devnull}, ["--no-index", *links]
    requirements = module.params["requirements"]
    for wanted in requirements[:1], requirements:
        command = [interpreter, "-m", "pip", "install", "--quiet", "--upgrade", *links, *wanted]
        run(module, command, "%s cannot be installed" % ", ".join(wanted), variables)


def run(
    module: AnsibleModule, command: t.Sequence[str], failure: str, variables: t.Optional[t.Dict[str, str]] = None
) -> None:
    """Run a command; raises AirgapError with what it printed where it fails."""
    rc, out, err = module.run_command(list(command), environ_update=variables)
    if rc != 0:
        lines = (err.strip() or out.strip())[-SHOWN:].splitlines()
        raise AirgapError("%s:" % failure, *lines)
