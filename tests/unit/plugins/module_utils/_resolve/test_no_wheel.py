# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The message about a missing wheel."""

from __future__ import annotations

from ansible_collections.airgap.python.plugins.module_utils._pip import _command
from ansible_collections.airgap.python.plugins.module_utils._resolve import _no_wheel
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser

OLD = _target_parser.parse({"name": "old", "python": "3.9.2", "libc": "glibc-2.31"})[0]
DESKTOP = _target_parser.parse({"name": "desktop", "python": "3.13.5", "os": "windows"})[0]


def answer(newest, fits, wanted=True):
    """Return what is known for one target."""
    return {"newest": newest, "fits": fits, "wanted": wanted}


def test_versions_are_those_that_pip_could_have_used():
    line = "ERROR: Could not find a version that satisfies the requirement x==0+a (from versions: %s)\n"
    assert _no_wheel.versions(line % "1.0, 1.1rc1, 2") == ["1.0", "1.1rc1", "2"]
    assert _no_wheel.versions(line % "none") == []


def test_targets_without_a_wheel_are_named_with_the_newest_version_that_has_one():
    judged = {"sdist": "3.0", "targets": {"old": answer("1.9", False), "desktop": answer("3.0", True)}}
    said = _no_wheel.missing_wheel_message("lib>=2", [OLD, DESKTOP], judged)
    assert "no wheel for lib>=2 on target old." in said
    assert "old: 1.9; desktop: 3.0" in said
    assert "sdist 3.0" in said
    assert "stage_build" in said


def test_target_whose_marker_excludes_the_requirement_lacks_nothing():
    judged = {"sdist": "", "targets": {"old": answer("1.0", False, wanted=False), "desktop": answer("", False)}}
    said = _no_wheel.missing_wheel_message("lib; sys_platform == 'win32'", [OLD, DESKTOP], judged)
    assert "on target desktop." in said
    assert "old" not in said
    assert "no sdist either" in said


def test_project_that_no_index_has_is_reported_as_such():
    judged = {"sdist": "", "targets": {"old": answer("", False)}}
    assert "no project nope" in _no_wheel.missing_wheel_message("nope[x]>=1", [OLD], judged)


class Answering(_command.Pip):
    """A pip that always gives the same output."""

    def __init__(self, out):
        self.out = out

    def run(self, arguments, variables=None, program=()):
        """Return the output."""
        return 1, self.out


def test_index_that_does_not_answer_leads_to_no_claim():
    out = "ERROR: No matching distribution found for lib\n"
    assert _no_wheel.missing_wheels_message(Answering("connection refused"), out, [OLD]) == ""
