# SPDX-License-Identifier: GPL-3.0-or-later
"""A target that a user describes is read in full, or refused with what to write."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser
from packaging.markers import default_environment

from tests.unit.plugins.module_utils._target.targets import FREE_THREADED, NODE39, target


def test_version_without_patch_is_zero_with_a_warning():
    found, warnings = _target_parser.parse(dict(NODE39, python="3.9"))
    assert found.python == "3.9.0"
    assert len(warnings) == 1
    assert "node39" in warnings[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"arch": "sparc"}, "x86_64"),
        ({"os": "windows"}, "Leave libc out"),
        ({"libc": None}, "glibc-2.36"),
        ({"libc": "glibc"}, "getconf"),
        ({"python": "2.7.18"}, "full version"),
        ({"python": 3.9}, None),
        ({"os": "beos"}, "linux, windows or macos"),
        ({"implementation": "jython"}, "cpython or pypy"),
        ({"name": "../x"}, "names the lock's file"),
        ({"colour": "red"}, "unknown field colour"),
        ({"os": "macos", "libc": None, "arch": "s390x"}, "aarch64, x86_64"),
        ({"python": "3.7.3"}, "3.8 is the oldest"),
        ({"python": 3.1}, "3.10 needs quotes"),
        ({"python": "3.99.0"}, "3.21 does not exist yet"),
        ({"libc": "glibc-2.99"}, "glibc-2.5 to glibc-2.60.*ldd --version"),
        ({"libc": "glibc-2.12", "arch": "aarch64"}, "glibc-2.17 to glibc-2.60"),
        ({"libc": "musl-1.36"}, "musl-1.0 to musl-1.5"),
        ({"libc": "musl-2.36"}, "such as glibc-2.36 or musl-1.2"),
        ({"os": "macos", "libc": None, "os_version": "17.0"}, "sw_vers"),
        ({"os": "macos", "libc": None, "os_version": "Sonoma"}, "such as '14.0'"),
        ({"os": "macos", "libc": None, "arch": "arm64", "os_version": "10.15"}, "Write os_version 11.0"),
        ({"os_version": "14.0"}, "Leave it out"),
        ({"markers": {"colour": "red"}}, "there is no marker colour"),
        ({"markers": {"platform_release": 6.1}}, "in quotes"),
        ({"markers": "linux"}, "names and values"),
        ({"markers": {"python_full_version": "3.9.18"}}, "the description says '3.9.2'"),
        ({"tags": "cp39-cp39-linux_x86_64"}, "must be a list"),
        ({"tags": ["flask-3.1.1-py3-none-any.whl"]}, "is not a wheel tag"),
        ({"tags": ["cp311-cp311-linux_x86_64", "py3-none-any"]}, "is for cp39"),
        ({"tags": ["cp39-cp39-linux_x86_64"]}, "lack py3-none-any"),
        ({"tags": ["cp39-cp39-win_amd64", "py3-none-any"]}, "win_amd64, which is not one of linux"),
        ({"tags": ["cp39-cp39-linux_aarch64", "py3-none-any"]}, "which is not one of linux on x86_64"),
    ],
)
def test_target_that_cannot_exist_is_refused_with_the_fix(changes, said):
    if said is None:
        assert target(**changes).python == "3.9.0"
        return
    with pytest.raises(AirgapError, match=said):
        target(**changes)


def test_two_targets_of_one_name_are_refused():
    with pytest.raises(AirgapError, match="Two targets are named node39"):
        _target_parser.parse_all([NODE39, NODE39])


def test_what_a_machine_reported_overrides_what_follows_from_the_description():
    reported = target(
        implementation="pypy", markers={"implementation_version": "7.3.15", "platform_release": "6.1.0-18-amd64"}
    )
    assert reported.markers()["implementation_version"] == "7.3.15"
    assert reported.markers()["platform_release"] == "6.1.0-18-amd64"
    assert reported.markers()["sys_platform"] == "linux"
    assert set(reported.markers()) == set(default_environment())


def test_reported_target_is_the_same_after_writing_and_reading():
    reported = target(python="3.13.5", tags=FREE_THREADED, markers={"platform_release": "6.1"})
    assert _target_parser.parse(reported.as_dict()) == (reported, [])
    assert len({reported, reported._replace(name="other")}) == 2


@pytest.mark.parametrize(
    ("written", "libc"), [("glibc 2.36", "glibc-2.36"), ("GLIBC-2.36", "glibc-2.36"), ("musl-1.2.4", "musl-1.2")]
)
def test_libc_is_accepted_as_the_machine_prints_it(written, libc):
    assert target(libc=written).libc == libc


def test_version_of_a_build_between_releases_is_that_of_the_release_before():
    target = _target_parser.parse({"name": "x", "python": "3.12.3+", "libc": "glibc-2.39"})[0]
    assert target.python == "3.12.3"
    assert target.markers()["python_full_version"] == "3.12.3"
    reported = {"python_full_version": "3.12.3+", "implementation_version": "3.12.3+"}
    target = _target_parser.parse({"name": "x", "python": "3.12.3+", "libc": "glibc-2.39", "markers": reported})[0]
    assert target.markers()["python_full_version"] == "3.12.3"
    assert target.markers()["implementation_version"] == "3.12.3"
    with pytest.raises(AirgapError):
        _target_parser.parse({"name": "x", "python": "3.12+", "libc": "glibc-2.39"})
