# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run pip so that it evaluates environment markers for a target.

pip's ``--platform`` and ``--python-version`` choose wheels for another
interpreter, but markers are evaluated for the running one (pypa/pip issue
11664). This file runs in the interpreter that holds pip:
``python _pip_runner.py ENVIRONMENT.json pip-arguments...``. It replaces the
marker environment of pip's own copy of packaging, proves that pip asks for
it, and then runs pip. It needs nothing but pip.

With ``AIRGAP_SHARED`` in the environment, resolutions that run at the same time
or one after another ask for each page of an index and for each file once: both
lie in that folder. Where a new pip has moved what this needs, pip just asks
itself. With ``AIRGAP_LOOK``, nothing is resolved: each requirement that no file
of the index meets is printed on a line that begins with NONE.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import fcntl
import hashlib
import importlib
import json
import os
import pickle
import shutil
import sys
import typing as t

MOVED = 97
SHARED = "AIRGAP_SHARED"
LOOK = "AIRGAP_LOOK"
NONE = "airgap: there is none of "
# How many files are asked for before pip needs them, at a time; pip's pool keeps ten connections.
AHEAD = 8


def install(environment: dict) -> None:
    """Make pip evaluate markers in ``environment`` (PEP 508 names to values)."""
    from pip._vendor.packaging import markers

    def target_environment() -> dict:
        return dict(environment)

    markers.default_environment = target_environment


def is_asked(environment: dict) -> bool:
    """Say whether a marker that only ``environment`` fulfils is true for pip's requirements."""
    from pip._vendor.packaging.markers import Marker
    from pip._vendor.packaging.requirements import Requirement

    nonce = "airgap-marker-check"
    install(dict(environment, platform_version=nonce))
    try:
        direct = Marker("platform_version == '%s'" % nonce).evaluate({"extra": ""})
        parsed = Requirement("x; platform_version == '%s'" % nonce).marker
        return bool(direct and parsed and parsed.evaluate({"extra": ""}))
    except Exception:  # whatever a new pip raises, it means that the ground moved
        return False
    finally:
        install(environment)


@contextlib.contextmanager
def alone(path: str) -> t.Iterator[None]:
    """Hold a name against the other threads and processes that want to fetch the same."""
    handle = os.open(path + ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def put(path: str, data: bytes) -> None:
    """Write a file that appears whole."""
    with open(path + ".new", "wb") as stream:
        stream.write(data)
    os.rename(path + ".new", path)


class Shared:
    """Index pages and wheels, each asked for once, and before the resolver comes to them.

    What is asked for ahead is a guess: the newest wheel that one requirement
    and the constraints allow. The resolver decides as it always does, and
    finds the guess in the folder where it was right.
    """

    def __init__(self, folder: str) -> None:
        collector: t.Any = importlib.import_module("pip._internal.index.collector")
        prepare: t.Any = importlib.import_module("pip._internal.operations.prepare")
        resolver: t.Any = importlib.import_module("pip._internal.resolution.resolvelib.resolver").Resolver

        self.pages = os.path.join(folder, "pages")
        self.files = os.path.join(folder, "files")
        for path in (self.pages, self.files):
            os.makedirs(path, exist_ok=True)
        self.ask_page = collector._get_index_content
        self.ask_file = prepare.get_http_url
        self.file = prepare.File
        self.check = prepare._check_download_dir
        self.resolve = resolver.resolve
        self.finder: t.Any = None
        self.download: t.Any = None
        self.constraints: t.Dict[str, t.Any] = {}
        self.begun: t.Set[str] = set()
        self.ahead = concurrent.futures.ThreadPoolExecutor(max_workers=AHEAD)
        collector._get_index_content = self.page
        prepare.get_http_url = self.get

        def resolve(asked: t.Any, roots: t.Any, *arguments: t.Any, **options: t.Any) -> t.Any:
            return self.begin(asked, roots, *arguments, **options)

        resolver.resolve = resolve

    def begin(self, resolver: t.Any, roots: t.Any, *arguments: t.Any, **options: t.Any) -> t.Any:
        """Ask for what the roots need, unless other resolutions did, then resolve."""
        if os.environ.get(LOOK):
            self.look(resolver.factory._finder, roots)
        if os.listdir(self.pages):
            return self.resolve(resolver, roots, *arguments, **options)
        with contextlib.suppress(Exception):
            self.finder = resolver.factory._finder
            self.download = resolver.factory.preparer._download
            wanted = [root for root in roots if root.req and not root.link]
            for root in wanted:
                if root.constraint:
                    name = root.req.name.lower()
                    self.constraints[name] = self.constraints.get(name, root.req.specifier) & root.req.specifier
            self.expect([root.req for root in wanted if not root.constraint])
        return self.resolve(resolver, roots, *arguments, **options)

    def look(self, finder: t.Any, roots: t.Iterable[t.Any]) -> None:
        """Print which of the roots no file of the index meets, and end."""
        linked = {root.req.name.lower() for root in roots if root.req and root.link}
        plain = [root for root in roots if root.req and not root.constraint and root.match_markers()]
        asked = [root.req for root in plain if root.req.name.lower() not in linked]

        def best(requirement: t.Any) -> t.Any:
            return finder.find_best_candidate(requirement.name, requirement.specifier).best_candidate

        for requirement, found in zip(asked, self.ahead.map(best, asked)):
            if found is None:
                print(NONE + str(requirement).partition(";")[0].strip())
        sys.stdout.flush()
        os._exit(0)

    def page(self, link: t.Any, *, session: t.Any, **options: t.Any) -> t.Any:
        """Return a page as pip's own function does."""
        path = os.path.join(self.pages, hashlib.sha256(link.url.encode()).hexdigest())
        with alone(path):
            if os.path.exists(path):
                with open(path, "rb") as stream:
                    return pickle.loads(stream.read())  # a file of this run's own folder, which is closed to others
            page = self.ask_page(link, session=session, **options)
            if page is not None:
                put(path, pickle.dumps(page))
            return page

    def get(self, link: t.Any, download: t.Any, download_dir: t.Any = None, hashes: t.Any = None) -> t.Any:
        """Return a file as pip's own function does; pip checks the hash of one that is there already."""
        if not link.is_wheel or not link.hash or os.path.basename(link.filename) != link.filename:
            return self.ask_file(link, download, download_dir, hashes)
        path = os.path.join(self.files, link.filename)
        with alone(path):
            there = self.check(link, self.files, hashes)
            if there:
                return self.file(there, None)
            answer = self.ask_file(link, download, download_dir, hashes)
            shutil.copyfile(answer.path, path + ".new")
            os.rename(path + ".new", path)
            return answer

    def expect(self, requirements: t.Iterable[t.Any]) -> None:
        """Ask for what requirements need that hold here."""
        for one in requirements:
            if str(one) not in self.begun and (one.marker is None or one.marker.evaluate({"extra": ""})):
                self.begun.add(str(one))
                self.ahead.submit(self.guess, one)

    def guess(self, requirement: t.Any) -> None:
        """Download what the resolver is likely to choose for a requirement, and go on with what that needs."""
        with contextlib.suppress(Exception):
            specifier = requirement.specifier & self.constraints.get(requirement.name.lower(), requirement.specifier)
            best = self.finder.find_best_candidate(requirement.name, specifier).best_candidate
            if best is not None:
                path = self.get(best.link, self.download, None, best.link.as_hashes()).path
                self.expect(dependencies(path))


def dependencies(path: str) -> t.List[t.Any]:
    """Return what a wheel requires, as pip's packaging reads it."""
    import email
    import zipfile

    from pip._vendor.packaging.requirements import Requirement

    with zipfile.ZipFile(path) as wheel:
        name = next(one for one in wheel.namelist() if one.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(wheel.read(name))
    return [Requirement(one) for one in metadata.get_all("Requires-Dist", [])]


def share(folder: str) -> None:
    """Have pip share pages and files through a folder, if this pip lets it."""
    with contextlib.suppress(ImportError, AttributeError):
        Shared(folder)


def main() -> int:
    """Read the environment, check that it counts, run pip."""
    with open(sys.argv[1]) as stream:
        environment = json.load(stream)
    if not is_asked(environment):
        import pip

        sys.stderr.write(
            "ERROR: pip %s does not evaluate markers where this collection expects it. "
            "Stage with an older pip (stage_pip).\n" % pip.__version__
        )
        return MOVED
    if os.environ.get(SHARED):
        share(os.environ[SHARED])
    from pip._internal.cli.main import main as pip_main

    status = pip_main(sys.argv[2:])
    sys.stdout.flush()
    sys.stderr.flush()
    # What was asked for ahead and is not here yet is of no use any more; nobody waits for it.
    os._exit(status)


if __name__ == "__main__":
    raise SystemExit(main())
