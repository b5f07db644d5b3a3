# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of a server."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.airgap.python.plugins.module_utils._index import _server_state


@pytest.mark.parametrize(
    "filename, version",
    [
        ("demo-1.0-py3-none-any.whl", "1.0"),
        ("demo-1.0-1build-py3-none-any.whl", "1.0"),
        ("torchy-2.0+cu118-py3-none-any.whl", "2.0+cu118"),
        ("my_demo-1.0rc1.tar.gz", "1.0rc1"),
        ("old-demo-1.0.zip", "1.0"),
        ("README.txt", ""),
        ("demo.whl", ""),
    ],
)
def test_a_version_is_read_from_the_name_of_a_file(filename, version):
    assert _server_state.version_of(filename) == version


@pytest.mark.parametrize("role", ["MASTER", "PRIMARY"])
def test_a_primary_is_in_sync_with_itself_whatever_devpi_calls_it(role):
    seen = {"serial": 6, "remote-ip": "10.0.0.2", "outside-url": None}
    found = _server_state.describe_replica({"role": role, "serial": 7, "polling_replicas": {"uuid": seen}})
    assert (found["role"], found["serial"], found["primary_serial"], found["in_sync"]) == ("primary", 7, 7, True)
    assert found["replicas"] == [{"address": "10.0.0.2", "url": "", "serial": 6}]


@pytest.mark.parametrize(
    "change, in_sync",
    [
        ({}, True),
        ({"serial": 6}, False),
        ({"primary-serial": None}, False),
        ({"replica-in-sync-at": None}, False),
        ({"replication-errors": {"a/b/+f/x": {"message": "gone"}}}, False),
    ],
)
def test_a_replica_is_in_sync_only_with_every_change_and_every_file(change, in_sync):
    status = {"role": "REPLICA", "serial": 7, "primary-serial": 7, "replica-in-sync-at": 1.5, "replication-errors": {}}
    status.update({"replica-metadata-in-sync-at": 1.0, "replica-files-in-sync-at": 1.5})
    found = _server_state.describe_replica(dict(status, **change))
    assert found["in_sync"] is in_sync
    assert found["errors"] == (["a/b/+f/x: gone"] if "replication-errors" in change else [])


def test_types_of_indexes_have_one_name_and_upstreams_show_no_login():
    users: t.Dict[str, t.Dict[str, t.Any]] = {
        "root": {"indexes": {"pypi": {"type": "remote", "remote_url": "https://a:secret@h/"}}},
        "airgap": {"indexes": {"prod": {"type": "local", "bases": ["root/pypi"], "projects": []}}},
    }
    assert _server_state.describe_indexes(users) == [
        {"name": "airgap/prod", "type": "stage", "settings": {"type": "local", "bases": ["root/pypi"]}},
        {"name": "root/pypi", "type": "mirror", "settings": {"type": "remote", "remote_url": "https://h/"}},
    ]
    assert [index["name"] for index in _server_state.describe_indexes(users, "root/pypi")] == ["root/pypi"]
