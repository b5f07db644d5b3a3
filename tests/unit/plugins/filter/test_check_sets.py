# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the sets or targets of a site is named before anything is staged."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.filter.check_sets import check_sets

BASE = {"name": "base", "targets": ["node311"], "requirements": ["app @ https://user:secret@host.example/app.whl"]}
OURS = {"name": "airgap-pip", "targets": ["node311"]}


def test_sets_that_fit_are_no_problem():
    assert check_sets([BASE], [OURS, BASE], ["node311"], ["pyramid-chameleon"]) == ""


def test_no_sets_or_no_targets_are_named():
    assert check_sets([], [OURS], ["node311"]).startswith("airgap_sets and airgap_targets must each")
    assert check_sets([BASE], [OURS], []).startswith("airgap_sets and airgap_targets must each")


@pytest.mark.parametrize(
    ("sets", "name"),
    [
        ([dict(BASE, name="Base")], "Base: "),
        ([dict(BASE, name="base\n")], "base\n: "),
        ([dict(BASE, name="airgap-mine")], "airgap-mine: "),
        ([BASE, BASE], "base: "),
        ([{"targets": ["node311"]}], "A set without name: "),
    ],
)
def test_a_name_that_no_set_may_have_is_named(sets, name):
    assert check_sets(sets, [OURS, *sets], ["node311"]).startswith(name + "each set needs a unique name")


@pytest.mark.parametrize(("targets", "named"), [(["node39"], "node39"), ([], "no target")])
def test_a_target_that_the_site_does_not_have_is_named_without_the_requirements(targets, named):
    problem = check_sets([BASE], [OURS, dict(BASE, targets=targets)], ["node311"])
    assert problem.startswith("Set base is for %s, which airgap_targets does not have. It has: node311." % named)
    assert "secret" not in problem


def test_a_project_that_is_built_twice_is_named():
    assert check_sets([BASE], [BASE], ["node311"], ["app", "app"]).startswith(
        "stage_build names a project twice. It is app, app;"
    )
