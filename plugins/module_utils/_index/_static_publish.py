# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publish a bundle as static files: write a release next to the one that is served, read it back, and switch (_release_folder)."""

from __future__ import annotations

import datetime
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _clock, _layout, _links, _manifest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import (
    fsync_dir,
    make_folder,
    remove_scratch_folders,
)
from ansible_collections.airgap.python.plugins.module_utils._folder_lock import locked_folder
from ansible_collections.airgap.python.plugins.module_utils._index import (
    _names,
    _release_folder,
    _static_release,
    _uploads,
)
from ansible_collections.airgap.python.plugins.module_utils._index._release_folder import ReleaseFolder
from ansible_collections.airgap.python.plugins.module_utils._index._static_release import Release, Source
from ansible_collections.airgap.python.plugins.module_utils._wheels._packaging import Packaging

# The most problems that one message names.
MOST_NAMED = 20
Params = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]


class Wanted(t.NamedTuple):
    """What must be served, and where its wheels come from."""

    release: Release
    selection: _static_release.Selection


def publish(params: Params, check_mode: bool) -> Result:
    """Serve a bundle, or a release that was kept; return the result of the module. Raises AirgapError."""
    _names.split_index(params["index"])
    index = ReleaseFolder(params["path"], params["links"])
    _release_folder.check_mount(index.path, params["mount"] or "")
    index.check_access()
    # Folders and files are for the file server, whatever the umask of this run.
    umask = os.umask(0o022)
    try:
        with locked_folder(index.path, check_mode):
            return _publish(index, params, check_mode)
    except OSError as error:
        raise AirgapError(
            "The static index in %s cannot be written: %s. Clients still get what was served before. Run again when it is fixed."
            % (index.path, error)
        ) from error
    finally:
        os.umask(umask)


def _publish(index: ReleaseFolder, params: Params, check_mode: bool) -> Result:
    if not check_mode:
        index.check_links()
        make_folder(index.releases)
        remove_scratch_folders(index.releases)
    served = index.served()
    former = _static_release.read(index.root(served)) if served else None
    manifest = _manifest_of(params) if params["src"] else None
    packaging = _uploads.packaging_for(_pip_of(index, params, manifest))
    wanted = _wanted(index, packaging, params, manifest, former)
    if manifest is not None:
        _refuse_replacements(index, wanted)
    problems: t.List[str] = []
    name = ""
    for candidate in dict.fromkeys([served, *index.names()]):
        if candidate and _static_release.read(index.root(candidate)) == wanted.release:
            found = _problems(index.root(candidate), wanted)
            problems += found if candidate == served else []
            if not found:
                name = candidate
                break
    before = _before(index, served, former)
    is_written = bool(name)
    switched = name != served or not name or not index.is_served_as_wanted()
    if not check_mode:
        if not name:
            name = _write(index, packaging, wanted, params)
        if switched and params["serve"]:
            name = index.switch(name)
    if not params["serve"]:
        return _result(index, wanted, former, before, not is_written, switched, name, problems, [])
    names = index.names()
    order = list(dict.fromkeys(one for one in [name, served, *names] if one in names))
    bundles = {one: _static_release.read(index.root(one)) for one in order if one}
    known = [(one, found.bundle if found else one.partition(".")[0]) for one, found in bundles.items()]
    if not name:
        # In check mode, the new release has no name yet.
        known.insert(0, ("", wanted.release.bundle))
    extra = _release_folder.superfluous(known, params["keep"])
    if not check_mode:
        for one in extra:
            index.remove(one)
    return _result(index, wanted, former, before, switched or bool(extra), switched, name, problems, extra)


def _manifest_of(params: Params) -> t.Dict[str, t.Any]:
    """Return the manifest of the bundle to serve."""
    manifest = _manifest.read(params["src"])
    if manifest["id"] != params["bundle_id"]:
        raise AirgapError(
            "%s is bundle %s, and bundle_id is %s: the bundle changed after it was verified. Verify it again and run this again."
            % (params["src"], manifest["id"], params["bundle_id"])
        )
    return manifest


def _pip_of(
    index: ReleaseFolder, params: Params, manifest: t.Optional[t.Mapping[str, t.Any]]
) -> t.List[t.Tuple[str, str]]:
    """Return the wheels of pip that are at hand, which contain packaging: path and SHA-256."""
    if manifest is not None:
        sources = _static_release.sources_of_bundle(params["src"], manifest)
    else:
        sources = []
        for root in map(index.root, index.names()):
            release = _static_release.read(root)
            if release is not None:
                sources += _static_release.sources_of_release(root, release, _static_release.read_sums(root))
    return [(source.path, source.sha256) for source in sources]


def _wanted(
    index: ReleaseFolder,
    packaging: Packaging,
    params: Params,
    manifest: t.Optional[t.Mapping[str, t.Any]],
    former: t.Optional[Release],
) -> Wanted:
    """Return what must be served. What was withdrawn stays withdrawn unless the option says otherwise."""
    withdrawn = former.withdrawn if former is not None else ()
    if params["withdrawn"] is not None:
        withdrawn = _static_release.parse_withdrawn(packaging, params["withdrawn"])
    if manifest is not None:
        created = _clock.parse(manifest["created"], _layout.MANIFEST).astimezone(datetime.timezone.utc)
        release = Release(manifest["id"], _clock.render(created), params["index"], withdrawn)
        sources = _static_release.sources_of_bundle(params["src"], manifest)
    else:
        release, sources = _kept(index, params, former, withdrawn)
    return Wanted(release, _static_release.select(packaging, release, sources))


def _refuse_replacements(index: ReleaseFolder, wanted: Wanted) -> None:
    """Raise AirgapError if a bundle that was published has another file under the name of one of the wanted."""
    sums = {one.filename: one.sha256 for one in wanted.selection.served}
    for name in index.names():
        release = _static_release.read(index.root(name))
        if release is None or release.index_name != wanted.release.index_name:
            continue
        published = _static_release.sources_of_release(
            index.root(name), release, _static_release.read_sums(index.root(name))
        )
        others = [one for one in published if sums.get(one.filename, one.sha256) != one.sha256]
        if others:
            raise AirgapError(
                "Bundle %s, which was published to %s, has other files under the same names: %s. Nothing was changed. A "
                "published file is never replaced, because nodes have its hash: give the new one a new version, or stage the one "
                "that was published."
                % (
                    release.bundle[:12],
                    index.path,
                    "; ".join(
                        "%s (sha256 here %s, there %s)" % (one.filename, sums[one.filename], one.sha256)
                        for one in others[:MOST_NAMED]
                    ),
                )
            )


def _whole_id(index: ReleaseFolder, text: t.Optional[str]) -> str:
    """Return the id of the one kept bundle that begins with a text of at least 6 characters, else the text."""
    kept = [_static_release.read(index.root(name)) for name in index.names()]
    several = {one.bundle for one in kept if one is not None and text and one.bundle.startswith(text)}
    return several.pop() if len(several) == 1 and len(text or "") >= 6 else text or ""


def _kept(
    index: ReleaseFolder,
    params: Params,
    former: t.Optional[Release],
    withdrawn: t.Tuple[_static_release.Withdrawn, ...],
) -> t.Tuple[Release, t.List[Source]]:
    """Return a release of a bundle that was kept, and its wheels; raises AirgapError if none can be served."""
    bundle = _whole_id(index, params["bundle_id"]) or (former.bundle if former is not None else "")
    gone = {(one.name, one.version) for one in withdrawn if one.gone}
    ids: t.List[str] = []
    reasons: t.List[str] = []
    for name in index.names():
        release = _static_release.read(index.root(name))
        if release is None or release.bundle != bundle:
            ids += [release.bundle] if release is not None else []
            continue
        lacking = {(one.name, one.version) for one in release.withdrawn if one.gone} - gone
        sums = _static_release.read_sums(index.root(name))
        problems = _static_release.check(index.root(name), sums)
        if lacking or problems:
            reasons.append("%s: %s" % (name, "; ".join(problems[:3]) or "it lacks %s %s" % sorted(lacking)[0]))
            continue
        sources = _static_release.sources_of_release(index.root(name), release, sums)
        return release._replace(index_name=params["index"], withdrawn=withdrawn), sources
    if not bundle:
        raise AirgapError("%s serves no bundle yet. Publish one first." % index.path)
    raise AirgapError(
        "Bundle %s cannot be served again from %s: %s. Transfer and publish that bundle again%s."
        % (
            bundle,
            index.path,
            "; ".join(reasons) or "it was not kept",
            ", or name one that was kept: %s" % ", ".join(sorted(set(ids))) if ids else "",
        )
    )


def _problems(root: str, wanted: Wanted, known: t.Optional[t.Mapping[str, str]] = None) -> t.List[str]:
    """Return what is wrong with a release on disk that should be the wanted one."""
    sums = _static_release.read_sums(root)
    problems = _static_release.check(root, sums, known)
    served = {source.filename: source.sha256 for source in wanted.selection.served}
    listed = {one.filename: one.sha256 for one in _static_release.sources_of_release(root, wanted.release, sums)}
    if not problems and listed != served:
        problems.append("%s does not list the files of the bundle" % _static_release.SUMS)
    return problems


def _write(index: ReleaseFolder, packaging: Packaging, wanted: Wanted, params: Params) -> str:
    """Write the wanted release, read it back, and return its name."""
    # A second name is possible only within a file system.
    may_link = bool(params["src"]) and os.stat(params["src"]).st_dev == os.stat(index.path).st_dev
    if may_link:
        try:
            _links.record(params["src"], index.path)
        except OSError:
            # Without the record, the bundle would refuse links to it.
            may_link = False
    with index.scratch() as root:
        known = _static_release.write(root, packaging, wanted.release, wanted.selection, may_link)
        problems = _problems(root, wanted, known)
        if problems:
            raise AirgapError(
                "What was written to %s is not what it should be: %s. Clients still get what was served before. "
                "Check the disk and the log of the kernel, then run again." % (root, "; ".join(problems[:MOST_NAMED]))
            )
        # One call for all that was written, before it gets its name.
        os.sync()
        name = index.free_name(wanted.release.bundle)
        os.rename(root, index.root(name))
        fsync_dir(index.releases)
    return name


# What the module returns.


def _lines(release: Release, wheels: t.Iterable[Source]) -> t.List[str]:
    lines = ["bundle %s\n" % release.bundle, "index %s\n" % release.index_name]
    lines += [
        "withdrawn %s %s%s\n" % (one.name, one.version, ", not listed" if one.gone else ": " + one.reason)
        for one in release.withdrawn
    ]
    return lines + ["%s sha256:%s\n" % (one.filename, one.sha256) for one in wheels]


def _before(index: ReleaseFolder, served: str, former: t.Optional[Release]) -> t.Tuple[t.List[Source], t.List[str]]:
    """Return the wheels of the release that is served, and it as lines for the diff."""
    if former is None:
        return [], []
    root = index.root(served)
    listed = _static_release.sources_of_release(root, former, _static_release.read_sums(root))
    return listed, _lines(former, listed)


def _result(
    index: ReleaseFolder,
    wanted: Wanted,
    former: t.Optional[Release],
    before: t.Tuple[t.List[Source], t.List[str]],
    changed: bool,
    switched: bool,
    name: str,
    problems: t.List[str],
    extra: t.List[str],
) -> Result:
    had = {(one.filename, one.sha256) for one in before[0]}
    new = [one for one in wanted.selection.served if (one.filename, one.sha256) not in had]
    after = _lines(wanted.release, wanted.selection.served)
    return {
        "changed": changed,
        "switched": switched,
        "bundle_id": wanted.release.bundle,
        "former_bundle_id": former.bundle if former is not None else "",
        "release": index.root(name) if name else "",
        "uploaded": [one.filename for one in new],
        "uploaded_count": len(new),
        "uploaded_bytes": sum(one.size for one in new),
        "present_count": len(wanted.selection.served) - len(new),
        "withdrawn": sorted(wanted.selection.yanked),
        "problems": problems[:MOST_NAMED],
        "removed": extra,
        "diff": {
            "before_header": index.path,
            "after_header": index.path,
            "before": "".join(before[1] + ["%s\n" % one for one in problems[:MOST_NAMED]]),
            "after": "".join(after),
        },
    }
