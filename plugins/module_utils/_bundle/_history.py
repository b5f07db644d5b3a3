# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger as it is shown: a table of all imports, and the entries from the future."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._bundle import _correction, _ledger, _succession
from ansible_collections.airgap.python.plugins.module_utils._text import shown

_HEADER = ["run", "started", "operator", "bundle", "base", "signers", "files", "new", "present", "sent", "result"]


def _size(count: int) -> str:
    if count < 1000:
        return "%d B" % count
    if count < 1000000:
        return "%.1f kB" % (count / 1e3)
    return "%.1f MB" % (count / 1e6)


def _row(one: _ledger.Import) -> t.List[str]:
    is_over = one.result != _ledger.INTERRUPTED
    return [
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


def _rollback_row(one: _ledger.Rollback) -> t.List[str]:
    operator = one.operator if one.user in ("", one.operator) else "%s (%s)" % (one.operator, one.user)
    start = [one.run[:8], one.when[:19].replace("T", " "), operator, one.id[:12]]
    return start + ["-"] * 6 + ["served again instead of %s" % (one.replaced[:12] or "(nothing)")]


def _withdrawal_row(one: _ledger.Withdrawal) -> t.List[str]:
    operator = one.operator if one.user in ("", one.operator) else "%s (%s)" % (one.operator, one.user)
    start = [one.run[:8], one.when[:19].replace("T", " "), operator]
    reason = ": " + " ".join(one.reason.split())[:120] if one.reason else ""
    return start + ["-"] * 7 + ["%s %s%s" % (", ".join(one.versions), one.how, reason)]


def _rows(ledger: _ledger.Ledger) -> t.List[t.List[str]]:
    """Return the rows of imports, rollbacks and withdrawals in the order in which they started."""
    between = [(one.after, one.when, _rollback_row(one)) for one in ledger.rollbacks]
    between += [(one.after, one.when, _withdrawal_row(one)) for one in ledger.withdrawals]
    rows: t.List[t.List[str]] = []
    for number in range(len(ledger.imports) + 1):
        rows += [row for after, _when, row in sorted(between) if after == number]
        rows += [_row(one) for one in ledger.imports[number : number + 1]]
    return rows


def table(ledger: _ledger.Ledger, at: datetime.datetime) -> t.List[str]:
    """Return the lines of a table of all imports, rollbacks and withdrawals, the oldest first, then damaged lines and entries from the future."""
    rows = [[shown(cell) for cell in row] for row in [_HEADER, *_rows(ledger)]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    if len(rows) == 1:
        lines = ["Nothing was imported yet."]
    if ledger.damaged:
        lines.append("Not readable: line %s." % ", ".join(str(number) for number in ledger.damaged))
    lines += ["No newer bundle can be imported: " + _succession.describe_ahead(one, at) for one in ledger.ahead(at)]
    return lines


def show(ledger: _ledger.Ledger, at: datetime.datetime) -> t.Dict[str, t.Any]:
    """Return all imports, as records and as a table."""
    return {
        "imports": [one._asdict() for one in ledger.imports],
        "rollbacks": [one._asdict() for one in ledger.rollbacks],
        "served": ledger.served,
        "withdrawals": [one._asdict() for one in ledger.withdrawals],
        "withdrawn": _ledger.withdrawn_options(ledger),
        "table": table(ledger, at),
        "ahead": [
            {"run": one.run, "id": one.id, "created": one.created, "statement": _correction.statement(one).strip()}
            for one in ledger.ahead(at)
        ],
        "damaged": ledger.damaged,
    }
