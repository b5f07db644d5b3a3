# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The incoming folder: where a bundle is until it is complete and verified.

It holds ID, which becomes the bundle, ID.partial with the parts of files that are not complete, each file named after its
offset, and ID.volumes.json. A file gets its name in ID when it is complete and its SHA-256 is correct. Nothing is synced
before the end: what a power cut damages is found by its SHA-256, and is sent again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import time
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._access import other_writers
from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout, _manifest, _sums, _verify
from ansible_collections.airgap.python.plugins.module_utils._bundle._layout import Entry, is_payload
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import read_if_exists
from ansible_collections.airgap.python.plugins.module_utils._hashes import CHUNK, sha256_bytes, sha256_file
from ansible_collections.airgap.python.plugins.module_utils._transfer import _parts, _stream, _volumes
from ansible_collections.airgap.python.plugins.module_utils._transfer._parts import Part
from ansible_collections.airgap.python.plugins.module_utils._transfer._reception_plan import Contents, Offer, Present

# Another run may be receiving what is younger than this, in seconds.
ABANDONED = 3600


class Incoming:
    """What has arrived of an offered bundle in ``folder``; ``place`` is the bundle in place, on the same file system.

    With ``scratch``, an empty folder, nothing else is written: that is check mode.
    """

    def __init__(self, folder: str, place: str, offer: Offer, scratch: str = "") -> None:
        self.folder = folder
        self.place = place
        self.offer = offer
        self.is_check_mode = bool(scratch)
        self.bundle = os.path.join(folder, offer.id)
        self.partial = self.bundle + ".partial"
        # Where the open part is written.
        self.open = os.path.join(scratch, "bundle") if scratch else self.bundle
        self.list = self.open + ".volumes.json"
        # Path to SHA-256 of the files that this run has written and hashed.
        self.hashed: t.Dict[str, str] = {}

    def create(self) -> None:
        """Create the folder so that nobody else can change or read what is in it."""
        os.makedirs(os.path.dirname(self.folder), exist_ok=True)
        try:
            os.mkdir(self.folder, 0o700)
        except FileExistsError:
            status = os.lstat(self.folder)
            reason = "it is not a folder" if not stat.S_ISDIR(status.st_mode) else other_writers(status)
            if reason:
                raise AirgapError(
                    "%s can be changed by others while a bundle arrives: %s. Remove it: everything in it will be sent "
                    "again." % (self.folder, reason)
                ) from None
            os.chmod(self.folder, 0o700)

    def remove_abandoned(self) -> None:
        """Remove what arrived of other bundles, if no run has been receiving them for a while."""
        for name in os.listdir(self.folder) if os.path.isdir(self.folder) else []:
            path = os.path.join(self.folder, name)
            if name.partition(".")[0] != self.offer.id and time.time() - _last_change(path) > ABANDONED:
                if os.path.isdir(path):
                    shutil.rmtree(path)
                else:
                    os.unlink(path)

    def remove_refused(self) -> None:
        """Remove the open part of a bundle that is refused, unless some of its pool has arrived."""
        folders = [self.partial, *(os.path.join(self.bundle, one) for one in (_layout.POOL, _layout.FILES))]
        if self.is_check_mode or any(os.path.isdir(one) for one in folders):
            return
        shutil.rmtree(self.bundle, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.unlink(self.list)
        with contextlib.suppress(OSError):
            os.rmdir(self.folder)

    # The open part.

    def expected(self) -> t.Optional[t.Dict[str, str]]:
        """Return path to SHA-256 of the files of the open part; None until SHA256SUMS has arrived."""
        path = os.path.join(self.open, _layout.SUMS)
        data = read_if_exists(path)
        if data is None or sha256_bytes(data) != self.offer.sha256:
            return None
        sums = _sums.parse(_folder.read_text(path), path)
        found = {name: sha256 for name, sha256 in sums.items() if not is_payload(name)}
        found[_layout.SUMS] = self.offer.sha256
        if self.offer.signatures:
            found[_layout.SIGNATURE] = self.offer.signatures
        return found

    def has_open(self) -> bool:
        """Say whether the open part has arrived completely and correctly."""
        if self.offer.volumes and not _has_content(self.list, self.offer.volumes):
            return False
        expected = self.expected()
        return (
            expected is not None
            and set(expected) == {path for path in _folder.walk(self.open) if not is_payload(path)}
            and all(_has_content(os.path.join(self.open, path), sha256) for path, sha256 in expected.items())
        )

    def known(self, present: Present) -> t.List[str]:
        """Return the SHA-256 of the files outside the pool that are here, which the sending host leaves out."""
        found = {sha256 for path, sha256 in present.items() if not is_payload(path)}
        for path in _folder.walk(self.bundle) if os.path.isdir(self.bundle) and not self.is_check_mode else ():
            if not is_payload(path):
                found.add(sha256_file(os.path.join(self.bundle, path)))
        return sorted(found)

    def receive_open(self, stream: _stream.Source, present: Present) -> t.Tuple[int, int]:
        """Receive the open part; return how many files and bytes arrived."""
        if not self.is_check_mode:
            self.create()
            self.remove_abandoned()
        self.link_known(present, {_layout.SUMS: self.offer.sha256})
        sizes, files = _stream.read_open(stream)
        check_space(self.folder, sum(sizes))
        expected = self.expected()
        count = 0
        for path, chunks in files:
            count += path != _volumes.LIST
            if path == _volumes.LIST:
                wanted, final = self.offer.volumes, self.list
            else:
                known = {_layout.SUMS: self.offer.sha256} if expected is None else expected
                wanted, final = known.get(path, ""), os.path.join(self.open, path)
            if not wanted:
                raise AirgapError("%r arrived, and the open part of the offered bundle does not have it." % path)
            self.write_open_file(path, wanted, final, chunks)
            expected = self.expected() if path == _layout.SUMS else expected
        if expected is None:
            raise AirgapError(
                "%s did not arrive, and the other files are verified by it. Run this again." % _layout.SUMS
            )
        self.link_known(present, expected)
        for path in _folder.walk(self.open):
            if path not in expected and not is_payload(path):
                os.unlink(os.path.join(self.open, path))
        if not self.has_open():
            raise AirgapError("The open part of bundle %s did not arrive completely. Run this again." % self.offer.id)
        return count, sum(sizes)

    def write_open_file(self, path: str, sha256: str, final: str, chunks: t.Iterable[bytes]) -> None:
        """Write one file of the open part, and give it its name if its SHA-256 is correct."""
        os.makedirs(os.path.dirname(final), exist_ok=True)
        unverified = self.open + ".unverified"
        digest = hashlib.sha256()
        with open(unverified, "wb") as target:
            for chunk in chunks:
                target.write(chunk)
                digest.update(chunk)
        check_sha256(path, digest.hexdigest(), sha256)
        os.chmod(unverified, 0o644)
        os.rename(unverified, final)

    def link_known(self, present: Present, expected: t.Mapping[str, str]) -> None:
        """Add files of the bundle in place to the open part, by their content."""
        here = {sha256: path for path, sha256 in present.items() if not is_payload(path)}
        for path, sha256 in expected.items():
            final = os.path.join(self.open, path)
            if sha256 in here and not _has_content(final, sha256):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(final)
                self.link(here[sha256], final)

    def link(self, path: str, final: str) -> None:
        """Give a file of the bundle in place another name, unless that name exists; in check mode, copy it."""
        os.makedirs(os.path.dirname(final), exist_ok=True)
        if os.path.lexists(final):
            return
        if self.is_check_mode:
            shutil.copyfile(os.path.join(self.place, path), final)
        else:
            os.link(os.path.join(self.place, path), final)

    def read_contents(self) -> Contents:
        """Verify the open part, except its signatures, and return what it says of the bundle."""
        manifest, entries = _verify.verify(self.open, ignored=is_payload)
        if manifest["id"] != self.offer.id:
            raise AirgapError(
                "Bundle %s was offered, but bundle %s arrived. Run the transfer again."
                % (self.offer.id, manifest["id"])
            )
        return Contents(
            manifest,
            {one.path: one for one in entries + _manifest.carried(manifest)},
            {one.path: one for one in _manifest.left_out(manifest)},
        )

    def read_volumes(self, contents: Contents) -> t.List[_volumes.Volume]:
        """Return the volumes of the disk that carries the pool; [] without a disk."""
        if not self.offer.volumes:
            return []
        carried = [contents.carried[path] for path in contents.pool]
        return _volumes.parse(_folder.read_text(self.list), _volumes.LIST, self.offer.id, carried)

    # The pool.

    def has_arrived(self, entry: Entry, is_hashed: bool = True) -> bool:
        """Say whether a file has arrived completely and, if its content is hashed, correctly."""
        path = os.path.join(self.bundle, entry.path)
        if not os.path.isfile(path) or os.path.getsize(path) != entry.size:
            return False
        return not is_hashed or sha256_file(path) == entry.sha256

    def ranges(self, path: str) -> t.Dict[int, int]:
        """Return offset to length of what has arrived of a file that is not complete."""
        folder = os.path.join(self.partial, path)
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return {int(name): os.path.getsize(os.path.join(folder, name)) for name in names if name.isdigit()}

    def gaps(self, entry: Entry, is_hashed: bool = True) -> t.List[t.Tuple[int, int]]:
        """Return the ranges (start, end) of a file that have not arrived."""
        return [] if self.has_arrived(entry, is_hashed) else _parts.gaps(self.ranges(entry.path), entry.size)

    def receive_parts(self, stream: _stream.Source, parts: t.Sequence[Part], contents: Contents) -> None:
        """Receive parts of the pool; a file that is complete and correct gets its name."""
        self.create()
        self.remove_abandoned()
        for part, chunks in _stream.read(stream, parts):
            self.write_part(part, chunks, contents.carried[part.path])

    def write_part(self, part: Part, chunks: t.Iterable[bytes], entry: Entry) -> None:
        """Write what arrives of one part of a file, and join the file if it is complete then."""
        folder = os.path.join(self.partial, part.path)
        if self.has_arrived(entry) or self.ranges(part.path).get(part.offset, -1) >= part.length:
            return
        os.makedirs(folder, exist_ok=True)
        digest = hashlib.sha256()
        with open(os.path.join(folder, str(part.offset)), "wb") as target:
            for chunk in chunks:
                target.write(chunk)
                digest.update(chunk)
        ranges = self.ranges(part.path)
        if not _parts.gaps(ranges, entry.size):
            self.join(entry, digest.hexdigest() if len(ranges) == 1 else None)

    def join(self, entry: Entry, sha256: t.Optional[str] = None) -> None:
        """Join the parts of a file, and give the file its name if its SHA-256 is correct.

        ``sha256`` is that of a file that arrived as one part.
        """
        folder = os.path.join(self.partial, entry.path)
        joined = os.path.join(folder, "0")
        if sha256 is None:
            with open(joined, "r+b") as target:
                for offset in sorted(self.ranges(entry.path)):
                    if offset:
                        # Bytes that are in two parts are written twice. A run after a killed one joins again.
                        target.seek(offset)
                        with open(os.path.join(folder, str(offset)), "rb") as stream:
                            shutil.copyfileobj(stream, target, CHUNK)
            sha256 = sha256_file(joined)
        if sha256 != entry.sha256:
            shutil.rmtree(folder)
        check_sha256(entry.path, sha256, entry.sha256)
        final = os.path.join(self.bundle, entry.path)
        os.makedirs(os.path.dirname(final), exist_ok=True)
        os.chmod(joined, 0o644)
        os.rename(joined, final)
        self.hashed[entry.path] = sha256
        shutil.rmtree(folder)

    def complete(self, contents: Contents, present: Present) -> None:
        """Add all that the bundle in place has of the offered one; raises AirgapError if files are missing then."""
        self.create()
        for path in contents.pool:
            entry = contents.carried[path]
            if present.get(path) == entry.sha256:
                self.link(path, os.path.join(self.bundle, path))
            elif self.ranges(path) and not _parts.gaps(self.ranges(path), entry.size):
                # A run was killed after the last part of the file had arrived.
                self.join(entry)
        missing = sorted(path for path in contents.carried if not os.path.exists(os.path.join(self.bundle, path)))
        if missing:
            raise AirgapError(
                "%d files of the offered bundle are missing here, the first is %s. Another run may have received its own "
                "bundle meanwhile. Run this again." % (len(missing), missing[0])
            )

    def add_left_out(self, contents: Contents, present: Present) -> None:
        """Add the files of the base that the bundle in place has, and remove files that the offered bundle does not have."""
        here = {sha256: path for path, sha256 in present.items()}
        for path, entry in contents.left_out.items():
            if entry.sha256 in here:
                self.link(here[entry.sha256], os.path.join(self.bundle, path))
        for path in _folder.walk(self.bundle):
            if path not in contents.carried and path not in contents.left_out:
                os.unlink(os.path.join(self.bundle, path))


def check_sha256(path: str, found: str, expected: str) -> None:
    """Raise AirgapError unless a file that arrived has the SHA-256 that it should have."""
    if found != expected:
        raise AirgapError(
            "%s arrived with sha256 %s and should have %s. Run this again. If the message stays the same, the file was "
            "changed on the sending host: verify the bundle there." % (path, found, expected)
        )


def _has_content(path: str, sha256: str) -> bool:
    """Say whether a path is a plain file with this content."""
    return os.path.isfile(path) and not os.path.islink(path) and sha256_file(path) == sha256


def _last_change(folder: str) -> float:
    """Return when something in a folder changed last, in seconds since 1970."""
    times = [os.stat(folder).st_mtime]
    for parent, _folders, files in os.walk(folder):
        times += [os.lstat(os.path.join(parent, name)).st_mtime for name in files + ["."]]
    return max(times)


def check_space(folder: str, size: int) -> None:
    """Raise AirgapError if a file system does not have the space for what will arrive."""
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise AirgapError(
            "%d bytes are needed, and the file system of %s has %d free. Free some space there, or set airgap_dir of this "
            "host to a folder on another file system." % (size, folder, free)
        )
