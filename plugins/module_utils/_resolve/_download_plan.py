# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a download changes: the pins of each target, and the files that the pool lacks. It changes nothing itself."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import _built_wheel, _lock_inputs
from ansible_collections.airgap.python.plugins.module_utils._resolve._download_job import DownloadJob
from ansible_collections.airgap.python.plugins.module_utils._resolve._lock_folder import matching_files, read_pins
from ansible_collections.airgap.python.plugins.module_utils._resolve._origins import has_incomplete_origin
from ansible_collections.airgap.python.plugins.module_utils._resolve._resolution import Resolution, check_requirements
from ansible_collections.airgap.python.plugins.module_utils._target import _target
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock, _pool


class Plan(t.NamedTuple):
    """The pins of each target, and which of their files must be fetched.

    ``before`` are the present locks, ``digests`` those of the inputs of the new
    ones, ``stale`` the targets that were resolved. ``filenames`` has all files,
    ``wanted`` those that the pool lacks, ``damaged`` those that it has with
    other content. ``not_locked`` are the names to upgrade that no lock has.
    """

    before: t.Dict[_target.Target, t.Optional[_lock.Lock]]
    digests: t.Dict[_target.Target, str]
    stale: t.List[_target.Target]
    pins: t.Dict[_target.Target, t.List[_lock.Pin]]
    filenames: t.List[str]
    wanted: t.List[t.Tuple[_target.Target, _lock.Pin]]
    damaged: t.List[str]
    not_locked: t.List[str]


def make_plan(job: DownloadJob, before_resolving: t.Callable[[], None]) -> Plan:
    """Resolve the targets whose lock is missing or out of date, and find what the pool lacks.

    ``before_resolving`` is called if anything must be resolved.
    """
    digests = input_digests(job)
    before = {target: job.locks.read(target) for target in job.targets}
    upgrade, not_locked = names_to_upgrade(job, before)
    again = bool(job.params["refresh"] or upgrade)
    pins: t.Dict[_target.Target, t.List[_lock.Pin]] = {}
    for target, lock in before.items():
        if lock and not again and lock.inputs == digests[target] and not needs_new_link(job, lock):
            pins[target] = list(lock.pins)
    stale = [target for target in job.targets if target not in pins]
    if stale:
        check_requirements(job, stale)
        job.prepare_scratch()
        before_resolving()
        pins.update(
            Resolution(job).resolve_all(stale, {target: previous_pins(job, before[target]) for target in stale})
        )
    claims = [one for target in job.targets for one in _pool.claims(pins[target], job.locks.path(target))]
    check_names(job, claims)
    files: t.Dict[str, t.Tuple[_target.Target, _lock.Pin]] = {}
    for target in job.targets:
        for pin in pins[target]:
            files.setdefault(pin.filename, (target, pin))
    paths = {pin: job.pool_path(pin.filename) for dummy, pin in files.values()}
    present = matching_files(paths.items())
    damaged = [pin.filename for pin in paths if pin not in present and os.path.isfile(paths[pin])]
    wanted = [one for one in files.values() if one[1] not in present]
    if stale or wanted:
        check_other_locks(job, claims)
    job.warn_once("The pool had %s with other content than its lock names; it is fetched again.", damaged)
    return Plan(before, digests, stale, pins, list(files), wanted, damaged, not_locked)


def input_digests(job: DownloadJob) -> t.Dict[_target.Target, str]:
    """Return each target's digest of everything that its lock depends on."""
    return {
        target: _lock_inputs.digest_inputs(
            [" ".join((line.identity,) + line.hashes) for line in job.inputs.requirements],
            [" ".join((line.identity,) + line.hashes) for line in job.inputs.constraints],
            target,
            job.pip.settings,
            job.params["find_links"] + _built_wheel.digest_lines(job.built),
            job.engine.name,
        )
        for target in job.targets
    }


def names_to_upgrade(
    job: DownloadJob, before: t.Mapping[_target.Target, t.Optional[_lock.Lock]]
) -> t.Tuple[t.Set[str], t.List[str]]:
    """Return the normalized names to upgrade that some lock has, and those that none has."""
    names = {_lock.normalize(name) for name in job.params["upgrade"]}
    known = {pin.name for lock in before.values() if lock for pin in lock.pins}
    return names & known, sorted(names - known)


def needs_new_link(job: DownloadJob, lock: _lock.Lock) -> bool:
    """Return whether a file of a lock must be fetched again from a link whose query only the index knows."""
    return any(has_incomplete_origin(pin) and not os.path.isfile(job.pool_path(pin.filename)) for pin in lock.pins)


def previous_pins(job: DownloadJob, lock: t.Optional[_lock.Lock]) -> t.Sequence[_lock.Pin]:
    """Return the pins that a new resolution stays near: those of the lock, unless new versions are asked for."""
    return lock.pins if lock and not job.params["refresh"] else ()


def check_names(job: DownloadJob, claims: t.List[_pool.Claim]) -> None:
    """Refuse locks that give one file name two contents: among themselves, and with the base."""
    base = job.params["base"]
    inside: t.Iterable[_pool.Claim] = ()
    if base and os.path.isfile(base):
        # Late: most runs have no base, and the module that reads one takes long to import.
        from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _manifest

        inside = _manifest.parse_base(_folder.read_text(base), base).claims
    _pool.check(claims, inside)


def check_other_locks(job: DownloadJob, claims: t.List[_pool.Claim]) -> None:
    """Refuse locks that give a file name another content than locks of other sets do; a new build of the same source is a warning."""
    others = []
    for path in job.locks.other_locks(job.params["other_locks"]):
        # A lock that cannot be read is ignored; staging its set writes it again.
        with contextlib.suppress(AirgapError, UnicodeDecodeError, OSError):
            others += _pool.claims(read_pins(path), path)
    try:
        warnings = _pool.check_other_locks(claims, others)
    except AirgapError as error:
        if not job.check_mode:
            raise
        warnings = [str(error)]
    for warning in warnings:
        job.warn(warning)


def render_locks(job: DownloadJob, plan: Plan) -> t.Dict[_target.Target, str]:
    """Return the text of each target's lock."""
    roots = [line.public for line in job.inputs.requirements]
    return {target: _lock.render(plan.pins[target], target.name, plan.digests[target], roots) for target in job.targets}


def diff(path: str, before: t.Optional[_lock.Lock], after: t.Sequence[_lock.Pin]) -> t.Dict[str, str]:
    """Return the difference of a lock as versions, which people can read."""
    return {
        "before_header": path,
        "after_header": path,
        "before": _versions(before.pins if before else ()),
        "after": _versions(after),
    }


def _versions(pins: t.Iterable[_lock.Pin]) -> str:
    return "".join("%s==%s %s\n" % (pin.name, pin.version, pin.filename) for pin in sorted(pins))
