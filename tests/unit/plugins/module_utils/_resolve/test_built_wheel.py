# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A built wheel is used where it fits, and its record says what it was built from."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import _built_wheel
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

from tests.unit.plugins.module_utils._resolve.examples import HERE, built


def target(**fields):
    """Return a target like this host, except for some fields."""
    return _target_parser.parse(dict({"name": "t", "python": "3.11.2", "libc": "glibc-2.36"}, **fields))[0]


@pytest.mark.parametrize("tags", [["py3-none-any"], ["py2-none-any", "py3-none-any"]])
def test_wheel_without_compiled_code_fits_every_target(tags):
    for one in (target(os="windows", libc=""), target(python="3.8.0"), target(arch="aarch64")):
        assert _built_wheel.misfit_reason(tags, HERE, one) == ""


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, ""),
        ({"python": "3.11.9", "libc": "glibc-2.31"}, ""),
        ({"libc": "glibc-2.16"}, "it is for manylinux_2_17_x86_64"),
        ({"python": "3.12.1"}, "python is 3.11, here 3.12"),
        ({"os": "windows", "libc": ""}, "os is linux, here windows"),
        ({"arch": "aarch64"}, "arch is x86_64, here aarch64"),
        ({"libc": "musl-1.2"}, "libc is glibc-2.36, here musl-1.2"),
        ({"implementation": "pypy"}, "implementation is cpython, here pypy"),
    ],
)
def test_compiled_wheel_fits_only_its_own_kind(fields, reason):
    assert _built_wheel.misfit_reason(["cp311-cp311-manylinux_2_17_x86_64"], HERE, target(**fields)) == reason


def test_compiled_wheel_with_a_stable_or_no_abi_also_fits_other_minor_versions():
    for tag in ("cp38-abi3", "py3-none"):
        assert _built_wheel.misfit_reason([tag + "-manylinux_2_17_x86_64"], HERE, target(python="3.13.0")) == ""
        assert _built_wheel.misfit_reason([tag + "-manylinux_2_17_x86_64"], HERE, target(os="windows", libc=""))


def test_only_linux_wheels_that_name_no_library_need_a_repair():
    assert _built_wheel.needs_repair(["cp311-cp311-linux_x86_64"])
    assert not _built_wheel.needs_repair(["cp311-cp311-manylinux2014_x86_64", "cp311-cp311-manylinux_2_17_x86_64"])
    assert not _built_wheel.needs_repair(["py3-none-any"])


def test_project_from_a_source_of_the_site_comes_from_nowhere_else():
    pins = [_lock.Pin("tool", "9.0", "b" * 64, "tool-9.0-py3-none-any.whl", 0, "https://h.example/tool-9.0.whl")]
    with pytest.raises(AirgapError, match="tool 9.0 from https://h.example/tool-9.0.whl was chosen"):
        _built_wheel.with_build_origins(pins, [built()], target())
    assert _built_wheel.with_build_origins(pins, [built(order={"name": "tool"})], target()) == pins


def test_origin_of_a_built_file_is_its_source():
    pins = [_lock.Pin("tool", "1.0", "a" * 64, "tool-1.0-py3-none-any.whl", 0, "file:///srv/tool-1.0-py3-none-any.whl")]
    assert _built_wheel.with_build_origins(pins, [built()], target())[0].origin == "built:x"


def test_digest_changes_with_the_content_of_a_built_wheel():
    assert _built_wheel.digest_lines([built()]) != _built_wheel.digest_lines([built(sha256="b" * 64)])


def test_refused_targets_are_named_with_their_reasons():
    wheel = built("tool-1.0-cp311-cp311-manylinux_2_17_x86_64.whl")
    targets = [target(name="same"), target(name="desktop", os="windows", libc="")]
    said = _built_wheel.misfit_message([wheel], ["tool"], targets)
    assert "desktop (os is linux, here windows)" in said
    assert "same" not in said
    assert _built_wheel.misfit_message([wheel], ["other"], targets) == ""
