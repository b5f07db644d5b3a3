# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a virtual environment hold what a lock says, by the plan of _venv, or remove it."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _disk_space, _files, _former, _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _environment, _venv
from ansible_collections.airgap.python.plugins.module_utils._install._venv_look import (
    copy_pip_wheel,
    look_at_path,
    look_at_python,
    read_lock,
    run,
)
from ansible_collections.airgap.python.plugins.module_utils._pip import _failure, _index_pages
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock, _wheel_name


class Environment(_environment.Environment):
    """The environment that the module's options describe; its packages may come from an index."""

    def __init__(self, module: AnsibleModule, secrets: t.Mapping[str, str], pip_wheel: str, path: str) -> None:
        params = module.params
        options = _venv.PipOptions(
            params["no_index"],
            tuple(params["find_links"]),
            params["cert"] or "",
            tuple(params["trusted_host"]),
            params["timeout"],
        )
        super().__init__(path, params["python"], pip_wheel, options, functools.partial(run, module), secrets)

    def unread(self, argv: t.List[str], output: str) -> str:
        """Ask pip again where it took a page that it did not get for one that is not there: it says so only then."""
        if self.options.no_index or not _failure.not_found(output):
            return ""
        pages = _index_pages.of_pip(self.run(argv + ["-vv"])[1])
        return "".join("%s: %s\n" % one for one in sorted(pages.items()))


def present(module: AnsibleModule, secrets: t.Mapping[str, str]) -> t.Dict[str, t.Any]:
    """Make the environment hold what the lock says."""
    params = module.params
    if not params["index_url"] and not params["no_index"]:
        raise AirgapError(
            "Neither index_url nor no_index is given. Name the index, or take everything from find_links."
        )
    pip_version = _wheel_name.pip_version(os.path.basename(params["pip_wheel"]))
    if params["keep_former"] and not module.check_mode and not os.path.lexists(params["path"]):
        # A run was killed between taking the one away and putting the other in its place.
        _former.swap_back(params["path"])
    python = look_at_python(module, params["python"])
    found = look_at_path(module, params["path"])
    lock_text = read_lock(module)
    if lock_text is None:
        _venv.check_owner(params["path"], found)
        module.warn("The lock %s is not there yet, so nobody can say which packages would change." % params["lock"])
        return {"path": params["path"], "python": _venv.dotted(python.version), "changed": True}
    pins = _lock.parse_pins(lock_text, params["lock"] or "The lock")
    plan = _venv.plan(params["path"], found, python, pins, pip_version)
    if plan.changed and not module.check_mode:
        apply(module, secrets, plan, found, python, lock_text, pip_version)
    return result(params["path"], python, plan)


def result(path: str, python: _venv.Python, plan: _venv.Plan) -> t.Dict[str, t.Any]:
    """Return what the module says of a plan, whether it was carried out or not."""
    return {
        "path": path,
        "python": _venv.dotted(python.version),
        "changed": plan.changed,
        "packages": dict(line.split("  ")[0].split("==") for line in plan.after),
        "actions": {
            "created": plan.create,
            "remade": plan.remake,
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


def apply(
    module: AnsibleModule,
    secrets: t.Mapping[str, str],
    plan: _venv.Plan,
    found: _venv.Found,
    python: _venv.Python,
    lock_text: str,
    pip_version: str,
) -> None:
    """Carry a plan out: in place, or in a new environment that then takes the place of the former one."""
    params = module.params
    pins = _lock.parse_pins(lock_text, params["lock"] or "The lock")
    # The module's own folder: nobody else can change what lies there.
    with tempfile.TemporaryDirectory(dir=module.tmpdir, prefix=_files.TEMPORARY_PREFIX) as folder:
        pip_wheel = copy_pip_wheel(params["pip_wheel"], params["pip_wheel_sha256"], python, folder)
        aside = params["keep_former"] and found.recorded is not None
        path = params["path"] + _former.NEW if aside else params["path"]
        if aside:
            shutil.rmtree(path, ignore_errors=True)
            plan = _venv.plan(path, _venv.Found("absent"), python, pins, pip_version)
        environment = Environment(module, secrets, pip_wheel, path)
        with environment.claim():
            environment.apply(plan, python, lock_text)
            environment.verify(python, pins, pip_version)
            if aside:
                environment.rewrite_paths(params["path"])
            environment.mark_complete(lock_text)
        if aside:
            _former.swap_in(params["path"])
            # Later than any process that still began with the former one.
            os.utime(os.path.join(params["path"], _venv.LOCK_COPY))


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


def run_module(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Do what the module's options ask for, with nothing of the host's settings; raises AirgapError without secrets."""
    params = module.params
    if not os.path.isabs(params["path"]):
        raise AirgapError("path is %r and must be absolute. Write it from the root on." % params["path"])
    params["path"] = os.path.normpath(params["path"])
    secrets = _secrets.masks(_secrets.passwords([params["index_url"]]))
    module.no_log_values.update(secrets)
    environment = _venv.clean_environment(os.environ, params["index_url"] or "")
    os.environ.clear()
    os.environ.update(environment)
    # A strict umask of root's would make an environment that nobody else can use.
    os.umask(0o022)
    try:
        return present(module, secrets) if params["state"] == "present" else absent(module)
    except AirgapError as error:
        raise AirgapError(*_secrets.hide(str(error), secrets).split("\n"), **error.details) from error
    except OSError as error:
        # The wheel of pip goes through the module's own folder.
        said = (
            _environment.full_disk(params["path"], module.tmpdir) if _disk_space.is_disk_full(error) else "%s." % error
        )
        raise AirgapError("%s cannot be written: %s" % (params["path"], said)) from error
