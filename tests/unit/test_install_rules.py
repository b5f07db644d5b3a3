# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of install.sh, which stands alone, are those of the collection."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import pytest
from ansible_collections.airgap.python.plugins.module_utils import (
    _lock,
    _manifest,
    _schema,
    _signature,
    _target,
    _text,
    _venv,
)
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

from tests.integration import small_bundle

INSTALL = small_bundle.install_py()
MACHINES = [
    {"name": "a", "python": "3.9.2", "libc": "glibc-2.31"},
    {"name": "b", "python": "3.9.18", "libc": "glibc-2.31"},
    {"name": "c", "python": "3.9.18", "libc": "glibc-2.28"},
    {"name": "d", "python": "3.9.2", "libc": "musl-1.2"},
    {"name": "e", "python": "3.10.2", "libc": "glibc-2.31"},
    {"name": "f", "python": "3.9.2", "libc": "glibc-2.31", "arch": "arm64"},
    {"name": "g", "python": "3.9.2", "libc": "glibc-2.31", "implementation": "pypy"},
    {"name": "h", "python": "3.13.5", "libc": "glibc-2.41"},
    {"name": "i", "python": "3.13.5", "os": "macos", "os_version": "14.0"},
    {"name": "j", "python": "3.13.5", "os": "macos", "os_version": "13.0"},
    {"name": "k", "python": "3.13.5", "os": "windows"},
    {
        "name": "l",
        "python": "3.13.5",
        "libc": "glibc-2.41",
        "tags": ["cp313-cp313t-manylinux_2_41_x86_64", "py3-none-any"],
    },
]


@pytest.mark.parametrize(
    ("target", "here"), list(itertools.product(MACHINES, MACHINES)), ids=lambda one: one["name"] if one else ""
)
def test_an_interpreter_fits_the_targets_that_it_fits_for_ansible(target, here):
    own = _target.parse(here)[0]
    mine = {field: getattr(own, field) for field in ("python", "implementation", "os", "arch", "libc", "os_version")}
    mine["abi"] = own.abis()[0]
    assert bool(INSTALL.misfit(target, mine)) == bool(_target.misfit(_target.parse(target)[0], own))


@pytest.mark.parametrize(
    "names",
    [
        ["/etc/passwd"],
        ["wheels/../x"],
        ["wheels//x"],
        ["wheels/./x"],
        ["wheels\\x"],
        ["wheels/a\x00b"],
        ["wheels/a\u202eb"],
        ["wheels/u\u0308"],
        ["wheels/A.whl", "wheels/a.whl"],
        ["wheels/" + "x" * 1100],
        [""],
        [".bashrc"],
        ["bin/sh"],
        ["wheels"],
    ],
)
def test_a_name_that_ansible_refuses_is_refused(names):
    with pytest.raises(INSTALL.Refusal, match="SUMS names"):
        INSTALL.check_names(names, "SUMS")


def test_good_names_are_taken():
    INSTALL.check_names(["manifest.json", "wheels/a.whl", "locks/s/t.txt", "reports/ü.html", "install.sh"], "SUMS")


def test_both_make_environments_that_the_other_knows():
    for name in ("OWNER_FILE", "OWNER_TEXT", "LOCK_COPY", "SYSCONFIG_PTH", "SYSCONFIG_TEXT"):
        assert getattr(INSTALL, name) == getattr(_venv, name)


def test_both_read_the_same_format():
    assert (INSTALL.FORMAT, INSTALL.MANIFEST, INSTALL.SUMS, INSTALL.SIGNATURE, INSTALL.TOP, INSTALL.FOLDERS) == (
        _manifest.FORMAT,
        _manifest.MANIFEST,
        _manifest.SUMS,
        _manifest.SIGNATURE,
        _manifest.TOP,
        (_manifest.POOL + "/", _manifest.LOCKS + "/", _manifest.REPORTS + "/"),
    )


def test_a_lock_is_read_as_ansible_reads_it():
    pins = [
        _lock.Pin("app", "1.0+local", "a" * 64, "app-1.0+local-py3-none-any.whl", 5, "https://example.org/app"),
        _lock.Pin("part", "2!3.0", "b" * 64, "part-2!3.0-py3-none-any.whl", 7),
    ]
    found = INSTALL.parse_lock(_lock.render(pins, "here", "inputs"), "lock")
    assert [tuple(one) for one in found] == [(pin.name, pin.version, pin.sha256, pin.filename) for pin in pins]
    for text in ("app\n", "-e .\n", "--index-url http://x\n", _lock.render(pins + pins, "here", "inputs")):
        with pytest.raises(INSTALL.Refusal, match="lock, line"):
            INSTALL.parse_lock(text, "lock")


SUM = "%s  wheels/a.whl\n" % ("a" * 64)
NASTY = {
    "no last newline": SUM[:-1],
    "CRLF": SUM.replace("\n", "\r\n"),
    "CR within": SUM.replace("a.whl", "a.whl\r"),
    "U+2028 and another sum": SUM[:-1] + "\u2028" + SUM,
    "U+2028 in a name": SUM.replace("a.whl", "a\u2028b"),
    "\\x85": SUM[:-1] + "\x85" + SUM,
    "\\x0b": SUM[:-1] + "\x0b" + SUM,
    "\\x0c": SUM[:-1] + "\x0c" + SUM,
    "\\x1c": SUM[:-1] + "\x1c" + SUM,
    "BOM": "\ufeff" + SUM,
    "tab": SUM.replace("  ", "\t"),
    "tab in a name": SUM.replace("a.whl", "a\tb"),
    "one blank": SUM.replace("  ", " "),
    "three blanks": SUM.replace("  ", "   "),
    "asterisk": SUM.replace("  ", " *"),
    "two blanks and an asterisk": SUM.replace("  ", "  *"),
    "backslash before": "\\\\" + SUM,
    "backslash in a name": SUM.replace("a.whl", "a\\\\nb"),
    "upper-case hex": SUM.replace("a" * 64, "A" * 64),
    "63 digits": SUM[1:],
    "65 digits": "a" + SUM,
    "empty line": SUM + "\n",
    "empty line before": "\n" + SUM,
    "empty": "",
    "NUL": SUM.replace("a.whl", "a\0.whl"),
    "trailing blank": SUM.replace(".whl", ".whl "),
    "leading blank": " " + SUM,
    "comment": "# sums\n" + SUM,
    "BSD": "SHA256 (wheels/a.whl) = %s\n" % ("a" * 64),
    "right to left": SUM.replace("a.whl", "a\u202elhw"),
    "the same twice": SUM + SUM,
    "itself": SUM + SUM.replace("wheels/a.whl", "SHA256SUMS"),
    "plain": SUM,
    "letters of others": SUM.replace("a.whl", "\u00fc b.whl"),
}
MANIFEST_SUM = "%s  manifest.json\n" % ("b" * 64)


def read_by(reader, text):
    """Return what one of our readers makes of sums, or None if it refuses them."""
    try:
        return _manifest.parse_sums(text) if reader == "ansible" else INSTALL.parse_sums(text.encode(), "SUMS")
    except (AirgapError, INSTALL.Refusal):
        return None


def read_by_sha256sum(text, folder):
    """Return the names that sha256sum -c looks for, None if it finds a line that is no sum, or none at all."""
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "-"],
        input=text.encode(),
        cwd=str(folder),
        env=dict(os.environ, LC_ALL="C"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
    )
    if b"no properly formatted" in done.stderr or b"improperly formatted" in done.stderr:
        return None
    lines = done.stdout.decode().split("\n")
    return {line[: -len(": FAILED open or read")] for line in lines if line.endswith(": FAILED open or read")}


@pytest.mark.parametrize("kind", sorted(NASTY))
def test_sums_are_read_as_install_sh_and_sha256sum_read_them_or_refused_by_all_of_ours(kind, tmp_path):
    first = kind in ("BOM", "leading blank", "empty line before")
    text = NASTY[kind] + (MANIFEST_SUM if first else "")
    text = text if first or kind == "empty" else MANIFEST_SUM + text
    ours = read_by("ansible", text)
    assert read_by("install.sh", text) == ours
    if ours is not None:
        assert read_by_sha256sum(text, tmp_path) == set(ours)
    assert (ours is not None) == (kind in ("plain", "letters of others")), kind


def lock_of(line):
    """Return a lock with one more line before its pin."""
    pin = _lock.Pin("app", "1.0", "a" * 64, "app-1.0-py3-none-any.whl", 5)
    return _lock.render([pin], "here", "x").replace("# inputs", line + "# inputs")


@pytest.mark.parametrize(
    "text",
    [
        lock_of("# a\u2028evil==1 --hash=sha256:%s\n" % ("b" * 64)),
        lock_of("# a\x85b\n"),
        lock_of("# a\x0cb\n"),
        lock_of("# coding: utf-7\n")[len(_lock.HEADER) + 1 :],
        lock_of("").replace("\n", "\r\n"),
        lock_of("")[:-1],
        lock_of("").replace(" 5\n", " 5 x\\\n"),
        "\ufeff" + lock_of(""),
        "",
        lock_of("").replace("app==", "\tapp=="),
        lock_of("").replace(" 5\n", " %s\n" % ("9" * 5000)),
    ],
)
def test_a_lock_that_pip_could_read_otherwise_is_refused_by_both(text):
    with pytest.raises(AirgapError):
        _lock.parse(text)
    with pytest.raises(INSTALL.Refusal):
        INSTALL.parse_lock(text, "lock")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("sets", 0, "name"), "../../etc"),
        (("sets", 0, "name"), "base\n"),
        (("sets", 0, "name"), ""),
        (("sets", 0, "targets", 0), "../node"),
        (("files", 0, "used_by", 0, "set"), "../base"),
        (("targets", 0, "name"), "../node"),
        (("targets", 0, "name"), "a/b"),
        (("files", 0, "name"), "Flask\x1b[2J"),
        (("files", 0, "version"), "1.0 ; rm"),
        (("files", 0, "sha256"), "A" * 64),
        (("files", 0, "path"), "wheels/x/y"),
        (("base",), "../x"),
    ],
)
def test_a_manifest_with_a_name_that_is_none_is_refused_by_both(place, value):
    pin = _lock.Pin("flask", "1.0", "a" * 64, "flask-1.0-py3-none-any.whl", 5)
    manifest = _manifest.compose(
        [{"name": "base", "targets": ["node"]}],
        [{"name": "node", "python": "3.11.2"}],
        {("base", "node"): [pin]},
        [],
        "2026-01-01T00:00:00Z",
    )
    INSTALL.parse_manifest(_manifest.render_json(manifest).encode(), "M")
    inside = manifest
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    manifest["id"] = _manifest.identify(manifest)
    text = _manifest.render_json(manifest)
    with pytest.raises(AirgapError):
        _manifest.parse_manifest(text)
    with pytest.raises(INSTALL.Refusal):
        INSTALL.parse_manifest(text.encode(), "M")


def test_the_shapes_of_names_are_those_of_the_schema():
    inside = _schema.MANIFEST["properties"]
    one = inside["files"]["items"]["properties"]
    assert {key: "^%s$" % shape for key, shape in INSTALL.SHAPES.items()} == {
        key: one[key]["pattern"] for key in INSTALL.SHAPES
    }
    for key, shape in (("sets", INSTALL.SET), ("targets", INSTALL.TARGET)):
        assert inside[key]["items"]["properties"]["name"]["pattern"] == "^%s$" % shape


@pytest.mark.parametrize("end", ["\r", "\u2028", "\x85", "\t", "\x0b", "\0", "\u202e", "\nmallory "])
def test_a_list_of_signers_with_another_end_of_a_line_is_refused_by_both(end, tmp_path):
    line = "alice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILMuZWVbHhDBFKSU1mMcnQlfGQhrdPmCeWHzlJ8Gz0bD"
    assert [one.line for one in _signature.allowed_signers([line, "# comment", ""])] == [line]
    (tmp_path / "good").write_bytes(line.encode())
    assert INSTALL.read_keys(str(tmp_path / "good"), (1, 2)) == line.encode() + b"\n"
    with pytest.raises(AirgapError):
        _signature.allowed_signers([line + end + "x"])
    (tmp_path / "bad").write_bytes((line + end + "x\n").encode())
    with pytest.raises(INSTALL.Refusal):
        INSTALL.read_keys(str(tmp_path / "bad"), (1, 2))


def test_what_is_shown_is_the_same_and_holds_nothing_that_a_terminal_would_act_on():
    for number in itertools.chain(range(0x3000), range(0xD700, 0x11000), (0x1F600, 0xE0001, sys.maxunicode)):
        letter = chr(number)
        assert _text.shown(letter) == INSTALL.shown(letter)
        assert _text.is_plain(letter) == INSTALL.is_plain(letter)
        assert _text.is_plain(_text.shown(letter))
    assert _text.shown("a\x1b[2J\u202e\udcff\n \u00fc") == "a\\x1b[2J\\u202e\\udcff\\x0a \u00fc"
    for error in (INSTALL.Refusal, AirgapError, AirgapError, AirgapError):
        assert str(error("\x1b]0;x\x07")) == "\\x1b]0;x\\x07"


def owners_refused(folder):
    """Return the refusals of both readers."""
    said = []
    with pytest.raises(AirgapError) as caught:
        _manifest.check_owners(str(folder))
    said.append(str(caught.value))
    with pytest.raises(INSTALL.Refusal) as caught:
        INSTALL.check_owners(str(folder))
    said.append(str(caught.value))
    return said


def test_a_bundle_that_others_can_change_is_refused_by_name_with_the_mend(tmp_path):
    wheel = tmp_path / "above/bundle/wheels/a.whl"
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(b"a")
    root = tmp_path / "above/bundle"
    for path in (wheel, wheel.parent, root, root.parent):
        mode = path.stat().st_mode
        for bad in (0o020, 0o002):
            path.chmod(mode | bad)
            for said in owners_refused(root):
                assert str(path) in said and "lets others write" in said and "cp -r" in said
        path.chmod(mode)
    root.parent.chmod(0o1777)
    _manifest.check_owners(str(root))
    INSTALL.check_owners(str(root))
    root.parent.chmod(0o755)
    os.link(str(wheel), str(tmp_path / "outside"))
    for said in owners_refused(root):
        assert str(wheel) in said and "hard link" in said
    _manifest.check_owners(str(root), [str(tmp_path)])
    (tmp_path / "outside").unlink()
    os.link(str(wheel), str(wheel.parent / "b.whl"))
    _manifest.check_owners(str(root))
    INSTALL.check_owners(str(root))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_bundle_of_another_user_is_refused_by_name(tmp_path):
    wheel = tmp_path / "above/bundle/wheels/a.whl"
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(b"a")
    root = tmp_path / "above/bundle"
    for path in (wheel, wheel.parent, root, root.parent):
        os.chown(path, 4711, -1)
        for said in owners_refused(root):
            assert str(path) in said and "user 4711 owns it" in said
        os.chown(path, 0, -1)
    link = tmp_path / "link"
    link.symlink_to(root)
    os.chown(root, 4711, -1)
    for said in owners_refused(link):
        assert str(root) in said
    os.chown(root, 0, -1)
    link.unlink()
    link.symlink_to(tmp_path / "above")
    os.lchown(link, 4711, -1)
    for said in owners_refused(link / "bundle"):
        assert str(link) in said
