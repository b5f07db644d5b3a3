# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The indexes that a site's index serves: one for each bundle, which holds its files and nothing else.

Nodes use USER/INDEX, which inherits from the index of one bundle, USER/INDEX-<first digits of its id>. Changing its bases
is one transaction of devpi, so nodes see a bundle wholly or not at all. What must be known of a bundle's index is kept
in its own settings (custom_data), so that it moves with devpi's data to another host.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_bytes

Json = t.Dict[str, t.Any]
# What a server has: the settings of every index, by USER/INDEX.
Indexes = t.Mapping[str, Json]
# The files of an index: by name, the SHA-256 and the Requires-Python that the index lists.
Files = t.Mapping[str, t.Tuple[str, str]]

# How much of a bundle's id is in the name of its index.
DIGITS = 12
# The fewest digits by which a rollback can name a bundle.
FEWEST = 6
KEY = "airgap_bundle"
_TITLE = re.compile(r"Bundle ([0-9a-f]{32})\Z")


class BundleIndex(t.NamedTuple):
    """The index of a bundle.

    ``number`` counts how often a bundle was made the served one; 0 says that this one never was, so it may be incomplete.
    ``listing`` is the digest of its files, see digest().
    """

    name: str
    id: str
    number: int
    listing: str


def name_of(index: str, identity: str) -> str:
    """Return the name of a bundle's index."""
    return "%s-%s" % (index, identity[:DIGITS])


def digest(files: Files) -> str:
    """Return a SHA-256 over what an index lists."""
    rows = sorted([name, sha256, requires_python] for name, (sha256, requires_python) in files.items())
    return sha256_bytes(json.dumps(rows).encode("utf-8"))


def settings(identity: str, kind: str, admin: str) -> Json:
    """Return the settings of a bundle's index, without what is known of its files.

    ``kind`` is the server's name for its type. Only the user ``admin`` uploads to it, not the owner.
    """
    return {
        "type": kind,
        "bases": [],
        "volatile": False,
        "acl_upload": [admin],
        "acl_toxresult_upload": [],
        "title": "Bundle " + identity,
    }


def custom_data(identity: str, number: int = 0, listing: str = "") -> Json:
    """Return what a bundle's index says about itself."""
    return {KEY: {"id": identity, "number": number, "listing": listing}}


def find(index: str, indexes: Indexes) -> t.Dict[str, BundleIndex]:
    """Return the bundles' indexes of an index by their names; other indexes of the user are left out."""
    found = {}
    for name, config in indexes.items():
        if not re.match(re.escape(index) + "-[0-9a-f]{%d}\\Z" % DIGITS, name):
            continue
        custom = config.get("custom_data")
        data = custom.get(KEY) if isinstance(custom, dict) else None
        data = data if isinstance(data, dict) else {}
        title = _TITLE.match(str(config.get("title") or ""))
        identity = str(data.get("id") or (title.group(1) if title else ""))
        if name_of(index, identity) != name:
            continue
        number = data.get("number")
        found[name] = BundleIndex(
            name, identity, number if isinstance(number, int) else 0, str(data.get("listing") or "")
        )
    return found


def served(index: str, indexes: Indexes) -> t.Optional[BundleIndex]:
    """Return the bundle that an index serves, or None."""
    found = find(index, indexes)
    for base in (indexes.get(index) or {}).get("bases") or []:
        if base in found:
            return found[base]
    return None


def elsewhere(name: str, identity: str, indexes: Indexes) -> t.List[str]:
    """Return where else on the server a bundle is served: its indexes besides the one with this name."""
    ending = name_of("", identity)
    found = []
    for other in sorted(indexes):
        if other != name and other.endswith(ending):
            one = find(other[: -len(ending)], indexes).get(other)
            if one is not None and one.number and one.id == identity:
                found.append(other)
    return found


def newest_first(found: t.Mapping[str, BundleIndex]) -> t.List[BundleIndex]:
    """Return the bundles' indexes that have been served, the last one served first."""
    return sorted((one for one in found.values() if one.number), key=lambda one: (-one.number, one.name))


def next_number(found: t.Mapping[str, BundleIndex], name: str) -> int:
    """Return the number that a bundle's index gets when it is served: higher than all others."""
    others = max([one.number for one in found.values() if one.name != name] or [0])
    own = found[name].number if name in found else 0
    return own if own > others else others + 1


def superfluous(index: str, indexes: Indexes, serving: str, keep: int) -> t.Tuple[t.List[str], t.List[str]]:
    """Return which bundles' indexes are removed, and which would be, but are bases of another index.

    The one that is served stays, and the last ``keep`` - 1 that were. One that never was served was left by a run that failed.
    """
    found = find(index, indexes)
    former = [one.name for one in newest_first(found) if one.name != serving]
    stay = {serving, *former[: max(keep, 1) - 1]}
    used = {base for name, config in indexes.items() if name != index for base in config.get("bases") or []}
    spare = sorted(set(found) - stay)
    return [name for name in spare if name not in used], [name for name in spare if name in used]


def by_id(index: str, indexes: Indexes, text: str) -> BundleIndex:
    """Return the index of the bundle whose id begins with a text; raises AirgapError, with those to choose from, if it is not exactly one."""
    kept = newest_first(find(index, indexes))
    shown = ", ".join(one.id[:DIGITS] for one in kept) or "none"
    if not re.match(r"[0-9a-f]{%d,32}\Z" % FEWEST, text):
        raise AirgapError(
            "%r is not the id of a bundle, or its first %d or more digits. Bundles that %s can serve: %s."
            % (text[:80], FEWEST, index, shown)
        )
    several = [one for one in kept if one.id.startswith(text)]
    if len(several) != 1:
        raise AirgapError(
            "%s bundle on %s has an id that begins with %s. Bundles that it can serve, the last one served first: %s. For any "
            "other, transfer that bundle again and publish it with publish_older: true."
            % ("More than one" if several else "No", index, text, shown)
        )
    return several[0]
