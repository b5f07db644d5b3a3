# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile and damaged input is refused by name, and nothing is changed. A run after a killed one continues."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import traceback
import types

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _files, _json
from ansible_collections.airgap.python.plugins.module_utils._bundle import _closure, _composition, _sums, _verify
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._files import TEMPORARY_PREFIX
from ansible_collections.airgap.python.plugins.module_utils._transfer import (
    _export,
    _incoming,
    _media,
    _reception,
    _sender,
    _volumes,
)
from ansible_collections.airgap.python.plugins.module_utils._transfer._export import Export
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

from tests.integration.simple_index import make_wheel
from tests.unit.plugins.module_utils._bundle.test_manifest import SETS, delta, seal
from tests.unit.plugins.module_utils._bundle.test_signature import Officer

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system and make devices")
FLASK = "wheels/flask-1.0-py3-none-any.whl"
# With wheels of 250 and 300 bytes, each wheel is in several volumes, and one volume holds parts of both.
SIZE = 200


def export(source, disk, size=SIZE):
    """Export a bundle as the role media does."""
    done = Export(source, disk, size)
    sums = {volume["name"]: done.write_volume(volume["name"])[0].sha256 for volume in done.plan()["volumes"]}
    changes = done.write_open_part(sums)
    return changes.written, changes.removed


def import_bundle(disks, hop, bundle=""):
    """Import a bundle as the role media does; return the names of the volumes that are still needed."""
    folders = _media.find(disks, bundle)
    offer = _media.verify(folders, [])
    if offer.foreign:
        raise AirgapError("foreign: %s" % offer.foreign)
    sums = [offer.sums.get(name, "") for name in ("SHA256SUMS", "SHA256SUMS.sig", _volumes.LIST)]

    def receive(*arguments):
        offered = _reception.Offer(offer.manifest["id"], *sums)
        places = os.path.join(hop, "bundle"), os.path.join(hop, "incoming")
        with _reception.locked_reception(*places, offered, {"complete": True}, False) as reception:
            return reception.receive(*arguments)

    result = receive()
    if result["open"]:
        stream = io.BytesIO()
        _sender.load(offer.folder, sums[0], result["known"], ()).write(stream.write)
        stream.seek(0)
        result = receive(stream)
    for needed in result["volumes"]:
        usable = _media.verify(folders, [needed["name"]]).usable
        if needed["name"] in usable:
            with open(usable[needed["name"]], "rb") as volume:
                receive(volume, (), needed["name"])
    if not result["pending"]:
        return []
    rest = receive()
    return [one["name"] for one in rest["volumes"]]


def tree(root):
    """Return path to content of all files below a folder."""
    found = {}
    for folder, _folders, files in os.walk(root):
        for name in files:
            path = os.path.join(folder, name)
            with open(path, "rb") as stream:
                found[os.path.relpath(path, root)] = stream.read()
    return found


@pytest.fixture(name="way")
def way_fixture(tmp_path):
    """Return a bundle, a disk with its export, and a host inside that has another bundle in place."""
    way = types.SimpleNamespace(
        source=str(tmp_path / "source"), disk=str(tmp_path / "disk"), hop=str(tmp_path / "hop"), tmp=tmp_path
    )
    way.manifest = seal(way.source)
    os.makedirs(way.hop)
    seal(os.path.join(way.hop, "bundle"), names=("click", "idna"))
    way.before = tree(way.hop)
    export(way.source, way.disk)
    way.folder = os.path.join(way.disk, _volumes.folder_of(way.manifest["id"]))
    way.volumes = sorted(os.listdir(os.path.join(way.folder, "volumes")))
    return way


def refusal(way, *disks):
    """Return the message of an import that is refused, and check that it changed nothing inside."""
    with pytest.raises(AirgapError) as caught:
        import_bundle(list(disks or [way.disk]), way.hop)
    assert tree(os.path.join(way.hop, "bundle")) == {
        path[len("bundle/") :]: data for path, data in way.before.items() if path.startswith("bundle/")
    }
    return str(caught.value)


def edit_list(way, change):
    """Edit the list of volumes as someone could who has the disk."""
    path = os.path.join(way.folder, _volumes.LIST)
    with open(path) as stream:
        document = json.load(stream)
    change(document)
    with open(path, "w") as stream:
        json.dump(document, stream)


def test_bundle_is_imported_from_a_disk_and_a_second_time_changes_nothing(way):
    assert len(way.volumes) == 3
    assert import_bundle([way.disk], way.hop) == []
    assert tree(os.path.join(way.hop, "bundle")) == tree(way.source)
    assert os.listdir(way.hop) == ["bundle"]
    before = os.stat(os.path.join(way.hop, "bundle")).st_ino
    assert import_bundle([way.disk], way.hop) == []
    assert os.stat(os.path.join(way.hop, "bundle")).st_ino == before


def test_export_is_the_same_twice_and_a_second_one_writes_nothing(way):
    before = {path: os.stat(os.path.join(way.disk, path)).st_mtime_ns for path in tree(way.disk)}
    assert export(way.source, way.disk) == ([], [])
    assert {path: os.stat(os.path.join(way.disk, path)).st_mtime_ns for path in tree(way.disk)} == before
    other = str(way.tmp / "other")
    export(way.source, other)
    assert tree(other) == tree(way.disk)


def test_later_signature_is_all_that_a_second_export_writes(way):
    with open(os.path.join(way.source, "SHA256SUMS"), "rb") as stream:
        block = Officer(way.tmp, "alice").sign(stream.read())
    with open(os.path.join(way.source, "SHA256SUMS.sig"), "wb") as stream:
        stream.write(block)
    assert export(way.source, way.disk) == (["SHA256SUMS.sig"], [])


def sign_disk(disk, officer):
    """Sign the open part on a disk, as the documented command does."""
    (folder,) = [os.path.join(disk, name) for name in os.listdir(disk)]
    with open(os.path.join(folder, "SHA256SUMS"), "rb") as stream:
        block = officer.sign(stream.read())
    with open(os.path.join(folder, "SHA256SUMS.sig"), "ab") as stream:
        stream.write(block)
    return block


def test_signature_that_was_made_on_the_disk_is_not_removed_by_another_export(way):
    block = sign_disk(way.disk, Officer(way.tmp, "alice"))
    with pytest.raises(AirgapError, match="has a signature over this bundle that .* does not have"):
        export(way.source, way.disk)
    with open(os.path.join(way.source, "SHA256SUMS.sig"), "wb") as stream:
        stream.write(block)
    assert export(way.source, way.disk) == ([], [])


def test_disks_with_different_signatures_are_refused_and_no_signature_is_ignored(way):
    other = str(way.tmp / "other")
    shutil.copytree(way.disk, other)
    sign_disk(way.disk, Officer(way.tmp, "alice"))
    sign_disk(other, Officer(way.tmp, "bob"))
    assert "hold different signatures over the same sums" in refusal(way, way.disk, other)


def test_volumes_of_another_size_replace_the_earlier_ones(way):
    dummy, removed = export(way.source, way.disk, 400)
    assert removed == ["volumes/0003.vol"]
    assert import_bundle([way.disk], way.hop) == []


def test_volumes_arrive_on_several_disks_in_any_order(way):
    disks = []
    for number in range(3):
        disk = str(way.tmp / ("disk%d" % number))
        shutil.copytree(way.disk, disk)
        for name in way.volumes:
            if name != way.volumes[number]:
                os.unlink(os.path.join(disk, os.path.basename(way.folder), "volumes", name))
        disks.append(disk)
    assert import_bundle([disks[2]], way.hop) == ["0001.vol", "0002.vol"]
    assert import_bundle([disks[0]], way.hop) == ["0002.vol"]
    assert import_bundle([disks[0]], way.hop) == ["0002.vol"]
    assert import_bundle([disks[1]], way.hop) == []
    assert tree(os.path.join(way.hop, "bundle")) == tree(way.source)
    other = str(way.tmp / "other")
    os.makedirs(other)
    assert import_bundle(disks, other) == []


def test_disk_without_the_open_part_needs_one_that_has_it(way):
    bare = way.tmp / "bare"
    shutil.copytree(os.path.join(way.folder, "volumes"), str(bare / os.path.basename(way.folder) / "volumes"))
    shutil.rmtree(os.path.join(way.folder, "volumes"))
    assert "has volumes only" in refusal(way, str(bare))
    assert import_bundle([way.disk, str(bare)], way.hop) == []


def test_damaged_volume_is_named_and_the_others_are_kept(way):
    path = os.path.join(way.folder, "volumes/0002.vol")
    with open(path, "r+b") as stream:
        stream.write(b"X")
    assert _media.verify([way.folder], None).damaged == [path]
    assert import_bundle([way.disk], way.hop) == ["0002.vol"]
    with open(path, "r+b") as stream:
        stream.truncate(9)
    assert _media.verify([way.folder], []).damaged == [path]
    assert import_bundle([way.disk], way.hop) == ["0002.vol"]
    export(way.source, way.disk)
    assert import_bundle([way.disk], way.hop) == []


def test_foreign_volume_is_refused_by_name(way):
    path = os.path.join(way.folder, "volumes/0009.vol")
    shutil.copy(os.path.join(way.folder, "volumes/0001.vol"), path)
    assert path in refusal(way)


def test_volumes_of_another_bundle_are_refused_by_name(way):
    other = str(way.tmp / "other")
    manifest = seal(other, change=lambda manifest: manifest.update(base="d" * 32))
    export(other, way.disk)
    folder = os.path.join(way.disk, _volumes.folder_of(manifest["id"]))
    assert os.path.basename(folder) in refusal(way)
    shutil.copy(os.path.join(folder, _volumes.LIST), os.path.join(way.folder, _volumes.LIST))
    shutil.rmtree(folder)
    assert "is of bundle %s" % manifest["id"] in refusal(way)


def test_folder_under_another_bundles_name_is_refused(way):
    os.rename(way.folder, os.path.join(way.disk, "airgap-" + "0" * 12))
    assert "does not match its name" in refusal(way)


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../etc/passwd", "wheels/../../x", "locks/base/node.txt", ""])
def test_list_that_names_a_file_outside_the_pool_is_refused(way, path):
    edit_list(way, lambda document: document["volumes"][0]["parts"][0].__setitem__(0, path))
    assert "0001.vol holds %r, which the bundle does not carry" % path in refusal(way)


@pytest.mark.parametrize("name", ["../0001.vol", "/etc/0001.vol", "0001.VOL", "1.vol", "0001.vol\n"])
def test_list_that_names_a_volume_elsewhere_is_refused(way, name):
    edit_list(way, lambda document: document["volumes"][0].update(name=name))
    assert "which is not a volume" in refusal(way)


def test_volume_whose_parts_are_more_than_its_size_is_refused(way):
    edit_list(way, lambda document: document["volumes"][0]["parts"][0].__setitem__(2, 100 * SIZE))
    assert "0001.vol has 200 bytes, and its parts have 20000" in refusal(way)


def test_volume_that_would_fill_the_disk_is_refused(way):
    def change(document):
        document["volumes"][0]["parts"][0][2] = 100 * SIZE
        document["volumes"][0]["size"] = 100 * SIZE

    edit_list(way, change)
    assert "0001.vol holds bytes 0 to 20000 of %s, which has 250" % FLASK in refusal(way)


def test_two_volumes_for_the_same_bytes_are_refused(way):
    edit_list(way, lambda document: document["volumes"].append(dict(document["volumes"][0], name="0007.vol")))
    assert "0007.vol holds bytes" in refusal(way)
    edit_list(way, lambda document: document["volumes"][-1].update(name="0001.vol"))
    assert "names a volume twice" in refusal(way)


def test_bytes_that_no_volume_holds_are_named(way):
    edit_list(way, lambda document: document["volumes"].pop())
    assert "no volume holds wheels/jinja2-1.0-py3-none-any.whl from byte" in refusal(way)


def test_newer_format_of_the_list_is_refused_with_the_fix(way):
    edit_list(way, lambda document: document.update(format=2))
    assert "format 2" in refusal(way)


def test_huge_list_and_huge_manifest_are_refused_unread(way):
    for name in (_volumes.LIST, "manifest.json"):
        path = os.path.join(way.folder, name)
        kept = tree(way.folder)[name]
        with open(path, "r+b") as stream:
            stream.truncate(100 << 20)
        assert "%s is larger than 64 MiB" % path in refusal(way)
        with open(path, "wb") as stream:
            stream.write(kept)


def test_list_with_a_repeated_key_or_invalid_json_is_refused(way):
    path = os.path.join(way.folder, _volumes.LIST)
    for text in ('{"format": 1, "format": 1}', "[" * 100000, '{"format": 1, "id": %s}' % ("9" * 1000000), "\0"):
        with open(path, "w") as stream:
            stream.write(text)
        assert path in refusal(way)


@pytest.mark.parametrize("kind", ["symlink", "hard link", "pipe", "device", "socket"])
@pytest.mark.parametrize(
    "name", ["SHA256SUMS", "manifest.json", "volumes.json", "volumes/0001.vol", "locks/base/node.txt"]
)
def test_link_or_device_on_the_disk_is_refused_by_name(way, kind, name):
    path = os.path.join(way.folder, name)
    aside = str(way.tmp / "aside")
    os.rename(path, aside)
    if kind == "symlink":
        os.symlink(aside, path)
    elif kind == "hard link":
        os.link(aside, path)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        os.mknod(path, 0o140644)
    elif os.geteuid():
        pytest.skip("only root may make devices")
    else:
        os.mknod(path, 0o020644, os.makedev(1, 5))
    assert path in refusal(way)


@needs_root
def test_device_in_a_bundle_is_refused_by_name(way):
    path = os.path.join(way.source, FLASK)
    os.unlink(path)
    os.mknod(path, 0o060644, os.makedev(7, 0))
    with pytest.raises(AirgapError, match=FLASK):
        _verify.verify(way.source)


def test_folder_of_the_disk_that_is_a_link_is_refused_by_name(way):
    aside = str(way.tmp / "aside")
    for path in (way.folder, os.path.join(way.folder, "locks")):
        os.rename(path, aside)
        os.symlink(aside, path)
        assert path in refusal(way)
        with pytest.raises(AirgapError, match=os.path.basename(path)):
            export(way.source, way.disk)
        os.unlink(path)
        os.rename(aside, path)


def test_changed_file_of_the_open_part_is_refused_by_name_before_any_volume_is_received(way):
    for name in ("locks/base/node.txt", "manifest.json", "SHA256SUMS"):
        path = os.path.join(way.folder, name)
        with open(path, "r+b") as stream:
            data = bytearray(stream.read())
            data[40] ^= 1
            stream.seek(0)
            stream.write(data)
        message = refusal(way)
        assert name in message or "SHA256SUMS" in message
        assert not os.path.exists(os.path.join(way.hop, "incoming"))
        data[40] ^= 1
        with open(path, "wb") as stream:
            stream.write(data)
    assert import_bundle([way.disk], way.hop) == []


def test_file_that_is_not_in_the_sums_is_refused_by_name(way):
    for name in (b"evil.sh", b"locks/base/NODE.txt", b"Manifest.json", b"locks/base/node\xff.txt", b"wheels"):
        path = os.path.join(os.fsencode(way.folder), name)
        with open(path, "wb") as stream:
            stream.write(b"x")
        assert name.decode("ascii", "replace")[:12] in refusal(way)
        os.unlink(path)


def test_names_that_are_one_name_on_some_file_system_are_refused(way):
    for names in (["locks/A.txt", "locks/a.txt"], ["locks/stra\u00dfe", "locks/strasse"], ["locks/e\u0301", "locks/x"]):
        with open(os.path.join(way.folder, "SHA256SUMS"), "a") as stream:
            stream.writelines("%s  %s\n" % ("0" * 64, name) for name in names)
        assert "SHA256SUMS names" in refusal(way)
        export(way.source, way.disk)


def test_content_that_only_the_list_of_volumes_confirms_is_refused_by_the_files_name(way):
    def change(document):
        with open(os.path.join(way.folder, "volumes/0001.vol"), "r+b") as stream:
            stream.write(b"X")
            stream.seek(0)
            document["volumes"][0]["sha256"] = hashlib.sha256(stream.read()).hexdigest()

    edit_list(way, change)
    assert FLASK + " arrived with sha256" in refusal(way)


def test_hard_link_to_a_file_elsewhere_is_refused_by_name(way):
    path = os.path.join(way.source, FLASK)
    os.unlink(path)
    with open(str(way.tmp / "secret"), "w") as stream:
        stream.write("secret")
    os.link(str(way.tmp / "secret"), path)
    with pytest.raises(AirgapError, match=FLASK + " has another name outside"):
        _verify.verify(way.source)


@pytest.mark.parametrize("name, version", [("jinja2", "1.0"), ("flask", "2.0")])
def test_wheel_whose_metadata_disagree_with_its_name_is_refused_by_name(tmp_path, name, version):
    dummy, data = make_wheel(name, version)
    filename = "flask-1.0-py3-none-any.whl"
    for folder in ("wheels", "locks/base"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "wheels" / filename).write_bytes(data)
    pins = [_lock.Pin("flask", "1.0", hashlib.sha256(data).hexdigest(), filename, len(data))]
    (tmp_path / "locks/base/node.txt").write_text(_lock.render(pins, "node", "x"))
    targets = [{"name": "node", "python": "3.11.2", "libc": "glibc-2.36"}]
    manifest = _composition.compose(SETS, targets, {("base", "node"): pins}, [], "2026-01-01T00:00:00Z")
    (tmp_path / "manifest.json").write_text(_json.render(manifest))
    (tmp_path / "SHA256SUMS").write_text(_sums.render(_sums.compute(str(tmp_path))))
    _verify.verify(str(tmp_path))
    with pytest.raises(AirgapError, match=filename):
        _closure.check_bundle(str(tmp_path), lambda message: None)


def test_disk_that_is_not_mounted_or_has_no_bundle_is_named(way):
    empty = way.tmp / "empty"
    assert "Mount the disk" in refusal(way, str(empty))
    empty.mkdir()
    assert "no folder of a bundle" in refusal(way, str(empty))
    os.unlink(os.path.join(way.folder, _volumes.LIST))
    assert "the export was interrupted" in refusal(way)


def test_delta_on_a_disk_is_refused_by_its_bases_name_if_that_is_missing(way):
    shutil.rmtree(way.source)
    shutil.rmtree(way.disk)
    delta(way.source, carried=("flask",))
    os.makedirs(str(way.tmp / "fresh"))
    export(way.source, way.disk)
    shutil.rmtree(os.path.join(way.hop, "bundle"))
    seal(os.path.join(way.hop, "bundle"))
    with pytest.raises(AirgapError, match="adds to bundle " + "b" * 32):
        import_bundle([way.disk], str(way.tmp / "fresh"))
    assert os.listdir(str(way.tmp / "fresh")) == []
    assert import_bundle([way.disk], way.hop) == []
    assert tree(os.path.join(way.hop, "bundle")) == tree(way.source)


# Every call that changes something on a disk, or makes a change durable.
WRITTEN_ASIDE = _files.written_aside
CALLS = ("rename", "unlink", "link", "mkdir", "rmdir", "fsync", "sync", "fchmod", "chmod", "open")


class Halves:
    """A file of which each write is two writes, with a step between them."""

    def __init__(self, stream, step):
        self.stream = stream
        self.step = step

    def write(self, data):
        """Write and flush half of it, and write the rest."""
        self.stream.write(data[: len(data) // 2])
        self.stream.flush()
        self.step()
        self.stream.write(data[len(data) // 2 :])

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.stream.close()


class InHalves:
    """The context manager that opens such a file."""

    def __init__(self, opened, step):
        self.opened = opened
        self.step = step

    def __enter__(self):
        return Halves(self.opened.__enter__(), self.step)

    def __exit__(self, *reason):
        return self.opened.__exit__(*reason)


def run_apart(work, kill_at=0):
    """Run work in a process of its own, killed with SIGKILL before the given change; return its status and message."""
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        count = 0

        def counted(call):
            def wrapper(*arguments, **options):
                nonlocal count
                count += 1
                if count == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*arguments, **options)

            return wrapper

        step = counted(lambda: None)

        _export.__dict__["written_aside"] = _files.__dict__["written_aside"] = lambda *arguments: InHalves(
            WRITTEN_ASIDE(*arguments), step
        )
        _incoming.__dict__["open"] = lambda path, mode: Halves(open(path, mode), step)  # noqa: SIM115
        try:
            for name in CALLS:
                # A sync is a step like any other, but it takes time and changes no file.
                call = (lambda *arguments: None) if name in ("fsync", "sync") else getattr(os, name)
                setattr(os, name, counted(call))
            work()
            os.write(writer, b"done")
            os._exit(0)
        except (AirgapError, OSError) as error:
            os.write(writer, str(error).encode()[:4000])
            os._exit(1)
        except BaseException:
            os.write(writer, traceback.format_exc().encode()[-4000:])
            os._exit(2)
    os.close(writer)
    with os.fdopen(reader) as stream:
        said = stream.read()
    return os.waitpid(process, 0)[1], said


def copy_of(way, number):
    """Return a fresh host inside, with the earlier bundle in place."""
    hop = str(way.tmp / ("hop-%d" % number))
    shutil.copytree(way.hop, hop)
    return hop


def test_export_killed_at_each_step_leaves_no_partial_file_and_continues(way):
    expected = tree(way.disk)
    for number in range(1, 1000):
        disk = str(way.tmp / "again")
        status, said = run_apart(lambda disk=disk: export(way.source, disk), number)
        assert status in (0, signal.SIGKILL), said
        for path, data in tree(disk).items():
            assert TEMPORARY_PREFIX in path or expected[path] == data
        export(way.source, disk)
        assert tree(disk) == expected
        shutil.rmtree(disk)
        if not status:
            break
    assert number > 30


def test_import_killed_at_each_step_leaves_one_whole_bundle_and_continues(way):
    place = tree(os.path.join(way.hop, "bundle"))
    expected = tree(way.source)
    for number in range(1, 1000):
        hop = copy_of(way, number)
        status, said = run_apart(lambda hop=hop: import_bundle([way.disk], hop), number)
        assert status in (0, signal.SIGKILL), said
        found = tree(os.path.join(hop, "bundle")) or tree(os.path.join(hop, "bundle.previous"))
        assert found in (place, expected)
        assert import_bundle([way.disk], hop) == []
        assert tree(os.path.join(hop, "bundle")) == expected
        assert import_bundle([way.disk], hop) == []
        shutil.rmtree(hop)
        if not status:
            break
    assert number > 50


def mount(path, kib):
    """Mount a disk of a few KiB, or give it another size."""
    option = "remount," if os.path.ismount(path) else ""
    command = ["mount", "-t", "tmpfs", "-o", "%ssize=%dk" % (option, kib), "tmpfs", path]
    if subprocess.run(command, stderr=subprocess.PIPE, check=False).returncode:
        pytest.skip("this machine mounts no tmpfs")


@pytest.fixture(name="small")
def small_fixture(tmp_path):
    """Return a folder that is a disk of its own."""
    path = str(tmp_path / "small")
    os.makedirs(path)
    mount(path, 4096)
    yield path
    subprocess.run(["umount", "--lazy", path], check=False)


@needs_root
def test_disk_full_at_each_step_of_the_export_is_reported_and_more_space_is_all_it_needs(way, small):
    expected = tree(way.disk)
    space = 0
    while True:
        space += 4
        mount(small, space)
        status, said = run_apart(lambda: export(way.source, small))
        for path, data in tree(small).items():
            assert expected[path] == data
        if not status:
            break
        assert "No space left" in said
    assert space > 16
    assert tree(small) == expected


@needs_root
def test_disk_full_at_each_step_of_the_import_is_reported_and_more_space_is_all_it_needs(way, small):
    place = tree(os.path.join(way.hop, "bundle"))
    hop = os.path.join(small, "hop")
    shutil.copytree(way.hop, hop)
    usage = os.statvfs(small)
    space = (usage.f_blocks - usage.f_bfree) * usage.f_frsize >> 10
    first = space
    while True:
        mount(small, space)
        status, said = run_apart(lambda: import_bundle([way.disk], hop))
        if not status:
            break
        assert "No space left" in said or "bytes are needed" in said
        assert tree(os.path.join(hop, "bundle")) == place
        space += 4
    assert space > first + 16
    assert tree(os.path.join(hop, "bundle")) == tree(way.source)
    assert os.listdir(hop) == ["bundle"]


def start(works):
    """Run several works at the same time; return the status of each."""
    running = []
    for work in works:
        process = os.fork()
        if not process:
            try:
                work()
                os._exit(0)
            except (AirgapError, OSError) as error:
                sys.stderr.write("%s\n" % error)
                os._exit(1)
            except BaseException:
                traceback.print_exc()
                os._exit(2)
        running.append(process)
    return [os.waitpid(process, 0)[1] >> 8 for process in running]


def test_two_imports_of_one_bundle_at_once_both_succeed(way):
    for number in range(10):
        hop = copy_of(way, number)
        assert start([lambda hop=hop: import_bundle([way.disk], hop)] * 3) == [0, 0, 0]
        assert tree(os.path.join(hop, "bundle")) == tree(way.source)


def test_two_imports_of_two_bundles_at_once_leave_no_mixture(way):
    other, disk = str(way.tmp / "other"), str(way.tmp / "other-disk" / "disk")
    seal(other, change=lambda manifest: manifest.update(base="d" * 32))
    os.makedirs(os.path.dirname(disk))
    export(other, disk)
    for number in range(10):
        hop = copy_of(way, number)
        status = start([lambda hop=hop: import_bundle([way.disk], hop), lambda hop=hop: import_bundle([disk], hop)])
        assert 0 in status and 2 not in status
        assert tree(os.path.join(hop, "bundle")) in (tree(way.source), tree(other))
        assert import_bundle([disk], hop) == []
        assert tree(os.path.join(hop, "bundle")) == tree(other)


def test_two_exports_at_once_both_succeed(way):
    for number in range(5):
        disk = str(way.tmp / ("disk-%d" % number))
        assert start([lambda disk=disk: export(way.source, disk)] * 3) == [0, 0, 0]
        assert tree(disk) == tree(way.disk)
