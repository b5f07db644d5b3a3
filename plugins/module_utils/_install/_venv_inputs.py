# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inputs of locked_venv on the host: the Python, what is at the path, the lock and the wheel of pip."""

from __future__ import annotations

import functools
import json
import os
import shutil
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _hashes
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _venv, _venv_plan


def run(module: AnsibleModule, argv: t.List[str]) -> t.Tuple[int, str]:
    """Run a command in the root folder, and return its code and its output."""
    rc, out, err = module.run_command(argv, cwd="/", handle_exceptions=False)
    return rc, out + err


def probe_python(module: AnsibleModule, name: str) -> _venv_plan.Python:
    """Return the interpreter that the option python names."""
    program = name if os.path.isabs(name) else shutil.which(name)
    try:
        if program is None:
            raise FileNotFoundError("it is not in PATH")
        rc, output = run(module, [program, "-I", "-c", _venv_plan.PROBE_PYTHON])
        if rc != 0:
            raise ValueError("it ended with code %d: %s" % (rc, output.strip()[-300:]))
        answer = json.loads(output)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AirgapError(
            "There is no usable Python at %s: %s. Install Python 3.8 or newer there, or name another with python."
            % (name, reason)
        ) from error
    version = tuple(answer["version"])
    if version < _venv_plan.OLDEST_PYTHON:
        raise AirgapError(
            "%s is Python %s, and %s is the oldest that works. Name a newer one with python."
            % (name, _venv_plan.dotted(version), _venv_plan.dotted(_venv_plan.OLDEST_PYTHON))
        )
    return _venv_plan.Python(version, answer["executable"])


def inspect_path(module: AnsibleModule, path: str) -> _venv_plan.Found:
    """Return what is at the path of the environment."""
    return _venv.inspect(path, functools.partial(run, module))


def read_lock(module: AnsibleModule) -> t.Optional[str]:
    """Return the lock's text, or None if the file does not exist yet in check mode."""
    content: t.Optional[str] = module.params["lock_content"]
    if content is not None:
        # The lookup of a file removes the newline at its end.
        return content if content.endswith("\n") else content + "\n"
    path = module.params["lock"]
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            return stream.read()
    except FileNotFoundError as error:
        if module.check_mode:
            return None
        raise AirgapError("The lock %s does not exist. Write it first, or name another with lock." % path) from error
    except (OSError, ValueError) as error:
        raise AirgapError("The lock %s cannot be read: %s." % (path, error)) from error


def copy_pip_wheel(path: str, sha256: t.Optional[str], python: _venv_plan.Python, folder: str) -> str:
    """Copy the wheel of pip, so that the copy is run; raises AirgapError if its sum or its Python does not match."""
    try:
        copy = os.path.join(folder, os.path.basename(path))
        with open(path, "rb") as source, open(copy, "xb") as target:
            found = _hashes.sha256_stream(source, target.write)
        if sha256 and found != sha256.lower():
            raise AirgapError("%s has the SHA-256 %s and not %s. Fetch it again." % (path, found, sha256.lower()))
    except FileNotFoundError as error:
        raise AirgapError(
            "The wheel of pip %s does not exist. Copy it to the host first, or name another with pip_wheel." % path
        ) from error
    except OSError as error:
        raise AirgapError("The wheel of pip %s cannot be read: %s. Fetch it again." % (path, error)) from error
    check_pip_python(copy, python)
    return copy


def check_pip_python(path: str, python: _venv_plan.Python) -> None:
    """Raise AirgapError if an interpreter cannot run a wheel of pip."""
    oldest = _venv.oldest_python(path)
    if python.version < oldest:
        raise AirgapError(
            "%s needs Python %s and this is %s. Name an older wheel with pip_wheel, or a newer Python with python."
            % (os.path.basename(path), _venv_plan.dotted(oldest), _venv_plan.dotted(python.version))
        )
