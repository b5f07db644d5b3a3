# SPDX-License-Identifier: GPL-3.0-or-later
"""The tags and the markers of a target are those of a real interpreter of its kind."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._target import _interpreter, _survey
from packaging import tags
from packaging.markers import default_environment

from tests.unit.plugins.module_utils._target.targets import FREE_THREADED, target


def test_glibc_tags_go_down_to_the_oldest_with_legacy_names():
    tags = target().platforms()
    assert tags[0] == "manylinux_2_31_x86_64"
    assert tags[-1] == "linux_x86_64"
    assert tags.index("manylinux_2_17_x86_64") + 1 == tags.index("manylinux2014_x86_64")
    assert tags.index("manylinux_2_12_x86_64") + 1 == tags.index("manylinux2010_x86_64")
    assert tags.index("manylinux_2_5_x86_64") + 1 == tags.index("manylinux1_x86_64")
    assert "manylinux_2_32_x86_64" not in tags
    assert "manylinux_2_4_x86_64" not in tags


def test_aarch64_has_no_tags_older_than_its_first_wheels():
    tags = target(arch="aarch64").platforms()
    assert "manylinux2014_aarch64" in tags
    assert not [tag for tag in tags if "manylinux1" in tag or "2010" in tag or "2_16" in tag]


def test_musl_machine_accepts_no_manylinux_wheel():
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


def known_to_packaging(found):
    """Leave out the name that only some versions of packaging have for one format of macOS wheels."""
    return [tag for tag in found if not tag.endswith(("_fat32", "_fat3"))]


FOREIGN = [
    ({"python": "3.9.2"}, "cp39", ["cp39"], (3, 9)),
    ({"python": "3.13.5", "libc": "glibc-2.41", "arch": "aarch64"}, "cp313", ["cp313"], (3, 13)),
    ({"python": "3.12.1", "libc": "musl-1.2"}, "cp312", ["cp312"], (3, 12)),
    ({"python": "3.12.1", "os": "windows", "libc": None}, "cp312", ["cp312"], (3, 12)),
    (
        {"python": "3.12.1", "os": "macos", "libc": None, "arch": "arm64", "os_version": "14.2"},
        "cp312",
        ["cp312"],
        (3, 12),
    ),
    ({"python": "3.10.14", "implementation": "pypy"}, "pp310", ["pypy310_pp73"], (3, 10)),
]


@pytest.mark.parametrize(("changes", "own", "abis", "minor"), FOREIGN)
def test_tags_of_a_foreign_interpreter_are_those_of_packaging(changes, own, abis, minor):
    described = target(**changes)
    platforms = described.platforms()
    if own.startswith("cp"):
        expected = [*tags.cpython_tags(minor, abis, platforms), *tags.compatible_tags(minor, own, platforms)]
    else:
        expected = [*tags.generic_tags(own, list(abis), platforms), *tags.compatible_tags(minor, "pp3", platforms)]
    assert described.tags() == [str(tag) for tag in expected]


@pytest.mark.parametrize(
    ("version", "arch"), [("14.2", "arm64"), ("14.2", "x86_64"), ("10.13", "x86_64"), ("26.0", "arm64")]
)
def test_macos_platforms_are_those_of_packaging(version, arch):
    described = target(os="macos", libc=None, arch=arch, os_version=version)
    expected = tags.mac_platforms((int(version.split(".")[0]), int(version.split(".")[1])), arch)
    assert known_to_packaging(described.platforms()) == known_to_packaging(expected)


def here():
    """Return the target that the running interpreter is, with what it reports."""
    return _survey.target_of(_interpreter.report())[0]


def test_tags_of_the_running_interpreter_are_those_of_packaging():
    # Versions of packaging differ only in the position of linux_*.
    expected = [str(tag) for tag in tags.sys_tags()]
    native = [tag for tag in expected if "-linux_" in tag]
    assert [tag for tag in here().tags() if tag not in native] == [tag for tag in expected if tag not in native]
    assert [tag for tag in here().tags() if tag in native] == native


def test_markers_of_the_running_interpreter_are_those_of_packaging():
    assert here().markers() == default_environment()


def test_pip_gets_exactly_the_reported_tags():
    threaded = target(python="3.13.5", libc="glibc-2.41", tags=FREE_THREADED)
    assert threaded.tags() == FREE_THREADED
    assert threaded.pip_arguments() == [
        *["--python-version", "3.13.5", "--implementation", "cp", "--abi", "cp313t"],
        *["--platform", "manylinux_2_41_x86_64", "--platform", "linux_x86_64"],
    ]
