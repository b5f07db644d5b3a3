# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolve a set for its targets, near the versions that their locks have, and explain what cannot be resolved."""

from __future__ import annotations

import os
import shutil
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._pip import _failure
from ansible_collections.airgap.python.plugins.module_utils._resolve import (
    _build_advice,
    _built_wheel,
    _lock_inputs,
    _no_wheel,
    _requirement,
    _requirement_checks,
    _resolve_error,
    _uv,
)
from ansible_collections.airgap.python.plugins.module_utils._resolve._download_job import (
    RESOLUTIONS_AT_A_TIME,
    DownloadJob,
    run_parallel,
)
from ansible_collections.airgap.python.plugins.module_utils._resolve._engines import PipEngine
from ansible_collections.airgap.python.plugins.module_utils._resolve._inputs import EngineInputs
from ansible_collections.airgap.python.plugins.module_utils._target import _target
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

Resolved = t.Tuple[t.List[_lock.Pin], t.List[str]]


def check_requirements(job: DownloadJob, targets: t.Sequence[_target.Target]) -> None:
    """Refuse lines that no engine can read or that need a file that is missing; warn of those that do not apply."""
    # Late: an unchanged run does without.
    from ansible_collections.airgap.python.plugins.module_utils._wheels import _closure

    job.inputs.check(job.packaging.requirement)
    roots = [line.text for line in job.inputs.requirements]
    for target in targets:
        out = _closure.excluded(job.packaging, roots, target.name, target.markers())
        job.warn_once(
            "target %s: %d of %d requirements do not apply there, because their markers are false: %%s."
            % (target.name, len(out), len(roots)),
            [job.inputs.label(one) for one in out],
        )
    requirements, constraints = job.inputs.requirements, job.inputs.constraints
    direct = job.applicable([line for line in requirements + constraints if line.url], targets)
    _requirement_checks.refuse_missing_files(direct, os.path.exists)
    errors = [
        _build_advice.set_refusal_message(line.where, *(_requirement.parse_reference(line.text) or ("", "")))
        for line in direct
        if line in requirements and not _build_advice.is_wheel(line.url)
    ]
    if errors:
        raise _resolve_error.ResolveError("\n".join(errors))


class Resolution:
    """Resolves one set with its engine."""

    def __init__(self, job: DownloadJob) -> None:
        self.job = job

    def resolve_all(
        self, targets: t.Sequence[_target.Target], previous: t.Mapping[_target.Target, t.Sequence[_lock.Pin]]
    ) -> t.Dict[_target.Target, t.List[_lock.Pin]]:
        """Return the pins of each target, near its previous ones; two targets are resolved at a time."""
        resolved: t.List[_target.Target] = []

        def work(target: _target.Target) -> Resolved:
            self.job.show_progress(
                "resolving for %s, %d of %d targets are resolved", target.name, len(resolved), len(targets)
            )
            result = self.resolve(target, previous[target])
            self.check_hashes(target, result[0])
            resolved.append(target)
            return result

        try:
            results = run_parallel(work, targets, RESOLUTIONS_AT_A_TIME)
        except _resolve_error.ResolveError as error:
            raise _resolve_error.ResolveError(self.full_message(error)) from error
        for _pins, warnings in results:
            for warning in warnings:
                self.job.warn(warning)
        return {target: pins for target, (pins, _warnings) in zip(targets, results)}

    def resolve(self, target: _target.Target, previous: t.Sequence[_lock.Pin]) -> Resolved:
        """Return the pins of a target and warnings; tries to hold all previous pins, then those that can stay, then none."""
        attempts = self.attempts(previous)
        for number, held in enumerate(attempts):
            folder = os.path.join(self.job.scratch, "%s-%d" % (target.name, number))
            os.mkdir(folder)
            inputs = self.write_inputs(target, folder, held)
            try:
                pins, warnings = self.job.engine.resolve(target, inputs, folder)
                pins = self.job.origins.without_secrets(pins, self.job.pip.found)
                return _built_wheel.with_build_origins(pins, self.job.built, target), warnings
            except (_resolve_error.UnreadError, _resolve_error.RefusedError):
                raise
            except _resolve_error.ResolveError:
                if number + 1 == len(attempts):
                    raise
        raise AssertionError("there is always a last attempt")

    def attempts(self, previous: t.Sequence[_lock.Pin]) -> t.List[t.List[_lock.Pin]]:
        """Return which pins to hold in each attempt, the most first."""
        upgrade = {_lock.normalize(name) for name in self.job.params["upgrade"]}
        # Of what is built, there is one version only.
        built = {wheel.name for wheel in self.job.built}
        held = [pin for pin in previous if pin.name not in upgrade | built]
        if not held:
            return [[]]
        if not upgrade:
            return [held, []]
        moving = _lock_inputs.affected_by_upgrade(upgrade, self.dependencies(previous))
        return [held, [pin for pin in held if pin.name not in moving], []]

    def dependencies(self, pins: t.Iterable[_lock.Pin]) -> t.Dict[str, t.Set[str]]:
        """Return, of those pins whose files are in the pool, project to the projects that it requires."""
        from ansible_collections.airgap.python.plugins.module_utils._wheels import _metadata

        requires = {}
        for pin in pins:
            path = self.job.pool_path(pin.filename)
            if os.path.isfile(path):
                try:
                    message = _metadata.parse(_metadata.read(path))
                    requires[pin.name] = _metadata.required_names(message)
                except AirgapError as error:
                    raise _resolve_error.ResolveError(str(error)) from error
        return requires

    def write_inputs(self, target: _target.Target, folder: str, held: t.Sequence[_lock.Pin] = ()) -> EngineInputs:
        """Write what an engine reads; the held pins become constraints."""
        folders, constraints = self.write_built(target, folder)
        requirements, own = self.job.inputs.write(folder)
        constraints += own
        if held:
            constraints.append(os.path.join(folder, "held.txt"))
            with open(constraints[-1], "w", encoding="utf-8") as stream:
                stream.writelines("%s==%s\n" % (pin.name, pin.version) for pin in held)
        return EngineInputs(requirements, constraints, folders + self.job.params["find_links"])

    def write_built(self, target: _target.Target, scratch: str) -> t.Tuple[t.List[str], t.List[str]]:
        """Copy the built wheels that fit a target; return their folder and the file that constrains their projects to them."""
        if not self.job.built:
            return [], []
        folder, listing = os.path.join(scratch, "built"), os.path.join(scratch, "built.txt")
        os.mkdir(folder)
        constraints = []
        for wheel in self.job.built:
            path = os.path.join(folder, wheel.filename)
            fits = not _built_wheel.misfit_reason(wheel.tags, wheel.host, target)
            if fits or wheel.is_own:
                shutil.copyfile(wheel.path, path)
            if wheel.is_own:
                constraints.append(_built_wheel.exact_constraint(wheel, path))
        with open(listing, "w", encoding="utf-8") as stream:
            stream.writelines(line + "\n" for line in constraints)
        return [folder], [listing]

    def check_hashes(self, target: _target.Target, pins: t.Iterable[_lock.Pin]) -> None:
        """Refuse files whose SHA-256 is not one that a line of the set requires."""
        sums = {pin.name: pin.sha256 for pin in pins}
        is_pip = isinstance(self.job.engine, PipEngine)
        for lines, is_checked in ((self.job.inputs.requirements, is_pip), (self.job.inputs.constraints, False)):
            hashed = self.job.applicable([line for line in lines if line.hashes], [target])
            _requirement_checks.refuse_other_hashes(hashed, sums, self.job.inputs.built, is_checked)

    def full_message(self, error: _resolve_error.ResolveError) -> str:
        """Return the message of an error with what is known about wheels that are missing, and the places of requirements."""
        if isinstance(error, _resolve_error.RefusedError):
            return self.refused_message(error)
        if isinstance(error, _resolve_error.UnreadError):
            return str(error)
        inputs, output = self.job.inputs, error.output or str(error)
        requirements = _failure.not_found(output)
        names = {_lock.project_of(one) for one in requirements} | _built_wheel.mentioned_projects(
            self.job.built, output
        )
        names -= set(_failure.refused_metadata(output))
        sentences = [_built_wheel.misfit_message(self.job.built, names, self.job.targets)]
        if names and not sentences[0]:
            folders = self.job.params["find_links"]
            sentences = [_no_wheel.missing_wheels_message(self.job.pip, output, self.job.targets, folders)]
        places = inputs.places(output)
        if requirements or _uv.stops_at_first(output):
            lacking = inputs.unmet_lines(self.unmet_requirements())
            if len(lacking) > 1:
                listed = ("%s on target %s" % (one, ", ".join(lacking[one])) for one in lacking)
                sentences.append("All lines that cannot be met: %s." % "; ".join(listed))
            places = [one for one in places if one not in lacking or len(lacking) < 2]
        if places:
            sentences.append("In the files: %s." % "; ".join(places))
        message = inputs.relocate(str(error), self.job.scratch)
        return " ".join(part for part in [message] + sentences if part)

    def refused_message(self, error: _resolve_error.RefusedError) -> str:
        """Return what to write in place of a requirement by URL, repository or folder."""
        if error.asker:
            return _build_advice.transitive_refusal_message(error.asker, error.name, error.reference)
        name = _lock.normalize(error.name)
        lines = self.job.inputs.requirements + self.job.inputs.constraints
        where = [line.where for line in lines if _lock.normalize(_lock.project_of(line.text)) == name]
        return _build_advice.set_refusal_message(" and ".join(where) or "The requirements", error.name, error.reference)

    def unmet_requirements(self) -> t.Dict[str, t.List[str]]:
        """Return, by the target's name, all requirements that no file of the index meets there."""
        engine = PipEngine(self.job.pip)

        def work(target: _target.Target) -> t.List[str]:
            folder = os.path.join(self.job.scratch, "look-" + target.name)
            os.mkdir(folder)
            return engine.unmet_requirements(target, self.write_inputs(target, folder), folder)

        names = (one.name for one in self.job.targets)
        return dict(zip(names, run_parallel(work, self.job.targets, RESOLUTIONS_AT_A_TIME)))
