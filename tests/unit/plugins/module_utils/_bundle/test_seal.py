# SPDX-License-Identifier: GPL-3.0-or-later
"""What sealing promises: the memory names only bundles that were sealed, and no sealed bundle is missing from it for long."""

from __future__ import annotations

import os
import typing as t

import pytest
from ansible_collections.airgap.python.plugins.module_utils._bundle import _composition, _layout, _memory, _seal
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

from tests.unit.plugins.module_utils._bundle.test_manifest import SETS, TARGETS, write


class Stage:
    """A bundle that is staged, and its memory."""

    def __init__(self, folder: t.Any) -> None:
        self.root = str(folder / "bundle")
        self.memory = str(folder / "stage/sealed-manifests.json")

    def compose(self, name: str) -> str:
        """Write lock and manifest of a bundle with one wheel; return its id."""
        filename = name + "-1.0-py3-none-any.whl"
        pin = _lock.Pin(name, "1.0", write(self.root, "wheels/" + filename, b"x"), filename, 1)
        write(self.root, "locks/base/node.txt", _lock.render([pin], "node", "x").encode())
        order = _composition.Order(SETS, TARGETS, prune=True, memory=self.memory)
        plan = _composition.plan(self.root, order)
        _composition.apply(plan)
        return str(plan.after["id"])

    def seal(self, memory: t.Optional[str] = None) -> _seal.Plan:
        """Seal the bundle."""
        plan = _seal.plan(self.root, self.memory if memory is None else memory)
        _seal.apply(plan)
        return plan

    def ids(self) -> t.List[t.Optional[str]]:
        """Return the ids in the memory, the bundle that was sealed last first."""
        state = _memory.read(self.memory) or {}
        return [(state.get(key) or {}).get("id") for key in ("sealed", "before")]


@pytest.fixture(name="stage")
def stage_fixture(tmp_path: t.Any) -> Stage:
    """Return a bundle that is staged."""
    return Stage(tmp_path)


def test_memory_names_the_last_two_sealed_bundles(stage: Stage) -> None:
    one = stage.compose("one")
    assert stage.ids() == [None, None]
    stage.seal()
    two = stage.compose("two")
    assert stage.ids() == [one, None]
    stage.seal()
    assert stage.ids() == [two, one]
    assert not stage.seal().is_changed


def test_run_killed_between_sums_and_memory_never_records_a_bundle_that_is_not_sealed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.compose("one")
    with monkeypatch.context() as patch:
        patch.setattr(_seal, "write_atomic", lambda *_arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            stage.seal()
    assert stage.ids() == [None, None]
    assert not os.path.exists(os.path.join(stage.root, _layout.SUMS))


def test_sealed_bundle_that_a_killed_run_did_not_record_is_recorded_before_its_manifest_is_replaced(
    stage: Stage,
) -> None:
    one = stage.compose("one")
    # As a run leaves it that was killed after the sums and before the memory.
    stage.seal(memory="")
    assert stage.ids() == [None, None]
    two = stage.compose("two")
    assert stage.ids() == [one, None]
    stage.seal()
    assert stage.ids() == [two, one]
