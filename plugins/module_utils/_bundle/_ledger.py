# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of the index host: what was imported, by whom, and what may therefore come next.

One JSON object a line: ``begin`` before anything is published, ``end`` after it, with
one run id. A begin without an end is an import that was broken off. A ``correction`` says
that an import's time does not count, because it lay in the future. Lines are only added.
"""

from __future__ import annotations

import datetime
import fcntl
import json
import os
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import fsync_dir, read_if_exists
from ansible_collections.airgap.python.plugins.module_utils._text import shown

FORMAT = 1
OK = "ok"
FAILED = "failed"
BROKEN_OFF = "broken off"
LONGEST_MESSAGE = 1000
# How far the clock of a host outside may be ahead of this one's.
TOLERANCE = datetime.timedelta(hours=1)
# What ssh-keygen signs a correction for, so that no signature over a bundle serves as one, nor the other way round.
NAMESPACE = "airgap-ledger"


class Import(t.NamedTuple):
    """One import: who brought what, when (RFC 3339, UTC), and how it ended.

    ``bytes`` are the bundle's pool. ``corrected`` is when an officer's word came that ``created`` does not count.
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

    def ahead(self, at: datetime.datetime) -> t.List[Import]:
        """The imports that went well, are not corrected, and state a time in the future of ``at``."""
        return [one for one in self.done if not one.corrected and is_ahead(one.created, at)]


_TEXTS = ("run", "id", "created", "sums", "operator", "user", "published_to", "when", "ended", "result", "message")
_COUNTS = ("files", "bytes", "uploaded", "present", "uploaded_bytes")


def _fold(begin: t.Mapping[str, t.Any], end: t.Optional[t.Mapping[str, t.Any]], corrected: str) -> Import:
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
    return Import(corrected=corrected, **values)


def parse(text: str, where: str) -> Ledger:
    """Return what a ledger says. A line that a killed run left half written is counted as damaged, and no record.

    Raises AirgapError for records of a newer format.
    """
    begins: t.Dict[str, t.Dict[str, t.Any]] = {}
    ends: t.Dict[str, t.Dict[str, t.Any]] = {}
    corrections: t.Dict[str, str] = {}
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
        else:
            damaged.append(number)
    imports = [_fold(begin, ends.get(run), corrections.get(run, "")) for run, begin in begins.items()]
    return Ledger(imports, damaged)


def _is_correction(record: t.Mapping[str, t.Any], begin: t.Optional[t.Mapping[str, t.Any]]) -> bool:
    """Say whether a record corrects the import that another one began."""
    if begin is None or record.get("event") != "correction":
        return False
    return (record.get("id"), record.get("created")) == (begin.get("id"), begin.get("created"))


def read(path: str) -> Ledger:
    """Return the ledger of a file; an empty one where there is none."""
    return parse((read_if_exists(path) or b"").decode("utf-8", "replace"), path)


def clock() -> datetime.datetime:
    """Return what time it is on this host."""
    return datetime.datetime.now(datetime.timezone.utc)


def now() -> str:
    """Return the time as records have it, to the microsecond, so that their order is known."""
    return clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str, where: str) -> datetime.datetime:
    """Return the time that an RFC 3339 text names; raises AirgapError for another text."""
    try:
        found = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise AirgapError("%s: %r is no time (RFC 3339)." % (where, text[:80])) from error
    return found if found.tzinfo else found.replace(tzinfo=datetime.timezone.utc)


def is_ahead(created: str, at: datetime.datetime) -> bool:
    """Say whether a time lies further in the future of ``at`` than clocks may differ; what is no time does not."""
    try:
        return moment(created, "") - at > TOLERANCE
    except AirgapError:
        return False


def _shown(at: datetime.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def judge(ledger: Ledger, manifest: t.Mapping[str, t.Any], older_ok: bool, at: datetime.datetime) -> None:
    """Raise AirgapError if a bundle may not be taken in at the time ``at``.

    It may not be from the future, which nobody can allow, and not be older than what was imported, unless that is
    allowed. An empty ledger has no objection to an older one.
    """
    if is_ahead(manifest["created"], at):
        raise AirgapError(
            "Bundle %s states that it was created on %s, and the clock of this host says %s. A bundle from the future would "
            "shut out those that come after it. Set the clock that is wrong, of the internet host or of this one; if it was "
            "that of the internet host, stage the bundle again and have it signed again."
            % (manifest["id"], manifest["created"], _shown(at))
        )
    if not older_ok:
        _judge_succession(ledger, manifest, at)


def _judge_succession(ledger: Ledger, manifest: t.Mapping[str, t.Any], at: datetime.datetime) -> None:
    """Raise AirgapError if a bundle is older than what was imported: a replay would bring old versions back.

    The last one may come again. Its id counts first, then the time that its manifest states.
    """
    done = ledger.done
    if not done or manifest["id"] == done[-1].id:
        return
    mend = "Bring the newest bundle, or set publish_older: true if you want to go back."
    for one in reversed(done):
        if one.id == manifest["id"]:
            raise AirgapError(
                "Bundle %s is an older bundle: it was imported on %s, and %s after it. %s"
                % (one.id, one.ended, done[-1].id, mend)
            )
    ahead = ledger.ahead(at)
    if ahead:
        raise AirgapError(
            "Whether bundle %s of %s is older cannot be told: %s Set the clock of this host if that is wrong. Otherwise have "
            "an officer sign that the entry does not count: playbooks/history.yml says how."
            % (manifest["id"], manifest["created"], describe_ahead(ahead[-1], at))
        )
    counted = [one for one in done if not one.corrected]
    if not counted:
        return
    last = counted[-1]
    if moment(manifest["created"], "Bundle %s" % manifest["id"]) < moment(last.created, "Bundle %s" % last.id):
        raise AirgapError(
            "Bundle %s is an older bundle: it was created on %s, and the last one imported, %s, on %s. %s"
            % (manifest["id"], manifest["created"], last.id, last.created, mend)
        )


def describe_ahead(one: Import, at: datetime.datetime) -> str:
    """Return what is wrong with an entry from the future."""
    return (
        "the ledger's entry %s, bundle %s, states that it was created on %s, which lies in the future of this host's clock, %s."
        % (one.run[:8], one.id, one.created, _shown(at))
    )


def statement(one: Import) -> str:
    """Return the line that officers sign to say that an entry's time does not count.

    The run is in no other ledger, so the line serves nowhere else.
    """
    return "airgap-ledger: the time %s of bundle %s, run %s, does not count\n" % (one.created, one.id, one.run)


def find_stated(ledger: Ledger, text: str, at: datetime.datetime) -> Import:
    """Return the entry that a statement is about; raises AirgapError unless it is in this ledger, and in the future."""
    for one in ledger.done:
        if statement(one) != text:
            continue
        if not one.corrected and not is_ahead(one.created, at):
            raise AirgapError(
                "Run %s of bundle %s was created on %s, which does not lie in the future of this host's clock, %s. Such an entry "
                "counts, and nothing is to be corrected." % (one.run, one.id, one.created, _shown(at))
            )
        return one
    raise AirgapError(
        "%r is no statement about an entry of this ledger. Sign just the line that playbooks/history.yml shows, with the "
        "end of the line." % text[:300]
    )


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
    keys = ("path", "name", "version", "sha256", "size", "origin")
    return {
        "format": FORMAT,
        "id": manifest["id"],
        "imported": list(imported),
        "files": [{key: entry[key] for key in keys if key in entry} for entry in manifest["files"]],
    }


def _size(count: int) -> str:
    if count < 1000:
        return "%d B" % count
    if count < 1000000:
        return "%.1f kB" % (count / 1e3)
    return "%.1f MB" % (count / 1e6)


def table(ledger: Ledger, at: datetime.datetime) -> t.List[str]:
    """Return the lines of a table of all imports, the oldest first, with a note of damaged lines and of the future."""
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
                one.result
                + (": " + " ".join(one.message.split())[:120] if one.message else "")
                + (", its time does not count" if one.corrected else ""),
            ]
        )
    rows = [[shown(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    if len(rows) == 1:
        lines = ["Nothing was imported yet."]
    if ledger.damaged:
        lines.append("Not readable: line %s." % ", ".join(str(number) for number in ledger.damaged))
    lines += ["No newer bundle is taken in: " + describe_ahead(one, at) for one in ledger.ahead(at)]
    return lines
