# SPDX-License-Identifier: GPL-3.0-or-later
"""What uv is asked for a target, and how its lock is read."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._resolve import _resolve_error, _uv
from ansible_collections.airgap.python.plugins.module_utils._resolve._inputs import EngineInputs
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser
from ansible_collections.airgap.python.plugins.module_utils._wheels import _packaging

PACKAGING = _packaging.load()


def target(**changes):
    """Return a Linux target with changes."""
    raw = dict({"name": "x", "python": "3.9.2", "os": "linux", "arch": "x86_64", "libc": "glibc-2.31"}, **changes)
    return _target_parser.parse({key: value for key, value in raw.items() if value})[0]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "x86_64-manylinux_2_31"),
        ({"libc": "glibc-2.30"}, "x86_64-manylinux_2_28"),
        ({"libc": "glibc-2.41"}, "x86_64-manylinux_2_40"),
        ({"arch": "aarch64", "libc": "musl-1.2"}, "aarch64-unknown-linux-musl"),
        ({"os": "windows", "libc": ""}, "x86_64-pc-windows-msvc"),
        ({"os": "macos", "arch": "arm64", "libc": ""}, "aarch64-apple-darwin"),
    ],
)
def test_platform_is_one_whose_every_wheel_the_target_accepts(changes, name):
    assert _uv.platform(target(**changes)) == name


@pytest.mark.parametrize(
    "changes", [{"implementation": "pypy", "python": "3.9.18"}, {"arch": "s390x"}, {"libc": "glibc-2.12"}]
)
def test_target_that_uv_does_not_know_is_refused_with_the_other_engine(changes):
    with pytest.raises(_resolve_error.ResolveError, match="resolver: pip"):
        _uv.platform(target(**changes))


def test_passwords_are_passed_in_the_environment():
    settings = {"index-url": "https://u:secret@a.example", "proxy": "http://p:secret@b.example", "timeout": "7"}
    found = _uv.variables(settings, target(), {"PIP_INDEX_URL": "x", "UV_INDEX_URL": "y", "PATH": "/bin"})
    assert found["UV_DEFAULT_INDEX"] == "https://u:secret@a.example"
    assert found["HTTPS_PROXY"] == "http://p:secret@b.example"
    assert "PIP_INDEX_URL" not in found and "UV_INDEX_URL" not in found
    arguments = _uv.resolve_arguments(target(), EngineInputs(["r"], ["c"], ["/w"]), "/s")
    assert "secret" not in " ".join(arguments)


def wheel(filename, sha256="a" * 64):
    """Return a wheel as a lock has it."""
    return {"url": "https://u:p@index.example/f/" + filename, "hashes": {"sha256": sha256} if sha256 else {}}


def test_wheel_that_fits_best_is_chosen_and_the_higher_build_of_two():
    wheels = [
        wheel("x-1-py3-none-any.whl"),
        wheel("x-1-1-cp39-cp39-manylinux_2_17_x86_64.whl"),
        wheel("x-1-2-cp39-cp39-manylinux_2_17_x86_64.whl", "b" * 64),
        wheel("x-1-cp39-cp39-manylinux_2_34_x86_64.whl"),
    ]
    pin = _uv.read_lock(PACKAGING, {"packages": [{"name": "X", "version": "1", "wheels": wheels}]}, target(), "/s")[0]
    assert (pin.name, pin.sha256) == ("x", "b" * 64)
    assert pin.origin == "https://u:p@index.example/f/x-1-2-cp39-cp39-manylinux_2_17_x86_64.whl"


def test_package_without_a_fitting_wheel_or_hash_is_refused_by_name():
    lock = {"packages": [{"name": "x", "version": "1", "wheels": [wheel("x-1-cp310-cp310-win_amd64.whl")]}]}
    with pytest.raises(_resolve_error.ResolveError, match="uv chose x 1"):
        _uv.read_lock(PACKAGING, lock, target(), "/s")
    lock["packages"][0]["wheels"] = [wheel("x-1-py3-none-any.whl", "")]
    with pytest.raises(_resolve_error.ResolveError, match="no SHA-256 for x-1-py3-none-any.whl"):
        _uv.read_lock(PACKAGING, lock, target(), "/s")
