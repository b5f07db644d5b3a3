# SPDX-License-Identifier: GPL-3.0-or-later
"""Only bytes with the SHA-256 that the officer set are signed, whatever the bundle's host answers."""

from __future__ import annotations

import base64

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.airgap.python.plugins.action import bundle_sign
from ansible_collections.airgap.python.plugins.module_utils._bundle import _folder, _signature
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_bytes

SUMS = b"0" * 64 + b"  wheels/a.whl\n"
TEXT = base64.b64encode(SUMS).decode()
WHERE = "/srv/airgap/bundle/SHA256SUMS on outside"


def test_answer_is_read_as_bytes():
    assert bundle_sign.read_answer({"sums": TEXT, "armor": ""}, WHERE) == (SUMS, [])


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"sums": None, "armor": ""},
        {"sums": [TEXT], "armor": ""},
        {"sums": TEXT, "armor": {"a": "b"}},
        {"sums": "\u2028", "armor": ""},
        {"sums": "../..", "armor": ""},
        {"sums": "A" * (_folder.LARGEST_TEXT * 3 // 2), "armor": ""},
        {"sums": TEXT, "armor": "A" * (_signature.LARGEST + 1)},
        {"sums": TEXT, "armor": "\u2028"},
    ],
)
def test_answer_without_sums_and_signatures_is_refused_with_the_host(answer):
    with pytest.raises(AnsibleActionFail, match=WHERE) as caught:
        bundle_sign.read_answer(answer, WHERE)
    assert len(str(caught.value)) < 1000


def test_invalid_armor_is_refused():
    with pytest.raises(AirgapError, match=WHERE):
        bundle_sign.read_answer({"sums": TEXT, "armor": "../../\x1b[2J"}, WHERE)


def test_bytes_with_another_sum_are_refused_with_both_sums():
    bundle_sign.require_sum(SUMS, sha256_bytes(SUMS), WHERE)
    with pytest.raises(AnsibleActionFail, match=sha256_bytes(SUMS)):
        bundle_sign.require_sum(SUMS, "", WHERE)
    with pytest.raises(AnsibleActionFail, match="%s.*%s" % (sha256_bytes(SUMS), "0" * 64)):
        bundle_sign.require_sum(SUMS, "0" * 64, WHERE)


def test_namespace_of_a_foreign_signature_is_returned_without_terminal_controls():
    block = _signature.Block(b"", "ssh-ed25519", "SHA256:x", "a\x1b[2J\n" * 99)
    (listed,) = bundle_sign.listing([block])
    assert listed["namespace"].isprintable()
    assert len(listed["namespace"]) < 400
