# SPDX-License-Identifier: GPL-3.0-or-later
"""The target files that airgap_targets names are found in the inventory or next to the playbook."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible_collections.airgap.python.plugins.lookup import targets

ENTRY = 'name: "%s"\npython: "3.9.2"\nlibc: "glibc-2.31"\n'


@pytest.fixture(name="site")
def fixture_site(tmp_path):
    """Return the folders of an inventory and of a playbook, each with target files."""
    for folder, names in (("inventory", "ab"), ("playbook", "bc")):
        (tmp_path / folder / "targets").mkdir(parents=True)
        for name in names:
            (tmp_path / folder / "targets" / (name + ".yml")).write_text(ENTRY % (folder + name))
    return tmp_path


def names(site, *terms):
    """Return the names of the targets for these terms."""
    lookup = targets.LookupModule()
    variables = {"inventory_dir": str(site / "inventory"), "playbook_dir": str(site / "playbook")}
    lookup.set_options = lambda **dummy: None
    return [target["name"] for target in lookup.run(list(terms), variables)]


def test_inventory_comes_before_playbook(site):
    assert names(site, ["targets/b.yml", "targets/c.yml"]) == ["inventoryb", "playbookc"]
    assert names(site, ["targets/*.yml"]) == ["inventorya", "inventoryb"]
    assert names(site, [str(site / "playbook/targets/b.yml")]) == ["playbookb"]


@pytest.mark.parametrize(
    ("text", "said"), [(None, " in .* or "), ("a: [", "cannot be read"), ("name: x\n", "python must be")]
)
def test_file_that_is_not_a_target_is_named_with_the_fix(site, text, said):
    if text is not None:
        (site / "inventory/d.yml").write_text(text)
    with pytest.raises(AnsibleError, match="(?s)d.yml.*%s.*airgap.python.survey" % said):
        names(site, ["d.yml"])
