# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run pip so that it evaluates environment markers for a target.

pip's ``--platform`` and ``--python-version`` choose wheels for another
interpreter, but it evaluates markers for the running one (pypa/pip issue
11664). This file runs in pip's interpreter:
``python _pip_runner.py ENVIRONMENT.json pip-arguments...``. It replaces the
marker environment of pip's vendored packaging, verifies that pip uses it, and
then runs pip. It needs nothing but pip.

``--only-binary`` applies to what comes from an index. pip would build what comes
from a URL, a repository or a folder, which runs its code, so it is made to
refuse these first.

With ``AIRGAP_SHARED`` in the environment, resolutions that run at the same time
or one after another request each page of an index and each file once, and share
them in that folder. If a new pip has moved what this needs, each pip makes its
own requests. With ``AIRGAP_LOOK``, nothing is resolved: each requirement that no
file of the index meets is printed on a line that starts with NONE.
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
import re
import shutil
import sys
import threading
import typing as t
import urllib.parse

MOVED = 97
# A page of an index could not be read, which pip treats as a project that does not exist.
UNREAD = 98
# The file, next to that of the environment, that lists these pages.
PAGES = "pages.json"
SHARED = "AIRGAP_SHARED"
# Precedes the description (JSON) of what pip would have to build.
REFUSED = "airgap refuses "
LOOK = "AIRGAP_LOOK"
NONE = "airgap: there is none of "
# How many files are requested at a time before pip needs them; pip's pool keeps ten connections.
AHEAD = 8


def install(environment: t.Dict[str, str]) -> None:
    """Make pip evaluate markers in ``environment`` (PEP 508 names to values)."""
    from pip._vendor.packaging import markers

    def target_environment() -> t.Dict[str, str]:
        return dict(environment)

    markers.default_environment = target_environment


def is_used(environment: t.Dict[str, str]) -> bool:
    """Return whether a marker that only ``environment`` fulfils is true for pip's requirements."""
    from pip._vendor.packaging.markers import Marker
    from pip._vendor.packaging.requirements import Requirement

    nonce = "airgap-marker-check"
    install(dict(environment, platform_version=nonce))
    try:
        direct = Marker("platform_version == '%s'" % nonce).evaluate({"extra": ""})
        parsed = Requirement("x; platform_version == '%s'" % nonce).marker
        return bool(direct and parsed and parsed.evaluate({"extra": ""}))
    except Exception:  # whatever a new pip raises, it has changed what this relies on
        return False
    finally:
        install(environment)


def refuse_sources() -> bool:
    """Make pip refuse what is not a wheel, and what a wheel requires by a URL, before it is fetched; return False if it cannot."""
    try:
        preparer: t.Any = importlib.import_module("pip._internal.operations.prepare").RequirementPreparer
        error: t.Any = importlib.import_module("pip._internal.exceptions").InstallationError
        prepare = preparer.prepare_linked_requirement
    except (ImportError, AttributeError):
        return False
    if not hasattr(preparer, "prepare_editable_requirement"):
        return False

    def is_transitive(requirement: t.Any) -> bool:
        # A link alone may come from the index or from a constraint, not from the parent's metadata.
        asker = requirement.comes_from
        return bool(getattr(requirement.req, "url", None) and asker and not isinstance(asker, str))

    def refuse(requirement: t.Any) -> None:
        asker = requirement.comes_from
        parent = str(getattr(asker.link, "filename", asker.req)) if is_transitive(requirement) else ""
        name = str(getattr(requirement.req, "name", "") or "")
        what = {"name": name, "reference": requirement.link.url, "asker": parent}
        raise error(REFUSED + json.dumps(what))

    def linked(self: t.Any, req: t.Any, *arguments: t.Any, **options: t.Any) -> t.Any:
        if is_transitive(req) or req.link.is_vcs or not req.link.is_wheel or req.link.is_existing_dir():
            refuse(req)
        return prepare(self, req, *arguments, **options)

    def editable(self: t.Any, req: t.Any, *arguments: t.Any, **options: t.Any) -> None:
        refuse(req)

    preparer.prepare_linked_requirement = linked
    preparer.prepare_editable_requirement = editable
    return True


class Pages:
    """Records which pages of indexes could not be read, and which indexes gave any; pip itself ignores them silently."""

    def __init__(self) -> None:
        collector: t.Any = importlib.import_module("pip._internal.index.collector")
        finder: t.Any = importlib.import_module("pip._internal.index.package_finder").PackageFinder
        self.fail = collector._handle_get_simple_fail
        self.read = collector._get_index_content
        self.unread: t.Dict[str, str] = {}
        self.answered: t.Set[str] = set()
        # Other threads request pages in advance that may not be needed; the resolver runs in the main thread.
        self.needed: t.Set[str] = set()
        find = finder.find_all_candidates

        def needs(asked: t.Any, name: str) -> t.Any:
            if threading.current_thread() is threading.main_thread():
                self.needed.add(re.sub(r"[-_.]+", "-", name).lower())
            return find(asked, name)

        finder.find_all_candidates = needs
        collector._handle_get_simple_fail = self.failed
        collector._get_index_content = self.page

    def failed(self, link: t.Any, reason: t.Any, meth: t.Any = None) -> t.Any:
        """Record a failure, unless the page does not exist; then do what pip's own function does."""
        status = getattr(getattr(reason, "response", None), "status_code", None)
        if status != 404:
            self.unread[plain(link.url)] = str(reason)
        return self.fail(link, reason, meth) if meth else self.fail(link, reason)

    def page(self, link: t.Any, *, session: t.Any, **options: t.Any) -> t.Any:
        """Return a page as pip's own function does."""
        page = self.read(link, session=session, **options)
        if page is not None:
            self.answered.add(plain(link.url).rstrip("/").rpartition("/")[0])
        return page

    def write(self, path: str) -> bool:
        """Write what was recorded of projects that the resolver needs; return whether pip must fail. The reader of the file decides about 403."""
        unread = {
            url: self.unread[url] for url in list(self.unread) if url.rstrip("/").rpartition("/")[2] in self.needed
        }
        with open(path, "w", encoding="utf-8") as stream:
            json.dump({"unread": unread, "answered": sorted(self.answered)}, stream)
        for url, reason in unread.items():
            sys.stderr.write("WARNING: no answer from %s: %s\n" % (url, reason))
        return any(not reason.startswith("403 ") for reason in unread.values())


def plain(url: str) -> str:
    """Return a URL without user, password and fragment."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))


@contextlib.contextmanager
def one_at_a_time(path: str) -> t.Iterator[None]:
    """Lock a name against the other threads and processes that fetch the same file."""
    handle = os.open(path + ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write_whole(path: str, data: bytes) -> None:
    """Write a file aside and rename it."""
    with open(path + ".new", "wb") as stream:
        stream.write(data)
    os.rename(path + ".new", path)


class Shared:
    """Index pages and wheels, each requested once, and before the resolver needs them.

    What is requested in advance is a guess: the newest wheel that one requirement
    and the constraints allow. The resolver decides as always, and finds the file
    in the folder if the guess was correct.
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
        self.asked_for: t.Set[str] = set()
        self.ahead = concurrent.futures.ThreadPoolExecutor(max_workers=AHEAD)
        collector._get_index_content = self.page
        prepare.get_http_url = self.get

        def resolve(asked: t.Any, roots: t.Any, *arguments: t.Any, **options: t.Any) -> t.Any:
            return self.prefetch_and_resolve(asked, roots, *arguments, **options)

        resolver.resolve = resolve

    def prefetch_and_resolve(self, resolver: t.Any, roots: t.Any, *arguments: t.Any, **options: t.Any) -> t.Any:
        """Request what the roots need, unless another resolution has, then resolve."""
        if os.environ.get(LOOK):
            self.print_unmet(resolver.factory._finder, roots)
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
            self.prefetch([root.req for root in wanted if not root.constraint])
        return self.resolve(resolver, roots, *arguments, **options)

    def print_unmet(self, finder: t.Any, roots: t.Iterable[t.Any]) -> None:
        """Print which of the roots no file of the index meets, and exit."""
        linked = {root.req.name.lower() for root in roots if root.req and root.link}
        plain = [root for root in roots if root.req and not root.constraint and root.match_markers()]
        asked = [root.req for root in plain if root.req.name.lower() not in linked]

        def best(requirement: t.Any) -> t.Any:
            return finder.find_best_candidate(requirement.name, requirement.specifier).best_candidate

        for requirement, found in zip(asked, self.ahead.map(best, asked)):
            if found is None:
                sys.stdout.write(NONE + str(requirement).partition(";")[0].strip() + "\n")
        sys.stdout.flush()
        os._exit(0)

    def page(self, link: t.Any, *, session: t.Any, **options: t.Any) -> t.Any:
        """Return a page as pip's own function does."""
        path = os.path.join(self.pages, hashlib.sha256(link.url.encode()).hexdigest())
        with one_at_a_time(path):
            if os.path.exists(path):
                with open(path, "rb") as stream:
                    return pickle.loads(stream.read())  # a file of this run's own folder, which only its user can write
            page = self.ask_page(link, session=session, **options)
            if page is not None:
                write_whole(path, pickle.dumps(page))
            return page

    def get(self, link: t.Any, download: t.Any, download_dir: t.Any = None, hashes: t.Any = None) -> t.Any:
        """Return a file as pip's own function does; pip verifies the hash of one that exists."""
        if not link.is_wheel or not link.hash or os.path.basename(link.filename) != link.filename:
            return self.ask_file(link, download, download_dir, hashes)
        path = os.path.join(self.files, link.filename)
        with one_at_a_time(path):
            existing = self.check(link, self.files, hashes)
            if existing:
                return self.file(existing, None)
            answer = self.ask_file(link, download, download_dir, hashes)
            shutil.copyfile(answer.path, path + ".new")
            os.rename(path + ".new", path)
            return answer

    def prefetch(self, requirements: t.Iterable[t.Any]) -> None:
        """Request what those requirements need whose markers are true."""
        for one in requirements:
            if (
                one.url is None
                and str(one) not in self.asked_for
                and (one.marker is None or one.marker.evaluate({"extra": ""}))
            ):
                self.asked_for.add(str(one))
                self.ahead.submit(self.fetch_likely_wheel, one)

    def fetch_likely_wheel(self, requirement: t.Any) -> None:
        """Download what the resolver is likely to choose for a requirement, and request what that needs."""
        with contextlib.suppress(Exception):
            specifier = requirement.specifier & self.constraints.get(requirement.name.lower(), requirement.specifier)
            best = self.finder.find_best_candidate(requirement.name, specifier).best_candidate
            if best is not None:
                path = self.get(best.link, self.download, None, best.link.as_hashes()).path
                self.prefetch(dependencies(path))


def dependencies(path: str) -> t.List[t.Any]:
    """Return what a wheel requires, as read by pip's packaging."""
    import email
    import zipfile

    from pip._vendor.packaging.requirements import Requirement

    with zipfile.ZipFile(path) as wheel:
        name = next(one for one in wheel.namelist() if one.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(wheel.read(name))
    return [Requirement(one) for one in metadata.get_all("Requires-Dist", [])]


def share(folder: str) -> None:
    """Make pip share pages and files through a folder, if this pip allows it."""
    with contextlib.suppress(ImportError, AttributeError):
        Shared(folder)


def main() -> int:
    """Read the environment, verify that pip uses it, run pip."""
    with open(sys.argv[1]) as stream:
        environment = json.load(stream)
    missing = "evaluate markers" if not is_used(environment) else "prepare files" if not refuse_sources() else ""
    if os.environ.get(SHARED):
        share(os.environ[SHARED])
    pages = None
    with contextlib.suppress(ImportError, AttributeError):
        pages = Pages()
    if pages is None:
        missing = missing or "read indexes"
    if pages is None or missing:
        import pip

        sys.stderr.write(
            "ERROR: pip %s does not %s where this collection expects it. "
            "Stage with an older pip (stage_pip).\n" % (pip.__version__, missing)
        )
        return MOVED
    from pip._internal.cli.main import main as pip_main

    status = pip_main(sys.argv[2:])
    if pages.write(os.path.join(os.path.dirname(sys.argv[1]), PAGES)):
        status = status or UNREAD
    sys.stdout.flush()
    sys.stderr.flush()
    # Do not wait for files that were requested in advance and are no longer needed.
    os._exit(status)


if __name__ == "__main__":
    raise SystemExit(main())
