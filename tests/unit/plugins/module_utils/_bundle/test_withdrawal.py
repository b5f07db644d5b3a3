# SPDX-License-Identifier: GPL-3.0-or-later
"""What is withdrawn is in the ledger with its reason, and stays withdrawn until it is restored."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import (
    _clock,
    _history,
    _ledger,
    _manifest,
    _withdrawal,
)
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _environments


@pytest.fixture(name="site")
def site_fixture(tmp_path: pathlib.Path) -> t.Dict[str, t.Any]:
    """Return the options of the module for a bundle that has two versions of one project."""
    files = [
        {"path": "wheels/" + name, "name": "zope-app", "version": version, "sha256": digit * 64, "size": 1}
        for name, version, digit in (("zope_app-1.0-py3-none-any.whl", "1.0", "1"), ("zope_app-2.0.whl", "2.0", "2"))
    ]
    manifest: t.Dict[str, t.Any] = {"format": 1, "id": "", "created": "2026-02-01T00:00:00Z", "base": None}
    manifest.update(sets=[], targets=[], files=files)
    manifest["id"] = _manifest.identify(manifest)
    (tmp_path / "manifest.json").write_text(_json.render(manifest), encoding="utf-8")
    return {
        "path": str(tmp_path / "ledger.jsonl"),
        "bundle": str(tmp_path),
        "versions": ["Zope.App == 1.0"],
        "how": "gone",
        "reason": "CVE-1",
        "operator": "ann",
        "index": "airgap/prod",
    }


def withdrawn(site: t.Mapping[str, t.Any]) -> t.List[t.Tuple[str, str, str, bool]]:
    """Return what the ledger has as withdrawn."""
    return [
        (one["name"], one["version"], one["reason"], one["gone"])
        for one in _ledger.withdrawn_options(_ledger.read(site["path"]))
    ]


def test_withdrawal_is_recorded_once_and_a_second_run_changes_nothing(site: t.Dict[str, t.Any]) -> None:
    first = _withdrawal.record(site, False)
    assert first["changed"] and first["versions"] == ["zope-app==1.0"]
    assert withdrawn(site) == [("zope-app", "1.0", "CVE-1", True)]
    assert first["withdrawn"] == _ledger.withdrawn_options(_ledger.read(site["path"]))
    second = _withdrawal.record(site, False)
    assert (second["changed"], second["withdrawn"]) == (False, first["withdrawn"])


def test_check_mode_writes_nothing_and_reports_what_would_be_withdrawn(site: t.Dict[str, t.Any]) -> None:
    result = _withdrawal.record(site, True)
    assert result["changed"] and result["withdrawn"][0]["version"] == "1.0"
    assert withdrawn(site) == []


def test_other_reason_or_way_is_recorded_and_the_last_counts(site: t.Dict[str, t.Any]) -> None:
    _withdrawal.record(site, False)
    assert _withdrawal.record(dict(site, how="yanked"), False)["changed"]
    assert _withdrawal.record(dict(site, how="yanked", reason="CVE-2"), False)["changed"]
    assert withdrawn(site) == [("zope-app", "1.0", "CVE-2", False)]


def test_restored_version_is_served_again(site: t.Dict[str, t.Any]) -> None:
    assert not _withdrawal.record(dict(site, how="restored", reason=""), False)["changed"]
    _withdrawal.record(site, False)
    assert _withdrawal.record(dict(site, how="restored", reason=""), False)["changed"]
    assert withdrawn(site) == []


def test_further_index_host_gets_what_the_first_has_withdrawn_and_restored(site: t.Dict[str, t.Any]) -> None:
    _withdrawal.record(dict(site, versions=["zope-app==1.0", "zope-app==2.0"]), False)
    # The second is no longer in the bundle, and the last has another reason now.
    other = [
        {"name": "old", "version": "1", "reason": "CVE-3", "gone": False},
        {"name": "zope-app", "version": "2.0", "reason": "CVE-2", "gone": True},
    ]
    same = {"path": site["path"], "same_as": other, "operator": "ann", "index": "airgap/prod"}
    assert _withdrawal.record(same, True)["withdrawn"] == other
    assert _withdrawal.record(same, False)["versions"] == ["zope-app==2.0", "zope-app==1.0", "old==1"]
    assert withdrawn(site) == [("old", "1", "CVE-3", False), ("zope-app", "2.0", "CVE-2", True)]
    assert not _withdrawal.record(same, False)["changed"]
    assert _withdrawal.record(dict(same, same_as=[]), False)["withdrawn"] == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"versions": ["zope-app==3.0"]}, "zope-app==3.0 is not in the bundle, which has 1.0, 2.0 of zope-app"),
        ({"versions": ["zope==1.0"]}, "which has no version of zope"),
        ({"versions": ["zope-app>=1.0"]}, "Write NAME==VERSION"),
        ({"versions": ["zope-app"]}, "Write NAME==VERSION"),
        ({"reason": " "}, "withdraw_reason is empty"),
    ],
)
def test_typo_is_refused_and_nothing_is_recorded(
    site: t.Dict[str, t.Any], changes: t.Dict[str, t.Any], message: str
) -> None:
    with pytest.raises(AirgapError, match=message):
        _withdrawal.record(dict(site, **changes), False)
    assert not pathlib.Path(site["path"]).exists()


def test_version_of_a_former_bundle_can_be_restored(site: t.Dict[str, t.Any]) -> None:
    line = {"event": "withdrawal", "run": "a", "versions": ["old==1"], "how": "gone", "reason": "r"}
    _ledger.append(site["path"], [line])
    assert _withdrawal.record(dict(site, versions=["old==1"], how="restored"), False)["changed"]


def test_history_shows_who_withdrew_what_and_why(site: t.Dict[str, t.Any]) -> None:
    _withdrawal.record(site, False)
    line = _history.table(_ledger.read(site["path"]), _clock.now())[-1]
    assert "ann" in line and "zope-app==1.0 gone: CVE-1" in line


def test_environments_that_have_it_are_named(tmp_path: pathlib.Path) -> None:
    for name, version in (("base", "1.0"), ("more", "2.0")):
        (tmp_path / name / ("lib/python3.11/site-packages/zope_app-%s.dist-info" % version)).mkdir(parents=True)
        (tmp_path / name / "pyvenv.cfg").write_text("", encoding="utf-8")
    found = _environments.find(str(tmp_path), ["Zope.App==1.0"])
    assert found == ["%s has zope-app==1.0" % (tmp_path / "base")]
    assert _environments.find(str(tmp_path / "nowhere"), ["a==1"]) == []
