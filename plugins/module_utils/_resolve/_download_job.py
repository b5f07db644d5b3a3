# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the steps of a download share: the options, the targets, pip, the requirements and the scratch folder."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import shutil
import tempfile
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import TEMPORARY_PREFIX
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_file
from ansible_collections.airgap.python.plugins.module_utils._pip._command import Pip, interpreter_path, log_text
from ansible_collections.airgap.python.plugins.module_utils._resolve import (
    _built_wheel,
    _inputs,
    _requirement,
    _requirements_file,
)
from ansible_collections.airgap.python.plugins.module_utils._resolve._engines import PipEngine, UvEngine
from ansible_collections.airgap.python.plugins.module_utils._resolve._lock_folder import LockFolder
from ansible_collections.airgap.python.plugins.module_utils._resolve._origins import Origins
from ansible_collections.airgap.python.plugins.module_utils._target import _target

# A warning names this many things of one kind; the log has all of them.
NAMES_SHOWN = 3
# Two cores finish two resolutions at a time; a larger machine has other work as well.
RESOLUTIONS_AT_A_TIME = 2

Engine = t.Union[PipEngine, UvEngine]
Item = t.TypeVar("Item")
Result = t.TypeVar("Result")


class DownloadJob:
    """One set that is downloaded for its targets, as the options of the module describe it."""

    def __init__(self, module: AnsibleModule, params: t.Mapping[str, t.Any], locks: LockFolder, pip: Pip) -> None:
        self.module = module
        self.params = params
        self.check_mode = module.check_mode
        self.locks = locks
        self.targets = locks.targets
        self.scratch = ""
        self.temporary = os.environ.get("TMPDIR")
        self.pip = pip
        self.engine = choose_engine(self.params, self.pip)
        parsed = parse_inputs(self.params)
        self.pip.found = parsed.secrets
        self.origins = Origins(parsed.requirements + parsed.constraints)
        self.built = read_built(self.params["built"])
        self.inputs = _inputs.Inputs(parsed, {one.name: (one.version, one.sha256) for one in self.built})
        self._packaging: t.Any = None

    @property
    def packaging(self) -> t.Any:
        """The library that reads requirements and markers, loaded when it is first needed."""
        if self._packaging is None:
            # Late: imports take most of the time of an unchanged run, which does not need it.
            from ansible_collections.airgap.python.plugins.module_utils._wheels import _packaging

            self._packaging = _packaging.load([self.pip.folder])
        return self._packaging

    def pool_path(self, filename: str) -> str:
        """Return the path of a file in the pool."""
        return os.path.join(self.params["dest"], filename)

    def prepare_scratch(self) -> None:
        """Create the scratch folder next to the pool, so that files enter the pool by a rename."""
        if self.scratch:
            return
        parent = os.path.dirname(self.params["dest"].rstrip("/"))
        if self.check_mode and not os.path.isdir(parent):
            parent = self.module.tmpdir
        self.scratch = tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=parent)
        # pip unpacks there, too: /tmp is often small, and on another disk.
        os.environ["TMPDIR"] = self.scratch

    def remove_scratch(self) -> None:
        """Remove the scratch folder."""
        if self.scratch:
            shutil.rmtree(self.scratch, ignore_errors=True)
            # The next set must not unpack in a folder that is removed.
            del os.environ["TMPDIR"]
            if self.temporary is not None:
                os.environ["TMPDIR"] = self.temporary

    def show_progress(self, text: str, *figures: t.Any) -> None:
        """Write a line about the current step to the progress file."""
        if self.params["progress"]:
            with contextlib.suppress(OSError), open(self.params["progress"], "w", encoding="utf-8") as stream:
                stream.write("%s: %s\n" % (os.path.basename(self.params["lock_dest"].rstrip("/")), text % figures))

    def warn(self, text: str) -> None:
        """Warn, naming the set if it is one of several."""
        self.module.warn("Set %s: %s" % (self.params["name"], text) if "name" in self.params else text)

    def warn_once(self, sentence: str, names: t.Sequence[str]) -> None:
        """Warn once of several things of one kind: the first few replace %s, and the log has all of them."""
        if not names:
            return
        listed = "; ".join(names[:NAMES_SHOWN])
        if len(names) > NAMES_SHOWN:
            log = self.params["log"]
            log_text(sentence % "\n  ".join([""] + list(names)) + "\n", log, self.pip.secrets())
            listed += " and %d more%s" % (len(names) - NAMES_SHOWN, ", listed in %s" % log if log else "")
        self.warn(sentence % listed)

    def applicable(
        self, lines: t.Iterable[_requirement.Line], targets: t.Sequence[_target.Target]
    ) -> t.List[_requirement.Line]:
        """Return those lines whose marker is true on any of the targets."""
        from ansible_collections.airgap.python.plugins.module_utils._wheels import _closure

        markers = [target.markers() for target in targets]
        return [line for line in lines if any(_closure.applies(self.packaging, line.text, one) for one in markers)]


def parse_inputs(params: t.Mapping[str, t.Any]) -> _requirements_file.Parsed:
    """Return the requirements and constraints of a set, which come as lines or from files; refuses options among them."""
    # Each line has the place that messages name as a comment.
    texts = {key: "\n".join(params[key]) for key in ("requirements_lines", "constraints_lines") if params.get(key)}
    parsed = _requirements_file.parse(
        params["requirements"],
        params["requirements_files"] + [key for key in ("requirements_lines",) if key in texts],
        params["constraints_files"] + [key for key in ("constraints_lines",) if key in texts],
        lambda path: texts[path] if path in texts else _requirements_file.read_file(path),
        os.environ,
    )
    _requirements_file.refuse_options(parsed)
    return parsed


def choose_engine(params: t.Mapping[str, t.Any], pip: Pip) -> Engine:
    """Return the engine that resolves."""
    if params["resolver"] == "pip":
        return PipEngine(pip)
    default = os.path.join(os.path.dirname(interpreter_path(params)), "uv")
    return UvEngine(pip, params["uv"] or default)


def read_built(records: t.Sequence[str]) -> t.List[_built_wheel.BuiltWheel]:
    """Return the built wheels of these records; each must have the SHA-256 in its record."""
    wheels = []
    for path in records:
        with open(path, encoding="utf-8") as stream:
            wheels.append(_built_wheel.parse_built_wheel(stream.read(), path))
    for wheel in wheels:
        if not os.path.isfile(wheel.path) or sha256_file(wheel.path) != wheel.sha256:
            raise AirgapError("%s is not the wheel that its record describes. Build it again." % wheel.path)
    return wheels


def run_parallel(work: t.Callable[[Item], Result], items: t.Iterable[Item], at_a_time: int) -> t.List[Result]:
    """Return work(item) for each item, running at most at_a_time at once; the first error cancels what has not started."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=at_a_time) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            raise
