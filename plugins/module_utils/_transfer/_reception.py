# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reception: how an offered bundle replaces the bundle in place on the receiving host.

The open part arrives first, which is everything except the pool. It is verified here, and from it follows which bytes of the
pool are missing. So nothing that the sending host says of its bundle is believed, and it learns only what is missing here.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import (
    _approval,
    _folder,
    _layout,
    _manifest,
    _sums,
    _verify,
)
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import fsync_dir, read_if_exists
from ansible_collections.airgap.python.plugins.module_utils._folder_lock import locked_folder
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_file
from ansible_collections.airgap.python.plugins.module_utils._transfer import (
    _incoming,
    _parts,
    _reception_plan,
    _stream,
    _volumes,
)
from ansible_collections.airgap.python.plugins.module_utils._transfer._parts import Part
from ansible_collections.airgap.python.plugins.module_utils._transfer._reception_plan import (
    Contents,
    Offer,
    Plan,
    Present,
)

# How long to wait for another reception, in seconds: less than the relay waits for the module.
TIMEOUT = 60


class Reception:
    """One offered bundle on its way to ``path`` through ``incoming``, a folder on the same file system.

    ``params`` are those of _approval.OPTIONS, and ``complete`` and ``inventory`` as module bundle_receive has them.
    With ``scratch``, an empty folder, nothing else is written: that is check mode.
    """

    def __init__(
        self, path: str, incoming: str, offer: Offer, params: t.Mapping[str, t.Any], scratch: str = ""
    ) -> None:
        if not offer.id.isalnum():
            raise AirgapError("%r is not the id of a bundle." % offer.id)
        self.path = path
        self.offer = offer
        self.params = params
        self.is_check_mode = bool(scratch)
        self.is_complete = bool(params.get("complete"))
        self.incoming = _incoming.Incoming(incoming, path, offer, scratch)

    # The bundle in place.

    def verify_present(self) -> t.Dict[str, str]:
        """Verify all of the bundle in place and return path to SHA-256; {} if there is none."""
        if not self.is_check_mode and not os.path.lexists(self.path) and os.path.isdir(self.path + ".previous"):
            # A run was killed between the two renames of replace().
            os.rename(self.path + ".previous", self.path)
        if not self.has_present():
            return {}
        dummy, entries = _verify.verify(self.path, incoming=self.incoming.folder)
        return {entry.path: entry.sha256 for entry in entries}

    def has_present(self) -> bool:
        """Say whether a bundle is in place."""
        return os.path.isdir(self.path) and bool(os.listdir(self.path))

    def read_present(self) -> t.Dict[str, str]:
        """Return path to SHA-256 as the bundle in place lists its files. It is verified before this and at the end."""
        if not self.has_present():
            return {}
        found = dict(_sums.parse(_folder.read_text(os.path.join(self.path, _layout.SUMS))))
        for entry in _manifest.left_out(_manifest.read(self.path)):
            if os.path.lexists(os.path.join(self.path, entry.path)):
                found[entry.path] = entry.sha256
        for name in (_layout.SUMS, _layout.SIGNATURE):
            if os.path.lexists(os.path.join(self.path, name)):
                found[name] = sha256_file(os.path.join(self.path, name))
        return found

    def result_in_place(self, present: Present) -> t.Optional[t.Dict[str, t.Any]]:
        """Return the result if the bundle in place is the offered one and has all files that it must have."""
        if present.get(_layout.SUMS) != self.offer.sha256:
            return None
        left_out = {one.path: one for one in _manifest.left_out(_manifest.read(self.path))}
        if not _reception_plan.is_in_place(self.offer, present, left_out, self.is_complete):
            return None
        return self.result(Plan(held=len(present)), len(left_out), [], [])

    # What is missing.

    def read_contents(self) -> Contents:
        """Verify the open part: signatures, age, names, sums, and that they agree."""
        if not self.incoming.has_open():
            raise AirgapError("The pool arrived before the open part, by which it is verified. Run the transfer again.")
        _approval.check(self.incoming.open, self.params)
        return self.incoming.read_contents()

    def plan(self, contents: Contents, present: Present, is_hashed: bool = True) -> Plan:
        """Return what the offered bundle changes here; raises AirgapError if it must not replace the one in place.

        Files that have arrived are hashed unless the caller has done that.
        """
        self.check_base(contents, present)
        plan = _reception_plan.plan(contents, present, lambda entry: self.incoming.gaps(entry, is_hashed))
        _incoming.check_space(self.incoming.folder, plan.bytes)
        return plan

    def check_base(self, contents: Contents, present: Present) -> None:
        """Refuse a bundle that this host cannot complete; the message names the bundle that is missing."""
        _reception_plan.check_left_out(contents, present)
        if not self.is_complete or not contents.manifest["base"]:
            return
        _reception_plan.check_completed(self.path, contents, present)
        inventory = self.params.get("inventory")
        is_here = present.get(_layout.MANIFEST) == contents.carried[_layout.MANIFEST].sha256
        if inventory is not None and not is_here:
            _reception_plan.check_imported(contents, inventory, read_imported(inventory))

    def parts_of(self, contents: Contents, wanted: t.Sequence[str], volume: str) -> t.List[Part]:
        """Return the parts of a stream: those wanted of the pool, or of a volume, or all parts of a volume."""
        if not volume:
            return _parts.parse_wanted(wanted, contents.pool, contents.size_of)
        for one in self.incoming.read_volumes(contents):
            if one.name == volume:
                ranges = _parts.parse_wanted(wanted, [volume], {volume: one.size}.__getitem__)
                return _volumes.parts_within(one, ranges) if wanted else list(one.parts)
        raise AirgapError("%s is not a volume of the offered bundle." % volume)

    # The end.

    def replace(self, contents: Contents) -> None:
        """Complete the incoming bundle, verify it, and replace the bundle in place."""
        present = self.verify_present()
        self.incoming.complete(contents, present)
        self.check_base(contents, present)
        self.incoming.add_left_out(contents, present)
        new = self.incoming.bundle
        _approval.check(new, self.params)
        dummy, entries = _verify.verify(new, self.is_complete, self.incoming.hashed, self.path)
        sums = {entry.path: entry.sha256 for entry in entries}
        offered = (self.offer.sha256, self.offer.signatures)
        if (sums[_layout.SUMS], sums.get(_layout.SIGNATURE, "")) != offered:
            raise AirgapError("%s is not the bundle that was offered. Run the transfer again." % new)
        # One call for all that arrived, before it takes its place.
        os.sync()
        previous = self.path + ".previous"
        shutil.rmtree(previous, ignore_errors=True)
        if os.path.lexists(self.path):
            os.rename(self.path, previous)
        os.rename(new, self.path)
        fsync_dir(os.path.dirname(self.path))
        shutil.rmtree(previous, ignore_errors=True)
        shutil.rmtree(self.incoming.folder, ignore_errors=True)

    def receive(
        self, stream: t.Optional[_stream.Source] = None, wanted: t.Sequence[str] = (), volume: str = ""
    ) -> t.Dict[str, t.Any]:
        """Receive a stream, if there is one, and go on as far as possible; return what is still missing.

        Without a stream the bundle in place is verified first. A stream without ``wanted`` and ``volume`` is the open part.
        A bundle of which nothing is missing replaces the one in place, but not in check mode.
        """
        arrived = (0, 0)
        if stream is None:
            present = self.verify_present()
            result = self.result_in_place(present)
            if result is not None:
                return result
            if not self.incoming.has_open():
                known = self.incoming.known(present)
                return {"changed": self.is_check_mode, "pending": True, "open": True, "known": known}
        elif not wanted and not volume:
            arrived = self.incoming.receive_open(stream, self.read_present())
        present = self.read_present()
        if stream is not None:
            # Another run may have been faster.
            result = self.result_in_place(present)
            if result is not None:
                return result
        has_parts = stream is not None and bool(wanted or volume)
        try:
            contents = self.read_contents()
            if stream is not None and has_parts:
                self.incoming.receive_parts(stream, self.parts_of(contents, wanted, volume), contents)
            # Files that arrived before were hashed for the first plan, and will be again at the end.
            plan = self.plan(contents, present, not has_parts)
        except AirgapError:
            self.incoming.remove_refused()
            raise
        volumes = self.incoming.read_volumes(contents) if plan.missing else []
        result = self.result(plan, len(contents.left_out), self.wanted(contents, plan), volumes)
        is_done = not plan.missing and not self.is_check_mode
        if is_done:
            self.replace(contents)
        result["pending"] = not is_done
        result["changed"] = self.is_check_mode or is_done or stream is not None
        if not self.is_check_mode and not is_done:
            # The difference is shown once, by the run that makes it.
            del result["diff"]
        result["files"] += arrived[0]
        result["bytes"] += arrived[1]
        result["held"] -= arrived[0]
        return result

    @staticmethod
    def wanted(contents: Contents, plan: Plan) -> t.List[str]:
        """Return what is missing as the sending host reads it."""
        return _parts.format_wanted(plan.missing, contents.pool, contents.size_of)

    def result(
        self, plan: Plan, left_out: int, wanted: t.List[str], volumes: t.List[_volumes.Volume]
    ) -> t.Dict[str, t.Any]:
        """Return a plan as the module returns it."""
        return {
            "changed": False,
            "pending": False,
            "open": False,
            "wanted": wanted,
            "bytes": plan.bytes,
            "files": plan.files,
            "held": plan.held,
            "left_out": left_out,
            "volumes": [
                {"name": one.name, "wanted": _parts.format_wanted(ranges, [one.name], lambda path: -1)}
                for one, ranges in _volumes.needed(volumes, plan.missing)
            ],
            "diff": {
                "before_header": self.path,
                "after_header": self.path,
                "before": "".join(path + "\n" for path in plan.before),
                "after": "".join(path + "\n" for path in plan.after),
            },
        }


@contextlib.contextmanager
def locked_reception(
    path: str, incoming: str, offer: Offer, params: t.Mapping[str, t.Any], check_mode: bool
) -> t.Iterator[Reception]:
    """Return the reception of an offered bundle; other runs wait until it ends. In check mode nothing lasting is written."""
    # The folder of both bundles is locked, because the incoming folder is removed in the end.
    folder = os.path.dirname(path)
    if not os.path.isdir(folder) and not check_mode:
        os.makedirs(folder)
        os.chmod(folder, 0o755)
    with contextlib.ExitStack() as stack:
        stack.enter_context(locked_folder(folder, check_mode, TIMEOUT))
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="airgap-receive-")) if check_mode else ""
        yield Reception(path, incoming, offer, params, scratch)


def read_imported(path: str) -> t.List[t.Any]:
    """Return the ids of all bundles that were imported on this host."""
    data = read_if_exists(path)
    document = _json.parse(data.decode("utf-8", "replace"), path) if data else {}
    imported = document.get("imported") if isinstance(document, dict) else None
    return imported if isinstance(imported, list) else []
