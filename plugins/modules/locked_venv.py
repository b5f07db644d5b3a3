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
    type: path
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

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import typing as t
import zipfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _files, _former, _lock, _pages, _venv


def full(*paths: str) -> str:
    """Return what to say where a disk is full."""
    return "the disk is full: %s. Free some space, and run again." % _files.room(*paths)


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
        raise _venv.VenvError(
            "There is no usable Python at %s: %s. Install Python 3.8 or newer there, or name another with python."
            % (name, reason)
        ) from error
    version = tuple(answer["version"])
    if version < _venv.OLDEST_PYTHON:
        raise _venv.VenvError(
            "%s is Python %s, and %s is the oldest that works. Name a newer one with python."
            % (name, _venv.dotted(version), _venv.dotted(_venv.OLDEST_PYTHON))
        )
    return _venv.Python(version, answer["executable"])


def look_at_path(module: AnsibleModule, path: str) -> _venv.Found:
    """Return what lies at the path of the environment."""
    if os.path.islink(path) or (os.path.exists(path) and not os.path.isdir(path)):
        return _venv.Found("other")
    if not os.path.isdir(path) or not os.listdir(path):
        return _venv.Found("absent")
    if not os.path.exists(os.path.join(path, _venv.OWNER_FILE)):
        return _venv.Found("venv" if os.path.exists(os.path.join(path, "pyvenv.cfg")) else "other")
    reason = _files.other_writers(os.lstat(path))
    if reason:
        raise _venv.VenvError(
            "Others can change %s, and its Python is run: %s. Run this as the user to whom it belongs (become_user), or give "
            "it back (chown -R, chmod go-w)." % (path, reason)
        )
    recorded = None
    copy = _files.read_if_there(os.path.join(path, _venv.LOCK_COPY))
    if copy is not None:
        try:
            recorded = tuple(_lock.parse(copy.decode("utf-8")))
        except ValueError:
            # A copy that nobody can read proves nothing: as if the run had not finished.
            recorded = None
    try:
        rc, output = run(module, [os.path.join(path, "bin", "python"), "-I", "-c", _venv.PROBE_VENV])
        answer = json.loads(output) if rc == 0 else None
    except (OSError, ValueError):
        answer = None
    if answer is None:
        return _venv.Found("ours", recorded)
    return _venv.Found(
        "ours",
        recorded,
        _venv.Python(tuple(answer["version"]), answer["executable"]),
        tuple((name, version) for name, version in answer["installed"]),
    )


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
        raise _venv.VenvError(
            "The lock %s is not there. Put it there first, or name another with lock." % path
        ) from error
    except (OSError, ValueError) as error:
        raise _venv.VenvError("The lock %s cannot be read: %s." % (path, error)) from error


def take_pip_wheel(path: str, sha256: t.Optional[str], python: _venv.Python, folder: str) -> str:
    """Return a copy of the wheel of pip, which is run; raises VenvError unless it is the right one, and for this Python."""
    try:
        copy = os.path.join(folder, os.path.basename(path))
        with open(path, "rb") as source, open(copy, "xb") as target:
            found = _files.sha256_stream(source, target.write)
        if sha256 and found != sha256.lower():
            raise _venv.VenvError("%s has the SHA-256 %s and not %s. Fetch it again." % (path, found, sha256.lower()))
        with zipfile.ZipFile(copy) as wheel:
            version = _venv.pip_wheel_version(os.path.basename(path))
            metadata = wheel.read("pip-%s.dist-info/METADATA" % version).decode("utf-8", "replace")
    except FileNotFoundError as error:
        raise _venv.VenvError(
            "The wheel of pip %s is not there. Put it there first, or name another with pip_wheel." % path
        ) from error
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise _venv.VenvError("The wheel of pip %s cannot be read: %s. Fetch it again." % (path, error)) from error
    oldest = _venv.oldest_python_of(metadata)
    if python.version < oldest:
        raise _venv.VenvError(
            "%s needs Python %s and this is %s. Name an older wheel with pip_wheel, or a newer Python with python."
            % (os.path.basename(path), _venv.dotted(oldest), _venv.dotted(python.version))
        )
    return copy


class Environment:
    """The environment at a path, and the steps that a plan is made of."""

    def __init__(self, module: AnsibleModule, secrets: t.Sequence[str], pip_wheel: str, path: str) -> None:
        params = module.params
        self.module = module
        self.secrets = secrets
        self.path = path
        self.python = os.path.join(self.path, "bin", "python")
        self.pip_wheel = pip_wheel
        self.folder = module.tmpdir
        self.options = _venv.PipOptions(
            params["no_index"],
            tuple(params["find_links"]),
            params["cert"] or "",
            tuple(params["trusted_host"]),
            params["timeout"],
        )

    @contextlib.contextmanager
    def claim(self) -> t.Iterator[None]:
        """Mark the folder as ours and keep other runs out of it."""
        os.makedirs(self.path, exist_ok=True)
        with open(os.path.join(self.path, _venv.OWNER_FILE), "a", encoding="utf-8") as mark:
            try:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise _venv.VenvError(
                    "Another run is changing %s. Wait until it ends, and run again." % self.path
                ) from error
            if mark.tell() == 0:
                mark.write(_venv.OWNER_TEXT)
                mark.flush()
                os.fsync(mark.fileno())
                _files.fsync_dir(self.path)
            yield

    def carry_out(self, plan: _venv.Plan, python: _venv.Python, lock_text: str) -> None:
        """Do what the plan says; the copy of the lock goes first and comes back last."""
        copy = os.path.join(self.path, _venv.LOCK_COPY)
        if os.path.exists(copy):
            os.unlink(copy)
            _files.fsync_dir(self.path)
        if plan.remake:
            self.empty()
        if plan.create or plan.remake:
            self.create()
        with self.scratch():
            self.fill(plan, python, lock_text)

    @contextlib.contextmanager
    def scratch(self) -> t.Iterator[None]:
        """Have pip put what it fetches beside the environment: /tmp is often small, and another disk."""
        with tempfile.TemporaryDirectory(dir=self.path, prefix=_files.TEMPORARY) as folder:
            os.environ["TMPDIR"] = folder
            self.folder = folder
            try:
                yield
            finally:
                del os.environ["TMPDIR"]

    def fill(self, plan: _venv.Plan, python: _venv.Python, lock_text: str) -> None:
        """Change the packages."""
        if python.version < (3, 10):
            folder = os.path.join(self.path, "lib", "python%d.%d" % python.version[:2], "site-packages")
            _files.write_atomic(os.path.join(folder, _venv.SYSCONFIG_PTH), _venv.SYSCONFIG_TEXT.encode())
        if plan.remove:
            self.pip(_venv.pip_argv(self.python, self.pip_wheel, "uninstall") + ["--yes", *plan.remove])
        if plan.pip:
            argv = _venv.pip_argv(self.python, self.pip_wheel, "install")
            self.pip(argv + ["--no-index", "--no-deps", "--no-cache-dir", self.pip_wheel])
        pins = {pin.name: pin for pin in _lock.parse(lock_text)}
        if plan.reinstall:
            self.install(_lock.render((pins[name] for name in plan.reinstall), "", ""), reinstall=True)
        if plan.install or plan.change:
            self.install(lock_text)

    def say_where(self, path: str) -> None:
        """Have the scripts name the path that the environment is about to get."""
        scripts = [os.path.join(self.path, "bin", name) for name in os.listdir(os.path.join(self.path, "bin"))]
        for name in [*scripts, os.path.join(self.path, "pyvenv.cfg")]:
            if os.path.islink(name) or not os.path.isfile(name):
                continue
            with open(name, "rb") as stream:
                data = stream.read()
            # By the last part alone: the prompt has no more of it.
            changed = data.replace(*(os.fsencode(os.path.basename(one)) for one in (self.path, path)))
            if changed != data:
                _files.write_atomic(name, changed, os.stat(name).st_mode & 0o777)

    def finish(self, lock_text: str) -> None:
        """Mark the environment as complete."""
        _files.write_atomic(os.path.join(self.path, _venv.LOCK_COPY), lock_text.encode())

    def empty(self) -> None:
        """Remove all but the mark of ownership, so that a killed run leaves it known as ours."""
        for name in os.listdir(self.path):
            if name == _venv.OWNER_FILE:
                continue
            entry = os.path.join(self.path, name)
            if os.path.isdir(entry) and not os.path.islink(entry):
                shutil.rmtree(entry)
            else:
                os.unlink(entry)

    def create(self) -> None:
        """Make the environment without pip."""
        name = self.module.params["python"]
        rc, output = run(self.module, [name, "-I", "-m", "venv", "--without-pip", self.path])
        if rc != 0:
            said = "%s. It needs the module venv of its standard library." % output.strip()[-300:]
            if _venv.explain(output)[0] == _venv.FULL:
                said = full(self.path)
            raise _venv.VenvError(
                "%s cannot make a virtual environment at %s: %s" % (name, self.path, said), rc=rc, pip_output=output
            )

    def install(self, lock_text: str, reinstall: bool = False) -> None:
        """Let pip install a lock."""
        with tempfile.NamedTemporaryFile("w", suffix=".txt", dir=self.folder, encoding="utf-8") as lock:
            lock.write(lock_text)
            lock.flush()
            self.pip(_venv.install_argv(self.python, self.pip_wheel, self.options, lock.name, reinstall))

    def pip(self, argv: t.List[str]) -> None:
        """Run pip, and turn a failure into an error that says why."""
        rc, output = run(self.module, argv)
        if rc == 0:
            return
        if "No matching distribution found" in output and "--no-index" not in argv:
            # pip takes a page that it did not get for one that is not there, and says so only when it tells all.
            unread = _pages.of_pip(run(self.module, argv + ["-vv"])[1])
            output += "".join("%s: %s\n" % one for one in sorted(unread.items()))
        output = _venv.redact(output, self.secrets)
        reason, lines, mend = _venv.explain(output, "--no-index" in argv)
        if reason == _venv.FULL:
            reason += ": " + _files.room(self.path)
        raise _venv.VenvError(
            "%s is not complete: %s. %s pip said: %s" % (self.path, reason, mend, " | ".join(lines)),
            rc=rc,
            pip_output=output,
        )


def present(module: AnsibleModule, secrets: t.Sequence[str]) -> t.Dict[str, t.Any]:
    """Make the environment hold what the lock says."""
    params = module.params
    if not params["index_url"] and not params["no_index"]:
        raise _venv.VenvError(
            "Neither index_url nor no_index is given. Name the index, or take everything from find_links."
        )
    pip_version = _venv.pip_wheel_version(os.path.basename(params["pip_wheel"]))
    if params["keep_former"] and not module.check_mode and not os.path.lexists(params["path"]):
        # A run was killed between taking the one away and putting the other in its place.
        _former.swap_back(params["path"])
    python = look_at_python(module, params["python"])
    found = look_at_path(module, params["path"])
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
        environment = Environment(module, secrets, pip_wheel, path)
        with environment.claim():
            environment.carry_out(plan, python, lock_text)
            check_result(module, path, python, pins, pip_version)
            if aside:
                environment.say_where(params["path"])
            environment.finish(lock_text)
        if aside:
            _former.swap_in(params["path"])
            # Later than any process that still began with the former one.
            os.utime(os.path.join(params["path"], _venv.LOCK_COPY))
    return result


def check_result(
    module: AnsibleModule, path: str, python: _venv.Python, pins: t.Sequence[_lock.Pin], pip_version: str
) -> None:
    """Raise VenvError unless the environment holds just what the lock says."""
    found = look_at_path(module, path)._replace(recorded=tuple(pins))
    left = _venv.plan(path, found, python, pins, pip_version)
    if left.changed:
        raise _venv.VenvError(
            "%s does not hold what the lock says although pip reported no error: %s. Remove it and run again."
            % (path, ", ".join(sorted({*left.install, *left.change, *left.remove})) or left.remake or "pip")
        )


def absent(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Remove the environment, if it is ours."""
    path = module.params["path"]
    found = look_at_path(module, path)
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
            "python": {"type": "path", "default": "/usr/bin/python3"},
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
    except _venv.VenvError as error:
        module.fail_json(msg=_venv.redact(str(error), secrets), **error.details)
    except _lock.LockError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        # The wheel of pip goes through the module's own folder.
        said = full(params["path"], module.tmpdir) if _files.is_full(error) else "%s." % error
        module.fail_json(msg="%s cannot be written: %s" % (params["path"], said))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
