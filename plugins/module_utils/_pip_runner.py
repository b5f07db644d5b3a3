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
itself.
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
# Pages that are asked for before pip needs them, at a time; pip's pool keeps ten connections.
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


class Pages:
    """Index pages, each asked for once; those of a project's dependencies before pip wants them."""

    def __init__(self, folder: str) -> None:
        collector: t.Any = importlib.import_module("pip._internal.index.collector")
        resolver_class: t.Any = importlib.import_module("pip._internal.resolution.resolvelib.resolver").Resolver

        self.folder = folder
        self.ask = collector._get_index_content
        self.locations: t.Any = None
        self.session: t.Any = None
        self.begun: t.Set[str] = set()
        self.ahead = concurrent.futures.ThreadPoolExecutor(max_workers=AHEAD)
        collector._get_index_content = self.read
        resolve = resolver_class.resolve

        def begin(resolver: t.Any, root_reqs: t.Any, *arguments: t.Any, **options: t.Any) -> t.Any:
            self.locations = resolver.factory._finder.search_scope.get_index_urls_locations
            self.session = resolver.factory.preparer._session
            self.expect([root.req for root in root_reqs if root.req and not root.link])
            return resolve(resolver, root_reqs, *arguments, **options)

        resolver_class.resolve = begin

    def read(self, link: t.Any, *, session: t.Any, **options: t.Any) -> t.Any:
        """Return a page as pip's own function does."""
        path = os.path.join(self.folder, hashlib.sha256(link.url.encode()).hexdigest())
        with alone(path):
            if os.path.exists(path):
                with open(path, "rb") as stream:
                    return pickle.loads(stream.read())  # a file of this run's own folder, which is closed to others
            page = self.ask(link, session=session, **options)
            if page is not None:
                put(path, pickle.dumps(page))
            return page

    def expect(self, requirements: t.Iterable[t.Any]) -> None:
        """Ask for the pages of requirements that hold here."""
        from pip._internal.models.link import Link

        for requirement in requirements:
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                for url in self.locations(requirement.name) if self.locations else ():
                    if str(url) not in self.begun:
                        self.begun.add(str(url))
                        link = url if isinstance(url, Link) else Link(url)
                        self.ahead.submit(self.read, link, session=self.session)


class Files:
    """Wheels, each downloaded once; pip checks the index's hash of one that another resolution brought."""

    def __init__(self, folder: str, pages: Pages) -> None:
        prepare: t.Any = importlib.import_module("pip._internal.operations.prepare")

        self.folder = folder
        self.pages = pages
        self.ask = prepare.get_http_url
        self.file = prepare.File
        self.check = prepare._check_download_dir
        prepare.get_http_url = self.get

    def get(self, link: t.Any, download: t.Any, download_dir: t.Any = None, hashes: t.Any = None) -> t.Any:
        """Return a file as pip's own function does."""
        if not link.is_wheel or not link.hash or os.path.basename(link.filename) != link.filename:
            return self.ask(link, download, download_dir, hashes)
        path = os.path.join(self.folder, link.filename)
        with alone(path):
            there = self.check(link, self.folder, hashes)
            if there is None:
                answer = self.ask(link, download, download_dir, hashes)
                shutil.copyfile(answer.path, path + ".new")
                os.rename(path + ".new", path)
            else:
                answer = self.file(there, None)
        with contextlib.suppress(Exception):
            self.pages.expect(dependencies(path))
        return answer


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
        for name in ("pages", "files"):
            os.makedirs(os.path.join(folder, name), exist_ok=True)
        Files(os.path.join(folder, "files"), Pages(os.path.join(folder, "pages")))


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
    # Pages that were asked for ahead are of no use any more; nobody waits for them.
    os._exit(status)


if __name__ == "__main__":
    raise SystemExit(main())
