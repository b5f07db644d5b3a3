# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of the index host: what was imported, when, by whom, and with what result.

One JSON object a line: ``begin`` before anything is published, ``end`` after it, with one run id. A ``begin``
without an ``end`` is an interrupted import. A ``correction`` states that an import's time does not count, because
it was in the future. A ``rollback`` states that a bundle that was imported before is served again. A ``withdrawal``
states which versions are not served any more, or are again. Lines are only added.
"""

from __future__ import annotations

import datetime
import fcntl
import json
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _clock
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import fsync_dir, read_if_exists

FORMAT = 1
OK = "ok"
FAILED = "failed"
INTERRUPTED = "interrupted"
GONE = "gone"
YANKED = "yanked"
RESTORED = "restored"


class Import(t.NamedTuple):
    """One import: who imported what, when (RFC 3339, UTC), and how it ended.

    ``bytes`` is the size of the bundle's pool. ``corrected`` is when officers' signatures stated that ``created``
    does not count; empty where they did not.
    """

    run: str
    id: str
    base: t.Optional[str]
    created: str
    sums: str
    signers: t.List[t.Dict[str, str]]
    operator: str
    user: str
    published_to: str
    when: str
    ended: str
    result: str
    message: str
    files: int
    bytes: int
    uploaded: int
    present: int
    uploaded_bytes: int
    corrected: str


class Rollback(t.NamedTuple):
    """A bundle that was imported before is served again: who did it when, and which bundle it replaced.

    ``after`` is how many imports had started before it.
    """

    run: str
    id: str
    replaced: str
    operator: str
    user: str
    published_to: str
    when: str
    after: int


class Withdrawal(t.NamedTuple):
    """Versions, each as NAME==VERSION, that are not served any more: who withdrew them when, how and why.

    ``how`` says gone, yanked (PEP 592), or restored for versions that are served again. ``after`` is how many imports had
    started before it.
    """

    run: str
    versions: t.Sequence[str]
    how: str
    reason: str
    operator: str
    user: str
    published_to: str
    when: str
    after: int


class Ledger(t.NamedTuple):
    """All imports in the order in which they started, lines that are not records, all rollbacks and all withdrawals."""

    imports: t.List[Import]
    damaged: t.List[int]
    rollbacks: t.Sequence[Rollback] = ()
    withdrawals: t.Sequence[Withdrawal] = ()

    @property
    def withdrawn(self) -> t.Dict[str, Withdrawal]:
        """What is withdrawn now, as NAME==VERSION, and by which record."""
        found: t.Dict[str, Withdrawal] = {}
        for one in self.withdrawals:
            for version in one.versions:
                found[version] = one
        return {version: one for version, one in sorted(found.items()) if one.how in (GONE, YANKED)}

    @property
    def rollback(self) -> t.Optional[Rollback]:
        """The rollback that still counts: no import has succeeded after it."""
        if not self.rollbacks or any(one.result == OK for one in self.imports[self.rollbacks[-1].after :]):
            return None
        return self.rollbacks[-1]

    @property
    def served(self) -> str:
        """The id of the bundle that is served; empty where none was imported."""
        if self.rollback:
            return self.rollback.id
        return self.done[-1].id if self.done else ""

    @property
    def done(self) -> t.List[Import]:
        """The imports that succeeded, in the order in which they ended."""
        done = [one for one in self.imports if one.result == OK]
        return sorted(done, key=lambda one: one.ended)

    @property
    def ids(self) -> t.List[str]:
        """The ids of all imported bundles, each once, the last import last."""
        ids: t.List[str] = []
        for one in self.done:
            if one.id in ids:
                ids.remove(one.id)
            ids.append(one.id)
        return ids

    def ahead(self, at: datetime.datetime) -> t.List[Import]:
        """The imports that succeeded, are not corrected, and state a time in the future of ``at``."""
        return [one for one in self.done if not one.corrected and _clock.is_ahead(one.created, at)]


# What each entry of the option withdrawn has, as Ansible's argument_spec describes it.
WITHDRAWN: t.Dict[str, t.Any] = {
    "name": {"type": "str", "required": True},
    "version": {"type": "str", "required": True},
    "reason": {"type": "str", "default": ""},
    "gone": {"type": "bool", "default": False},
}


def withdrawn_options(ledger: Ledger) -> t.List[t.Dict[str, t.Any]]:
    """Return what is withdrawn, as the option withdrawn of the modules that publish."""
    found = []
    for pin, one in ledger.withdrawn.items():
        name, dummy, version = pin.partition("==")
        found.append({"name": name, "version": version, "reason": one.reason, "gone": one.how == GONE})
    return found


_TEXTS = ("run", "id", "created", "sums", "operator", "user", "published_to", "when", "ended", "result", "message")
_ROLLBACK_TEXTS = ("run", "id", "replaced", "operator", "user", "published_to", "when")
_WITHDRAWAL_TEXTS = ("run", "how", "reason", "operator", "user", "published_to", "when")
_COUNTS = ("files", "bytes", "uploaded", "present", "uploaded_bytes")


def _merge(begin: t.Mapping[str, t.Any], end: t.Optional[t.Mapping[str, t.Any]], corrected: str) -> Import:
    """Return the import that two records describe; what a record lacks is empty."""
    record = dict(begin)
    record.update(end or {}, when=begin.get("when"), ended=(end or {}).get("when", ""))
    if end is None:
        record["result"] = INTERRUPTED
    values: t.Dict[str, t.Any] = {key: str(record.get(key) or "") for key in _TEXTS}
    values.update({key: record[key] if isinstance(record.get(key), int) else 0 for key in _COUNTS})
    signers = record.get("signers")
    values["signers"] = [one for one in signers if isinstance(one, dict)] if isinstance(signers, list) else []
    values["base"] = record.get("base")
    return Import(corrected=corrected, **values)


def parse(text: str, where: str) -> Ledger:
    """Return the ledger that a text holds. A line that a killed run left incomplete counts as damaged.

    Raises AirgapError for records of a newer format.
    """
    begins: t.Dict[str, t.Dict[str, t.Any]] = {}
    ends: t.Dict[str, t.Dict[str, t.Any]] = {}
    corrections: t.Dict[str, str] = {}
    rollbacks: t.List[Rollback] = []
    withdrawals: t.List[Withdrawal] = []
    damaged = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line:
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict) and isinstance(record.get("format"), int) and record["format"] > FORMAT:
            raise AirgapError(
                "%s, line %d has format %d, and this collection reads format %d. Install the collection version that wrote it."
                % (where, number, record["format"], FORMAT)
            )
        if not isinstance(record, dict) or not isinstance(record.get("run"), str):
            damaged.append(number)
        elif record.get("event") == "begin":
            begins.setdefault(record["run"], record)
        elif record.get("event") == "end" and record["run"] in begins:
            ends.setdefault(record["run"], record)
        elif _is_correction(record, begins.get(record["run"])):
            corrections.setdefault(record["run"], str(record.get("when") or "yes"))
        elif record.get("event") == "rollback":
            texts = {key: str(record.get(key) or "") for key in _ROLLBACK_TEXTS}
            rollbacks.append(Rollback(after=len(begins), **texts))
        elif record.get("event") == "withdrawal" and isinstance(record.get("versions"), list):
            texts = {key: str(record.get(key) or "") for key in _WITHDRAWAL_TEXTS}
            versions = [str(one) for one in record["versions"]]
            withdrawals.append(Withdrawal(versions=versions, after=len(begins), **texts))
        else:
            damaged.append(number)
    imports = [_merge(begin, ends.get(run), corrections.get(run, "")) for run, begin in begins.items()]
    return Ledger(imports, damaged, rollbacks, withdrawals)


def _is_correction(record: t.Mapping[str, t.Any], begin: t.Optional[t.Mapping[str, t.Any]]) -> bool:
    """Return whether a record corrects the import that another record started."""
    if begin is None or record.get("event") != "correction":
        return False
    return (record.get("id"), record.get("created")) == (begin.get("id"), begin.get("created"))


def read(path: str) -> Ledger:
    """Return the ledger in a file; an empty one where the file does not exist."""
    return parse((read_if_exists(path) or b"").decode("utf-8", "replace"), path)


def append(path: str, records: t.Iterable[t.Mapping[str, t.Any]]) -> None:
    """Add records durably, all or none, one writer at a time; an incomplete line before them stays a line of its own."""
    lines = [json.dumps(dict(record, format=FORMAT), sort_keys=True) + "\n" for record in records]
    data = "".join(lines).encode("utf-8")
    is_new = not os.path.exists(path)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if is_new:
            os.fchmod(handle, 0o644)
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            data = b"\n" + data
        try:
            rest = data
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)
    if is_new:
        fsync_dir(os.path.dirname(path) or ".")
