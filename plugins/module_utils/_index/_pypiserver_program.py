# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pypiserver for a site: what bundles bring, from the release that is served, and besides it what people upload.

The module pypiserver_service writes this file into the environment of the service, which has pypiserver, passlib and
waitress. It imports nothing of this collection.

    pypiserver_site.py serve SETTINGS       SETTINGS is a JSON file
    pypiserver_site.py passwords FILE       makes FILE (htpasswd) have exactly the users of the JSON on stdin; prints what changed
    pypiserver_site.py passwords FILE --check

pypiserver by itself finds its folders when it starts, so it would not see a switch to another release, and each of several
folders may hide a file of another one. Here each request looks at one release, and a project of that release cannot be uploaded.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import sys
import tempfile
import typing as t

try:
    from pypiserver import app_from_config, backend, bottle_wrapper, setup_routes_from_config
    from pypiserver.config import Config
    from pypiserver.core import PkgFile
    from pypiserver.pkg_helpers import guess_pkgname_and_version
except ImportError:
    # The module itself runs under an interpreter without it, and only reads this file.
    backend = None

SUMS = "SHA256SUMS"
# Of passlib's schemes, this one needs nothing but Python. An upload takes a tenth of a second longer with it.
SCHEME = "sha512_crypt"
ROUNDS = 60000
# Where files of a release are below an index, and the suffix of those that are not packages.
FILES, METADATA = "+f/", ".metadata"


def normalize(name: str) -> str:
    """Return the normalized name of a project (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_sums(data: bytes, index: str) -> t.Dict[str, str]:
    """Return the SHA-256 of each package of an index, by its path below the index, from the sums of a release."""
    found = {}
    for line in data.decode("utf-8").split("\n"):
        sha256, dummy, path = line.partition("  ")
        if path.startswith("%s/%s" % (index, FILES)) and not path.endswith(METADATA):
            found[path[len(index) + 1 :]] = sha256
    return found


class Release(t.NamedTuple):
    """What is served of a bundle: the folder of the index in a release, and the SHA-256 of each package by its path there."""

    root: str
    sums: t.Dict[str, str]

    @property
    def projects(self) -> t.Set[str]:
        """Return the projects of the release."""
        return {normalize(path.rpartition("/")[2].partition("-")[0]) for path in self.sums}


def read_release(current: str, index: str) -> Release:
    """Return the release that a link leads to now; an empty one if there is none."""
    root = os.path.realpath(current)
    try:
        with open(os.path.join(root, SUMS), "rb") as stream:
            return Release(os.path.join(root, index), read_sums(stream.read(), index))
    except OSError:
        return Release(os.path.join(root, index), {})


def file_sha256(path: str) -> str:
    """Return the SHA-256 of a file."""
    found = hashlib.sha256()
    with open(path, "rb") as stream:
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            found.update(chunk)
    return found.hexdigest()


class Store:
    """The files of a site: those of the release that is served, and those that people uploaded."""

    def __init__(self, current: str, index: str, uploads: str) -> None:
        self.current, self.index, self.uploads = current, index, uploads
        self._release: t.Tuple[str, Release] = ("", Release("", {}))
        self._known: t.Dict[t.Tuple[str, int, int, int], str] = {}

    def release(self) -> Release:
        """Return the release that is served now. One that was read does not change."""
        root = os.path.realpath(self.current)
        if self._release[0] != root or not self._release[1].sums:
            self._release = (root, read_release(root, self.index))
        return self._release[1]

    def uploaded(self, release: Release) -> t.List[str]:
        """Return the names of the uploaded files, without those of projects that the release has."""
        projects = release.projects
        names = sorted(one.name for one in os.scandir(self.uploads) if one.is_file(follow_symlinks=False))
        return [one for one in names if one[:1] != "." and normalize(one.partition("-")[0]) not in projects]

    def sha256(self, path: str) -> str:
        """Return the SHA-256 of a file: that of the release, or of an upload, which is hashed once."""
        release = self.release()
        found = release.sums.get(os.path.relpath(path, release.root))
        if found:
            return found
        status = os.stat(path)
        key = (path, status.st_ino, status.st_size, status.st_mtime_ns)
        if key not in self._known:
            self._known[key] = file_sha256(path)
        return self._known[key]

    def add(self, name: str, stream: t.BinaryIO) -> None:
        """Store an upload, which has its name only when it is complete. Raises FileExistsError; nothing is replaced."""
        handle, aside = tempfile.mkstemp(dir=self.uploads, prefix=".upload-")
        try:
            with os.fdopen(handle, "wb") as copy:
                for chunk in iter(lambda: stream.read(1 << 20), b""):
                    copy.write(chunk)
                copy.flush()
                os.fchmod(copy.fileno(), 0o644)
                os.fsync(copy.fileno())
            os.link(aside, os.path.join(self.uploads, name))
        finally:
            os.unlink(aside)


def _backend(store: Store) -> t.Any:
    """Return pypiserver's view of the store."""

    class Files(backend.Backend):
        """What pypiserver asks."""

        def __init__(self) -> None:
            self.hash_algo = "sha256"

        def get_all_packages(self) -> t.Iterator[t.Any]:
            """Return all packages."""
            release = store.release()
            for root, path in [
                *((release.root, path) for path in release.sums),
                *((store.uploads, name) for name in store.uploaded(release)),
            ]:
                guessed = guess_pkgname_and_version(path.rpartition("/")[2])
                if guessed is not None:
                    yield PkgFile(guessed[0], guessed[1], fn=os.path.join(root, path), root=root, relfn=path)

        def digest(self, pkg: t.Any) -> str:
            """Return the hash of a package as its links have it."""
            return "sha256=" + store.sha256(pkg.fn)

        def exists(self, filename: str) -> bool:
            """Return whether a file has this name, also one that is not listed."""
            names = {path.rpartition("/")[2] for path in store.release().sums}
            return filename in names or os.path.lexists(os.path.join(store.uploads, filename))

        def add_package(self, filename: str, stream: t.BinaryIO) -> None:
            """Store an upload."""
            project = normalize(filename.partition("-")[0])
            if project in store.release().projects:
                raise bottle_wrapper.HTTPError(
                    403, "%s comes from the bundles of this site, and cannot be uploaded. Use another name." % project
                )
            try:
                store.add(filename, stream)
            except FileExistsError:
                raise bottle_wrapper.HTTPError(409, "%s exists already." % filename) from None

        def remove_package(self, pkg: t.Any) -> None:
            """Remove nothing: nodes have the hashes of what was published."""
            raise bottle_wrapper.HTTPError(403, "A published file is never removed by a client.")

    return backend.BackendProxy(Files())


def serve(settings: t.Mapping[str, t.Any]) -> None:
    """Serve until the process ends."""
    store = Store(settings["current"], settings["index"], settings["uploads"])
    config = Config.default_with_overrides(
        authenticate=["update"],
        password_file=settings["passwords"],
        disable_fallback=True,
        overwrite=False,
        welcome_msg="This index has {{NUMPKGS}} files. Installers use the address that ends with +simple/.",
        server_base_url="/" + settings["index"],
    )
    config.backend = _backend(store)
    site = bottle_wrapper.Bottle()
    site.mount("/%s/" % settings["index"], setup_routes_from_config(app_from_config(config), config))
    bottle_wrapper.run(
        app=site,
        host=settings["host"],
        port=settings["port"],
        server="waitress",
        quiet=True,
        threads=settings.get("threads", 8),
        max_request_body_size=1 << 40,
        ident="",
    )


def set_passwords(path: str, users: t.Mapping[str, str], is_check: bool) -> t.List[str]:
    """Make a file have exactly these users with their passwords; return what changed, without the passwords."""
    from passlib.apache import HtpasswdFile, htpasswd_context

    context = htpasswd_context.copy(default=SCHEME, sha512_crypt__default_rounds=ROUNDS)
    found = HtpasswdFile(path, new=not os.path.exists(path), context=context)
    changes = []
    for user in sorted(set(found.users()) - set(users)):
        found.delete(user)
        changes.append("%s is removed" % user)
    for user, password in sorted(users.items()):
        had = user in found.users()
        if not had or not found.check_password(user, password):
            found.set_password(user, password)
            changes.append("the password of %s changes" % user if had else "%s is added" % user)
    if not is_check and (changes or not os.path.exists(path)):
        # The service's account may read it, and nobody else.
        handle, aside = tempfile.mkstemp(dir=os.path.dirname(path))
        with os.fdopen(handle, "wb") as stream:
            stream.write(found.to_string())
            stream.flush()
            if os.path.exists(path):
                status = os.stat(path)
                os.fchown(stream.fileno(), status.st_uid, status.st_gid)
            os.fchmod(stream.fileno(), stat.S_IRUSR | stat.S_IWUSR)
            os.fsync(stream.fileno())
        os.rename(aside, path)
    return changes


def main(arguments: t.Sequence[str]) -> None:
    """Serve, or set the passwords."""
    if arguments[0] == "serve":
        with open(arguments[1], encoding="utf-8") as stream:
            serve(json.load(stream))
    else:
        json.dump(set_passwords(arguments[1], json.load(sys.stdin), "--check" in arguments[2:]), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
