# SPDX-License-Identifier: GPL-3.0-or-later
"""The set for Kubespray has the requirements of a checkout."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.airgap.python.plugins.filter.kubespray_sets import kubespray_sets

SETS = [
    {"name": "base", "requirements": ["flask"]},
    {"name": "kubespray", "requirements": ["ansible==11.13.0"], "constraints": ["six<2"], "targets": ["el9"]},
]


def test_without_a_path_nothing_changes():
    assert kubespray_sets(SETS, "") == SETS


def test_requirements_are_replaced_and_targets_and_constraints_stay():
    found = kubespray_sets(SETS, "/k", requirements=["hvac"], constraints=["bcrypt<5"])
    assert found == [
        SETS[0],
        {
            "name": "kubespray",
            "requirements_file": "/k",
            "requirements": ["hvac"],
            "constraints": ["six<2", "bcrypt<5"],
            "targets": ["el9"],
        },
    ]


def test_site_without_the_set_reads_the_entry_to_add():
    with pytest.raises(AnsibleFilterError, match=r"has no set k8s\. Add \{name: k8s, targets: \[TARGET\]\}"):
        kubespray_sets(SETS, "/k", name="k8s")
