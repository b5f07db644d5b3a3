# SPDX-License-Identifier: GPL-3.0-or-later
"""Which index a bundle has, which of them stay, and which one a rollback means."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _bundle_indexes

IDS = [letter * 32 for letter in "abcdef"]
SITE = "airgap/prod"


def server(*numbers, serving=None, **others):
    """Return the indexes of a server: a bundle's index for each number, and others by their names."""
    found = {SITE: {"bases": [_bundle_indexes.name_of(SITE, IDS[serving])] if serving is not None else []}}
    for identity, number in zip(IDS, numbers):
        config = _bundle_indexes.settings(identity, "stage", "root")
        config["custom_data"] = _bundle_indexes.custom_data(identity, number, "x")
        found[_bundle_indexes.name_of(SITE, identity)] = config
    found.update({"airgap/" + name: config for name, config in others.items()})
    return found


def name(number):
    """Return the name of a bundle's index."""
    return _bundle_indexes.name_of(SITE, IDS[number])


def test_served_bundle_is_the_one_that_the_index_inherits_from():
    assert _bundle_indexes.served(SITE, server(1, 2)) is None
    first = _bundle_indexes.served(SITE, server(1, 2, serving=0))
    assert first and first.id == IDS[0]
    indexes = server(1, 2)
    indexes[SITE]["bases"] = ["airgap/common", name(1), name(0)]
    second = _bundle_indexes.served(SITE, indexes)
    assert second and second.id == IDS[1]


def test_served_bundle_and_the_last_served_ones_stay():
    # b was served last before c, whichever was published first.
    indexes = server(1, 4, 5, 3, serving=2)
    assert _bundle_indexes.superfluous(SITE, indexes, name(2), 2) == ([name(0), name(3)], [])
    assert _bundle_indexes.superfluous(SITE, indexes, name(2), 3) == ([name(0)], [])
    assert _bundle_indexes.superfluous(SITE, indexes, name(2), 1) == ([name(0), name(1), name(3)], [])
    assert _bundle_indexes.superfluous(SITE, indexes, name(0), 4) == ([], [])


def test_what_a_failed_run_left_is_removed_whatever_is_kept():
    assert _bundle_indexes.superfluous(SITE, server(1, 0, 2, serving=2), name(2), 5) == ([name(1)], [])


def test_index_that_another_one_inherits_from_stays_and_is_named():
    indexes = server(1, 2, 3, serving=2, dev={"bases": [name(0)]})
    assert _bundle_indexes.superfluous(SITE, indexes, name(2), 1) == ([name(1)], [name(0)])


def test_indexes_of_other_people_are_never_taken_for_a_bundles():
    strange = {
        "prod-abcdefabcdef": {"title": "mine", "custom_data": "text"},
        "prod-old": {},
        "prod-" + "a" * 13: {},
        "prod2-" + "a" * 12: {"title": "Bundle " + "a" * 32},
        "prod-" + "b" * 12: {"title": "Bundle " + "c" * 32},
    }
    assert _bundle_indexes.find(SITE, server(**strange)) == {}
    assert _bundle_indexes.superfluous(SITE, server(1, serving=0, **strange), name(0), 1) == ([], [])


def test_index_whose_data_someone_removed_is_known_by_its_title():
    indexes = server(3)
    indexes[name(0)]["custom_data"] = None
    assert _bundle_indexes.find(SITE, indexes)[name(0)] == (name(0), IDS[0], 0, "")


def test_number_rises_only_when_another_bundle_was_served_last():
    found = _bundle_indexes.find(SITE, server(1, 2))
    assert _bundle_indexes.next_number(found, name(1)) == 2
    assert _bundle_indexes.next_number(found, name(0)) == 3
    assert _bundle_indexes.next_number(found, name(5)) == 3
    assert _bundle_indexes.next_number({}, name(0)) == 1


@pytest.mark.parametrize("text", ["aaaaaa", "aaaaaaaaaaaa", IDS[0]])
def test_rollback_takes_an_id_or_its_first_digits(text):
    assert _bundle_indexes.by_id(SITE, server(1, 2), text).id == IDS[0]


@pytest.mark.parametrize("text", ["", "aaaaa", "AAAAAA", "cccccc", "../../", "a" * 33, "aaaaaa\n"])
def test_rollback_to_anything_else_names_what_can_be_served(text):
    with pytest.raises(AirgapError) as caught:
        # The third one was never complete.
        _bundle_indexes.by_id(SITE, server(1, 2, 0), text)
    assert "bbbbbbbbbbbb, aaaaaaaaaaaa." in str(caught.value)
