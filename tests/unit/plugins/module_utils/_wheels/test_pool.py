# SPDX-License-Identifier: GPL-3.0-or-later
"""One name in the pool means one content."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock, _pool

NAME = "probe-1.0-py3-none-any.whl"


def claim(sha256, where, origin="https://one.example/" + NAME, filename=NAME):
    """Return the claim of a lock about a file."""
    return _pool.claims([_lock.Pin("probe", "1.0", sha256 * 64, filename, 1, origin)], where)


def test_two_contents_under_one_name_are_refused_with_both_origins_and_both_locks():
    with pytest.raises(AirgapError) as caught:
        _pool.check(claim("a", "locks/s/linux.txt") + claim("b", "locks/s/windows.txt", "https://two.example/" + NAME))
    for part in (NAME, "a" * 64, "b" * 64, "locks/s/linux.txt", "locks/s/windows.txt", "one.example", "two.example"):
        assert part in str(caught.value)


def test_same_content_under_one_name_is_one_file_whatever_its_origin():
    _pool.check(claim("a", "one") + claim("a", "two", "https://two.example/" + NAME), claim("a", "the base"))
    _pool.check_other_locks(claim("a", "one"), claim("a", "two", "https://two.example/" + NAME))


def test_name_with_another_content_in_the_base_is_refused():
    with pytest.raises(AirgapError, match="in one, and .* in bundle 12.*keeps the file"):
        _pool.check(claim("a", "one"), claim("b", "bundle 12"))


def test_name_with_another_content_in_another_set_is_refused():
    with pytest.raises(AirgapError, match="in one, and .* in two.*remove it"):
        _pool.check_other_locks(claim("a", "one"), claim("b", "two"))


def test_other_sets_that_disagree_do_not_stop_this_one():
    _pool.check_other_locks(
        claim("c", "one", filename="other-1-py3-none-any.whl"), claim("a", "two") + claim("b", "three")
    )


def test_names_that_differ_only_in_case_are_one_name():
    with pytest.raises(AirgapError):
        _pool.check(claim("a", "one") + claim("a", "two", filename=NAME.capitalize()))


def test_rebuilt_wheel_is_not_refused_by_a_lock_with_the_earlier_build():
    mine, old = claim("a", "one", "built:source:own"), claim("b", "locks/two/x.txt", "built:source:own")
    (warning,) = _pool.check_other_locks(mine, old)
    assert "locks/two/x.txt" in warning
    assert NAME in warning
    assert _pool.check_other_locks(mine, claim("a", "two", "built:source:own")) == []
    with pytest.raises(AirgapError):
        _pool.check_other_locks(mine, old + claim("c", "three"))
