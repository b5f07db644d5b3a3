# SPDX-License-Identifier: GPL-3.0-or-later
"""A failed run ends with what went wrong."""

from __future__ import annotations

import types

import pytest
from ansible_collections.airgap.python.plugins.callback import failures


@pytest.fixture(name="ended")
def ended_fixture():
    """Return a callback, a function that makes a task of a host fail, and one that ends the run."""
    callback = failures.CallbackModule()
    printed = []
    callback._display = types.SimpleNamespace(display=lambda line, color: printed.append(line))

    def fail(host, task, answer, how="v2_runner_on_failed"):
        named = types.SimpleNamespace(_host=types.SimpleNamespace(get_name=lambda: host), _result=answer)
        named._task = types.SimpleNamespace(get_name=lambda: task)
        getattr(callback, how)(named)

    def end(failed=(), dark=()):
        callback.v2_playbook_on_stats(
            types.SimpleNamespace(failures=dict.fromkeys(failed, 1), dark=dict.fromkeys(dark, 1))
        )
        return printed

    return types.SimpleNamespace(fail=fail, end=end)


def test_each_failure_that_stopped_a_host_is_one_line(ended):
    for number in range(7):
        ended.fail("node%d" % number, "Install", {"msg": "The disk is full:\n  free some space."})
    ended.fail("idx", "Serve", {"msg": "rescued"})
    ended.fail("idx", "Say why", {"msg": "The port is taken. Choose another."})
    assert ended.end(["node%d" % number for number in range(7)] + ["idx"]) == [
        "FAILED on node0, node1, node2, node3, node4 and 2 more at 'Install': The disk is full: free some space.",
        "FAILED on idx at 'Say why': The port is taken. Choose another.",
    ]


def test_a_rescued_failure_is_not_printed(ended):
    ended.fail("idx", "Serve", {"msg": "rescued"})
    assert ended.end() == []


def test_unreachable_host_and_failed_item_are_printed(ended):
    ended.fail("node0", "Look", {"msg": "No route."}, "v2_runner_on_unreachable")
    ended.fail(
        "node1",
        "Loop",
        {"msg": "One or more items failed", "results": [{"msg": "fine"}, {"failed": True, "msg": "no"}]},
    )
    said = ended.end(["node1"], ["node0"])
    assert said[0].startswith("FAILED on node0 at 'Look': No route. Check that it is running")
    assert said[1] == "FAILED on node1 at 'Loop': no"


def test_of_a_command_the_last_line_of_its_error_output_is_printed(ended):
    answer = {"msg": "non-zero return code", "rc": 1, "stderr": "Traceback:\n  …\nNo module named venv\n\n"}
    ended.fail("idx", "Run", answer)
    assert ended.end(["idx"]) == ["FAILED on idx at 'Run': non-zero return code: No module named venv"]


def test_text_of_a_host_cannot_control_the_terminal(ended):
    ended.fail("idx", "Serve", {"msg": "\x1b[2Jno" + "x" * 9999})
    (line,) = ended.end(["idx"])
    assert "\x1b" not in line
    assert len(line) < 2100
