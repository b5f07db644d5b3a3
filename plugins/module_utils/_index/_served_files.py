# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve the files of a bundle that are not wheels: a release of them, read back, and then one rename, for every kind of index.

The folder is like that of a static index: ``releases/ID/files/NAME``, and ``current``, a link to the release that is
served. A run that is killed leaves the former one. Without such files, the folder is not created.

With ``installer``, the release also has ``bundle/``: install.sh and what it needs to install from the index, which is the
bundle without wheels, other files and reports.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout, _links, _manifest, _sums
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import (
    fsync_dir,
    make_folder,
    read_if_exists,
    remove_scratch_folders,
    write_atomic,
)
from ansible_collections.airgap.python.plugins.module_utils._folder_lock import locked_folder
from ansible_collections.airgap.python.plugins.module_utils._hashes import is_sha256, sha256_file
from ansible_collections.airgap.python.plugins.module_utils._index import _release_folder
from ansible_collections.airgap.python.plugins.module_utils._index._release_folder import RECORD, ReleaseFolder

FORMAT = 1
# The folder of a release with install.sh and what it needs.
INSTALLER = "bundle"
# Path in a release to SHA-256.
Sums = t.Dict[str, str]
Params = t.Mapping[str, t.Any]


def wanted(manifest: t.Mapping[str, t.Any], src: str, installer: bool) -> Sums:
    """Return what a release of the bundle in a folder has: its files besides wheels, and what install.sh needs."""
    files = {one["path"]: one["sha256"] for one in _manifest.extras(manifest)}
    if installer:
        data, signatures = _folder.read_signatures(src)
        sums = {
            path: sha256
            for path, sha256 in _sums.parse(data.decode("utf-8")).items()
            if not _layout.is_payload(path) and not _layout.is_report(path)
        }
        for path in [_layout.SUMS] + ([_layout.SIGNATURE] if signatures is not None else []):
            sums[path] = sha256_file(os.path.join(src, path))
        files.update({"%s/%s" % (INSTALLER, path): sha256 for path, sha256 in sums.items()})
    return files


def origin(path: str) -> str:
    """Return the path in the bundle of a file of a release."""
    return path[len(INSTALLER) + 1 :] if path.startswith(INSTALLER + "/") else path


def _is_installer_path(path: str) -> bool:
    return _layout.has_place(path) or path in (_layout.SUMS, _layout.SIGNATURE)


def _document(bundle: str, files: Sums) -> t.Dict[str, t.Any]:
    """Return the record of a release, without a list for the installer where it is not served."""
    document: t.Dict[str, t.Any] = {"format": FORMAT, "bundle": bundle}
    document["files"] = {os.path.basename(path): files[path] for path in files if origin(path) == path}
    installer = {origin(path): files[path] for path in files if origin(path) != path}
    return dict(document, installer=installer) if installer else document


def read(root: str) -> t.Optional[t.Tuple[str, Sums]]:
    """Return the bundle and the files of a release, None for a folder that is not one."""
    try:
        document = _json.parse((read_if_exists(os.path.join(root, RECORD)) or b"").decode("utf-8"), RECORD)
        files, installer = document["files"], document.get("installer", {})
        is_valid = document["format"] == FORMAT and _manifest.is_id(document["bundle"]) and isinstance(files, dict)
        is_valid = is_valid and all(map(_layout.is_file_name, files)) and all(map(_is_installer_path, installer))
        if is_valid and all(is_sha256(str(one)) for one in [*files.values(), *installer.values()]):
            _layout.check_names(installer, RECORD)
            found = {"%s/%s" % (_layout.FILES, name): files[name] for name in files}
            return document["bundle"], dict(found, **{"%s/%s" % (INSTALLER, one): installer[one] for one in installer})
    except (AirgapError, OSError, KeyError, TypeError, ValueError):
        pass
    return None


def problems(root: str, files: Sums, src: str = "") -> t.List[str]:
    """Return what is wrong with a release on disk that should have these files.

    A file that is the same as one of the bundle in ``src`` (a hard link) is not read: the bundle has been verified.
    """
    found, wrong = _release_folder.walk(root)
    expected = {*files, RECORD}
    wrong += ["%s does not belong there" % path for path in sorted(found - expected)]
    wrong += ["%s is missing" % path for path in sorted(expected - found)]
    for path in sorted(found & expected - {RECORD}):
        source = os.path.join(src, origin(path))
        if src and os.path.exists(source) and os.path.samefile(source, os.path.join(root, path)):
            continue
        if sha256_file(os.path.join(root, path)) != files[path]:
            wrong.append("%s was changed" % path)
    return wrong


def is_settled(path: str, src: str, installer: bool = False) -> bool:
    """Return whether exactly the files of the bundle in a folder are served; src was verified before."""
    manifest = _manifest.read(src)
    files, index = wanted(manifest, src, installer), ReleaseFolder(path)
    served = index.served()
    if not served:
        return not files
    return read(index.root(served)) == (manifest["id"], files) and not problems(index.root(served), files, src)


def publish(params: Params, check_mode: bool) -> t.Dict[str, t.Any]:
    """Serve the files of a bundle, or of one that was served before; return the result of the module."""
    index = ReleaseFolder(params["path"], params["links"])
    _release_folder.check_mount(index.path, params["mount"] or "")
    index.check_access()
    # Files and folders are for the file server, whatever the umask of this run.
    umask = os.umask(0o022)
    try:
        bundle, files = _source(index, params)
        served = index.served()
        former = (read(index.root(served)) if served else None) or ("", {})
        if not served and not files:
            return _result(bundle, former[1], files, False, [])
        with locked_folder(index.path, check_mode):
            return _publish(index, params, (bundle, files), former, check_mode)
    except OSError as error:
        raise AirgapError(
            "The files in %s cannot be written: %s. Clients still get those that were served before. Run again when it is fixed."
            % (index.path, error)
        ) from error
    finally:
        os.umask(umask)


def _source(index: ReleaseFolder, params: Params) -> t.Tuple[str, Sums]:
    """Return the bundle to serve and its files; those of a former one are read from its release."""
    if params["src"]:
        manifest = _manifest.read(params["src"])
        if manifest["id"] != params["bundle_id"]:
            raise AirgapError(
                "%s is bundle %s, and bundle_id is %s: the bundle changed after it was verified. Verify it again and run this "
                "again." % (params["src"], manifest["id"], params["bundle_id"])
            )
        return manifest["id"], wanted(manifest, params["src"], params["installer"])
    for name in index.names():
        found = read(index.root(name))
        if found is not None and found[0] == params["bundle_id"]:
            return found
    # It had none, or they were not kept.
    return params["bundle_id"], {}


def _publish(
    index: ReleaseFolder,
    params: Params,
    release: t.Tuple[str, Sums],
    former: t.Tuple[str, Sums],
    check_mode: bool,
) -> t.Dict[str, t.Any]:
    src = params["src"] or ""
    if not check_mode:
        index.check_links()
        make_folder(index.releases)
        remove_scratch_folders(index.releases)
    served, name = index.served(), ""
    for candidate in dict.fromkeys([served, *index.names()]):
        root = index.root(candidate) if candidate else ""
        if root and read(root) == release and not problems(root, release[1], src):
            name = candidate
            break
    changed = not name or name != served or not index.is_served_as_wanted()
    if not check_mode:
        name = name or _write(index, release, params)
        if changed:
            name = index.switch(name)
    bundles = {one: (read(index.root(one)) or (one,))[0] for one in index.names()}
    order = list(dict.fromkeys([one for one in (name, served) if one in bundles] + list(bundles)))
    extra = _release_folder.superfluous([(one, bundles[one]) for one in order], params["keep"])
    if not check_mode:
        for one in extra:
            index.remove(one)
    return _result(release[0], former[1], release[1], changed or bool(extra), extra)


def _write(index: ReleaseFolder, release: t.Tuple[str, Sums], params: Params) -> str:
    """Write a release, read it back, and return its name."""
    bundle, files = release
    src = params["src"]
    if files and not src:
        raise AirgapError(
            "The files of bundle %s in %s were damaged. Transfer and publish that bundle again." % (bundle, index.path)
        )
    may_link = bool(src) and os.stat(src).st_dev == os.stat(index.path).st_dev
    if may_link:
        try:
            _links.record(src, index.path)
        except OSError:
            # Without the record, the bundle would refuse links to it.
            may_link = False
    with index.scratch() as root:
        os.mkdir(os.path.join(root, _layout.FILES))
        for path in files:
            make_folder(os.path.dirname(os.path.join(root, path)))
            _release_folder.link_or_copy(os.path.join(src, origin(path)), os.path.join(root, path), may_link)
        write_atomic(os.path.join(root, RECORD), _json.render(_document(bundle, files)).encode("utf-8"))
        found = problems(root, files)
        if found:
            raise AirgapError(
                "What was written to %s is not what it should be: %s. Clients still get the files that were served before. "
                "Check the disk, then run again." % (root, "; ".join(found[:10]))
            )
        os.sync()
        name = index.free_name(bundle)
        os.rename(root, index.root(name))
        fsync_dir(index.releases)
    return name


def _result(bundle: str, before: Sums, after: Sums, changed: bool, removed: t.List[str]) -> t.Dict[str, t.Any]:
    return {
        "changed": changed,
        "bundle_id": bundle,
        "files": sorted(os.path.basename(path) for path in after if origin(path) == path),
        "removed": removed,
        "diff": {"before": _lines(before), "after": _lines(after)},
    }


def _lines(files: Sums) -> str:
    # The sums of what install.sh needs are in one of these files.
    sealed = "%s/%s" % (INSTALLER, _layout.SUMS)
    shown = sorted(path for path in files if origin(path) == path or path.startswith(sealed))
    return "".join("%s sha256:%s\n" % (path, files[path]) for path in shown)
