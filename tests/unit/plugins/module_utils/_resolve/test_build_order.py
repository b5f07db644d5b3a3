# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An entry of stage_build asks for one source that cannot move."""

from __future__ import annotations

import json

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import _build_commands, _build_order, _built_wheel
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

from tests.unit.plugins.module_utils._resolve.examples import COMMIT, HERE, built


@pytest.mark.parametrize("revision", ["main", "v1.0", COMMIT[:12], COMMIT.upper(), "HEAD", COMMIT + "0"])
def test_revision_that_is_not_a_full_commit_is_refused_by_name(revision):
    with pytest.raises(AirgapError, match="forked.*full commit.*" + revision):
        _build_order.parse_order({"name": "forked", "vcs": "git+https://h.example/forked.git@" + revision})


def test_url_without_commit_is_refused():
    for url in ("git+https://h.example/forked.git", "git+ssh://git@h.example/forked.git"):
        with pytest.raises(AirgapError, match="missing"):
            _build_order.parse_order({"name": "forked", "vcs": url})


def test_password_or_token_in_a_vcs_url_is_refused_and_not_repeated():
    for login in ("user:s3cr3t", "s3cr3t"):
        with pytest.raises(AirgapError, match="git-credential") as error:
            _build_order.parse_order({"name": "x", "vcs": "git+https://%s@h.example/x.git@%s" % (login, COMMIT)})
        assert "s3cr3t" not in str(error.value)
    assert _build_order.parse_order({"name": "x", "vcs": "git+ssh://git@h.example/x.git@" + COMMIT}).commit == COMMIT


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"name": "x y"}, "not a valid name"),
        ({"name": "--index-url"}, "not a valid name"),
        ({"name": "x", "version": ">=1"}, "not a range"),
        ({"name": "x", "version": "1 --pre"}, "not a valid version"),
        ({"name": "x", "sha256": "a" * 64}, "Name the version"),
        ({"name": "x", "version": "1", "sha256": "abc"}, "64 hex digits"),
        (
            {"name": "x", "vcs": "git+https://h.example/x@" + COMMIT, "sha256": "a" * 64},
            "commit in vcs already identifies",
        ),
        ({"name": "x", "vcs": "git+https://h.example/x@" + COMMIT, "version": "1"}, "Remove version"),
        ({"name": "x", "vcs": "git+https://h.example/x@" + COMMIT, "source_name": "x"}, "both vcs and source"),
        ({"name": "x", "vcs": "hg+https://h.example/x@" + COMMIT}, "must begin with"),
        ({"name": "x", "vcs": "git+https://h.example/x@%s#egg=y" % COMMIT}, "only subdirectory"),
        ({"name": "x", "vcs": "git+https://h.example/x@%s#subdirectory=../y" % COMMIT}, "only subdirectory"),
    ],
)
def test_order_with_contradicting_or_needless_fields_is_refused(raw, reason):
    with pytest.raises(AirgapError, match=reason):
        _build_order.parse_order(raw)


def test_origin_is_the_source_without_paths_and_logins():
    sdist = _build_order.parse_order({"name": "x"})
    url = "https://user:word@h.example/files/x-1.tar.gz#sha256=dd"
    assert _built_wheel.build_origin(sdist, url, "ee") == "built:https://h.example/files/x-1.tar.gz#sha256=ee"
    vcs = _build_order.parse_order({"name": "x", "vcs": "git+ssh://git@h.example/x.git@%s#subdirectory=a/b" % COMMIT})
    assert _built_wheel.build_origin(vcs, "", "") == "built:git+ssh://h.example/x.git@%s#subdirectory=a/b" % COMMIT
    local = _build_order.parse_order({"name": "x", "vcs": "git+file:///home/me/x.git@" + COMMIT})
    assert _built_wheel.build_origin(local, "", "") == "built:git+file:x.git@" + COMMIT
    source = _build_order.parse_order({"name": "x", "source_name": "own tool"})
    assert _built_wheel.build_origin(source, "file:///tmp/x.tar", "ee") == "built:source:own%20tool#sha256=ee"


def test_lock_with_an_origin_can_be_read_again():
    source = _build_order.parse_order({"name": "x", "source_name": "own tool"})
    pin = _lock.Pin("x", "1", "a" * 64, "x-1-py3-none-any.whl", 3, _built_wheel.build_origin(source, "", "ee"))
    assert _lock.parse_pins(_lock.render([pin], "t", "i")) == [pin]


def test_pip_version_host_and_source_are_inputs_and_a_name_is_not():
    order = _build_order.parse_order({"name": "x", "source_name": "x"})
    first = _built_wheel.build_inputs(order, "aa", HERE, "26.3")
    assert _built_wheel.build_inputs(order, "aa", HERE._replace(name="other"), "26.3") == first
    assert _built_wheel.build_inputs(order, "bb", HERE, "26.3") != first
    assert _built_wheel.build_inputs(order, "aa", HERE, "26.4") != first
    assert _built_wheel.build_inputs(order, "aa", HERE._replace(python="3.11.8"), "26.3") != first


@pytest.mark.parametrize(
    "broken",
    [
        {"filename": "../x.whl"},
        {"origin": "/srv/x"},
        {"origin": "built:a b"},
        {"format": 2},
        {"size": "3"},
        {"tags": ["any"]},
    ],
)
def test_record_that_names_another_folder_is_refused(broken):
    with pytest.raises(AirgapError, match="Remove it"):
        built(**broken)


def test_caches_and_build_output_of_a_source_folder_are_skipped_and_packages_of_that_name_are_not():
    for path in (".git", "a/__pycache__", "a/b.pyc", "x.egg-info", "src/x.egg-info", ".venv"):
        assert _build_order.is_skipped(path, False), path
    assert _build_order.is_skipped("build", True)
    for path in ("build", "src/build", "dist.py", "a/.venv", "tool/git"):
        assert not _build_order.is_skipped(path, False), path
    assert not _build_order.is_skipped("src/build", True)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("ERROR: Cannot find command 'git' - do you have 'git' installed?", "Install git"),
        ("error: command 'gcc' failed: No such file or directory", "compiler"),
        ("ERROR: No matching distribution found for x==9", "check name and version"),
        (
            "  WARNING: Requested x from file:///s has inconsistent name: expected 'x', but metadata has 'y'",
            "gives itself",
        ),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n  Expected sha256 aa\n  Got        " + "b" * 64,
            "Find out why before you continue",
        ),
        ("  RuntimeError: no such header\nERROR: Failed to build", "no such header"),
    ],
)
def test_failure_has_its_reason_and_the_fix(output, said):
    assert said in _build_commands.why_not_built(output, _build_order.parse_order({"name": "x"}))


def test_log_of_a_failed_build_is_named_with_its_path():
    assert "/srv/pip.log has the build's whole output" in _build_commands.why_not_built(
        "odd\n", _build_order.parse_order({"name": "x"}), "/srv/pip.log"
    )


def test_origin_of_an_sdist_has_no_signature():
    origin = _built_wheel.build_origin(
        _build_order.parse_order({"name": "a"}), "https://u:pw@h/a-1.tar.gz?sig=canary#x", "c" * 64
    )
    assert origin == "built:https://h/a-1.tar.gz#sha256=" + "c" * 64


def test_build_constraints_are_part_of_the_inputs_and_of_the_origin():
    plain = _build_order.parse_order({"name": "a"})
    held = _build_order.parse_order({"name": "a", "build_constraints": ["setuptools < 82", "cython<3"]})
    assert "build_constraints" not in _built_wheel.build_inputs(plain, "", HERE, "26.3")["order"]
    inputs = json.loads(json.dumps(_built_wheel.build_inputs(held, "", HERE, "26.3")))
    assert inputs == _built_wheel.build_inputs(held, "", HERE, "26.3")
    assert inputs["order"]["build_constraints"] == ["cython<3", "setuptools<82"]
    assert _built_wheel.build_origin(held, "https://h/a-1.tar.gz", "c" * 64) == (
        "built:https://h/a-1.tar.gz#sha256=%s&build-constraints=cython%%3C3,setuptools%%3C82" % ("c" * 64)
    )
    vcs = _build_order.parse_order(
        {"name": "a", "vcs": "git+https://h/a.git@" + COMMIT, "build_constraints": ["cython<3"]}
    )
    assert (
        _built_wheel.build_origin(vcs, "", "") == "built:git+https://h/a.git@%s#build-constraints=cython%%3C3" % COMMIT
    )


@pytest.mark.parametrize(
    ("version", "answer"),
    [
        ("26.3", (["--build-constraint", "/c"], {})),
        ("25.3", (["--build-constraint", "/c"], {})),
        ("25.2", ([], {"PIP_CONSTRAINT": "/c"})),
        ("23.2.1", ([], {"PIP_CONSTRAINT": "/c"})),
    ],
)
def test_each_pip_gets_build_constraints_in_the_way_that_it_supports(version, answer):
    held = _build_order.parse_order({"name": "a", "build_constraints": ["cython<3"]})
    assert _build_commands.constraint_options(held, version, "/c") == answer
    assert _build_commands.constraint_options(_build_order.parse_order({"name": "a"}), version, "/c") == ([], {})


@pytest.mark.parametrize("one", ["-r x", "setuptools", "x @ https://h/x.whl", "a<1 # b", "a<1@b", "a<1; x"])
def test_invalid_build_constraint_is_refused(one):
    with pytest.raises(AirgapError, match="not a valid constraint"):
        _build_order.parse_order({"name": "a", "build_constraints": [one]})
