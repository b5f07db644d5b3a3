# SPDX-License-Identifier: GPL-3.0-or-later
"""What every playbook has in common."""

from __future__ import annotations

import pathlib

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))


class Loader(yaml.SafeLoader):
    """Reads YAML as Ansible writes it."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def read(path):
    """Return the entries of a file."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader)


def entries(path):
    """Return the plays of a playbook and of those that it imports."""
    for entry in read(path):
        imported = entry.get("ansible.builtin.import_playbook")
        if imported is None:
            yield entry
        elif imported != "plays/groups.yml":
            for play in entries(path.parent / imported):
                yield dict(play, when=True) if "when" in entry else play


def names(pattern):
    """Return the groups of a pattern, without this machine, which is always there."""
    return set(pattern.replace("[0]", "").split(":")) - {"localhost"}


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_playbook_first_checks_the_groups_that_its_plays_are_for(name):
    path = ROOT / "playbooks" / (name + ".yml")
    first = read(path)[0]
    assert first["ansible.builtin.import_playbook"] == "plays/groups.yml"
    needed = first["vars"]["_groups_needed"]
    for play in entries(path):
        # A play for this machine, or with a computed pattern, is covered by the tests that run playbooks.
        if play["hosts"] == "localhost" or "{{" in play["hosts"]:
            continue
        # A transfer without hops is valid, too.
        optional = set(first["vars"].get("_groups_optional", ()))
        # A step that is played only on a condition may have no hosts.
        assert "when" in play or any(names(play["hosts"]) & names(pattern) for pattern in needed), play["name"]
        assert names(play["hosts"]) <= optional.union(*map(names, needed)), play["name"]
