# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who signed a bundle's sums: the blocks of SHA256SUMS.sig, checked by the host's own ssh-keygen.

The file holds one armored block for each signer, one after another (PROTOCOL.sshsig
of OpenSSH). Which key made a block, and for which namespace, is read here. Whether the
signature is valid and whether the key may sign is decided by ssh-keygen(1) alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import shutil
import struct
import subprocess
import tempfile
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._text import is_plain

NAMESPACE = "airgap-bundle"
_BEGIN = b"-----BEGIN SSH SIGNATURE-----\n"
_END = b"-----END SSH SIGNATURE-----\n"
_MAGIC = b"SSHSIG"
_COLUMNS = 70
# Each block costs three runs of ssh-keygen. No bundle has this many officers.
MOST_BLOCKS = 64
LARGEST = 1024 * 1024
_KEY_TYPE = re.compile(r"^(ssh|ecdsa|sk)-[a-z0-9@.-]+$")
_GOOD = re.compile(r'^Good "[^"]*" signature for (.+) with (\S+) key (SHA256:\S+)$')


class Block(t.NamedTuple):
    """One signature: its armor, and the key and namespace that it names."""

    armor: bytes
    type: str
    key: str
    namespace: str


class Signer(t.NamedTuple):
    """Who signed: the name in the list of allowed signers, the key's fingerprint and its type."""

    principal: str
    key: str
    type: str


class AllowedSigner(t.NamedTuple):
    """A line of a list of allowed signers (ssh-keygen(1), ALLOWED SIGNERS): who, what limits it, by which key."""

    line: str
    principals: str
    options: str
    key: str


class Rejected(t.NamedTuple):
    """A block that does not count, with the reason in a few fixed words and in detail."""

    key: str
    type: str
    reason: str
    detail: str


def fingerprint(blob: bytes) -> str:
    """Return the SHA-256 fingerprint of a public key as ssh-keygen prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


def _strings(data: bytes, count: int) -> t.Tuple[t.List[bytes], bytes]:
    """Return ``count`` strings of RFC 4251 from the start of ``data``, and the rest; raises struct.error."""
    found = []
    for _number in range(count):
        (length,) = struct.unpack_from(">I", data)
        if len(data) - 4 < length:
            raise struct.error("cut off")
        found.append(data[4 : 4 + length])
        data = data[4 + length :]
    return found, data


def _armor(blob: bytes) -> bytes:
    text = base64.b64encode(blob)
    lines = [text[start : start + _COLUMNS] + b"\n" for start in range(0, len(text), _COLUMNS)]
    return _BEGIN + b"".join(lines) + _END


def _read_block(armor: bytes, where: str) -> Block:
    """Read one block; raises AirgapError unless it is written in the one way that ssh-keygen writes it."""
    try:
        blob = base64.b64decode(armor[len(_BEGIN) : -len(_END)].replace(b"\n", b""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise AirgapError("%s is not base64: %s." % (where, error)) from error
    if _armor(blob) != armor:
        raise AirgapError("%s is not formatted as ssh-keygen formats it." % where)
    try:
        (version,) = struct.unpack_from(">I", blob, len(_MAGIC))
        (key, namespace, dummy, dummy, dummy), rest = _strings(blob[len(_MAGIC) + 4 :], 5)
        (key_type,), dummy = _strings(key, 1)
        text = key_type.decode("ascii"), namespace.decode("utf-8")
    except (struct.error, UnicodeDecodeError) as error:
        raise AirgapError("%s is not an SSH signature." % where) from error
    if not blob.startswith(_MAGIC) or version != 1 or rest or not _KEY_TYPE.match(text[0]):
        raise AirgapError("%s is not an SSH signature of version 1." % where)
    return Block(armor, text[0], fingerprint(key), text[1])


def split(data: bytes, where: str) -> t.List[Block]:
    """Return the blocks of a signature file, which has at least one and nothing else.

    Raises AirgapError, with the name of the file, for anything else in it: another
    reader could accept as a signature what this one skips.
    """
    fix = " Remove the file and have the bundle signed again, or transfer the bundle again."
    if len(data) > LARGEST:
        raise AirgapError("%s is larger than %d KiB, which signatures never need.%s" % (where, LARGEST >> 10, fix))
    blocks: t.List[Block] = []
    rest = data
    try:
        while rest or not blocks:
            name = "%s: block %d" % (where, len(blocks) + 1)
            end = rest.find(_END)
            if not rest.startswith(_BEGIN) or end < 0:
                raise AirgapError("%s does not start and end as an SSH signature does." % name)
            if len(blocks) == MOST_BLOCKS:
                raise AirgapError("%s has more than %d blocks." % (where, MOST_BLOCKS))
            blocks.append(_read_block(rest[: end + len(_END)], name))
            rest = rest[end + len(_END) :]
    except AirgapError as error:
        raise AirgapError(str(error) + fix) from error
    return blocks


def _words(line: str) -> t.List[str]:
    """Return the words of a line; a double-quoted part may contain blanks."""
    return re.findall(r'(?:"(?:\\.|[^"\\])*"|[^\s"])+', line)


def _is_key(words: t.Sequence[str]) -> bool:
    """Return whether two words are a public key: its type, and the key itself, which repeats the type."""
    if len(words) < 2 or not _KEY_TYPE.match(words[0]):
        return False
    try:
        (name,), dummy = _strings(base64.b64decode(words[1], validate=True), 1)
    except (binascii.Error, ValueError, struct.error):
        return False
    return name == words[0].encode("ascii")


def _lines(texts: t.Iterable[str], what: str) -> t.Iterator[str]:
    """Return the entries of a list without comments; raises AirgapError for a line that ssh-keygen could split differently."""
    for text in texts:
        line = text.rstrip("\n").strip(" ")
        if not is_plain(line):
            raise AirgapError(
                "The %s signer %r contains a control character or a line end. Write each line as an entry of its own, "
                "with blanks between its words." % (what, line[:120])
            )
        if line and not line.startswith("#"):
            yield line


def allowed_signers(texts: t.Iterable[str]) -> t.List[AllowedSigner]:
    """Return the entries of a list of allowed signers, without comments; their keys as fingerprints.

    Raises AirgapError for a line without a key: ssh-keygen would skip it.
    """
    found = []
    for line in _lines(texts, "allowed"):
        words = _words(line)
        if _is_key(words):
            raise AirgapError(
                "The allowed signer %r lacks a name before its key. Write 'NAME %s ...'." % (line[:80], words[0])
            )
        options = 0 if _is_key(words[1:]) else 1
        if not _is_key(words[1 + options :]):
            raise AirgapError(
                "The allowed signer %r is not of the form 'NAME [OPTIONS] TYPE KEY'. See ALLOWED SIGNERS in ssh-keygen(1)."
                % line[:120]
            )
        key = fingerprint(base64.b64decode(words[2 + options]))
        found.append(AllowedSigner(line, words[0], words[1] if options else "", key))
    return found


def revoked_lines(texts: t.Iterable[str]) -> t.List[str]:
    """Return the lines of a list of revoked public keys; raises AirgapError for any other line."""
    lines = []
    for line in _lines(texts, "revoked"):
        if not _is_key(line.split()):
            raise AirgapError(
                "The revoked signer %r is not a public key. Write 'TYPE KEY', the content of the key's .pub file."
                % line[:120]
            )
        lines.append(line)
    return lines


def ssh_keygen(arguments: t.Sequence[str], data: bytes = b"") -> t.Tuple[int, str, str]:
    """Run ssh-keygen so that it never prompts; return its status, output and messages."""
    path = shutil.which("ssh-keygen") or "/usr/bin/ssh-keygen"
    environment = dict(os.environ, LC_ALL="C", SSH_ASKPASS_REQUIRE="never")
    environment.pop("DISPLAY", None)
    try:
        process = subprocess.run(
            [path] + list(arguments),
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            check=False,
            # Without a terminal it cannot prompt for a passphrase.
            start_new_session=True,
        )
    except OSError as error:
        raise AirgapError(
            "ssh-keygen cannot be run on this host (%s), and signatures are made and checked with it. "
            "Install openssh-client (Debian) or openssh (EL)." % (error.strerror or error)
        ) from error
    return process.returncode, process.stdout.decode("utf-8", "replace"), process.stderr.decode("utf-8", "replace")


Run = t.Callable[..., t.Tuple[int, str, str]]


def is_genuine(sums: bytes, block: Block, run: Run = ssh_keygen) -> t.Tuple[bool, str]:
    """Return whether a block was made over these bytes by the key that it names, and ssh-keygen's messages."""
    with tempfile.TemporaryDirectory(prefix="airgap-sign-") as folder:
        return _verify_block(sums, block, _write(folder, "signature", block.armor), run)


def _verify_block(sums: bytes, block: Block, path: str, run: Run) -> t.Tuple[bool, str]:
    rc, dummy, messages = run(["-Y", "check-novalidate", "-n", block.namespace, "-s", path], sums)
    return rc == 0, messages.strip()


def _write(folder: str, name: str, data: bytes) -> str:
    path = os.path.join(folder, name)
    with open(path, "wb") as stream:
        stream.write(data)
    return path


def check(
    sums: bytes,
    blocks: t.Sequence[Block],
    allowed: t.Sequence[AllowedSigner],
    revoked: t.Iterable[str] = (),
    run: Run = ssh_keygen,
    namespace: str = NAMESPACE,
) -> t.Tuple[t.List[Signer], t.List[Rejected]]:
    """Return which allowed signers signed these bytes, each key once, and the blocks that do not count."""
    signers: t.List[Signer] = []
    rejected: t.List[Rejected] = []
    with tempfile.TemporaryDirectory(prefix="airgap-sign-") as folder:
        allowed_path = _write(folder, "allowed", "".join(one.line + "\n" for one in allowed).encode())
        revoked_text = "".join(line + "\n" for line in revoked_lines(revoked))
        listed = {one.key for one in allowed}
        revoked_path = _write(folder, "revoked", revoked_text.encode()) if revoked_text else ""
        for number, block in enumerate(blocks):
            path = _write(folder, str(number), block.armor)
            found = _check_block(sums, block, path, allowed_path, revoked_path, run, namespace)
            if isinstance(found, Rejected) and found.reason == "unknown option" and block.key not in listed:
                # The line that ssh-keygen skipped is another key's.
                found = Rejected(block.key, block.type, *_why_unknown(""))
            if isinstance(found, Signer) and found.key in [one.key for one in signers]:
                found = Rejected(
                    found.key, found.type, "same key twice", "an earlier signature by this key counts already"
                )
            if isinstance(found, Signer):
                signers.append(found)
            else:
                rejected.append(found)
    return signers, rejected


def _check_block(
    sums: bytes, block: Block, path: str, allowed: str, revoked: str, run: Run, namespace: str
) -> t.Union[Signer, Rejected]:
    """Check one block, whose armor is in a file, against the files of allowed and of revoked signers."""

    def reject(reason: str, detail: str) -> Rejected:
        return Rejected(block.key, block.type, reason, detail)

    if block.namespace != namespace:
        return reject("other namespace", "it was made for %r, not for %r" % (block.namespace[:80], namespace))
    is_good, messages = _verify_block(sums, block, path, run)
    if not is_good:
        if re.search("incorrect signature|invalid signature", messages, re.IGNORECASE):
            return reject("other content", "it was made over other sums, or was damaged")
        return reject("unreadable", messages or "ssh-keygen rejects it")
    dummy, output, messages = run(["-Y", "find-principals", "-f", allowed, "-s", path])
    principals = output.split("\n")
    if not principals[0]:
        return reject(*_why_unknown(messages))
    verify = ["-Y", "verify", "-n", namespace, "-f", allowed, "-I", principals[0], "-s", path]
    rc, output, messages = run(verify + (["-r", revoked] if revoked else []), sums)
    match = _GOOD.match(output.strip())
    if rc == 0 and match:
        return Signer(principals[0], match.group(3), block.type)
    if revoked and run(verify, sums)[0] == 0:
        return reject("revoked", "its key is in the list of revoked signers")
    return reject(*_why_unknown(messages))


def _why_unknown(messages: str) -> t.Tuple[str, str]:
    """Return why ssh-keygen finds no allowed signer for a key, from its messages about the lines of the list."""
    for pattern, reason, detail in (
        ("key has expired", "expired", "the valid-before of its key has passed"),
        ("not yet valid", "not yet valid", "the valid-after of its key has not come yet"),
        (
            "not permitted for use in signature namespace",
            "other namespace",
            "the namespaces of its line do not allow it",
        ),
        (
            "unknown key option",
            "unknown option",
            "ssh-keygen on this host does not know an option in the list of allowed signers and skips that line; "
            "valid-before and valid-after need a newer OpenSSH than that of Debian 11",
        ),
    ):
        if pattern in messages:
            return reason, detail
    return "unknown key", "its key is not in the list of allowed signers"


def describe(rejected: t.Sequence[Rejected]) -> str:
    """Return a clause for each block that does not count."""
    return "; ".join("%s (%s): %s, %s" % (one.key, one.type, one.reason, one.detail) for one in rejected)


SIGN_BUNDLE = "Have an officer sign this bundle (playbook approve) and transfer it again."


def require(
    where: str,
    required: int,
    signers: t.Sequence[Signer],
    rejected: t.Sequence[Rejected],
    found: bool,
    fix: str = SIGN_BUNDLE,
) -> None:
    """Raise AirgapError unless enough of the allowed signers signed the file ``where``."""
    missing = required - len(signers)
    if missing <= 0:
        return
    text = "%s: %d of %d required signatures %s missing" % (where, missing, required, "is" if missing == 1 else "are")
    if not found:
        text += ", the bundle is not signed at all"
    if signers:
        text += ". Signed by " + ", ".join("%s (%s)" % (one.principal, one.key) for one in signers)
    if rejected:
        text += ". Not counted: " + describe(rejected)
    raise AirgapError("%s. %s" % (text, fix))


def key_fingerprint(path: str) -> str:
    """Return the fingerprint of the key in a file, private or public; this needs no passphrase."""
    if not os.path.isfile(path):
        raise AirgapError("The key %s does not exist on the control host. Name a private key, or a .pub file." % path)
    rc, output, messages = ssh_keygen(["-l", "-E", "sha256", "-f", path])
    words = output.split()
    if rc or len(words) < 2 or not words[1].startswith("SHA256:"):
        raise AirgapError(
            "%s is not a key that ssh-keygen can read: %s. Name a private key, or a .pub file whose key an ssh-agent holds."
            % (path, " ".join((messages or output).split()))
        )
    return words[1]


def sign(path: str, sums: bytes) -> Block:
    """Return the signature of a key over a bundle's sums, after checking it; never prompts for a passphrase."""
    with tempfile.TemporaryDirectory(prefix="airgap-sign-") as folder:
        data = _write(folder, "SHA256SUMS", sums)
        rc, dummy, messages = ssh_keygen(["-Y", "sign", "-n", NAMESPACE, "-f", path, data])
        if rc:
            raise AirgapError(
                "%s cannot sign: %s. If it has a passphrase, load it into an ssh-agent first (ssh-add %s)."
                % (path, " ".join(messages.replace("@", "").split()).rstrip("."), path)
            )
        with open(data + ".sig", "rb") as stream:
            (block,) = split(stream.read(), path)
    is_good, messages = is_genuine(sums, block)
    if not is_good:
        raise AirgapError("%s made a signature that is not valid: %s." % (path, messages))
    return block
