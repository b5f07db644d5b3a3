# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The locks of a set are found next to those of other sets, and only files with the pinned content match."""

from __future__ import annotations

import os

import pytest
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_bytes
from ansible_collections.airgap.python.plugins.module_utils._resolve import _lock_folder
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

TARGET = _target_parser.parse({"name": "old", "python": "3.9.2", "libc": "glibc-2.31"})[0]
PIN = _lock.Pin("x", "1", sha256_bytes(b"x"), "x-1-py3-none-any.whl", 1, "https://h.example/x-1-py3-none-any.whl")


@pytest.fixture(name="locks")
def locks_fixture(tmp_path):
    """Return the folder of the set base, next to the locks of the set site for two targets."""
    for name in ("base/old", "site/old", "site/new"):
        path = tmp_path / "locks" / (name + ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_lock.render([PIN], name.partition("/")[2], "sha256:0", ["x"]))
    return _lock_folder.LockFolder(str(tmp_path / "locks/base"), [TARGET])


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (None, ["site/new", "site/old"]),
        (["site"], ["site/new", "site/old"]),
        (["site/new", "base"], ["site/new"]),
        (["site/removed"], []),
    ],
)
def test_locks_of_other_sets_are_found_by_name_or_all(locks, names, found):
    root = os.path.dirname(locks.folder)
    assert [os.path.relpath(path, root)[: -len(".txt")] for path in locks.other_locks(names)] == found


def test_lock_that_cannot_be_read_counts_as_missing(locks):
    read = locks.read(TARGET)
    assert read is not None
    assert list(read.pins) == [PIN]
    with open(locks.path(TARGET), "ab") as stream:
        stream.write(b"\xff")
    assert locks.read(TARGET) is None


def test_file_that_is_not_a_lock_has_no_pins(tmp_path):
    (tmp_path / "notes.txt").write_text("x==1\n")
    assert _lock_folder.read_pins(str(tmp_path / "notes.txt")) == []


def test_only_a_file_with_the_pinned_content_matches(tmp_path):
    (tmp_path / "good").write_bytes(b"x")
    (tmp_path / "bad").write_bytes(b"y")
    for name, matches in (("good", True), ("bad", False), ("missing", False)):
        assert bool(_lock_folder.matching_files([(PIN, str(tmp_path / name))])) is matches
