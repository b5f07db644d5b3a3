# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bundle that install.sh verified, and the files in it."""

from __future__ import annotations

import argparse
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _hashes
from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _layout, _signature, _verify
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

FETCH_AGAIN = "Fetch the bundle again."


class Bundle(t.NamedTuple):
    """A bundle that was verified.

    ``sums`` has the sums of all its files, ``held`` the paths of the files in the
    folder, ``bases`` the folders of bundles that it adds to.
    """

    root: str
    manifest: t.Dict[str, t.Any]
    sums: t.Dict[str, str]
    held: t.FrozenSet[str]
    bases: t.Tuple[str, ...] = ()

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

    def find(self, filename: str, sha256: str) -> str:
        """Return the path of a wheel, in the bundle or in a base that was named; "" if it is in neither."""
        path = "%s/%s" % (_layout.POOL, filename)
        if path in self.held:
            return os.path.join(self.root, path)
        for base in self.bases:
            place = os.path.join(base, path)
            if os.path.isfile(place) and not os.path.islink(place):
                check_sum(place, _hashes.sha256_file(place), sha256)
                return place
        return ""

    def require(self, pins: t.Iterable[_lock.Pin]) -> t.List[str]:
        """Return the paths of the wheels of pins; raises AirgapError for those that only a base has."""
        places = {pin.filename: self.find(pin.filename, pin.sha256) for pin in pins}
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
            "%s has sha256 %s and should have %s: it was damaged or changed. %s" % (path, real, wanted, FETCH_AGAIN)
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
        "Have this bundle signed, and copy it here again.",
    )
    return sorted("%s (%s)" % (one.principal, one.key) for one in signers)


def verify(root: str, options: argparse.Namespace) -> t.Tuple[Bundle, t.List[str]]:
    """Verify a bundle and its signatures; return it, and who signed it."""
    if not os.path.isdir(root):
        raise AirgapError("%s is not a folder. Name that of the bundle with --bundle." % root)
    # From here on no one else can change what is read.
    _folder.check_owners(root)
    data, blocks = _folder.read_signatures(root)
    signers = check_signatures(os.path.join(root, _layout.SIGNATURE), data, blocks, options)
    manifest, entries = _verify.verify(root)
    sums = {entry.path: entry.sha256 for entry in entries}
    # The signed sums are the parsed ones.
    check_sum(os.path.join(root, _layout.SUMS), sums[_layout.SUMS], _hashes.sha256_bytes(data))
    bases = tuple(os.path.abspath(base) for base in options.base)
    return Bundle(root, manifest, sums, frozenset(sums), bases), signers
