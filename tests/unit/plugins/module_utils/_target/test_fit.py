# SPDX-License-Identifier: GPL-3.0-or-later
"""An interpreter uses only what was resolved for its kind."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._target import _fit, _target_parser

from tests.unit.plugins.module_utils._target.targets import FREE_THREADED, target


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"python": "3.9.1"}, ""),
        ({"python": "3.9.18"}, "newer than 3.9.2"),
        ({"libc": "glibc-2.17"}, ""),
        ({"libc": "glibc-2.36"}, "newer than glibc-2.31"),
        ({"libc": "musl-1.2"}, "libc is musl-1.2"),
        ({"python": "3.10.1"}, "python is 3.10"),
        ({"arch": "aarch64"}, "arch is aarch64"),
        ({"implementation": "pypy"}, "implementation is pypy"),
        ({"tags": ["cp39-cp39d-linux_x86_64", "py3-none-any"]}, "its ABI is cp39d, here cp39"),
        (
            {"tags": ["cp39-cp39-manylinux_2_40_x86_64", "py3-none-any"]},
            "manylinux_2_40_x86_64, which are not accepted",
        ),
        ({"tags": ["cp39-cp39-manylinux_2_31_x86_64", "py3-none-any"]}, ""),
    ],
)
def test_interpreter_uses_only_what_was_resolved_for_its_kind(changes, reason):
    said = _fit.misfit(target(**changes), target())
    assert bool(said) == bool(reason)
    assert reason in said


def test_closest_target_is_chosen():
    older = target(name="older", python="3.9.0")
    closer = target(name="closer", python="3.9.1")
    newer = target(name="newer", python="3.9.18")
    assert _fit.best_fit([older, closer, newer], target()) == closer
    assert _fit.best_fit([newer], target()) is None


def test_wheels_with_the_gil_are_not_for_an_interpreter_without_it():
    threaded = target(python="3.13.5", tags=FREE_THREADED)
    assert "ABI" in _fit.misfit(target(python="3.13.5"), threaded)
    assert "ABI" in _fit.misfit(threaded, target(python="3.13.5"))


MACHINES: list = [
    {"name": "a", "python": "3.9.2", "libc": "glibc-2.31"},
    {"name": "b", "python": "3.9.18", "libc": "glibc-2.31"},
    {"name": "c", "python": "3.9.18", "libc": "glibc-2.28"},
    {"name": "d", "python": "3.9.2", "libc": "musl-1.2"},
    {"name": "e", "python": "3.10.2", "libc": "glibc-2.31"},
    {"name": "f", "python": "3.9.2", "libc": "glibc-2.31", "arch": "arm64"},
    {"name": "g", "python": "3.9.2", "libc": "glibc-2.31", "implementation": "pypy"},
    {"name": "h", "python": "3.13.5", "libc": "glibc-2.41"},
    {"name": "i", "python": "3.13.5", "os": "macos", "os_version": "14.0"},
    {"name": "j", "python": "3.13.5", "os": "macos", "os_version": "13.0"},
    {"name": "k", "python": "3.13.5", "os": "windows"},
    {
        "name": "l",
        "python": "3.13.5",
        "libc": "glibc-2.41",
        "tags": ["cp313-cp313t-manylinux_2_41_x86_64", "py3-none-any"],
    },
]


# For each of them, those whose lock it can install.
SERVES = {
    "a": "a",
    "b": "abc",
    "c": "c",
    "d": "d",
    "e": "e",
    "f": "f",
    "g": "g",
    "h": "h",
    "i": "ij",
    "j": "j",
    "k": "k",
    "l": "l",
}


@pytest.mark.parametrize("here", MACHINES, ids=lambda one: one["name"])
def test_interpreter_installs_locks_of_its_kind_that_are_no_newer(here):
    own = _target_parser.parse(here)[0]
    fitting = [one["name"] for one in MACHINES if not _fit.misfit(_target_parser.parse(one)[0], own)]
    assert "".join(fitting) == SERVES[here["name"]]
