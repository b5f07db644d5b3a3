# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to the environment of a set: nothing, a switch, a change in a copy, or a new one."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._install import _set_decision, _venv_plan
from ansible_collections.airgap.python.plugins.module_utils._install._set_decision import Decision, State
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import Pin

RIGHT = _venv_plan.Plan()
OLD = _venv_plan.Plan(change=("flask",))
PIP = "pip==26.3 --hash=sha256:%s  # pip-26.3-py3-none-any.whl 10\n" % ("a" * 64)


def lock(name, target, text):
    return {"set": name, "target": target, "content": base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    ("state", "action", "reason"),
    [
        (State(RIGHT), "", ""),
        (State(RIGHT, has_same_text=False), "recorded", "the text of the lock changed"),
        (State(RIGHT, others="user 7 owns it"), "", ""),
        (State(RIGHT, has_permissions=False), "changed", "its owner, group or mode must change"),
        (State(OLD), "changed", ""),
        (State(OLD, ready="abc"), "switched", "an environment with this lock was kept"),
        (State(_venv_plan.Plan(create=True), ready="abc"), "switched", "an environment with this lock was kept"),
        (State(_venv_plan.Plan(create=True)), "built", ""),
        (State(_venv_plan.Plan(rebuild="its Python no longer runs")), "built", "its Python no longer runs"),
        (State(OLD, others="user 7 owns it"), "built", "others can change it: user 7 owns it"),
        (State(OLD, damage=("a was changed",)), "built", "files in it are not what was installed: a was changed"),
    ],
)
def test_environment_is_changed_in_a_copy_unless_a_kept_one_is_right_or_it_cannot_be_trusted(state, action, reason):
    assert _set_decision.decide(state) == Decision(action, reason)


def test_repair_builds_from_nothing_whatever_is_there():
    assert _set_decision.decide(State(RIGHT, ready="abc"), is_repair=True).action == "built"


def test_changes_name_what_is_added_removed_and_changed_but_not_another_spelling():
    before = {"a": "1.0", "b": "2", "c": "3"}
    after = {"a": "1", "b": "2.1", "d": "4"}
    assert _set_decision.changes(before, after) == ["b 2 becomes 2.1", "c 3 is removed", "d 4 is added"]


def test_project_that_an_environment_lost_is_named():
    pins = [
        Pin("a", "1.0", "a" * 64, "a-1.0-py3-none-any.whl", 1),
        Pin("b-c", "2", "b" * 64, "b_c-2-py3-none-any.whl", 1),
    ]
    python = _venv_plan.Python((3, 11), "/usr/bin/python3")
    found = _venv_plan.Found("managed", tuple(pins), python, (("A", "1"), ("b_c", "2")))
    assert _set_decision.lacking(found) == []
    assert _set_decision.lacking(found._replace(installed=(("A", "1.1"),))) == ["a 1.0 is missing", "b-c 2 is missing"]


def test_locks_of_another_target_are_left_out_and_pip_is_found():
    found = [lock("airgap-pip", "one", PIP), lock("base", "one", "# base\n"), lock("base", "two", "# other\n")]
    locks = _set_decision.locks_of(found, "one")
    assert locks.texts["base"] == "# base\n" and locks.pip.filename == "pip-26.3-py3-none-any.whl"
    with pytest.raises(AirgapError, match="has no pip for the target two"):
        _set_decision.locks_of(found, "two")
    with pytest.raises(AirgapError, match="locks/airgap-pip/one.txt of the bundle does not pin pip"):
        _set_decision.locks_of([lock("airgap-pip", "one", "# empty\n")], "one")


def test_lock_that_is_not_base64_is_named():
    with pytest.raises(AirgapError, match="The lock of the set base for the target one is not a text in base64"):
        _set_decision.locks_of([{"set": "base", "target": "one", "content": "%"}], "one")
