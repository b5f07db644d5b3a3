# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release of a static index: the folder that a file server serves, with the wheels of one bundle and their pages.

It has SHA256SUMS over every other file, for sha256sum(1) and for the check here, and release.json, which says what
was released. The same bundle and settings give the same bytes.
"""

from __future__ import annotations

import json
import os
import typing as t
from urllib.parse import quote

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _manifest, _sums
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import open_plain, read_if_exists
from ansible_collections.airgap.python.plugins.module_utils._hashes import (
    sha256_bytes,
    sha256_files,
)
from ansible_collections.airgap.python.plugins.module_utils._index import _release_folder, _static_pages, _static_web
from ansible_collections.airgap.python.plugins.module_utils._index._static_pages import Served
from ansible_collections.airgap.python.plugins.module_utils._wheels import _metadata, _wheel, _wheel_name
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import normalize
from ansible_collections.airgap.python.plugins.module_utils._wheels._packaging import Packaging

# Raise it when the pages of the same bundle get other bytes, so that what is served is written again.
FORMAT = 1
SUMS = "SHA256SUMS"


class Withdrawn(t.NamedTuple):
    """A version that was withdrawn: listed with the reason (yanked), or ``gone``."""

    name: str
    version: str
    reason: str = ""
    gone: bool = False


class Release(t.NamedTuple):
    """What a release serves: a bundle, by its id and the time that it states, on an index, without what is withdrawn."""

    bundle: str
    created: str
    index_name: str
    withdrawn: t.Tuple[Withdrawn, ...] = ()


class Source(t.NamedTuple):
    """A wheel to serve: where it is now, and what it must be."""

    path: str
    filename: str
    sha256: str
    size: int


class Selection(t.NamedTuple):
    """The wheels that a release serves, and the reason for each file name that it lists as yanked."""

    served: t.Tuple[Source, ...]
    yanked: t.Mapping[str, str]


def parse_withdrawn(packaging: Packaging, entries: t.Iterable[t.Mapping[str, t.Any]]) -> t.Tuple[Withdrawn, ...]:
    """Return the withdrawn versions of a module's option, in one order; raises AirgapError for one that cannot be meant."""
    found: t.Dict[t.Tuple[str, str], Withdrawn] = {}
    for entry in entries:
        name, version = normalize(str(entry.get("name") or "")), str(entry.get("version") or "")
        try:
            version = str(packaging.parse_version(version))
        except ValueError as error:
            raise AirgapError("withdrawn names version %r of %s, which is not a version." % (version, name)) from error
        # A reason may have several lines; an attribute and a table may not.
        reason = " ".join(str(entry.get("reason") or "").split())
        one = Withdrawn(name, version, reason, bool(entry.get("gone")))
        if found.setdefault((name, version), one) != one:
            raise AirgapError("withdrawn names %s %s twice, with different settings. Leave one out." % (name, version))
    return tuple(found[key] for key in sorted(found))


def select(packaging: Packaging, release: Release, sources: t.Iterable[Source]) -> Selection:
    """Return what a release serves of the wheels of its bundle."""
    withdrawn = {(one.name, packaging.parse_version(one.version)): one for one in release.withdrawn}
    served, yanked = [], {}
    for source in sources:
        name = _wheel_name.parse_wheel_name(packaging, source.filename)
        found = withdrawn.get((name.project, name.version))
        if found is None or not found.gone:
            served.append(source)
        if found is not None and not found.gone:
            yanked[source.filename] = found.reason
    return Selection(tuple(sorted(served, key=lambda one: one.filename)), yanked)


def sources_of_bundle(src: str, manifest: t.Mapping[str, t.Any]) -> t.List[Source]:
    """Return the wheels of a bundle. The names were checked when its manifest was read."""
    return [
        Source(os.path.join(src, entry["path"]), os.path.basename(entry["path"]), entry["sha256"], entry["size"])
        for entry in manifest["files"]
    ]


def sources_of_release(root: str, release: Release, sums: t.Mapping[str, str]) -> t.List[Source]:
    """Return the wheels that the sums of a release name, in order of their names. A missing one has size 0."""
    prefix = release.index_name + "/+f/"
    found = []
    for path, sha256 in sums.items():
        if path.startswith(prefix) and not path.endswith(_static_pages.METADATA):
            where = os.path.join(root, path)
            size = os.path.getsize(where) if os.path.isfile(where) else 0
            found.append(Source(where, os.path.basename(path), sha256, size))
    return sorted(found, key=lambda one: one.filename)


# What is on disk.


def read(root: str) -> t.Optional[Release]:
    """Return what a folder released, None where it does not say so in this format."""
    try:
        document = _json.parse(
            (read_if_exists(os.path.join(root, _release_folder.RECORD)) or b"").decode("utf-8"), _release_folder.RECORD
        )
        if document["format"] != FORMAT or not _manifest.is_id(document["bundle"]):
            return None
        withdrawn = tuple(Withdrawn(**entry) for entry in document["withdrawn"])
        return Release(document["bundle"], document["created"], document["index_name"], withdrawn)
    except (AirgapError, OSError, KeyError, TypeError, ValueError):
        return None


def read_sums(root: str) -> t.Dict[str, str]:
    """Return path to SHA-256 from the sums of a release, {} where they are missing or are not those of release.json."""
    try:
        data = read_if_exists(os.path.join(root, SUMS)) or b""
        document = json.loads(read_if_exists(os.path.join(root, _release_folder.RECORD)) or b"")
        if sha256_bytes(data) != document["sums"]:
            return {}
        pairs = [line.split("  ", 1) for line in data.decode("utf-8").split("\n") if line]
        return {path: sha256 for sha256, path in pairs}
    except (OSError, KeyError, TypeError, ValueError):
        return {}


def check(root: str, sums: t.Mapping[str, str], known: t.Optional[t.Mapping[str, str]] = None) -> t.List[str]:
    """Read every file of a release; return what differs from its sums, each as a sentence without a stop.

    ``known`` are sums of files that the caller read at their place in the release.
    """
    if not sums:
        return ["%s was changed, or is missing" % SUMS]
    found, problems = _release_folder.walk(root)
    problems += [
        "%s does not belong there" % path for path in sorted(found - set(sums) - {SUMS, _release_folder.RECORD})
    ]
    problems += ["%s is missing" % path for path in sorted(set(sums) - found)]
    reals = dict(known or {})
    paths = sorted((found & set(sums)) - set(reals))
    try:
        reals.update(zip(paths, sha256_files(os.path.join(root, path) for path in paths)))
    except OSError as error:
        return [*problems, "%s cannot be read: %s" % (error.filename, error.strerror)]
    return problems + ["%s was changed" % path for path in sorted(reals) if reals[path] != sums.get(path)]


# Writing one.


def write(root: str, packaging: Packaging, release: Release, selection: Selection, may_link: bool) -> t.Dict[str, str]:
    """Write a release into an empty folder; return path to SHA-256 of the wheels, as they were read at their new place.

    Raises AirgapError if a wheel is not the one that was verified, and OSError.
    """
    places = _place(os.path.join(root, release.index_name), selection.served, may_link)
    placed = [
        _describe_wheel(packaging, release, selection, source, path) for source, path in zip(selection.served, places)
    ]
    wheels = {}
    sums = {}
    for one in (served for dummy, served in placed):
        path = "%s/%s" % (release.index_name, _static_pages.file_path(one.sha256, one.filename))
        wheels[path], sums[path + _static_pages.METADATA] = one.sha256, one.metadata_sha256
    sums.update(wheels)
    projects = by_project(packaging, placed)
    found = {"%s/%s" % (release.index_name, path): data for path, data in pages(projects).items()}
    found[_static_pages.HTML] = web_page(release, projects)
    for path, data in found.items():
        os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
        _write(os.path.join(root, path), data)
        sums[path] = sha256_bytes(data)
    _write(os.path.join(root, SUMS), _sums.render(sums).encode("utf-8"))
    _write(os.path.join(root, _release_folder.RECORD), describe(release, selection, sums).encode("utf-8"))
    return wheels


def _place(top: str, sources: t.Sequence[Source], may_link: bool) -> t.List[str]:
    """Give each wheel its place below the folder of an index and read it there; return the paths."""
    paths = [os.path.join(top, _static_pages.file_path(source.sha256, source.filename)) for source in sources]
    for source, path in zip(sources, paths):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _release_folder.link_or_copy(source.path, path, may_link)
    for source, real in zip(sources, sha256_files(paths)):
        if real != source.sha256:
            raise AirgapError(
                "%s has sha256 %s instead of %s. Nothing changed for clients. Transfer the bundle again."
                % (source.path, real, source.sha256)
            )
    return paths


def _describe_wheel(
    packaging: Packaging, release: Release, selection: Selection, source: Source, path: str
) -> t.Tuple[str, Served]:
    """Write the METADATA of a wheel next to it; return its project and its entry for the pages."""
    with open_plain(path) as stream:
        data = _metadata.read_bytes(source.path, stream)
        size = stream.seek(0, os.SEEK_END)
    message = _metadata.parse(_metadata.headers(data.decode("utf-8", "replace")))
    name, dummy = _wheel.check_declared(packaging, source.filename, message)
    _write(path + _static_pages.METADATA, data)
    return name.project, Served(
        source.filename,
        str(name.version),
        source.sha256,
        size,
        sha256_bytes(data),
        " ".join(_metadata.requires_python(message).split()),
        release.created,
        selection.yanked.get(source.filename),
        " ".join(str(message.get("Summary") or "").split()),
    )


def by_project(packaging: Packaging, placed: t.Iterable[t.Tuple[str, Served]]) -> t.Dict[str, t.List[Served]]:
    """Return the files of each project, the oldest version first."""
    projects: t.Dict[str, t.List[Served]] = {}
    for project, served in placed:
        projects.setdefault(project, []).append(served)
    return {
        name: sorted(projects[name], key=lambda one: (packaging.parse_version(one.version), one.filename))
        for name in sorted(projects)
    }


def pages(projects: t.Mapping[str, t.Sequence[Served]]) -> t.Dict[str, bytes]:
    """Return the pages of an index by their paths below it."""
    found = {
        _static_pages.page_path("", _static_pages.HTML): _static_pages.list_html(projects),
        _static_pages.page_path("", _static_pages.JSON): _static_pages.list_json(projects),
    }
    for project, files in projects.items():
        found[_static_pages.page_path(project, _static_pages.HTML)] = _static_pages.project_html(project, files)
        found[_static_pages.page_path(project, _static_pages.JSON)] = _static_pages.project_json(project, files)
    return found


def web_page(release: Release, projects: t.Mapping[str, t.Sequence[Served]]) -> bytes:
    """Return the page for people, which is at the root of the file server."""
    shown = [_static_web.Project(name, files[-1].summary, tuple(files)) for name, files in projects.items()]
    addresses = {
        one.filename: quote(
            "%s/%s" % (release.index_name, _static_pages.file_path(one.sha256, one.filename)), safe="/+"
        )
        for files in projects.values()
        for one in files
    }
    return _static_web.render(release.index_name, release.bundle, release.created, shown, addresses)


def describe(release: Release, selection: Selection, sums: t.Mapping[str, str]) -> str:
    """Return the text of release.json."""
    document: t.Dict[str, t.Any] = dict(release._asdict(), format=FORMAT)
    document["withdrawn"] = [one._asdict() for one in release.withdrawn]
    document["count"] = len(selection.served)
    document["sums"] = sha256_bytes(_sums.render(sums).encode("utf-8"))
    return _json.render(document)


def _write(path: str, data: bytes) -> None:
    with open(path, "xb") as stream:
        stream.write(data)
