# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the locks of sets for their targets, and download the wheels that the pool lacks: for each set plan first, then apply."""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import (
    make_folder,
    read_if_exists,
    remove_scratch_folders,
    write_atomic,
)
from ansible_collections.airgap.python.plugins.module_utils._folder_lock import locked_folder
from ansible_collections.airgap.python.plugins.module_utils._pip._command import Pip, pip_for_module
from ansible_collections.airgap.python.plugins.module_utils._resolve import _lock_check, _resolve_error
from ansible_collections.airgap.python.plugins.module_utils._resolve._download_job import DownloadJob
from ansible_collections.airgap.python.plugins.module_utils._resolve._download_plan import (
    Plan,
    diff,
    make_plan,
    render_locks,
)
from ansible_collections.airgap.python.plugins.module_utils._resolve._lock_folder import LockFolder, read_pins
from ansible_collections.airgap.python.plugins.module_utils._resolve._pool_filler import PoolFiller
from ansible_collections.airgap.python.plugins.module_utils._target import _target, _target_parser
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

ModuleResult = t.Dict[str, t.Any]


def run_module(module: AnsibleModule) -> ModuleResult:
    """Do what the module's options ask for, while no other process may change the pool."""
    params = module.params
    sets = params["sets"] or []
    check_options(params)
    lines = params["requirements"] + [line for one in sets for line in one["requirements"] + one["requirements_lines"]]
    module.no_log_values.update(
        _secrets.passwords([params["index_url"], params["proxy"]] + params["extra_index_urls"] + lines)
    )
    module.no_log_values.update(_secrets.queries(lines))
    targets, warnings = _target_parser.parse_all(params["targets"])
    for warning in warnings:
        module.warn(warning)
    chosen = [(one["name"], set_params(params, sets[:number], one)) for number, one in enumerate(sets)]
    with locked_folder(params["dest"], module.check_mode):
        if not module.check_mode:
            make_folder(params["lock_dest"])
            remove_scratch_folders(os.path.dirname(params["dest"].rstrip("/")))
        if params["state"] == "absent":
            return remove_locks(LockFolder(params["lock_dest"], targets), params["dest"], module.check_mode)
        pip = pip_for_module(module)
        if not sets:
            return download(DownloadJob(module, params, LockFolder(params["lock_dest"], targets), pip))
        results = {
            name: download_set(module, name, one, [target for target in targets if target.name in one["targets"]], pip)
            for name, one in chosen
        }
    return joined(results)


def check_options(params: t.Mapping[str, t.Any]) -> None:
    """Raise AirgapError for options that do not go together, and for a set without requirements or with unknown targets."""
    sets = params["sets"] or []
    if sets and (
        params["state"] == "absent"
        or params["requirements"] + params["requirements_files"] + params["constraints_files"]
        or params["other_locks"] is not None
    ):
        raise AirgapError(
            "sets cannot be combined with requirements, requirements_files, constraints_files, other_locks or state absent."
        )
    known = [one["name"] for one in params["targets"]]
    for one in sets:
        unknown = sorted(set(one["targets"]) - set(known))
        if unknown:
            raise AirgapError("Set %s is for %s, which targets does not have." % (one["name"], ", ".join(unknown)))
        if not one["requirements"] + one["requirements_lines"]:
            raise AirgapError("Set %s has nothing to download: give requirements or requirements_lines." % one["name"])
    if not sets and params["state"] == "present" and not params["requirements"] + params["requirements_files"]:
        raise AirgapError("There is nothing to download: give requirements or requirements_files.")


def set_params(
    params: t.Mapping[str, t.Any], earlier: t.Sequence[t.Mapping[str, t.Any]], one: t.Mapping[str, t.Any]
) -> t.Dict[str, t.Any]:
    """Return the options of one of several sets; later sets are compared when it is their turn."""
    others = ["%s/%s" % (other["name"], target) for other in earlier for target in other["targets"]]
    return dict(params, **dict(one, lock_dest=os.path.join(params["lock_dest"], one["name"]), other_locks=others))


def download_set(
    module: AnsibleModule,
    name: str,
    params: t.Mapping[str, t.Any],
    targets: t.Sequence[_target.Target],
    pip: Pip,
) -> ModuleResult:
    """Download one of several sets; errors name it."""
    try:
        if not module.check_mode:
            make_folder(params["lock_dest"])
        return download(DownloadJob(module, params, LockFolder(params["lock_dest"], targets), pip))
    except AirgapError as error:
        raise AirgapError(*("Set %s: %s" % (name, error)).split("\n")) from error


def joined(results: t.Mapping[str, ModuleResult]) -> ModuleResult:
    """Return the results of several sets as one."""

    def names(key: str) -> t.List[str]:
        return sorted({one for result in results.values() for one in result[key]})

    downloaded, mirrored, not_locked = (
        names("downloaded"),
        names("mirrored"),
        [set(result["not_locked"]) for result in results.values()],
    )
    last = list(results.values())[-1]
    return {
        "changed": any(result["changed"] for result in results.values()),
        "targets": {
            "%s/%s" % (name, target): files
            for name, result in results.items()
            for target, files in result["targets"].items()
        },
        "files": unique_files(_lock.Pin(**one) for result in results.values() for one in result["files"]),
        "downloaded": downloaded,
        "mirrored": mirrored,
        "reused": sorted(set(names("reused")) - set(downloaded + mirrored)),
        "removed": [],
        "resolved": ["%s/%s" % (name, target) for name, result in results.items() for target in result["resolved"]],
        "pip_version": last["pip_version"],
        "engine": last["engine"],
        "not_locked": sorted(set.intersection(*not_locked)),
        "diff": [one for result in results.values() for one in result["diff"]],
    }


def download(job: DownloadJob) -> ModuleResult:
    """Plan, and apply the plan unless in check mode; return the result."""
    filler = PoolFiller(job)

    def start_early() -> None:
        # uv mostly waits for the index, which leaves time to import pip.
        if job.params["resolver"] == "uv" and not job.check_mode:
            filler.start()

    try:
        plan = make_plan(job, start_early)
        if not job.check_mode:
            if plan.wanted:
                filler.fill(plan.wanted)
            plan = with_sizes(job, plan)
        texts = render_locks(job, plan)
        changes = [one for one in job.targets if read_if_exists(job.locks.path(one)) != texts[one].encode("utf-8")]
        if job.check_mode:
            _lock_check.check_extras_unfetched(job)
        else:
            write_locks(job, plan, texts, changes)
        return download_result(job, plan, changes, filler.mirrored)
    finally:
        filler.close()
        job.remove_scratch()


def with_sizes(job: DownloadJob, plan: Plan) -> Plan:
    """Return a plan whose pins have the sizes of their files in the pool."""
    return plan._replace(
        pins={
            target: [pin._replace(size=os.path.getsize(job.pool_path(pin.filename))) for pin in plan.pins[target]]
            for target in plan.pins
        }
    )


def write_locks(
    job: DownloadJob, plan: Plan, texts: t.Mapping[_target.Target, str], changes: t.Sequence[_target.Target]
) -> None:
    """Write the locks that change; where one is not closed, remove the new files from the pool and write none."""
    if changes or plan.stale:
        try:
            _lock_check.check_closed(job, plan, changes)
        except _resolve_error.ResolveError:
            for name in {pin.filename for dummy, pin in plan.wanted} - set(plan.damaged):
                os.unlink(job.pool_path(name))
            raise
    for target in changes:
        write_atomic(job.locks.path(target), texts[target].encode("utf-8"))


def download_result(
    job: DownloadJob, plan: Plan, changes: t.Sequence[_target.Target], mirrored: t.AbstractSet[str]
) -> ModuleResult:
    """Return the module's result; ``mirrored`` are names of the files that came from the mirror."""
    fetched = {pin.filename for dummy, pin in plan.wanted}
    return {
        "changed": bool(plan.wanted or changes),
        "targets": {
            target.name: {
                "lock": job.locks.path(target),
                "files": [pin._asdict() for pin in plan.pins[target]],
            }
            for target in job.targets
        },
        "files": unique_files(pin for target in job.targets for pin in plan.pins[target]),
        "downloaded": sorted(fetched - mirrored),
        "mirrored": sorted(mirrored),
        "reused": sorted(set(plan.filenames) - fetched),
        "removed": [],
        "resolved": [target.name for target in plan.stale],
        "pip_version": job.pip.version,
        "engine": job.engine.name,
        "not_locked": plan.not_locked,
        "diff": [diff(job.locks.path(target), plan.before[target], plan.pins[target]) for target in changes],
    }


def unique_files(pins: t.Iterable[_lock.Pin]) -> t.List[t.Dict[str, t.Any]]:
    """Return files that several locks may name, each name once, as data."""
    return [pin._asdict() for dummy, pin in sorted({pin.filename: pin for pin in pins}.items())]


def remove_locks(locks: LockFolder, pool: str, check_mode: bool) -> ModuleResult:
    """Remove the targets' locks, and those of their files that no other lock names."""
    own = {locks.path(target): locks.read(target) for target in locks.targets}
    obsolete = [path for path in own if os.path.exists(path)]
    candidates = {pin.filename for lock in own.values() if lock for pin in lock.pins}
    for path in locks.other_locks(None):
        candidates -= {pin.filename for pin in read_pins(path)}
    candidates = {name for name in candidates if os.path.exists(os.path.join(pool, name))}
    if not check_mode:
        for path in obsolete + [os.path.join(pool, name) for name in sorted(candidates)]:
            os.unlink(path)
    return {
        "changed": bool(obsolete or candidates),
        "targets": {},
        "files": [],
        "downloaded": [],
        "mirrored": [],
        "reused": [],
        "removed": sorted(candidates),
        "resolved": [],
        "pip_version": "",
        "engine": "",
        "not_locked": [],
        "diff": [{"before": "".join(one + "\n" for one in obsolete + sorted(candidates)), "after": ""}],
    }
