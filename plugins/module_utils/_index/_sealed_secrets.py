# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets on their way from one index host to another: readable only on the host that they are for.

Ansible carries results through the control host, where they may be shown, logged or cached. So the receiving host has a key
pair, and the sending host seals the secrets to its public key: X25519, HKDF-SHA256 and AES-256-GCM, with a new key of the
sender each time. Which public key is the right one is known from the control host, which both trust.

Whether the other host has the same secrets already is known from a digest under the server's secret, which is 256 random
bits. So the digest shows nothing of a weak password to whoever does not have that secret.

It runs with the Python of the front's environment, which has the package cryptography.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils import _access, _files, _secret_file
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

KEY = "sealing.key"
SECRET = "secret"
NAMES = re.compile(r"(secret|[A-Za-z0-9_.-]+\.password)\Z")
PURPOSE = b"airgap.python sealed_secrets 1"
NONCE = bytes(12)
Secrets = t.Mapping[str, str]


def read_secrets(folder: str) -> t.Dict[str, str]:
    """Return the secrets in a folder by their names; those that are empty are left out."""
    found = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if NAMES.match(name):
            with _files.open_plain(os.path.join(folder, name)) as stream:
                text = stream.read(4096).decode("utf-8", "replace").rstrip("\n")
            if text:
                found[name] = text
    return found


def digest(secrets: Secrets) -> str:
    """Return what tells one set of secrets from another, under the server's secret; "" without it."""
    if SECRET not in secrets:
        return ""
    text = json.dumps(dict(secrets), sort_keys=True).encode("utf-8")
    return hmac.new(secrets[SECRET].encode("utf-8"), PURPOSE + text, hashlib.sha256).hexdigest()


def _crypto() -> t.Any:
    """Return the parts of the package cryptography that are used; raises AirgapError without it."""
    try:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import x25519
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    except ImportError as error:
        raise AirgapError(
            "The Python that runs this does not have the package cryptography. Run it with that of the front's environment "
            "(ansible_python_interpreter)."
        ) from error
    return InvalidTag, hashes, serialization, x25519, AESGCM, HKDF


def _raw_public(key: t.Any) -> bytes:
    serialization = _crypto()[2]
    raw: bytes = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return raw


def _cipher(own: t.Any, other: bytes, sender: bytes, receiver: bytes) -> t.Any:
    """Return the cipher that only the holders of the two private keys can compute."""
    _tag, hashes, _serialization, x25519, aesgcm, hkdf = _crypto()
    shared = own.exchange(x25519.X25519PublicKey.from_public_bytes(other))
    return aesgcm(hkdf(hashes.SHA256(), 32, None, PURPOSE + sender + receiver).derive(shared))


def seal(secrets: Secrets, public_key: str) -> str:
    """Return secrets that only the host with the private key of a public key can read."""
    x25519 = _crypto()[3]
    receiver = _decode(public_key, 32)
    own = x25519.X25519PrivateKey.generate()
    sender = _raw_public(own.public_key())
    # The key is used once, so its nonce may be constant.
    sealed = _cipher(own, receiver, sender, receiver).encrypt(NONCE, json.dumps(dict(secrets)).encode("utf-8"), PURPOSE)
    return base64.b64encode(sender + sealed).decode("ascii")


def unseal(sealed: str, private: t.Any) -> t.Dict[str, str]:
    """Return the secrets that were sealed to a key; raises AirgapError if they were not, or were changed."""
    invalid_tag = _crypto()[0]
    data = _decode(sealed, 0)
    receiver = _raw_public(private.public_key())
    try:
        text = _cipher(private, data[:32], data[:32], receiver).decrypt(NONCE, data[32:], PURPOSE)
    except (invalid_tag, ValueError) as error:
        raise AirgapError(
            "The secrets were not sealed for this host, or were changed on their way. Run this again."
        ) from error
    found = json.loads(text)
    if not isinstance(found, dict) or not all(NAMES.match(name) and isinstance(found[name], str) for name in found):
        raise AirgapError("What was sealed for this host are not the secrets of an index. Nothing was written.")
    return found


def _decode(text: str, size: int) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    if len(data) < 32 or size and len(data) != size:
        raise AirgapError(
            "That is not a public key or not sealed secrets, as this module returns them. Run this again."
        )
    return data


def private_key(folder: str, check_mode: bool) -> t.Tuple[t.Any, bool]:
    """Return the private key of this host, and whether it was made now."""
    x25519, serialization = _crypto()[3], _crypto()[2]
    path = os.path.join(folder, KEY)
    try:
        return x25519.X25519PrivateKey.from_private_bytes(base64.b64decode(_files.read_if_exists(path) or b"")), False
    except ValueError:
        key = x25519.X25519PrivateKey.generate()
    if not check_mode:
        raw = key.private_bytes(
            serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
        )
        _files.make_folder(folder)
        _secret_file.write_secret(path, base64.b64encode(raw).decode("ascii"), os.geteuid(), os.getegid())
    return key, True


def write_secrets(folder: str, secrets: Secrets) -> t.List[str]:
    """Make the secrets in a folder exactly these; return the names of those that changed. An existing file keeps its owner."""
    before = read_secrets(folder)
    changed = []
    for name, text in secrets.items():
        path = os.path.join(folder, name)
        if before.get(name) != text:
            changed.append(name)
            owner = os.stat(path) if os.path.exists(path) else None
            _files.write_atomic(path, (text + "\n").encode("utf-8"), 0o600)
            uid, gid = (owner.st_uid, owner.st_gid) if owner else (os.geteuid(), os.getegid())
            _access.set_owner(path, uid, gid, 0o600)
    for name in sorted(set(before) - set(secrets)):
        changed.append(name)
        os.unlink(os.path.join(folder, name))
    return changed


def request(folder: str, check_mode: bool) -> t.Dict[str, t.Any]:
    """Return the public key of this host, and the digest of the secrets that it has."""
    key, is_new = private_key(folder, check_mode)
    public = base64.b64encode(_raw_public(key.public_key())).decode("ascii")
    return {"changed": is_new, "public_key": public, "digest": digest(read_secrets(folder))}


def send(folder: str, public_key: str, other: str) -> t.Dict[str, t.Any]:
    """Return the secrets of this host, sealed; empty if the other host has them."""
    secrets = read_secrets(folder)
    if SECRET not in secrets:
        raise AirgapError("%s/%s does not exist. Run the role devpi on the primary first." % (folder, SECRET))
    is_same = hmac.compare_digest(digest(secrets), other)
    return {"changed": False, "sealed": "" if is_same else seal(secrets, public_key)}


def receive(folder: str, sealed: str, check_mode: bool) -> t.Dict[str, t.Any]:
    """Write sealed secrets; return the names of those that changed."""
    if check_mode:
        return {"changed": True, "names": []}
    secrets = unseal(sealed, private_key(folder, True)[0])
    changed = write_secrets(folder, secrets)
    return {"changed": bool(changed), "names": changed}
