# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an offered bundle changes on the receiving host, decided from its verified open part and the bundle in place.

Nothing here reads or writes a file.
"""

from __future__ import annotations

import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout, _manifest
from ansible_collections.airgap.python.plugins.module_utils._bundle._layout import Entry, is_in_pool, is_payload
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._transfer import _parts

# Path to SHA-256 of the files of the bundle in place.
Present = t.Mapping[str, str]


class Offer(t.NamedTuple):
    """What the sending host says of its bundle; nothing else that it says is used.

    ``sha256`` is that of its SHA256SUMS. ``signatures`` and ``volumes`` are the SHA-256 of SHA256SUMS.sig and, on a disk, of
    volumes.json; they are empty if there is no such file.
    """

    id: str
    sha256: str
    signatures: str = ""
    volumes: str = ""


class Contents(t.NamedTuple):
    """What a verified open part says of its bundle: the files that it carries and those that it leaves to its base."""

    manifest: t.Dict[str, t.Any]
    carried: t.Dict[str, Entry]
    left_out: t.Dict[str, Entry]

    @property
    def pool(self) -> t.List[str]:
        """Return the paths of the pool that the bundle carries, in the order in which both hosts number them."""
        return sorted(path for path in self.carried if is_payload(path))

    def size_of(self, path: str) -> int:
        """Return the size of a file, in bytes."""
        return self.carried[path].size


class Plan(t.NamedTuple):
    """What is missing here, and what changes when the offered bundle replaces the one in place.

    ``missing`` are ranges of the pool. ``held`` is how many files are here already. ``before`` and ``after`` are the paths
    of the bundle in place that are removed or replaced, and those that are added or replaced.
    """

    missing: t.List[_parts.Range] = []
    held: int = 0
    before: t.Sequence[str] = ()
    after: t.Sequence[str] = ()

    @property
    def bytes(self) -> int:
        """Return how many bytes of the pool are missing."""
        return sum(end - start for dummy, start, end in self.missing)

    @property
    def files(self) -> int:
        """Return of how many files something is missing."""
        return len({path for path, dummy, dummy in self.missing})


def is_in_place(offer: Offer, present: Present, left_out: t.Mapping[str, Entry], complete: bool) -> bool:
    """Say whether the bundle in place is the offered one with the offered signatures, and all files that it must have.

    ``left_out`` are the files that the bundle in place leaves to its base.
    """
    if present.get(_layout.SUMS) != offer.sha256 or present.get(_layout.SIGNATURE, "") != offer.signatures:
        return False
    here = set(present.values())
    # A reception links a file that is here under another name.
    return all(path in present for path, entry in left_out.items() if complete or entry.sha256 in here)


def plan(contents: Contents, present: Present, gaps_of: t.Callable[[Entry], t.Sequence[t.Tuple[int, int]]]) -> Plan:
    """Return what the offered bundle changes; raises AirgapError if a name in its pool has another content here.

    ``gaps_of`` returns the ranges (start, end) of a file that have not arrived.
    """
    missing: t.List[_parts.Range] = []
    for path in contents.pool:
        entry = contents.carried[path]
        if present.get(path) == entry.sha256:
            continue
        _check_content(entry, present)
        missing += [(path, start, end) for start, end in gaps_of(entry)]
    here = set(present.values())
    offered = dict(contents.carried)
    offered.update({path: entry for path, entry in contents.left_out.items() if entry.sha256 in here})
    changed = sorted(path for path, entry in offered.items() if present.get(path) != entry.sha256)
    removed = sorted(set(present) - set(contents.carried) - set(contents.left_out))
    held = len(offered) - len({path for path, dummy, dummy in missing})
    return Plan(missing, held, removed + [path for path in changed if path in present], changed)


def _check_content(entry: Entry, present: Present) -> None:
    """Raise AirgapError if the pool in place has another content under the name of an offered file."""
    if is_in_pool(entry.path) and present.get(entry.path, entry.sha256) != entry.sha256:
        raise AirgapError(
            "%s has sha256 %s here and %s in the offered bundle. A file name must always have the same content: find out "
            "which one is correct, and remove the other." % (entry.path, present[entry.path], entry.sha256)
        )


def check_left_out(contents: Contents, present: Present) -> None:
    """Raise AirgapError if a file that the bundle leaves to its base has another content here."""
    for entry in contents.left_out.values():
        _check_content(entry, present)


def check_completed(where: str, contents: Contents, present: Present) -> None:
    """Raise AirgapError, naming the base, if this host lacks files that the bundle leaves to it."""
    here = set(present.values())
    lacking = [entry._asdict() for entry in contents.left_out.values() if entry.sha256 not in here]
    _manifest.check_whole(where, contents.manifest, lacking)


def check_imported(contents: Contents, inventory: str, imported: t.Sequence[t.Any]) -> None:
    """Raise AirgapError if the base of a bundle is not among the ids of the bundles that were imported here.

    ``inventory`` is the path of their list, for the message.
    """
    identity, base = contents.manifest["id"], contents.manifest["base"]
    if base in imported:
        return
    last = (
        "the last of %d imports is %s" % (len(imported), imported[-1]) if imported else "%s names no import" % inventory
    )
    raise AirgapError(
        "Bundle %s adds to bundle %s, which was not imported here: %s. Import bundle %s first, or stage again with "
        "stage_base: the inventory.json of this host." % (identity, base, last, base)
    )
