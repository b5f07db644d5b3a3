# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pyproject.toml says of where a name comes from is never dropped in silence: the public namesake is a stranger's."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import _sources

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PRIVATE = "https://user:s3cret@private.example/simple"


def judge(tool, names=("six",), build=(), indexes=()):
    """Judge the tables of tools in a pyproject.toml; return the warnings."""
    return _sources.check_sources({"tool": tool}, list(names), list(build), list(indexes), "/site/pyproject.toml")


def uv(source, **other):
    """Return uv's tables with one source of six."""
    return {"uv": dict({"sources": {"Six": source}}, **other)}


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        (
            uv({"git": "https://git.example/six.git", "rev": COMMIT}),
            '{name: six, vcs: "git+https://git.example/six.git@%s"}' % COMMIT,
        ),
        (
            uv({"git": "https://git.example/six.git", "tag": "v1.0", "subdirectory": "py"}),
            '{name: six, vcs: "git+https://git.example/six.git@COMMIT#subdirectory=py"}, '
            "where COMMIT is what 'git ls-remote https://git.example/six.git v1.0' prints",
        ),
        (uv({"git": "git@git.example:org/six.git"}), '"git+ssh://git@git.example/org/six.git@COMMIT"'),
        (uv({"path": "../six", "editable": True}), "{name: six, source: /six}"),
        (uv({"workspace": True}), "{name: six, source: FOLDER}"),
        (uv({"url": "https://files.example/six-1.0.tar.gz"}), "{name: six, source: six-1.0.tar.gz}"),
        (uv({"url": "https://files.example/six-1.0-py3-none-any.whl"}), "six @ https://files.example/six-1.0"),
        (uv([{"index": "x", "marker": "python_version < '3'"}, {"git": "https://git.example/six.git"}]), "git+https"),
        ({"poetry": {"dependencies": {"six": {"git": "https://git.example/six.git", "branch": "main"}}}}, "git+https"),
        ({"poetry": {"group": {"dev": {"dependencies": {"six": {"path": "six"}}}}}}, "source: /site/six"),
        ({"poetry": {"dependencies": {"six": [{"version": "1", "source": "corp"}]}}}, "index corp"),
    ],
)
def test_source_of_a_wanted_name_is_refused_with_the_name_and_the_fix(tool, said):
    with pytest.raises(AirgapError, match="/site/pyproject.toml.* takes six from") as error:
        judge(tool)
    assert said in str(error.value)


def test_source_of_a_name_that_is_not_wanted_and_a_version_are_accepted():
    assert judge(uv({"git": "https://git.example/six.git"}), names=["flask"]) == []
    assert judge({"poetry": {"dependencies": {"six": "^1.0", "python": "^3.9"}}}) == []


def test_all_sources_are_refused_at_once():
    tool = {"uv": {"sources": {"six": {"path": "six"}, "attrs": {"path": "attrs"}}}}
    with pytest.raises(AirgapError, match="takes six from.*takes attrs from"):
        judge(tool, names=["six", "attrs"])


def test_name_that_stage_build_builds_from_a_source_of_the_site_is_accepted_and_one_from_the_index_is_not():
    tool = uv({"git": "https://git.example/six.git"})
    assert judge(tool, build=[{"name": "Six", "vcs": "git+https://git.example/six.git@" + COMMIT}]) == []
    assert judge(tool, build=[{"name": "six", "source": "../six"}]) == []
    with pytest.raises(AirgapError, match="takes six from"):
        judge(tool, build=[{"name": "six", "version": "1.0"}])


INDEX = uv({"index": "corp"}, index=[{"name": "corp", "url": PRIVATE, "explicit": True}])


def test_explicit_index_is_refused_without_its_password_unless_the_site_stages_from_it():
    with pytest.raises(AirgapError, match="the index corp .https://private.example/simple.*stage_index_url") as e:
        judge(INDEX)
    assert "s3cret" not in str(e.value)
    assert judge(INDEX, indexes=["https://private.example/simple/"]) == []


def test_explicit_index_that_is_one_of_several_is_warned_of():
    (warning,) = judge(INDEX, indexes=["https://all.example/simple", "https://private.example/simple/"])
    assert "six" in warning
    assert "the highest version wins" in warning


@pytest.mark.parametrize(
    "tool",
    [
        {"uv": {"index": [{"url": PRIVATE}]}},
        {"uv": {"index": [{"url": PRIVATE, "default": True}]}},
        {"uv": {"extra-index-url": [PRIVATE]}},
        {"uv": {"index-url": PRIVATE}},
        {"poetry": {"source": [{"name": "corp", "url": PRIVATE, "priority": "supplemental"}]}},
        {"pdm": {"source": [{"name": "corp", "url": PRIVATE}]}},
    ],
)
def test_index_for_all_names_is_refused_as_it_is_in_a_requirements_file(tool):
    with pytest.raises(AirgapError, match="names the index .*https://private.example/simple.*stage_index_url"):
        judge(tool)
    assert judge(tool, indexes=[PRIVATE]) == []


def test_index_that_nothing_wanted_comes_from_is_accepted():
    assert judge({"uv": {"index": [{"name": "corp", "url": PRIVATE, "explicit": True}]}}) == []
    assert judge({"poetry": {"source": [{"name": "corp", "url": PRIVATE, "priority": "explicit"}]}}) == []
    assert judge({"poetry": {"source": [{"name": "PyPI", "priority": "primary"}]}}) == []


def test_index_that_pdm_has_for_some_names_is_that_of_these_names():
    tool = {"pdm": {"source": [{"name": "corp", "url": PRIVATE, "include_packages": ["corp-*", "six"]}]}}
    assert judge(tool, names=["flask"]) == []
    with pytest.raises(AirgapError, match="takes corp-tool from the index corp"):
        judge(tool, names=["corp-tool"])


def test_versions_that_uv_or_pdm_force_are_warned_of():
    (warning,) = judge({"uv": {"override-dependencies": ["six==1.0"]}})
    assert "override-dependencies" in warning
    (warning,) = judge({"pdm": {"resolution": {"overrides": {"six": "1.0"}}}})
    assert "overrides" in warning


def test_constraints_of_uv_constrain():
    assert _sources.constraints({"tool": {"uv": {"constraint-dependencies": ["six<2"]}}}) == ["six<2"]
    assert _sources.constraints({}) == []
