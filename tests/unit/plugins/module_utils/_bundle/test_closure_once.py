# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a bundle that was imported is checked again to be closed."""

from __future__ import annotations

import json

import pytest
from ansible_collections.airgap.python.plugins.module_utils._bundle import _closure

SUMS = "a" * 64
RUN = "1" * 32


@pytest.mark.parametrize(
    ("result", "sums", "is_checked"),
    [("ok", SUMS, False), ("failed", SUMS, True), ("ok", "b" * 64, True), ("", SUMS, True), (None, SUMS, True)],
)
def test_only_exactly_the_bundle_that_was_imported_is_not_checked_again(
    monkeypatch, tmp_path, result, sums, is_checked
):
    """``result`` is None where there is no ledger, and empty where an import did not end."""
    checked = []
    monkeypatch.setattr(_closure, "check_bundle", lambda root, warn: checked.append(root))
    times = {"run": RUN, "when": "2026-05-01T00:00:00.000000Z"}
    records = [dict(times, event="begin", id=RUN, created="2026-05-01T00:00:00Z", sums=sums)]
    records += [dict(times, event="end", result=result)] if result else []
    ledger = tmp_path / "ledger.jsonl"
    if result is not None:
        ledger.write_text("".join(json.dumps(one) + "\n" for one in records))
    _closure.check_unless_imported("bundle", SUMS, str(ledger), print)
    assert checked == (["bundle"] if is_checked else [])


def test_without_a_ledger_every_bundle_is_checked(monkeypatch):
    checked = []
    monkeypatch.setattr(_closure, "check_bundle", lambda root, warn: checked.append(root))
    _closure.check_unless_imported("bundle", SUMS, "", print)
    assert checked == ["bundle"]
