# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the locks that are about to be written: each must be closed, and every extra must exist."""

from __future__ import annotations

import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import _pip_resolution, _resolve_error
from ansible_collections.airgap.python.plugins.module_utils._resolve._download_job import DownloadJob
from ansible_collections.airgap.python.plugins.module_utils._resolve._download_plan import Plan
from ansible_collections.airgap.python.plugins.module_utils._target import _target
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock


def check_closed(job: DownloadJob, plan: Plan, changes: t.Sequence[_target.Target]) -> None:
    """Raise ResolveError where a lock of these targets is not closed or a requirement names an unknown extra."""
    # Late: imports take most of the time of an unchanged run, which checks nothing.
    from ansible_collections.airgap.python.plugins.module_utils._wheels import (
        _closure,
        _closure_checker,
        _packaging,
        _pip_wheels,
    )

    folders = [job.pip.folder]
    folders += _pip_wheels.pip_wheels_of([pin for target in plan.pins for pin in plan.pins[target]], job.params["dest"])
    roots = [line.text for line in job.inputs.requirements]
    constraints = [line.text for line in job.inputs.constraints]
    failures, extras = [], []
    job.show_progress("checking the locks of %d targets", len(changes))
    try:
        # The SHA-256 of each file was compared when it was found or fetched.
        known = {pin.filename: pin for target in job.targets for pin in plan.pins[target]}
        checker = _closure_checker.ClosureChecker(_packaging.load(folders), job.params["dest"], known.values())
        for target in changes:
            closure = checker.check(plan.pins[target], roots, constraints, target)
            for one in closure.failures:
                asking = one.chain[-1][len("the requirement ") :] if one.chain else one.requirement
                failures.append(one._replace(message=job.inputs.place_in(one.message, asking)))
            job.warn_once("target %s: nothing asks for %%s, which pip chose." % target.name, closure.unused)
            extras += [(target, one) for one in closure.unknown_extras]
        if failures:
            raise AirgapError("No lock is written:", *_closure.describe_failures(failures).split("\n"))
        refuse_unknown_extras(job, extras)
        if job.params["resolver"] == "uv":
            warn_of_release_markers(
                job, {pin.filename: checker.head(pin) for target in plan.stale for pin in plan.pins[target]}
            )
    except AirgapError as error:
        raise _resolve_error.ResolveError(str(error)) from error


def check_extras_unfetched(job: DownloadJob) -> None:
    """Check the extras in check mode, without files to read, by what the engine reported."""
    from ansible_collections.airgap.python.plugins.module_utils._wheels import _closure

    found = []
    for target, extras in job.engine.unknown_extras.items():
        for name, version, extra, known in extras:
            asking = [
                line.text
                for line in job.inputs.requirements
                if _lock.project_of(line.text) == name and _pip_resolution.asks_for_extra(line.text, extra)
            ]
            for root in asking or [""]:
                message = _closure.unknown_extra(root or "A project", name, extra, version, known)
                found.append((target, _closure.UnknownExtra(root, message)))
    refuse_unknown_extras(job, found)


def refuse_unknown_extras(job: DownloadJob, extras: t.Iterable[t.Tuple[_target.Target, t.Any]]) -> None:
    """Raise ResolveError for the extras, as (target, unknown extra), that the set itself asks for; warn of all others once."""
    targets: t.Dict[t.Any, t.List[str]] = {}
    for target, one in extras:
        targets.setdefault(one, []).append(target.name)
    own = [one.message.replace(one.root, job.inputs.label(one.root), 1) for one in targets if one.root]
    if own:
        raise _resolve_error.ResolveError("%s Correct the requirement." % " ".join(own))
    job.warn_once("%s", ["%s (target %s)" % (one.message, ", ".join(targets[one])) for one in sorted(targets)])


def warn_of_release_markers(job: DownloadJob, metadata: t.Mapping[str, str]) -> None:
    """Warn, by file name to METADATA, where uv may differ from the target: it does not know the release of its system."""
    from ansible_collections.airgap.python.plugins.module_utils._wheels import _metadata

    asking = [name for name in sorted(metadata) if _metadata.depends_on_os_release(_metadata.parse(metadata[name]))]
    job.warn_once(
        "uv takes platform_release and platform_version as empty, and markers ask for them in %s. Use resolver: pip "
        "where that matters.",
        asking,
    )
