# SPDX-License-Identifier: GPL-3.0-or-later
"""Which environments of a set are kept, which one is the former, and whether a set was rolled back."""

from __future__ import annotations

from ansible_collections.airgap.python.plugins.module_utils._install import _set_history


def test_each_environment_has_a_name_of_its_own_from_its_lock_and_its_interpreter():
    one = _set_history.new_id("a==1", "/usr/bin/python3.11", [])
    assert _set_history.is_id(one) and one == _set_history.new_id("a==1", "/usr/bin/python3.11", ["other"])
    assert one != _set_history.new_id("a==2", "/usr/bin/python3.11", [])
    assert one != _set_history.new_id("a==1", "/usr/bin/python3.12", [])
    again = _set_history.new_id("a==1", "/usr/bin/python3.11", [one])
    assert again == one + "-2" and _set_history.is_id(again)
    assert not _set_history.is_id(".tmp-airgap-link") and not _set_history.is_id("../" + one)


def test_former_one_is_what_served_before_and_a_rollback_leaves_the_history():
    history = _set_history.installed(_set_history.installed([], "", "a"), "a", "b")
    assert history == ["a", "b"]
    assert (_set_history.former(history, "b"), _set_history.is_rolled_back(history, "b")) == ("a", False)
    assert (_set_history.former(history, "a"), _set_history.is_rolled_back(history, "a")) == ("", True)
    # The next ordinary run goes to the last one again, or to another.
    assert _set_history.installed(history, "a", "b") == ["a", "b"]
    assert _set_history.installed(history, "a", "c") == ["b", "a", "c"]


def test_history_that_was_written_before_a_switch_that_did_not_happen_is_like_a_rollback():
    history = _set_history.installed(["a", "b"], "b", "c")
    assert _set_history.is_rolled_back(history, "b")


def test_history_has_only_what_is_there_and_what_serves():
    assert _set_history.parse("a\nb\na\nc\n", ["a", "b"], "") == ["b", "a"]
    assert _set_history.parse("a\n", ["a", "d"], "d") == ["a", "d"]
    assert _set_history.parse("", [], "d") == []
    assert _set_history.parse(_set_history.render(["a", "b"]), ["a", "b"]) == ["a", "b"]


def test_what_serves_and_what_was_installed_last_is_kept():
    assert _set_history.surplus(["a", "b", "c"], "c", 2) == ["a"]
    assert _set_history.surplus(["a", "b", "c"], "a", 2) == ["b"]
    assert _set_history.surplus(["a", "b", "c"], "c", 1) == ["a", "b"]
    assert _set_history.surplus(["a"], "a", 5) == []
