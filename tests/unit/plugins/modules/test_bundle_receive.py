# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hop promises: nothing has its name before it is whole, and a broken transfer goes on where it broke."""

from __future__ import annotations

import glob
import io
import json
import lzma
import os
import shutil
import stat

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _approval, _manifest, _pieces
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.modules.bundle_receive import Reception, plan

from tests.unit.plugins.module_utils.test_manifest import delta, seal, write
from tests.unit.plugins.module_utils.test_page import KEY


class Hop:
    """A sending folder, a receiving folder, and the transfer between them."""

    def __init__(self, folder):
        self.source = str(folder / "source")
        self.path = str(folder / "hop/bundle")
        self.incoming = str(folder / "hop/incoming")
        self.manifest = seal(self.source)

    def reception(self):
        """Return the receiving side of the offered bundle."""
        manifest, entries = _manifest.verify(self.source)
        params = {"path": self.path, "incoming": self.incoming, "id": manifest["id"]}
        return Reception(dict(params, entries=[entry._asdict() for entry in entries]))

    def pieces(self, size=70):
        """Return what the hop asks for, cut up as a line that breaks again and again would."""
        asked = [
            (part["path"], part["offset"], part["offset"] + part["length"]) for part in plan(self.reception())["parts"]
        ]
        return _manifest.cut(asked, size)

    def piece(self, parts):
        """Return a piece and how it is packed."""
        stream = io.BytesIO()
        encoding = _pieces.encoding_of(parts)
        _pieces.write(self.source, parts, encoding, stream.write)
        return stream.getvalue(), encoding

    def send(self, parts):
        """Send one piece."""
        data, encoding = self.piece(parts)
        self.reception().take(io.BytesIO(data), parts, encoding)

    def texts_and_pool(self, size=70):
        """Return the pieces of all but the pool, and those of the pool."""
        apart = [
            [[part for part in parts if _pieces.is_packed(part.path) is packed] for parts in self.pieces(size)]
            for packed in (False, True)
        ]
        return [[parts for parts in one if parts] for one in apart]

    def send_texts(self):
        """Send all but the pool."""
        self.send(self.texts_and_pool(10000)[0][0])

    def transfer(self):
        """Send everything and finish."""
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        for parts in self.pieces():
            self.send(parts)
        self.reception().finish()


@pytest.fixture(name="hop")
def hop_fixture(tmp_path):
    """Return a hop that holds nothing yet."""
    return Hop(tmp_path)


def test_bundle_arrives_whole_and_nothing_stays_beside_it(hop):
    hop.transfer()
    assert _manifest.verify(hop.path)[0] == hop.manifest
    assert os.listdir(os.path.dirname(hop.path)) == ["bundle"]


def test_second_run_moves_nothing(hop):
    hop.transfer()
    again = plan(hop.reception())
    assert (again["changed"], again["bytes"], again["parts"]) == (False, 0, [])


def test_broken_transfer_goes_on_after_the_last_piece_that_arrived(hop):
    os.makedirs(os.path.dirname(hop.path))
    first = hop.pieces()
    for parts in first[:3]:
        hop.send(parts)
    rest = hop.pieces()
    assert sum(part.length for parts in rest for part in parts) == sum(
        part.length for parts in first[3:] for part in parts
    )
    assert not os.path.exists(hop.path)
    hop.transfer()
    assert _manifest.verify(hop.path)[0] == hop.manifest


def test_line_that_broke_within_a_file_loses_nothing_that_came(hop):
    (parts,) = hop.pieces(10000)
    wheels = [part for part in parts if _pieces.is_packed(part.path)]
    data, encoding = hop.piece(wheels)
    hop.send_texts()
    with pytest.raises(AirgapError, match="ends within " + wheels[1].path):
        hop.reception().take(io.BytesIO(data[: wheels[0].length + 7]), wheels, encoding)
    asked = hop.pieces(10000)[0]
    assert asked[0] == wheels[1]._replace(offset=7, length=wheels[1].length - 7)
    hop.transfer()
    assert _manifest.verify(hop.path)[0] == hop.manifest


def test_what_a_power_cut_left_wrong_is_found_and_comes_again(hop):
    (parts,) = hop.pieces(10000)
    folder = os.path.join(hop.reception().partial, parts[0].path)
    os.makedirs(folder)
    with open(os.path.join(folder, "0"), "wb") as stream:
        stream.write(bytes(20))
    with pytest.raises(AirgapError, match=parts[0].path + " arrived with sha256"):
        hop.send(hop.pieces(10000)[0])
    hop.transfer()
    assert _manifest.verify(hop.path)[0] == hop.manifest


def test_what_came_in_this_run_is_not_read_again_and_what_came_before_is(hop, monkeypatch):
    hop.send_texts()
    before, now = [[part] for part in hop.pieces(10000)[0]]
    hop.send(before)
    reception = hop.reception()
    hop.reception = lambda: reception
    hop.send(now)
    read = []
    hashing = _manifest.sha256_files
    monkeypatch.setattr(_manifest, "sha256_files", lambda paths: hashing([read.append(path) or path for path in paths]))
    with open(os.path.join(reception.next, before[0].path), "r+b") as stream:
        stream.write(b"FLASK")
    with pytest.raises(AirgapError, match=before[0].path + " has sha256"):
        reception.finish()
    pool = os.path.join(reception.next, "wheels")
    assert [path for path in read if path.startswith(pool)] == [os.path.join(reception.next, before[0].path)]


def test_file_changed_on_the_sending_host_gets_no_name_here(hop):
    (parts,) = hop.pieces(10000)
    offer = hop.reception()
    write(hop.source, "wheels/flask-1.0-py3-none-any.whl", b"FLASK" * 50)
    data, encoding = hop.piece(parts)
    with pytest.raises(AirgapError, match="flask-1.0-py3-none-any.whl arrived with sha256"):
        offer.take(io.BytesIO(data), parts, encoding)
    assert not os.path.exists(os.path.join(offer.next, "wheels/flask-1.0-py3-none-any.whl"))


def test_hop_that_holds_a_changed_file_stops_before_anything_moves(hop):
    hop.transfer()
    write(hop.path, "wheels/flask-1.0-py3-none-any.whl", b"FLASK" * 50)
    with pytest.raises(AirgapError, match="flask-1.0-py3-none-any.whl has sha256"):
        plan(hop.reception())


def test_new_bundle_moves_only_what_is_new_and_drops_what_is_gone(hop):
    hop.transfer()
    shutil.rmtree(hop.source)
    seal(hop.source, change=lambda manifest: manifest.update(base="e" * 32))
    news = plan(hop.reception())
    assert {part["path"] for part in news["parts"]} == {"manifest.json", "SHA256SUMS"}
    hop.transfer()
    assert _manifest.verify(hop.path)[0]["base"] == "e" * 32


def test_run_killed_between_the_two_renames_finds_the_old_bundle_again(hop):
    hop.transfer()
    os.rename(hop.path, hop.path + ".previous")
    assert plan(hop.reception())["changed"] is False
    assert _manifest.verify(hop.path)[0] == hop.manifest


def test_offer_with_a_name_that_leads_out_is_refused(hop):
    entry = {"path": "wheels/../../evil", "sha256": "0" * 64, "size": 1}
    params = {"path": hop.path, "incoming": hop.incoming, "id": "a" * 32, "entries": [entry]}
    with pytest.raises(AirgapError, match="evil"):
        Reception(params)


def offer_delta(hop, carried=("flask",)):
    """Replace the offered bundle by one that adds to it; return the reception of it."""
    shutil.rmtree(hop.source)
    delta(hop.source, carried, keep=False)


def complete(hop, base="b" * 32, **options):
    """Return the reception on a host that needs all of the bundle."""
    manifest, entries = _manifest.verify(hop.source)
    params = {"path": hop.path, "incoming": hop.incoming, "id": manifest["id"], "base": base, "complete": True}
    params["entries"] = [entry._asdict() for entry in _manifest.to_send(manifest, entries)]
    params["left_out"] = [entry._asdict() for entry in _manifest.left_out(manifest)]
    return Reception(dict(params, **options))


def receive_whole(hop, reception):
    """Bring what a reception asks for, and finish."""
    hop.reception = lambda: reception
    for parts in hop.pieces():
        hop.send(parts)
    reception.finish()


def test_delta_is_completed_from_the_bundle_in_place(hop):
    hop.transfer()
    offer_delta(hop, carried=())
    reception = complete(hop)
    assert not any(run[0].startswith("wheels/") for run in reception.missing(reception.present()))
    receive_whole(hop, reception)
    manifest, dummy = _manifest.verify(hop.path, whole=True)
    assert manifest["base"] == "b" * 32
    again = plan(complete(hop))
    assert (again["changed"], again["bytes"]) == (False, 0)


def test_delta_whose_base_is_not_here_is_refused_by_the_bases_name_before_anything_moves(hop):
    offer_delta(hop)
    with pytest.raises(AirgapError, match="adds to bundle bbbb.* and 1 of the files.*jinja2-1.0"):
        plan(complete(hop))
    assert not os.path.exists(os.path.dirname(hop.path))


def test_delta_whose_base_was_never_imported_is_refused_even_if_the_files_are_here(hop, tmp_path):
    hop.transfer()
    offer_delta(hop)
    inventory = tmp_path / "inventory.json"
    for imported, said in (([], "names no import"), (["c" * 32], "the last of 1 imports is cccc")):
        inventory.write_text(json.dumps({"imported": imported}))
        with pytest.raises(AirgapError, match="bundle bbbb.*not imported here.*" + said):
            plan(complete(hop, inventory=str(inventory)))
    inventory.write_text(json.dumps({"imported": ["c" * 32, "b" * 32]}))
    receive_whole(hop, complete(hop, inventory=str(inventory)))
    inventory.unlink()
    assert plan(complete(hop, inventory=str(inventory)))["changed"] is False


def test_manifest_that_arrives_with_another_base_than_was_offered_does_not_switch(hop):
    hop.transfer()
    offer_delta(hop, carried=("flask", "jinja2"))
    reception = complete(hop, base="c" * 32)
    with pytest.raises(AirgapError, match="another base"):
        receive_whole(hop, reception)
    assert _manifest.verify(hop.path)[0] == hop.manifest


def test_bastion_holds_an_incomplete_delta_and_passes_on_what_it_brings(hop):
    offer_delta(hop)
    receive_whole(hop, complete(hop, complete=False))
    manifest, entries = _manifest.verify(hop.path)
    assert [entry["name"] for entry in _manifest.absent(manifest, entries)] == ["jinja2"]
    assert plan(complete(hop, complete=False))["changed"] is False


def test_parts_of_a_file_may_come_in_any_order(hop):
    os.makedirs(os.path.dirname(hop.path))
    for one in hop.texts_and_pool():
        for parts in reversed(one):
            hop.send(parts)
    hop.reception().finish()
    assert _manifest.verify(hop.path)[0] == hop.manifest


def test_parts_that_overlap_because_another_run_cut_otherwise_are_joined(hop):
    os.makedirs(os.path.dirname(hop.path))
    for one, two in zip(hop.texts_and_pool(70), hop.texts_and_pool(110)):
        for parts in one[::2] + two[1::2] + one + two:
            hop.send(parts)
    hop.reception().finish()
    assert _manifest.verify(hop.path)[0] == hop.manifest


def test_piece_that_holds_more_than_its_parts_or_than_its_file_is_refused(hop):
    name = "wheels/flask-1.0-py3-none-any.whl"
    hop.send_texts()
    for part, said in (
        (_manifest.Part(name, 0, 10), "more than its parts"),
        (_manifest.Part(name, 200, 100), "more of"),
        (_manifest.Part("wheels/other.whl", 0, 300), "which the offered bundle does not"),
    ):
        with pytest.raises(AirgapError, match=said):
            hop.reception().take(io.BytesIO(b"x" * 300), [part])


def test_pool_of_a_bundle_that_is_not_approved_does_not_come_in(hop):
    (parts,) = hop.pieces(10000)
    data, encoding = hop.piece(parts)
    offer = hop.reception()
    offer.params = dict(offer.params, allowed_signers=["alice@example.org " + KEY])
    with pytest.raises(AirgapError, match="not signed at all"):
        offer.take(io.BytesIO(data), parts, encoding)
    assert not glob.glob(hop.incoming + "/*/wheels") and not glob.glob(hop.incoming + "/*/*/*.whl")


def test_pool_does_not_come_in_before_what_it_is_judged_by(hop):
    wheel = hop.texts_and_pool(10000)[1][0]
    with pytest.raises(AirgapError, match="before what it is judged by"):
        hop.send(wheel)
    assert not glob.glob(hop.incoming + "/*/wheels")


def test_other_sizes_than_the_manifest_has_are_refused_before_the_pool_comes(hop):
    (parts,) = hop.pieces(10000)
    data, encoding = hop.piece(parts)
    offer = hop.reception()
    wheel = next(path for path in offer.entries if _pieces.is_packed(path))
    offer.entries[wheel] = offer.entries[wheel]._replace(size=1 << 40)
    with pytest.raises(AirgapError, match="not the bundle that was offered"):
        offer.take(io.BytesIO(data), parts, encoding)


def test_bundle_for_which_the_disk_has_no_room_is_refused_before_any_of_it_comes(hop, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100))
    with pytest.raises(AirgapError, match="has 100 free"):
        plan(hop.reception())


def test_packed_texts_give_out_no_more_bytes_than_was_said(hop):
    piece = io.BytesIO(lzma.compress(b"\0" * 50000000))
    size = hop.reception().entries["manifest.json"].size
    with pytest.raises(AirgapError, match=r"manifest.json arrived with sha256|more than its parts"):
        hop.reception().take(piece, [_manifest.Part("manifest.json", 0, size)], "xz")
    piece = io.BytesIO(lzma.compress(b"x", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]))
    with pytest.raises(AirgapError, match="no xz stream"):
        hop.reception().take(piece, [_manifest.Part("manifest.json", 0, size)], "xz")


def test_what_another_run_is_bringing_stays_and_what_nobody_brings_goes(hop):
    other = os.path.join(hop.incoming, "f" * 32)
    os.makedirs(os.path.join(other, "wheels"))
    hop.send(hop.pieces()[0])
    assert os.path.isdir(other)
    for folder in (os.path.join(other, "wheels"), other):
        os.utime(folder, (0, 0))
    hop.send(hop.pieces()[0])
    assert not os.path.isdir(other)


def test_incoming_folder_is_nobody_elses(hop):
    parts = hop.pieces(70)[0]
    hop.send(parts)
    assert stat.S_IMODE(os.stat(hop.incoming).st_mode) == 0o700
    os.chmod(hop.incoming, 0o777)
    with pytest.raises(AirgapError, match=r"incoming can be changed by others .*its mode 0777"):
        hop.send(parts)
    os.rename(hop.incoming, hop.incoming + ".real")
    os.symlink(hop.incoming + ".real", hop.incoming)
    with pytest.raises(AirgapError, match="incoming can be changed by others .*it is no folder"):
        hop.send(parts)


def test_what_a_reception_linked_when_it_was_killed_is_no_hard_link_to_outside(hop, monkeypatch):
    hop.transfer()
    shutil.rmtree(hop.source)
    hop.manifest = seal(hop.source, names=("flask", "click"))
    for parts in hop.pieces():
        hop.send(parts)
    with monkeypatch.context() as patch:
        patch.setattr(_approval, "judge", lambda *_arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            hop.reception().finish()
    assert any(os.stat(path).st_nlink > 1 for path in glob.glob(hop.path + "/wheels/*"))
    _manifest.verify(hop.path)
    hop.reception().finish()
    assert _manifest.verify(hop.path)[0] == hop.manifest
