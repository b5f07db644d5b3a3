# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is changed in a user."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _users


@pytest.mark.parametrize(
    "state, current, password, wanted, action",
    [
        ("present", None, False, {}, "create"),
        ("present", {"email": "a"}, True, {"email": None}, ""),
        ("present", {"email": "a"}, None, {"email": "a"}, ""),
        ("present", {"email": "a"}, None, {"email": ""}, "modify"),
        ("present", {}, None, {"email": "", "title": "", "custom_data": {}}, ""),
        ("present", {"custom_data": {"x": 1}}, None, {"custom_data": {"x": 1}}, ""),
        ("present", {"custom_data": {"x": 1}}, None, {"custom_data": {"x": 2}}, "modify"),
        ("present", {"title": "a"}, None, {"title": "b"}, "modify"),
        ("present", {}, None, {"description": "b"}, "modify"),
        ("present", {}, False, None, "modify"),
        ("absent", {"indexes": {}}, None, None, "delete"),
        ("absent", None, None, None, ""),
    ],
)
def test_a_user_is_changed_only_where_it_differs(state, current, password, wanted, action):
    plan = _users.plan_user("airgap", state, current, password, wanted)
    assert plan.action == action
    if action == "modify" and password is None:
        assert plan.settings == wanted


def test_a_new_user_needs_a_password_and_one_with_indexes_stays():
    with pytest.raises(AirgapError, match="has no password"):
        _users.plan_user("airgap", "present", None, None, None)
    with pytest.raises(AirgapError, match="owns the indexes prod"):
        _users.plan_user("airgap", "absent", {"indexes": {"prod": {}}}, None, None)
    with pytest.raises(AirgapError, match="root cannot be removed"):
        _users.plan_user("root", "absent", {}, None, None)
