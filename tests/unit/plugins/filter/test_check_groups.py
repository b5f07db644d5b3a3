# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook without hosts reports which group is empty, misspelt or outside --limit."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.filter.check_groups import check_groups

OURS = ["airgap_stage", "airgap_index", "airgap_nodes"]
GROUPS = {
    "all": ["i", "x", "n1", "n2"],
    "airgap_stage": ["i"],
    "airgap_index": ["x", "y"],
    "airgap_nodes": ["n1", "n2"],
}


def test_a_pattern_that_no_host_matches_is_empty():
    assert check_groups(GROUPS, ["airgap_nodes", "airgap_bastion:kube_node"])["empty"] == ["airgap_bastion:kube_node"]
    assert check_groups({"airgap_index": []}, ["airgap_index[0]"])["empty"] == ["airgap_index[0]"]


def test_a_pattern_with_an_index_means_the_first_host():
    assert check_groups(GROUPS, ["airgap_index[0]:airgap_stage"])["hosts"] == ["x", "i"]


def test_hosts_of_optional_groups_are_meant_as_well_and_each_once():
    found = check_groups(GROUPS, ["airgap_nodes"], optional=["airgap_stage", "airgap_bastion", "all"])
    assert found["hosts"] == ["n1", "n2", "i", "x"] and found["empty"] == []


def test_hosts_outside_the_limit_are_not_played_on():
    found = check_groups(GROUPS, ["airgap_nodes"], ours=OURS, playing=["n2", "i"])
    assert found["playing"] == ["n2"]
    assert found["summary"] == ["airgap_stage: i", "airgap_index: left out by --limit", "airgap_nodes: n2"]


@pytest.mark.parametrize("name", ["airgap_node", "Airgap-Nodes", "airgapnodes"])
def test_a_group_whose_name_is_almost_one_of_the_collection_is_misspelt(name):
    assert check_groups({name: ["n3"]}, [], ours=OURS)["misspelt"] == ["%s to airgap_nodes" % name]


def test_a_group_with_a_similar_name_and_no_other_hosts_is_not_misspelt():
    assert check_groups({**GROUPS, "airgap_node": ["n1"]}, [], ours=OURS)["misspelt"] == []


def test_the_first_hosts_of_a_large_group_are_named_and_the_rest_counted():
    hosts = ["n%d" % number for number in range(11)]
    found = check_groups({"airgap_nodes": hosts}, ["airgap_nodes"], playing=hosts)
    assert found["summary"] == ["airgap_nodes: n0, n1, n2, n3, n4, n5, n6, n7 and 3 more"]
