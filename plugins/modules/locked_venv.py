#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: locked_venv
short_description: Keep a virtual environment that holds exactly what a lock says
version_added: 0.1.0
author:
  - airgap.python authors (@airgap-python)
description:
  - Makes a virtual environment and installs every file of a lock in it, each one checked against its SHA-256.
  - A package that the lock does not name is removed, one of another version or of another hash is replaced.
    Only pip stays beside the lock's packages; a lock that names pip decides its version, too.
  - It works in one way on every host, with C(ensurepip) or without it (Debian without C(python3-venv)).
    Python makes the environment without pip, and pip runs out of its own wheel.
    On Python 3.8 and 3.9 a C(.pth) file in the environment makes pip do without C(distutils), which Debian ships apart;
    C(bin/pip) works there for people, too.
  - pip reads none of the host's settings. Its configuration files, C(PIP_*) variables, netrc and proxies are left out,
    so that the result depends on the module's options alone.
  - What pip fetches lies in the environment until it is installed, and not in C(/tmp). A full disk is told by its file
    system and the bytes that are free there.
  - Two runs at the same environment do not mix; the second one fails.
  - An environment that a killed run left half-made, that belongs to a Python which the host has no more, or whose
    metadata are damaged, is made anew. One that something else made is left alone, and is an error.
  - What is installed is read from the packages' metadata. Changes to single files of a package are not noticed.
options:
  path:
    description: The folder of the environment, as an absolute path. Missing parents are created.
    type: path
    required: true
  state:
    description:
      - With V(present) the environment holds the lock's packages.
      - With V(absent) it is removed. Only what this module made is ever removed.
    type: str
    choices: [present, absent]
    default: present
  python:
    description: The interpreter that the environment is made with, 3.8 or newer. A name is looked up in C(PATH).
    type: str
    default: /usr/bin/python3
  lock:
    description: The lock, a file on the managed host.
    type: path
  lock_content:
    description: The lock itself, instead of the file O(lock). It is left out of logs because of its length.
    type: str
  pip_wheel:
    description:
      - A wheel of pip on the managed host, under its own name, for example V(pip-26.0.1-py3-none-any.whl).
      - Required for O(state=present). In check mode the file need not be there yet.
      - What runs is a copy in the module's own folder, which was hashed while it was made.
    type: path
  pip_wheel_sha256:
    description: The SHA-256 that the wheel must have, 64 hex digits. It is checked before Python runs anything from it.
    type: str
  index_url:
    description:
      - The simple index to install from, for example V(http://index.example:3141/airgap/prod/+simple/).
      - A user and password in it reach pip through its environment, and are left out of all output.
    type: str
  no_index:
    description: Use no index, only O(find_links).
    type: bool
    default: false
  find_links:
    description: Folders of wheels on the managed host to install from, beside the index.
    type: list
    elements: path
    default: []
  cert:
    description: The certificates that an index with https is checked against, a PEM file on the managed host.
    type: path
  trusted_host:
    description: Hosts, as C(HOST) or C(HOST:PORT), that pip may ask by http.
    type: list
    elements: str
    default: []
  keep_former:
    description:
      - Make a changed environment beside the one that is there, put it in its place when it is complete, and keep that one as
        O(path) with C(.former) behind it. Who uses the environment removes it, or puts it back, as
        M(airgap.python.devpi_service) does.
    type: bool
    default: false
  timeout:
    description: How many seconds pip waits for an answer. It tries three times.
    type: int
    default: 15
attributes:
  check_mode:
    description: Says what it would do, without doing it.
    support: full
  diff_mode:
    description: Shows the packages before and after, with the hashes of the lock.
    support: full
"""

EXAMPLES = r"""
- name: Install the base set from the index
  airgap.python.locked_venv:
    path: /opt/airgap/base
    lock: /opt/airgap/locks/base.txt
    pip_wheel: /opt/airgap/pip/pip-26.0.1-py3-none-any.whl
    index_url: http://10.89.1.10:3141/airgap/prod/+simple/
    trusted_host: [10.89.1.10]

- name: Install devpi-server from the bundle alone
  airgap.python.locked_venv:
    path: /opt/airgap/airgap-devpi
    lock: /srv/airgap/bundle/locks/airgap-devpi/index.txt
    pip_wheel: /srv/airgap/bundle/wheels/pip-26.3-py3-none-any.whl
    no_index: true
    find_links: [/srv/airgap/bundle/wheels]

- name: Remove an environment
  airgap.python.locked_venv:
    path: /opt/airgap/base
    state: absent
"""

RETURN = r"""
path:
  description: The folder of the environment.
  returned: success
  type: str
python:
  description: The version of the environment's Python.
  returned: O(state=present)
  type: str
  sample: 3.11.7
packages:
  description: What the environment holds, or would hold, as name and version. pip is among them.
  returned: O(state=present), and the lock could be read
  type: dict
  sample: {netaddr: 1.3.0, pip: 26.0.1}
actions:
  description: What was done, or would be done in check mode.
  returned: O(state=present), and the lock could be read
  type: dict
  contains:
    created:
      description: Whether the environment was made where none was.
      type: bool
    remade:
      description: Why the environment was thrown away and made anew; empty if it was not.
      type: str
    pip:
      description: Whether pip was put in from its wheel.
      type: bool
    installed:
      description: Packages that were not there.
      type: list
      elements: str
    changed:
      description: Packages that were there in another version.
      type: list
      elements: str
    reinstalled:
      description: Packages that were there in the same version, from a file with another hash.
      type: list
      elements: str
    removed:
      description: Packages that the lock does not name.
      type: list
      elements: str
rc:
  description: The return code of the command that failed.
  returned: a command failed
  type: int
pip_output:
  description: The whole output of the command that failed.
  returned: a command failed
  type: str
"""

import functools
import json
import os
import shutil
import tempfile
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _environment, _files, _former, _lock, _pages, _venv
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


def run(module: AnsibleModule, argv: t.List[str]) -> t.Tuple[int, str]:
    """Run a command outside of any folder of the user's, and return its code and its output."""
    rc, out, err = module.run_command(argv, cwd="/", handle_exceptions=False)
    return rc, out + err


def look_at_python(module: AnsibleModule, name: str) -> _venv.Python:
    """Return the interpreter that the option python names."""
    program = name if os.path.isabs(name) else shutil.which(name)
    try:
        if program is None:
            raise FileNotFoundError("it is not in PATH")
        rc, output = run(module, [program, "-I", "-c", _venv.PROBE_PYTHON])
        if rc != 0:
            raise ValueError("it ends with code %d: %s" % (rc, output.strip()[-300:]))
        answer = json.loads(output)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AirgapError(
            "There is no usable Python at %s: %s. Install Python 3.8 or newer there, or name another with python."
            % (name, reason)
        ) from error
    version = tuple(answer["version"])
    if version < _venv.OLDEST_PYTHON:
        raise AirgapError(
            "%s is Python %s, and %s is the oldest that works. Name a newer one with python."
            % (name, _venv.dotted(version), _venv.dotted(_venv.OLDEST_PYTHON))
        )
    return _venv.Python(version, answer["executable"])


def read_lock(module: AnsibleModule) -> t.Optional[str]:
    """Return the lock's text, or None in check mode where the file is not there yet."""
    content = module.params["lock_content"]
    if content is not None:
        # The lookup of a file drops the end of its last line.
        return content if content.endswith("\n") else content + "\n"
    path = module.params["lock"]
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            return stream.read()
    except FileNotFoundError as error:
        if module.check_mode:
            return None
        raise AirgapError("The lock %s is not there. Put it there first, or name another with lock." % path) from error
    except (OSError, ValueError) as error:
        raise AirgapError("The lock %s cannot be read: %s." % (path, error)) from error


class FromIndex(_environment.Environment):
    """An environment whose packages may come from an index."""

    def unread(self, argv: t.List[str], output: str) -> str:
        """Ask pip again where it took a page that it did not get for one that is not there: it says so only then."""
        if "No matching distribution found" not in output or "--no-index" in argv:
            return ""
        pages = _pages.of_pip(self.run(argv + ["-vv"])[1])
        return "".join("%s: %s\n" % one for one in sorted(pages.items()))


def take_pip_wheel(path: str, sha256: t.Optional[str], python: _venv.Python, folder: str) -> str:
    """Return a copy of the wheel of pip, which is run; raises AirgapError unless it is the right one, and for this Python."""
    try:
        copy = os.path.join(folder, os.path.basename(path))
        with open(path, "rb") as source, open(copy, "xb") as target:
            found = _files.sha256_stream(source, target.write)
        if sha256 and found != sha256.lower():
            raise AirgapError("%s has the SHA-256 %s and not %s. Fetch it again." % (path, found, sha256.lower()))
    except FileNotFoundError as error:
        raise AirgapError(
            "The wheel of pip %s is not there. Put it there first, or name another with pip_wheel." % path
        ) from error
    except OSError as error:
        raise AirgapError("The wheel of pip %s cannot be read: %s. Fetch it again." % (path, error)) from error
    oldest = _environment.oldest_python(copy)
    if python.version < oldest:
        raise AirgapError(
            "%s needs Python %s and this is %s. Name an older wheel with pip_wheel, or a newer Python with python."
            % (os.path.basename(path), _venv.dotted(oldest), _venv.dotted(python.version))
        )
    return copy


def present(module: AnsibleModule, secrets: t.Sequence[str]) -> t.Dict[str, t.Any]:
    """Make the environment hold what the lock says."""
    params = module.params
    if not params["index_url"] and not params["no_index"]:
        raise AirgapError(
            "Neither index_url nor no_index is given. Name the index, or take everything from find_links."
        )
    pip_version = _venv.pip_wheel_version(os.path.basename(params["pip_wheel"]))
    if params["keep_former"] and not module.check_mode and not os.path.lexists(params["path"]):
        # A run was killed between taking the one away and putting the other in its place.
        _former.swap_back(params["path"])
    python = look_at_python(module, params["python"])
    found = _environment.look(params["path"], functools.partial(run, module))
    lock_text = read_lock(module)
    result: t.Dict[str, t.Any] = {"path": params["path"], "python": _venv.dotted(python.version)}
    if lock_text is None:
        _venv.check_owner(params["path"], found)
        module.warn("The lock %s is not there yet, so nobody can say which packages would change." % params["lock"])
        return dict(result, changed=True)
    pins = _lock.parse(lock_text, params["lock"] or "The lock")
    plan = _venv.plan(params["path"], found, python, pins, pip_version)
    result.update(
        changed=plan.changed,
        packages=dict(line.split("  ")[0].split("==") for line in plan.after),
        actions={
            "created": plan.create,
            "remade": plan.remake,
            "pip": plan.pip,
            "installed": list(plan.install),
            "changed": list(plan.change),
            "reinstalled": list(plan.reinstall),
            "removed": list(plan.remove),
        },
        diff={
            "before_header": params["path"],
            "after_header": params["path"],
            "before": "".join(line + "\n" for line in plan.before),
            "after": "".join(line + "\n" for line in plan.after),
        },
    )
    if module.check_mode or not plan.changed:
        return result
    # The module's own folder: nobody else can change what lies there.
    with tempfile.TemporaryDirectory(dir=module.tmpdir, prefix=_files.TEMPORARY) as folder:
        pip_wheel = take_pip_wheel(params["pip_wheel"], params["pip_wheel_sha256"], python, folder)
        aside = params["keep_former"] and found.recorded is not None
        path = params["path"] + _former.NEW if aside else params["path"]
        if aside:
            shutil.rmtree(path, ignore_errors=True)
            plan = _venv.plan(path, _venv.Found("absent"), python, pins, pip_version)
        options = _venv.PipOptions(
            params["no_index"],
            tuple(params["find_links"]),
            params["cert"] or "",
            tuple(params["trusted_host"]),
            params["timeout"],
        )
        environment = FromIndex(path, params["python"], pip_wheel, options, functools.partial(run, module), secrets)
        with environment.claim():
            environment.carry_out(plan, python, lock_text)
            environment.check(python, pins, pip_version)
            if aside:
                environment.say_where(params["path"])
            environment.finish(lock_text)
        if aside:
            _former.swap_in(params["path"])
            # Later than any process that still began with the former one.
            os.utime(os.path.join(params["path"], _venv.LOCK_COPY))
    return result


def absent(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Remove the environment, if it is ours."""
    path = module.params["path"]
    found = _environment.look(path, functools.partial(run, module))
    _venv.check_owner(path, found)
    there = found.kind == "ours"
    if there and not module.check_mode:
        shutil.rmtree(path)
        _former.drop(path)
    return {
        "path": path,
        "changed": there,
        "diff": {"before": "%s\n" % path if there else "", "after": ""},
    }


def main() -> None:
    """Read the options, run, and turn errors into a failure."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "python": {"type": "str", "default": "/usr/bin/python3"},
            "lock": {"type": "path"},
            # No secret, but thousands of lines that would fill the host's journal at every run.
            "lock_content": {"type": "str", "no_log": True},
            "pip_wheel": {"type": "path"},
            "pip_wheel_sha256": {"type": "str"},
            "index_url": {"type": "str"},
            "no_index": {"type": "bool", "default": False},
            "find_links": {"type": "list", "elements": "path", "default": []},
            "cert": {"type": "path"},
            "trusted_host": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 15},
            "keep_former": {"type": "bool", "default": False},
        },
        required_if=[
            ("state", "present", ["pip_wheel"]),
            ("state", "present", ["lock", "lock_content"], True),
        ],
        mutually_exclusive=[["lock", "lock_content"]],
        supports_check_mode=True,
    )
    params = module.params
    if not os.path.isabs(params["path"]):
        module.fail_json(msg="path is %r and must be absolute. Write it from the root on." % params["path"])
    params["path"] = os.path.normpath(params["path"])
    secrets: t.Tuple[str, ...] = ()
    if params["index_url"]:
        secrets = _venv.split_secret(params["index_url"])[1]
        module.no_log_values.update(secrets)
    environment = _venv.clean_environment(os.environ, params["index_url"] or "")
    os.environ.clear()
    os.environ.update(environment)
    # A strict umask of root's would make an environment that nobody else can use.
    os.umask(0o022)
    try:
        result = present(module, secrets) if params["state"] == "present" else absent(module)
    except AirgapError as error:
        module.fail_json(msg=_venv.redact(str(error), secrets), **error.details)
    except OSError as error:
        # The wheel of pip goes through the module's own folder.
        said = _environment.disk_is_full(params["path"], module.tmpdir) if _files.is_full(error) else "%s." % error
        module.fail_json(msg="%s cannot be written: %s" % (params["path"], said))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
