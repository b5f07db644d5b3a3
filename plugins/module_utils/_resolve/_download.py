# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the locks of one set for its targets, and download the wheels that the pool lacks: plan first, then apply."""

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

ModuleResult = t.Dict[str, t.Any]


def run_module(module: AnsibleModule) -> ModuleResult:
    """Do what the module's options ask for, while no other process may change the pool."""
    params = module.params
    module.no_log_values.update(
        _secrets.passwords([params["index_url"], params["proxy"]] + params["extra_index_urls"] + params["requirements"])
    )
    module.no_log_values.update(_secrets.queries(params["requirements"]))
    if params["state"] == "present" and not params["requirements"] + params["requirements_files"]:
        raise AirgapError("There is nothing to download: give requirements or requirements_files.")
    targets, warnings = _target_parser.parse_all(
        {key: value for key, value in one.items() if value is not None} for one in params["targets"]
    )
    for warning in warnings:
        module.warn(warning)
    locks = LockFolder(params["lock_dest"], targets)
    with locked_folder(params["dest"], module.check_mode):
        if not module.check_mode:
            make_folder(params["lock_dest"])
            remove_scratch_folders(os.path.dirname(params["dest"].rstrip("/")))
        if params["state"] == "absent":
            return remove_locks(locks, params["dest"], module.check_mode)
        return download(DownloadJob(module, locks))


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
        return download_result(job, plan, changes)
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


def download_result(job: DownloadJob, plan: Plan, changes: t.Sequence[_target.Target]) -> ModuleResult:
    """Return the module's result."""
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
        "downloaded": sorted(fetched),
        "reused": sorted(set(plan.filenames) - fetched),
        "removed": [],
        "resolved": [target.name for target in plan.stale],
        "pip_version": job.pip.version,
        "engine": job.engine.name,
        "not_locked": plan.not_locked,
        "diff": [diff(job.locks.path(target), plan.before[target], plan.pins[target]) for target in changes],
    }


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
        "downloaded": [],
        "reused": [],
        "removed": sorted(candidates),
        "resolved": [],
        "pip_version": "",
        "engine": "",
        "not_locked": [],
        "diff": [{"before": "".join(one + "\n" for one in obsolete + sorted(candidates)), "after": ""}],
    }
