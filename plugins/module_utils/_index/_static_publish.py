# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publish a bundle as static files: write a release next to the one that is served, read it back, and switch.

The folder has ``releases/``, and ``current``, a link to the release that is served. The switch is one rename(2), so
a client sees the former release or the new one, and a run that is killed leaves the former one.

Where a file system has no links, ``current`` is the release itself, and the switch takes two renames. Between them nothing is
served; the next run completes a switch that was interrupted there.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
import shutil
import tempfile
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._access import check_folders_above, other_writers
from ansible_collections.airgap.python.plugins.module_utils._bundle import _clock, _layout, _links, _manifest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import (
    TEMPORARY_PREFIX,
    fsync_dir,
    make_folder,
    read_if_exists,
    remove_scratch_folders,
)
from ansible_collections.airgap.python.plugins.module_utils._folder_lock import locked_folder
from ansible_collections.airgap.python.plugins.module_utils._index import _names, _static_release, _uploads
from ansible_collections.airgap.python.plugins.module_utils._index._static_release import Release, Source
from ansible_collections.airgap.python.plugins.module_utils._wheels._packaging import Packaging

RELEASES = "releases"
CURRENT = "current"
# How a file system without symbolic links refuses one.
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
# The most problems that one message names.
MOST_NAMED = 20
Params = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]


class Wanted(t.NamedTuple):
    """What must be served, and where its wheels come from."""

    release: Release
    selection: _static_release.Selection


class StaticIndex:
    """The folder of a static index; without ``links``, ``current`` is a folder."""

    def __init__(self, path: str, links: bool = True) -> None:
        self.path = os.path.abspath(path)
        self.links = links
        self.releases = os.path.join(self.path, RELEASES)
        self.current = os.path.join(self.path, CURRENT)

    def check_access(self) -> None:
        """Raise AirgapError if someone other than root and this user can change what is served."""
        check_folders_above(self.path)
        for folder in (self.path, self.releases):
            reason = other_writers(os.stat(folder)) if os.path.isdir(folder) else ""
            if reason:
                raise AirgapError(
                    "%s can be changed by others: %s. Run 'chmod go-w' and 'chown' on it." % (folder, reason)
                )

    def check_links(self) -> None:
        """Raise AirgapError if the file system has no symbolic links, although one is wanted."""
        if not self.links or os.path.islink(self.current):
            return
        aside = os.path.join(self.path, TEMPORARY_PREFIX + CURRENT)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)
        try:
            os.symlink(RELEASES, aside)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            raise AirgapError(
                "The file system of %s has no symbolic links (%s), and the switch to a bundle is the rename of one. Nothing was "
                "changed. Set static_links to false: then %s is a folder, and the switch takes two renames, between which nothing "
                "is served." % (self.path, error.strerror, self.current)
            ) from error
        os.unlink(aside)

    def is_served_as_wanted(self) -> bool:
        """Return whether ``current`` is a link, or a folder where none is wanted."""
        return os.path.islink(self.current) == self.links

    def root(self, name: str) -> str:
        """Return the folder of a release."""
        return self.current if name == CURRENT else os.path.join(self.releases, name)

    def _bundle_of_current(self) -> str:
        """Return the bundle of a release that ``current`` is, "" if it is not one."""
        if os.path.islink(self.current) or not os.path.isdir(self.current):
            return ""
        try:
            data = read_if_exists(os.path.join(self.current, _static_release.RELEASE)) or b""
            bundle = _json.parse(data.decode("utf-8"), _static_release.RELEASE)["bundle"]
        except (AirgapError, OSError, KeyError, TypeError, ValueError):
            return ""
        return bundle if _manifest.is_id(bundle) else ""

    def names(self) -> t.List[str]:
        """Return the names of the releases, the one that was served last first."""
        found = [CURRENT] if self._bundle_of_current() else []
        if os.path.isdir(self.releases):
            found += [name for name in os.listdir(self.releases) if not name.startswith(TEMPORARY_PREFIX)]
        times = {name: os.lstat(self.root(name)).st_mtime for name in found if os.path.isdir(self.root(name))}
        return sorted(times, key=lambda name: (-times[name], name))

    def served(self) -> str:
        """Return the name of the release that is served, "" if there is none."""
        if self._bundle_of_current():
            return CURRENT
        try:
            folder, _dummy, name = os.readlink(self.current).partition("/")
        except OSError:
            return ""
        return name if folder == RELEASES and name in self.names() else ""

    @contextlib.contextmanager
    def scratch(self) -> t.Iterator[str]:
        """Return a folder to write a release into. It is removed unless it was renamed."""
        root = tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=self.releases)
        try:
            owner = os.stat(root).st_uid
            if owner not in (0, os.geteuid()):
                raise AirgapError(
                    "What this host writes to %s belongs to user %d. Mount it with uid=0 (SMB, FAT), or export it with "
                    "no_root_squash to this host (NFS)." % (self.path, owner)
                )
            # FAT has no modes. Whether the file server can read it is checked at the end.
            with contextlib.suppress(PermissionError):
                os.chmod(root, 0o755)
            yield root
        finally:
            shutil.rmtree(root, ignore_errors=True)

    def free_name(self, bundle: str) -> str:
        """Return a name for a release of a bundle: its id, and a number if one of this bundle exists."""
        name, number = bundle, 1
        while os.path.lexists(self.root(name)):
            number += 1
            name = "%s.%d" % (bundle, number)
        return name

    def _retire(self) -> str:
        """Give the release that ``current`` is a name among the others; return it, "" if there is none."""
        if os.path.islink(self.current) or not os.path.lexists(self.current):
            return ""
        bundle = self._bundle_of_current()
        if not bundle:
            raise AirgapError("%s is neither a link to a release nor a release. Remove it." % self.current)
        name = self.free_name(bundle)
        os.rename(self.current, self.root(name))
        return name

    def switch(self, name: str) -> str:
        """Serve a release, in one step, or without links in two; return its name from now on."""
        # The time is the order in which releases were served.
        os.utime(self.root(name))
        if not self.links:
            return self._switch_folders(name)
        former = self._retire()
        name = former if name == CURRENT else name
        aside = os.path.join(self.path, TEMPORARY_PREFIX + CURRENT)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)
        os.symlink("%s/%s" % (RELEASES, name), aside)
        os.rename(aside, self.current)
        fsync_dir(self.path)
        return name

    def _switch_folders(self, name: str) -> str:
        if name != CURRENT:
            former = self._retire()
            if os.path.islink(self.current):
                former = self.served()
                os.unlink(self.current)
            try:
                os.rename(self.root(name), self.current)
            except OSError:
                # A file server may refuse it while a client reads there.
                if former:
                    os.rename(self.root(former), self.current)
                raise
            fsync_dir(self.path)
        return CURRENT

    def remove(self, name: str) -> None:
        """Remove a release. It loses its name first, so no half of it can be served later."""
        aside = os.path.join(self.releases, TEMPORARY_PREFIX + name)
        shutil.rmtree(aside, ignore_errors=True)
        os.rename(self.root(name), aside)
        shutil.rmtree(aside)


def superfluous(releases: t.Sequence[t.Tuple[str, str]], keep: int) -> t.List[str]:
    """Return the names of the releases to remove so that ``keep`` bundles remain, each with one release.

    ``releases`` are name and bundle of each: the one that is served, then the former one, then the others.
    """
    bundles: t.List[str] = []
    extra = []
    for name, bundle in releases:
        if bundle in bundles or len(bundles) >= max(keep, 1):
            extra.append(name)
        else:
            bundles.append(bundle)
    return extra


def publish(params: Params, check_mode: bool) -> Result:
    """Serve a bundle, or a release that was kept; return the result of the module. Raises AirgapError."""
    _names.split_index(params["index"])
    index = StaticIndex(params["path"], params["links"])
    check_mount(index.path, params["mount"] or "")
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


def check_mount(path: str, mount: str) -> None:
    """Raise AirgapError if a folder must be on another file system, and that is not mounted; "" is none."""
    if not mount:
        return
    mount = os.path.abspath(mount)
    if os.path.commonpath([mount, path]) != mount:
        raise AirgapError("%s is not below %s. Correct static_dir or static_mount." % (path, mount))
    if not os.path.ismount(mount):
        raise AirgapError(
            "Nothing is mounted at %s, so nothing was written to %s: nodes would not see it. Mount it, and run this again."
            % (mount, path)
        )


def _publish(index: StaticIndex, params: Params, check_mode: bool) -> Result:
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
    extra = superfluous(known, params["keep"])
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
    index: StaticIndex, params: Params, manifest: t.Optional[t.Mapping[str, t.Any]]
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
    index: StaticIndex,
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


def _refuse_replacements(index: StaticIndex, wanted: Wanted) -> None:
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


def _whole_id(index: StaticIndex, text: t.Optional[str]) -> str:
    """Return the id of the one kept bundle that begins with a text of at least 6 characters, else the text."""
    kept = [_static_release.read(index.root(name)) for name in index.names()]
    several = {one.bundle for one in kept if one is not None and text and one.bundle.startswith(text)}
    return several.pop() if len(several) == 1 and len(text or "") >= 6 else text or ""


def _kept(
    index: StaticIndex,
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


def _write(index: StaticIndex, packaging: Packaging, wanted: Wanted, params: Params) -> str:
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


def _before(index: StaticIndex, served: str, former: t.Optional[Release]) -> t.Tuple[t.List[Source], t.List[str]]:
    """Return the wheels of the release that is served, and it as lines for the diff."""
    if former is None:
        return [], []
    root = index.root(served)
    listed = _static_release.sources_of_release(root, former, _static_release.read_sums(root))
    return listed, _lines(former, listed)


def _result(
    index: StaticIndex,
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
