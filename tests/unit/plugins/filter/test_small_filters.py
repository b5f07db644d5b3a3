# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters that replace loops in templates."""

from __future__ import annotations

from ansible_collections.airgap.python.plugins.filter.in_every_list import in_every_list
from ansible_collections.airgap.python.plugins.filter.lock_names import lock_names
from ansible_collections.airgap.python.plugins.filter.signature_lines import signature_lines


def test_each_set_has_a_lock_for_each_of_its_targets():
    sets = [{"name": "base", "targets": ["el9", "deb12"]}, {"name": "none", "targets": []}]
    assert lock_names(sets) == ["base/el9", "base/deb12"]


def test_a_project_is_unknown_only_if_every_lock_lacks_it():
    assert in_every_list(["flask", "reqeusts"], [["reqeusts"], ["flask", "reqeusts"]]) == ["reqeusts"]
    assert in_every_list(["flask"], [["flask"], []]) == []
    assert in_every_list(["flask"], []) == ["flask"]


def test_each_signature_has_a_line_that_says_whether_it_counts():
    result = {
        "signers": [{"principal": "alice", "key": "SHA256:a", "type": "ED25519"}],
        "rejected": [{"key": "SHA256:b", "reason": "revoked"}],
    }
    assert signature_lines(result, [{"key": "SHA256:c", "type": "RSA"}]) == [
        "alice SHA256:a (ED25519)",
        "does not count: SHA256:b (revoked)",
        "not verified, publish_allowed_signers is empty: SHA256:c (RSA)",
    ]
