# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a bundle besides its wheels: what the site asks for, and how each gets its place with the right content.

A file gets its name in the bundle when it is complete and has its SHA-256; one that has both is not fetched again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import typing as t
from urllib.parse import unquote, urlsplit

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._bundle import _collections, _layout, _manifest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import (
    TEMPORARY_PREFIX,
    make_folder,
    move_into_place,
    remove_scratch_folders,
)
from ansible_collections.airgap.python.plugins.module_utils._folder_lock import locked_folder
from ansible_collections.airgap.python.plugins.module_utils._hashes import copy_hashed, is_sha256, sha256_file
from ansible_collections.airgap.python.plugins.module_utils._pip._command import pip_for_module
from ansible_collections.airgap.python.plugins.module_utils._resolve import _galaxy
from ansible_collections.airgap.python.plugins.module_utils._resolve._fetcher import Fetcher

FILE, COLLECTION = "file", "collection"


class Extra(t.NamedTuple):
    """A file that a bundle must have; ``url`` is empty if the control host has it."""

    filename: str
    sha256: str
    url: str = ""
    kind: str = FILE
    name: str = ""
    version: str = ""

    @property
    def origin(self) -> str:
        """Where it comes from, as the manifest states it."""
        if not self.url:
            return "source:" + self.filename
        return _secrets.public(self.url) + ("?" if urlsplit(self.url).query else "")

    def result(self) -> t.Dict[str, str]:
        """Return it as bundle_manifest takes it."""
        found = {key: getattr(self, key) for key in ("filename", "sha256", "kind", "name", "version", "origin")}
        return {key: value for key, value in found.items() if value}


def parse(entries: t.Iterable[t.Mapping[str, t.Any]]) -> t.List[Extra]:
    """Return the files that the site asks for; raises AirgapError for an entry that cannot be meant."""
    found: t.Dict[str, Extra] = {}
    for entry in entries:
        url = entry.get("url") or ""
        filename = entry.get("name") or unquote(urlsplit(url).path).rpartition("/")[2] or entry.get("filename") or ""
        shown = filename or _secrets.without_secrets(url) or "an entry without url, src and name"
        if not _layout.is_file_name(filename):
            raise AirgapError(
                "airgap_files: %r is not a valid file name. Use at most 200 letters, digits and '._+~-', and no '.' at its "
                "start; name sets another one." % shown[:200]
            )
        if url and urlsplit(url).scheme not in ("http", "https"):
            raise AirgapError(
                "airgap_files: the URL of %s is neither http nor https. Use src for a file of the control host." % shown
            )
        if not is_sha256(entry.get("sha256") or ""):
            raise AirgapError(
                "airgap_files: %s needs sha256, 64 lower-case hex digits. Get it from the project that publishes the file."
                % shown
            )
        extra = Extra(
            filename,
            entry["sha256"],
            url,
            entry.get("kind") or FILE,
            entry.get("collection") or "",
            entry.get("version") or "",
        )
        other = found.setdefault(filename.casefold(), extra)
        if other is not extra and (other.filename, other.sha256) != (filename, extra.sha256):
            raise AirgapError("airgap_files and airgap_collections name %s twice. Keep one of them." % filename)
    return list(found.values())


class Folder:
    """The folder ``files/`` of a bundle, and a scratch folder on the same file system."""

    def __init__(self, bundle: str, scratch: str) -> None:
        self.path = os.path.join(bundle, _layout.FILES)
        self.scratch = scratch

    def place(self, filename: str) -> str:
        """Return the path of a file."""
        return os.path.join(self.path, filename)

    def has(self, extra: Extra) -> bool:
        """Return whether a file is in place with its content."""
        path = self.place(extra.filename)
        return os.path.isfile(path) and not os.path.islink(path) and sha256_file(path) == extra.sha256

    def add(self, source: str, extra: Extra, real: str, where: str) -> None:
        """Give a complete file in the scratch folder its name; raises AirgapError if it has another SHA-256."""
        if real != extra.sha256:
            raise AirgapError(
                "%s from %s has sha256 %s, and the site requires %s. Nothing was written. Check that the address and the sum "
                "belong together." % (extra.filename, where, real, extra.sha256)
            )
        make_folder(self.path)
        move_into_place(source, self.place(extra.filename))


def run(module: AnsibleModule) -> t.Dict[str, t.Any]:
    """Have every file in place; return the result of bundle_files. Raises AirgapError and OSError."""
    params = module.params
    if any(entry["src"] for entry in [*params["files"], *params["collections"]]):
        raise AirgapError("bundle_files gets files of the control host through its action plugin. Run it as a task.")
    urls = [entry["url"] for entry in params["files"] if entry["url"]]
    galaxy = [params["galaxy_server"] or "", params["proxy"] or ""]
    module.no_log_values.update(_secrets.passwords([*urls, *galaxy]) | _secrets.queries(urls))
    wanted = parse([*params["files"], *params["sources"]])
    folder = Folder(params["path"], params["scratch"])
    missing = [extra for extra in wanted if not folder.has(extra)]
    lacking = [extra.filename for extra in missing if not extra.url]
    if lacking and not params["staged"] and not module.check_mode:
        # The action plugin copies these, and runs the module again.
        return {"changed": False, "lacking": lacking, "extras": [], "written": []}
    if not module.check_mode:
        make_folder(folder.scratch)
    with locked_folder(folder.scratch, module.check_mode):
        written = [extra.filename for extra in missing]
        if not module.check_mode:
            remove_scratch_folders(folder.scratch)
            _add_staged(folder, [extra for extra in missing if not extra.url], params["staged"])
            _fetch(module, folder, [extra for extra in missing if extra.url])
        collections = _collect(module, folder, wanted)
        extras = {extra.filename: extra for extra in [*wanted, *collections.extras]}
    return {
        "changed": bool(missing) or collections.changed,
        "extras": [extras[name].result() for name in sorted(extras)],
        "written": sorted({*written, *collections.written}),
        "lacking": [],
    }


def _add_staged(folder: Folder, extras: t.Iterable[Extra], staged: t.Mapping[str, str]) -> None:
    """Copy files that the action plugin brought from the control host."""
    for extra in extras:
        if extra.filename not in staged:
            raise AirgapError("%s changed on the control host during the run. Run again." % extra.filename)
        root = tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=folder.scratch)
        try:
            copy = os.path.join(root, "file")
            folder.add(copy, extra, copy_hashed(staged[extra.filename], copy), "the control host")
        finally:
            shutil.rmtree(root, ignore_errors=True)


def _fetch(module: AnsibleModule, folder: Folder, extras: t.Sequence[Extra]) -> None:
    """Fetch files with pip's session, several at a time."""
    if not extras:
        return
    pip = pip_for_module(module)
    root = tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=folder.scratch)
    fetcher = Fetcher(pip, root, module.params["processes"])
    try:
        paths = fetcher.fetch([extra.url for extra in extras], lambda number: None)
        for extra, path in zip(extras, paths):
            where = _secrets.without_secrets(extra.url)
            if not os.path.isfile(path):
                raise AirgapError(
                    "%s cannot be fetched from %s: %s. Files that arrived are kept; run again when it is fixed."
                    % (extra.filename, where, _secrets.hide(fetcher.last_line, pip.secrets()) or "it did not arrive")
                )
            folder.add(path, extra, sha256_file(path), where)
    finally:
        fetcher.close()
        shutil.rmtree(root, ignore_errors=True)


class Collected(t.NamedTuple):
    """The archives that the wanted collections need, besides those that the control host has."""

    extras: t.Sequence[Extra] = ()
    written: t.Sequence[str] = ()
    changed: bool = False


def _collect(module: AnsibleModule, folder: Folder, wanted: t.Sequence[Extra]) -> Collected:
    """Have the wanted collections and all that they depend on; raises AirgapError unless they are closed.

    Archives that the former manifest names are used as they are, so that versions stay. ansible-galaxy runs only if a
    collection is missing.
    """
    params = module.params
    given = [extra for extra in wanted if extra.kind == COLLECTION]
    roots = [(one["name"], one["version"]) for one in params["collections"]] + [(one.name, "*") for one in given]
    if not roots:
        return Collected()
    for name, _versions in roots:
        if not _collections.is_name(name):
            raise AirgapError("airgap_collections: %.80r is not a name of a collection: NAMESPACE.NAME." % name)
    sources = {one.name: one for one in given}
    former = {} if params["refresh"] else _former(folder, sources)
    known = {
        extra.name: _collections.read(folder.place(extra.filename)) if folder.has(extra) else None
        for extra in [*sources.values(), *former.values()]
    }
    if module.check_mode and None in known.values():
        return Collected(changed=True)
    found = {name: one for name, one in known.items() if one is not None}
    closure = _collections.check(roots, found.values())
    written: t.List[str] = []
    if closure.problems:
        if module.check_mode:
            return Collected(changed=True)
        missing = [(name, versions) for name, versions in roots if name not in sources]
        if not missing and not any(name not in sources for one in given for name in found[one.name].dependencies):
            raise AirgapError("The collections are not closed: %s." % "; ".join(closure.problems))
        archives = [folder.place(one.filename) for one in given]
        root = tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=folder.scratch)
        try:
            downloaded = _galaxy.download(module, root, missing, archives)
            found = {one.name: one for one in downloaded.values()}
            found.update({name: one for name, one in known.items() if name in sources and one is not None})
            closure = _collections.check(roots, found.values())
            if closure.problems:
                raise AirgapError(
                    "What ansible-galaxy downloaded is not closed: %s. Nothing was written."
                    % "; ".join(closure.problems)
                )
            former = {}
            for path, one in downloaded.items():
                if one.name in sources or one not in closure.needed:
                    continue
                extra = Extra(
                    one.filename, sha256_file(path), _galaxy.origin(params), COLLECTION, one.name, one.version
                )
                former[one.name] = extra
                if not folder.has(extra):
                    folder.add(path, extra, extra.sha256, "Galaxy")
                    written.append(extra.filename)
        finally:
            shutil.rmtree(root, ignore_errors=True)
    needed = {one.name for one in closure.needed}
    chosen = [one for name, one in former.items() if name in needed]
    _check_sums(params["collections"], [*chosen, *given])
    return Collected(chosen, written, bool(written))


def _former(folder: Folder, sources: t.Container[str]) -> t.Dict[str, Extra]:
    """Return name to file of the collections in the former manifest that exist unchanged."""
    try:
        manifest = _manifest.read(os.path.dirname(folder.path))
    except AirgapError:
        return {}
    found = {}
    for entry in _manifest.extras(manifest):
        filename = os.path.basename(entry["path"])
        url = str(entry.get("origin") or "")
        extra = Extra(filename, entry["sha256"], url, entry["kind"], str(entry.get("name")), str(entry.get("version")))
        # What came from the control host is taken from there again, or is no longer wanted.
        if extra.kind == COLLECTION and extra.name not in sources and url.startswith("http") and folder.has(extra):
            found[extra.name] = extra
    return found


def _check_sums(collections: t.Iterable[t.Mapping[str, t.Any]], extras: t.Iterable[Extra]) -> None:
    """Raise AirgapError if the archive of a collection has another SHA-256 than the site requires."""
    real = {extra.name: extra for extra in extras}
    for one in collections:
        extra = real.get(one["name"])
        if one.get("sha256") and extra is not None and extra.sha256 != one["sha256"]:
            raise AirgapError(
                "%s has sha256 %s, and airgap_collections requires %s. Check the version and the sum."
                % (extra.filename, extra.sha256, one["sha256"])
            )
