# SPDX-License-Identifier: GPL-3.0-or-later
"""The hostile interpreter changes exactly what is configured: otherwise the other tests would show nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.hostile import interpreter

ANSWER = {"changed": False, "id": "a", "signers": [{"key": "k", "n": 1}, "x"], "stat": {"path": {"deep": "d"}}, "rc": 0}


def test_every_string_is_replaced_at_any_depth_and_nothing_else():
    assert interpreter.replace_strings(ANSWER, "X") == {
        "changed": False,
        "id": "X",
        "signers": [{"key": "X", "n": 1}, "X"],
        "stat": {"path": {"deep": "X"}},
        "rc": 0,
        "warnings": ["X"],
    }
    assert ANSWER["id"] == "a"


def test_huge_text_replaces_only_the_strings_near_the_top():
    huge = "X" * interpreter.HUGE
    changed = interpreter.replace_strings({"deep": [["a", "b", "c"]], "near": "n"}, huge)
    assert changed == {"deep": [[huge, huge, "c"]], "near": huge}


def test_facts_are_added_and_the_answer_stays():
    changed = interpreter.attacked(ANSWER, {"facts": {"airgap_dir": "/canary"}})
    assert {key: changed[key] for key in ANSWER} == ANSWER
    assert changed["ansible_facts"] == {"airgap_dir": "/canary"}
    assert changed["add_host"]["host_vars"] == {"airgap_dir": "/canary"}


@pytest.mark.parametrize(("lie", "expected"), [("", {"id": "a"}), ("x", {"id": "X"}), ("y", {"id": "Y"})])
def test_requested_lie_of_several_is_returned(lie, expected):
    config = {"answers": {}, "attack": {"tasks": ["one"], "each": {"x": "X", "y": "Y"}}}
    text, is_changed = interpreter.respond(b'{"id": "a"}', config, "one", lie)
    assert (json.loads(text)["id"], is_changed) == (expected["id"], bool(lie))


@pytest.mark.parametrize(
    ("task", "attack", "expected"),
    [
        ("one", None, {"id": "a"}),
        ("one", {"tasks": ["two"], "strings": "X"}, {"id": "a"}),
        ("two", {"tasks": ["two"], "strings": "X"}, {"id": "X", "warnings": ["X"]}),
        ("two", {"tasks": None, "answer": {"id": "other"}}, {"id": "other"}),
        ("kept", None, {"rc": 0}),
        ("kept", {"tasks": None, "answer": {"rc": 1}}, {"rc": 1}),
    ],
)
def test_only_the_named_tasks_are_attacked(tmp_path, task, attack, expected):
    config = {
        "task_file": str(tmp_path / "task"),
        "log": str(tmp_path / "log"),
        "answers": {"kept": {"rc": 0}},
        "secrets": ["hidden"],
        "attack": attack,
    }
    (tmp_path / "task").write_text(task)
    (tmp_path / "config").write_text(json.dumps(config))
    module = b"print('{\"id\": \"a\"}')  # module_fqn='ansible.modules.stat', hidden"
    command = [sys.executable, os.path.abspath(interpreter.__file__), str(tmp_path / "config"), sys.executable]
    done = subprocess.run(command, input=module, stdout=subprocess.PIPE, check=True)
    assert json.loads(done.stdout) == expected
    (line,) = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    has_lied = bool(attack) and (attack["tasks"] is None or task in attack["tasks"])
    assert line == {"task": task, "module": "stat", "changed": has_lied, "received": ["hidden"]}


def test_program_that_a_module_starts_gets_the_real_interpreter(tmp_path):
    command = [sys.executable, os.path.abspath(interpreter.__file__), str(tmp_path / "none"), sys.executable]
    done = subprocess.run(command + ["-c", "print('real')"], stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"real\n"


def test_module_runs_once_for_all_lies_and_again_for_the_honest_answer(tmp_path):
    attack = {"tasks": ["one"], "each": {"x": "X", "y": "Y"}}
    config = {"answers": {}, "task_file": str(tmp_path / "task"), "log": str(tmp_path / "log"), "secrets": []}
    (tmp_path / "config").write_text(json.dumps(dict(config, attack=attack)))
    ran = tmp_path / "ran"
    module = ("open(%r, 'a').write('x'); print('{\"id\": \"a\"}')" % str(ran)).encode()
    command = [sys.executable, os.path.abspath(interpreter.__file__), str(tmp_path / "config"), sys.executable]
    found = []
    for lie in ("x", "y", ""):
        (tmp_path / "task").write_text("one\n" + lie)
        done = subprocess.run(command, input=module, stdout=subprocess.PIPE, check=True)
        found.append((json.loads(done.stdout)["id"], len(ran.read_text())))
    assert found == [("X", 1), ("Y", 1), ("a", 2)]
