# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site's sets require and constrain, with the lines of their files."""

from __future__ import annotations

import types

import pytest
from ansible_collections.airgap.python.plugins.lookup import sets


@pytest.fixture(name="read")
def fixture_read(monkeypatch):
    """Return a function that reads sets; the lookup of requirements answers with what it was called with."""

    def run(terms, dummy, **options):
        assert options.pop("origin") is True
        return ["%s %s" % (terms[0], sorted(options))]

    loader = types.SimpleNamespace(get=lambda *dummy, **options: types.SimpleNamespace(run=run))
    monkeypatch.setattr(sets, "lookup_loader", loader)
    lookup = sets.LookupModule()
    lookup.set_options = lambda **dummy: None
    lookup.get_option = {"build": [], "indexes": []}.__getitem__
    return lambda *terms: lookup.run(list(terms), {})


def test_a_set_without_files_has_its_requirements_alone(read):
    one = {"name": "base", "requirements": ["flask"], "targets": ["el9"]}
    assert read([one]) == [dict(one, requirements_lines=[], constraints_lines=[])]


def test_lines_of_files_and_constraints_come_with_the_place_that_messages_name(read):
    one = {"name": "base", "requirements_file": "r.txt", "constraints_file": "c.txt", "targets": ["el9"]}
    found = read([dict(one, constraints=["flask<4"])])[0]
    assert found["requirements"] == []
    assert found["requirements_lines"] == ["r.txt ['build', 'extras', 'groups', 'indexes']"]
    assert found["constraints_lines"] == [
        "flask<4  # airgap: constraints of set base",
        "c.txt []",
        "c.txt ['kind']",
        "r.txt ['kind']",
    ]


def test_sets_stay_in_their_order(read):
    names = [one["name"] for one in read([{"name": name, "targets": []} for name in ("b", "a")])]
    assert names == ["b", "a"]
