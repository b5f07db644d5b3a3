# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sets a node gets."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.filter.node_sets import node_sets
from ansible_collections.airgap.python.plugins.module_utils._install import _node_sets

SETS = [{"name": "base"}, {"name": "new", "targets": ["cp313"]}, {"name": "old", "targets": ["cp39"]}]
BUNDLES = {"one": "/srv/airgap/bundle", "two": "/data/bundle"}


def python(target, item="/usr/bin/python3"):
    """Return a result of python_target_info."""
    return {"item": item, "target": target, "reasons": {"cp313": "its glibc is older"}, "suggestion": {"name": "mine"}}


def locks(*pairs, host="one", found=True):
    """Return a result of bundle_locks_info."""
    return {"item": host, "found": found, "locks": [dict(zip(("set", "target"), pair.split("/"))) for pair in pairs]}


WHOLE = locks("airgap-pip/cp313", "airgap-pip/cp39", "base/cp313", "base/cp39", "new/cp313", "old/cp39")


def choose(found=(), read=(WHOLE,), bundles=None, **asked):
    """Return what a node gets whose Python is 3.13, with the defaults of the role and some settings."""
    defaults = {
        "sets": [],
        "python": "/usr/bin/python3",
        "pythons": {},
        "system": [],
        "bin_sets": [],
        "repair": [],
        "airgap_sets": SETS,
        "targets": ["cp313", "cp39"],
        "check_mode": False,
    }
    found = found or [python("cp313")]
    return _node_sets.choose("node", {**defaults, **asked}, found, read, BUNDLES if bundles is None else bundles)


def test_node_gets_the_sets_that_fit_its_interpreter_or_those_that_it_names():
    assert choose() == (["base", "new"], {"/usr/bin/python3": "cp313"}, "one", [], "")
    assert choose(sets=["new"]).chosen == choose(sets="new").chosen == ["new"]
    assert choose(sets="base, new", repair="base").problem == ""
    two = [python("cp313"), python("cp39", "/usr/bin/python3.9")]
    found = choose(two, pythons={"old": "/usr/bin/python3.9"})
    assert (found.chosen, found.problem) == (["base", "new", "old"], "")


def test_first_index_host_that_has_the_bundle_counts():
    down = {"item": "one", "unreachable": True, "msg": "timed out"}
    assert choose(read=[down, {**WHOLE, "item": "two"}]).index_host == "two"
    assert choose(read=[locks(found=False), {**WHOLE, "item": "two"}]).index_host == "two"
    found = choose(read=[down])
    assert (found.index_host, found.problem) == ("one", "The locks cannot be read on one, two: timed out")


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"airgap_sets": []}, "airgap_sets is empty"),
        ({"bundles": {}, "read": []}, "The group airgap_index or"),
        (
            {"sets": ["bse"], "repair": ["x"]},
            "install_sets names bse, install_repair names x, which airgap_sets does not have",
        ),
        ({"found": [python("")]}, "fits none of airgap_targets (cp313: its glibc is older)"),
        ({"sets": ["old"]}, "install_sets names old, which is not for the target cp313 of node"),
        ({"read": [locks(found=False)]}, "There is no bundle in /srv/airgap/bundle on one"),
        ({"read": [locks("airgap-pip/cp39")]}, "has no pip for the target cp313, it has pip for cp39"),
        (
            {"read": [locks("airgap-pip/cp313", "base/cp39")]},
            "no lock of the set base for the target cp313; of this set it has cp39.",
        ),
        ({"read": [locks("airgap-pip/cp313")]}, "of this set it has none"),
    ],
)
def test_each_problem_is_named(settings, problem):
    assert problem in choose(**settings).problem


def test_check_mode_of_a_site_without_a_bundle_says_what_would_be_installed():
    found = choose(read=[locks(found=False)], check_mode=True)
    assert (found.problem, found.missing) == ("", ["airgap-pip/cp313", "base/cp313", "new/cp313"])
    assert choose(read=[locks(found=False)], sets=["bse"], check_mode=True).problem


def test_filter_returns_the_same():
    asked = {"sets": [], "python": "/p", "pythons": {}, "system": [], "bin_sets": [], "repair": [], "check_mode": False}
    asked = {**asked, "airgap_sets": SETS, "targets": ["cp313"]}
    assert node_sets(asked, "node", [python("cp313", "/p")], [WHOLE], BUNDLES)["chosen"] == ["base", "new"]
