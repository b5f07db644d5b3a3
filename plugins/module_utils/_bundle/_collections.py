# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives of Ansible collections: what their own MANIFEST.json states, and whether a number of them is closed.

Nothing that a Galaxy server or ansible-galaxy said is used for that.
"""

from __future__ import annotations

import operator
import os
import re
import tarfile
import typing as t
import zlib

from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

# A manifest has a few kB. More than this is an attack or a mistake.
_LARGEST = 16 * 1024 * 1024
_MANIFEST = "MANIFEST.json"
_NAME = re.compile(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*")
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?")
_LOOSE = re.compile(r"\d+(\.\d+){0,2}")
_OPERATORS: t.Dict[str, t.Callable[[t.Any, t.Any], bool]] = {
    "!=": operator.ne,
    "==": operator.eq,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}


class Collection(t.NamedTuple):
    """A collection as its archive states it: name, version, and what it depends on, name to versions."""

    name: str
    version: str
    dependencies: t.Mapping[str, str]

    @property
    def filename(self) -> str:
        """The file name that ansible-galaxy gives its archive."""
        return "%s-%s.tar.gz" % (self.name.replace(".", "-"), self.version)


class Closure(t.NamedTuple):
    """What of a number of collections is needed, and which requirements none of them meets, as sentences without a stop."""

    needed: t.Tuple[Collection, ...]
    problems: t.Tuple[str, ...]


def read(path: str) -> Collection:
    """Return what an archive states of itself; raises AirgapError for anything that is not the archive of a collection."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            member = next((one for one in archive if one.name in (_MANIFEST, "./" + _MANIFEST)), None)
            stream = archive.extractfile(member) if member is not None and member.size <= _LARGEST else None
            data = stream.read() if stream is not None else None
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise AirgapError(
            "%s is not the archive of a collection: %s. Build it with 'ansible-galaxy collection build'."
            % (path, error)
        ) from error
    if data is None:
        raise AirgapError(
            "%s is not the archive of a collection: it has no %s. Build it with 'ansible-galaxy collection build'."
            % (path, _MANIFEST)
        )
    return parse(data.decode("utf-8", "replace"), path)


def parse(text: str, where: str) -> Collection:
    """Return what the text of a MANIFEST.json states; raises AirgapError if it is not one."""
    document = _json.parse(text, "%s of %s" % (_MANIFEST, where))
    info = document.get("collection_info") if isinstance(document, dict) else None
    info = info if isinstance(info, dict) else {}
    name = "%s.%s" % (info.get("namespace"), info.get("name"))
    needs = info.get("dependencies") or {}
    is_valid = _NAME.fullmatch(name) is not None and _VERSION.fullmatch(str(info.get("version"))) is not None
    if not is_valid or not isinstance(needs, dict):
        raise AirgapError(
            "%s of %s states the collection %.80r in version %.80r, which is not a valid name or version."
            % (_MANIFEST, where, name, info.get("version"))
        )
    return Collection(name, info["version"], {str(one): str(needs[one]) for one in sorted(needs)})


def is_name(text: str) -> bool:
    """Return whether a text is the name of a collection, NAMESPACE.NAME."""
    return _NAME.fullmatch(text) is not None


def parse_version(text: str) -> t.Tuple[t.Any, ...]:
    """Return a semantic version as a value that can be compared; raises ValueError for another text."""
    match = _VERSION.fullmatch(text)
    if match is None:
        raise ValueError(text)
    before = match.group(4)
    parts = tuple((0, int(one), "") if one.isdigit() else (1, 0, one) for one in before.split(".")) if before else ()
    # A version without a suffix is newer than each of its pre-releases. What follows a plus sign does not count.
    return tuple(int(one) for one in match.groups()[:3]) + (not before, parts)


def is_met(version: str, wanted: str) -> bool:
    """Return whether a version is among those that are wanted, as Galaxy writes them: ``>=1.0.0,<2.0.0``, ``1.2.0``, ``*``.

    Raises ValueError for versions that cannot be read.
    """
    here = parse_version(version)
    for one in (part.strip() for part in wanted.split(",")):
        sign = next((sign for sign in _OPERATORS if one.startswith(sign)), "")
        text = one[len(sign) :].strip()
        if text in ("", "*"):
            continue
        if _LOOSE.fullmatch(text):
            text += ".0" * (2 - text.count("."))
        if not _OPERATORS[sign or "=="](here, parse_version(text)):
            return False
    return True


def check(wanted: t.Iterable[t.Tuple[str, str]], collections: t.Iterable[Collection]) -> Closure:
    """Return which collections are needed for the wanted ones (name and versions), and what is not met.

    Each dependency of each needed collection must be met by one that is given. The names are unique.
    """
    known = {one.name: one for one in collections}
    needed: t.Dict[str, Collection] = {}
    problems: t.List[str] = []
    queue = [(name, versions, "the site") for name, versions in wanted]
    while queue:
        name, versions, needs = queue.pop(0)
        found = known.get(name)
        if found is None:
            problems.append("%s needs %s %s, and there is no archive of it" % (needs, name, versions))
            continue
        try:
            is_right = is_met(found.version, versions)
        except ValueError:
            problems.append("%s needs %s in versions that cannot be read: %.80r" % (needs, name, versions))
            continue
        if not is_right:
            problems.append("%s needs %s %s, and the archive has %s" % (needs, name, versions, found.version))
        if name not in needed:
            needed[name] = found
            queue += [(one, found.dependencies[one], "%s %s" % (name, found.version)) for one in found.dependencies]
    return Closure(tuple(needed[name] for name in sorted(needed)), tuple(dict.fromkeys(problems)))


def reason_in(out: str) -> str:
    """Return the error in the output of ansible-galaxy, in one line."""
    lines = [line.strip() for line in out.splitlines() if line.strip()]
    first = next((number for number, line in enumerate(lines) if line.startswith(("ERROR", "[ERROR]"))), len(lines) - 1)
    return " ".join(lines[max(first, 0) : first + 4])[:600].rstrip(".") or "no output"


def read_folder(folder: str) -> t.Dict[str, Collection]:
    """Return file name to collection of the archives in a folder."""
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return {name: read(os.path.join(folder, name)) for name in names if name.endswith(".tar.gz")}
