# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install collections from archives that the index serves, with ansible-galaxy and without a Galaxy server."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import typing as t
from urllib.parse import quote

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _collections, _layout
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import (
    TEMPORARY_PREFIX,
    make_folder,
    read_if_exists,
    remove_scratch_folders,
    write_atomic,
    written_aside,
)
from ansible_collections.airgap.python.plugins.module_utils._folder_lock import locked_folder
from ansible_collections.airgap.python.plugins.module_utils._hashes import is_sha256, sha256_file, sha256_stream
from ansible_collections.airgap.python.plugins.module_utils._http_response import check_received
from ansible_collections.airgap.python.plugins.module_utils._install import _index_file

# Below the folder of collections: what was installed from which archive.
RECORD = ".airgap-collections.json"
Params = t.Mapping[str, t.Any]


class Archive(t.NamedTuple):
    """The archive of a collection: its file name and SHA-256."""

    name: str
    version: str
    filename: str
    sha256: str


class Place:
    """A folder that Ansible looks for collections in."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.record_path = os.path.join(path, RECORD)

    def folder(self, name: str) -> str:
        """Return the folder of a collection."""
        return os.path.join(self.path, "ansible_collections", *name.split("."))

    def record(self) -> t.Dict[str, str]:
        """Return collection to SHA-256 of the archive that it was installed from; {} for a record that cannot be read."""
        try:
            document = _json.parse((read_if_exists(self.record_path) or b"{}").decode("utf-8"), self.record_path)
            found = {str(name): str(document[name]) for name in document}
        except (AirgapError, TypeError, UnicodeDecodeError):
            return {}
        return {name: found[name] for name in found if _collections.is_name(name)}

    def installed(self, name: str) -> t.Optional[_collections.Collection]:
        """Return a collection that is installed, None if it is not, or not unchanged."""
        folder = self.folder(name)
        try:
            text = (read_if_exists(os.path.join(folder, "MANIFEST.json")) or b"").decode("utf-8")
            found = _collections.parse(text, folder)
            listing = _json.parse((read_if_exists(os.path.join(folder, "FILES.json")) or b"").decode("utf-8"), folder)
            for entry in listing["files"]:
                path = os.path.join(folder, entry["name"])
                if entry["ftype"] == "file" and sha256_file(path) != entry["chksum_sha256"]:
                    return None
        except (AirgapError, OSError, KeyError, TypeError, UnicodeDecodeError):
            return None
        return found if found.name == name else None


def parse(entries: t.Iterable[t.Mapping[str, t.Any]]) -> t.List[Archive]:
    """Return the archives that are wanted; raises AirgapError for an entry that cannot be one."""
    found: t.Dict[str, Archive] = {}
    for entry in entries:
        archive = Archive(entry["name"], entry["version"], entry["filename"], entry["sha256"])
        is_valid = _collections.is_name(archive.name) and _layout.is_file_name(archive.filename)
        if not is_valid or not is_sha256(archive.sha256):
            raise AirgapError("%.200r is not the archive of a collection. Stage the bundle again." % archive.filename)
        if found.setdefault(archive.name, archive) != archive:
            raise AirgapError("The bundle has two archives of %s. Stage it again." % archive.name)
    return [found[name] for name in sorted(found)]


def install(params: Params, check_mode: bool) -> t.Dict[str, t.Any]:
    """Have exactly these archives installed; return the result of the module. Raises AirgapError and OSError.

    A collection that is installed unchanged costs no request.
    """
    wanted = parse(params["collections"])
    place = Place(params["path"])
    with locked_folder(place.path, check_mode):
        record = place.record()
        missing = [
            one
            for one in wanted
            if record.get(one.name) != one.sha256 or getattr(place.installed(one.name), "version", "") != one.version
        ]
        removed = sorted(set(record) - {one.name for one in wanted})
        if not check_mode and (missing or removed):
            make_folder(place.path)
            remove_scratch_folders(place.path)
            _apply(place, params, missing, removed)
            _check_closed(place, wanted)
            data = _json.render({one.name: one.sha256 for one in wanted}).encode("utf-8")
            write_atomic(place.record_path, data)
    return {
        "changed": bool(missing or removed),
        "installed": ["%s %s" % (one.name, one.version) for one in missing],
        "removed": removed,
    }


def _apply(place: Place, params: Params, missing: t.Sequence[Archive], removed: t.Sequence[str]) -> None:
    root = tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=place.path)
    try:
        paths = []
        for one in missing:
            paths.append(os.path.join(root, one.filename))
            _fetch(one, paths[-1], params)
        if paths:
            _run_galaxy(place, params["ansible_galaxy"], root, paths)
        for name in removed:
            shutil.rmtree(place.folder(name), ignore_errors=True)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _fetch(archive: Archive, path: str, params: Params) -> None:
    url = "%s/%s" % (params["files_url"].rstrip("/"), quote(archive.filename, safe="+~"))
    for left in reversed(range(max(params["attempts"], 1))):
        try:
            _fetch_once(archive, url, path, params)
            return
        except AirgapError:
            # Another index host may serve it under the same name.
            if not left:
                raise


def _fetch_once(archive: Archive, url: str, path: str, params: Params) -> None:
    try:
        with _index_file.open_url(url, "*/*", params) as response, written_aside(path) as stream:
            real = sha256_stream(response, stream.write)
            check_received(response)
            if real != archive.sha256:
                raise AirgapError(
                    "%s has sha256 %s instead of %s, and was not installed. Play index, so that the files of the bundle are "
                    "served." % (url, real, archive.sha256)
                )
    except _index_file.BROKEN as error:
        raise AirgapError(
            "%s cannot be read: %s. Play index, so that the front serves the files of the bundle; check that this host reaches "
            "it, and its certificate (pip_conf_cert)." % (url, _index_file.why(error))
        ) from error


def _run_galaxy(place: Place, program: str, root: str, paths: t.Sequence[str]) -> None:
    """Run ansible-galaxy with settings of its own; dependencies are checked afterwards."""
    settings = os.path.join(root, "ansible.cfg")
    write_atomic(settings, b"")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PYTHON"))}
    environment.update(
        ANSIBLE_CONFIG=settings,
        ANSIBLE_COLLECTIONS_PATH=place.path,
        ANSIBLE_HOME=root,
        HOME=root,
        LC_ALL="C.UTF-8",
    )
    # Every user of the host may read collections, whatever the umask of this run.
    umask = os.umask(0o022)
    command = [program, "collection", "install", "--offline", "--no-deps", "--force", "-p", place.path, *paths]
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except OSError as error:
        raise AirgapError(
            "%s cannot be run: %s. The set controller_set must contain ansible-core." % (program, error.strerror)
        ) from error
    finally:
        os.umask(umask)
    if done.returncode != 0:
        reason = _collections.reason_in(done.stdout.decode("utf-8", "replace"))
        raise AirgapError("%s cannot install the collections: %s." % (program, reason))


def _check_closed(place: Place, wanted: t.Sequence[Archive]) -> None:
    """Raise AirgapError unless every collection is there and has what it depends on."""
    found = {one.name: place.installed(one.name) for one in wanted}
    broken = [one.filename for one in wanted if found[one.name] is None]
    if broken:
        raise AirgapError(
            "%s: ansible-galaxy did not install what the archive lists. Run again; if the message stays the same, build the "
            "archive again and stage it." % ", ".join(broken)
        )
    known = [one for one in found.values() if one is not None]
    closure = _collections.check([(one.name, one.version) for one in wanted], known)
    if closure.problems:
        raise AirgapError("The collections are not closed: %s. Stage them again." % "; ".join(closure.problems))
