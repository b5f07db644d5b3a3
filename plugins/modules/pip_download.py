#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pip_download
short_description: Download the wheels that other interpreters need
version_added: 0.1.0
description:
  - Resolves one requirement set for each target with pip, and downloads the wheels into a pool that targets and sets share.
  - Unlike C(pip download), environment markers are evaluated for the target, not for the interpreter that runs pip.
    Wheel tags are the whole ladder from the target's C library down.
  - For each target a lock is written that C(pip install --require-hashes -r) accepts. Before that, the metadata of its
    files are walked under the target's environment, apart from pip; a lock that lacks a file, or has one that does not
    fit, is not written.
  - Nothing of a project is run. What would have to be built is refused before, and so is a wheel that requires
    another project by a URL.
  - An index that gives no answer about a project (anything but a page or 404) is an error, also where another has it.
  - Where requirements, target, pip version and indexes are those of the lock, and every file is in the pool with its
    SHA-256, nothing is asked of an index.
  - An extra that a requirement asks for and that does not exist is an error.
  - Where something changed, versions stay where the lock has them as far as the requirements allow. New versions come
    with O(refresh) and O(upgrade).
author:
  - airgap.python authors (@airgap-python)
attributes:
  check_mode:
    description: Can run in check mode. It resolves, and downloads nothing into the pool.
    support: full
  diff_mode:
    description: Shows the locks before and after.
    support: full
options:
  requirements:
    description:
      - Requirement specifiers (PEP 508). C(NAME @ URL) must name a wheel; what is to be built is for
        M(airgap.python.wheel_build).
      - C(${NAME}) is filled in from the environment of the managed host. Locks, log and results have it as it is written, and
        have URLs without user, password and query.
    type: list
    elements: str
    default: []
  requirements_files:
    description:
      - Requirements files on the managed host, in the encodings that pip reads. They may name others by C(-r) and C(-c).
        Hashes in them are enforced.
      - Options such as C(--index-url) in them are an error that says where their place is.
      - Messages name the file and line of a requirement. A comment as P(airgap.python.requirements#lookup) writes it with
        its option C(origin) says where the line stood on the machine that it was brought from.
    type: list
    elements: path
    default: []
  constraints_files:
    description: Constraints files on the managed host.
    type: list
    elements: path
    default: []
  dest:
    description: The pool, a folder for wheels.
    type: path
    required: true
  lock_dest:
    description: Folder for the locks; the lock of a target is C(TARGET.txt) in it.
    type: path
    required: true
  targets:
    description:
      - The interpreters that shall install, as in C(airgap_targets).
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the target, and of its lock.
        type: str
        required: true
      python:
        description: Full version of the interpreter, such as V(3.11.2).
        type: str
        required: true
      implementation:
        description: V(cpython) or V(pypy).
        type: str
      os:
        description: V(linux), V(windows) or V(macos).
        type: str
      arch:
        description: The CPU, such as V(x86_64) or V(aarch64).
        type: str
      libc:
        description: The C library on Linux, such as V(glibc-2.36) or V(musl-1.2).
        type: str
      os_version:
        description: The version of macOS.
        type: str
      markers:
        description:
          - Marker variables (PEP 508) that the machine reported, such as C(platform_release).
            They override what follows from the description.
        type: dict
      tags:
        description:
          - The wheel tags that the interpreter accepts, all of them and the best first, where the machine reported them.
            By default they follow from the description.
        type: list
        elements: str
  index_url:
    description:
      - The index. By default that of pip's settings on the managed host.
      - Of those settings, connection settings and indexes on http count; C(find-links) and local indexes do not.
      - Where the role P(airgap.python.pip_conf#role) has written the host's settings, those before it count.
    type: str
  extra_index_urls:
    description: More indexes.
    type: list
    elements: str
    default: []
  find_links:
    description: Folders on the managed host with wheels that may be used as well.
    type: list
    elements: path
    default: []
  built:
    description:
      - Records of wheels that M(airgap.python.wheel_build) has built, RV(airgap.python.wheel_build#module:record).
      - Their wheels may be used by every target that they fit. Where such a wheel was built from a VCS or a local
        source, its project is taken from nowhere else.
    type: list
    elements: path
    default: []
  beside:
    description:
      - The locks beside O(lock_dest) that share the pool and hold, as C(FOLDER/TARGET), or C(FOLDER) for all that a folder
        has. A file that one of them names with other content under the same name is an error; in check mode, which does not
        write the locks that may come before, it is a warning, and so it is where both were built from the same source.
      - By default those of all folders.
    type: list
    elements: str
  base:
    description:
      - The C(manifest.json) or C(inventory.json) that says what the inside has. A file under a name that it has with other
        content is an error. One that is not there says nothing.
    type: path
  resolver:
    description:
      - What resolves. V(pip) is pip itself. V(uv) is faster and gives the same versions, but for requirements whose
        marker asks for C(platform_release) or C(platform_version), of which it warns. pip fetches in either case.
    type: str
    choices: [pip, uv]
    default: pip
  uv:
    description: The uv to run. By default the one beside the interpreter that runs pip.
    type: path
  refresh:
    description: Resolve again and take the newest versions that the requirements allow.
    type: bool
    default: false
  upgrade:
    description: Names of projects to bring to the newest version. Others move only as far as these force them.
    type: list
    elements: str
    default: []
  processes:
    description: How many files are fetched at the same time.
    type: int
    default: 8
  progress:
    description: A file that holds one line of what is being done now. The action plugin names it, and shows the line.
    type: path
  state:
    description:
      - V(present) resolves and downloads.
      - V(absent) removes the targets' locks, and those of their files from the pool that no other lock beside
        O(lock_dest) names.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - python >= 3.8
  - pip >= 23.2
  - uv >= 0.8 for O(resolver=uv)
extends_documentation_fragment:
  - airgap.python.pip
"""

EXAMPLES = r"""
- name: Download what two kinds of hosts need
  airgap.python.pip_download:
    requirements:
      - requests
      - flask>=3
    dest: /srv/airgap/bundle/wheels
    lock_dest: /srv/airgap/bundle/locks/base
    targets:
      - {name: node39, python: "3.9.2", os: linux, arch: x86_64, libc: glibc-2.31}
      - {name: desktop, python: "3.13.5", os: windows, arch: x86_64}
    virtualenv: /srv/airgap/stage/venv
"""

RETURN = r"""
targets:
  description: For each target, by name, its files.
  type: dict
  returned: success
  contains:
    lock:
      description: The lock.
      type: str
    files:
      description: Each file with C(name), C(version), C(filename), C(sha256), C(size) in bytes and C(origin), its URL; that of a built
        wheel begins with C(built:).
      type: list
      elements: dict
downloaded:
  description: Names of the files that were downloaded, or would be in check mode.
  type: list
  elements: str
  returned: success
reused:
  description: Names of the files that were in the pool already.
  type: list
  elements: str
  returned: success
removed:
  description: Names of the files that were removed.
  type: list
  elements: str
  returned: success
resolved:
  description: Names of the targets that pip was asked for; the others had a lock that still holds.
  type: list
  elements: str
  returned: success
pip_version:
  description: The version of the pip that was run.
  type: str
  returned: success
not_locked:
  description: Names in O(upgrade) that no lock in O(lock_dest) had.
  type: list
  elements: str
  returned: success
engine:
  description: What resolves, with its version.
  type: str
  returned: success
  sample: pip 26.3
"""

import concurrent.futures
import contextlib
import glob
import inspect
import json
import os
import shutil
import sys
import tempfile
import time
import urllib.parse

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import (
    _build,
    _inputs,
    _lock,
    _missing,
    _pages,
    _pip_runner,
    _pool,
    _requirements,
    _resolve,
    _secrets,
    _target,
    _uv,
)
from ansible_collections.airgap.python.plugins.module_utils._files import (
    TEMPORARY,
    adopt,
    held,
    make_folder,
    read_if_there,
    sha256_file,
    sha256_files,
    write_atomic,
)
from ansible_collections.airgap.python.plugins.module_utils._pip import Fetcher, Pip, keep, note, run_logged
from ansible_collections.airgap.python.plugins.module_utils._text import ShownError

# Two cores do no more than two resolutions at a time; a machine with more has better to do as well.
RESOLUTIONS_AT_A_TIME = 2
# So many things of a kind are named in a warning; the log has them all.
FEW = 3
# The folder in the scratch through which pip's resolutions share pages and files.
SHARED = "shared"


class PipEngine:
    """Resolves with pip, whose markers the runner makes the target's."""

    def __init__(self, pip):
        self.pip = pip
        self.name = "pip " + pip.version
        self.unknown_extras = {}
        # Once and here: resolutions run side by side, and reading source is not safe for threads.
        self.runner = inspect.getsource(_pip_runner)

    def resolve(self, target, requirements, constraints, find_links, folder):
        """Return the pins and what there is to warn of; ``folder`` is this resolution's own."""
        rc, out = self.run(target, requirements, constraints, find_links, folder, {})
        pages = read_if_there(os.path.join(folder, _pip_runner.PAGES))
        if pages:
            noted = json.loads(pages.decode("utf-8"))
            noted["unread"].update(_pages.ignored(out))
            refuse_unread(self.pip, _pages.Pages(noted["unread"], frozenset(noted["answered"])), target)
        if rc != 0:
            said = _resolve.explain(out, target, "the requirements cannot be resolved", self.pip.log or "")
            raise _resolve.refused(out) or _resolve.ResolveError(said, out)
        with open(os.path.join(folder, "report.json"), encoding="utf-8") as stream:
            report = json.load(stream)
        warnings = [
            "target %s: %s was yanked from its index. The requirements or the lock hold on to it; upgrade moves it."
            % (target.name, one)
            for one in _resolve.yanked(out)
        ]
        known = {_lock.normalize(one["metadata"]["name"]): one["metadata"] for one in report.get("install", [])}
        self.unknown_extras[target] = [
            (name, version, extra, known.get(name, {}).get("provides_extra", []))
            for name, version, extra in _resolve.unknown_extras(out)
        ]
        return _resolve.read_report(report, target), warnings

    def run(self, target, requirements, constraints, find_links, folder, variables):
        """Run pip with the target's markers; return its status and its output."""
        runner = os.path.join(folder, "runner.py")
        with open(runner, "w", encoding="utf-8") as stream:
            stream.write(self.runner)
        environment = os.path.join(folder, "environment.json")
        with open(environment, "w", encoding="utf-8") as stream:
            json.dump(target.markers(), stream)
        arguments = _resolve.resolve_arguments(target, requirements, constraints, find_links, folder)
        shared = os.path.join(os.path.dirname(folder), SHARED)
        return self.pip.run_patiently(
            [runner, environment] + arguments, dict(variables, **{_pip_runner.SHARED: shared})
        )

    def look(self, target, requirements, constraints, find_links, folder):
        """Return the requirements that no file of the index meets; resolves nothing."""
        dummy, out = self.run(target, requirements, constraints, find_links, folder, {_pip_runner.LOOK: "1"})
        lines = out.splitlines()
        return [line[len(_pip_runner.NONE) :] for line in lines if line.startswith(_pip_runner.NONE)]


def refuse_unread(pip, pages, target):
    """Raise UnreadError where an index gave no answer about a project."""
    unread = _pages.judge(pages, lambda: _missing.forbids_nobody(pip))
    if unread:
        raise _resolve.UnreadError("target %s: %s" % (target.name, _pages.told(unread)))


class UvEngine:
    """Resolves with uv."""

    def __init__(self, pip, uv):
        self.pip = pip
        self.uv = uv
        self.unknown_extras = {}
        rc, out = run_logged([uv, "--version"], dict(os.environ), None, {})
        if rc != 0:
            raise _resolve.ResolveError(
                "%s does not run: %s. Install uv there, or name it in uv." % (uv, out.strip()[-200:])
            )
        self.name = out.strip()

    def resolve(self, target, requirements, constraints, find_links, folder):
        """Return the pins and what there is to warn of; ``folder`` is this resolution's own."""
        arguments = _uv.resolve_arguments(target, requirements, constraints, find_links, folder)
        environment = _uv.variables(self.pip.settings, target, os.environ)
        command = [self.uv] + arguments + ["--python", self.pip.python]
        started = time.time()
        rc, out = run_logged(command, environment, None, {})
        pages = _pages.of_uv(out, [url for key in _resolve.INDEXES for url in self.pip.settings.get(key, "").split()])
        out = _uv.without_trace(out)
        keep(command, rc, time.time() - started, out, self.pip.log, self.pip.secrets())
        out = _secrets.hide(out, self.pip.secrets())
        refuse_unread(self.pip, pages, target)
        if rc != 0:
            raise _uv.refused(out) or _resolve.ResolveError(_uv.explain(out, target), out)
        self.unknown_extras[target] = [one + (None,) for one in _resolve.unknown_extras(out)]
        rc, out = self.pip.call(["-c", READ_TOML, os.path.join(folder, "pylock.toml")], os.environ)
        if rc != 0:
            raise _resolve.ResolveError(
                "target %s: what uv wrote cannot be read: %s" % (target.name, out.strip()[-300:])
            )
        return _uv.read_lock(json.loads(out), target, folder), []


# tomllib came with Python 3.11; before, pip brings its own.
READ_TOML = """
import json, sys
try:
    import tomllib
except ImportError:
    from pip._vendor import tomli as tomllib
with open(sys.argv[1], "rb") as stream:
    print(json.dumps(tomllib.load(stream), default=str))
"""


class Download:
    """Plan the locks of all targets, then fetch what the pool lacks."""

    def __init__(self, module):
        self.module = module
        self.params = module.params
        self.targets, warnings = _target.parse_all(
            {key: value for key, value in one.items() if value is not None} for one in module.params["targets"]
        )
        for warning in warnings:
            module.warn(warning)
        self.pip = None
        self.engine = None
        self.fetcher = None
        self.scratch = ""
        self.damaged = []
        self.built = []
        self.inputs = None
        self.packaging = None
        # The URLs behind origins, and those of files by their sums; only these may hold secrets, and are for requests alone.
        self.urls = {}
        self.sources = {}

    def say(self, text, *figures):
        """Keep a line of what is being done, for who looks."""
        if self.params["progress"]:
            with contextlib.suppress(OSError), open(self.params["progress"], "w", encoding="utf-8") as stream:
                stream.write("%s: %s\n" % (os.path.basename(self.params["lock_dest"].rstrip("/")), text % figures))

    def warn(self, sentence, names):
        """Warn once of several things of a kind: the first few are named in place of %s, all of them in the log."""
        if not names:
            return
        told = "; ".join(names[:FEW])
        if len(names) > FEW:
            log = self.params["log"]
            note(sentence % "\n  ".join([""] + list(names)) + "\n", log, self.pip.secrets())
            told += " and %d more%s" % (len(names) - FEW, ", which %s names" % log if log else "")
        self.module.warn(sentence % told)

    def read_built(self):
        """Return the built wheels that are given, each proved to be what its record says."""
        wheels = [_build.built(read(path), path) for path in self.params["built"]]
        for wheel in wheels:
            if not os.path.isfile(wheel.path) or sha256_file(wheel.path) != wheel.sha256:
                raise _build.BuildError("%s is not what its record says. Build it again." % wheel.path)
        return wheels

    def offer_built(self, target, scratch):
        """Lay out the built wheels that a target may use; return more folders and more constraints for its resolution."""
        if not self.built:
            return [], []
        folder, listing = os.path.join(scratch, "built"), os.path.join(scratch, "built.txt")
        os.mkdir(folder)
        constraints = []
        for wheel in self.built:
            path = os.path.join(folder, wheel.filename)
            fits = not _build.unfit(wheel.filename, wheel.host, target)
            if fits or wheel.is_own:
                shutil.copyfile(wheel.path, path)
            if wheel.is_own:
                constraints.append(_build.constraint(wheel, path))
        with open(listing, "w", encoding="utf-8") as stream:
            stream.writelines(line + "\n" for line in constraints)
        return [folder], [listing]

    def take_built(self, pin):
        """Copy a built wheel into the pool; say whether the file is one."""
        if not pin.origin.startswith("built:"):
            return False
        for wheel in self.built:
            if wheel.sha256 == pin.sha256:
                path = os.path.join(self.scratch, pin.filename)
                shutil.copyfile(wheel.path, path)
                if sha256_file(path) != pin.sha256:
                    raise _build.BuildError("%s changed while it was copied. Run again." % wheel.path)
                adopt(path, os.path.join(self.params["dest"], pin.filename))
                return True
        raise _build.BuildError(
            "%s is in a lock and not in the pool, and was built from %s, which is not among the built wheels. "
            "Name it under stage_build again, or remove the lock." % (pin.filename, pin.origin)
        )

    def explain(self, error):
        """Return an error's message, with what else is known where a wheel is missing."""
        if isinstance(error, _resolve.RefusedError):
            if error.asker:
                return _build.told_transitive(error.asker, error.name, error.reference)
            name = _lock.normalize(error.name)
            lines = self.inputs.requirements + self.inputs.constraints
            where = [line.where for line in lines if _lock.normalize(_missing.project(line.text)) == name]
            return _build.told_own(" and ".join(where) or "The requirements", error.name, error.reference)
        if isinstance(error, _resolve.UnreadError):
            return str(error)
        output = error.output or str(error)
        requirements = _missing.requirements(output)
        names = {_missing.project(one) for one in requirements} | _build.mentioned(self.built, output)
        names -= set(_resolve.refused_metadata(output))
        said = [_build.explain_unfit(self.built, names, self.targets)]
        if names and not said[0]:
            said = [_missing.explain(self.pip, output, self.targets, self.params["find_links"])]
        places = self.inputs.places(output)
        if requirements or _uv.names_one_of_many(output):
            lacking = self.inputs.lacking(self.look())
            if len(lacking) > 1:
                told = ("%s on target %s" % (one, ", ".join(lacking[one])) for one in lacking)
                said.append("All lines that cannot be had: %s." % "; ".join(told))
            places = [one for one in places if one not in lacking or len(lacking) < 2]
        if places:
            said.append("In the files: %s." % "; ".join(places))
        message = self.inputs.relocate(str(error), self.scratch)
        return " ".join(part for part in [message] + said if part)

    def look(self):
        """Return, of each target's name, all the requirements that no file of the index meets there."""
        engine = PipEngine(self.pip)

        def work(target):
            folder = os.path.join(self.scratch, "look-" + target.name)
            os.mkdir(folder)
            return engine.look(target, *self.offer(target, folder), folder)

        return dict(zip((one.name for one in self.targets), side_by_side(work, self.targets, RESOLUTIONS_AT_A_TIME)))

    def offer(self, target, folder):
        """Return what there is for a target's resolution: files of requirements and of constraints, folders with wheels."""
        folders, constraints = self.offer_built(target, folder)
        requirements, own = self.inputs.write(folder)
        return requirements, constraints + own, folders + self.params["find_links"]

    def lock_path(self, target):
        """Return where a target's lock is."""
        return os.path.join(self.params["lock_dest"], target.name + ".txt")

    def read_lock(self, target):
        """Return the lock that is there; one that is missing or cannot be read holds for nothing."""
        text = read_if_there(self.lock_path(target))
        try:
            return _lock.read(text.decode("utf-8"), self.lock_path(target)) if text else None
        except (_lock.LockError, UnicodeDecodeError):
            return None

    def resolve(self, target, keep):
        """Ask the engine for a target's pins, near those to keep: all of them, then what can stay, then none."""
        attempts = self.attempts(target, keep)
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
                return _build.claim(self.without_secrets(pins), self.built, target), warnings
            except (_resolve.UnreadError, _resolve.RefusedError):
                raise
            except _resolve.ResolveError:
                if number + 1 == len(attempts):
                    raise
        raise AssertionError("there is always a last attempt")

    def without_secrets(self, pins):
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

    def lost_address(self, lock):
        """Say whether a file of a lock is to be fetched again from a link whose query only the index knows."""
        return any(
            pin.origin.endswith("?") and not os.path.isfile(os.path.join(self.params["dest"], pin.filename))
            for pin in lock.pins
        )

    def url_of(self, pin):
        """Return where to ask for a file."""
        return self.sources.get(pin.sha256) or self.urls.get(pin.origin, pin.origin)

    def attempts(self, target, keep):
        """Return what to hold on to in each attempt at a resolution, the most first."""
        names = {_lock.normalize(name) for name in self.params["upgrade"]}
        # What is built is there in one version only.
        built = {wheel.name for wheel in self.built}
        held = [pin for pin in keep if pin.name not in names | built]
        if not held:
            return [[]]
        if not names:
            return [held, []]
        from ansible_collections.airgap.python.plugins.module_utils import _wheel

        requires = {}
        for pin in keep:
            path = os.path.join(self.params["dest"], pin.filename)
            if os.path.isfile(path):
                try:
                    requires[pin.name] = _resolve.required_names(_wheel.read_metadata(path))
                except _wheel.WheelError as error:
                    raise _resolve.ResolveError(str(error)) from error
        moving = _resolve.neighbours(names, requires)
        return [held, [pin for pin in held if pin.name not in moving], []]

    def fetch(self, wanted):
        """Fetch files, given as (target, pin), into the scratch folder, and into the pool when all have arrived.

        What resolving has downloaded is not asked for again.
        """
        wanted = [one for one in wanted if not self.take_built(one[1])]
        pins = [pin for dummy, pin in wanted]
        shared = os.path.join(self.scratch, SHARED, "files")
        found = whole((pin, os.path.join(shared, pin.filename)) for pin in pins)
        pins = [pin for pin in pins if pin not in found]
        if pins:
            self.start_fetcher()
            self.say("fetching, 0 of %d files are here", len(pins))
            paths = self.fetcher.fetch(
                [self.url_of(pin) for pin in pins],
                lambda number: self.say("fetching, %d of %d files are here", number, len(pins)),
            )
            found.update(whole(zip(pins, paths)))
        left = {}
        for target, pin in wanted:
            if pin not in found:
                left.setdefault(target, []).append(pin)
        for done in side_by_side(self.fetch_plainly, left.items(), RESOLUTIONS_AT_A_TIME):
            found.update(done)
        side_by_side(
            lambda one: adopt(one[1], os.path.join(self.params["dest"], one[0].filename)),
            found.items(),
            self.params["processes"],
        )

    def fetch_plainly(self, job):
        """Have pip itself fetch a target's files, which knows best what to say of one that it cannot get."""
        target, pins = job
        self.say("fetching %d files that did not arrive at once", len(pins))
        folder = os.path.join(self.scratch, "fetched-" + target.name)
        listing = folder + ".txt"
        with open(listing, "w", encoding="utf-8") as stream:
            for pin in pins:
                stream.write(_resolve.fetch_line(pin._replace(origin=self.url_of(pin))) + "\n")
        rc, out = self.pip.run_patiently(["-m", "pip"] + _resolve.fetch_arguments(target, listing, folder))
        if rc != 0:
            said = _resolve.explain(out, target, "the wheels cannot be fetched", self.params["log"] or "")
            raise _resolve.ResolveError(said)
        found = whole((pin, os.path.join(folder, pin.filename)) for pin in pins)
        for pin in pins:
            if pin not in found:
                raise _resolve.ResolveError("%s did not arrive with its sha256 %s." % (pin.filename, pin.sha256))
        return found

    def start_fetcher(self):
        """Start what fetches, unless it waits already."""
        if self.fetcher is None:
            self.fetcher = Fetcher(self.pip, self.scratch, self.params["processes"])

    def prove(self, changes, stale, pins, inputs, new):
        """Prove the locks that are to be written; where one is not closed, take the new files out of the pool and fail."""
        if not changes and not stale:
            return
        # Late, because an unchanged run, most of whose time are imports, proves nothing.
        from ansible_collections.airgap.python.plugins.module_utils import _closure, _packaging, _proof

        places = [self.pip.folder]
        places += _proof.pip_wheels([pin for target in pins for pin in pins[target]], self.params["dest"])
        roots = [line.text for line in inputs.requirements]
        constraints = [line.text for line in inputs.constraints]
        failures, extras = [], []
        self.say("proving the locks of %d targets", len(changes))
        try:
            # Each file was compared with its sum when it was found here or fetched.
            known = {pin.filename: pin for target in self.targets for pin in pins[target]}
            prover = _proof.Prover(_packaging.load(places), self.params["dest"], known.values())
            for target in changes:
                proof = prover.prove(pins[target], roots, constraints, target)
                for one in proof.failures:
                    asking = one.chain[-1][len("the requirement ") :] if one.chain else one.requirement
                    failures.append(one._replace(message=self.inputs.tell(one.message, asking)))
                self.warn("target %s: nothing asks for %%s, which pip chose." % target.name, proof.unused)
                extras += [(target, one) for one in proof.unknown_extras]
            if failures:
                raise _proof.ProofError("No lock is written:\n" + _closure.explain(failures))
            self.judge_extras(extras)
            if self.params["resolver"] == "uv":
                self.warn_of_uv({pin.filename: prover.head(pin) for target in stale for pin in pins[target]})
        except (_packaging.PackagingError, _proof.ProofError, _resolve.ResolveError) as error:
            for name in set(new) - set(self.damaged):
                os.unlink(os.path.join(self.params["dest"], name))
            raise _resolve.ResolveError(str(error)) from error

    def judge_extras(self, extras):
        """Fail for the extras, as (target, unknown extra), that a requirement of the set asks for; warn of all others once."""
        told = {}
        for target, one in extras:
            told.setdefault(one, []).append(target.name)
        own = [one.message.replace(one.root, self.inputs.label(one.root), 1) for one in told if one.root]
        if own:
            raise _resolve.ResolveError("%s Correct the requirement." % " ".join(own))
        self.warn("%s", ["%s (target %s)" % (one.message, ", ".join(told[one])) for one in sorted(told)])

    def judge_extras_unproved(self, inputs):
        """Do so in check mode, where there are no files to prove: by what the engine says."""
        from ansible_collections.airgap.python.plugins.module_utils import _closure

        found = []
        for target, extras in self.engine.unknown_extras.items():
            for name, version, extra, known in extras:
                asking = [
                    line.text
                    for line in inputs.requirements
                    if _missing.project(line.text) == name and _resolve.asks_for_extra(line.text, extra)
                ]
                for root in asking or [""]:
                    message = _closure.unknown_extra(root or "A project", name, extra, version, known)
                    found.append((target, _closure.UnknownExtra(root, message)))
        self.judge_extras(found)

    def digests(self, inputs):
        """Return each target's digest of all that its lock depends on."""
        return {
            target: _resolve.digest_inputs(
                [" ".join((line.identity,) + line.hashes) for line in inputs.requirements],
                [" ".join((line.identity,) + line.hashes) for line in inputs.constraints],
                target,
                self.pip.settings,
                self.params["find_links"] + _build.digest_lines(self.built),
                self.engine.name,
            )
            for target in self.targets
        }

    def present(self):
        """Resolve what has no lock that holds, fetch what the pool lacks, write the locks."""
        self.pip = Pip(self.python(), self.params, self.params["log"])
        for warning in self.pip.warnings:
            self.module.warn(warning)
        self.module.no_log_values.update(self.pip.secrets())
        self.engine = self.choose_engine()
        inputs = _requirements.parse(
            self.params["requirements"],
            self.params["requirements_files"],
            self.params["constraints_files"],
            _requirements.read_file,
            os.environ,
        )
        _requirements.refuse_options(inputs)
        self.pip.found = inputs.secrets
        for line in inputs.requirements + inputs.constraints:
            if line.url:
                self.urls[_requirements.reference(line.public)[1]] = line.url
        self.built = self.read_built()
        self.inputs = _inputs.Inputs(inputs, {one.name: (one.version, one.sha256) for one in self.built})
        digests = self.digests(inputs)
        before = {target: self.read_lock(target) for target in self.targets}
        upgrade, not_locked = self.to_upgrade(before)
        again = self.params["refresh"] or upgrade
        stale = [
            target
            for target in self.targets
            if again
            or before[target] is None
            or before[target].inputs != digests[target]
            or self.lost_address(before[target])
        ]
        pins = {target: list(before[target].pins) for target in self.targets if target not in stale}
        if stale:
            self.check_inputs(stale)
            self.refuse_places(stale)
            self.prepare_scratch()
            keep = {
                target: before[target].pins if before[target] and not self.params["refresh"] else () for target in stale
            }
            if self.params["resolver"] == "uv" and not self.module.check_mode:
                # uv mostly waits for the index: there is time to import pip.
                self.start_fetcher()
            pins.update(self.resolve_all(stale, keep))
        claims = [one for target in self.targets for one in _pool.claims(pins[target], self.lock_path(target))]
        self.check_names(claims)
        union = {}
        for target in self.targets:
            for pin in pins[target]:
                union.setdefault(pin.filename, (target, pin))
        places = {pin: os.path.join(self.params["dest"], pin.filename) for dummy, pin in union.values()}
        here = whole(places.items())
        self.damaged = [pin.filename for pin in places if pin not in here and os.path.isfile(places[pin])]
        wanted = [one for one in union.values() if one[1] not in here]
        if stale or wanted:
            self.check_beside(claims)
        self.warn("In the pool, %s had not the content that its lock names; it is fetched again.", self.damaged)
        if not self.module.check_mode:
            if wanted:
                self.prepare_scratch()
                self.fetch(wanted)
            pins = {target: [self.with_size(pin) for pin in pins[target]] for target in pins}
        roots = [line.public for line in inputs.requirements]
        texts = {target: _lock.render(pins[target], target.name, digests[target], roots) for target in self.targets}
        changes = [one for one in self.targets if read_if_there(self.lock_path(one)) != texts[one].encode("utf-8")]
        if self.module.check_mode:
            self.judge_extras_unproved(inputs)
        else:
            self.prove(changes, stale, pins, inputs, [pin.filename for dummy, pin in wanted])
            for target in changes:
                write_atomic(self.lock_path(target), texts[target].encode("utf-8"))
        names = {pin.filename for dummy, pin in wanted}
        return {
            "changed": bool(wanted or changes),
            "targets": {
                target.name: {"lock": self.lock_path(target), "files": [pin._asdict() for pin in pins[target]]}
                for target in self.targets
            },
            "downloaded": sorted(names),
            "reused": sorted(set(union) - names),
            "removed": [],
            "resolved": [target.name for target in stale],
            "pip_version": self.pip.version,
            "engine": self.engine.name,
            "not_locked": not_locked,
            "diff": [self.difference(target, before[target], pins[target]) for target in changes],
        }

    def refuse_places(self, targets):
        """Refuse what these targets would need of files that are not here, or something built; before an engine sees it."""
        requirements, constraints = self.inputs.requirements, self.inputs.constraints
        direct = self.counting([line for line in requirements + constraints if line.url], targets)
        _requirements.refuse_missing_files(direct, os.path.exists)
        errors = [
            _build.told_own(line.where, *_requirements.reference(line.text))
            for line in direct
            if line in requirements and not _build.is_wheel(line.url)
        ]
        if errors:
            raise _resolve.ResolveError("\n".join(errors))

    def check_names(self, claims):
        """Refuse locks that give one name two contents: among themselves, and with the base."""
        base, inside = self.params["base"], ()
        if base and os.path.isfile(base):
            # Late, because most runs have no base, and what reads one takes long to import.
            from ansible_collections.airgap.python.plugins.module_utils import _manifest

            inside = _manifest.parse_base(_manifest.read_text(base), base).claims
        _pool.check(claims, inside)

    def check_beside(self, claims):
        """Refuse locks that give a name another content than locks beside them; one that a new build has made outdated is warned of."""
        others = []
        for path in self.locks_beside(self.params["beside"]):
            # One that cannot be read holds for nothing; it is written anew when its set is staged.
            with contextlib.suppress(_lock.LockError, UnicodeDecodeError, OSError):
                others += _pool.claims(pins_of(path), path)
        try:
            warnings = _pool.check_beside(claims, others)
        except _pool.PoolError as error:
            if not self.module.check_mode:
                raise
            warnings = [str(error)]
        for warning in warnings:
            self.module.warn(warning)

    def locks_beside(self, names):
        """Return the path of each lock beside this call's: those of these names, FOLDER or FOLDER/TARGET, or all."""
        mine = {self.lock_path(target) for target in self.targets}
        parent = os.path.dirname(self.params["lock_dest"].rstrip("/"))
        if names is None:
            names = [os.path.basename(os.path.dirname(path)) for path in glob.glob(glob.escape(parent) + "/*/")]
        paths = []
        for path in [os.path.join(parent, name) for name in sorted(names)]:
            paths += sorted(glob.glob(glob.escape(path) + "/*.txt")) if os.path.isdir(path) else [path + ".txt"]
        # A pipe would never end.
        return [path for path in paths if path not in mine and os.path.isfile(path)]

    def check_inputs(self, targets):
        """Refuse lines that no engine could take; say for each target, once, how many count for nothing there."""
        # Late, as for the proof: an unchanged run does without.
        from ansible_collections.airgap.python.plugins.module_utils import _closure, _packaging

        self.packaging = packaging = _packaging.load([self.pip.folder])
        self.inputs.check(packaging.requirement)
        roots = [line.text for line in self.inputs.requirements]
        for target in targets:
            out = _closure.excluded(packaging, roots, target.name, target.markers())
            self.warn(
                "target %s: %d of %d requirements do not count there, for their markers are false: %%s."
                % (target.name, len(out), len(roots)),
                [self.inputs.label(one) for one in out],
            )

    def counting(self, lines, targets):
        """Return those lines that count on any of the targets."""
        from ansible_collections.airgap.python.plugins.module_utils import _closure

        markers = [target.markers() for target in targets]
        return [line for line in lines if any(_closure.counts(self.packaging, line.text, one) for one in markers)]

    def choose_engine(self):
        """Return the engine that resolves."""
        if self.params["resolver"] == "pip":
            return PipEngine(self.pip)
        beside = os.path.join(os.path.dirname(self.python()), "uv")
        return UvEngine(self.pip, self.params["uv"] or beside)

    def to_upgrade(self, before):
        """Return the normalized names to upgrade that some lock has, and those that none has."""
        names = {_lock.normalize(name) for name in self.params["upgrade"]}
        known = {pin.name for lock in before.values() if lock for pin in lock.pins}
        return names & known, sorted(names - known)

    def resolve_all(self, targets, keep):
        """Return the pins of each target, two resolutions at a time."""
        resolved = []

        def work(target):
            self.say("resolving for %s, %d of %d targets are resolved", target.name, len(resolved), len(targets))
            answer = self.resolve(target, keep[target])
            have = {pin.name: pin.sha256 for pin in answer[0]}
            is_pip = isinstance(self.engine, PipEngine)
            for lines, is_checked in ((self.inputs.requirements, is_pip), (self.inputs.constraints, False)):
                hashed = self.counting([line for line in lines if line.hashes], [target])
                _requirements.refuse_other_hashes(hashed, have, self.inputs.built, is_checked)
            resolved.append(target)
            return answer

        try:
            answers = side_by_side(work, targets, RESOLUTIONS_AT_A_TIME)
        except _resolve.ResolveError as error:
            raise _resolve.ResolveError(self.explain(error)) from error
        for _pins, warnings in answers:
            for warning in warnings:
                self.module.warn(warning)
        return {target: pins for target, (pins, _warnings) in zip(targets, answers)}

    def warn_of_uv(self, metadata):
        """Say, of file name to head of METADATA, where uv may differ from the target: it knows no release of the operating system."""
        self.warn(
            "uv takes platform_release and platform_version as empty, and markers ask for them in %s. Use resolver: pip "
            "where that matters.",
            [name for name in sorted(metadata) if _resolve.asks_for_release(metadata[name])],
        )

    def with_size(self, pin):
        """Return a pin with the size that its file has in the pool."""
        return pin._replace(size=os.path.getsize(os.path.join(self.params["dest"], pin.filename)))

    def difference(self, target, before, after):
        """Return the change of a lock as versions, which a person can read."""
        old = before.pins if before else ()
        return {
            "before_header": self.lock_path(target),
            "after_header": self.lock_path(target),
            "before": "".join("%s==%s %s\n" % (pin.name, pin.version, pin.filename) for pin in sorted(old)),
            "after": "".join("%s==%s %s\n" % (pin.name, pin.version, pin.filename) for pin in sorted(after)),
        }

    def absent(self):
        """Remove the targets' locks, and the files that no other lock names."""
        mine = {self.lock_path(target): self.read_lock(target) for target in self.targets}
        gone = [path for path in mine if os.path.exists(path)]
        candidates = {pin.filename for lock in mine.values() if lock for pin in lock.pins}
        for path in self.locks_beside(None):
            candidates -= {pin.filename for pin in pins_of(path)}
        candidates = {name for name in candidates if os.path.exists(os.path.join(self.params["dest"], name))}
        if not self.module.check_mode:
            for path in gone + [os.path.join(self.params["dest"], name) for name in sorted(candidates)]:
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

    def python(self):
        """Return the interpreter whose pip is run."""
        if self.params["virtualenv"]:
            return os.path.join(self.params["virtualenv"], "bin", "python")
        return self.params["python"] or sys.executable

    def prepare_scratch(self):
        """Make the scratch folder beside the pool, so that files enter it by a rename."""
        if self.scratch:
            return
        parent = os.path.dirname(self.params["dest"].rstrip("/"))
        if self.module.check_mode and not os.path.isdir(parent):
            parent = self.module.tmpdir
        self.scratch = tempfile.mkdtemp(prefix=TEMPORARY, dir=parent)
        # What pip looks into lies there, too: /tmp is often small, and another disk.
        os.environ["TMPDIR"] = self.scratch

    def run(self):
        """Hold the pool, do the work, leave no scratch behind."""
        with held(self.params["dest"], self.module.check_mode):
            if not self.module.check_mode:
                make_folder(self.params["lock_dest"])
                self.sweep()
            try:
                return self.absent() if self.params["state"] == "absent" else self.present()
            finally:
                if self.fetcher:
                    self.fetcher.close()
                if self.scratch:
                    shutil.rmtree(self.scratch, ignore_errors=True)

    def sweep(self):
        """Remove the scratch that a killed run left; the pool is held, so it is nobody's now."""
        parent = os.path.dirname(self.params["dest"].rstrip("/"))
        for name in os.listdir(parent):
            if name.startswith(TEMPORARY):
                shutil.rmtree(os.path.join(parent, name), ignore_errors=True)


def read(path):
    """Return the text of a file."""
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def pins_of(path):
    """Return the pins of a lock; of any other file, which may be large, no more than a line is read."""
    header = _lock.HEADER.encode("utf-8") + b"\n"
    with open(path, "rb") as stream:
        if stream.readline(len(header)) != header:
            return []
        return _lock.parse((header + stream.read()).decode("utf-8"), path)


def whole(places):
    """Return pin to path of those, of many (pin, path), where the file is there with the pin's content."""
    there = [(pin, path) for pin, path in places if os.path.isfile(path)]
    return {
        pin: path
        for (pin, path), sha256 in zip(there, sha256_files(path for dummy, path in there))
        if sha256 == pin.sha256
    }


def side_by_side(work, items, at_a_time):
    """Return work(item) for each item, so many at a time; the first error counts, and no new work is begun."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=at_a_time) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            raise


def main():
    """Parse the arguments, run, and turn errors into a message."""
    module = AnsibleModule(
        argument_spec={
            "requirements": {"type": "list", "elements": "str", "default": []},
            "requirements_files": {"type": "list", "elements": "path", "default": []},
            "constraints_files": {"type": "list", "elements": "path", "default": []},
            "dest": {"type": "path", "required": True},
            "lock_dest": {"type": "path", "required": True},
            "targets": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "python": {"type": "str", "required": True},
                    "implementation": {"type": "str"},
                    "os": {"type": "str"},
                    "arch": {"type": "str"},
                    "libc": {"type": "str"},
                    "os_version": {"type": "str"},
                    "markers": {"type": "dict"},
                    "tags": {"type": "list", "elements": "str"},
                },
            },
            "index_url": {"type": "str"},
            "extra_index_urls": {"type": "list", "elements": "str", "default": []},
            "find_links": {"type": "list", "elements": "path", "default": []},
            "built": {"type": "list", "elements": "path", "default": []},
            "beside": {"type": "list", "elements": "str"},
            "base": {"type": "path"},
            "proxy": {"type": "str"},
            "cert": {"type": "path"},
            "python": {"type": "path"},
            "virtualenv": {"type": "path"},
            "resolver": {"type": "str", "choices": ["pip", "uv"], "default": "pip"},
            "uv": {"type": "path"},
            "refresh": {"type": "bool", "default": False},
            "upgrade": {"type": "list", "elements": "str", "default": []},
            "processes": {"type": "int", "default": 8},
            "log": {"type": "path"},
            "progress": {"type": "path"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        mutually_exclusive=[("python", "virtualenv")],
        supports_check_mode=True,
    )
    params = module.params
    module.no_log_values.update(
        _secrets.passwords([params["index_url"], params["proxy"]] + params["extra_index_urls"] + params["requirements"])
    )
    module.no_log_values.update(_secrets.queries(params["requirements"]))
    if params["state"] == "present" and not params["requirements"] + params["requirements_files"]:
        module.fail_json(msg="There is nothing to download: give requirements or requirements_files.")
    try:
        result = Download(module).run()
    except (ShownError, OSError) as error:
        module.fail_json(msg=_secrets.scrub(str(error), module.no_log_values))
    if not module._diff:
        del result["diff"]
    module.exit_json(**_secrets.scrub(result, module.no_log_values))


if __name__ == "__main__":
    main()
