# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bundle that install.sh verified, and the files in it."""

from __future__ import annotations

import argparse
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _disk_space, _hashes
from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout, _signature, _verify
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _index_file
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

TRANSFER_AGAIN = "Transfer the bundle again."


class Bundle(t.NamedTuple):
    """A bundle that was verified.

    ``sums`` has the sums of all its files, ``held`` the paths of the files in the
    folder, ``bases`` the folders of bundles that it adds to. With ``index_url``, its
    address, wheels are downloaded from there, and ``ca`` is what its certificate
    is checked with.
    """

    root: str
    manifest: t.Dict[str, t.Any]
    sums: t.Dict[str, str]
    held: t.FrozenSet[str]
    bases: t.Tuple[str, ...] = ()
    index_url: str = ""
    ca: str = ""

    @property
    def base(self) -> str:
        """The id of the bundle that this one adds to, its base."""
        return str(self.manifest["base"] or "(none)")

    def has_lock(self, set_name: str, target: str) -> bool:
        """Return whether there is a lock of a set for a target."""
        return _layout.lock_path(set_name, target) in self.sums

    def lock(self, set_name: str, target: str) -> str:
        """Return the text of a lock, which still has the sum that was verified."""
        path = _layout.lock_path(set_name, target)
        text = _folder.read_text(os.path.join(self.root, path))
        check_sum(os.path.join(self.root, path), _hashes.sha256_bytes(text.encode("utf-8")), self.sums[path])
        return text

    def pins(self, set_name: str, target: str) -> t.List[_lock.Pin]:
        """Return the pins of a lock."""
        where = os.path.join(self.root, _layout.lock_path(set_name, target))
        return _lock.parse_pins(self.lock(set_name, target), where)

    def find(self, pin: _lock.Pin) -> str:
        """Return the path of a wheel, in the bundle, in a base that was named, or from the index; "" if it is in none."""
        path = "%s/%s" % (_layout.POOL, pin.filename)
        if self.index_url:
            return self.download(pin, os.path.join(self.root, path))
        if path in self.held:
            return os.path.join(self.root, path)
        for base in self.bases:
            place = os.path.join(base, path)
            if os.path.isfile(place) and not os.path.islink(place):
                check_sum(place, _hashes.sha256_file(place), pin.sha256)
                return place
        return ""

    def download(self, pin: _lock.Pin, dest: str) -> str:
        """Have the wheel of a pin in the private folder that this bundle is in; return its path."""
        params = {
            "index_url": self.index_url,
            "ca_path": self.ca or None,
            "project": pin.name,
            "filename": pin.filename,
            "sha256": pin.sha256,
            "dest": dest,
            "timeout": 60,
            "attempts": 2,
        }
        try:
            _index_file.fetch(params)
        except OSError as error:
            if not _disk_space.is_disk_full(error):
                raise
            raise AirgapError(
                "The disk of %s is full: %s. Free some space, or set TMPDIR to a folder on another disk."
                % (self.root, _disk_space.free_space(self.root))
            ) from error
        return dest

    def require(self, pins: t.Iterable[_lock.Pin]) -> t.List[str]:
        """Return the paths of the wheels of pins; raises AirgapError for those that only a base has."""
        places = {pin.filename: self.find(pin) for pin in pins}
        missing = sorted(name for name, path in places.items() if not path)
        if missing:
            raise AirgapError(
                "This bundle does not carry %s%s: its base, the bundle %s, has them. "
                "Name its folder with --base."
                % (", ".join(missing[:5]), " and %d more" % (len(missing) - 5) if len(missing) > 5 else "", self.base)
            )
        return list(places.values())

    def copy(self, pin: _lock.Pin, folder: str) -> str:
        """Copy the wheel of a pin into a private folder and return the copy, which has the pin's sum."""
        (source,) = self.require([pin])
        path = os.path.join(folder, pin.filename)
        check_sum(source, _hashes.copy_hashed(source, path), pin.sha256)
        return path


def check_sum(path: str, real: str, wanted: str) -> None:
    """Raise AirgapError unless a file has the sum that it should have."""
    if real != wanted:
        raise AirgapError(
            "%s has sha256 %s and should have %s: it was damaged or changed. %s" % (path, real, wanted, TRANSFER_AGAIN)
        )


def read_list(path: str) -> t.List[str]:
    """Return the lines of a list of keys. It is the user's own file, so a link is followed."""
    if not os.path.isfile(path):
        raise AirgapError("%s does not exist. Name the file that you got from your officers." % path)
    with open(path, "rb") as stream:
        return stream.read(_folder.LARGEST_TEXT).decode("utf-8", "surrogateescape").split("\n")


def check_signatures(
    where: str, sums: bytes, blocks: t.Optional[t.Sequence[_signature.Block]], options: argparse.Namespace
) -> t.List[str]:
    """Return who of the allowed signers signed the sums; raises AirgapError if they are too few."""
    if not options.allowed_signers:
        return []
    path = options.allowed_signers
    try:
        allowed = _signature.allowed_signers(read_list(path))
        path = options.revoked
        revoked = _signature.revoked_lines(read_list(path)) if path else []
    except AirgapError as error:
        raise AirgapError(str(error) if str(error).startswith(path) else "%s: %s" % (path, error)) from error
    signers, rejected = _signature.check(sums, blocks or [], allowed, revoked)
    _signature.require(
        where,
        options.required or 1,
        signers,
        rejected,
        blocks is not None,
        "Have this bundle signed, and %s again." % ("publish it" if options.index else "copy it here"),
    )
    return sorted("%s (%s)" % (one.principal, one.key) for one in signers)


def is_not_served(path: str) -> bool:
    """Return whether an index that serves install.sh leaves out a file of its bundle."""
    return _layout.is_payload(path) or _layout.is_report(path)


def verify(root: str, options: argparse.Namespace) -> t.Tuple[Bundle, t.List[str]]:
    """Verify a bundle and its signatures; return it, and who signed it.

    With an index, the folder has what install.sh downloaded from there.
    """
    if not os.path.isdir(root):
        raise AirgapError("%s is not a folder. Name that of the bundle with --bundle." % root)
    # From here on no one else can change what is read.
    _folder.check_owners(root)
    data, blocks = _folder.read_signatures(root)
    where = "%s of %s" % (_layout.SIGNATURE, options.index) if options.index else os.path.join(root, _layout.SIGNATURE)
    signers = check_signatures(where, data, blocks, options)
    manifest, entries = _verify.verify(root, ignored=is_not_served if options.index else None)
    sums = {entry.path: entry.sha256 for entry in entries}
    # The signed sums are the parsed ones.
    check_sum(os.path.join(root, _layout.SUMS), sums[_layout.SUMS], _hashes.sha256_bytes(data))
    bases = tuple(os.path.abspath(base) for base in options.base)
    ca = os.path.abspath(options.ca) if options.ca else ""
    return Bundle(root, manifest, sums, frozenset(sums), bases, options.index, ca), signers
