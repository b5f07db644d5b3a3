# SPDX-License-Identifier: GPL-3.0-or-later
"""What a project's own files require, and what is refused by name."""

from __future__ import annotations

import sys

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import _project_files, _requirements_file

PROJECT = {
    "project": {"dependencies": ["flask>=3"], "optional-dependencies": {"Dot_env": ["python-dotenv"]}},
    "dependency-groups": {
        "test": ["pytest", {"include-group": "typing"}],
        "typing": ["mypy"],
        "round": [{"include-group": "round"}],
    },
}


def texts(document, extras=(), groups=()):
    """Return the requirements of a pyproject.toml, without their places."""
    return [line.text for line in _project_files.pyproject(document, list(extras), list(groups), "p")]


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


def test_projects_own_name_in_its_extras_means_what_they_require_and_is_never_a_requirement():
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


def test_unknown_extra_that_a_project_asks_of_itself_is_named_with_the_place():
    with pytest.raises(AirgapError, match="extra gone.* has no extra nope. It has all, db-driver"):
        texts(CHATBOT, ["gone"])
    dynamic = {"project": {"name": "x", "dependencies": ["six"], "dynamic": ["optional-dependencies"]}}
    with pytest.raises(AirgapError, match="optional-dependencies are dynamic"):
        texts(dynamic, ["web"])


@pytest.mark.parametrize(
    ("document", "extras", "groups", "said"),
    [
        (PROJECT, ["nope"], [], "no extra nope. It has dot-env"),
        (PROJECT, [], ["nope"], "no dependency group nope. It has round, test, typing"),
        (PROJECT, [], ["round"], "includes itself"),
        ({"project": {"dynamic": ["dependencies"]}}, [], [], "dynamic"),
        ({}, [], [], "requires nothing"),
        ({"tool": {"poetry": {"dependencies": {"six": "^1"}}}}, [], [], "table of Poetry.*poetry export"),
        ({"tool": {"poetry": {"group": {"dev": {}}}}}, [], ["dev"], "table of Poetry.*poetry export"),
        ({"dependency-groups": {"x": [3]}}, [], ["x"], "PEP 735"),
    ],
)
def test_project_whose_requirements_are_unknown_is_refused_with_the_reason(document, extras, groups, said):
    with pytest.raises(AirgapError, match=said):
        _project_files.pyproject(document, extras, groups, "pyproject.toml")


def lock(packages, **other):
    """Return a lock file that is valid by PEP 751, with these packages."""
    return dict({"lock-version": "1.0", "created-by": "a test", "packages": packages}, **other)


def file(name, **hashes):
    """Return a file of a lock's package."""
    return {"url": "https://files.example/" + name, "hashes": hashes}


def test_pylock_gives_pins_with_markers_and_every_hash():
    wheels = [
        file("tomli-2.0-py3-none-any.whl", sha256="b" * 64),
        file("tomli-2.0-py3-none-win32.whl", sha256="a" * 64),
    ]
    document = lock([{"name": "tomli", "version": "2.0", "marker": "python_version < '3.11'", "wheels": wheels}])
    line = _project_files.pylock(document, "pylock.toml")[0]
    assert line.text == "tomli==2.0 ; python_version < '3.11'"
    assert line.hashes == ("sha256:" + "a" * 64, "sha256:" + "b" * 64)


def package(name, **other):
    """Return an entry of a lock."""
    wheels = [file(name + "-1-py3-none-any.whl", sha256="a" * 64)]
    return dict({"name": name, "version": "1", "wheels": wheels}, **other)


def pylock(packages, extras=(), groups=(), build=(), where="/site/pylock.toml", **other):
    """Return the requirements of a lock."""
    lines = _project_files.pylock(lock(packages, **other), where, list(extras), list(groups), list(build))
    return [line.text for line in lines]


GROUPED = {
    "lock-version": "1.0",
    "created-by": "a test",
    "extras": ["web"],
    "dependency-groups": ["default", "dev", "win"],
    "default-groups": ["default"],
    "packages": [
        package("always"),
        package("mine", marker='"default" in dependency_groups'),
        package("dev", marker="'dev' in dependency_groups or 'web' in extras"),
        package("both", marker="'web' in extras and (sys_platform == 'win32' or 'dev' in dependency_groups)"),
        package("no", marker="'dev' not in dependency_groups and python_version < '3.9'"),
    ],
}


def grouped(extras=(), groups=()):
    """Return the requirements of a lock with extras and groups."""
    return [line.text for line in _project_files.pylock(GROUPED, "/site/pylock.toml", list(extras), list(groups))]


def test_markers_of_a_lock_are_evaluated_for_the_chosen_groups_and_extras():
    assert grouped() == ["always==1", "mine==1", "no==1 ; python_version < '3.9'"]
    assert grouped(groups=["DEV"]) == ["always==1", "mine==1", "dev==1"]
    assert grouped(extras=["web"]) == [
        "always==1",
        "mine==1",
        "dev==1",
        "both==1 ; sys_platform == 'win32'",
        "no==1 ; python_version < '3.9'",
    ]
    assert grouped(extras=["web"], groups=["dev"])[2:] == ["dev==1", "both==1"]


@pytest.mark.parametrize(
    ("marker", "settled"),
    [
        ("(os_name == 'nt' or 'x' in extras) and python_version >= '3'", "(os_name == 'nt') and python_version >= '3'"),
        ("os_name == 'a' and os_name == 'b' or 'x' in extras", "os_name == 'a' and os_name == 'b'"),
        ("'x' not in extras and (os_name == 'a' or os_name == 'b')", "os_name == 'a' or os_name == 'b'"),
        ("'linux' in sys_platform or 'x' in extras", "'linux' in sys_platform"),
        ("platform_machine not in 'a b' and 'x' not in extras", "platform_machine not in 'a b'"),
        ("python_full_version=='3.*'and'x'not in extras", "python_full_version == '3.*'"),
    ],
)
def test_rest_of_a_marker_is_left_for_the_target(marker, settled):
    (text,) = pylock([package("a", marker=marker)])
    expected = settled.replace("(os_name == 'nt')", "os_name == 'nt'")
    assert text == "a==1 ; " + expected


@pytest.mark.parametrize("marker", ["extras == 'x'", "'a' in", "(os_name == 'a'", "os_name = 'a'", "extras in 'a'"])
def test_marker_that_cannot_be_read_is_named_with_its_package(marker):
    with pytest.raises(AirgapError, match="/site/pylock.toml, odd: .*marker"):
        pylock([package("odd", marker=marker)])


def test_extra_or_group_that_a_lock_does_not_have_is_an_error_with_those_that_it_has():
    with pytest.raises(AirgapError, match="no extra wbe. It has web"):
        grouped(extras=["wbe"])
    with pytest.raises(AirgapError, match="no dependency group x. It has default, dev, win"):
        grouped(groups=["x"])


@pytest.mark.parametrize("path", [".", "./", "..", "/site"])
def test_project_itself_in_its_lock_is_not_a_requirement(path):
    own = {"name": "chatbot", "directory": {"path": path, "editable": True}}
    assert pylock([own, package("six")]) == ["six==1"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"directory": {"path": "libs/part"}}, "{name: part, source: /site/libs/part}"),
        (
            {"vcs": {"type": "git", "url": "https://git.example/part", "commit-id": "0" * 40, "subdirectory": "py"}},
            '{name: part, vcs: "git+https://git.example/part@%s#subdirectory=py"}' % ("0" * 40),
        ),
        ({"archive": file("part-1.tar.gz", sha256="c" * 64)}, "source: part-1.tar.gz"),
    ],
)
def test_package_that_a_lock_takes_from_a_source_is_refused_with_the_entry_unless_it_is_built(entry, said):
    part = dict({"name": "part", "marker": "os_name == 'nt'"}, **entry)
    with pytest.raises(AirgapError, match="/site/pylock.toml, part:") as error:
        pylock([part])
    assert said in str(error.value)
    assert pylock([part], build=[{"name": "part", "source": "libs/part"}]) == ["part ; os_name == 'nt'"]


def test_wheel_that_a_lock_takes_from_a_url_is_required_from_there_with_its_hash():
    url = "https://files.example/part-1-py3-none-any.whl"
    archive = {"url": url, "hashes": {"sha256": "a" * 64}}
    document = lock([{"name": "part", "version": "1", "archive": archive}])
    (line,) = _project_files.pylock(document, "pylock.toml")
    assert (line.text, line.hashes) == ("part @ " + url, ("sha256:" + "a" * 64,))


def test_package_without_a_wheel_is_left_to_the_targets_that_need_it():
    old = {"name": "old", "version": "1", "marker": "os_name == 'nt'"}
    old["sdist"] = file("old-1.tar.gz", sha256="b" * 64)
    (line,) = _project_files.pylock(lock([old]), "pylock.toml")
    assert (line.text, line.hashes) == ("old==1 ; os_name == 'nt'", ("sha256:" + "b" * 64,))


def test_pylock_with_a_wheel_in_a_folder_gives_its_pin_and_hash_by_which_no_other_file_is_used():
    archive = {"path": "whl/m-1.0+mine-py3-none-any.whl", "hashes": {"sha256": "a" * 64}}
    document = lock([{"name": "m", "archive": archive}])
    (line,) = _project_files.pylock(document, "/site/pylock.toml")
    assert (line.text, line.hashes) == ("m==1.0+mine", ("sha256:" + "a" * 64,))


def test_pylock_with_a_wheel_at_a_signed_url_is_required_by_that_url():
    archive = {"url": "https://files.example/part-1-py3-none-any.whl?sig=x", "hashes": {"sha256": "a" * 64}}
    document = lock([{"name": "part", "version": "1", "archive": archive}])
    (line,) = _project_files.pylock(document, "pylock.toml")
    assert (line.url, line.hashes) == (archive["url"], ("sha256:" + "a" * 64,))


@pytest.mark.parametrize(
    "place", [{"url": "https://files.example/m-1-py3-none-any.whl"}, {"path": "m-1-py3-none-any.whl"}]
)
def test_pylock_with_a_wheel_without_a_hash_is_refused_with_the_fix(place):
    with pytest.raises(AirgapError, match="/site/pylock.toml, m: .* no SHA-256.*Lock it again"):
        pylock([{"name": "m", "version": "1", "archive": dict(place, hashes={"sha512": "a" * 128})}])
    with pytest.raises(AirgapError, match="/site/pylock.toml, m: .* one hash must be provided.*Lock it again"):
        pylock([{"name": "m", "version": "1", "archive": dict(place, hashes={})}])


def test_pylock_with_a_package_that_has_no_hash_or_of_another_format_is_refused_by_name():
    with pytest.raises(AirgapError, match="old: .* no version or no SHA-256"):
        pylock([{"name": "old", "version": "1", "sdist": file("old-1.tar.gz", sha512="b" * 128)}])
    with pytest.raises(AirgapError, match="lock-version 2.0"):
        _project_files.pylock({"lock-version": "2.0"}, "pylock.toml")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"wheels": [file("other-1-py3-none-any.whl", sha256="a" * 64)]}, "/site/pylock.toml, part: .*not consistent"),
        ({"wheels": [file("part-2-py3-none-any.whl", sha256="a" * 64)]}, "/site/pylock.toml, part: .*not consistent"),
        ({"name": "Part"}, "/site/pylock.toml, Part: .*not normalized"),
        ({"vcs": {"type": "git", "url": "https://git.example/part"}}, "/site/pylock.toml, part: .*commit-id"),
        ({"version": 1}, "/site/pylock.toml, part: .*version"),
    ],
)
def test_lock_that_the_standard_does_not_permit_is_refused_with_the_package(change, said):
    with pytest.raises(AirgapError, match=said):
        pylock([package("six"), dict(package("part"), **change)])


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ([{"include-group": "gone"}], "p: the dependency group x .*gone.*PEP 735"),
        (["pytest", "not a requirement"], "p: the dependency group x .*not a requirement"),
        ([{"include-group": "y", "path": "z"}], "p: the dependency group x .*PEP 735"),
    ],
)
def test_group_that_the_standard_does_not_permit_is_refused_with_the_reason(group, said):
    with pytest.raises(AirgapError, match=said):
        texts({"dependency-groups": {"x": group, "y": ["six"]}}, [], ["x"])


def test_group_that_is_written_twice_is_refused():
    with pytest.raises(AirgapError, match="Duplicate.*a-b"):
        texts({"dependency-groups": {"a_b": ["six"], "A.B": ["mypy"]}}, [], ["a-b"])


def test_requirement_of_an_included_group_is_named_with_the_group_where_it_is_written():
    lines = _project_files.pyproject(PROJECT, [], ["test"], "p")
    assert [line.where for line in lines] == ["p, [project] dependencies", "p, group test", "p, group typing"]


def test_older_packaging_on_the_control_host_is_an_error_only_for_a_file_that_needs_a_newer_one(monkeypatch):
    monkeypatch.setitem(sys.modules, "packaging.pylock", None)
    monkeypatch.setitem(sys.modules, "packaging.dependency_groups", None)
    assert texts(PROJECT, ["dot-env"]) == ["flask>=3", "python-dotenv"]
    with pytest.raises(AirgapError, match="group test: .*Install packaging>=26.1"):
        texts(PROJECT, [], ["test"])
    with pytest.raises(AirgapError, match="/site/pylock.toml: .*Install packaging>=26.1"):
        pylock([package("six")])


def test_option_in_a_file_is_refused_with_its_place():
    parsed = _requirements_file.parse([], ["r.txt"], [], lambda path: "flask\n--pre\n")
    with pytest.raises(AirgapError, match="r.txt, line 2: the option --pre"):
        _requirements_file.refuse_options(parsed)
