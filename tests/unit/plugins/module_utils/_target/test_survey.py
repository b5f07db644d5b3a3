# SPDX-License-Identifier: GPL-3.0-or-later
"""The survey describes an interpreter so that the entry stays the same until the interpreter changes."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._target import _fit, _survey, _target_parser

from tests.unit.plugins.module_utils._target.targets import NODE39, target


def test_short_entry_is_a_target_that_fits_its_own_interpreter():
    here = target()
    again, warnings = _target_parser.parse(_survey.short_entry(here))
    assert not warnings
    assert _fit.misfit(again, here) == ""


ANSWER: dict = {
    "libc": "glibc-2.31",
    "machine": "x86_64",
    "macos": "",
    "abis": ["cp39"],
    "refused_platforms": [],
    "markers": dict(_target_parser.parse(NODE39)[0].markers(), platform_release="5.10.0-8", platform_version="#1 SMP"),
}


def test_complete_entry_does_not_change_with_the_kernel():
    older = _survey.target_of(ANSWER)[0]
    newer = _survey.target_of(dict(ANSWER, markers=dict(ANSWER["markers"], platform_release="6.1")))[0]
    assert older.markers() != newer.markers()
    assert _survey.complete_entry(older) == _survey.complete_entry(newer)
    assert "tags" not in _survey.complete_entry(older)


def test_release_of_macos_is_part_of_the_complete_entry():
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


def test_interpreter_without_the_gil_is_another_kind_with_other_tags():
    markers = target(python="3.13.5").markers()
    found, exact = _survey.target_of(dict(ANSWER, abis=["cp313t"], markers=markers))
    entry = _survey.complete_entry(found)
    assert exact
    assert entry["name"].startswith("cp313t-")
    assert entry["tags"][0] == "cp313-cp313t-manylinux_2_31_x86_64"
    assert not [tag for tag in entry["tags"] if "-abi3-" in tag]
    # The shortest entry needs them as well.
    assert _fit.misfit(_target_parser.parse(_survey.short_entry(found))[0], found) == ""


def test_platform_that_the_distribution_refuses_is_not_in_the_tags():
    found = _survey.target_of(dict(ANSWER, refused_platforms=["manylinux_2_31_x86_64"]))[0]
    assert found.platforms()[0] == "manylinux_2_30_x86_64"
    assert "tags" in _survey.complete_entry(found)
    assert "manylinux_2_31" in _fit.misfit(target(), found)


def test_interpreter_that_does_not_know_its_abi_gets_the_tags_of_its_kind():
    found, exact = _survey.target_of(dict(ANSWER, abis=[]))
    assert not exact
    assert found.tags() == target().tags()


def test_interpreter_that_cannot_be_a_target_is_refused_with_the_reason():
    markers = dict(ANSWER["markers"], python_full_version="3.6.8", python_version="3.6")
    with pytest.raises(AirgapError, match="3.8 is the oldest"):
        _survey.target_of(dict(ANSWER, markers=markers, abis=["cp36m"]))
