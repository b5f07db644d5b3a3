# SPDX-License-Identifier: GPL-3.0-or-later
"""One table says what differs between the kinds of index, and roles and documentation know the same ones."""

from __future__ import annotations

import pathlib
import re

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.airgap.python.plugins.filter.index_kind import index_kind
from ansible_collections.airgap.python.plugins.module_utils._index import _kinds

ROOT = pathlib.Path(__file__).resolve().parents[5]


def test_each_kind_has_its_tasks_and_its_role():
    for kind in _kinds.KINDS.values():
        assert (ROOT / "roles/publish/tasks" / (kind.publish + ".yml")).exists()
        assert not kind.server or (ROOT / "roles" / kind.server / "tasks/main.yml").exists()
        # Without a front there is nothing to run.
        assert kind.front or not kind.server


def test_table_of_the_documentation_has_a_column_for_each_kind():
    text = (ROOT / "docs/indexes.md").read_text(encoding="utf-8")
    head = next(line for line in text.split("\n") if line.startswith("| | "))
    assert set(re.findall("`([a-z]+)`", head)) == set(_kinds.KINDS)
    rows = text.partition(head)[2].partition("\n\n")[0].strip().split("\n")
    assert {row.count("|") for row in rows} == {head.count("|")}


def test_unknown_kind_is_refused_with_those_that_exist():
    assert index_kind("devpi")["copies"]
    with pytest.raises(AnsibleFilterError, match="airgap_index_kind is nexus, and must be one of devpi, static"):
        index_kind("nexus")
