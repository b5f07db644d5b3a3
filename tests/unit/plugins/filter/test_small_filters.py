# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters that replace loops in templates."""

from __future__ import annotations

from ansible_collections.airgap.python.plugins.filter.signature_lines import signature_lines


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
