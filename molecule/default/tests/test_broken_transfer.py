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


@pytest.mark.parametrize(
    "damage",
    # The fuzz test has more of the long ones.
    [
        flip,
        pytest.param(truncate, marks=pytest.mark.long),
        lead_out,
        pytest.param(add_a_stranger, marks=pytest.mark.long),
    ],
    ids=lambda one: one.__name__,
)
def test_damage_on_the_bastion_stops_the_run_with_the_files_name(kept_bundle, damage):
    before = served()
    name = damage()
    # All the way once; what comes before and after the transfer is the same for the others.
    result = play("site.yml" if damage is flip else "playbooks/transfer.yml")
    assert result.hosts["bastion"]["failed"] == 1, result.out[-2000:]
    assert name in result.out
    # Nothing was run on the index host; with one index host, a check of several is skipped there.
    assert result.hosts.get("index", {"ok": 0})["ok"] == 0
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


def fill_the_disk():
    """Return what a transfer says on whose disk somebody else takes the room when 20 MB have come."""
    size = int(read("bastion", "du -sk " + BUNDLE).split()[0]) + 2048
    place = "/srv/airgap/incoming"
    read("index", "mkdir -p %s && mount -t tmpfs -o size=%dk,mode=0700 tmpfs %s" % (place, size, place))
    other = "until test $(du -sk . | cut -f1) -gt 20480; do sleep 0.01; done; cat /dev/zero > full"
    read("index", "cd %s && nohup timeout 120 sh -c '%s' > /dev/null 2>&1 < /dev/null &" % (place, other))
    try:
        broken = play("playbooks/transfer.yml")
        read("index", "rm %s/full && cp -a %s /srv/airgap/arrived" % (place, place))
    finally:
        read("index", "umount --lazy " + place)
    read("index", "rm -rf %s && mv /srv/airgap/arrived %s" % (place, place))
    return broken, "No space left"


def cut_the_line(folder):
    """Return what a transfer says whose line ends after 20 MB."""
    ssh = folder / "ssh"
    ssh.write_text(
        "#!/bin/sh\ncase $* in *'mkfifo'*'; test'*) ssh \"$@\" | head -c 20000000 ;; *) exec ssh \"$@\" ;; esac\n"
    )
    ssh.chmod(0o755)
    return play("playbooks/transfer.yml", "-e", "ansible_ssh_executable=%s" % ssh), "ends within wheels/"


@pytest.mark.parametrize("way", ["disk", "line"])
def test_transfer_that_broke_goes_on_with_the_rest(way, tmp_path):
    read("index", "rm -rf %s /srv/airgap/incoming" % BUNDLE)
    broken, reason = fill_the_disk() if way == "disk" else cut_the_line(tmp_path)
    assert broken.hosts["index"]["failed"] == 1
    assert reason in " ".join(broken.out.split())
    assert on("index", "test -e " + BUNDLE).rc != 0
    # Of the file in which it broke, what came stays as well.
    arrived = int(read("index", "cat $(find /srv/airgap/incoming -type f) | wc -c"))
    assert arrived > 19000000
    whole = int(read("bastion", "cat $(find %s -type f) | wc -c" % BUNDLE))
    rest = play("playbooks/transfer.yml")
    assert rest.failed == 0, rest.out[-2000:]
    said = " ".join(rest.out.split())
    moved = [int(part.rpartition(" ")[2]) for part in said.split(" bytes transferred in ")[:-1]][-1]
    assert moved <= whole - arrived
    for host in ("bastion", "index"):
        assert read(host, "ls -d /tmp/.airgap-* 2> /dev/null || true") == ""


def test_disk_that_is_too_small_is_said_before_anything_moves():
    read("index", "rm -rf %s /srv/airgap/incoming && mkdir -p /srv/airgap/incoming" % BUNDLE)
    read("index", "mount -t tmpfs -o size=24m,mode=0700 tmpfs /srv/airgap/incoming")
    try:
        broken = play("playbooks/transfer.yml")
        assert read("index", "find /srv/airgap/incoming -type f") == ""
    finally:
        read("index", "umount /srv/airgap/incoming")
    assert broken.hosts["index"]["failed"] == 1
    assert "bytes are needed, and the file system of /srv/airgap/incoming has" in " ".join(broken.out.split())


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
