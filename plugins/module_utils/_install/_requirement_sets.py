# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module requirement_sets: all sets of a node, each as its lock says; or a former one; or none."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _files, _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._folder_lock import locked_folder
from ansible_collections.airgap.python.plugins.module_utils._install import (
    _index_file,
    _inspection,
    _locked_venv,
    _permissions,
    _program_links,
    _record,
    _set_decision,
    _set_folder,
    _set_history,
    _system_sets,
    _venv_inputs,
    _venv_plan,
)
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock, _wheel_name

# How many seconds to wait for another run that changes sets on this host.
PATIENCE = 30
# The bin folder that has links, so that they are removed when another one is chosen.
BIN_FOLDER = ".bin"
Result = t.Dict[str, t.Any]


class Job(t.NamedTuple):
    """What is done with one set."""

    folder: _set_folder.SetFolder
    decision: _set_decision.Decision
    state: _set_decision.State
    current: _inspection.Inspected
    python: _venv_plan.Python
    interpreter: str
    lock_text: str
    pins: t.Tuple[_lock.Pin, ...]
    pip: _lock.Pin
    is_plain: bool

    @property
    def changed(self) -> bool:
        """Return whether there is anything to do."""
        return bool(self.decision.action) or self.is_plain

    @property
    def needs_wheel(self) -> bool:
        """Return whether pip's wheel is needed: a copy has pip already."""
        action = self.decision.action
        return action == _set_decision.BUILD or (action == _set_decision.COPY and self.state.plan.pip)


class Sets:
    """The sets of a node, as the module's options describe them."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.params = module.params
        self.root: str = os.path.normpath(self.params["path"])
        self.secrets = _secrets.masks(_secrets.passwords([self.params["index_url"]]))
        self.permissions = _permissions.parse(
            self.params["owner"] or "", self.params["group"] or "", self.params["file_mode"] or ""
        )
        self.run = functools.partial(_venv_inputs.run, module)
        self.pythons: t.Dict[str, _venv_plan.Python] = {}
        self.wheels: t.Dict[str, str] = {}
        self.system = _system_sets.SystemSets(self.root, self.params, self.run)

    def python(self, path: str) -> _venv_plan.Python:
        """Return an interpreter, which is asked once."""
        if path not in self.pythons:
            self.pythons[path] = _venv_inputs.probe_python(self.module, path)
        return self.pythons[path]

    def interpreter(self, name: str) -> str:
        """Return the interpreter of a set."""
        found: str = self.params["pythons"].get(name) or self.params["python"]
        return found

    def prepare(self) -> t.List[Job]:
        """Return what is done with each set; raises AirgapError where that cannot be, before anything is changed."""
        jobs = []
        for name in self.params["sets"]:
            interpreter = self.interpreter(name)
            locks = self.locks(interpreter)
            if name not in locks.texts:
                raise AirgapError(
                    "There is no lock of the set %s for the target %s. Stage the set for this target, and transfer the bundle to "
                    "the index host." % (name, self.params["targets"].get(interpreter, ""))
                )
            if name in self.params["system"]:
                self.system.prepare(name, interpreter, self.python(interpreter), locks.texts[name], locks.pip)
            else:
                jobs.append(self.job(name, interpreter, locks))
        return jobs

    def locks(self, interpreter: str) -> _set_decision.Locks:
        """Return the locks for an interpreter."""
        return _set_decision.locks_of(self.params["locks"], self.params["targets"].get(interpreter, ""))

    def job(self, name: str, interpreter: str, locks: _set_decision.Locks) -> Job:
        """Return what is done with one set."""
        folder = _set_folder.SetFolder(self.root, name)
        python = self.python(interpreter)
        text = locks.texts[name]
        pins = tuple(_lock.parse_pins(text, "The lock of the set " + name))
        current = folder.inspect_current()
        plan = self.plan(folder, current, python, pins, locks.pip)
        state = _set_decision.State(plan, current.lock_text == text, current.others, self.has_permissions(folder))
        decision = _set_decision.decide(state, name in self.params["repair"])
        if decision.action in (_set_decision.COPY, _set_decision.BUILD) and name not in self.params["repair"]:
            state = state._replace(ready=self.ready(folder, python, text, locks.pip))
            if decision.action == _set_decision.COPY and not state.ready:
                state = state._replace(damage=tuple(_record.damage(self.current_path(folder))))
            decision = _set_decision.decide(state)
        return Job(folder, decision, state, current, python, interpreter, text, pins, locks.pip, folder.is_plain)

    def plan(
        self,
        folder: _set_folder.SetFolder,
        inspected: _inspection.Inspected,
        python: _venv_plan.Python,
        pins: t.Sequence[_lock.Pin],
        pip: _lock.Pin,
    ) -> _venv_plan.Plan:
        """Return what an environment lacks of a lock."""
        version = _wheel_name.pip_version(pip.filename)
        return _venv_plan.plan(folder.link, inspected.found, python, pins, version, self.params["mode"] == "exact")

    def current_path(self, folder: _set_folder.SetFolder) -> str:
        """Return the folder of the environment that serves."""
        one = folder.current()
        return folder.path(one) if one else folder.link

    def has_permissions(self, folder: _set_folder.SetFolder) -> bool:
        """Return whether the environment that serves has the owner, group and mode that it must have."""
        path = self.current_path(folder)
        return not os.path.isdir(path) or _permissions.fit(path, self.permissions)

    def ready(self, folder: _set_folder.SetFolder, python: _venv_plan.Python, lock_text: str, pip: _lock.Pin) -> str:
        """Return a kept environment that holds a lock already, with every file as it was installed; "" if there is none."""
        pins = _lock.parse_pins(lock_text)
        for one in reversed(folder.history()):
            if one == folder.current():
                continue
            inspected = _inspection.inspect(folder.path(one))
            if (
                inspected.lock_text == lock_text
                and not self.plan(folder, inspected, python, pins, pip).changed
                and _permissions.fit(folder.path(one), self.permissions)
                and not _record.damage(folder.path(one))
            ):
                return one
        return ""

    def present(self) -> Result:
        """Make every set what its lock says."""
        jobs = self.prepare()
        links = self.plan_links()
        if self.is_needed(jobs, links) and not self.module.check_mode:
            with self.locked():
                # Another run may have worked meanwhile.
                jobs = self.prepare()
                self.apply(jobs)
                links = self.update_links()
        for warning in [one for part in links.values() for one in part.warnings]:
            self.module.warn(warning)
        changed = self.is_needed(jobs, links)
        sets = [self.result_of(job) for job in jobs] + self.system.results()
        return {"changed": changed, "sets": sets, "diff": [one for job in jobs if job.changed for one in diff_of(job)]}

    def is_needed(self, jobs: t.Sequence[Job], links: t.Mapping[str, _program_links.Links]) -> bool:
        """Return whether there is anything to do."""
        return (
            any(job.changed or job.folder.surplus(self.params["keep"]) for job in jobs)
            or self.system.changed
            or any(one.changed for one in links.values())
            or os.path.isdir(os.path.join(self.root, _set_folder.FORMER_PIP))
        )

    @contextlib.contextmanager
    def locked(self) -> t.Iterator[None]:
        """Keep other runs out, and leave no empty folders of a run that failed."""
        folder = os.path.join(self.root, _set_folder.FOLDER)
        existed = os.path.isdir(self.root)
        try:
            with locked_folder(folder, False, PATIENCE):
                yield
        finally:
            for path in (folder, self.root) if not existed else (folder,):
                with contextlib.suppress(OSError):
                    os.rmdir(path)

    def apply(self, jobs: t.Sequence[Job]) -> None:
        """Do what was decided, one set after another."""
        with tempfile.TemporaryDirectory(dir=self.module.tmpdir, prefix=_files.TEMPORARY_PREFIX) as scratch:
            # Before anything is changed.
            for job in jobs:
                if job.needs_wheel:
                    self.wheel(job.pip, job.python, scratch)
            self.system.apply(lambda pip, python: self.wheel(pip, python, scratch), self.environment)
            for job in jobs:
                self.apply_one(job, scratch)
        shutil.rmtree(os.path.join(self.root, _set_folder.FORMER_PIP), ignore_errors=True)

    def wheel(self, pip: _lock.Pin, python: _venv_plan.Python, folder: str) -> str:
        """Return the wheel of pip, which is fetched once for a run into the module's own folder."""
        if pip.filename not in self.wheels:
            path = os.path.join(folder, pip.filename)
            options = {
                "index_url": self.params["index_url"],
                "project": "pip",
                "filename": pip.filename,
                "sha256": pip.sha256,
                "dest": path,
                "ca_path": self.params["cert"],
                "timeout": self.params["timeout"],
                "attempts": self.params["attempts"],
            }
            _index_file.fetch(options)
            self.wheels[pip.filename] = path
        _venv_inputs.check_pip_python(self.wheels[pip.filename], python)
        return self.wheels[pip.filename]

    def environment(self, path: str, interpreter: str, pip_wheel: str) -> _locked_venv.Environment:
        """Return the steps for an environment that is filled from the index."""
        options = dict(self.params, no_index=False, find_links=[], python=interpreter)
        return _locked_venv.Environment(self.module, options, self.secrets, pip_wheel, path)

    def apply_one(self, job: Job, scratch: str) -> None:
        """Do what was decided for one set."""
        folder, action = job.folder, job.decision.action
        if folder.is_plain:
            folder.adopt_plain(job.python.executable)
        if action == _set_decision.RECORD:
            path = os.path.join(self.current_path(folder), _venv_plan.LOCK_COPY)
            status = os.stat(path)
            _files.write_atomic(path, job.lock_text.encode("utf-8"), status.st_mode & 0o777)
            os.chown(path, status.st_uid, status.st_gid)
        elif action == _set_decision.SWITCH:
            folder.switch(job.state.ready)
        elif action:
            # What a killed run left takes space.
            for one in folder.surplus(self.params["keep"] + 1):
                folder.remove(one)
            folder.switch(self.build(job, self.wheel(job.pip, job.python, scratch) if job.needs_wheel else ""))
        for one in folder.surplus(self.params["keep"]):
            folder.remove(one)

    def build(self, job: Job, pip_wheel: str) -> str:
        """Build the environment of a set next to the one that serves; return its name."""
        folder = job.folder
        one = folder.new_id(job.lock_text, job.python.executable)
        path = folder.path(one)
        version = _wheel_name.pip_version(job.pip.filename)
        plan = job.state.plan
        try:
            _files.make_folder(folder.folder)
            if job.decision.action == _set_decision.COPY:
                folder.copy(folder.current(), one)
            else:
                plan = _venv_plan.plan(path, _venv_plan.Found("absent"), job.python, job.pins, version)
            environment = self.environment(path, job.interpreter, pip_wheel)
            environment.prompt = folder.name
            environment.is_exact = self.params["mode"] == "exact"
            if not pip_wheel:
                environment.use_installed_pip()
            with environment.locked():
                environment.apply(plan, job.python, job.lock_text)
                environment.verify(job.python, job.pins, version)
                environment.check_dependencies()
                _record.update(path, _set_folder.link_path(path, folder.link))
                environment.mark_complete(job.lock_text)
            _permissions.apply(path, self.permissions)
            self.restore_context(path)
            _set_folder.sync(path)
        except BaseException as error:
            with contextlib.suppress(OSError):
                folder.remove(one)
            folder.remove_empty()
            if isinstance(error, AirgapError):
                # The folder that the message names is removed by now.
                raise self.explained(error, folder, path) from error
            raise
        return one

    def explained(self, error: AirgapError, folder: _set_folder.SetFolder, path: str) -> AirgapError:
        """Return an error of a build with the name that users know, and what serves now."""
        message = str(error).replace(path, folder.link)
        if folder.current():
            message += " What was installed before still serves."
        return AirgapError(*message.split("\n"), **error.details)

    def restore_context(self, path: str) -> None:
        """Give files the SELinux context that the host's policy has for them."""
        if not self.module.selinux_enabled():
            return
        program = self.module.get_bin_path("restorecon")
        if program:
            rc, output = self.run([program, "-R", path])
            if rc != 0:
                self.module.warn(
                    "restorecon could not set the SELinux context of %s: %s" % (path, output.strip()[-300:])
                )

    def plan_links(self) -> t.Dict[str, _program_links.Links]:
        """Return what must change in the bin folder, and in one that was chosen before."""
        record = _files.read_if_exists(os.path.join(self.root, _set_folder.FOLDER, BIN_FOLDER)) or b""
        former, wanted = os.fsdecode(record).strip(), self.params["bin_dir"] or ""
        links = {}
        if former and former != wanted:
            links[former] = _program_links.plan(former, self.root, [])
        if wanted:
            links[wanted] = _program_links.plan(wanted, self.root, self.programs())
        return links

    def programs(self) -> t.List[t.Tuple[str, t.List[str]]]:
        """Return the programs of each set that is linked."""
        try:
            names = sorted(os.listdir(os.path.join(self.root, _set_folder.FOLDER)))
        except FileNotFoundError:
            names = []
        chosen = self.params["bin_sets"] or [name for name in names if not name.startswith(".")]
        found = []
        for name in chosen:
            folder = _set_folder.SetFolder(self.root, name)
            if folder.current():
                inspected = _inspection.inspect(folder.path(folder.current()))
                projects = {pin.name for pin in inspected.found.recorded or ()}
                found.append((name, _program_links.programs(folder.path(folder.current()), projects)))
        return found

    def update_links(self) -> t.Dict[str, _program_links.Links]:
        """Write and remove links in the bin folder; return what was done."""
        links = self.plan_links()
        for folder, one in links.items():
            _program_links.apply(folder, one)
        record = os.path.join(self.root, _set_folder.FOLDER, BIN_FOLDER)
        wanted = self.params["bin_dir"] or ""
        if wanted and os.path.isdir(os.path.dirname(record)):
            if _files.read_if_exists(record) != os.fsencode(wanted + "\n"):
                _files.write_atomic(record, os.fsencode(wanted + "\n"))
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(record)
        return links

    def result_of(self, job: Job) -> Result:
        """Return what was done with a set, or would be done in check mode."""
        action = job.decision.action or ("moved" if job.is_plain else "")
        return {
            "name": job.folder.name,
            "path": job.folder.link,
            "python": _venv_plan.dotted(job.python.version),
            "action": action,
            "reason": job.decision.reason,
            "changes": _set_decision.changes(versions(job.state.plan.before), versions(job.state.plan.after)),
        }

    def rollback(self) -> Result:
        """Let sets be served by their former environments."""
        steps = []
        for name in self.params["rollback"]:
            folder = _set_folder.SetFolder(self.root, name)
            current, history = folder.current(), folder.history()
            former = "" if _set_history.is_rolled_back(history, current) else _set_history.former(history, current)
            if not former and not _set_history.is_rolled_back(history, current):
                raise AirgapError(
                    "There is no former environment of the set %s in %s. install_keep says how many are kept, and a set has one "
                    "after its first change." % (name, folder.folder)
                )
            steps.append((folder, current, former))
        changes = [(folder, former) for folder, current, former in steps if former]
        for folder, former in changes:
            self.check_former(folder, former)
        if changes and not self.module.check_mode:
            with self.locked():
                for folder, former in changes:
                    folder.switch(former, is_new=False)
                self.update_links()
        results = []
        for folder, current, former in steps:
            after = _inspection.inspect(folder.path(former or current))
            before = _inspection.inspect(folder.path(current))
            results.append(
                {
                    "name": folder.name,
                    "path": folder.link,
                    "python": _venv_plan.dotted(after.found.python.version) if after.found.python else "",
                    "action": "rolled back" if former else "",
                    "reason": "" if former else "it was rolled back already",
                    "changes": _set_decision.changes(_by_name(before), _by_name(after)),
                }
            )
        return {"changed": bool(changes), "sets": results}

    def check_former(self, folder: _set_folder.SetFolder, former: str) -> None:
        """Raise AirgapError unless a former environment can serve."""
        inspected = _inspection.inspect(folder.path(former))
        damage = _set_decision.lacking(inspected.found) + _record.damage(folder.path(former))
        if inspected.found.python is None:
            damage.insert(0, "its Python is not on this host any more")
        if damage:
            raise AirgapError(
                "The former environment of the set %s cannot serve, and nothing was changed: %s. Publish the former bundle, and "
                "play nodes." % (folder.name, _set_decision.some(damage))
            )

    def absent(self) -> Result:
        """Remove sets, with all their environments."""
        folders = [_set_folder.SetFolder(self.root, name) for name in self.names_to_remove()]
        found = [one for one in folders if one.inspect_current().found.kind == "managed" or one.all() or one.current()]
        pip = os.path.join(self.root, _set_folder.FORMER_PIP)
        is_all = self.params["all"]
        changed = bool(found) or (is_all and os.path.isdir(pip))
        if changed and not self.module.check_mode:
            existed = os.path.isdir(os.path.join(self.root, _set_folder.FOLDER))
            with self.locked():
                for folder in found:
                    folder.remove_all()
                if existed:
                    self.update_links()
                if is_all:
                    shutil.rmtree(pip, ignore_errors=True)
                    self.remove_records()
        sets = [
            {"name": one.name, "path": one.link, "python": "", "action": "removed", "reason": "", "changes": []}
            for one in found
        ]
        return {"changed": changed, "sets": sets}

    def names_to_remove(self) -> t.List[str]:
        """Return the sets to remove: those that are named, or also all others that have environments."""
        names = list(self.params["sets"])
        with contextlib.suppress(FileNotFoundError):
            if self.params["all"]:
                others = sorted(os.listdir(os.path.join(self.root, _set_folder.FOLDER)))
                names += [name for name in others if not name.startswith(".") and name not in names]
        return names

    def remove_records(self) -> None:
        """Remove what is recorded about all sets, if none is left."""
        folder = os.path.join(self.root, _set_folder.FOLDER)
        with contextlib.suppress(FileNotFoundError):
            if all(name.startswith(".") for name in os.listdir(folder)):
                shutil.rmtree(folder)


def versions(lines: t.Iterable[str]) -> t.Dict[str, str]:
    """Return the projects in the lines of a plan, to versions."""
    return dict(line.split("  ")[0].split("==") for line in lines)


def _by_name(inspected: _inspection.Inspected) -> t.Dict[str, str]:
    return {_lock.normalize(name): version for name, version in inspected.found.installed}


def diff_of(job: Job) -> t.List[t.Dict[str, str]]:
    """Return the difference of a set's packages, as Ansible shows it."""
    before, after = ("".join(line + "\n" for line in lines) for lines in (job.state.plan.before, job.state.plan.after))
    if before == after:
        return []
    return [{"before_header": job.folder.link, "after_header": job.folder.link, "before": before, "after": after}]


def run_module(module: AnsibleModule) -> Result:
    """Do what the module's options ask for, without the host's settings; errors hold no secrets."""
    params = module.params
    if not os.path.isabs(params["path"]):
        raise AirgapError("path is %r and must be absolute. Write it in full, beginning with /." % params["path"])
    if params["keep"] < 1:
        raise AirgapError(
            "keep is %d, and the environment that serves is always kept. Set install_keep to 1 or more."
            % params["keep"]
        )
    sets = Sets(module)
    module.no_log_values.update(sets.secrets)
    with _locked_venv.clean_process(params["index_url"] or ""), _locked_venv.explained(module, sets.root, sets.secrets):
        if not params["compile"]:
            os.environ["PIP_COMPILE"] = "0"
        if params["state"] == "absent":
            return sets.absent()
        return sets.rollback() if params["rollback"] else sets.present()
