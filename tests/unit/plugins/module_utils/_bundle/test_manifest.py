# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bundle promises: a folder that differs from its sums is refused with the name of the file."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import (
    _composition,
    _folder,
    _layout,
    _manifest,
    _sums,
    _verify,
)
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

SETS = [{"name": "base", "requirements": ["flask"], "targets": ["node"]}]
TARGETS = [{"name": "node", "python": "3.11.2"}]


def write(root, path, data):
    """Write a file of a bundle and return its sum."""
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as stream:
        stream.write(data)
    return hashlib.sha256(data).hexdigest()


def seal(root, change=None, sums_change=None, names=("flask", "jinja2")):
    """Make a bundle of two wheels; ``change`` may alter the manifest, ``sums_change`` the sums."""
    pins = []
    sums = {}
    for name in names:
        filename = "%s-1.0-py3-none-any.whl" % name
        sums["wheels/" + filename] = write(root, "wheels/" + filename, name.encode() * 50)
        pins.append(_lock.Pin(name, "1.0", sums["wheels/" + filename], filename, len(name) * 50))
    sums["locks/base/node.txt"] = write(root, "locks/base/node.txt", _lock.render(pins, "node", "x").encode())
    manifest = _composition.compose(SETS, TARGETS, {("base", "node"): pins}, [], "2026-01-01T00:00:00Z")
    if change:
        change(manifest)
        manifest["id"] = _manifest.identify(manifest)
    sums["manifest.json"] = write(root, "manifest.json", _json.render(manifest).encode())
    if sums_change:
        sums_change(sums)
    write(root, "SHA256SUMS", _sums.render(sums).encode())
    return manifest


def refusal(root):
    """Return the message with which a bundle is refused."""
    with pytest.raises(AirgapError) as caught:
        _verify.verify(str(root))
    return str(caught.value)


def test_whole_bundle_is_accepted_with_all_its_files(tmp_path):
    seal(tmp_path)
    manifest, entries = _verify.verify(str(tmp_path))
    assert [entry["name"] for entry in manifest["files"]] == ["flask", "jinja2"]
    assert manifest["files"][0]["used_by"] == [{"set": "base", "target": "node"}]
    assert {entry.path for entry in entries} == {
        "wheels/flask-1.0-py3-none-any.whl",
        "wheels/jinja2-1.0-py3-none-any.whl",
        "locks/base/node.txt",
        "manifest.json",
        "SHA256SUMS",
    }


def test_flipped_byte_is_refused_by_name(tmp_path):
    seal(tmp_path)
    path = tmp_path / "wheels/jinja2-1.0-py3-none-any.whl"
    data = bytearray(path.read_bytes())
    data[7] ^= 1
    path.write_bytes(bytes(data))
    assert "wheels/jinja2-1.0-py3-none-any.whl has sha256" in refusal(tmp_path)


def test_truncated_wheel_is_refused_by_name(tmp_path):
    seal(tmp_path)
    path = tmp_path / "wheels/flask-1.0-py3-none-any.whl"
    path.write_bytes(path.read_bytes()[:-1])
    assert "wheels/flask-1.0-py3-none-any.whl has sha256" in refusal(tmp_path)


def test_missing_file_is_refused_by_name(tmp_path):
    seal(tmp_path)
    (tmp_path / "wheels/flask-1.0-py3-none-any.whl").unlink()
    assert "flask-1.0-py3-none-any.whl is missing" in refusal(tmp_path)


def test_unsealed_file_is_refused_by_name(tmp_path):
    seal(tmp_path)
    write(tmp_path, "wheels/evil-1.0-py3-none-any.whl", b"x")
    assert "evil-1.0-py3-none-any.whl is not in the bundle's sums" in refusal(tmp_path)


def test_wheel_in_the_sums_but_not_in_the_manifest_is_refused_by_name(tmp_path):
    evil = write(tmp_path, "wheels/evil-1.0-py3-none-any.whl", b"x")
    seal(tmp_path, sums_change=lambda sums: sums.update({"wheels/evil-1.0-py3-none-any.whl": evil}))
    assert "evil-1.0-py3-none-any.whl is in only one of" in refusal(tmp_path)


@pytest.mark.parametrize("kind", ["symlink", "fifo", "folder link"])
def test_link_or_device_is_refused_by_name(tmp_path, kind):
    seal(tmp_path)
    path = tmp_path / "wheels/jinja2-1.0-py3-none-any.whl"
    if kind == "fifo":
        os.mkfifo(str(tmp_path / "wheels/pipe"))
    elif kind == "symlink":
        path.unlink()
        path.symlink_to("flask-1.0-py3-none-any.whl")
    else:
        (tmp_path / "reports").symlink_to("/etc")
    assert "neither a file nor a folder" in refusal(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "../evil.whl",
        "wheels/../../evil.whl",
        "/etc/passwd",
        "wheels//x.whl",
        "./x",
        "wheels\\x.whl",
        "wheels/x\n.whl",
        "",
    ],
)
def test_name_that_leads_out_is_refused_in_manifest_and_sums_before_any_file_is_read(tmp_path, name):
    seal(tmp_path, change=lambda manifest: manifest["files"][0].update(path=name))
    assert repr(name) in refusal(tmp_path)
    with pytest.raises(AirgapError):
        _layout.check_names([name], "SHA256SUMS")


def test_name_in_the_sums_that_leads_out_is_refused(tmp_path):
    seal(tmp_path, sums_change=lambda sums: sums.update({"../evil": "0" * 64}))
    assert "'../evil'" in refusal(tmp_path)


def test_names_that_some_file_systems_treat_as_one_are_refused():
    with pytest.raises(AirgapError, match="the same file on some"):
        _layout.check_names(["wheels/A.whl", "wheels/a.whl"], "x")
    with pytest.raises(AirgapError, match="NFC"):
        _layout.check_names(["wheels/e\u0301.whl"], "x")


def test_newer_format_is_refused_with_the_fix(tmp_path):
    seal(tmp_path, change=lambda manifest: manifest.update(format=2))
    assert "format 2" in refusal(tmp_path)


def test_manifest_edited_without_a_new_id_is_refused(tmp_path):
    seal(tmp_path)
    path = tmp_path / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][0]["version"] = "2.0"
    path.write_text(json.dumps(manifest))
    assert "does not have the content that its id" in refusal(tmp_path)


def test_manifest_that_disagrees_with_the_sums_is_refused_by_name(tmp_path):
    seal(tmp_path, change=lambda manifest: manifest["files"][0].update(size=3))
    assert "flask-1.0-py3-none-any.whl has different sums or sizes" in refusal(tmp_path)


def test_lock_that_pins_a_file_outside_the_bundle_is_refused(tmp_path):
    stray = _lock.Pin("stray", "1", "c" * 64, "stray-1-py3-none-any.whl", 1)
    text = _lock.render([stray], "node", "x").encode()
    seal(tmp_path, sums_change=lambda sums: sums.update({"locks/base/node.txt": hashlib.sha256(text).hexdigest()}))
    write(tmp_path, "locks/base/node.txt", text)
    assert "pins stray-1-py3-none-any.whl, which is not in the pool" in refusal(tmp_path)


def test_same_content_has_the_same_id_whenever_it_was_made():
    pins = [_lock.Pin("a", "1", "d" * 64, "a-1-py3-none-any.whl", 1)]
    one = _composition.compose(SETS, TARGETS, {("base", "node"): pins}, [], "2026-01-01T00:00:00Z")
    two = _composition.compose(SETS, TARGETS, {("base", "node"): pins}, [], "2027-01-01T00:00:00Z")
    assert one["id"] == two["id"]


def test_two_contents_under_one_name_are_refused():
    one = _lock.Pin("a", "1", "d" * 64, "a-1-py3-none-any.whl", 1)
    locks = {("base", "node"): [one], ("other", "node"): [one._replace(sha256="e" * 64)]}
    with pytest.raises(AirgapError, match="a-1-py3-none-any.whl"):
        _composition.compose(SETS, TARGETS, locks, [], "now")


def delta(root, carried=("flask",), keep=True):
    """Make a bundle that adds to another one and carries only some of its wheels."""
    base = _manifest.Base("b" * 32, frozenset())

    def change(manifest):
        manifest["base"] = base.id
        for entry in manifest["files"]:
            entry["carried"] = entry["name"] in carried

    def sums_change(sums):
        for path in [one for one in sums if one.startswith("wheels/")]:
            if not any(name in path for name in carried):
                del sums[path]
                if not keep:
                    os.unlink(os.path.join(root, path))

    return seal(root, change, sums_change)


def test_delta_names_in_its_sums_only_what_it_carries_and_may_contain_the_rest(tmp_path):
    delta(tmp_path)
    manifest, entries = _verify.verify(str(tmp_path), whole=True)
    assert _manifest.absent(manifest, entries) == []
    assert [one.path for one in _manifest.to_send(manifest, entries) if one.path.startswith("wheels/")] == [
        "wheels/flask-1.0-py3-none-any.whl"
    ]


def test_incomplete_delta_is_reported_and_refused_where_all_of_it_is_used(tmp_path):
    delta(str(tmp_path), keep=False)
    manifest, entries = _verify.verify(str(tmp_path))
    assert [entry["name"] for entry in _manifest.absent(manifest, entries)] == ["jinja2"]
    with pytest.raises(AirgapError, match="adds to bundle " + "b" * 32 + ".*jinja2-1.0"):
        _verify.verify(str(tmp_path), whole=True)


def test_file_that_completes_a_delta_is_checked_against_the_manifest(tmp_path):
    delta(tmp_path)
    (tmp_path / "wheels/jinja2-1.0-py3-none-any.whl").write_bytes(b"evil")
    assert "wheels/jinja2-1.0-py3-none-any.whl has sha256" in refusal(tmp_path)


def test_carried_file_of_a_delta_must_exist(tmp_path):
    delta(tmp_path)
    (tmp_path / "wheels/flask-1.0-py3-none-any.whl").unlink()
    assert "flask-1.0-py3-none-any.whl is missing" in refusal(tmp_path)


def test_file_cannot_be_left_out_without_a_base(tmp_path):
    seal(tmp_path, change=lambda manifest: manifest["files"][0].update(carried=False))
    assert "wheels/flask-1.0-py3-none-any.whl' is not carried, but names no base" in refusal(tmp_path)


def test_file_left_to_the_base_that_is_in_the_sums_is_refused(tmp_path):
    def change(manifest):
        manifest["base"] = "b" * 32
        manifest["files"][0]["carried"] = False

    seal(tmp_path, change)
    assert "flask-1.0-py3-none-any.whl is in only one of" in refusal(tmp_path)


def test_manifest_with_a_key_twice_is_refused(tmp_path):
    seal(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text().replace('"base": null', '"base": null, "base": null'))
    assert "the key 'base' is in one object twice" in refusal(tmp_path)


def test_path_that_is_in_sums_or_manifest_twice_is_refused(tmp_path):
    seal(tmp_path, change=lambda manifest: manifest["files"].append(manifest["files"][0]))
    assert "flask-1.0-py3-none-any.whl" in refusal(tmp_path)
    line = "%s  wheels/a.whl\n" % ("0" * 64)
    with pytest.raises(AirgapError, match="'wheels/a.whl' twice"):
        _sums.parse(line + line)


def test_path_that_is_a_file_and_a_folder_is_refused():
    with pytest.raises(AirgapError, match="'locks/a' as a file and as a folder"):
        _layout.check_names(["locks/a/b.txt", "locks/a"], "x")


def test_nothing_in_a_manifest_can_stop_the_reader_with_a_traceback():
    for text in ("[" * 100000, "9" * 100000, '{"format": 1}', '{"format": 1, "files": [], "sets": ["\\ud800"]}'):
        with pytest.raises(AirgapError):
            _manifest.parse(text)
    document = {"format": 1, "files": [], "sets": [{"name": "\ud800", "targets": ["x"]}], "targets": [], "id": "a" * 32}
    document.update(base=None, created="2026-11-21T00:00:00Z")
    with pytest.raises(AirgapError, match="invalid text|is not a manifest"):
        _manifest.parse(json.dumps(document))


def test_base_is_read_from_a_manifest_and_from_an_inventory(tmp_path):
    manifest = seal(tmp_path)
    base = _manifest.parse_base((tmp_path / "manifest.json").read_text(), "x")
    assert base[:2] == (manifest["id"], frozenset(entry["sha256"] for entry in manifest["files"]))
    assert {(one.filename, one.sha256) for one in base.claims} == {
        (entry["path"].rpartition("/")[2], entry["sha256"]) for entry in manifest["files"]
    }
    inventory = {"format": 1, "id": manifest["id"], "imported": [], "files": manifest["files"]}
    assert _manifest.parse_base(json.dumps(inventory), "x") == base
    for text in ("[]", "{}", '{"id": "%s", "files": [{}]}' % ("a" * 32)):
        with pytest.raises(AirgapError, match="x "):
            _manifest.parse_base(text, "x")


def test_only_what_the_base_lacks_is_carried():
    pins = [_lock.Pin(name, "1", name * 64, name + "-1-py3-none-any.whl", 1) for name in "ab"]
    base = _manifest.Base("c" * 32, frozenset(["a" * 64]))
    made = _composition.compose(SETS, TARGETS, {("base", "node"): pins}, [], "now", base)
    assert [(entry["name"], entry["carried"]) for entry in made["files"]] == [("a", False), ("b", True)]
    assert made["base"] == "c" * 32


def test_bundle_that_is_its_own_base_stays_as_it_was_until_something_changes():
    pins = [_lock.Pin(name, "1", name * 64, name + "-1-py3-none-any.whl", 1) for name in "ab"]
    first = _composition.compose(SETS, TARGETS, {("base", "node"): pins}, [], "now")
    base = _manifest.parse_base(json.dumps(first), "x")
    again = _composition.compose(SETS, TARGETS, {("base", "node"): pins}, [], "now", base)
    assert _composition.with_former_base(again, first) == first
    more = _composition.compose(SETS, TARGETS, {("base", "node"): pins[:1]}, [], "now", base)
    assert _composition.with_former_base(more, first)["base"] == first["id"]


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


def read_by_sha256sum(text, folder):
    """Return the names that sha256sum -c checks; None if it finds a line that is not a sum, or no line at all."""
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
def test_sums_are_read_as_sha256sum_reads_them_or_refused(kind, tmp_path):
    text = NASTY[kind]
    try:
        ours = _sums.parse(text)
    except AirgapError:
        ours = None
    if ours is not None:
        assert read_by_sha256sum(text, tmp_path) == set(ours)
    assert (ours is not None) == (kind in ("plain", "letters of others")), kind


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
def test_manifest_with_an_invalid_name_is_refused(place, value):
    pin = _lock.Pin("flask", "1.0", "a" * 64, "flask-1.0-py3-none-any.whl", 5)
    manifest = _composition.compose(
        [{"name": "base", "targets": ["node"]}],
        [{"name": "node", "python": "3.11.2"}],
        {("base", "node"): [pin]},
        [],
        "2026-01-01T00:00:00Z",
    )
    _manifest.parse(_json.render(manifest))
    inside = manifest
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    manifest["id"] = _manifest.identify(manifest)
    with pytest.raises(AirgapError):
        _manifest.parse(_json.render(manifest))


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
        ["install"],
        ["install/_x.pyc"],
        ["install/__pycache__/_x.cpython-311.pyc"],
        ["install/_x.so"],
        ["install/x-y.py"],
        ["install/.py"],
        ["install/_X.py"],
    ],
)
def test_name_that_does_not_belong_or_leads_out_is_refused_in_the_sums(names):
    with pytest.raises(AirgapError, match="SHA256SUMS names|not a sum"):
        _sums.parse("".join("%s  %s\n" % ("a" * 64, name) for name in names))


def test_names_that_belong_in_a_bundle_are_accepted_in_the_sums():
    names = ["manifest.json", "wheels/a.whl", "locks/s/t.txt", "reports/ü.html", "install.sh"]
    names += ["install/_lock.py", "install/_bundle/manifest.py"]
    assert list(_sums.parse("".join("%s  %s\n" % ("a" * 64, name) for name in names))) == names


def owners_refused(folder):
    """Return the refusal of a bundle that others can change."""
    with pytest.raises(AirgapError) as caught:
        _folder.check_owners(str(folder))
    return str(caught.value)


def test_bundle_that_others_can_change_is_refused_by_name_with_the_fix(tmp_path):
    wheel = tmp_path / "above/bundle/wheels/a.whl"
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(b"a")
    root = tmp_path / "above/bundle"
    for path in (wheel, wheel.parent, root, root.parent):
        mode = path.stat().st_mode
        for bad in (0o020, 0o002):
            path.chmod(mode | bad)
            said = owners_refused(root)
            assert str(path) in said and "lets others write" in said and "cp -r" in said
        path.chmod(mode)
    root.parent.chmod(0o1777)
    _folder.check_owners(str(root))
    root.parent.chmod(0o755)
    os.link(str(wheel), str(tmp_path / "outside"))
    said = owners_refused(root)
    assert str(wheel) in said and "hard link" in said
    _folder.check_owners(str(root), [str(tmp_path)])
    (tmp_path / "outside").unlink()
    os.link(str(wheel), str(wheel.parent / "b.whl"))
    _folder.check_owners(str(root))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_bundle_of_another_user_is_refused_by_name(tmp_path):
    wheel = tmp_path / "above/bundle/wheels/a.whl"
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(b"a")
    root = tmp_path / "above/bundle"
    for path in (wheel, wheel.parent, root, root.parent):
        os.chown(path, 4711, -1)
        said = owners_refused(root)
        assert str(path) in said and "user 4711 owns it" in said
        os.chown(path, 0, -1)
    link = tmp_path / "link"
    link.symlink_to(root)
    os.chown(root, 4711, -1)
    said = owners_refused(link)
    assert str(root) in said
    os.chown(root, 0, -1)
    link.unlink()
    link.symlink_to(tmp_path / "above")
    os.lchown(link, 4711, -1)
    said = owners_refused(link / "bundle")
    assert str(link) in said
