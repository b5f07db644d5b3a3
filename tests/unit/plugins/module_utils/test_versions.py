# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What our own two rules about versions promise: they agree with packaging's, which may not be there."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _versions
from packaging.utils import canonicalize_version
from packaging.version import Version


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.0", "1"),
        ("2024.01.02", "2024.1.2"),
        ("1.0-RC.1", "1rc1"),
        ("1.0alpha", "1a0"),
        ("1.0-1", "1.post1"),
        ("v1.0.dev", "1.dev0"),
        ("1!2.0+Ubuntu-01", "1!2+ubuntu.1"),
        ("1.0.post2.dev3", "1.post2.dev3"),
    ],
)
def test_spellings_of_one_version_are_equal(one, other):
    assert _versions.canonical(one) == _versions.canonical(other)


@pytest.mark.parametrize(
    ("one", "other"), [("1.0", "1.0.1"), ("1.0", "1.0rc1"), ("1.0", "1.0+local"), ("1.10", "1.1"), ("weird", "odd")]
)
def test_different_versions_stay_different(one, other):
    assert _versions.canonical(one) != _versions.canonical(other)


def test_our_spelling_of_a_version_is_that_of_packaging():
    releases = ["1", "v1.0", "01.2.0", "1!2.10"]
    ends = ["", "a", "-alpha1", ".B2", "_c.3", "pre0", "preview04", "RC-5"]
    posts = ["", "-3", ".post", "_rev2", "r1"]
    for parts in itertools.product(releases, ends, posts, ["", ".dev", "-DEV07"], ["", "+Local-1.02_x"]):
        version = "".join(parts)
        assert _versions.canonical(version) == canonicalize_version(version), version


@pytest.mark.parametrize("version", ["3.13.0rc1", "26.3", "1!2.4", "3.9.18"])
def test_the_release_is_that_of_packaging_but_for_the_epoch(version):
    assert _versions.release(version.partition("!")[2] or version) == Version(version).release


def test_the_release_of_a_c_library_can_be_ordered():
    assert _versions.release("glibc-2.4") < _versions.release("glibc-2.36") == (2, 36)
    assert _versions.release("") == ()
