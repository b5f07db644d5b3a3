# SPDX-License-Identifier: GPL-3.0-or-later
"""What a project's own files require, and what is refused by name."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _projects, _requirements

PROJECT = {
    "project": {"dependencies": ["flask>=3"], "optional-dependencies": {"Dot_env": ["python-dotenv"]}},
    "dependency-groups": {
        "test": ["pytest", {"include-group": "typing"}],
        "typing": ["mypy"],
        "round": [{"include-group": "round"}],
    },
}


def test_project_gives_its_dependencies_and_those_of_named_extras_and_groups():
    assert _projects.pyproject(PROJECT, [], [], "p") == ["flask>=3"]
    assert _projects.pyproject(PROJECT, ["dot-env"], ["test"], "p") == ["flask>=3", "python-dotenv", "pytest", "mypy"]


@pytest.mark.parametrize(
    ("document", "extras", "groups", "said"),
    [
        (PROJECT, ["nope"], [], "no extra nope. It has dot-env"),
        (PROJECT, [], ["nope"], "no dependency group nope. It has round, test, typing"),
        (PROJECT, [], ["round"], "includes itself"),
        ({"project": {"dynamic": ["dependencies"]}}, [], [], "dynamic"),
        ({}, [], [], "requires nothing"),
        ({"dependency-groups": {"x": [3]}}, [], ["x"], "PEP 735"),
    ],
)
def test_project_that_cannot_tell_is_refused_with_the_reason(document, extras, groups, said):
    with pytest.raises(_projects.ProjectError, match=said):
        _projects.pyproject(document, extras, groups, "pyproject.toml")


def test_pylock_gives_pins_with_markers_and_every_hash():
    document = {
        "lock-version": "1.0",
        "packages": [
            {
                "name": "tomli",
                "version": "2.0",
                "marker": "python_version < '3.11'",
                "wheels": [{"hashes": {"sha256": "b" * 64}}, {"hashes": {"sha256": "a" * 64}}],
            }
        ],
    }
    line = _projects.pylock(document, "pylock.toml")[0]
    assert line == "tomli==2.0 ; python_version < '3.11' --hash=sha256:%s --hash=sha256:%s" % ("a" * 64, "b" * 64)
    parsed = _requirements.parse([], ["f"], [], lambda path: line)
    assert len(parsed.requirements[0].hashes) == 2


def test_pylock_with_a_package_that_has_no_wheel_is_refused_by_name():
    document = {"lock-version": "1.0", "packages": [{"name": "old", "version": "1", "sdist": {}}]}
    with pytest.raises(_projects.ProjectError, match="old has no version or no wheel"):
        _projects.pylock(document, "pylock.toml")
    with pytest.raises(_projects.ProjectError, match="lock-version 2.0"):
        _projects.pylock({"lock-version": "2.0"}, "pylock.toml")


def test_option_in_a_file_is_refused_with_its_place():
    parsed = _requirements.parse([], ["r.txt"], [], lambda path: "flask\n--pre\n")
    with pytest.raises(_requirements.RequirementsError, match="r.txt, line 2: the option --pre"):
        _requirements.refuse_options(parsed)
