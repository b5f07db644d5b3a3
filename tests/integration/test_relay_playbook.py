# SPDX-License-Identifier: GPL-3.0-or-later
"""A second gap gets the bundle that the first one serves, byte for byte, and judges it by its own officers.

Both index hosts are this machine. What comes after the transfer is played by the other scenarios.
"""

from __future__ import annotations

import os
import pathlib

import pytest

from tests.integration import small_bundle
from tests.integration.test_playbooks import Control
from tests.integration.test_signatures import NEW, Site


class Gaps:
    """Two sites in a row: the first has published a bundle that its officer alice has signed."""

    def __init__(self, folder):
        self.first = Site(folder)
        self.first.sign(self.first.alice)
        assert self.first.receive()["changed"] and self.first.publish()
        self.second = folder / "second"
        self.second.mkdir()
        self.disk = folder / "disk"
        self.disk.mkdir()
        self.control = Control(folder)
        hosts = {"first": {"airgap_dir": self.first.hop}, "second": {"airgap_dir": str(self.second)}}
        groups = {"airgap_stage": ["first"], "airgap_index": ["second"], "airgap_nodes": ["second"]}
        self.control.write(groups, **hosts)

    def play(self, *officers, **variables):
        """Relay as far as the transfer; return the status and the output."""
        signers = [one.line() for one in officers]
        tags = ("--tags", "relay,transfer,media")
        return self.control.play("relay", *tags, publish_allowed_signers=signers, **variables)

    def sign(self, officer):
        """Let an officer of the second site sign what the first one serves."""
        folder = pathlib.Path(self.first.bundle)
        with open(folder / "SHA256SUMS.sig", "ab") as stream:
            stream.write(officer.sign((folder / "SHA256SUMS").read_bytes()))


@pytest.fixture(name="gaps")
def gaps_fixture(tmp_path):
    """Return two sites."""
    return Gaps(tmp_path)


def files(folder):
    """Return the files of a bundle with their content."""
    return {
        name: one[2] for name, one in small_bundle.snapshot(pathlib.Path(folder)).items() if isinstance(one[2], bytes)
    }


def test_bundle_with_the_signature_of_the_second_site_arrives_byte_for_byte_and_once(gaps):
    alice, bob = gaps.first.alice, gaps.first.bob
    rc, said = gaps.play(bob)
    assert rc != 0 and "1 of 1 required signatures is missing" in said, said
    assert os.listdir(gaps.second) == []
    gaps.sign(bob)
    rc, said = gaps.play(bob)
    assert rc == 0, said
    assert files(gaps.second / "bundle") == files(gaps.first.bundle)
    signatures = (gaps.second / "bundle/SHA256SUMS.sig").read_text()
    assert signatures.count("BEGIN SSH SIGNATURE") == 2
    rc, said = gaps.play(bob)
    assert rc == 0 and said.count("changed=0") == 3, said
    # The first site's officer alone decides nothing here, and the second site may require both.
    rc, said = gaps.play(alice, bob, publish_required_signatures=2)
    assert rc == 0, said


def test_bundle_that_the_first_site_does_not_serve_is_not_relayed(gaps):
    gaps.first.make("two", NEW, gaps.first.alice)
    assert gaps.first.receive()["changed"]
    rc, said = gaps.play(gaps.first.alice)
    assert rc != 0 and "Nothing was relayed. Play index in the first site" in said, said
    assert os.listdir(gaps.second) == []


def test_bundle_is_written_to_a_disk_instead(gaps):
    rc, said = gaps.play(gaps.first.alice, airgap_media=str(gaps.disk))
    assert rc == 0, said
    assert list(gaps.disk.rglob("*.vol")) and os.listdir(gaps.second) == []
    rc, said = gaps.play(gaps.first.alice, airgap_media=str(gaps.disk))
    assert rc == 0 and "changed=1" not in said, said
