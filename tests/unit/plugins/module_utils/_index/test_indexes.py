# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is changed in an index."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _indexes

WANTED = {"type": "stage", "bases": [], "volatile": False, "acl_upload": ["a", "b"]}


@pytest.mark.parametrize(
    "change, action",
    [
        ({}, ""),
        ({"acl_upload": ["b", "a"]}, ""),
        ({"custom_data": {"x": 1}}, ""),
        ({"volatile": True}, "modify"),
        ({"bases": ["root/x"]}, "modify"),
        ({"acl_upload": ["a"]}, "modify"),
    ],
)
def test_an_index_is_changed_only_where_its_settings_differ(change, action):
    plan = _indexes.plan_index("a/b", "present", dict(WANTED, **change), WANTED)
    assert plan.action == action
    assert set(plan.settings) == (set(change) if action else set())


def test_the_order_of_bases_matters():
    current = dict(WANTED, bases=["x/a", "x/b"])
    assert _indexes.plan_index("a/b", "present", current, dict(WANTED, bases=["x/b", "x/a"])).action == "modify"


def test_an_index_of_another_type_is_refused():
    with pytest.raises(AirgapError, match="of type mirror"):
        _indexes.plan_index("a/b", "present", {"type": "mirror"}, WANTED)


@pytest.mark.parametrize(
    "projects, volatile, force, refused",
    [
        (["flask"], False, False, True),
        (["flask"], False, True, False),
        ([], False, False, False),
        (["flask"], True, False, False),
    ],
)
def test_published_files_are_lost_only_with_force(projects, volatile, force, refused):
    current = dict(WANTED, projects=projects, volatile=volatile)
    if refused:
        with pytest.raises(AirgapError, match="force=true"):
            _indexes.plan_index("a/b", "absent", current, WANTED, force)
    else:
        assert _indexes.plan_index("a/b", "absent", current, WANTED, force).action == "delete"
