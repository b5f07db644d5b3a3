# SPDX-License-Identifier: GPL-3.0-or-later
"""A transfer that finds something wrong stops with the file's name, before anything is published."""

from __future__ import annotations

import pytest
from conftest import BUNDLE, on, play, read, served

# Edits the manifest as an attacker would who can also write the sums.
EDIT = r"""
import hashlib, json
root = "/srv/airgap/bundle/"
manifest = json.load(open(root + "manifest.json"))
manifest["files"][0]["path"] = "wheels/../../../etc/evil.whl"
text = json.dumps(manifest).encode()
open(root + "manifest.json", "wb").write(text)
lines = [line for line in open(root + "SHA256SUMS") if not line.endswith("  manifest.json\n")]
lines.append(hashlib.sha256(text).hexdigest() + "  manifest.json\n")
open(root + "SHA256SUMS", "w").writelines(lines)
"""


def wheel(project):
    """Return the path of a project's wheel in the bundle of the bastion."""
    return read("bastion", "ls %s/wheels/%s-*.whl | head -1" % (BUNDLE, project))


def flip():
    path = wheel("flask")
    read("bastion", "printf X | dd of=%s bs=1 seek=999 conv=notrunc 2>/dev/null" % path)
    return path.rpartition("/")[2]


def truncate():
    path = wheel("netaddr")
    read("bastion", "truncate -s -1 " + path)
    return path.rpartition("/")[2]


def lead_out():
    read("bastion", "python3 -c '%s'" % EDIT)
    return "wheels/../../../etc/evil.whl"


def add_a_stranger():
    read("bastion", "echo x > %s/wheels/stranger-1.0-py3-none-any.whl" % BUNDLE)
    return "stranger-1.0-py3-none-any.whl"


@pytest.mark.parametrize("damage", [flip, truncate, lead_out, add_a_stranger], ids=lambda one: one.__name__)
def test_damage_on_the_bastion_stops_the_run_with_the_files_name(kept_bundle, damage):
    before = served()
    name = damage()
    result = play("site.yml")
    assert result.hosts["bastion"]["failed"] == 1, result.out[-2000:]
    assert name in result.out
    assert "index" not in result.hosts
    assert served() == before


def test_damage_on_the_index_host_is_found_before_it_is_served():
    path = read("index", "ls %s/wheels/requests-*.whl | head -1" % BUNDLE)
    read("index", "cp -a %s /tmp/kept.whl && printf X | dd of=%s bs=1 seek=99 conv=notrunc 2>/dev/null" % (path, path))
    try:
        before = served()
        result = play("playbooks/index.yml")
        assert result.hosts["index"]["failed"] == 1
        assert path in result.out
        assert served() == before
    finally:
        read("index", "mv /tmp/kept.whl " + path)


def test_transfer_that_broke_goes_on_with_the_rest():
    read("index", "rm -rf %s /srv/airgap/incoming" % BUNDLE)
    # The disk of the index host stands in for whatever breaks a transfer: the second piece finds it full.
    read("index", "mkdir -p /srv/airgap/incoming && mount -t tmpfs -o size=24m tmpfs /srv/airgap/incoming")
    try:
        broken = play("playbooks/transfer.yml", "-e", "transfer_piece_mib=8")
        assert broken.hosts["index"]["failed"] == 1
        assert "No space left" in broken.out
        assert on("index", "test -e " + BUNDLE).rc != 0
        read("index", "cp -a /srv/airgap/incoming /srv/airgap/arrived")
    finally:
        read("index", "umount /srv/airgap/incoming")
    read("index", "rm -rf /srv/airgap/incoming && mv /srv/airgap/arrived /srv/airgap/incoming")
    # The part that met the full disk is not whole, and comes again.
    arrived = int(read("index", "cat $(find /srv/airgap/incoming -type f ! -name '.tmp-airgap-*') | wc -c"))
    assert arrived >= 8 << 20
    whole = int(read("bastion", "cat $(find %s -type f) | wc -c" % BUNDLE))
    rest = play("playbooks/transfer.yml")
    assert rest.failed == 0, rest.out[-2000:]
    said = " ".join(rest.out.split())
    moved = [int(part.rpartition(" ")[2]) for part in said.split(" bytes in ")[:-1]][-1]
    assert moved <= whole - arrived + (1 << 20)


def test_direct_mode_leaves_nothing_on_the_bastion():
    read("index", "rm -rf " + BUNDLE)
    read("bastion", "mv %s /srv/airgap/aside" % BUNDLE)
    try:
        result = play("playbooks/transfer.yml", "-e", "transfer_mode=direct")
        assert result.failed == 0, result.out[-2000:]
        assert on("bastion", "test -e " + BUNDLE).rc != 0
        assert read("index", "cd %s && sha256sum --quiet -c SHA256SUMS" % BUNDLE) == ""
    finally:
        read("bastion", "mv /srv/airgap/aside " + BUNDLE)


def test_site_is_whole_again_after_all_that():
    result = play("site.yml")
    assert (result.failed, result.changed) == (0, 0), result.out[-2000:]
