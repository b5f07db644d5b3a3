# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The receiving side of a transfer: what this host holds of an offered bundle, and how the rest gets in.

An offer is no more than an id and the sums of two files. The bundle's open part,
which is all but its pool, comes first. It is verified here, and from it follows
which bytes of the pool are missing. So nothing that the sending host says of its
bundle is believed, and nothing but the names of what is missing goes back to it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import time
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._access import other_writers
from ansible_collections.airgap.python.plugins.module_utils._bundle import (
    _approval,
    _folder,
    _layout,
    _manifest,
    _sums,
    _verify,
)
from ansible_collections.airgap.python.plugins.module_utils._bundle._layout import Entry, is_in_pool
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import fsync_dir, read_if_exists
from ansible_collections.airgap.python.plugins.module_utils._hashes import CHUNK, sha256_bytes, sha256_file
from ansible_collections.airgap.python.plugins.module_utils._transfer import _parts, _stream, _volumes
from ansible_collections.airgap.python.plugins.module_utils._transfer._parts import Part

PARTIAL = ".partial"
LIST = ".volumes.json"
# What came of another bundle is in nobody's way before it is this old, in seconds: somebody may be bringing it.
ABANDONED = 3600
Run = t.Tuple[str, int, int]


class Offer(t.NamedTuple):
    """What is said of the bundle that comes.

    ``sha256`` is that of its SHA256SUMS. ``signatures`` and ``volumes`` are the SHA-256 of SHA256SUMS.sig and, where a
    medium brings it, of volumes.json; empty where there is no such file.
    """

    id: str
    sha256: str
    signatures: str = ""
    volumes: str = ""


class Plan(t.NamedTuple):
    """What a bundle that is verified but for its pool comes to here.

    ``missing`` are runs of bytes (path, from, up to) of the pool, ``held`` is how many files are here already. ``before``
    and ``after`` are the paths of the bundle in place that go or change, and those that come or change.
    """

    missing: t.List[Run] = []
    held: int = 0
    before: t.Sequence[str] = ()
    after: t.Sequence[str] = ()

    @property
    def bytes(self) -> int:
        """Return how many bytes of the pool are missing."""
        return sum(end - begin for dummy, begin, end in self.missing)


class Reception:
    """One offered bundle on its way to ``path``, by way of ``incoming``, a folder of the same file system.

    ``params`` are those of _approval.OPTIONS, and ``complete`` and ``inventory`` as module bundle_receive has them.
    With ``scratch``, an empty folder, nothing else is written: that is check mode.
    """

    def __init__(
        self, path: str, incoming: str, offer: Offer, params: t.Mapping[str, t.Any], scratch: str = ""
    ) -> None:
        if not offer.id.isalnum():
            raise AirgapError("%r is not the id of a bundle." % offer.id)
        self.path = path
        self.incoming = incoming
        self.offer = offer
        self.params = params
        self.is_dry = bool(scratch)
        self.next = os.path.join(incoming, offer.id)
        self.partial = self.next + PARTIAL
        # Where the open part comes in.
        self.open = os.path.join(scratch, "bundle") if scratch else self.next
        self.list = self.open + LIST
        self.manifest: t.Dict[str, t.Any] = {}
        self.entries: t.Dict[str, Entry] = {}
        self.left_out: t.Dict[str, Entry] = {}
        # Path to SHA-256 of what this run has written itself, and hashed meanwhile.
        self.written: t.Dict[str, str] = {}

    # The bundle in place.

    def present(self) -> t.Dict[str, str]:
        """Return path to SHA-256 of the bundle in place, after verifying all of it; {} where there is none."""
        if not self.is_dry:
            self.recover()
        if not self.has_place():
            return {}
        dummy, entries = _verify.verify(self.path, incoming=self.incoming)
        return {entry.path: entry.sha256 for entry in entries}

    def has_place(self) -> bool:
        """Say whether there is a bundle in place."""
        return os.path.isdir(self.path) and bool(os.listdir(self.path))

    def listed(self) -> t.Dict[str, str]:
        """Return path to SHA-256 as the bundle in place lists them, for whoever verified it before and will again."""
        if not self.has_place():
            return {}
        found = _sums.parse(_folder.read_text(os.path.join(self.path, _layout.SUMS)))
        for entry in _manifest.left_out(_manifest.read(self.path)):
            if os.path.lexists(os.path.join(self.path, entry.path)):
                found[entry.path] = entry.sha256
        for name in (_layout.SUMS, _layout.SIGNATURE):
            if os.path.lexists(os.path.join(self.path, name)):
                found[name] = sha256_file(os.path.join(self.path, name))
        return found

    def recover(self) -> None:
        """Put back the bundle that a run killed between two renames had set aside."""
        if not os.path.lexists(self.path) and os.path.isdir(self.path + ".previous"):
            os.rename(self.path + ".previous", self.path)

    def is_in_place(self, present: t.Mapping[str, str]) -> bool:
        """Say whether the bundle in place is the offered one with the offered signatures, and whole where it has to be."""
        if present.get(_layout.SUMS) != self.offer.sha256:
            return False
        if present.get(_layout.SIGNATURE, "") != self.offer.signatures:
            return False
        self.left_out = {one.path: one for one in _manifest.left_out(_manifest.read(self.path))}
        here = set(present.values())
        # What is here under another name is linked by a reception.
        return all(
            path in present for path, one in self.left_out.items() if self.params.get("complete") or one.sha256 in here
        )

    # The open part.

    def expected(self) -> t.Optional[t.Dict[str, str]]:
        """Return path to SHA-256 of the files of the open part; None before SHA256SUMS is here."""
        data = read_if_exists(os.path.join(self.open, _layout.SUMS))
        if data is None or sha256_bytes(data) != self.offer.sha256:
            return None
        path = os.path.join(self.open, _layout.SUMS)
        found = dict(_sums.parse(_folder.read_text(path), path))
        found = {name: one for name, one in found.items() if not is_in_pool(name)}
        found[_layout.SUMS] = self.offer.sha256
        if self.offer.signatures:
            found[_layout.SIGNATURE] = self.offer.signatures
        return found

    def has_open(self) -> bool:
        """Say whether all of the open part is here and right."""
        if self.offer.volumes and not _is(self.list, self.offer.volumes):
            return False
        expected = self.expected()
        return (
            expected is not None
            and set(expected) == {path for path in _folder.walk(self.open) if not is_in_pool(path)}
            and all(_is(os.path.join(self.open, path), sha256) for path, sha256 in expected.items())
        )

    def known(self, present: t.Mapping[str, str]) -> t.List[str]:
        """Return the SHA-256 of the files that are here, but for those of a pool: the sending host leaves them out."""
        found = {sha256 for path, sha256 in present.items() if not is_in_pool(path)}
        for path in _folder.walk(self.next) if os.path.isdir(self.next) and not self.is_dry else ():
            if not is_in_pool(path):
                found.add(sha256_file(os.path.join(self.next, path)))
        return sorted(found)

    def take_open(self, stream: _stream.Source) -> t.Tuple[int, int]:
        """Receive the open part; return of how many files and bytes. A file has its name when its SHA-256 is right."""
        if not self.is_dry:
            self.make_incoming()
            self.forget_others()
        present = self.listed()
        self.keep_known(present, {_layout.SUMS: self.offer.sha256})
        sizes, files = _stream.read_open(stream)
        check_room(self.incoming, sum(sizes))
        expected = self.expected()
        count = 0
        for path, blocks in files:
            count += path != _volumes.LIST
            if path == _volumes.LIST:
                wanted, final = self.offer.volumes, self.list
            else:
                before = {_layout.SUMS: self.offer.sha256} if expected is None else expected
                wanted, final = before.get(path, ""), os.path.join(self.open, path)
            if not wanted:
                raise AirgapError("%r came, which is not in the open part of the offered bundle." % path)
            self.take_file(path, wanted, final, blocks)
            expected = self.expected() if path == _layout.SUMS else expected
        if expected is None:
            raise AirgapError("%s did not come, and the others are verified by it. Run this again." % _layout.SUMS)
        self.keep_known(present, expected)
        self.drop_strangers(expected)
        if not self.has_open():
            raise AirgapError("The open part of bundle %s did not come whole. Run this again." % self.offer.id)
        return count, sum(sizes)

    def take_file(self, path: str, wanted: str, final: str, blocks: t.Iterable[bytes]) -> None:
        """Write one file of the open part, and give it its name if it is what it should be."""
        os.makedirs(os.path.dirname(final), exist_ok=True)
        begun = self.open + ".begun"
        digest = hashlib.sha256()
        with open(begun, "wb") as target:
            for block in blocks:
                target.write(block)
                digest.update(block)
        check_sum(path, digest.hexdigest(), wanted)
        os.chmod(begun, 0o644)
        os.rename(begun, final)

    def keep_known(self, present: t.Mapping[str, str], expected: t.Mapping[str, str]) -> None:
        """Give files of the bundle in place their names in the open part, by their content."""
        here = {sha256: path for path, sha256 in present.items() if not is_in_pool(path)}
        for path, sha256 in expected.items():
            final = os.path.join(self.open, path)
            if sha256 in here and not _is(final, sha256):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(final)
                self.link(here[sha256], final)

    def load(self) -> None:
        """Judge the bundle by its open part: signatures, age, names, sums, and that all of it agrees."""
        if not self.has_open():
            raise AirgapError("The pool came before what it is judged by. Run the transfer again.")
        _approval.check(self.open, self.params)
        manifest, entries = _verify.verify(self.open, ignored=is_in_pool)
        if manifest["id"] != self.offer.id:
            raise AirgapError("Bundle %s was offered, and bundle %s came." % (self.offer.id, manifest["id"]))
        self.manifest = manifest
        self.entries = {one.path: one for one in entries + _manifest.carried(manifest)}
        self.left_out = {one.path: one for one in _manifest.left_out(manifest)}

    # What is missing.

    def plan(self, present: t.Mapping[str, str], is_hashed: bool = True) -> Plan:
        """Return what the loaded bundle comes to here; raises AirgapError where it cannot come in."""
        self.check_base(present)
        missing = self.missing(present, is_hashed)
        here = set(present.values())
        completed = {path: one for path, one in self.left_out.items() if one.sha256 in here}
        offered = dict(self.entries, **completed)
        news = sorted(path for path, entry in offered.items() if present.get(path) != entry.sha256)
        gone = sorted(set(present) - set(self.entries) - set(self.left_out))
        held = len(offered) - len({path for path, dummy, dummy in missing})
        plan = Plan(missing, held, gone + [path for path in news if path in present], news)
        check_room(self.incoming, plan.bytes)
        return plan

    def missing(self, present: t.Mapping[str, str], is_hashed: bool = True) -> t.List[Run]:
        """Return the runs of bytes (path, from, up to) of the pool that have to come.

        Files that have arrived are hashed, unless the caller has seen to that. Raises AirgapError where the pool in
        place has another content under a name of the offered one.
        """
        missing: t.List[Run] = []
        for path in self.pool():
            entry = self.entries[path]
            if present.get(path) == entry.sha256:
                continue
            self.check_place(path, entry, present)
            if not self.has_arrived(entry, is_hashed):
                missing += [(path, begin, end) for begin, end in _parts.gaps(self.runs(path), entry.size)]
        return missing

    def pool(self) -> t.List[str]:
        """Return the paths of the pool that the bundle brings, in the order in which both hosts number them."""
        return sorted(path for path in self.entries if is_in_pool(path))

    def wanted(self, missing: t.Iterable[Run]) -> t.List[str]:
        """Return what is missing as the sending host reads it."""
        return _parts.format_wanted(missing, self.pool(), lambda path: self.entries[path].size)

    def volumes(self) -> t.List[_volumes.Volume]:
        """Return the volumes of the medium that brings the pool; [] where none does."""
        if not self.offer.volumes:
            return []
        carried = [self.entries[path] for path in self.pool()]
        return _volumes.parse(_folder.read_text(self.list), _volumes.LIST, self.offer.id, carried)

    @staticmethod
    def check_place(path: str, entry: Entry, present: t.Mapping[str, str]) -> None:
        """Raise AirgapError where the pool in place has another content under an offered name."""
        if is_in_pool(path) and present.get(path, entry.sha256) != entry.sha256:
            raise AirgapError(
                "%s has sha256 %s here and %s in the offered bundle. One file name stands for one content: "
                "find out which is right, and remove the other." % (path, present[path], entry.sha256)
            )

    def check_base(self, present: t.Mapping[str, str]) -> None:
        """Refuse what this host cannot complete; say which bundle it misses."""
        for path, entry in self.left_out.items():
            self.check_place(path, entry, present)
        base = self.manifest["base"]
        if not self.params.get("complete") or not base:
            return
        here = set(present.values())
        lacking = [entry._asdict() for entry in self.left_out.values() if entry.sha256 not in here]
        _manifest.check_whole(self.path, self.manifest, lacking)
        is_here = present.get(_layout.MANIFEST) == self.entries[_layout.MANIFEST].sha256
        inventory = self.params.get("inventory")
        if inventory is not None and not is_here:
            imported = read_imported(inventory)
            if base not in imported:
                raise AirgapError(
                    "Bundle %s adds to bundle %s, which was not imported here: %s. Import bundle %s first, or stage "
                    "again with stage_base: the inventory.json of this host."
                    % (self.offer.id, base, describe_imported(inventory, imported), base)
                )

    def has_arrived(self, entry: Entry, is_hashed: bool = True) -> bool:
        """Say whether a file is here whole and right."""
        path = os.path.join(self.next, entry.path)
        if not os.path.isfile(path) or os.path.getsize(path) != entry.size:
            return False
        return not is_hashed or sha256_file(path) == entry.sha256

    def runs(self, path: str) -> t.Dict[int, int]:
        """Return offset to length of what came of a file, whole parts and the one at which a run was interrupted."""
        folder = os.path.join(self.partial, path)
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return {int(name): os.path.getsize(os.path.join(folder, name)) for name in names if name.isdigit()}

    # The pool.

    def parts_of(self, wanted: t.Sequence[str], volume: str) -> t.List[Part]:
        """Return the parts that a piece has: those wanted, or of a volume those wanted, or all of it."""
        if not volume:
            return _parts.parse_wanted(wanted, self.pool(), lambda path: self.entries[path].size)
        for one in self.volumes():
            if one.name == volume:
                runs = _parts.parse_wanted(wanted, [volume], {volume: one.size}.__getitem__)
                return _volumes.parts_within(one, runs) if wanted else list(one.parts)
        raise AirgapError("%s is not a volume of the offered bundle." % volume)

    def take(self, stream: _stream.Source, parts: t.Sequence[Part]) -> None:
        """Receive parts of the pool of the loaded bundle; files that are whole and right get their names."""
        self.make_incoming()
        self.forget_others()
        for part, blocks in _stream.read(stream, parts):
            self.take_part(part, blocks)

    def make_incoming(self) -> None:
        """Make the folder that nobody else can write to or look into while a bundle comes in."""
        os.makedirs(os.path.dirname(self.incoming), exist_ok=True)
        try:
            os.mkdir(self.incoming, 0o700)
        except FileExistsError:
            status = os.lstat(self.incoming)
            reason = "it is not a folder" if not stat.S_ISDIR(status.st_mode) else other_writers(status)
            if reason:
                raise AirgapError(
                    "%s can be changed by others while a bundle comes in: %s. Remove it; it holds nothing that does not "
                    "come again." % (self.incoming, reason)
                ) from None
            os.chmod(self.incoming, 0o700)

    def take_part(self, part: Part, blocks: t.Iterable[bytes]) -> None:
        """Keep one part of a file, as far as it comes, and finish the file when all of it is here.

        Nothing is synced: what a power cut leaves half written is found by its sum, and comes again.
        """
        entry = self.entries[part.path]
        folder = os.path.join(self.partial, part.path)
        if self.has_arrived(entry) or self.runs(part.path).get(part.offset, -1) >= part.length:
            return
        os.makedirs(folder, exist_ok=True)
        digest = hashlib.sha256()
        with open(os.path.join(folder, str(part.offset)), "wb") as target:
            for block in blocks:
                target.write(block)
                digest.update(block)
        runs = self.runs(part.path)
        if not _parts.gaps(runs, entry.size):
            self.join(entry, folder, digest.hexdigest() if len(runs) == 1 else None)

    def join(self, entry: Entry, folder: str, real: t.Optional[str] = None) -> None:
        """Make one file of all parts, check it, and give it its name in the incoming bundle.

        Args:
            entry: What the file should be.
            folder: Where its parts lie, each called by its offset.
            real: SHA-256 of the file where it came as one part.
        """
        begun = os.path.join(folder, "0")
        if real is None:
            with open(begun, "r+b") as target:
                for offset in sorted(self.runs(entry.path)):
                    if offset:
                        # Bytes that two parts brought are written twice; a killed run joins once more.
                        target.seek(offset)
                        with open(os.path.join(folder, str(offset)), "rb") as stream:
                            shutil.copyfileobj(stream, target, CHUNK)
            real = sha256_file(begun)
        if real != entry.sha256:
            shutil.rmtree(folder)
        check_sum(entry.path, real, entry.sha256)
        final = os.path.join(self.next, entry.path)
        os.makedirs(os.path.dirname(final), exist_ok=True)
        os.chmod(begun, 0o644)
        os.rename(begun, final)
        self.written[entry.path] = real
        shutil.rmtree(folder)

    def join_rest(self) -> None:
        """Join what a run that was killed between the last part of a file and its name left."""
        for path in self.pool():
            entry = self.entries[path]
            if self.runs(path) and not _parts.gaps(self.runs(path), entry.size):
                self.join(entry, os.path.join(self.partial, path))

    def forget_open(self) -> None:
        """Remove the open part of a bundle that is refused, unless some of its pool came before."""
        if self.is_dry or os.path.isdir(self.partial) or os.path.isdir(os.path.join(self.next, _layout.POOL)):
            return
        shutil.rmtree(self.next, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.unlink(self.list)
        with contextlib.suppress(OSError):
            os.rmdir(self.incoming)

    def forget_others(self) -> None:
        """Remove what came of bundles that nobody is bringing any more."""
        for name in os.listdir(self.incoming) if os.path.isdir(self.incoming) else []:
            path = os.path.join(self.incoming, name)
            if name.partition(".")[0] != self.offer.id and time.time() - newest(path) > ABANDONED:
                if os.path.isdir(path):
                    shutil.rmtree(path)
                else:
                    os.unlink(path)

    # The switch.

    def finish(self) -> None:
        """Complete the incoming bundle from the one in place, check it, and switch over."""
        self.make_incoming()
        present = self.present()
        for path in self.pool():
            if present.get(path) == self.entries[path].sha256:
                self.link(path, os.path.join(self.next, path))
        self.join_rest()
        missing = sorted(path for path in self.entries if not os.path.exists(os.path.join(self.next, path)))
        if missing:
            raise AirgapError(
                "%d files of the offered bundle are not here, the first %s. Another run may have received its own bundle "
                "meanwhile. Run this again." % (len(missing), missing[0])
            )
        self.check_base(present)
        here = {sha256: path for path, sha256 in present.items()}
        for path, entry in self.left_out.items():
            if entry.sha256 in here:
                self.link(here[entry.sha256], os.path.join(self.next, path))
        self.drop_strangers(dict(self.entries, **self.left_out))
        _approval.check(self.next, self.params)
        dummy, entries = _verify.verify(self.next, bool(self.params.get("complete")), self.written, self.path)
        arrived = {entry.path: entry.sha256 for entry in entries}
        offered = (self.offer.sha256, self.offer.signatures)
        if (arrived[_layout.SUMS], arrived.get(_layout.SIGNATURE, "")) != offered:
            raise AirgapError("%s is not the bundle that was offered. Run the transfer again." % self.next)
        # One call for all that arrived, before it takes its place.
        os.sync()
        previous = self.path + ".previous"
        shutil.rmtree(previous, ignore_errors=True)
        if os.path.lexists(self.path):
            os.rename(self.path, previous)
        os.rename(self.next, self.path)
        fsync_dir(os.path.dirname(self.path))
        shutil.rmtree(previous, ignore_errors=True)
        shutil.rmtree(self.incoming, ignore_errors=True)

    def link(self, path: str, final: str) -> None:
        """Give a file of the bundle in place a name in the incoming one, unless there is one already."""
        os.makedirs(os.path.dirname(final), exist_ok=True)
        if os.path.lexists(final):
            return
        if self.is_dry:
            shutil.copyfile(os.path.join(self.path, path), final)
        else:
            os.link(os.path.join(self.path, path), final)

    def drop_strangers(self, expected: t.Container[str]) -> None:
        """Remove leftovers from the incoming bundle: it is our own workplace, not yet a bundle."""
        for path in _folder.walk(self.open):
            if path not in expected and (self.entries or not is_in_pool(path)):
                os.unlink(os.path.join(self.open, path))


def go_on(
    reception: Reception,
    stream: t.Optional[_stream.Source] = None,
    wanted: t.Sequence[str] = (),
    volume: str = "",
) -> t.Dict[str, t.Any]:
    """Receive what comes, if anything does, and go as far as that allows; return what is still to come.

    Without a stream the bundle in place is verified first. With one, and neither ``wanted`` nor ``volume``, it is the
    open part that comes. A bundle of which nothing is missing any more takes its place, but not in check mode.
    """
    taken = (0, 0)
    if stream is None:
        present = reception.present()
        if reception.is_in_place(present):
            return _result(reception, Plan(held=len(present)), False)
        if not reception.has_open():
            return {"changed": reception.is_dry, "pending": True, "open": True, "known": reception.known(present)}
    elif not wanted and not volume:
        taken = reception.take_open(stream)
    present = reception.listed()
    if stream is not None and reception.is_in_place(present):
        # Another run was faster.
        return _result(reception, Plan(held=len(present)), False)
    is_pool = stream is not None and bool(wanted or volume)
    try:
        reception.load()
        if stream is not None and is_pool:
            reception.take(stream, reception.parts_of(wanted, volume))
        # What came before was hashed when the plan was made, and is again at the end.
        plan = reception.plan(present, not is_pool)
    except AirgapError:
        reception.forget_open()
        raise
    is_done = not plan.missing and not reception.is_dry
    if is_done:
        reception.finish()
    result = _result(reception, plan, True)
    result["changed"] = reception.is_dry or is_done or stream is not None
    if not reception.is_dry and not is_done:
        # It is shown once.
        del result["diff"]
    result["files"] += taken[0]
    result["bytes"] += taken[1]
    result["held"] -= taken[0]
    return result


def _result(reception: Reception, plan: Plan, is_pending: bool) -> t.Dict[str, t.Any]:
    return {
        "changed": False,
        "pending": is_pending and (bool(plan.missing) or reception.is_dry),
        "open": False,
        "wanted": reception.wanted(plan.missing),
        "bytes": plan.bytes,
        "files": len({path for path, dummy, dummy in plan.missing}),
        "held": plan.held,
        "left_out": len(reception.left_out),
        "volumes": [
            {"name": one.name, "wanted": _parts.format_wanted(runs, [one.name], lambda path: -1)}
            for one, runs in _volumes.needed(reception.volumes() if plan.missing else [], plan.missing)
        ],
        "diff": {
            "before_header": reception.path,
            "after_header": reception.path,
            "before": "".join(path + "\n" for path in plan.before),
            "after": "".join(path + "\n" for path in plan.after),
        },
    }


def check_sum(path: str, real: str, wanted: str) -> None:
    """Raise AirgapError unless a file that came is what it should be."""
    if real != wanted:
        raise AirgapError(
            "%s arrived with sha256 %s and should have %s. Run this again. Where it says the same, the file was "
            "changed on the sending host: verify the bundle there." % (path, real, wanted)
        )


def _is(path: str, sha256: str) -> bool:
    """Say whether a path is a plain file with this content."""
    return os.path.isfile(path) and not os.path.islink(path) and sha256_file(path) == sha256


def read_imported(path: str) -> t.List[t.Any]:
    """Return the ids of all bundles that were imported on this host."""
    data = read_if_exists(path)
    document = _json.parse(data.decode("utf-8", "replace"), path) if data else {}
    imported = document.get("imported") if isinstance(document, dict) else None
    return imported if isinstance(imported, list) else []


def describe_imported(path: str, imported: t.Sequence[t.Any]) -> str:
    """Return what a refusal says of the imports before."""
    if not imported:
        return "%s names no import" % path
    return "the last of %d imports is %s" % (len(imported), imported[-1])


def newest(folder: str) -> float:
    """Return when something in a folder was last changed, in seconds since 1970."""
    times = [os.stat(folder).st_mtime]
    for parent, _folders, files in os.walk(folder):
        times += [os.lstat(os.path.join(parent, name)).st_mtime for name in files + ["."]]
    return max(times)


def check_room(folder: str, size: int) -> None:
    """Raise AirgapError where a file system has no room for what has to come, before any of it comes."""
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise AirgapError(
            "%d bytes have to come, and the file system of %s has %d free. Free some space there, or set airgap_dir of "
            "this host to a folder on another file system." % (size, folder, free)
        )
