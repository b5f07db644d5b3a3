# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of install.sh that Python does: check a bundle, choose a lock, make the virtual environment.

It runs with the standard library alone, on the interpreter that shall get the
packages. Its rules are those of the collection (module_utils _manifest, _text,
_lock, _signature, _target, _venv); tests hold both to the same cases. Nothing of a
bundle is used before it was checked, and nothing in a bundle is changed. It may
run as root: what is used are copies that were hashed while they were made, in
folders that nobody else can write to.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import errno
import fcntl
import hashlib
import importlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import typing as t
import unicodedata
import zipfile

FORMAT = 1
MANIFEST, SUMS, SIGNATURE = "manifest.json", "SHA256SUMS", "SHA256SUMS.sig"
TOP = (MANIFEST, "README.md", "install.sh")
FOLDERS = ("wheels/", "locks/", "reports/")
NAMESPACE = "airgap-bundle"
LARGEST_TEXT = 64 << 20
MOST_SIGNATURES = 64
BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
# These make an environment one that the role install knows as its own, and the reverse.
OWNER_FILE = ".airgap-venv"
OWNER_TEXT = "Made by airgap.python from a lock. What the lock does not name is removed at the next run.\n"
LOCK_COPY = "airgap-lock.txt"
# pip before 26.1 asks distutils on Python 3.8 and 3.9, which Debian ships apart. The switch is pip's own.
SYSCONFIG_PTH = "airgap_pip_sysconfig.pth"
SYSCONFIG_TEXT = "import sysconfig; sysconfig._PIP_USE_SYSCONFIG = True\n"
PIN = re.compile(
    r"(?P<name>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)==(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)"
    r" --hash=sha256:(?P<sha256>[0-9a-f]{64})"
    r"  # (?P<filename>[A-Za-z0-9][A-Za-z0-9._+!-]*\.whl) (?P<size>[0-9]{1,18})(?: \S+)?"
)
# pip decodes a file by such a comment in its first two lines (PEP 263).
CODING = re.compile(r"coding[:=]")
KEY_TYPE = re.compile(r"(ssh|ecdsa|sk)-[a-z0-9@.-]+")
# What strings of a manifest look like; docs/manifest.schema.json has the same.
SET, TARGET = r"[a-z0-9][a-z0-9._-]*", r"[A-Za-z0-9][A-Za-z0-9._-]*"
SHAPES = {
    "path": r"wheels/[^/]+",
    "sha256": r"[0-9a-f]{64}",
    "name": r"[a-z0-9]([a-z0-9-]*[a-z0-9])?",
    "version": r"[A-Za-z0-9][A-Za-z0-9.!+_-]*",
}
PROBE = """
import json, os, sys
from importlib.metadata import distributions
prefix = os.path.realpath(sys.prefix) + os.sep
folders = sorted({os.path.realpath(p) for p in sys.path if p and os.path.realpath(p).startswith(prefix)})
print(json.dumps({
    "version": list(sys.version_info[:3]),
    "executable": os.path.realpath(sys.executable),
    "installed": [[d.metadata["Name"] or "", d.metadata["Version"] or ""] for d in distributions(path=folders)],
}))
"""
AGAIN = "Fetch the bundle again."


def is_plain(text: str) -> bool:
    """Say whether all of a text can be seen: no control, format or surrogate character, and no end of a line."""
    return not any(category[0] == "C" or category in ("Zl", "Zp") for category in map(unicodedata.category, text))


def shown(text: str) -> str:
    r"""Return a text with each character that would act on a terminal, or hide, as \xNN, \uNNNN or \UNNNNNNNN."""
    parts = []
    for letter in text:
        number = ord(letter)
        if letter == " " or unicodedata.category(letter)[0] not in "CZ":
            parts.append(letter)
        elif number < 0x100:
            parts.append("\\x%02x" % number)
        else:
            parts.append("\\u%04x" % number if number < 0x10000 else "\\U%08x" % number)
    return "".join(parts)


class Refusal(Exception):
    """It cannot be done; the message names the thing, the reason and the mend, and ``lines`` what another program said."""

    def __init__(self, message: str, *lines: str) -> None:
        super().__init__("\n  ".join(shown(line) for line in (message, *lines)))


class Pin(t.NamedTuple):
    """One file that a lock names."""

    name: str
    version: str
    sha256: str
    filename: str


class Bundle(t.NamedTuple):
    """A bundle whose names and sums were checked; ``held`` are the paths of the files that are there."""

    root: str
    manifest: t.Dict[str, t.Any]
    sums: t.Dict[str, str]
    held: t.Set[str]
    bases: t.Sequence[str] = ()

    @property
    def base(self) -> str:
        """The id of the bundle that this one adds to, or a word for it."""
        return str(self.manifest.get("base") or "that it adds to")

    def pins(self, set_name: str, target: str) -> t.List[Pin]:
        """Return the pins of a lock that is there."""
        path = "locks/%s/%s.txt" % (set_name, target)
        return parse_lock(self.text(path), os.path.join(self.root, path))

    def text(self, path: str) -> str:
        """Return a text of the bundle that still has the sum which was checked."""
        data = read_small(os.path.join(self.root, path))
        check_sum(os.path.join(self.root, path), hashlib.sha256(data).hexdigest(), self.sums[path])
        return data.decode("utf-8")

    def find(self, pin: Pin) -> str:
        """Return where the file of a pin lies: here or in a base that was named; "" if it is in neither."""
        if "wheels/" + pin.filename in self.held:
            return os.path.join(self.root, "wheels", pin.filename)
        for base in self.bases:
            path = os.path.join(base, "wheels", pin.filename)
            if os.path.isfile(path) and not os.path.islink(path):
                check_sum(path, sha256_file(path), pin.sha256)
                return path
        return ""

    def take(self, pin: Pin, folder: str) -> str:
        """Copy the file of a pin into a folder of ours and return the copy, which has the pin's sum."""
        source = self.require([pin])[0]
        path = os.path.join(folder, pin.filename)
        with open(path, "xb") as target:
            check_sum(source, digest_of(source, target.write), pin.sha256)
        return path

    def require(self, pins: t.Iterable[Pin]) -> t.List[str]:
        """Return where the files of pins lie; raises Refusal for those that only a base has."""
        places = {pin.filename: self.find(pin) for pin in pins}
        missing = sorted(name for name, path in places.items() if not path)
        if missing:
            raise Refusal(
                "This bundle does not carry %s%s: the bundle %s, to which it adds, has what is missing. "
                "Name its folder with --base."
                % (", ".join(missing[:5]), " and %d more" % (len(missing) - 5) if len(missing) > 5 else "", self.base)
            )
        return list(places.values())


# --- names and sums ---------------------------------------------------------------------------------------------------


def open_plain(path: str) -> t.BinaryIO:
    """Open a file of the bundle; a link is not followed, and the other end of a pipe not waited for."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise Refusal("%s is missing. %s" % (path, AGAIN)) from None
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise Refusal("%s is a link. A bundle holds none: remove it. %s" % (path, AGAIN)) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Refusal("%s is no plain file. A bundle holds only such. %s" % (path, AGAIN))
    return os.fdopen(handle, "rb")


def read_small(path: str) -> bytes:
    """Return what a small file of the bundle holds."""
    with open_plain(path) as stream:
        data = stream.read(LARGEST_TEXT + 1)
    if len(data) > LARGEST_TEXT:
        raise Refusal("%s is larger than %d MiB, which no bundle needs." % (path, LARGEST_TEXT >> 20))
    return data


def digest_of(path: str, write: t.Callable[[bytes], t.Any]) -> str:
    """Pass the bytes of a file on and return their SHA-256 in hex."""
    digest = hashlib.sha256()
    with open_plain(path) as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
            write(block)
    return digest.hexdigest()


def sha256_file(path: str) -> str:
    """Return the SHA-256 of a file in hex."""
    return digest_of(path, len)


def other_writers(status: os.stat_result) -> str:
    """Say why somebody else than root and this user can change a file or a folder; "" if nobody can."""
    if status.st_uid not in (0, os.geteuid()):
        return "user %d owns it" % status.st_uid
    if status.st_mode & 0o022 and not stat.S_ISLNK(status.st_mode):
        return "its mode %04o lets others write" % stat.S_IMODE(status.st_mode)
    return ""


def check_way(path: str, mend: str) -> None:
    """Refuse a path in whose place somebody else can put another thing, by a folder above it or a link."""
    for way in (os.path.abspath(path), os.path.realpath(path)):
        while way != os.path.dirname(way):
            way = os.path.dirname(way)
            if not os.path.lexists(way):
                continue
            status = os.lstat(way)
            reason = other_writers(status)
            # In a folder with the sticky bit, such as /tmp, nobody renames what is another's.
            if reason and not (status.st_mode & stat.S_ISVTX and status.st_uid in (0, os.geteuid())):
                raise Refusal("%s lies below %s, and others can change that: %s. %s" % (path, way, reason, mend))


def check_owners(root: str) -> None:
    """Refuse a bundle that another user than root and this one can change while it is used."""
    mend = "Use a copy in a folder of your own: cp -r %s" % root
    check_way(root, mend)
    names: t.Dict[t.Tuple[int, int], int] = {}
    linked = {}
    paths = [root, os.path.realpath(root)] + [
        os.path.join(parent, name) for parent, folders, files in os.walk(root) for name in folders + files
    ]
    for path in paths:
        status = os.lstat(path)
        reason = other_writers(status)
        if reason:
            raise Refusal("%s can be changed by others while it is used: %s. %s" % (path, reason, mend))
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            linked[path] = status
            names[status.st_dev, status.st_ino] = names.get((status.st_dev, status.st_ino), 0) + 1
    for path, status in linked.items():
        if names[status.st_dev, status.st_ino] < status.st_nlink:
            raise Refusal(
                "%s has another name outside of the bundle (a hard link), and who writes to that changes it. %s"
                % (path, mend)
            )


def check_sum(path: str, real: str, wanted: str) -> None:
    """Raise Refusal unless a file has the sum that it should have."""
    if real != wanted:
        raise Refusal(
            "%s has sha256 %s and should have %s: it was damaged or changed. %s" % (path, real, wanted, AGAIN)
        )


def check_names(paths: t.Iterable[str], where: str) -> None:
    """Refuse names that could lead out of the bundle or be taken for another."""
    seen: t.Dict[str, str] = {}
    for path in paths:
        reason = ""
        if not path or path.startswith("/"):
            reason = "it is not a relative path"
        elif any(part in ("", ".", "..") for part in path.split("/")):
            reason = "it has an empty, '.' or '..' part and could lead out of the bundle"
        elif any(part != part.strip() for part in path.split("/")):
            reason = "it has a part with a blank at its begin or end, which some file systems drop"
        elif "\\" in path or not is_plain(path):
            reason = "it has a backslash or a control character"
        elif unicodedata.normalize("NFC", path) != path:
            reason = "it is not in Unicode form NFC"
        elif len(path.encode("utf-8")) > 1024:
            reason = "it is longer than 1024 bytes"
        elif path not in TOP and not path.startswith(FOLDERS):
            reason = "it has no place in a bundle"
        folded = unicodedata.normalize("NFC", path.casefold())
        if not reason and folded in seen:
            reason = "it is one file with %r to some file systems" % seen[folded]
        if reason:
            raise Refusal("%s names %r: %s. Do not use this bundle; fetch it again." % (where, path[:200], reason))
        seen[folded] = path
    for path in list(seen.values()):
        parts = path.split("/")
        for count in range(1, len(parts)):
            if "/".join(parts[:count]).casefold() in seen:
                raise Refusal("%s names %r as a file and as a folder. %s" % (where, "/".join(parts[:count]), AGAIN))


def decode(data: bytes, where: str) -> str:
    """Return a file's text."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal("%s is not UTF-8 text: it was damaged or changed. %s" % (where, AGAIN)) from None


def split_lines(text: str, where: str) -> t.List[str]:
    r"""Return the lines of a text, which end with "\n" and nothing else: str.splitlines() would cut at U+2028 as well."""
    lines = text.split("\n")
    if lines.pop() != "" or not lines:
        raise Refusal("%s does not end with a whole line: it was cut off. %s" % (where, AGAIN))
    return lines


def parse_sums(data: bytes, where: str) -> t.Dict[str, str]:
    """Return path to SHA-256 from a sums file: what sha256sum(1) reads the same, and nothing else."""
    sums = {}
    paths = []
    for number, line in enumerate(split_lines(decode(data, where), where), 1):
        match = re.fullmatch(r"([0-9a-f]{64})  (.+)", line, re.DOTALL)
        if match is None:
            raise Refusal("%s, line %d is no sum: %r. %s" % (where, number, line[:120], AGAIN))
        paths.append(match.group(2))
        sums[match.group(2)] = match.group(1)
    check_names(paths, where)
    if MANIFEST not in sums:
        raise Refusal("%s does not name %s. %s" % (where, MANIFEST, AGAIN))
    return sums


def unique(pairs: t.Sequence[t.Tuple[str, t.Any]]) -> t.Dict[str, t.Any]:
    """Return an object of JSON in which no key stands twice, for two readers could take two values."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def is_like(shape: str, value: t.Any) -> bool:
    """Say whether a value is a string of a shape."""
    return isinstance(value, str) and re.fullmatch(shape, value) is not None


def parse_manifest(data: bytes, where: str) -> t.Dict[str, t.Any]:
    """Return a manifest whose shape and names are right."""
    try:
        manifest = json.loads(decode(data, where), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise Refusal("%s is not right JSON: %s. %s" % (where, error, AGAIN)) from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("format"), int):
        raise Refusal("%s is no manifest: it has no format number. %s" % (where, AGAIN))
    if manifest["format"] != FORMAT:
        raise Refusal(
            "%s has format %d, and this install.sh reads format %d. Use the one that came with the bundle."
            % (where, manifest["format"], FORMAT)
        )
    good = is_like(r"[0-9a-f]{32}", manifest.get("id"))
    good = good and (manifest.get("base") is None or is_like(r"[0-9a-f]{32}", manifest["base"]))
    for key in ("files", "sets", "targets"):
        good = good and isinstance(manifest.get(key), list) and all(isinstance(one, dict) for one in manifest[key])
    for key, shape in (("sets", SET), ("targets", TARGET)):
        for one in manifest[key] if good else ():
            if not is_like(shape, one.get("name")):
                raise Refusal("%s has %r among its %s, which is no name. %s" % (where, one.get("name"), key, AGAIN))
    for one in manifest["sets"] if good else ():
        good = good and isinstance(one.get("targets"), list) and all(is_like(TARGET, name) for name in one["targets"])
    for entry in manifest["files"] if good else ():
        used_by = entry.get("used_by", [])
        good = good and isinstance(used_by, list) and all(isinstance(use, dict) for use in used_by)
        good = good and all(is_like(SET, use.get("set")) and is_like(TARGET, use.get("target")) for use in used_by)
        good = good and isinstance(entry.get("size"), int)
        for key, shape in SHAPES.items():
            if good and not is_like(shape, entry.get(key)):
                raise Refusal("%s has %r as the %s of a file. %s" % (where, entry.get(key), key, AGAIN))
    if not good:
        raise Refusal("%s is no manifest: its shape is wrong. %s" % (where, AGAIN))
    check_names([entry["path"] for entry in manifest["files"]], where)
    content = {key: value for key, value in manifest.items() if key not in ("id", "created")}
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if hashlib.sha256(text.encode("utf-8")).hexdigest()[:32] != manifest["id"]:
        raise Refusal("%s does not have the content that its id stands for. %s" % (where, AGAIN))
    return manifest


def parse_lock(text: str, where: str) -> t.List[Pin]:
    """Return the pins of a lock."""
    pins = {}
    for number, line in enumerate(split_lines(text, where), 1):
        if "\\" in line or not is_plain(line) or (number < 3 and CODING.search(line)):
            raise Refusal(
                "%s, line %d is one that pip could read otherwise: %r. %s" % (where, number, line[:120], AGAIN)
            )
        if line.startswith("#"):
            continue
        match = PIN.fullmatch(line)
        if match is None or match.group("name") in pins:
            raise Refusal("%s, line %d is no pin, or a second one: %r. %s" % (where, number, line[:120], AGAIN))
        pins[match.group("name")] = Pin(*(match.group(key) for key in Pin._fields))
    return list(pins.values())


def walk(root: str) -> t.Dict[str, int]:
    """Return path to size of every file below a folder; raises Refusal for what is no plain file."""
    found = {}
    folders = [""]
    while folders:
        folder = folders.pop()
        for item in os.scandir(os.path.join(root, folder)):
            path = os.path.join(folder, item.name)
            status = item.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                folders.append(path)
            elif stat.S_ISREG(status.st_mode):
                found[path] = status.st_size
            else:
                raise Refusal(
                    "%s is neither a file nor a folder (a link or a device). A bundle holds none: remove it."
                    % os.path.join(root, path)
                )
    return found


def verify(root: str, sums_data: bytes, bases: t.Sequence[str] = ()) -> Bundle:
    """Check that a folder is the bundle that its sums describe, and nothing else."""

    def full(path: str) -> str:
        return os.path.join(root, path)

    sums = parse_sums(sums_data, full(SUMS))
    found = walk(root)
    check_owners(root)
    data = read_small(full(MANIFEST))
    check_sum(full(MANIFEST), hashlib.sha256(data).hexdigest(), sums[MANIFEST])
    manifest = parse_manifest(data, full(MANIFEST))
    listed = {entry["path"]: entry for entry in manifest["files"]}
    # What a delta does not carry may be there all the same; then the manifest has its sum.
    of_base = {path: entry["sha256"] for path, entry in listed.items() if entry.get("carried") is False}
    expected = {**of_base, **sums}
    for path in sorted(set(found) - set(expected) - {SUMS, SIGNATURE}):
        raise Refusal("%s is not in the bundle's sums: someone put it there. Remove it. %s" % (full(path), AGAIN))
    for path in sorted(set(sums) - set(found)):
        raise Refusal("%s is missing. %s" % (full(path), AGAIN))
    held = sorted(set(expected) & set(found))
    for path in held:
        check_sum(full(path), sha256_file(full(path)), expected[path])
    pool = {path for path in sums if path.startswith("wheels/")}
    for path in sorted(pool ^ (set(listed) - set(of_base))):
        raise Refusal("%s is in only one of %s and %s. %s" % (full(path), MANIFEST, SUMS, AGAIN))
    for path, entry in listed.items():
        if path in found and (entry["sha256"], entry["size"]) != (expected[path], found[path]):
            raise Refusal("%s has another sum or size in %s than in %s. %s" % (full(path), MANIFEST, SUMS, AGAIN))
    bundle = Bundle(root, manifest, sums, set(held), bases)
    for path in sums:
        if not path.startswith("locks/"):
            continue
        for pin in parse_lock(bundle.text(path), full(path)):
            if listed.get("wheels/" + pin.filename, {}).get("sha256") != pin.sha256:
                raise Refusal("%s pins %s, which is not in the pool. %s" % (full(path), pin.filename, AGAIN))
    return bundle


# --- signatures -------------------------------------------------------------------------------------------------------


def cut_signatures(data: bytes, where: str) -> t.List[bytes]:
    """Return the blocks of a signature file; raises Refusal for a single byte that ssh-keygen would not write."""
    blocks: t.List[bytes] = []
    rest = data
    while rest or not blocks:
        end = rest.find(END.encode() + b"\n")
        block, rest = rest[: end + len(END) + 1], rest[end + len(END) + 1 :]
        lines = block.split(b"\n")
        try:
            if end < 0 or lines[0] != BEGIN.encode():
                raise ValueError
            blob = base64.b64decode(b"".join(lines[1:-2]), validate=True)
        except (ValueError, binascii.Error):
            blob = b""
        text = base64.b64encode(blob).decode()
        armor = [BEGIN] + [text[at : at + 70] for at in range(0, len(text), 70)] + [END, ""]
        if not blob or "\n".join(armor).encode() != block:
            raise Refusal(
                "%s, signature %d is not what ssh-keygen writes: it was damaged or changed. %s"
                % (where, len(blocks) + 1, AGAIN)
            )
        if len(blocks) == MOST_SIGNATURES:
            raise Refusal("%s has more than %d signatures. %s" % (where, MOST_SIGNATURES, AGAIN))
        blocks.append(block)
    return blocks


def fields_of(block: bytes) -> t.Tuple[bytes, str]:
    """Return the public key and the namespace in a signature (OpenSSH, PROTOCOL.sshsig)."""
    blob = base64.b64decode(b"".join(block.split(b"\n")[1:-2]))
    if blob[:10] != b"SSHSIG\0\0\0\1":
        return b"", ""
    fields = []
    at = 10
    for _field in range(2):
        size = int.from_bytes(blob[at : at + 4], "big")
        fields.append(blob[at + 4 : at + 4 + size])
        at += 4 + size
    return fields[0], fields[1].decode("utf-8", "replace")


def ssh_keygen(arguments: t.Sequence[str], sums: bytes) -> t.Tuple[bool, str, str]:
    """Run ssh-keygen -Y; return whether it agreed, what it printed, and its messages."""
    try:
        done = subprocess.run(
            ["ssh-keygen", "-Y", *arguments],
            input=sums,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(os.environ, LC_ALL="C"),
            check=False,
        )
    except FileNotFoundError:
        raise Refusal(
            "ssh-keygen is not here, and without it no signature can be checked. Install OpenSSH's client "
            "(Debian: openssh-client, EL: openssh), or leave --allowed-signers out and install unverified."
        ) from None
    return done.returncode == 0, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def is_key(words: t.Sequence[str]) -> bool:
    """Say whether two words are a public key: its type, and the key itself, which repeats the type."""
    if len(words) < 2 or not KEY_TYPE.fullmatch(words[0]):
        return False
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (ValueError, binascii.Error):
        return False
    return blob[4 : 4 + int.from_bytes(blob[:4], "big")] == words[0].encode()


def read_keys(path: str, first: t.Sequence[int]) -> bytes:
    """Return a list of keys; raises Refusal for a line that ssh-keygen would pass over or could cut otherwise.

    Args:
        path: Where it lies; it is the user's, so a link is followed.
        first: At which of a line's words the key may begin.
    """
    with open(path, "rb") as stream:
        data = stream.read(LARGEST_TEXT)
    for number, text in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), 1):
        line = text.strip(" ")
        words = re.findall(r'(?:"(?:\\.|[^"\\])*"|[^\s"])+', line)
        if line and not line.startswith("#") and not (is_plain(line) and any(is_key(words[at:]) for at in first)):
            raise Refusal(
                "%s, line %d is no key as ssh-keygen(1) has it, or has a control character: %r. Write 'NAME [OPTIONS] TYPE "
                "KEY' for who may sign, 'TYPE KEY' for who may not any more." % (path, number, line[:120])
            )
    return data if data.endswith(b"\n") else data + b"\n"


def judge(path: str, block: bytes, sums: bytes, allowed: str, revoked: str) -> t.Tuple[str, str, str]:
    """Return who made a signature over the sums, and with which key; or "", why it does not count, and "".

    Of a certificate, the key is the one that it certifies, as ssh-keygen says.
    """
    namespace = fields_of(block)[1]
    if namespace != NAMESPACE:
        return "", "other namespace, it was made for %r and not for %r" % (namespace, NAMESPACE), ""
    good, dummy, said = ssh_keygen(["check-novalidate", "-n", NAMESPACE, "-s", path], sums)
    if not good:
        return "", "other content, it was made over other sums than these, or was damaged", ""
    dummy_good, names, said = ssh_keygen(["find-principals", "-f", allowed, "-s", path], sums)
    name = names.split("\n")[0]
    if name:
        verify_it = ["verify", "-n", NAMESPACE, "-f", allowed, "-I", name, "-s", path]
        good, answer, said = ssh_keygen(verify_it + (["-r", revoked] if revoked else []), sums)
        key = answer.strip().rpartition(" key ")[2]
        if good and key.startswith("SHA256:"):
            return name, "", key
        if revoked and ssh_keygen(verify_it, sums)[0]:
            return "", "revoked, its key is in the list of revoked keys", ""
    for pattern, reason in (
        ("key has expired", "expired, the valid-before of its key is over"),
        ("not yet valid", "not yet valid, the valid-after of its key is to come"),
        ("not permitted for use in signature namespace", "other namespace, its key may not sign bundles"),
        ("unknown key option", "unknown option, this ssh-keygen is too old for an option in the list"),
    ):
        if pattern in said:
            return "", reason, ""
    return "", "unknown key, it is not in the list of allowed signers", ""


def written(path: str, data: bytes) -> str:
    """Write a file of ours and return its path."""
    with open(path, "xb") as stream:
        stream.write(data)
    return path


def check_signatures(root: str, sums: bytes, allowed: str, required: int, revoked: str) -> t.List[str]:
    """Return who of the allowed signers signed the sums; raises Refusal when they are too few."""
    where = os.path.join(root, SIGNATURE)
    there = os.path.lexists(where)
    blocks = cut_signatures(read_small(where), where) if there else []
    if not allowed:
        return []
    for path in filter(None, (allowed, revoked)):
        if not os.path.isfile(path):
            raise Refusal("%s is not there. Name the file that you have from your officers." % path)
    signers: t.Dict[str, str] = {}
    refused = []
    with tempfile.TemporaryDirectory(prefix=".tmp-airgap-") as folder:
        allowed, revoked = (
            written(os.path.join(folder, name), read_keys(path, first)) if path else ""
            for name, path, first in (("allowed", allowed, (1, 2)), ("revoked", revoked, (0,)))
        )
        for number, block in enumerate(blocks, 1):
            path = written(os.path.join(folder, "%d.sig" % number), block)
            digest = hashlib.sha256(fields_of(block)[0]).digest()
            key = "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
            name, reason, signed_by = judge(path, block, sums, allowed, revoked)
            key = signed_by or key
            if not reason and key in signers:
                reason = "same key twice, it has signed above already"
            if reason:
                refused.append("%s: %s" % (key, reason))
            else:
                signers[key] = "%s (%s)" % (name, key)
    missing = required - len(signers)
    if missing > 0:
        raise Refusal(
            "%s: %d of %d required signatures %s missing%s%s%s. Have this bundle signed, and bring it again."
            % (
                where,
                missing,
                required,
                "is" if missing == 1 else "are",
                "" if there else ", the bundle is not signed at all",
                ". Signed by " + ", ".join(signers.values()) if signers else "",
                ". Not counted: " + "; ".join(refused) if refused else "",
            )
        )
    return sorted(signers.values())


# --- the target -------------------------------------------------------------------------------------------------------


def release(version: str) -> t.Tuple[int, ...]:
    """Return the first three numbers of a version."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def describe(tags: t.Sequence[str]) -> t.Dict[str, str]:
    """Return what this interpreter is, in the words of a target, from its wheel tags."""
    here = {
        "python": "%d.%d.%d" % sys.version_info[:3],
        "implementation": sys.implementation.name,
        "os": {"linux": "linux", "darwin": "macos", "win32": "windows"}.get(sys.platform, sys.platform),
        "arch": "",
        "libc": "",
        "os_version": "",
        "abi": tags[0].split("-")[1],
    }
    for tag in tags:
        platform = tag.split("-")[2]
        linux = re.match(r"^(many|musl)linux_(\d+)_(\d+)_(\w+)$", platform)
        plain = re.match(r"^linux_(\w+)$", platform)
        macos = re.match(r"^macosx_(\d+)_(\d+)_(x86_64|arm64)$", platform)
        if linux:
            here["libc"] = "%s-%s.%s" % (
                {"many": "glibc", "musl": "musl"}[linux.group(1)],
                linux.group(2),
                linux.group(3),
            )
            here["arch"] = linux.group(4)
            break
        if plain and not here["arch"]:
            here["arch"] = plain.group(1)
        if macos:
            here["os_version"] = "%s.%s" % macos.group(1, 2)
            here["arch"] = {"arm64": "aarch64"}.get(macos.group(3), macos.group(3))
            break
    return here


def misfit(target: t.Mapping[str, t.Any], here: t.Mapping[str, str]) -> str:
    """Say why this interpreter cannot use what was resolved for a target; "" if it can."""
    aliases = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64", "x86": "i686", "i386": "i686"}
    defaults = {"implementation": "cpython", "os": "linux", "arch": "x86_64"}
    for field, default in defaults.items():
        value = str(target.get(field) or default).lower()
        value = aliases.get(value, value) if field == "arch" else value
        if value != here[field]:
            return "%s is %s, here %s" % (field, value, here[field])
    python, own = str(target.get("python") or "0.0"), here["python"]
    if release(python)[:2] != release(own)[:2]:
        return "python is %s, here %s" % (python, own)
    if release(python) > release(own):
        return "python is %s, newer than %s here" % (python, own)
    libc = str(target.get("libc") or "").lower().replace(" ", "-")
    if libc.partition("-")[0] != here["libc"].partition("-")[0]:
        return "libc is %s, here %s" % (libc or "unknown", here["libc"] or "unknown")
    if release(libc)[:2] > release(here["libc"]):
        return "libc is %s, newer than %s here" % (libc, here["libc"])
    if release(str(target.get("os_version") or ""))[:2] > release(here["os_version"]):
        return "os_version is %s, newer than %s here" % (target["os_version"], here["os_version"])
    # Without the GIL, or with debugging, it is another kind of interpreter.
    tags = target.get("tags") or []
    abi = str(tags[0]).split("-")[1] if tags else "cp%d%d" % release(python)[:2]
    if here["implementation"] == "cpython" and abi != here["abi"]:
        return "its ABI is %s, here %s" % (abi, here["abi"])
    return ""


def tags_of(filename: str) -> t.Set[str]:
    """Return the tags of a wheel's name (PEP 425, compressed tag sets)."""
    parts = filename[: -len(".whl")].split("-")[-3:]
    return {"-".join((a, b, c)) for a in parts[0].split(".") for b in parts[1].split(".") for c in parts[2].split(".")}


def choose(bundle: Bundle, set_name: str, wanted: str, tags: t.Sequence[str]) -> str:
    """Return the target whose lock of a set this interpreter installs: the closest that fits."""
    here = describe(tags)
    accepted = set(tags)
    fitting = []
    reasons = []
    for target in bundle.manifest["targets"]:
        if "locks/%s/%s.txt" % (set_name, target["name"]) not in bundle.sums:
            continue
        reason = misfit(target, here)
        for pin in [] if reason else bundle.pins(set_name, target["name"]):
            if not tags_of(pin.filename) & accepted:
                reason = "%s is for another interpreter" % pin.filename
                break
        if reason:
            reasons.append("%s (%s)" % (target["name"], reason))
        else:
            fitting.append(target)
    names = [target["name"] for target in fitting]
    if wanted and wanted not in names:
        found = [reason for reason in reasons if reason.startswith(wanted + " (")]
        raise Refusal(
            "Target %s does not fit the interpreter %s. Those of the set %s that fit: %s."
            % (found[0], sys.executable, set_name, ", ".join(names) or "none")
            if found
            else "The set %s has no target %s. It has %s."
            % (set_name, wanted, ", ".join(names + [reason.split(" (")[0] for reason in reasons]) or "none")
        )
    if wanted:
        return wanted
    if not fitting:
        raise Refusal(
            "No target of the set %s fits %s (Python %s, %s, %s, %s). It has: %s. Name another interpreter with --python, "
            "or stage the set for this one."
            % (
                set_name,
                sys.executable,
                here["python"],
                here["os"],
                here["arch"],
                here["libc"] or here["os_version"],
                ", ".join(reasons) or "none",
            )
        )
    return max(fitting, key=lambda one: (release(str(one["python"])), release(str(one.get("libc") or ""))))["name"]


def pip_of(bundle: Bundle, folder: str) -> t.Tuple[Pin, str]:
    """Return the newest pip of the pool that this interpreter can run, and our copy of it in a folder."""
    best = None
    path = ""
    found = []
    for entry in bundle.manifest["files"]:
        filename = os.path.basename(entry["path"])
        match = re.match(r"^pip-([0-9][A-Za-z0-9.!+_]*)-py3-none-any\.whl$", filename)
        if match is None:
            continue
        pin = Pin("pip", match.group(1), entry["sha256"], filename)
        found.append(pin)
        if not bundle.find(pin):
            continue
        copy = bundle.take(pin, folder)
        with zipfile.ZipFile(copy) as wheel:
            metadata = wheel.read("pip-%s.dist-info/METADATA" % pin.version).decode("utf-8", "replace")
        oldest = re.search(r"^Requires-Python:[^\n]*?>=\s*([0-9.]+)", metadata, re.MULTILINE | re.IGNORECASE)
        if oldest and release(oldest.group(1)) > tuple(sys.version_info[:3]):
            continue
        if best is None or release(pin.version) > release(best.version):
            best, path = pin, copy
    if best is None and found:
        bundle.require(pin for pin in found if not bundle.find(pin))
    if best is None:
        raise Refusal(
            "The bundle has no pip that Python %d.%d can run. It is for: %s. Name another interpreter with --python, or "
            "stage for this one." % (sys.version_info[:2] + (targets_of(bundle),))
        )
    return best, path


def targets_of(bundle: Bundle) -> str:
    """Return all targets of a bundle in one line."""
    return (
        ", ".join("%s (python %s)" % (one["name"], one.get("python")) for one in bundle.manifest["targets"]) or "none"
    )


# --- the virtual environment ------------------------------------------------------------------------------------------


def run(argv: t.Sequence[str], what: str) -> None:
    """Run a command without any setting of the host's; raises Refusal with the end of its output."""
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    clean.update(LC_ALL="C", PIP_CONFIG_FILE=os.devnull, NETRC=os.devnull)
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env=clean,
        check=False,
    )
    if done.returncode == 0:
        return
    output = done.stdout.decode("utf-8", "replace")
    if "No space left on device" in output or "Errno 28" in output:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    raise Refusal("%s failed with code %d:" % (what, done.returncode), *lines[-12:])


def same_version(one: str, other: str) -> bool:
    """Say whether two spellings are one version; the pip of the bundle knows the rules."""
    rules = importlib.import_module("pip._vendor.packaging.version")
    try:
        return bool(rules.Version(one) == rules.Version(other))
    except rules.InvalidVersion:
        return one == other


def python_in(path: str) -> str:
    """Return the interpreter of an environment."""
    return os.path.join(path, "bin", "python")


def lacks(path: str, pins: t.Sequence[Pin]) -> t.List[str]:
    """Return the projects that an environment has not, has in another version, or has too many."""
    try:
        said = subprocess.run(
            [python_in(path), "-I", "-c", PROBE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
        )
        answer = json.loads(said.stdout.decode())
    except (OSError, ValueError, subprocess.CalledProcessError):
        return ["python"]
    own = [list(sys.version_info[:3]), os.path.realpath(sys.executable)]
    if [answer["version"], answer["executable"]] != own:
        return ["python"]
    has = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in answer["installed"]}
    wanted = {pin.name: pin.version for pin in pins}
    wrong = {name for name in wanted if name not in has or not same_version(has[name], wanted[name])}
    return sorted(wrong | (set(has) - set(wanted)))


def check_place(path: str) -> str:
    """Return the lock of the environment that is there, "" for none; raises Refusal where it is not ours to write."""
    if os.path.islink(path) or (os.path.exists(path) and not os.path.isdir(path)):
        raise Refusal("%s exists and is no folder. Move it away, or name another with --venv." % path)
    check_way(path, "Name another place with --venv, or run this as the user to whom it belongs.")
    reason = other_writers(os.lstat(path)) if os.path.isdir(path) else ""
    if reason:
        raise Refusal(
            "Others can change %s: %s. Name another place with --venv, or run this as the user to whom it belongs."
            % (path, reason)
        )
    if not os.path.isdir(path) or not os.listdir(path):
        return ""
    if not os.path.exists(os.path.join(path, OWNER_FILE)):
        raise Refusal("%s exists and was not made by us. Move it away, or name another folder with --venv." % path)
    try:
        with open(os.path.join(path, LOCK_COPY), encoding="utf-8") as stream:
            return stream.read()
    except (FileNotFoundError, UnicodeDecodeError):
        return ""


def check_space(path: str, wheels: t.Sequence[str]) -> None:
    """Raise Refusal, before anything is changed, where the unpacked files do not fit on the disk."""
    needed = 0
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            needed += sum(item.file_size for item in archive.infolist()) + os.path.getsize(wheel)
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    total, dummy, free = shutil.disk_usage(path)
    # A file system of the kernel's has no size; writing there fails for another reason.
    if total and needed > free:
        raise Refusal(
            "The disk of %s is full: %.1f MiB are free and at least %.1f are needed. Free some space, or name a folder on "
            "another disk with --venv." % (path, free / 2**20, needed / 2**20)
        )


def is_full(error: OSError) -> bool:
    """Say whether an error is that of a disk, or of a user's share of it, that is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def full(path: str) -> str:
    """Return which disk is full."""
    return "The disk of %s is full: %.1f MiB are free." % (path, shutil.disk_usage(path)[2] / 2**20)


def can_import(name: str) -> bool:
    """Say whether a module is there."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def uv_of(bundle: Bundle, target: str) -> t.Sequence[Pin]:
    """Return the uv of the bundle; raises Refusal when there is none."""
    if "locks/airgap-uv/%s.txt" % target not in bundle.sums:
        raise Refusal(
            "The bundle carries no uv for target %s. Stage it with stage_tools: [uv], or leave --uv out." % target
        )
    if sys.version_info < (3, 10) and not can_import("distutils.dist"):
        raise Refusal(
            "uv asks Python %d.%d for distutils, which is not here. Install it (Debian: python3-distutils), or leave --uv "
            "out: pip installs the same." % sys.version_info[:2]
        )
    uv = [pin for pin in bundle.pins("airgap-uv", target) if pin.name == "uv"][:1]
    bundle.require(uv)
    return uv


def unpack_uv(wheel: str, folder: str) -> str:
    """Put the program out of uv's wheel into a folder; return its path."""
    path = os.path.join(folder, "uv")
    with zipfile.ZipFile(wheel) as archive:
        inside = [name for name in archive.namelist() if re.match(r"^[^/]+\.data/scripts/uv$", name)]
        if not inside:
            raise Refusal("%s holds no program uv. Stage another version of it." % wheel)
        with archive.open(inside[0]) as source, open(path, "wb") as target:
            shutil.copyfileobj(source, target)
    os.chmod(path, 0o755)
    return path


def fill(path: str, lock: str, wheels: str, pip: str, pip_is_pinned: bool, uv: str, scratch: str) -> None:
    """Install a lock into a new environment, from the folder ``wheels`` and with the wheels of pip and uv."""
    lock_path = os.path.join(scratch, "lock.txt")
    with open(lock_path, "w", encoding="utf-8") as stream:
        stream.write(lock)
    if uv:
        program = unpack_uv(uv, scratch)
        install = [
            program,
            "pip",
            "install",
            "--python=" + python_in(path),
            "--cache-dir=" + os.path.join(scratch, "cache"),
        ]
        install += ["--no-config", "--offline", "--no-index", "--no-progress", "--compile-bytecode"]
    else:
        install = [python_in(path), "-I", pip + "/pip", "install", "--isolated", "--no-input", "--no-index"]
        install += ["--disable-pip-version-check", "--no-cache-dir", "--progress-bar=off"]
    tool = "uv" if uv else "pip"
    if not pip_is_pinned:
        run(install + ["--no-deps", pip], tool)
    run(install + ["--find-links=" + wheels, "--only-binary=:all:", "--require-hashes", "-r", lock_path], tool)


def install(bundle: Bundle, set_name: str, target: str, path: str, pip: Pin, pip_wheel: str, with_uv: bool) -> None:
    """Make an environment hold what a lock says, unless it does; ``pip_wheel`` is our copy."""
    lock = bundle.text("locks/%s/%s.txt" % (set_name, target))
    pins = parse_lock(lock, set_name)
    pip_is_pinned = any(pin.name == "pip" for pin in pins)
    wanted = pins if pip_is_pinned else pins + [pip]
    uv = uv_of(bundle, target) if with_uv else []
    wheels = bundle.require(pins)
    if check_place(path) == lock and not lacks(path, wanted):
        report("Already installed: set %s for target %s in %s." % (set_name, target, path))
        return
    check_space(path, wheels + [pip_wheel])
    report("Installing set %s for target %s into %s ..." % (set_name, target, path))
    os.umask(0o022)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, OWNER_FILE), "a", encoding="utf-8") as mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal("Another run is changing %s. Wait until it ends, and run again." % path) from None
        if mark.tell() == 0:
            mark.write(OWNER_TEXT)
            mark.flush()
        # The copy of the lock goes first and comes back last: what has none is not finished, and made anew.
        names = sorted(os.listdir(path), key=lambda name: name != LOCK_COPY)
        for name in names:
            entry = os.path.join(path, name)
            if name == OWNER_FILE:
                continue
            if os.path.isdir(entry) and not os.path.islink(entry):
                shutil.rmtree(entry)
            else:
                os.unlink(entry)
        run([sys.executable, "-I", "-m", "venv", "--without-pip", path], "%s -m venv" % sys.executable)
        if sys.version_info < (3, 10):
            folder = os.path.join(path, "lib", "python%d.%d" % sys.version_info[:2], "site-packages")
            with open(os.path.join(folder, SYSCONFIG_PTH), "w", encoding="utf-8") as stream:
                stream.write(SYSCONFIG_TEXT)
        with tempfile.TemporaryDirectory(dir=path, prefix=".tmp-airgap-") as scratch:
            # pip hashes a file and opens it again: only copies that nobody else can touch come before it.
            copies = os.path.join(scratch, "wheels")
            os.mkdir(copies)
            for pin in pins:
                bundle.take(pin, copies)
            uv_wheel = "".join(bundle.take(pin, scratch) for pin in uv)
            # What they write for themselves lies there, too: /tmp is often small, and another disk.
            os.environ["TMPDIR"] = scratch
            try:
                fill(path, lock, copies, pip_wheel, pip_is_pinned, uv_wheel, scratch)
            finally:
                del os.environ["TMPDIR"]
            wrong = lacks(path, wanted)
            if wrong:
                raise Refusal(
                    "%s does not hold what the lock says: %s. Remove it and run again." % (path, ", ".join(wrong))
                )
            finished = os.path.join(scratch, LOCK_COPY)
            with open(finished, "w", encoding="utf-8") as stream:
                stream.write(lock)
                stream.flush()
                os.fsync(stream.fileno())
            os.rename(finished, os.path.join(path, LOCK_COPY))
    report("Installed into %s (Python %d.%d.%d):" % ((path,) + sys.version_info[:3]))
    for pin in sorted(wanted):
        report("  %s %s" % (pin.name, pin.version))
    report("Use it: %s" % python_in(path))


# --- the command ------------------------------------------------------------------------------------------------------


def report(text: str) -> None:
    """Print a line."""
    print(shown(text), flush=True)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are as short as ours; the shell part has the usage."""

    def error(self, message: str) -> t.NoReturn:
        """End with what is wrong."""
        self.exit(2, "install.sh: %s. 'sh install.sh --help' shows what there is.\n" % shown(message))


def parse(arguments: t.Sequence[str]) -> argparse.Namespace:
    """Return the options."""
    parser = Parser(prog="install.sh", add_help=False, allow_abbrev=False)
    parser.add_argument("set", nargs="?", default="")
    for name in ("python", "venv", "target", "bundle", "allowed-signers", "revoked"):
        parser.add_argument("--" + name, default="")
    parser.add_argument("--required", type=int)
    parser.add_argument("--base", action="append", default=[])
    for name in ("uv", "list", "verify-only"):
        parser.add_argument("--" + name, action="store_true")
    options = parser.parse_args(arguments)
    if (options.required is not None or options.revoked) and not options.allowed_signers:
        parser.error("--required and --revoked count together with --allowed-signers only")
    if options.required is not None and options.required < 1:
        parser.error("--required must be 1 or more")
    if bool(options.set) + options.list + options.verify_only > 1:
        parser.error("name a set, or --list, or --verify-only, and not two of them")
    return options


def show(bundle: Bundle, tags: t.Sequence[str]) -> None:
    """Print the sets, their targets, and the one that this interpreter would take."""
    for one in bundle.manifest["sets"]:
        targets = [name["name"] for name in bundle.manifest["targets"]]
        targets = [name for name in targets if "locks/%s/%s.txt" % (one["name"], name) in bundle.sums]
        try:
            here = "here: %s" % choose(bundle, one["name"], "", tags)
        except Refusal:
            here = "none fits here"
        report("%s  for %s  (%s)" % (one["name"], ", ".join(targets) or "no target", here))


def main(root: str, arguments: t.Sequence[str]) -> None:
    """Check the bundle, then do what was asked for; raises Refusal."""
    options = parse(arguments)
    root = os.path.realpath(options.bundle or root)
    # Read once: what was signed is what is parsed.
    sums = read_small(os.path.join(root, SUMS))
    signers = check_signatures(root, sums, options.allowed_signers, options.required or 1, options.revoked)
    bundle = verify(root, sums, [os.path.abspath(base) for base in options.base])
    waiting = len(bundle.manifest["files"]) - len([path for path in bundle.held if path.startswith("wheels/")])
    report("Bundle %s: the sums of %d files are right." % (bundle.manifest["id"], len(bundle.held)))
    if signers:
        report("Verified: signed by %s." % ", ".join(signers))
    else:
        report(
            "UNVERIFIED: no signature was checked, so anyone may have made this bundle. Name those who may sign with "
            "--allowed-signers."
        )
    if waiting:
        report("It adds to the bundle %s, which has %d of its files." % (bundle.base, waiting))
    if options.verify_only:
        return
    names = [one["name"] for one in bundle.manifest["sets"]]
    if not options.list and options.set not in names:
        asked = "There is no set %s in this bundle." % options.set if options.set else "Name a set."
        raise Refusal("%s It has: %s." % (asked, ", ".join(names) or "none"))
    # pip is needed before it is known where the environment goes.
    with tempfile.TemporaryDirectory(prefix=".tmp-airgap-") as folder:
        check_way(folder, "Let TMPDIR name a folder of your own.")
        try:
            pip, pip_wheel = pip_of(bundle, folder)
        except OSError as error:
            if is_full(error):
                raise Refusal(
                    full(folder) + " Free some space, or let TMPDIR name a folder on another disk."
                ) from error
            raise
        sys.path.insert(0, pip_wheel)
        try:
            work(bundle, options, pip, pip_wheel)
        finally:
            sys.path.remove(pip_wheel)


def work(bundle: Bundle, options: argparse.Namespace, pip: Pin, pip_wheel: str) -> None:
    """Show the sets or install one; raises Refusal."""
    tags = [str(tag) for tag in importlib.import_module("pip._vendor.packaging.tags").sys_tags()]
    if options.list:
        show(bundle, tags)
        return
    target = choose(bundle, options.set, options.target, tags)
    path = os.path.abspath(options.venv or "/opt/airgap/" + options.set)
    try:
        install(bundle, options.set, target, path, pip, pip_wheel, options.uv)
    except OSError as error:
        if is_full(error):
            raise Refusal(full(path) + " Free some space and run again; it begins anew.") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise Refusal(
                "%s cannot be written: %s. Run as a user who may, or name another folder with --venv."
                % (error.filename or path, error.strerror)
            ) from error
        raise


def end(*_signal: t.Any) -> t.NoReturn:
    """End as an error does, so that no copy is left behind."""
    sys.exit(143)


if __name__ == "__main__":
    for output in (sys.stdout, sys.stderr):
        # A name may have letters that the terminal's encoding has not.
        output.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, end)
    try:
        main(sys.argv[1], sys.argv[2:])
    except Refusal as error:
        sys.stderr.write("install.sh: %s\n" % error)
        sys.exit(1)
    except (OSError, zipfile.BadZipFile) as error:
        sys.stderr.write("install.sh: %s\n" % shown(str(error)))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("install.sh: broken off. Run it again; it begins anew.\n")
        sys.exit(130)
