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


def texts(document, extras=(), groups=()):
    """Return the requirements of a pyproject.toml, without where they stand."""
    return [line.text for line in _projects.pyproject(document, list(extras), list(groups), "p")]


def test_project_gives_its_dependencies_and_those_of_named_extras_and_groups():
    assert texts(PROJECT) == ["flask>=3"]
    assert texts(PROJECT, ["dot-env"], ["test"]) == ["flask>=3", "python-dotenv", "pytest", "mypy"]


CHATBOT = {
    "project": {
        "name": "Chat_Bot",
        "dependencies": ["flask"],
        "optional-dependencies": {
            "web": ["six", "uvicorn; sys_platform == 'linux'"],
            "all": ["chat.bot[web,Db_Driver] >= 1 ; python_version < '3.12'"],
            "db-driver": ["psycopg", "chat-bot[web]"],
            "round": ["chat-bot[trip]"],
            "trip": ["chat-bot [round]", "mypy"],
            "gone": ["chat-bot[nope]"],
            "far": ["chat-bot[web] @ file:///srv/chatbot ; sys_platform == 'win32'"],
        },
    },
    "dependency-groups": {"dev": ["chat-bot[trip]", "chat-bot", {"include-group": "lint"}], "lint": ["chat_bot[web]"]},
}


def test_projects_own_name_in_its_extras_stands_for_what_they_require_and_is_never_a_requirement():
    assert texts(CHATBOT, ["web"]) == ["flask", "six", "uvicorn; sys_platform == 'linux'"]
    assert texts(CHATBOT, ["all"]) == [
        "flask",
        "six ; python_version < '3.12'",
        "uvicorn ; (python_version < '3.12') and (sys_platform == 'linux')",
        "psycopg ; python_version < '3.12'",
    ]
    assert texts(CHATBOT, ["far"]) == [
        "flask",
        "six ; sys_platform == 'win32'",
        "uvicorn ; (sys_platform == 'win32') and (sys_platform == 'linux')",
    ]


def test_projects_own_name_in_its_groups_is_expanded_through_extras_that_lead_to_each_other():
    assert texts(CHATBOT, [], ["dev"]) == ["flask", "mypy", "six", "uvicorn; sys_platform == 'linux'"]
    assert texts(CHATBOT, ["round"]) == ["flask", "mypy"]


def test_projects_own_name_among_its_dependencies_is_expanded_too():
    project = {"project": {"name": "x", "dependencies": ["x[a]", "six"], "optional-dependencies": {"a": ["mypy"]}}}
    assert texts(project) == ["mypy", "six"]


def test_extra_that_a_project_asks_of_itself_and_has_not_is_named_with_the_place():
    with pytest.raises(_projects.ProjectError, match="extra gone.* has no extra nope. It has all, db-driver"):
        texts(CHATBOT, ["gone"])
    dynamic = {"project": {"name": "x", "dependencies": ["six"], "dynamic": ["optional-dependencies"]}}
    with pytest.raises(_projects.ProjectError, match="optional-dependencies are dynamic"):
        texts(dynamic, ["web"])


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
    assert line.text == "tomli==2.0 ; python_version < '3.11'"
    assert line.hashes == ("sha256:" + "a" * 64, "sha256:" + "b" * 64)


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
