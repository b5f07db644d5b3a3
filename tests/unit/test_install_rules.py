# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of install.sh, which stands alone, are those of the collection."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _lock, _manifest, _target, _venv

from tests.integration import small_bundle

INSTALL = small_bundle.install_py()
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


@pytest.mark.parametrize(
    ("target", "here"), list(itertools.product(MACHINES, MACHINES)), ids=lambda one: one["name"] if one else ""
)
def test_an_interpreter_fits_the_targets_that_it_fits_for_ansible(target, here):
    own = _target.parse(here)[0]
    mine = {field: getattr(own, field) for field in ("python", "implementation", "os", "arch", "libc", "os_version")}
    mine["abi"] = own.abis()[0]
    assert bool(INSTALL.misfit(target, mine)) == bool(_target.misfit(_target.parse(target)[0], own))


@pytest.mark.parametrize(
    "names",
    [
        ["/etc/passwd"],
        ["wheels/../x"],
        ["wheels//x"],
        ["wheels/./x"],
        ["wheels\\x"],
        ["wheels/a\x00b"],
        ["wheels/a\u202eb"],
        ["wheels/u\u0308"],
        ["wheels/A.whl", "wheels/a.whl"],
        ["wheels/" + "x" * 1100],
        [""],
        [".bashrc"],
        ["bin/sh"],
        ["wheels"],
    ],
)
def test_a_name_that_ansible_refuses_is_refused(names):
    with pytest.raises(INSTALL.Refusal, match="SUMS names"):
        INSTALL.check_names(names, "SUMS")


def test_good_names_are_taken():
    INSTALL.check_names(["manifest.json", "wheels/a.whl", "locks/s/t.txt", "reports/ü.html", "install.sh"], "SUMS")


def test_both_make_environments_that_the_other_knows():
    for name in ("OWNER_FILE", "OWNER_TEXT", "LOCK_COPY", "SYSCONFIG_PTH", "SYSCONFIG_TEXT"):
        assert getattr(INSTALL, name) == getattr(_venv, name)


def test_both_read_the_same_format():
    assert (INSTALL.FORMAT, INSTALL.MANIFEST, INSTALL.SUMS, INSTALL.SIGNATURE, INSTALL.TOP, INSTALL.FOLDERS) == (
        _manifest.FORMAT,
        _manifest.MANIFEST,
        _manifest.SUMS,
        _manifest.SIGNATURE,
        _manifest.TOP,
        (_manifest.POOL + "/", _manifest.LOCKS + "/", _manifest.REPORTS + "/"),
    )


def test_a_lock_is_read_as_ansible_reads_it():
    pins = [
        _lock.Pin("app", "1.0+local", "a" * 64, "app-1.0+local-py3-none-any.whl", 5, "https://example.org/app"),
        _lock.Pin("part", "2!3.0", "b" * 64, "part-2!3.0-py3-none-any.whl", 7),
    ]
    found = INSTALL.parse_lock(_lock.render(pins, "here", "inputs"), "lock")
    assert [tuple(one) for one in found] == [(pin.name, pin.version, pin.sha256, pin.filename) for pin in pins]
    for text in ("app\n", "-e .\n", "--index-url http://x\n", _lock.render(pins + pins, "here", "inputs")):
        with pytest.raises(INSTALL.Refusal, match="lock, line"):
            INSTALL.parse_lock(text, "lock")
