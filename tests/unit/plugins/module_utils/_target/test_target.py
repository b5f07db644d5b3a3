# SPDX-License-Identifier: GPL-3.0-or-later
"""What a target promises: its tags, its markers, and who may use what was resolved for it."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._target import _fit, _interpreter, _survey, _target_parser
from packaging import tags
from packaging.markers import default_environment

NODE39 = {"name": "node39", "python": "3.9.2", "os": "linux", "arch": "x86_64", "libc": "glibc-2.31"}


def target(**changes):
    """Return node39 with changes; a field that is None is left out."""
    raw = {key: value for key, value in dict(NODE39, **changes).items() if value is not None}
    return _target_parser.parse(raw)[0]


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
        ({"python": "3.99.0"}, "3.21 is not there yet"),
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
        ({"tags": ["flask-3.1.1-py3-none-any.whl"]}, "is no wheel tag"),
        ({"tags": ["cp311-cp311-linux_x86_64", "py3-none-any"]}, "is for cp39"),
        ({"tags": ["cp39-cp39-linux_x86_64"]}, "lack py3-none-any"),
        ({"tags": ["cp39-cp39-win_amd64", "py3-none-any"]}, "win_amd64, which is not one of linux"),
        ({"tags": ["cp39-cp39-linux_aarch64", "py3-none-any"]}, "which is not one of linux on x86_64"),
    ],
)
def test_target_that_cannot_exist_is_refused_with_what_to_write(changes, said):
    if said is None:
        assert target(**changes).python == "3.9.0"
        return
    with pytest.raises(AirgapError, match=said):
        target(**changes)


def test_two_targets_of_one_name_are_refused():
    with pytest.raises(AirgapError, match="stands twice"):
        _target_parser.parse_all([NODE39, NODE39])


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
def test_interpreter_uses_only_what_was_resolved_for_its_like(changes, reason):
    said = _fit.misfit(target(**changes), target())
    assert bool(said) == bool(reason)
    assert reason in said


def test_closest_target_is_chosen():
    older = target(name="older", python="3.9.0")
    closer = target(name="closer", python="3.9.1")
    newer = target(name="newer", python="3.9.18")
    assert _fit.best_fit([older, closer, newer], target()).name == "closer"
    assert _fit.best_fit([newer], target()) is None


def test_suggestion_is_a_target_that_fits_its_own_interpreter():
    here = target()
    again, warnings = _target_parser.parse(_survey.short_entry(here))
    assert not warnings
    assert _fit.misfit(again, here) == ""


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
    expected = tags.mac_platforms(tuple(int(part) for part in version.split(".")), arch)
    assert known_to_packaging(described.platforms()) == known_to_packaging(expected)


def here():
    """Return the target that the running interpreter is, with what it reports."""
    return _survey.target_of(_interpreter.report())[0]


def test_tags_of_the_running_interpreter_are_those_of_packaging():
    # Versions of packaging differ in where linux_* stands; nothing else.
    expected = [str(tag) for tag in tags.sys_tags()]
    native = [tag for tag in expected if "-linux_" in tag]
    assert [tag for tag in here().tags() if tag not in native] == [tag for tag in expected if tag not in native]
    assert [tag for tag in here().tags() if tag in native] == native


def test_markers_of_the_running_interpreter_are_those_of_packaging():
    assert here().markers() == default_environment()


def test_what_a_machine_reported_overrides_what_follows_from_the_description():
    reported = target(
        implementation="pypy", markers={"implementation_version": "7.3.15", "platform_release": "6.1.0-18-amd64"}
    )
    assert reported.markers()["implementation_version"] == "7.3.15"
    assert reported.markers()["platform_release"] == "6.1.0-18-amd64"
    assert reported.markers()["sys_platform"] == "linux"
    assert set(reported.markers()) == set(default_environment())


FREE_THREADED = [
    "cp313-cp313t-manylinux_2_41_x86_64",
    "cp313-cp313t-linux_x86_64",
    "cp313-abi3t-linux_x86_64",
    "cp313-none-linux_x86_64",
    "py3-none-any",
]


def test_reported_tags_are_all_that_pip_is_told_of():
    threaded = target(python="3.13.5", libc="glibc-2.41", tags=FREE_THREADED)
    assert threaded.tags() == FREE_THREADED
    assert threaded.pip_arguments() == [
        *["--python-version", "3.13.5", "--implementation", "cp", "--abi", "cp313t"],
        *["--platform", "manylinux_2_41_x86_64", "--platform", "linux_x86_64"],
    ]


def test_wheels_with_the_gil_are_not_for_an_interpreter_without_it():
    threaded = target(python="3.13.5", tags=FREE_THREADED)
    assert "ABI" in _fit.misfit(target(python="3.13.5"), threaded)
    assert "ABI" in _fit.misfit(threaded, target(python="3.13.5"))


def test_reported_target_is_the_same_after_it_was_written_down():
    reported = target(python="3.13.5", tags=FREE_THREADED, markers={"platform_release": "6.1"})
    assert _target_parser.parse(reported.as_dict()) == (reported, [])
    assert len({reported, reported._replace(name="other")}) == 2


@pytest.mark.parametrize(
    ("written", "libc"), [("glibc 2.36", "glibc-2.36"), ("GLIBC-2.36", "glibc-2.36"), ("musl-1.2.4", "musl-1.2")]
)
def test_libc_is_taken_as_the_machine_prints_it(written, libc):
    assert target(libc=written).libc == libc


ANSWER = {
    "libc": "glibc-2.31",
    "machine": "x86_64",
    "macos": "",
    "abis": ["cp39"],
    "refused_platforms": [],
    "markers": dict(_target_parser.parse(NODE39)[0].markers(), platform_release="5.10.0-8", platform_version="#1 SMP"),
}


def test_survey_entry_does_not_change_with_the_kernel():
    older = _survey.target_of(ANSWER)[0]
    newer = _survey.target_of(dict(ANSWER, markers=dict(ANSWER["markers"], platform_release="6.1")))[0]
    assert older.markers() != newer.markers()
    assert _survey.complete_entry(older) == _survey.complete_entry(newer)
    assert "tags" not in _survey.complete_entry(older)


def test_macos_release_belongs_to_its_survey_entry():
    markers = target(os="macos", libc=None, arch="arm64").markers()
    answer = dict(
        ANSWER,
        libc="",
        machine="arm64",
        macos="15.1.1",
        markers=dict(markers, platform_release="24.1.0", platform_version="Darwin Kernel"),
    )
    entry = _survey.complete_entry(_survey.target_of(answer)[0])
    assert (entry["name"], entry["os_version"]) == ("cp39-macos-arm64-15.1", "15.1")
    assert entry["markers"]["platform_release"] == "24.1.0"
    assert "platform_version" not in entry["markers"]


def test_interpreter_without_the_gil_has_a_name_and_tags_of_its_own():
    markers = target(python="3.13.5").markers()
    found, exact = _survey.target_of(dict(ANSWER, abis=["cp313t"], markers=markers))
    entry = _survey.complete_entry(found)
    assert exact
    assert entry["name"].startswith("cp313t-")
    assert entry["tags"][0] == "cp313-cp313t-manylinux_2_31_x86_64"
    assert not [tag for tag in entry["tags"] if "-abi3-" in tag]
    # The shortest entry that describes it needs them, too.
    assert _fit.misfit(_target_parser.parse(_survey.short_entry(found))[0], found) == ""


def test_platform_that_the_distribution_refuses_is_no_tag():
    found = _survey.target_of(dict(ANSWER, refused_platforms=["manylinux_2_31_x86_64"]))[0]
    assert found.platforms()[0] == "manylinux_2_30_x86_64"
    assert "tags" in _survey.complete_entry(found)
    assert "manylinux_2_31" in _fit.misfit(target(), found)


def test_interpreter_that_does_not_know_its_abi_gets_the_tags_of_its_kind():
    found, exact = _survey.target_of(dict(ANSWER, abis=[]))
    assert not exact
    assert found.tags() == target().tags()


def test_interpreter_that_cannot_be_a_target_says_why():
    markers = dict(ANSWER["markers"], python_full_version="3.6.8", python_version="3.6")
    with pytest.raises(AirgapError, match="3.8 is the oldest"):
        _survey.target_of(dict(ANSWER, markers=markers, abis=["cp36m"]))


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


MACHINES = [
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
