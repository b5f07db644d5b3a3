# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module locked_venv: a virtual environment that holds exactly what a lock says, or none."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _disk_space, _files, _rollback, _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _pip_commands, _venv, _venv_plan
from ansible_collections.airgap.python.plugins.module_utils._install._venv_inputs import (
    copy_pip_wheel,
    inspect_path,
    probe_python,
    read_lock,
    run,
)
from ansible_collections.airgap.python.plugins.module_utils._pip import _failure, _index_pages
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock, _wheel_name


class Environment(_venv.Environment):
    """The environment that the options of locked_venv describe; its packages may come from an index."""

    def __init__(
        self,
        module: AnsibleModule,
        params: t.Mapping[str, t.Any],
        secrets: t.Mapping[str, str],
        pip_wheel: str,
        path: str,
    ) -> None:
        options = _pip_commands.PipOptions(
            params["no_index"],
            tuple(params["find_links"]),
            params["cert"] or "",
            tuple(params["trusted_host"]),
            params["timeout"],
        )
        super().__init__(path, params["python"], pip_wheel, options, functools.partial(run, module), secrets)
        self.attempts = params["attempts"]

    def install_lock(self, lock_text: str, reinstall: bool = False) -> None:
        """Install a lock with pip, and again from the start if that fails: the host that it downloads from may have died."""
        for left in reversed(range(max(self.attempts, 1))):
            try:
                super().install_lock(lock_text, reinstall)
                return
            except AirgapError:
                if not left:
                    raise

    def unreadable_pages(self, argv: t.List[str], output: str) -> str:
        """Run pip again, verbosely: only then does it report pages that it could not read and treated as missing."""
        if self.options.no_index or not _failure.not_found(output):
            return ""
        pages = _index_pages.unread_by_pip(self.run(argv + ["-vv"])[1])
        return "".join("%s: %s\n" % one for one in sorted(pages.items()))


class Change(t.NamedTuple):
    """What an environment must become: ``plan`` is what is done, ``found`` what is there, ``python`` what creates it."""

    plan: _venv_plan.Plan
    found: _venv_plan.Found
    python: _venv_plan.Python
    lock_text: str


def ensure_present(module: AnsibleModule, secrets: t.Mapping[str, str]) -> t.Dict[str, t.Any]:
    """Make the environment hold exactly what the lock says."""
    params = module.params
    if not params["index_url"] and not params["no_index"]:
        raise AirgapError(
            "Neither index_url nor no_index is given. Set index_url, or set no_index to install from find_links only."
        )
    lock_text = read_lock(module)
    change = prepare(module, params, lock_text)
    if lock_text is None:
        module.warn("The lock %s does not exist yet, so it is not known which packages would change." % params["lock"])
        return {"path": params["path"], "python": _venv_plan.dotted(change.python.version), "changed": True}
    if change.plan.changed and not module.check_mode:
        apply(module, params, secrets, change)
    return result_of(params["path"], change.python, change.plan)


def prepare(module: AnsibleModule, params: t.Mapping[str, t.Any], lock_text: t.Optional[str]) -> Change:
    """Return what must be done so that the environment holds what a lock says; raises AirgapError where that cannot be."""
    path = params["path"]
    pip_version = _wheel_name.pip_version(os.path.basename(params["pip_wheel"]))
    if params["keep_former"] and not module.check_mode and not os.path.lexists(path):
        # A run was killed between the two renames of a replacement.
        _rollback.restore_venv(path)
    python = probe_python(module, params["python"])
    found = inspect_path(module, path)
    if lock_text is None:
        _venv_plan.check_owner(path, found)
        return Change(_venv_plan.Plan(), found, python, "")
    pins = _lock.parse_pins(lock_text, params["lock"] or "The lock")
    return Change(_venv_plan.plan(path, found, python, pins, pip_version), found, python, lock_text)


def result_of(path: str, python: _venv_plan.Python, plan: _venv_plan.Plan) -> t.Dict[str, t.Any]:
    """Return the module's result for a plan, whether it was carried out or not."""
    return {
        "path": path,
        "python": _venv_plan.dotted(python.version),
        "changed": plan.changed,
        "packages": dict(line.split("  ")[0].split("==") for line in plan.after),
        "actions": {
            "created": plan.create,
            "remade": plan.rebuild,
            "pip": plan.pip,
            "installed": list(plan.install),
            "changed": list(plan.change),
            "reinstalled": list(plan.reinstall),
            "removed": list(plan.remove),
        },
        "diff": {
            "before_header": path,
            "after_header": path,
            "before": "".join(line + "\n" for line in plan.before),
            "after": "".join(line + "\n" for line in plan.after),
        },
    }


def apply(module: AnsibleModule, params: t.Mapping[str, t.Any], secrets: t.Mapping[str, str], change: Change) -> None:
    """Carry out a change: in place, or in a new environment that then replaces the former one."""
    plan, python, lock_text = change.plan, change.python, change.lock_text
    pip_version = _wheel_name.pip_version(os.path.basename(params["pip_wheel"]))
    pins = _lock.parse_pins(lock_text, params["lock"] or "The lock")
    # No one else can change files in the module's own folder.
    with tempfile.TemporaryDirectory(dir=module.tmpdir, prefix=_files.TEMPORARY_PREFIX) as folder:
        pip_wheel = copy_pip_wheel(params["pip_wheel"], params["pip_wheel_sha256"], python, folder)
        aside = params["keep_former"] and change.found.recorded is not None
        path = params["path"] + _rollback.NEW if aside else params["path"]
        if aside:
            shutil.rmtree(path, ignore_errors=True)
            plan = _venv_plan.plan(path, _venv_plan.Found("absent"), python, pins, pip_version)
        environment = Environment(module, params, secrets, pip_wheel, path)
        with environment.locked():
            environment.apply(plan, python, lock_text)
            environment.verify(python, pins, pip_version)
            if aside:
                environment.rewrite_paths(params["path"])
            environment.mark_complete(lock_text)
        if aside:
            _rollback.replace_venv(params["path"])
            # Newer than any process that was started from the former one.
            os.utime(os.path.join(params["path"], _venv_plan.LOCK_COPY))


def ensure_absent(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Remove the environment, if this collection created it."""
    path = module.params["path"]
    found = inspect_path(module, path)
    _venv_plan.check_owner(path, found)
    exists = found.kind == "managed"
    if exists and not module.check_mode:
        shutil.rmtree(path)
        _rollback.discard_former_venv(path)
    return {
        "path": path,
        "changed": exists,
        "diff": {"before": "%s\n" % path if exists else "", "after": ""},
    }


def run_module(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Do what the module's options ask for, without the host's settings; errors hold no secrets."""
    params = module.params
    if not os.path.isabs(params["path"]):
        raise AirgapError("path is %r and must be absolute. Write it in full, beginning with /." % params["path"])
    params["path"] = os.path.normpath(params["path"])
    secrets = _secrets.masks(_secrets.passwords([params["index_url"]]))
    module.no_log_values.update(secrets)
    with clean_process(params["index_url"] or ""), explained(module, params["path"], secrets):
        return ensure_present(module, secrets) if params["state"] == "present" else ensure_absent(module)


@contextlib.contextmanager
def clean_process(index_url: str = "") -> t.Iterator[None]:
    """Run something without the host's settings of pip, and with a umask that lets everyone use what is created."""
    before = dict(os.environ)
    environment = _pip_commands.clean_environment(os.environ, index_url)
    os.environ.clear()
    os.environ.update(environment)
    # With root's strict umask, no one else could use the environment.
    umask = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(umask)
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def explained(module: AnsibleModule, path: str, secrets: t.Mapping[str, str]) -> t.Iterator[None]:
    """Raise errors of the work on an environment without secrets, and those of the system with the reason."""
    try:
        yield
    except AirgapError as error:
        raise AirgapError(*_secrets.hide(str(error), secrets).split("\n"), **error.details) from error
    except OSError as error:
        # The wheel of pip is copied to the module's own folder.
        reason = _venv.full_disk_message(path, module.tmpdir) if _disk_space.is_disk_full(error) else "%s." % error
        raise AirgapError("%s cannot be written: %s" % (path, reason)) from error
