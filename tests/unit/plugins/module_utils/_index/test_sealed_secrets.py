# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets cross to another index host readable only there."""

from __future__ import annotations

import base64
import json
import os
import stat

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _sealed_secrets

pytest.importorskip("cryptography")
SECRETS = {"secret": "s" * 43, "root.password": "weak", "airgap.password": "other"}


@pytest.fixture(name="hosts")
def hosts_fixture(tmp_path):
    """Return the folder of a host with secrets, and that of one without."""
    sender, receiver = tmp_path / "sender", tmp_path / "receiver"
    sender.mkdir()
    for name, text in SECRETS.items():
        (sender / name).write_text(text + "\n")
    (sender / "devpi-server.yml").write_text("no secret")
    return sender, receiver


def carry(sender, receiver):
    """Carry the secrets as the role does; return all that Ansible sees, and the names that were written."""
    asked = _sealed_secrets.request(str(receiver), False)
    sent = _sealed_secrets.send(str(sender), asked["public_key"], asked["digest"])
    received = _sealed_secrets.receive(str(receiver), sent["sealed"], False) if sent["sealed"] else {"names": []}
    return json.dumps([asked, sent, received]), received["names"]


def test_secrets_arrive_and_nothing_that_ansible_sees_has_them(hosts):
    sender, receiver = hosts
    seen, names = carry(sender, receiver)
    assert sorted(names) == sorted(SECRETS)
    assert _sealed_secrets.read_secrets(str(receiver)) == SECRETS
    for text in SECRETS.values():
        assert text not in seen and base64.b64encode(text.encode()).decode() not in seen
    for name in (*SECRETS, _sealed_secrets.KEY):
        assert stat.S_IMODE((receiver / name).stat().st_mode) == 0o600
    assert not (receiver / "devpi-server.yml").exists()


def test_secrets_that_are_there_are_not_sent_again_and_a_changed_or_removed_one_is(hosts):
    sender, receiver = hosts
    carry(sender, receiver)
    key = (receiver / _sealed_secrets.KEY).read_text()
    assert carry(sender, receiver)[1] == []
    (sender / "root.password").write_text("rotated\n")
    assert carry(sender, receiver)[1] == ["root.password"]
    (sender / "airgap.password").unlink()
    assert carry(sender, receiver)[1] == ["airgap.password"]
    assert not (receiver / "airgap.password").exists()
    assert (receiver / _sealed_secrets.KEY).read_text() == key


def test_what_was_sealed_for_another_host_or_changed_on_its_way_is_refused_and_nothing_is_written(hosts, tmp_path):
    sender, receiver = hosts
    asked = _sealed_secrets.request(str(receiver), False)
    sealed = _sealed_secrets.send(str(sender), asked["public_key"], "")["sealed"]
    changed = bytearray(base64.b64decode(sealed))
    changed[-1] ^= 1
    _sealed_secrets.request(str(tmp_path / "third"), False)
    for folder, text in (
        (receiver, base64.b64encode(changed).decode()),
        (tmp_path / "third", sealed),
        (receiver, "AA"),
    ):
        with pytest.raises(AirgapError):
            _sealed_secrets.receive(str(folder), text, False)
        assert os.listdir(folder) == [_sealed_secrets.KEY]
    with pytest.raises(AirgapError, match="not a public key"):
        _sealed_secrets.send(str(sender), "AAAA", "")


def test_names_that_are_not_secrets_of_an_index_are_not_written(hosts):
    receiver = hosts[1]
    asked = _sealed_secrets.request(str(receiver), False)
    sealed = _sealed_secrets.seal({"../evil.password": "x"}, asked["public_key"])
    with pytest.raises(AirgapError, match="not the secrets"):
        _sealed_secrets.receive(str(receiver), sealed, False)


def test_digest_depends_on_the_secret_so_that_a_weak_password_cannot_be_guessed_from_it():
    others = dict(SECRETS, secret="t" * 43)
    assert _sealed_secrets.digest(SECRETS) != _sealed_secrets.digest(others)
    assert _sealed_secrets.digest({"root.password": "weak"}) == ""


def test_check_mode_makes_no_key_and_writes_nothing(hosts):
    sender, receiver = hosts
    asked = _sealed_secrets.request(str(receiver), True)
    sealed = _sealed_secrets.send(str(sender), asked["public_key"], asked["digest"])["sealed"]
    assert asked["changed"] and _sealed_secrets.receive(str(receiver), sealed, True)["changed"]
    assert not receiver.exists()


def test_primary_without_a_secret_is_reported(hosts):
    sender, receiver = hosts
    (sender / "secret").unlink()
    asked = _sealed_secrets.request(str(receiver), False)
    with pytest.raises(AirgapError, match="Run the role devpi on the primary"):
        _sealed_secrets.send(str(sender), asked["public_key"], asked["digest"])
