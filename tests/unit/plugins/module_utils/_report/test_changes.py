# SPDX-License-Identifier: GPL-3.0-or-later
"""changes.json has every difference from the previous bundle, however often staging is repeated or interrupted."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _composition, _memory
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._report import _changes
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock
from packaging.version import Version

TARGETS = [{"name": "old", "python": "3.9.2"}, {"name": "new", "python": "3.13.5"}]
SETS = [{"name": "base", "targets": ["old", "new"]}]


def pin(name, version, content="a"):
    """Return a pin; ``content`` is the content of its file."""
    return _lock.Pin(name, version, content * 64, "%s-%s-py3-none-any.whl" % (name, version), 10)


def manifest(old, new=()):
    """Return the manifest of a bundle with these pins for each target."""
    locks = {("base", "old"): list(old), ("base", "new"): list(new)}
    return _composition.compose(SETS, TARGETS, locks, [], "2026-01-01T00:00:00Z")


ONE = manifest([pin("a", "1"), pin("b", "2.9"), pin("c", "1"), pin("e", "1")], [pin("a", "1")])
TWO = manifest([pin("a", "1"), pin("b", "2.10"), pin("c", "0.9"), pin("d", "1"), pin("e", "1", "b")], [pin("a", "1")])


def compare(earlier, now):
    """Return the changes between two manifests."""
    return _changes.compare(earlier, now, Version)


def test_everything_in_the_first_bundle_is_added():
    found = compare(None, ONE)
    assert found["against"] is None
    assert found["counts"] == {"added": 4, "upgraded": 0, "downgraded": 0, "replaced": 0, "removed": 0}
    assert len(found["files"]["new"]) == 4


def test_each_kind_of_change_is_listed_for_its_set_and_target():
    found = compare(ONE, TWO)
    old = next(lock for lock in found["locks"] if lock["target"] == "old")
    assert old["added"] == [{"name": "d", "to": "1"}]
    assert old["upgraded"] == [{"name": "b", "from": "2.9", "to": "2.10"}]
    assert old["downgraded"] == [{"name": "c", "from": "1", "to": "0.9"}]
    assert old["replaced"] == [{"name": "e", "from": "1", "to": "1"}]
    assert old["unchanged"] == 1 and old["removed"] == []
    new = next(lock for lock in found["locks"] if lock["target"] == "new")
    assert new["unchanged"] == 1 and not any(new[kind] for kind in _changes.KINDS)
    assert found["against"] == {"id": ONE["id"], "created": ONE["created"]}
    assert compare(TWO, ONE)["counts"]["removed"] == 1


def test_new_or_removed_set_is_listed():
    grown = manifest([pin("a", "1")], [pin("a", "1")])
    small = _composition.compose(
        [{"name": "base", "targets": ["old"]}], TARGETS, {("base", "old"): [pin("a", "1")]}, [], ""
    )
    assert {lock["target"]: lock["lock"] for lock in compare(small, grown)["locks"]} == {"old": "same", "new": "new"}
    assert {lock["target"]: lock["lock"] for lock in compare(grown, small)["locks"]} == {"old": "same", "new": "gone"}


def test_same_change_in_several_locks_is_counted_once():
    earlier = manifest([pin("a", "1")], [pin("a", "1")])
    found = compare(earlier, manifest([pin("a", "2")], [pin("a", "2")]))
    assert found["counts"]["upgraded"] == 1
    assert _changes.group(found["locks"], "upgraded")[0]["locks"] == ["base/new", "base/old"]


def test_inventory_is_compared_by_its_files():
    inventory = {"id": ONE["id"], "imported": [ONE["id"]], "files": ONE["files"]}
    inventory["files"] = [{k: v for k, v in one.items() if k != "used_by"} for one in inventory["files"]]
    found = compare(inventory, TWO)
    assert found["per_lock"] is False
    assert {kind: found["counts"][kind] for kind in _changes.KINDS} == {
        "added": 1,
        "upgraded": 1,
        "downgraded": 1,
        "replaced": 1,
        "removed": 0,
    }
    assert found["files"]["gone"] == ["b-2.9-py3-none-any.whl", "c-1-py3-none-any.whl"]


def test_bundle_that_is_staged_again_is_compared_with_the_same_bundle():
    state = _memory.add(None, ONE)
    assert _changes.choose_earlier(None, ONE["id"]) is None
    assert _changes.choose_earlier(state, ONE["id"]) is None
    assert _changes.choose_earlier(state, TWO["id"]) == ONE
    state = _memory.add(state, TWO)
    assert _changes.choose_earlier(state, TWO["id"]) == ONE
    assert _memory.add(state, TWO) is None
    assert _changes.choose_earlier(state, "0" * 32) == TWO


def test_change_back_is_a_change_too():
    state = _memory.add(_memory.add(None, ONE), TWO)
    assert _changes.choose_earlier(state, ONE["id"]) == TWO
    assert _changes.choose_earlier(_memory.add(state, ONE), ONE["id"]) == TWO


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"sealed": null, "before": null}', '{"sealed": {}, "before": 1}']
)
def test_memory_that_cannot_be_read_is_ignored(text):
    assert _memory.parse(text) is None


def test_memory_that_was_tampered_with_is_ignored():
    text = _json.render(_memory.add(None, ONE))
    state = _memory.parse(text)
    assert state and state["sealed"] == ONE
    assert _memory.parse(text.replace('"version": "2.9"', '"version": "2.8"')) is None


def test_base_is_a_manifest_or_an_inventory_whose_files_can_be_compared():
    assert _changes.parse_base(_json.render(ONE), "base.json") == ONE
    keys = ("path", "name", "version", "sha256")
    inventory: dict = {
        "id": ONE["id"],
        "imported": [],
        "files": [{key: one[key] for key in keys} for one in ONE["files"]],
    }
    assert _changes.parse_base(_json.render(inventory), "base.json") == inventory
    del inventory["files"][0]["version"]
    wrongs: list = [inventory, {"imported": [], "files": 1}, {"imported": []}]
    for wrong in wrongs:
        with pytest.raises(AirgapError, match=r"base\.json is not an inventory"):
            _changes.parse_base(_json.render(wrong), "base.json")


def test_base_is_used_in_full_if_it_is_remembered():
    inventory = {"id": ONE["id"], "imported": [], "files": []}
    assert _changes.choose_earlier(_memory.add(None, ONE), TWO["id"], inventory) == ONE
    assert _changes.choose_earlier(None, TWO["id"], inventory) == inventory
    assert _changes.choose_earlier(_memory.add(None, TWO), TWO["id"], ONE) == ONE
