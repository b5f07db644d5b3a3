# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reception promises: no file has its name before it is complete, and an interrupted transfer continues."""

from __future__ import annotations

import glob
import io
import json
import lzma
import os
import shutil
import stat
import typing as t

import pytest
from ansible_collections.airgap.python.plugins.module_utils._bundle import _approval, _manifest, _verify
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._hashes import sha256_file
from ansible_collections.airgap.python.plugins.module_utils._transfer import _parts, _sender, _stream
from ansible_collections.airgap.python.plugins.module_utils._transfer._reception import Offer, Reception

from tests.unit.plugins.module_utils._bundle.test_manifest import delta, seal, write
from tests.unit.plugins.module_utils._bundle.test_signature import Officer
from tests.unit.plugins.module_utils._report.test_page import KEY


class Hop:
    """A sending folder, a receiving folder, and the transfer between them."""

    def __init__(self, folder):
        self.source = str(folder / "source")
        self.path = str(folder / "hop/bundle")
        self.incoming = str(folder / "hop/incoming")
        self.manifest = seal(self.source)
        self.params = {}

    def offer(self):
        """Return what the sending side offers."""
        manifest, entries = _verify.verify(self.source)
        sums = {entry.path: entry.sha256 for entry in entries}
        return Offer(manifest["id"], sums["SHA256SUMS"], sums.get("SHA256SUMS.sig", ""))

    def reception(self, **params):
        """Return the receiving side of the offered bundle."""
        scratch = params.pop("scratch", "")
        return Reception(self.path, self.incoming, self.offer(), dict(self.params, **params), scratch)

    def begin(self, **params):
        """Return the result of the hop before anything arrives."""
        return self.reception(**params).receive()

    def open_part(self, known=()):
        """Return the stream of the open part, and the paths in it."""
        files = _sender.open_part(self.source, self.offer().sha256, known)
        stream = io.BytesIO()
        _stream.write_open(self.source, files, stream.write)
        return stream.getvalue(), [path for path, dummy in files]

    def send_open(self, **params):
        """Send the missing files of the open part; return the result of the hop."""
        result = self.begin(**params)
        if not result["open"]:
            return result
        return self.reception(**params).receive(io.BytesIO(self.open_part(result["known"])[0]))

    def groups(self, size=70):
        """Return the missing parts of the pool in groups, as a connection that fails again and again would deliver them."""
        reception = self.reception()
        return _parts.group(reception.plan(reception.read_contents(), reception.read_present()).missing, size)

    def stream_of(self, parts):
        """Return a stream."""
        stream = io.BytesIO()
        _stream.write(self.source, parts, stream.write)
        return stream.getvalue()

    def send(self, parts):
        """Send some parts of the pool."""
        reception = self.reception()
        reception.incoming.receive_parts(io.BytesIO(self.stream_of(parts)), parts, reception.read_contents())

    def transfer(self, **params):
        """Send everything, as the role does; return the last result."""
        result = self.send_open(**params)
        if not result["wanted"]:
            return result
        dummy, parts = _sender.pool_parts(self.source, self.offer().sha256, result["wanted"])
        return self.reception(**params).receive(io.BytesIO(self.stream_of(parts)), result["wanted"])


@pytest.fixture(name="hop")
def hop_fixture(tmp_path):
    """Return a hop that holds nothing yet."""
    return Hop(tmp_path)


def test_bundle_arrives_completely_and_nothing_else_is_left(hop):
    hop.transfer()
    assert _verify.verify(hop.path)[0] == hop.manifest
    assert os.listdir(os.path.dirname(hop.path)) == ["bundle"]


def test_second_run_moves_nothing(hop):
    assert hop.begin()["open"] is True
    hop.transfer()
    again = hop.begin()
    assert (again["changed"], again["pending"], again["open"], again["bytes"], again["wanted"]) == (
        False,
        False,
        False,
        0,
        [],
    )
    assert not os.path.exists(hop.incoming)


def test_plan_of_a_large_bundle_is_a_short_text(hop):
    shutil.rmtree(hop.source)
    seal(hop.source, names=["project%d" % number for number in range(300)])
    plan = hop.send_open()
    assert plan["files"] > 300 and plan["wanted"] == ["0-299"]
    assert len(json.dumps(dict(plan, diff=""))) < 300
    hop.transfer()
    assert _verify.verify(hop.path)[0]["id"] == hop.offer().id


def test_interrupted_transfer_continues_after_the_last_part_that_arrived(hop):
    hop.send_open()
    first = hop.groups()
    for parts in first[:3]:
        hop.send(parts)
    rest = hop.groups()
    assert sum(part.length for parts in rest for part in parts) == sum(
        part.length for parts in first[3:] for part in parts
    )
    again = hop.begin()
    assert (again["open"], again["bytes"]) == (False, sum(part.length for parts in rest for part in parts))
    assert not os.path.exists(hop.path)
    hop.transfer()
    assert _verify.verify(hop.path)[0] == hop.manifest


def test_file_of_the_open_part_that_is_here_is_not_sent_again(hop):
    sent = hop.open_part()[0]
    with pytest.raises(AirgapError, match="ends within|ends too soon"):
        hop.reception().receive(io.BytesIO(sent[:-40]))
    known = hop.begin()["known"]
    assert sha256_file(hop.source + "/SHA256SUMS") in known
    assert "SHA256SUMS" not in hop.open_part(known)[1]
    hop.transfer()
    assert _verify.verify(hop.path)[0] == hop.manifest


def test_connection_that_fails_within_a_file_loses_nothing_that_arrived(hop):
    hop.send_open()
    (wheels,) = hop.groups(10000)
    data = hop.stream_of(wheels)
    reception = hop.reception()
    contents = reception.read_contents()
    with pytest.raises(AirgapError, match="ends within " + wheels[1].path):
        reception.incoming.receive_parts(io.BytesIO(data[: wheels[0].length + 7]), wheels, contents)
    wanted = hop.groups(10000)[0]
    assert wanted[0] == wheels[1]._replace(offset=7, length=wheels[1].length - 7)
    assert hop.begin()["wanted"] == ["1@7-%d" % wheels[1].length]
    hop.transfer()
    assert _verify.verify(hop.path)[0] == hop.manifest


def test_file_that_a_power_cut_damaged_is_found_and_sent_again(hop):
    hop.send_open()
    (parts,) = hop.groups(10000)
    folder = os.path.join(hop.reception().incoming.partial, parts[0].path)
    os.makedirs(folder)
    with open(os.path.join(folder, "0"), "wb") as stream:
        stream.write(bytes(20))
    with pytest.raises(AirgapError, match=parts[0].path + " arrived with sha256"):
        hop.transfer()
    with open(os.path.join(hop.reception().incoming.bundle, "manifest.json"), "r+b") as stream:
        stream.write(bytes(20))
    assert hop.begin()["open"] is True
    hop.transfer()
    assert _verify.verify(hop.path)[0] == hop.manifest


def test_file_that_arrived_in_this_run_is_not_read_again_and_an_earlier_one_is(hop, monkeypatch):
    hop.send_open()
    before, now = [[part] for part in hop.groups(10000)[0]]
    hop.send(before)
    reception = hop.reception()
    contents = reception.read_contents()
    reception.incoming.receive_parts(io.BytesIO(hop.stream_of(now)), now, contents)
    read: t.List[str] = []
    hashing = _verify.sha256_files

    def noted(paths):
        for path in paths:
            read.append(path)
            yield path

    monkeypatch.setattr(_verify, "sha256_files", lambda paths: hashing(noted(paths)))
    with open(os.path.join(reception.incoming.bundle, before[0].path), "r+b") as stream:
        stream.write(b"FLASK")
    with pytest.raises(AirgapError, match=before[0].path + " has sha256"):
        reception.replace(contents)
    pool = os.path.join(reception.incoming.bundle, "wheels")
    assert [path for path in read if path.startswith(pool)] == [os.path.join(reception.incoming.bundle, before[0].path)]


def test_file_changed_on_the_sending_host_gets_no_name_here(hop):
    plan, offer = hop.send_open(), hop.reception()
    write(hop.source, "wheels/flask-1.0-py3-none-any.whl", b"FLASK" * 50)
    dummy, parts = _sender.pool_parts(hop.source, offer.offer.sha256, plan["wanted"])
    with pytest.raises(AirgapError, match="flask-1.0-py3-none-any.whl arrived with sha256"):
        offer.receive(io.BytesIO(hop.stream_of(parts)), plan["wanted"])
    assert not os.path.exists(os.path.join(offer.incoming.bundle, "wheels/flask-1.0-py3-none-any.whl"))


@pytest.mark.parametrize("name", ["locks/base/node.txt", "SHA256SUMS", "manifest.json"])
def test_file_of_the_open_part_that_changed_on_the_sending_host_gets_no_name_here(hop, name):
    offer, paths = hop.reception(), hop.open_part()[1]
    files = [(path, os.path.getsize(os.path.join(hop.source, path))) for path in paths]
    with open(os.path.join(hop.source, name), "r+b") as stream:
        stream.write(b"\0")
    sent = io.BytesIO()
    _stream.write_open(hop.source, files, sent.write)
    with pytest.raises(AirgapError, match=name + " arrived with sha256"):
        offer.receive(io.BytesIO(sent.getvalue()))
    assert not os.path.exists(os.path.join(offer.incoming.bundle, name))


def test_sender_whose_bundle_was_staged_again_sends_nothing_of_it(hop):
    offer = hop.offer()
    shutil.rmtree(hop.source)
    seal(hop.source, change=lambda manifest: manifest.update(base="e" * 32))
    for call in (_sender.open_part, _sender.pool_parts):
        with pytest.raises(AirgapError, match="not that of the offered bundle any more"):
            call(hop.source, offer.sha256, ["0"])


def test_hop_that_holds_a_changed_file_stops_before_anything_moves(hop):
    hop.transfer()
    write(hop.path, "wheels/flask-1.0-py3-none-any.whl", b"FLASK" * 50)
    with pytest.raises(AirgapError, match="flask-1.0-py3-none-any.whl has sha256"):
        hop.begin()


def test_new_bundle_moves_only_new_files_and_removes_old_ones(hop):
    hop.transfer()
    shutil.rmtree(hop.source)
    seal(hop.source, change=lambda manifest: manifest.update(base="e" * 32))
    news = hop.begin()
    assert hop.open_part(news["known"])[1] == ["SHA256SUMS", "manifest.json"]
    done = hop.transfer()
    assert (done["wanted"], done["files"], done["pending"]) == ([], 2, False)
    assert done["diff"]["after"] == "SHA256SUMS\nmanifest.json\n"
    assert _verify.verify(hop.path)[0]["base"] == "e" * 32


def test_new_signature_is_all_that_moves_for_it(hop, tmp_path):
    hop.transfer()
    with open(hop.source + "/SHA256SUMS", "rb") as stream:
        write(hop.source, "SHA256SUMS.sig", Officer(tmp_path, "alice").sign(stream.read()))
    assert hop.open_part(hop.begin()["known"])[1] == ["SHA256SUMS.sig"]
    hop.transfer()
    assert os.path.exists(hop.path + "/SHA256SUMS.sig")
    os.unlink(hop.source + "/SHA256SUMS.sig")
    assert hop.transfer()["diff"]["before"] == "SHA256SUMS.sig\n"
    assert not os.path.exists(hop.path + "/SHA256SUMS.sig")
    assert hop.begin()["changed"] is False


def test_check_mode_returns_what_would_arrive_and_writes_nothing(hop, tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "hop").mkdir()
    plan = hop.send_open(scratch=str(tmp_path / "scratch"))
    assert (plan["changed"], plan["pending"], plan["wanted"]) == (True, True, ["0-1"])
    assert "wheels/flask-1.0-py3-none-any.whl" in plan["diff"]["after"]
    assert os.listdir(str(tmp_path / "hop")) == []


def test_run_killed_between_the_two_renames_finds_the_old_bundle_again(hop):
    hop.transfer()
    os.rename(hop.path, hop.path + ".previous")
    assert hop.begin()["changed"] is False
    assert _verify.verify(hop.path)[0] == hop.manifest


@pytest.mark.parametrize(
    "path", ["wheels/../../evil", "/etc/evil", "evil", "wheels/flask-1.0-py3-none-any.whl", "volumes.json", "a\nb"]
)
def test_open_part_with_a_name_that_leads_out_or_has_no_place_is_refused(hop, path):
    sums = (hop.source + "/SHA256SUMS").encode()
    with open(sums, "rb") as stream:
        data = stream.read()
    sent = b"%d SHA256SUMS\n1 %s\n\n%sx" % (len(data), path.encode(), data)
    with pytest.raises(
        AirgapError, match="evil|open part of the offered bundle does not have it|is not the open part of a bundle"
    ):
        hop.reception().receive(io.BytesIO(sent))
    assert not glob.glob(hop.incoming + "/*/*.whl") and not os.path.exists(os.path.dirname(hop.path) + "/evil")


def test_open_part_of_a_bundle_that_was_not_offered_is_refused(hop, tmp_path):
    sent = hop.open_part()[0]
    other = Hop(tmp_path / "other")
    shutil.rmtree(other.source)
    seal(other.source, change=lambda manifest: manifest.update(base="e" * 32))
    with pytest.raises(AirgapError, match="SHA256SUMS arrived with sha256"):
        other.reception().receive(io.BytesIO(sent))
    offer = hop.offer()
    hop.offer = lambda: offer._replace(id="f" * 32)
    with pytest.raises(AirgapError, match="was offered, but bundle %s arrived" % hop.manifest["id"]):
        hop.reception().receive(io.BytesIO(sent))


def offer_delta(hop, carried=("flask",)):
    """Replace the offered bundle with one that adds to it."""
    shutil.rmtree(hop.source)
    delta(hop.source, carried, keep=False)


def test_delta_is_completed_from_the_bundle_in_place(hop):
    hop.transfer()
    offer_delta(hop, carried=())
    done = hop.transfer(complete=True)
    assert (done["wanted"], done["left_out"]) == ([], 2)
    manifest, dummy = _verify.verify(hop.path, whole=True)
    assert manifest["base"] == "b" * 32
    again = hop.begin(complete=True)
    assert (again["changed"], again["bytes"], again["left_out"]) == (False, 0, 2)


def test_delta_whose_base_is_not_here_is_refused_by_the_bases_name_and_leaves_nothing(hop):
    offer_delta(hop)
    with pytest.raises(AirgapError, match="adds to bundle bbbb.* and 1 of the files.*jinja2-1.0"):
        hop.send_open(complete=True)
    assert os.listdir(os.path.dirname(hop.path)) == []


def test_delta_whose_base_was_never_imported_is_refused_even_if_the_files_are_here(hop, tmp_path):
    hop.transfer()
    offer_delta(hop)
    inventory = tmp_path / "inventory.json"
    for imported, said in (([], "names no import"), (["c" * 32], "the last of 1 imports is cccc")):
        inventory.write_text(json.dumps({"imported": imported}))
        with pytest.raises(AirgapError, match="bundle bbbb.*not imported here.*" + said):
            hop.send_open(complete=True, inventory=str(inventory))
    inventory.write_text(json.dumps({"imported": ["c" * 32, "b" * 32]}))
    hop.transfer(complete=True, inventory=str(inventory))
    inventory.unlink()
    assert hop.begin(complete=True, inventory=str(inventory))["changed"] is False


def test_bastion_holds_an_incomplete_delta_and_passes_on_what_it_carries(hop):
    offer_delta(hop)
    hop.transfer()
    manifest, entries = _verify.verify(hop.path)
    assert [entry["name"] for entry in _manifest.absent(manifest, entries)] == ["jinja2"]
    assert hop.begin()["changed"] is False
    hop.source, hop.path = hop.path, os.path.dirname(hop.path) + "/inner/bundle"
    seal(hop.path)
    hop.transfer(complete=True)
    assert _verify.verify(hop.path, whole=True)[0]["id"] == manifest["id"]


def test_parts_of_a_file_may_arrive_in_any_order(hop):
    hop.send_open()
    for parts in reversed(hop.groups()):
        hop.send(parts)
    hop.begin()
    assert _verify.verify(hop.path)[0] == hop.manifest


def test_overlapping_parts_are_joined(hop):
    hop.send_open()
    one, two = hop.groups(70), hop.groups(110)
    for parts in one[::2] + two[1::2] + one + two:
        hop.send(parts)
    hop.begin()
    assert _verify.verify(hop.path)[0] == hop.manifest


def test_stream_with_more_bytes_than_its_parts_or_its_file_is_refused(hop):
    hop.send_open()
    for wanted, said in (
        ("0@0-10", "more bytes than its parts"),
        ("0@200-300", "has 250 bytes"),
        ("2", "the pool has 2 files"),
        ("0-999999999", "the pool has"),
        ("../evil", "does not name a part"),
    ):
        for call in (
            lambda wanted=wanted: hop.reception().receive(io.BytesIO(b"x" * 300), [wanted]),
            lambda wanted=wanted: _sender.pool_parts(hop.source, hop.offer().sha256, [wanted]) and 1 / 0,
        ):
            with pytest.raises((AirgapError, ZeroDivisionError), match="(?i)%s|division" % said):
                call()


def test_pool_of_a_bundle_that_is_not_approved_is_not_received(hop):
    plan = hop.send_open()
    dummy, parts = _sender.pool_parts(hop.source, hop.offer().sha256, plan["wanted"])
    hop.params = {"allowed_signers": ["alice@example.org " + KEY]}
    for call in (
        lambda: hop.reception().receive(io.BytesIO(hop.stream_of(parts)), plan["wanted"]),
        hop.send_open,
    ):
        with pytest.raises(AirgapError, match="not signed at all"):
            call()
        assert os.listdir(os.path.dirname(hop.path)) == []


def test_pool_is_not_received_before_the_open_part(hop):
    with pytest.raises(AirgapError, match="before the open part"):
        hop.reception().receive(io.BytesIO(b"x"), ["0"])
    assert not glob.glob(hop.incoming + "/*/wheels")


def test_bundle_that_is_too_large_for_the_disk_is_refused_before_it_arrives(hop, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100))
    with pytest.raises(AirgapError, match="has 100 free"):
        hop.send_open()
    monkeypatch.undo()
    hop.send_open()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100))
    with pytest.raises(AirgapError, match="550 bytes are needed.*has 100 free"):
        hop.begin()
    assert not glob.glob(hop.incoming + "/*/wheels")


def test_open_part_has_no_more_bytes_than_announced(hop):
    header = b"%d SHA256SUMS\n\n" % os.path.getsize(hop.source + "/SHA256SUMS")
    with pytest.raises(AirgapError, match=r"SHA256SUMS arrived with sha256|more bytes than its parts"):
        hop.reception().receive(io.BytesIO(lzma.compress(header + b"\0" * 50000000)))
    with pytest.raises(AirgapError, match="is not the open part of a bundle"):
        hop.reception().receive(io.BytesIO(lzma.compress(b"1" * 50000000)))
    piece = io.BytesIO(lzma.compress(b"x", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]))
    with pytest.raises(AirgapError, match="not valid xz"):
        hop.reception().receive(piece)


def test_bundle_that_another_run_receives_is_kept_and_an_abandoned_one_is_removed(hop):
    other = os.path.join(hop.incoming, "f" * 32)
    os.makedirs(os.path.join(other, "wheels"))
    os.chmod(hop.incoming, 0o700)
    hop.send_open()
    assert os.path.isdir(other)
    for folder in (os.path.join(other, "wheels"), other):
        os.utime(folder, (0, 0))
    hop.send(hop.groups()[0])
    assert not os.path.isdir(other)


def test_incoming_folder_is_private(hop):
    hop.send_open()
    parts = hop.groups(70)[0]
    hop.send(parts)
    assert stat.S_IMODE(os.stat(hop.incoming).st_mode) == 0o700
    os.chmod(hop.incoming, 0o777)
    for send in (lambda: hop.send(parts), lambda: hop.reception().receive(io.BytesIO(hop.open_part()[0]))):
        with pytest.raises(AirgapError, match=r"incoming can be changed by others .*its mode 0777"):
            send()
    os.rename(hop.incoming, hop.incoming + ".real")
    os.symlink(hop.incoming + ".real", hop.incoming)
    with pytest.raises(AirgapError, match="incoming can be changed by others .*it is not a folder"):
        hop.send(parts)


def test_file_that_a_killed_reception_linked_is_not_a_hard_link_to_outside(hop, monkeypatch):
    hop.transfer()
    shutil.rmtree(hop.source)
    hop.manifest = seal(hop.source, names=("flask", "click"))
    hop.send_open()
    for parts in hop.groups():
        hop.send(parts)
    reception = hop.reception()
    contents = reception.read_contents()
    with monkeypatch.context() as patch:
        patch.setattr(_approval, "check", lambda *_arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            reception.replace(contents)
    assert any(os.stat(path).st_nlink > 1 for path in glob.glob(hop.path + "/wheels/*"))
    _verify.verify(hop.path)
    hop.begin()
    assert _verify.verify(hop.path)[0] == hop.manifest
