# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The locks of one set for all its targets, and the wheels that the pool lacks."""

from __future__ import annotations

import concurrent.futures
import contextlib
import glob
import os
import shutil
import tempfile
import typing as t
import urllib.parse

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import (
    TEMPORARY_PREFIX,
    make_folder,
    move_into_place,
    read_if_exists,
    remove_scratch_folders,
    write_atomic,
)
from ansible_collections.airgap.python.plugins.module_utils._folder_lock import locked_folder
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_file, sha256_files
from ansible_collections.airgap.python.plugins.module_utils._pip import _failure, _resolve_error
from ansible_collections.airgap.python.plugins.module_utils._pip._command import interpreter, log_text, pip_of
from ansible_collections.airgap.python.plugins.module_utils._resolve import (
    _build_advice,
    _built_wheel,
    _inputs,
    _lock_inputs,
    _no_wheel,
    _pip_resolution,
    _requirement,
    _requirement_checks,
    _requirements_file,
    _uv,
)
from ansible_collections.airgap.python.plugins.module_utils._resolve._engines import SHARED, PipEngine, UvEngine
from ansible_collections.airgap.python.plugins.module_utils._resolve._fetcher import Fetcher
from ansible_collections.airgap.python.plugins.module_utils._target import _target, _target_parser
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock, _pool

# Two cores do no more than two resolutions at a time; a machine with more has better to do as well.
RESOLUTIONS_AT_A_TIME = 2
# So many things of a kind are named in a warning; the log has them all.
FEW = 3
Engine = t.Union[PipEngine, UvEngine]
Item = t.TypeVar("Item")
Answer = t.TypeVar("Answer")


class LockFolder:
    """The locks of a set, of a target each, and those of other sets beside it."""

    def __init__(self, folder: str, targets: t.Sequence[_target.Target]) -> None:
        self.folder = folder
        self.targets = targets

    def path(self, target: _target.Target) -> str:
        """Return where a target's lock is."""
        return os.path.join(self.folder, target.name + ".txt")

    def read(self, target: _target.Target) -> t.Optional[_lock.Lock]:
        """Return the lock that is there; one that is missing or cannot be read holds for nothing."""
        text = read_if_exists(self.path(target))
        try:
            return _lock.parse_lock(text.decode("utf-8"), self.path(target)) if text else None
        except (AirgapError, UnicodeDecodeError):
            return None

    def beside(self, names: t.Optional[t.Sequence[str]]) -> t.List[str]:
        """Return the path of each lock beside these: those of these names, FOLDER or FOLDER/TARGET, or all."""
        mine = {self.path(target) for target in self.targets}
        parent = os.path.dirname(self.folder.rstrip("/"))
        if names is None:
            names = [os.path.basename(os.path.dirname(path)) for path in glob.glob(glob.escape(parent) + "/*/")]
        paths = []
        for path in [os.path.join(parent, name) for name in sorted(names)]:
            paths += sorted(glob.glob(glob.escape(path) + "/*.txt")) if os.path.isdir(path) else [path + ".txt"]
        # A pipe would never end.
        return [path for path in paths if path not in mine and os.path.isfile(path)]


class Plan(t.NamedTuple):
    """What a run changes: the pins of each target, and which of their files are to be fetched.

    ``before`` are the locks that are there, ``digests`` what the new ones are
    of, ``stale`` the targets that were resolved. ``union`` names all files,
    ``wanted`` are those that the pool lacks.
    """

    before: t.Dict[_target.Target, t.Optional[_lock.Lock]]
    digests: t.Dict[_target.Target, str]
    stale: t.List[_target.Target]
    pins: t.Dict[_target.Target, t.List[_lock.Pin]]
    union: t.List[str]
    wanted: t.List[t.Tuple[_target.Target, _lock.Pin]]
    not_locked: t.List[str]


def run_module(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Do what the module's options ask for; nobody else changes the pool in the meantime."""
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
        download = Download(module, locks)
        try:
            return download.run()
        finally:
            download.close()


def remove_locks(locks: LockFolder, pool: str, check_mode: bool) -> t.Dict[str, t.Any]:
    """Remove the targets' locks, and the files that no other lock names."""
    mine = {locks.path(target): locks.read(target) for target in locks.targets}
    gone = [path for path in mine if os.path.exists(path)]
    candidates = {pin.filename for lock in mine.values() if lock for pin in lock.pins}
    for path in locks.beside(None):
        candidates -= {pin.filename for pin in pins_of(path)}
    candidates = {name for name in candidates if os.path.exists(os.path.join(pool, name))}
    if not check_mode:
        for path in gone + [os.path.join(pool, name) for name in sorted(candidates)]:
            os.unlink(path)
    return {
        "changed": bool(gone or candidates),
        "targets": {},
        "downloaded": [],
        "reused": [],
        "removed": sorted(candidates),
        "resolved": [],
        "pip_version": "",
        "engine": "",
        "not_locked": [],
        "diff": [{"before": "".join(one + "\n" for one in gone + sorted(candidates)), "after": ""}],
    }


class Download:
    """Plans the locks of all targets, then fetches what the pool lacks and writes the locks."""

    def __init__(self, module: AnsibleModule, locks: LockFolder) -> None:
        self.module = module
        self.params = module.params
        self.locks = locks
        self.targets = locks.targets
        self.fetcher: t.Optional[Fetcher] = None
        self.scratch = ""
        self.damaged: t.List[str] = []
        self.packaging: t.Any = None
        self.pip = pip_of(module)
        self.engine = self.choose_engine()
        parsed = _requirements_file.parse(
            self.params["requirements"],
            self.params["requirements_files"],
            self.params["constraints_files"],
            _requirements_file.read_file,
            os.environ,
        )
        _requirements_file.refuse_options(parsed)
        self.pip.found = parsed.secrets
        # The URLs behind origins, and those of files by their sums; only these may hold secrets, and are for requests alone.
        self.urls: t.Dict[str, str] = {}
        self.sources: t.Dict[str, str] = {}
        for line in parsed.requirements + parsed.constraints:
            written = _requirement.reference(line.public) if line.url else None
            if line.url and written:
                self.urls[written[1]] = line.url
        self.built = read_built(self.params["built"])
        self.inputs = _inputs.Inputs(parsed, {one.name: (one.version, one.sha256) for one in self.built})

    def close(self) -> None:
        """End what fetches, and leave no scratch behind."""
        if self.fetcher:
            self.fetcher.close()
        if self.scratch:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def show_progress(self, text: str, *figures: t.Any) -> None:
        """Keep a line of what is being done, for who looks."""
        if self.params["progress"]:
            with contextlib.suppress(OSError), open(self.params["progress"], "w", encoding="utf-8") as stream:
                stream.write("%s: %s\n" % (os.path.basename(self.params["lock_dest"].rstrip("/")), text % figures))

    def warn_once(self, sentence: str, names: t.Sequence[str]) -> None:
        """Warn once of several things of a kind: the first few are named in place of %s, all of them in the log."""
        if not names:
            return
        told = "; ".join(names[:FEW])
        if len(names) > FEW:
            log = self.params["log"]
            log_text(sentence % "\n  ".join([""] + list(names)) + "\n", log, self.pip.secrets())
            told += " and %d more%s" % (len(names) - FEW, ", which %s names" % log if log else "")
        self.module.warn(sentence % told)

    def offer_built(self, target: _target.Target, scratch: str) -> t.Tuple[t.List[str], t.List[str]]:
        """Lay out the built wheels that a target may use; return more folders and more constraints for its resolution."""
        if not self.built:
            return [], []
        folder, listing = os.path.join(scratch, "built"), os.path.join(scratch, "built.txt")
        os.mkdir(folder)
        constraints = []
        for wheel in self.built:
            path = os.path.join(folder, wheel.filename)
            fits = not _built_wheel.unfit(wheel.tags, wheel.host, target)
            if fits or wheel.is_own:
                shutil.copyfile(wheel.path, path)
            if wheel.is_own:
                constraints.append(_built_wheel.constraint(wheel, path))
        with open(listing, "w", encoding="utf-8") as stream:
            stream.writelines(line + "\n" for line in constraints)
        return [folder], [listing]

    def copy_built(self, pin: _lock.Pin) -> bool:
        """Copy a built wheel into the pool; say whether the file is one."""
        if not pin.origin.startswith("built:"):
            return False
        for wheel in self.built:
            if wheel.sha256 == pin.sha256:
                path = os.path.join(self.scratch, pin.filename)
                shutil.copyfile(wheel.path, path)
                if sha256_file(path) != pin.sha256:
                    raise AirgapError("%s changed while it was copied. Run again." % wheel.path)
                move_into_place(path, os.path.join(self.params["dest"], pin.filename))
                return True
        raise AirgapError(
            "%s is in a lock and not in the pool, and was built from %s, which is not among the built wheels. "
            "Name it under stage_build again, or remove the lock." % (pin.filename, pin.origin)
        )

    def full_message(self, error: _resolve_error.ResolveError) -> str:
        """Return an error's message, with what else is known where a wheel is missing."""
        if isinstance(error, _resolve_error.RefusedError):
            if error.asker:
                return _build_advice.told_transitive(error.asker, error.name, error.reference)
            name = _lock.normalize(error.name)
            lines = self.inputs.requirements + self.inputs.constraints
            where = [line.where for line in lines if _lock.normalize(_lock.project_of(line.text)) == name]
            return _build_advice.told_own(" and ".join(where) or "The requirements", error.name, error.reference)
        if isinstance(error, _resolve_error.UnreadError):
            return str(error)
        output = error.output or str(error)
        requirements = _failure.not_found(output)
        names = {_lock.project_of(one) for one in requirements} | _built_wheel.mentioned(self.built, output)
        names -= set(_failure.refused_metadata(output))
        said = [_built_wheel.told_unfit(self.built, names, self.targets)]
        if names and not said[0]:
            said = [_no_wheel.told_missing(self.pip, output, self.targets, self.params["find_links"])]
        places = self.inputs.places(output)
        if requirements or _uv.names_one_of_many(output):
            lacking = self.inputs.lacking(self.unmet_requirements())
            if len(lacking) > 1:
                told = ("%s on target %s" % (one, ", ".join(lacking[one])) for one in lacking)
                said.append("All lines that cannot be had: %s." % "; ".join(told))
            places = [one for one in places if one not in lacking or len(lacking) < 2]
        if places:
            said.append("In the files: %s." % "; ".join(places))
        message = self.inputs.relocate(str(error), self.scratch)
        return " ".join(part for part in [message] + said if part)

    def unmet_requirements(self) -> t.Dict[str, t.List[str]]:
        """Return, of each target's name, all the requirements that no file of the index meets there."""
        engine = PipEngine(self.pip)

        def work(target: _target.Target) -> t.List[str]:
            folder = os.path.join(self.scratch, "look-" + target.name)
            os.mkdir(folder)
            return engine.unmet_requirements(target, *self.offer(target, folder), folder)

        return dict(zip((one.name for one in self.targets), side_by_side(work, self.targets, RESOLUTIONS_AT_A_TIME)))

    def offer(self, target: _target.Target, folder: str) -> t.Tuple[t.List[str], t.List[str], t.List[str]]:
        """Return what there is for a target's resolution: files of requirements and of constraints, folders with wheels."""
        folders, constraints = self.offer_built(target, folder)
        requirements, own = self.inputs.write(folder)
        return requirements, constraints + own, folders + self.params["find_links"]

    def resolve(self, target: _target.Target, keep: t.Sequence[_lock.Pin]) -> t.Tuple[t.List[_lock.Pin], t.List[str]]:
        """Ask the engine for a target's pins, near those to keep: all of them, then what can stay, then none."""
        attempts = self.attempts(keep)
        for number, kept in enumerate(attempts):
            folder = os.path.join(self.scratch, "%s-%d" % (target.name, number))
            os.mkdir(folder)
            requirements, constraints, folders = self.offer(target, folder)
            if kept:
                constraints.append(os.path.join(folder, "kept.txt"))
                with open(constraints[-1], "w", encoding="utf-8") as stream:
                    stream.writelines("%s==%s\n" % (pin.name, pin.version) for pin in kept)
            try:
                pins, warnings = self.engine.resolve(target, requirements, constraints, folders, folder)
                return _built_wheel.claim(self.without_secrets(pins), self.built, target), warnings
            except (_resolve_error.UnreadError, _resolve_error.RefusedError):
                raise
            except _resolve_error.ResolveError:
                if number + 1 == len(attempts):
                    raise
        raise AssertionError("there is always a last attempt")

    def without_secrets(self, pins: t.Iterable[_lock.Pin]) -> t.List[_lock.Pin]:
        """Return pins with origins that may leave this host; where these come from is kept here."""
        written = {_secrets.public(url).partition("#")[0]: origin for origin, url in self.urls.items()}
        kept = []
        for pin in pins:
            plain = _secrets.public(pin.origin)
            origin = written.get(plain.partition("#")[0])
            if origin is None:
                origin = _secrets.hide(plain, self.pip.found)
                # Says that the index gave the link a query, without which the file may not be had.
                origin += "?" if urllib.parse.urlsplit(pin.origin).query else ""
            self.sources[pin.sha256] = pin.origin
            kept.append(pin._replace(origin=origin))
        return kept

    def lost_address(self, lock: _lock.Lock) -> bool:
        """Say whether a file of a lock is to be fetched again from a link whose query only the index knows."""
        return any(
            pin.origin.endswith("?") and not os.path.isfile(os.path.join(self.params["dest"], pin.filename))
            for pin in lock.pins
        )

    def url_of(self, pin: _lock.Pin) -> str:
        """Return where to ask for a file."""
        return self.sources.get(pin.sha256) or self.urls.get(pin.origin, pin.origin)

    def attempts(self, keep: t.Sequence[_lock.Pin]) -> t.List[t.List[_lock.Pin]]:
        """Return what to hold on to in each attempt at a resolution, the most first."""
        names = {_lock.normalize(name) for name in self.params["upgrade"]}
        # What is built is there in one version only.
        built = {wheel.name for wheel in self.built}
        held = [pin for pin in keep if pin.name not in names | built]
        if not held:
            return [[]]
        if not names:
            return [held, []]
        from ansible_collections.airgap.python.plugins.module_utils._wheels import _metadata

        requires = {}
        for pin in keep:
            path = os.path.join(self.params["dest"], pin.filename)
            if os.path.isfile(path):
                try:
                    message = _metadata.parse(_metadata.read(path))
                    requires[pin.name] = _metadata.required_names(message)
                except AirgapError as error:
                    raise _resolve_error.ResolveError(str(error)) from error
        moving = _lock_inputs.neighbours(names, requires)
        return [held, [pin for pin in held if pin.name not in moving], []]

    def fetch(self, wanted: t.List[t.Tuple[_target.Target, _lock.Pin]]) -> None:
        """Fetch files, given as (target, pin), into the scratch folder, and into the pool when all have arrived.

        What resolving has downloaded is not asked for again.
        """
        wanted = [one for one in wanted if not self.copy_built(one[1])]
        pins = [pin for dummy, pin in wanted]
        shared = os.path.join(self.scratch, SHARED, "files")
        found = with_content((pin, os.path.join(shared, pin.filename)) for pin in pins)
        pins = [pin for pin in pins if pin not in found]
        if pins:
            fetcher = self.start_fetcher()
            self.show_progress("fetching, 0 of %d files are here", len(pins))
            paths = fetcher.fetch(
                [self.url_of(pin) for pin in pins],
                lambda number: self.show_progress("fetching, %d of %d files are here", number, len(pins)),
            )
            found.update(with_content(zip(pins, paths)))
        left: t.Dict[_target.Target, t.List[_lock.Pin]] = {}
        for target, pin in wanted:
            if pin not in found:
                left.setdefault(target, []).append(pin)
        for done in side_by_side(self.fetch_plainly, left.items(), RESOLUTIONS_AT_A_TIME):
            found.update(done)
        side_by_side(
            lambda one: move_into_place(one[1], os.path.join(self.params["dest"], one[0].filename)),
            found.items(),
            self.params["processes"],
        )

    def fetch_plainly(self, job: t.Tuple[_target.Target, t.List[_lock.Pin]]) -> t.Dict[_lock.Pin, str]:
        """Have pip itself fetch a target's files, which knows best what to say of one that it cannot get."""
        target, pins = job
        self.show_progress("fetching %d files that did not arrive at once", len(pins))
        folder = os.path.join(self.scratch, "fetched-" + target.name)
        listing = folder + ".txt"
        with open(listing, "w", encoding="utf-8") as stream:
            for pin in pins:
                stream.write(_pip_resolution.fetch_line(pin._replace(origin=self.url_of(pin))) + "\n")
        rc, out = self.pip.run_patiently(_pip_resolution.fetch_arguments(target, listing, folder))
        if rc != 0:
            said = _pip_resolution.why_unresolved(out, target, "the wheels cannot be fetched", self.params["log"] or "")
            raise _resolve_error.ResolveError(said)
        found = with_content((pin, os.path.join(folder, pin.filename)) for pin in pins)
        for pin in pins:
            if pin not in found:
                raise _resolve_error.ResolveError("%s did not arrive with its sha256 %s." % (pin.filename, pin.sha256))
        return found

    def start_fetcher(self) -> Fetcher:
        """Return what fetches; it is started unless it waits already."""
        if self.fetcher is None:
            self.fetcher = Fetcher(self.pip, self.scratch, self.params["processes"])
        return self.fetcher

    def prove(self, changes: t.Sequence[_target.Target], plan: Plan) -> None:
        """Prove the locks that are to be written; where one is not closed, take the new files out of the pool and fail."""
        if not changes and not plan.stale:
            return
        # Late, because an unchanged run, most of whose time are imports, proves nothing.
        from ansible_collections.airgap.python.plugins.module_utils._wheels import (
            _closure,
            _closure_checker,
            _packaging,
            _pip_wheels,
        )

        places = [self.pip.folder]
        places += _pip_wheels.pip_wheels_of(
            [pin for target in plan.pins for pin in plan.pins[target]], self.params["dest"]
        )
        roots = [line.text for line in self.inputs.requirements]
        constraints = [line.text for line in self.inputs.constraints]
        failures, extras = [], []
        self.show_progress("proving the locks of %d targets", len(changes))
        try:
            # Each file was compared with its sum when it was found here or fetched.
            known = {pin.filename: pin for target in self.targets for pin in plan.pins[target]}
            checker = _closure_checker.ClosureChecker(_packaging.load(places), self.params["dest"], known.values())
            for target in changes:
                proof = checker.check(plan.pins[target], roots, constraints, target)
                for one in proof.failures:
                    asking = one.chain[-1][len("the requirement ") :] if one.chain else one.requirement
                    failures.append(one._replace(message=self.inputs.place_in(one.message, asking)))
                self.warn_once("target %s: nothing asks for %%s, which pip chose." % target.name, proof.unused)
                extras += [(target, one) for one in proof.unknown_extras]
            if failures:
                raise AirgapError("No lock is written:", *_closure.describe_failures(failures).split("\n"))
            self.judge_extras(extras)
            if self.params["resolver"] == "uv":
                self.warn_of_uv({pin.filename: checker.head(pin) for target in plan.stale for pin in plan.pins[target]})
        except AirgapError as error:
            for name in {pin.filename for dummy, pin in plan.wanted} - set(self.damaged):
                os.unlink(os.path.join(self.params["dest"], name))
            raise _resolve_error.ResolveError(str(error)) from error

    def judge_extras(self, extras: t.Iterable[t.Tuple[_target.Target, t.Any]]) -> None:
        """Fail for the extras, as (target, unknown extra), that a requirement of the set asks for; warn of all others once."""
        told: t.Dict[t.Any, t.List[str]] = {}
        for target, one in extras:
            told.setdefault(one, []).append(target.name)
        own = [one.message.replace(one.root, self.inputs.label(one.root), 1) for one in told if one.root]
        if own:
            raise _resolve_error.ResolveError("%s Correct the requirement." % " ".join(own))
        self.warn_once("%s", ["%s (target %s)" % (one.message, ", ".join(told[one])) for one in sorted(told)])

    def judge_extras_unproved(self) -> None:
        """Do so in check mode, where there are no files to prove: by what the engine says."""
        from ansible_collections.airgap.python.plugins.module_utils._wheels import _closure

        found = []
        for target, extras in self.engine.unknown_extras.items():
            for name, version, extra, known in extras:
                asking = [
                    line.text
                    for line in self.inputs.requirements
                    if _lock.project_of(line.text) == name and _pip_resolution.asks_for_extra(line.text, extra)
                ]
                for root in asking or [""]:
                    message = _closure.unknown_extra(root or "A project", name, extra, version, known)
                    found.append((target, _closure.UnknownExtra(root, message)))
        self.judge_extras(found)

    def digests(self) -> t.Dict[_target.Target, str]:
        """Return each target's digest of all that its lock depends on."""
        return {
            target: _lock_inputs.digest_inputs(
                [" ".join((line.identity,) + line.hashes) for line in self.inputs.requirements],
                [" ".join((line.identity,) + line.hashes) for line in self.inputs.constraints],
                target,
                self.pip.settings,
                self.params["find_links"] + _built_wheel.digest_lines(self.built),
                self.engine.name,
            )
            for target in self.targets
        }

    def run(self) -> t.Dict[str, t.Any]:
        """Plan, and carry the plan out unless in check mode; return the result."""
        plan = self.make_plan()
        if not self.module.check_mode:
            plan = self.fetch_wanted(plan)
        texts = self.render(plan)
        changes = [one for one in self.targets if read_if_exists(self.locks.path(one)) != texts[one].encode("utf-8")]
        if self.module.check_mode:
            self.judge_extras_unproved()
        else:
            self.prove(changes, plan)
            for target in changes:
                write_atomic(self.locks.path(target), texts[target].encode("utf-8"))
        return self.result(plan, changes)

    def make_plan(self) -> Plan:
        """Resolve what has no lock that holds, and find what the pool lacks."""
        digests = self.digests()
        before = {target: self.locks.read(target) for target in self.targets}
        upgrade, not_locked = self.to_upgrade(before)
        again = bool(self.params["refresh"] or upgrade)
        pins: t.Dict[_target.Target, t.List[_lock.Pin]] = {}
        for target, lock in before.items():
            if lock and not again and lock.inputs == digests[target] and not self.lost_address(lock):
                pins[target] = list(lock.pins)
        stale = [target for target in self.targets if target not in pins]
        if stale:
            self.check_inputs(stale)
            self.refuse_places(stale)
            self.prepare_scratch()
            if self.params["resolver"] == "uv" and not self.module.check_mode:
                # uv mostly waits for the index: there is time to import pip.
                self.start_fetcher()
            pins.update(self.resolve_all(stale, {target: self.pins_to_keep(before[target]) for target in stale}))
        claims = [one for target in self.targets for one in _pool.claims(pins[target], self.locks.path(target))]
        self.check_names(claims)
        union: t.Dict[str, t.Tuple[_target.Target, _lock.Pin]] = {}
        for target in self.targets:
            for pin in pins[target]:
                union.setdefault(pin.filename, (target, pin))
        places = {pin: os.path.join(self.params["dest"], pin.filename) for dummy, pin in union.values()}
        here = with_content(places.items())
        self.damaged = [pin.filename for pin in places if pin not in here and os.path.isfile(places[pin])]
        wanted = [one for one in union.values() if one[1] not in here]
        if stale or wanted:
            self.check_beside(claims)
        self.warn_once("In the pool, %s had not the content that its lock names; it is fetched again.", self.damaged)
        return Plan(before, digests, stale, pins, list(union), wanted, not_locked)

    def pins_to_keep(self, lock: t.Optional[_lock.Lock]) -> t.Sequence[_lock.Pin]:
        """Return what a new resolution stays near to: the pins of the lock, unless new versions are asked for."""
        return lock.pins if lock and not self.params["refresh"] else ()

    def fetch_wanted(self, plan: Plan) -> Plan:
        """Fetch what the pool lacks; return the plan with the sizes of all files."""
        if plan.wanted:
            self.prepare_scratch()
            self.fetch(plan.wanted)
        return plan._replace(pins={target: [self.with_size(pin) for pin in plan.pins[target]] for target in plan.pins})

    def render(self, plan: Plan) -> t.Dict[_target.Target, str]:
        """Return the text of each target's lock."""
        roots = [line.public for line in self.inputs.requirements]
        return {
            target: _lock.render(plan.pins[target], target.name, plan.digests[target], roots) for target in self.targets
        }

    def result(self, plan: Plan, changes: t.Sequence[_target.Target]) -> t.Dict[str, t.Any]:
        """Return the module's result."""
        names = {pin.filename for dummy, pin in plan.wanted}
        return {
            "changed": bool(plan.wanted or changes),
            "targets": {
                target.name: {
                    "lock": self.locks.path(target),
                    "files": [pin._asdict() for pin in plan.pins[target]],
                }
                for target in self.targets
            },
            "downloaded": sorted(names),
            "reused": sorted(set(plan.union) - names),
            "removed": [],
            "resolved": [target.name for target in plan.stale],
            "pip_version": self.pip.version,
            "engine": self.engine.name,
            "not_locked": plan.not_locked,
            "diff": [self.diff(target, plan.before[target], plan.pins[target]) for target in changes],
        }

    def refuse_places(self, targets: t.Sequence[_target.Target]) -> None:
        """Refuse what these targets would need of files that are not here, or something built; before an engine sees it."""
        requirements, constraints = self.inputs.requirements, self.inputs.constraints
        direct = self.counting([line for line in requirements + constraints if line.url], targets)
        _requirement_checks.refuse_missing_files(direct, os.path.exists)
        errors = [
            _build_advice.told_own(line.where, *(_requirement.reference(line.text) or ("", "")))
            for line in direct
            if line in requirements and not _build_advice.is_wheel(line.url)
        ]
        if errors:
            raise _resolve_error.ResolveError("\n".join(errors))

    def check_names(self, claims: t.List[_pool.Claim]) -> None:
        """Refuse locks that give one name two contents: among themselves, and with the base."""
        base = self.params["base"]
        inside: t.Iterable[_pool.Claim] = ()
        if base and os.path.isfile(base):
            # Late, because most runs have no base, and what reads one takes long to import.
            from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _manifest

            inside = _manifest.parse_base(_folder.read_text(base), base).claims
        _pool.check(claims, inside)

    def check_beside(self, claims: t.List[_pool.Claim]) -> None:
        """Refuse locks that give a name another content than locks beside them; one that a new build has made outdated is warned of."""
        others = []
        for path in self.locks.beside(self.params["beside"]):
            # One that cannot be read holds for nothing; it is written anew when its set is staged.
            with contextlib.suppress(AirgapError, UnicodeDecodeError, OSError):
                others += _pool.claims(pins_of(path), path)
        try:
            warnings = _pool.check_other_locks(claims, others)
        except AirgapError as error:
            if not self.module.check_mode:
                raise
            warnings = [str(error)]
        for warning in warnings:
            self.module.warn(warning)

    def check_inputs(self, targets: t.Sequence[_target.Target]) -> None:
        """Refuse lines that no engine could take; say for each target, once, how many count for nothing there."""
        # Late, as for the proof: an unchanged run does without.
        from ansible_collections.airgap.python.plugins.module_utils._wheels import _closure, _packaging

        self.packaging = packaging = _packaging.load([self.pip.folder])
        self.inputs.check(packaging.requirement)
        roots = [line.text for line in self.inputs.requirements]
        for target in targets:
            out = _closure.excluded(packaging, roots, target.name, target.markers())
            self.warn_once(
                "target %s: %d of %d requirements do not count there, for their markers are false: %%s."
                % (target.name, len(out), len(roots)),
                [self.inputs.label(one) for one in out],
            )

    def counting(
        self, lines: t.Iterable[_requirement.Line], targets: t.Sequence[_target.Target]
    ) -> t.List[_requirement.Line]:
        """Return those lines that count on any of the targets."""
        from ansible_collections.airgap.python.plugins.module_utils._wheels import _closure

        markers = [target.markers() for target in targets]
        return [line for line in lines if any(_closure.applies(self.packaging, line.text, one) for one in markers)]

    def choose_engine(self) -> Engine:
        """Return the engine that resolves."""
        if self.params["resolver"] == "pip":
            return PipEngine(self.pip)
        beside = os.path.join(os.path.dirname(interpreter(self.params)), "uv")
        return UvEngine(self.pip, self.params["uv"] or beside)

    def to_upgrade(self, before: t.Mapping[_target.Target, t.Optional[_lock.Lock]]) -> t.Tuple[t.Set[str], t.List[str]]:
        """Return the normalized names to upgrade that some lock has, and those that none has."""
        names = {_lock.normalize(name) for name in self.params["upgrade"]}
        known = {pin.name for lock in before.values() if lock for pin in lock.pins}
        return names & known, sorted(names - known)

    def resolve_all(
        self, targets: t.Sequence[_target.Target], keep: t.Mapping[_target.Target, t.Sequence[_lock.Pin]]
    ) -> t.Dict[_target.Target, t.List[_lock.Pin]]:
        """Return the pins of each target, two resolutions at a time."""
        resolved: t.List[_target.Target] = []

        def work(target: _target.Target) -> t.Tuple[t.List[_lock.Pin], t.List[str]]:
            self.show_progress(
                "resolving for %s, %d of %d targets are resolved", target.name, len(resolved), len(targets)
            )
            answer = self.resolve(target, keep[target])
            have = {pin.name: pin.sha256 for pin in answer[0]}
            is_pip = isinstance(self.engine, PipEngine)
            for lines, is_checked in ((self.inputs.requirements, is_pip), (self.inputs.constraints, False)):
                hashed = self.counting([line for line in lines if line.hashes], [target])
                _requirement_checks.refuse_other_hashes(hashed, have, self.inputs.built, is_checked)
            resolved.append(target)
            return answer

        try:
            answers = side_by_side(work, targets, RESOLUTIONS_AT_A_TIME)
        except _resolve_error.ResolveError as error:
            raise _resolve_error.ResolveError(self.full_message(error)) from error
        for _pins, warnings in answers:
            for warning in warnings:
                self.module.warn(warning)
        return {target: pins for target, (pins, _warnings) in zip(targets, answers)}

    def warn_of_uv(self, metadata: t.Mapping[str, str]) -> None:
        """Say, of file name to head of METADATA, where uv may differ from the target: it knows no release of the operating system."""
        from ansible_collections.airgap.python.plugins.module_utils._wheels import _metadata

        asking = [name for name in sorted(metadata) if _metadata.depends_on_os_release(_metadata.parse(metadata[name]))]
        self.warn_once(
            "uv takes platform_release and platform_version as empty, and markers ask for them in %s. Use resolver: pip "
            "where that matters.",
            asking,
        )

    def with_size(self, pin: _lock.Pin) -> _lock.Pin:
        """Return a pin with the size that its file has in the pool."""
        return pin._replace(size=os.path.getsize(os.path.join(self.params["dest"], pin.filename)))

    def diff(
        self, target: _target.Target, before: t.Optional[_lock.Lock], after: t.Sequence[_lock.Pin]
    ) -> t.Dict[str, str]:
        """Return the change of a lock as versions, which a person can read."""
        old = before.pins if before else ()
        return {
            "before_header": self.locks.path(target),
            "after_header": self.locks.path(target),
            "before": "".join("%s==%s %s\n" % (pin.name, pin.version, pin.filename) for pin in sorted(old)),
            "after": "".join("%s==%s %s\n" % (pin.name, pin.version, pin.filename) for pin in sorted(after)),
        }

    def prepare_scratch(self) -> None:
        """Make the scratch folder beside the pool, so that files enter it by a rename."""
        if self.scratch:
            return
        parent = os.path.dirname(self.params["dest"].rstrip("/"))
        if self.module.check_mode and not os.path.isdir(parent):
            parent = self.module.tmpdir
        self.scratch = tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=parent)
        # What pip looks into lies there, too: /tmp is often small, and another disk.
        os.environ["TMPDIR"] = self.scratch


def read_built(records: t.Sequence[str]) -> t.List[_built_wheel.Built]:
    """Return the built wheels of these records, each proved to be what its record says."""
    wheels = [_built_wheel.built(read(path), path) for path in records]
    for wheel in wheels:
        if not os.path.isfile(wheel.path) or sha256_file(wheel.path) != wheel.sha256:
            raise AirgapError("%s is not what its record says. Build it again." % wheel.path)
    return wheels


def read(path: str) -> str:
    """Return the text of a file."""
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def pins_of(path: str) -> t.List[_lock.Pin]:
    """Return the pins of a lock; of any other file, which may be large, no more than a line is read."""
    header = _lock.HEADER.encode("utf-8") + b"\n"
    with open(path, "rb") as stream:
        if stream.readline(len(header)) != header:
            return []
        return _lock.parse_pins((header + stream.read()).decode("utf-8"), path)


def with_content(places: t.Iterable[t.Tuple[_lock.Pin, str]]) -> t.Dict[_lock.Pin, str]:
    """Return pin to path of those, of many (pin, path), where the file is there with the pin's content."""
    there = [(pin, path) for pin, path in places if os.path.isfile(path)]
    return {
        pin: path
        for (pin, path), sha256 in zip(there, sha256_files(path for dummy, path in there))
        if sha256 == pin.sha256
    }


def side_by_side(work: t.Callable[[Item], Answer], items: t.Iterable[Item], at_a_time: int) -> t.List[Answer]:
    """Return work(item) for each item, so many at a time; the first error counts, and no new work is begun."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=at_a_time) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            raise
