# SPDX-License-Identifier: GPL-3.0-or-later
"""What a signature promises: enough allowed keys signed exactly these bytes, or each block is refused with a reason."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from ansible_collections.airgap.python.plugins.module_utils._bundle import _signature
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

SUMS = b"0000  wheels/a\n"


class Officer:
    """A key pair, and what an officer does with it."""

    def __init__(self, folder, name, kind="ed25519"):
        self.name = name
        self.path = str(folder / name)
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", self.path], check=True)
        with open(self.path + ".pub", encoding="ascii") as stream:
            self.public = " ".join(stream.read().split()[:2])

    def sign(self, data=SUMS, namespace="airgap-bundle"):
        """Return the block that the documented command writes."""
        command = ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", self.path]
        return subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True).stdout

    def line(self, options=""):
        """Return the officer's line in a list of allowed signers."""
        return " ".join(word for word in ("%s@example" % self.name, options, self.public) if word)


@pytest.fixture(name="alice", scope="module")
def alice_fixture(tmp_path_factory):
    """Return an officer."""
    return Officer(tmp_path_factory.mktemp("alice"), "alice")


@pytest.fixture(name="bob", scope="module")
def bob_fixture(tmp_path_factory):
    """Return an officer with another type of key."""
    return Officer(tmp_path_factory.mktemp("bob"), "bob", "ecdsa")


def judge(data, allowed, revoked=(), sums=SUMS):
    """Return the names that count and the reasons of the blocks that do not."""
    blocks = _signature.split(data, "SHA256SUMS.sig")
    signers, rejected = _signature.check(sums, blocks, _signature.allowed_signers(allowed), revoked)
    return [one.principal for one in signers], [one.reason for one in rejected]


def test_two_officers_sign_the_same_sums(alice, bob):
    data = alice.sign() + bob.sign()
    assert judge(data, [alice.line(), bob.line()]) == (["alice@example", "bob@example"], [])
    assert judge(data, ["# officers", "", alice.line() + "\n", bob.line()])[0] == ["alice@example", "bob@example"]


def test_key_of_an_allowed_signer_is_never_read_from_an_option(alice, bob):
    line = 'alice@example namespaces="x %s y" %s' % (alice.public, bob.public)
    (one,) = _signature.allowed_signers([line])
    assert (one.principals, one.key) == ("alice@example", _signature.key_fingerprint(bob.path))
    assert judge(alice.sign(), [line]) == ([], ["unknown key"])


def test_signer_is_returned_with_name_fingerprint_and_type(alice):
    (signer,), dummy = _signature.check(
        SUMS, _signature.split(alice.sign(), "x"), _signature.allowed_signers([alice.line()])
    )
    said = subprocess.run(["ssh-keygen", "-lf", alice.path], stdout=subprocess.PIPE, check=True).stdout.decode()
    assert signer == ("alice@example", said.split()[1], "ssh-ed25519")


def test_key_that_signs_twice_counts_once(alice):
    assert judge(alice.sign() * 2, [alice.line()]) == (["alice@example"], ["same key twice"])


def test_unknown_key_is_refused_by_name(alice, bob):
    assert judge(bob.sign(), [alice.line()]) == ([], ["unknown key"])
    assert judge(bob.sign(), [alice.line("no-such-option")]) == ([], ["unknown key"])


def test_revoked_key_is_refused_by_name(alice, bob):
    allowed = [alice.line(), bob.line()]
    assert judge(alice.sign() + bob.sign(), allowed, [alice.public + " a comment"]) == (["bob@example"], ["revoked"])


def test_expired_key_is_refused_by_name(alice):
    assert judge(alice.sign(), [alice.line('valid-before="20200101"')]) == ([], ["expired"])
    assert judge(alice.sign(), [alice.line('valid-after="20990101"')]) == ([], ["not yet valid"])
    assert judge(alice.sign(), [alice.line('valid-before="20990101"')]) == (["alice@example"], [])


def test_option_that_an_old_openssh_does_not_know_is_named(alice):
    allowed = _signature.allowed_signers([alice.line("no-such-option")])
    signers, rejected = _signature.check(SUMS, _signature.split(alice.sign(), "x"), allowed)
    assert (signers, rejected[0].reason) == ([], "unknown option")
    assert "newer OpenSSH" in rejected[0].detail


def test_signature_over_other_content_is_refused_by_name(alice):
    assert judge(alice.sign(b"other"), [alice.line()]) == ([], ["other content"])


def test_signature_for_another_namespace_is_refused_by_name(alice):
    assert judge(alice.sign(namespace="file"), [alice.line()]) == ([], ["other namespace"])
    assert judge(alice.sign(), [alice.line('namespaces="file,git"')]) == ([], ["other namespace"])
    assert judge(alice.sign(), [alice.line('namespaces="file,airgap-bundle"')]) == (["alice@example"], [])


def test_key_may_be_allowed_by_a_certificate_of_the_site_but_counts_once(alice, bob, tmp_path):
    for number in ("1", "2"):
        key = tmp_path / ("key" + number)
        key.write_bytes(Path(alice.path).read_bytes())
        key.chmod(0o600)
        (tmp_path / (key.name + ".pub")).write_text(alice.public + "\n")
        subprocess.run(
            ["ssh-keygen", "-q", "-s", bob.path, "-I", "x", "-n", "alice@site", "-z", number, str(key) + ".pub"],
            check=True,
        )
    blocks = b""
    for number in ("1", "2"):
        command = ["ssh-keygen", "-Y", "sign", "-n", "airgap-bundle", "-f", str(tmp_path / ("key%s-cert.pub" % number))]
        (tmp_path / ("key%s-cert" % number)).write_bytes(Path(alice.path).read_bytes())
        (tmp_path / ("key%s-cert" % number)).chmod(0o600)
        done = subprocess.run(command, input=SUMS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode:
            pytest.skip("this ssh-keygen signs with certificates through an agent only: %s" % done.stderr.decode())
        blocks += done.stdout
    assert judge(blocks, ["alice@site cert-authority " + bob.public]) == (["alice@site"], ["same key twice"])


def test_file_holds_blocks_and_nothing_else(alice):
    block = alice.sign()
    for data in (
        b"",
        b"\n" + block,
        block + b"\n",
        block + b"x\n" + block,
        block[:-1],
        block[:-40],
        block.replace(b"\n", b"\r\n"),
        block.replace(b"SIGNATURE", b"MESSAGE"),
        block.replace(b"U1NI", b"U1NI\n", 1),
        b"-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n",
        block * 65,
        b"x" * (2 << 20),
    ):
        with pytest.raises(AirgapError, match=r"^/b/SHA256SUMS\.sig"):
            _signature.split(data, "/b/SHA256SUMS.sig")


def test_every_flipped_byte_of_a_signature_is_refused(alice):
    block = alice.sign()
    for place in range(0, len(block), 3):
        data = bytearray(block)
        data[place] ^= 1
        try:
            signers, rejected = judge(bytes(data), [alice.line()])
        except AirgapError as error:
            assert "SHA256SUMS.sig" in str(error)
        else:
            assert (signers, len(rejected)) == ([], 1)


def test_block_with_something_after_its_signature_is_refused(alice):
    blob = base64.b64decode(b"".join(alice.sign().splitlines()[1:-1]))
    text = base64.b64encode(blob + b"more")
    lines = b"".join(text[start : start + 70] + b"\n" for start in range(0, len(text), 70))
    data = b"-----BEGIN SSH SIGNATURE-----\n" + lines + b"-----END SSH SIGNATURE-----\n"
    with pytest.raises(AirgapError, match="not an SSH signature"):
        _signature.split(data, "x")


def test_line_that_ssh_keygen_would_skip_is_an_error(alice):
    for line, reason in (
        (alice.public, "lacks a name before its key"),
        ("alice@example", "ALLOWED SIGNERS"),
        ("alice@example ssh-ed25519 AAAAnonsense", "ALLOWED SIGNERS"),
        ("alice@example a b c " + alice.public, "ALLOWED SIGNERS"),
    ):
        with pytest.raises(AirgapError, match=reason):
            _signature.allowed_signers([line])
    with pytest.raises(AirgapError, match="not a public key"):
        _signature.revoked_lines([alice.line()])


def test_refusal_says_how_many_are_missing_and_why_each_block_does_not_count(alice, bob):
    data = alice.sign() + bob.sign(b"other") + bob.sign(namespace="file")
    allowed = [alice.line(), bob.line()]
    signers, rejected = _signature.check(SUMS, _signature.split(data, "x"), _signature.allowed_signers(allowed))
    with pytest.raises(AirgapError) as caught:
        _signature.require("/b/SHA256SUMS.sig", 2, signers, rejected, True)
    text = str(caught.value)
    assert text.startswith("/b/SHA256SUMS.sig: 1 of 2 required signatures is missing. Signed by alice@example (SHA256:")
    assert "(ecdsa-sha2-nistp256): other content" in text
    assert "(ecdsa-sha2-nistp256): other namespace, it was made for 'file'" in text
    assert text.endswith("(playbook approve) and transfer it again.")


def test_message_names_the_package_where_ssh_keygen_is_missing(alice, monkeypatch, tmp_path):
    monkeypatch.setattr(_signature.shutil, "which", lambda name: str(tmp_path / name))
    with pytest.raises(AirgapError, match=r"Install openssh-client \(Debian\)"):
        judge(alice.sign(), [alice.line()])


@pytest.mark.parametrize("end", ["\r", "\u2028", "\x85", "\t", "\x0b", "\0", "\u202e", "\nmallory "])
def test_list_of_signers_with_another_line_end_is_refused(end):
    line = "alice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILMuZWVbHhDBFKSU1mMcnQlfGQhrdPmCeWHzlJ8Gz0bD"
    assert [one.line for one in _signature.allowed_signers([line, "# comment", ""])] == [line]
    with pytest.raises(AirgapError):
        _signature.allowed_signers([line + end + "x"])
