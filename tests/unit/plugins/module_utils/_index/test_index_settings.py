# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of indexes, by the names of each generation of devpi-server."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _settings

CLOSED = {"bases": [], "volatile": False, "acl_upload": ["airgap"], "acl_toxresult_upload": []}


@pytest.mark.parametrize(
    "asked, name", [("stage", "stage"), ("local", "stage"), ("mirror", "mirror"), ("remote", "mirror")]
)
@pytest.mark.parametrize("version", ["6.20.3", ""])
def test_a_type_has_its_old_name_up_to_devpi_6(asked, name, version):
    assert _settings.wanted({"type": asked}, "airgap", version)["type"] == name


@pytest.mark.parametrize(
    "asked, name", [("stage", "local"), ("local", "local"), ("mirror", "remote"), ("remote", "remote")]
)
@pytest.mark.parametrize("version", ["7.0.0b4", "10.1"])
def test_a_type_has_its_new_name_from_devpi_7_on(asked, name, version):
    assert _settings.wanted({"type": asked}, "airgap", version)["type"] == name


def test_an_index_is_closed_where_nothing_else_is_asked_for():
    assert _settings.wanted({"type": "stage"}, "airgap", "6.20.3") == dict(CLOSED, type="stage")
    opened = _settings.wanted({"type": "stage", "volatile": True, "acl_upload": [":anonymous:"]}, "airgap", "6.20.3")
    assert opened == dict(CLOSED, type="stage", volatile=True, acl_upload=[":ANONYMOUS:"])


def test_a_mirror_gets_no_setting_that_was_not_asked_for():
    asked = {"type": "mirror", "mirror_url": "http://h/", "mirror_cache_expiry": 5, "bases": None}
    assert _settings.wanted(asked, "root", "6.20.3") == {
        "type": "mirror",
        "mirror_url": "http://h/",
        "mirror_cache_expiry": 5,
    }
    assert _settings.wanted(asked, "root", "7.0.0") == {
        "type": "remote",
        "remote_url": "http://h/",
        "remote_refresh_delay": 5,
    }


@pytest.mark.parametrize(
    "asked, version, reason",
    [
        (
            {"type": "mirror", "bases": []},
            "6.20.3",
            "bases is not a setting of an index of type mirror. It has custom_data",
        ),
        (
            {"type": "stage", "mirror_url": "http://h/"},
            "6.20.3",
            "mirror_url is not a setting of an index of type stage",
        ),
        (
            {"type": "stage", "mirror_whitelist": []},
            "7.0.0b4",
            "not a setting of devpi-server 7.0.0b4, which has acl_tox",
        ),
        ({"type": "stage", "project_inheritance_rules": []}, "6.20.3", "not a setting of devpi-server 6.20.3"),
    ],
)
def test_an_option_that_the_server_does_not_know_is_refused_by_name(asked, version, reason):
    with pytest.raises(AirgapError, match=reason):
        _settings.wanted(asked, "airgap", version)


@pytest.mark.parametrize(
    "name, stored, wanted, same",
    [
        ("acl_upload", ["a", "b"], ["b", "a"], True),
        ("bases", ["a", "b"], ["b", "a"], False),
        ("bases", None, [], True),
        ("mirror_whitelist", ["a", "b"], ["b", "a"], True),
        ("title", None, "", True),
        ("title", "x", "", False),
        ("mirror_no_project_list", None, False, True),
        ("mirror_no_project_list", None, True, False),
        ("custom_data", {"a": [1]}, {"a": [1]}, True),
        ("custom_data", None, 0, False),
    ],
)
def test_settings_are_compared_by_what_they_mean(name, stored, wanted, same):
    assert _settings.is_same(name, stored, wanted) is same


def test_the_login_of_an_upstream_is_not_shown():
    assert _settings.shown({"remote_url": "https://a:secret@h/s/", "title": "x"}) == {
        "remote_url": "https://h/s/",
        "title": "x",
    }
