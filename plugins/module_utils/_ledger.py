# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of the index host: what was imported, by whom, and what may therefore come next.

One JSON object a line: ``begin`` before anything is published, ``end`` after it, with
one run id. A begin without an end is an import that was broken off. Lines are only added.
"""

from __future__ import annotations

import datetime
import fcntl
import json
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._files import fsync_dir, read_if_there
from ansible_collections.airgap.python.plugins.module_utils._text import ShownError, shown

FORMAT = 1
OK = "ok"
FAILED = "failed"
BROKEN_OFF = "broken off"
LONGEST_MESSAGE = 1000


class LedgerError(ShownError):
    """A bundle may not come next, or the ledger cannot be used; the message names it, the reason and the mend."""


class Import(t.NamedTuple):
    """One import: who brought what, when (RFC 3339, UTC), and how it ended. ``bytes`` are the bundle's pool."""

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


class Ledger(t.NamedTuple):
    """All imports in the order in which they began, and the numbers of lines that are no record."""

    imports: t.List[Import]
    damaged: t.List[int]

    @property
    def done(self) -> t.List[Import]:
        """The imports that went well, in the order in which they ended."""
        done = [one for one in self.imports if one.result == OK]
        return sorted(done, key=lambda one: one.ended)

    @property
    def ids(self) -> t.List[str]:
        """The ids of all bundles that were imported, each once, the last import last."""
        ids: t.List[str] = []
        for one in self.done:
            if one.id in ids:
                ids.remove(one.id)
            ids.append(one.id)
        return ids


_TEXTS = ("run", "id", "created", "sums", "operator", "user", "published_to", "when", "ended", "result", "message")
_COUNTS = ("files", "bytes", "uploaded", "present", "uploaded_bytes")


def _fold(begin: t.Mapping[str, t.Any], end: t.Optional[t.Mapping[str, t.Any]]) -> Import:
    """Return the import that two records describe; what one lacks is empty."""
    record = dict(begin)
    record.update(end or {}, when=begin.get("when"), ended=(end or {}).get("when", ""))
    if end is None:
        record["result"] = BROKEN_OFF
    values: t.Dict[str, t.Any] = {key: str(record.get(key) or "") for key in _TEXTS}
    values.update({key: record[key] if isinstance(record.get(key), int) else 0 for key in _COUNTS})
    signers = record.get("signers")
    values["signers"] = [one for one in signers if isinstance(one, dict)] if isinstance(signers, list) else []
    values["base"] = record.get("base")
    return Import(**values)


def parse(text: str, where: str) -> Ledger:
    """Return what a ledger says. A line that a killed run left half written is counted as damaged, and no record.

    Raises LedgerError for records of a newer format.
    """
    begins: t.Dict[str, t.Dict[str, t.Any]] = {}
    ends: t.Dict[str, t.Dict[str, t.Any]] = {}
    damaged = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line:
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict) and isinstance(record.get("format"), int) and record["format"] > FORMAT:
            raise LedgerError(
                "%s, line %d has format %d, and this collection reads format %d. Install the collection version that wrote it."
                % (where, number, record["format"], FORMAT)
            )
        if not isinstance(record, dict) or not isinstance(record.get("run"), str):
            damaged.append(number)
        elif record.get("event") == "begin":
            begins.setdefault(record["run"], record)
        elif record.get("event") == "end" and record["run"] in begins:
            ends.setdefault(record["run"], record)
        else:
            damaged.append(number)
    return Ledger([_fold(begin, ends.get(run)) for run, begin in begins.items()], damaged)


def read(path: str) -> Ledger:
    """Return the ledger of a file; an empty one where there is none."""
    return parse((read_if_there(path) or b"").decode("utf-8", "replace"), path)


def now() -> str:
    """Return the time as records have it, to the microsecond, so that their order is known."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str, where: str) -> datetime.datetime:
    """Return the time that an RFC 3339 text names; raises LedgerError for another text."""
    try:
        found = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise LedgerError("%s: %r is no time (RFC 3339)." % (where, text[:80])) from error
    return found if found.tzinfo else found.replace(tzinfo=datetime.timezone.utc)


def judge_succession(ledger: Ledger, manifest: t.Mapping[str, t.Any]) -> None:
    """Raise LedgerError if a bundle is older than what was imported: a replay would bring old versions back.

    The last one may come again. Its id counts first, then the time that its manifest states.
    """
    done = ledger.done
    if not done or manifest["id"] == done[-1].id:
        return
    last = done[-1]
    mend = "Bring the newest bundle, or set publish_older: true if you want to go back."
    for one in reversed(done):
        if one.id == manifest["id"]:
            raise LedgerError(
                "Bundle %s is an older bundle: it was imported on %s, and %s after it. %s"
                % (one.id, one.ended, last.id, mend)
            )
    if moment(manifest["created"], "Bundle %s" % manifest["id"]) < moment(last.created, "Bundle %s" % last.id):
        raise LedgerError(
            "Bundle %s is an older bundle: it was created on %s, and the last one imported, %s, on %s. %s"
            % (manifest["id"], manifest["created"], last.id, last.created, mend)
        )


def judge(path: str, manifest: t.Mapping[str, t.Any], older_ok: bool) -> None:
    """Raise LedgerError if a bundle is older than what this host's ledger has; no ledger, no objection."""
    ledger = read(path)
    if not older_ok:
        judge_succession(ledger, manifest)


def is_settled(ledger: Ledger, manifest_id: str, sums: str, signers: t.Sequence[t.Mapping[str, str]]) -> bool:
    """Say whether the last import was of just this bundle with just these signers, and went well."""
    if not ledger.imports or not ledger.done or ledger.imports[-1].result != OK:
        return False
    last = ledger.done[-1]
    keys = {one.get("key") for one in last.signers}
    return (last.id, last.sums, keys) == (manifest_id, sums, {one.get("key") for one in signers})


def append(path: str, records: t.Iterable[t.Mapping[str, t.Any]]) -> None:
    """Add records durably, all or none, one writer at a time; a torn line before them stays a line of its own."""
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


def inventory(manifest: t.Mapping[str, t.Any], imported: t.Sequence[str]) -> t.Dict[str, t.Any]:
    """Return what the inside has: carried out, it is the base of the next delta."""
    keys = ("path", "name", "version", "sha256", "size")
    return {
        "format": FORMAT,
        "id": manifest["id"],
        "imported": list(imported),
        "files": [{key: entry[key] for key in keys} for entry in manifest["files"]],
    }


def _size(count: int) -> str:
    if count < 1000:
        return "%d B" % count
    if count < 1000000:
        return "%.1f kB" % (count / 1e3)
    return "%.1f MB" % (count / 1e6)


def table(ledger: Ledger) -> t.List[str]:
    """Return the lines of a table of all imports, the oldest first, with a note of damaged lines."""
    rows = [["run", "began", "operator", "bundle", "base", "signers", "files", "new", "there", "sent", "result"]]
    for one in ledger.imports:
        is_over = one.result != BROKEN_OFF
        rows.append(
            [
                one.run[:8],
                one.when[:19].replace("T", " "),
                one.operator if one.user in ("", one.operator) else "%s (%s)" % (one.operator, one.user),
                one.id[:12],
                (one.base or "-")[:12],
                ", ".join(signer.get("principal", "?") for signer in one.signers) or "-",
                str(one.files),
                str(one.uploaded) if is_over else "-",
                str(one.present) if is_over else "-",
                _size(one.uploaded_bytes) if is_over else "-",
                one.result + (": " + " ".join(one.message.split())[:120] if one.message else ""),
            ]
        )
    rows = [[shown(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    if len(rows) == 1:
        lines = ["Nothing was imported yet."]
    if ledger.damaged:
        lines.append("Not readable: line %s." % ", ".join(str(number) for number in ledger.damaged))
    return lines
