# SPDX-License-Identifier: GPL-3.0-or-later
"""What a target promises: its tags, its markers, and who may use what was resolved for it."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _target
from packaging.markers import default_environment

NODE39 = {"name": "node39", "python": "3.9.2", "os": "linux", "arch": "x86_64", "libc": "glibc-2.31"}


def target(**changes):
    """Return node39 with changes; a field that is None is left out."""
    raw = {key: value for key, value in dict(NODE39, **changes).items() if value is not None}
    return _target.parse(raw)[0]


def test_glibc_tags_go_down_the_whole_ladder_with_legacy_names():
    tags = target().platforms()
    assert tags[0] == "manylinux_2_31_x86_64"
    assert tags[-1] == "linux_x86_64"
    assert tags.index("manylinux_2_17_x86_64") + 1 == tags.index("manylinux2014_x86_64")
    assert tags.index("manylinux_2_12_x86_64") + 1 == tags.index("manylinux2010_x86_64")
    assert tags.index("manylinux_2_5_x86_64") + 1 == tags.index("manylinux1_x86_64")
    assert "manylinux_2_32_x86_64" not in tags
    assert "manylinux_2_4_x86_64" not in tags


def test_aarch64_has_no_tags_from_before_it_had_wheels():
    tags = target(arch="aarch64").platforms()
    assert "manylinux2014_aarch64" in tags
    assert not [tag for tag in tags if "manylinux1" in tag or "2010" in tag or "2_16" in tag]


def test_musl_machine_takes_no_manylinux_wheel():
    assert target(libc="musl-1.2").platforms() == [
        "musllinux_1_2_x86_64",
        "musllinux_1_1_x86_64",
        "musllinux_1_0_x86_64",
        "linux_x86_64",
    ]


def test_windows_and_macos_have_their_own_tags():
    assert target(os="windows", libc=None).platforms() == ["win_amd64"]
    mac = target(os="macos", arch="arm64", libc=None, os_version="14.2").platforms()
    assert mac[:2] == ["macosx_14_0_arm64", "macosx_14_0_universal2"]
    assert "macosx_10_9_universal2" in mac
    assert "macosx_10_9_arm64" not in mac
    intel = target(os="macos", libc=None, os_version="10.13").platforms()
    assert intel[0] == "macosx_10_13_x86_64"
    assert "macosx_11_0_x86_64" not in intel


def test_markers_have_every_name_that_pep_508_knows():
    assert set(target().markers()) == set(default_environment())


def test_markers_are_those_of_the_target():
    markers = target(os="windows", arch="amd64", libc=None, python="3.12.1").markers()
    assert markers["python_version"] == "3.12"
    assert markers["python_full_version"] == "3.12.1"
    assert (markers["sys_platform"], markers["os_name"], markers["platform_machine"]) == ("win32", "nt", "AMD64")
    assert target(os="macos", arch="aarch64", libc=None).markers()["platform_machine"] == "arm64"


def test_version_without_patch_is_taken_as_zero_and_says_what_that_costs():
    found, warnings = _target.parse(dict(NODE39, python="3.9"))
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
    ],
)
def test_target_that_cannot_exist_is_refused_with_what_to_write(changes, said):
    if said is None:
        assert target(**changes).python == "3.9.0"
        return
    with pytest.raises(_target.TargetError, match=said):
        target(**changes)


def test_two_targets_of_one_name_are_refused():
    with pytest.raises(_target.TargetError, match="stands twice"):
        _target.parse_all([NODE39, NODE39])


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
    ],
)
def test_interpreter_uses_only_what_was_resolved_for_its_like(changes, reason):
    said = _target.misfit(target(**changes), target())
    assert bool(said) == bool(reason)
    assert reason in said


def test_closest_target_is_chosen():
    older = target(name="older", python="3.9.0")
    closer = target(name="closer", python="3.9.1")
    newer = target(name="newer", python="3.9.18")
    assert _target.best_fit([older, closer, newer], target()).name == "closer"
    assert _target.best_fit([newer], target()) is None


def test_suggestion_is_a_target_that_fits_its_own_interpreter():
    here = target()
    again, warnings = _target.parse(_target.suggestion(here))
    assert not warnings
    assert _target.misfit(again, here) == ""
