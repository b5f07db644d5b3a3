# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hop promises: nothing has its name before it is whole, and a broken transfer goes on where it broke."""

from __future__ import annotations

import os
import shutil

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _manifest
from ansible_collections.airgap.python.plugins.modules.bundle_receive import Reception, plan

from tests.unit.plugins.module_utils.test_manifest import seal, write


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
        """Return what the hop asks for."""
        return [[_manifest.Part(**part) for part in parts] for parts in plan(self.reception(), size)["pieces"]]

    def send(self, parts, damage=b""):
        """Send one piece."""
        path = os.path.join(os.path.dirname(self.source), "piece")
        with open(path, "wb") as stream:
            sha256 = _manifest.digest_of_parts(self.source, parts, stream.write)
            stream.write(damage)
        self.reception().take(path, parts, sha256)

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
    again = plan(hop.reception(), 70)
    assert (again["changed"], again["bytes"], again["pieces"]) == (False, 0, [])


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


def test_piece_damaged_on_its_way_is_not_taken(hop):
    with pytest.raises(_manifest.BundleError, match="damaged on its way"):
        hop.send(hop.pieces()[0], damage=b"x")
    assert not os.path.exists(hop.incoming)


def test_file_changed_on_the_sending_host_gets_no_name_here(hop):
    pieces = hop.pieces(1000)
    offer = hop.reception()
    write(hop.source, "wheels/flask-1.0-py3-none-any.whl", b"FLASK" * 50)
    path = os.path.join(os.path.dirname(hop.source), "piece")
    with open(path, "wb") as stream:
        sha256 = _manifest.digest_of_parts(hop.source, pieces[0], stream.write)
    with pytest.raises(_manifest.BundleError, match="flask-1.0-py3-none-any.whl arrived with sha256"):
        offer.take(path, pieces[0], sha256)
    assert not os.path.exists(os.path.join(offer.next, "wheels/flask-1.0-py3-none-any.whl"))


def test_hop_that_holds_a_changed_file_stops_before_anything_moves(hop):
    hop.transfer()
    write(hop.path, "wheels/flask-1.0-py3-none-any.whl", b"FLASK" * 50)
    with pytest.raises(_manifest.BundleError, match="flask-1.0-py3-none-any.whl has sha256"):
        plan(hop.reception(), 70)


def test_new_bundle_moves_only_what_is_new_and_drops_what_is_gone(hop):
    hop.transfer()
    shutil.rmtree(hop.source)
    seal(hop.source, change=lambda manifest: manifest.update(base="e" * 32))
    news = plan(hop.reception(), 10000)
    assert {part["path"] for parts in news["pieces"] for part in parts} == {"manifest.json", "SHA256SUMS"}
    hop.transfer()
    assert _manifest.verify(hop.path)[0]["base"] == "e" * 32


def test_run_killed_between_the_two_renames_finds_the_old_bundle_again(hop):
    hop.transfer()
    os.rename(hop.path, hop.path + ".previous")
    assert plan(hop.reception(), 70)["changed"] is False
    assert _manifest.verify(hop.path)[0] == hop.manifest


def test_offer_with_a_name_that_leads_out_is_refused(hop):
    entry = {"path": "wheels/../../evil", "sha256": "0" * 64, "size": 1}
    params = {"path": hop.path, "incoming": hop.incoming, "id": "a" * 32, "entries": [entry]}
    with pytest.raises(_manifest.BundleError, match="evil"):
        Reception(params)
