# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch the files that the pool lacks, many at a time, and move them into the pool when all have arrived."""

from __future__ import annotations

import os
import shutil
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import move_into_place
from ansible_collections.airgap.python.plugins.module_utils._hashes import copy_hashed, sha256_file
from ansible_collections.airgap.python.plugins.module_utils._resolve import _pip_resolution, _resolve_error
from ansible_collections.airgap.python.plugins.module_utils._resolve._download_job import (
    RESOLUTIONS_AT_A_TIME,
    DownloadJob,
    run_parallel,
)
from ansible_collections.airgap.python.plugins.module_utils._resolve._engines import SHARED
from ansible_collections.airgap.python.plugins.module_utils._resolve._fetcher import Fetcher
from ansible_collections.airgap.python.plugins.module_utils._resolve._lock_folder import matching_files
from ansible_collections.airgap.python.plugins.module_utils._target import _target
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock


def link_or_copy(source: str, path: str, sha256: str) -> None:
    """Give a verified file a second name; copy it where that is on another file system."""
    try:
        os.link(source, path)
    except OSError:
        if copy_hashed(source, path) != sha256:
            raise AirgapError("%s changed while it was copied. Run again." % source) from None


class PoolFiller:
    """Fetches files into the scratch folder of a job, and moves them into its pool."""

    def __init__(self, job: DownloadJob) -> None:
        self.job = job
        self.fetcher: t.Optional[Fetcher] = None
        # The names of the files that came from the mirror.
        self.mirrored: t.Set[str] = set()

    def start(self) -> Fetcher:
        """Return the process that fetches; it is started once."""
        if self.fetcher is None:
            self.fetcher = Fetcher(self.job.pip, self.job.scratch, self.job.params["processes"])
        return self.fetcher

    def close(self) -> None:
        """End the process that fetches."""
        if self.fetcher:
            self.fetcher.close()

    def fill(self, wanted: t.Sequence[t.Tuple[_target.Target, _lock.Pin]]) -> None:
        """Fetch files, given as (target, pin), that neither a build nor the resolution has left on this host."""
        self.job.prepare_scratch()
        wanted = [one for one in wanted if not self.copy_built(one[1])]
        pins = [pin for dummy, pin in wanted]
        shared = os.path.join(self.job.scratch, SHARED, "files")
        found = self.take_mirrored(pins)
        found.update(matching_files((pin, os.path.join(shared, pin.filename)) for pin in pins if pin not in found))
        found.update(self.fetch([pin for pin in pins if pin not in found]))
        missing: t.Dict[_target.Target, t.List[_lock.Pin]] = {}
        for target, pin in wanted:
            if pin not in found:
                missing.setdefault(target, []).append(pin)
        for fetched in run_parallel(self.fetch_with_pip, missing.items(), RESOLUTIONS_AT_A_TIME):
            found.update(fetched)
        run_parallel(
            lambda one: move_into_place(one[1], self.job.pool_path(one[0].filename)),
            found.items(),
            self.job.params["processes"],
        )

    def copy_built(self, pin: _lock.Pin) -> bool:
        """Copy a built wheel into the pool; returns False for any other file."""
        if not pin.origin.startswith("built:"):
            return False
        for wheel in self.job.built:
            if wheel.sha256 == pin.sha256:
                path = os.path.join(self.job.scratch, pin.filename)
                shutil.copyfile(wheel.path, path)
                if sha256_file(path) != pin.sha256:
                    raise AirgapError("%s changed while it was copied. Run again." % wheel.path)
                move_into_place(path, self.job.pool_path(pin.filename))
                return True
        raise AirgapError(
            "%s is in a lock and not in the pool, and was built from %s, which is not among the built wheels. "
            "Name it under stage_build again, or remove the lock." % (pin.filename, pin.origin)
        )

    def take_mirrored(self, pins: t.Sequence[_lock.Pin]) -> t.Dict[_lock.Pin, str]:
        """Give the files that the mirror has a second name in the scratch folder, or copy them; return pin to path."""
        mirror = self.job.params["mirror"]
        if not mirror or not pins:
            return {}
        places: t.Dict[str, t.List[str]] = {}
        for folder, _folders, names in os.walk(mirror):
            for name in names:
                places.setdefault(name, []).append(os.path.join(folder, name))
        there = matching_files((pin, path) for pin in pins for path in places.get(pin.filename, ()))
        taken = os.path.join(self.job.scratch, "mirrored")
        os.mkdir(taken)
        found = {}
        for pin, source in there.items():
            found[pin] = os.path.join(taken, pin.filename)
            link_or_copy(source, found[pin], pin.sha256)
            self.mirrored.add(pin.filename)
        return found

    def fetch(self, pins: t.Sequence[_lock.Pin]) -> t.Dict[_lock.Pin, str]:
        """Fetch many files at a time; return pin to path of those that arrived with their SHA-256."""
        if not pins:
            return {}
        self.job.show_progress("fetching, 0 of %d files have arrived", len(pins))
        paths = self.start().fetch(
            [self.job.origins.url_of(pin) for pin in pins],
            lambda number: self.job.show_progress("fetching, %d of %d files have arrived", number, len(pins)),
        )
        return matching_files(zip(pins, paths))

    def fetch_with_pip(self, task: t.Tuple[_target.Target, t.List[_lock.Pin]]) -> t.Dict[_lock.Pin, str]:
        """Have pip itself fetch a target's files; its errors about one that it cannot get are the best."""
        target, pins = task
        self.job.show_progress("fetching %d files that did not arrive at first", len(pins))
        folder = os.path.join(self.job.scratch, "fetched-" + target.name)
        listing = folder + ".txt"
        with open(listing, "w", encoding="utf-8") as stream:
            for pin in pins:
                stream.write(_pip_resolution.fetch_line(pin._replace(origin=self.job.origins.url_of(pin))) + "\n")
        rc, out = self.job.pip.run_with_retries(_pip_resolution.fetch_arguments(target, listing, folder))
        if rc != 0:
            log = self.job.params["log"] or ""
            raise _resolve_error.ResolveError(
                _pip_resolution.why_unresolved(out, target, "the wheels cannot be fetched", log)
            )
        found = matching_files((pin, os.path.join(folder, pin.filename)) for pin in pins)
        for pin in pins:
            if pin not in found:
                raise _resolve_error.ResolveError("%s did not arrive with its SHA-256 %s." % (pin.filename, pin.sha256))
        return found
