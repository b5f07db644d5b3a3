# SPDX-License-Identifier: GPL-3.0-or-later
"""A signed bundle that is damaged anywhere is refused with the name of the file, by Ansible and by install.sh.

FUZZ_SEED chooses the places, and FUZZ_PLACES is how many. Each file and each kind of damage has its turn.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import subprocess

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.airgap.python.plugins.modules import bundle_verify

from tests.integration import small_bundle
from tests.integration.simple_index import make_wheel

SEED = os.environ["FUZZ_SEED"]
PLACES = int(os.environ["FUZZ_PLACES"])


@pytest.fixture(name="signed", scope="module")
def signed_fixture(tmp_path_factory):
    """Return a whole bundle that two officers signed, their file, and their lines."""
    folder = tmp_path_factory.mktemp("fuzz")
    root = folder / "bundle"
    pip = make_wheel("pip", "26.3")
    native = [make_wheel("native", "1", tag="cp311-cp311-manylinux_2_17_x86_64", payload=b"#" * 20000)]
    sets = {
        "airgap-pip": {"here": [pip], "other": [pip]},
        "base": {"here": small_bundle.application() + native, "other": small_bundle.application("0.9")},
    }
    targets = [small_bundle.here(), {"name": "other", "python": "3.8.1", "libc": "glibc-2.31"}]
    small_bundle.write(root, sets, targets, files={"python.tar.gz": b"#" * 3000, "ca.pem": b"a certificate"})
    for name in ("audit.json", "changes.json", "report.html"):
        small_bundle.put(root / "reports" / name, b"%s of this bundle\n" % name.encode() * 50)
    small_bundle.seal(root)
    small_bundle.put_installer(folder)
    lines = []
    for name in ("alice", "bob"):
        private, line = small_bundle.key(folder, name)
        small_bundle.sign(root, private)
        lines.append(line)
    allowed = folder / "allowed"
    allowed.write_text("".join(line + "\n" for line in lines))
    return root, str(allowed), lines


def ask_module(root, lines, capsys):
    """Return whether bundle_verify accepts a bundle, and its message."""
    arguments = {"path": str(root), "allowed_signers": lines, "required_signatures": 2}
    with patch_module_args(arguments), pytest.raises(SystemExit):
        bundle_verify.main()
    answer = json.loads(capsys.readouterr().out)
    return not answer.get("failed"), answer.get("msg", "")


def ask_script(root, allowed):
    """Return whether install.sh accepts a bundle, and its message. It is a copy: the one in the bundle may be damaged."""
    script = os.path.join(os.path.dirname(allowed), "install.sh")
    done = subprocess.run(
        ["sh", script, "--bundle", str(root), "--verify-only", "--allowed-signers", allowed, "--required", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode == 0, done.stderr


def damage(root, path, kind, chance):
    """Damage a file; return a description of it, and the files that a message may name for it."""
    target = root / path
    data = target.read_bytes()
    if kind == "flip":
        at = chance.randrange(len(data))
        # One bit: in a text that is mostly another letter, which is harder to notice than an invalid one.
        bits = 1 << chance.randrange(8)
        target.write_bytes(data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :])
        return "byte %d of %s xor %d" % (at, path, bits), [path]
    if kind == "cut":
        size = chance.randrange(len(data))
        target.write_bytes(data[:size])
        return "%s cut off after %d of %d bytes" % (path, size, len(data)), [path]
    others = [one for one in files_of(root) if (root / one).read_bytes() != data]
    other = chance.choice(others)
    target.write_bytes((root / other).read_bytes())
    (root / other).write_bytes(data)
    return "%s and %s swapped" % (path, other), [path, other]


def files_of(root):
    """Return every file of a bundle, in order."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_the_whole_bundle_is_accepted(signed, capsys):
    """Otherwise the refusals below would show nothing."""
    root, allowed, lines = signed
    assert ask_module(root, lines, capsys) == (True, "")
    assert ask_script(root, allowed) == (True, "")


@pytest.mark.parametrize("place", range(PLACES))
def test_damage_is_refused_with_the_name_of_the_file(signed, tmp_path, capsys, place):
    """One changed byte, one truncated file, or two swapped files: such a bundle is not used, and nothing is changed."""
    whole, allowed, lines = signed
    root = tmp_path / "bundle"
    shutil.copytree(whole, root)
    turns = list(itertools.product(files_of(root), ("flip", "cut", "swap")))
    random.Random(SEED).shuffle(turns)
    path, kind = turns[place % len(turns)]
    what, names = damage(root, path, kind, random.Random("%s %d" % (SEED, place)))
    before = small_bundle.snapshot(root)
    for who, (accepted, message) in (
        ("bundle_verify", ask_module(root, lines, capsys)),
        ("install.sh", ask_script(root, allowed)),
    ):
        told = "%s, FUZZ_SEED=%s, place %d: %s: %s" % (what, SEED, place, who, message)
        assert not accepted, told
        assert any(str(root / name) in message for name in names), told
        assert "Traceback" not in message, told
    assert small_bundle.snapshot(root) == before, what
