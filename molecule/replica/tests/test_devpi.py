# SPDX-License-Identifier: GPL-3.0-or-later
"""Two index hosts with devpi-server: nodes go on installing when the primary dies, and the replica takes its place.

The tests run in order: what one leaves, the next finds.
"""

from __future__ import annotations

import json
import tempfile

from conftest import bring_inside, copy, install_while, lab, ledger, play, play_promoted, said, send, start_again

DEVPI = ("-e", "airgap_index_kind=devpi")
NAMES = ("secret", "root.password", "airgap.password")
WITHDRAW = {"withdraw": ["jmespath==1.1.0"], "withdraw_reason": "a test"}


# A program for an index host that prints what devpi-server responds there; a project that it does not have is {}.
ASK = """
import urllib.error, urllib.request
request = urllib.request.Request('http://127.0.0.1:3141%s', headers={'Accept': 'application/json'})
try:
    print(urllib.request.urlopen(request).read().decode())
except urllib.error.HTTPError as error:
    print('{\\"result\\": {}}' if error.code == 404 else error)
"""


def ask(host, path):
    """Return what devpi-server on an index host responds."""
    return json.loads(lab.read(host, 'python3 -c "%s"' % (ASK % path)))["result"]


def served(host):
    """Return what the index that nodes use inherits from."""
    return ask(host, "/airgap/prod")["bases"]


def versions(host):
    """Return the files of jmespath that a node gets from an index host."""
    return ask(host, "/airgap/prod/jmespath")


def test_replica_has_every_file_and_the_secrets_of_the_primary_which_no_output_has():
    done = play("playbooks/index.yml", *DEVPI, "-vvv")
    assert done.rc == 0, done.out[-3000:]
    for name in NAMES:
        secret = lab.read("index", "cat /etc/devpi-server/" + name)
        assert secret not in done.out
        assert lab.read("index2", "cat /etc/devpi-server/" + name) == secret
    assert ask("index2", "/+status")["role"] == "REPLICA"
    assert served("index") == served("index2")
    files = "cd /var/lib/devpi-server/+files && find . -name '*.whl' | sort | xargs sha256sum | sha256sum"
    assert lab.read("index", files) == lab.read("index2", files)


def test_second_run_changes_nothing_and_the_check_passes():
    for mode in ((), ("--check", "--diff")):
        done = play("playbooks/index.yml", *DEVPI, *mode)
        assert (done.rc, done.changed) == (0, 0), done.out
    done = play("playbooks/index.yml", *DEVPI, "-e", "backup_now=true", "--tags", "backup")
    assert done.rc == 0, done.out
    done = play("playbooks/check.yml", *DEVPI)
    assert done.rc == 0 and "all files of its primary" in said(done), done.out


def test_withdrawn_version_is_gone_on_both_and_comes_back_on_both():
    for how, count in (("gone", 0), ("restored", 1)):
        done = play("playbooks/withdraw.yml", *DEVPI, "-e", json.dumps(dict(WITHDRAW, withdraw_how=how)))
        assert done.rc == 0, done.out
        for host in ("index", "index2"):
            assert len(versions(host)) == count


def test_bundle_from_a_disk_reaches_the_replica_and_a_second_run_changes_nothing():
    bring_inside(DEVPI, "devpi-disk", "colorama")
    assert served("index") == served("index2")


def test_preview_of_the_site_reports_no_change():
    done = play("playbooks/nodes.yml", *DEVPI, "--check", "--diff", "--limit", "airgap_nodes")
    assert (done.rc, done.changed) == (0, 0), done.out


def test_replica_of_a_restored_primary_is_reported_and_goes_back_with_it():
    # The backup was made before the bundle from the disk, which the replica has.
    later = ledger("index2")["id"]
    with tempfile.TemporaryDirectory() as folder:
        copy("index", "/var/backups/airgap", folder)
        lab.run(["podman", "rm", "--force", "airgap-index"])
        start_again()
        send(folder + "/airgap", "index", "/mnt/backup")
    restore = ("playbooks/restore.yml", *DEVPI, "-e", "backup_restore_from=/mnt/backup", "-e", "backup_state=absent")
    done = play(*restore, "--limit", "!index2")
    assert done.rc == 0, done.out
    assert served("index") != served("index2")
    done = play("playbooks/check.yml", *DEVPI, "-e", "backup_state=absent")
    assert done.rc == 2 and done.hosts["index2"]["failed"] == 1 and done.hosts["index"]["failed"] == 0, done.out
    assert "a copy of another primary" in said(done) and "Play index" in said(done), done.out

    # The next run copies the primary's data, and says what is left to do: the replica's own host has a later bundle.
    done = play("playbooks/index.yml", *DEVPI)
    assert done.rc == 2 and "index2 has bundle %s" % later in said(done) and "-e transfer_source=index" in said(done), (
        done.out
    )
    assert served("index") == served("index2")
    done = play(*restore)
    assert done.rc == 0, done.out
    assert ledger("index2")["id"] == ledger("index")["id"] != later
    done = play("playbooks/check.yml", *DEVPI, "-e", "backup_state=absent", "-e", "check_sample=0")
    assert done.rc == 0, done.out
    done = play(*restore)
    assert (done.rc, done.changed) == (0, 0), done.out


def test_replica_that_does_not_run_fails_the_check():
    lab.read("index2", "systemctl stop devpi-server")
    try:
        done = play("playbooks/check.yml", *DEVPI)
        assert done.rc == 2 and done.hosts["index2"]["failed"] == 1, done.out
    finally:
        lab.read("index2", "systemctl start devpi-server")


def test_replica_is_not_promoted_while_the_primary_runs():
    done = play("playbooks/promote_replica.yml", *DEVPI, "-e", "promote_replica=index2")
    assert done.rc != 0 and "devpi-server still runs on index" in said(done), done.out


def test_no_install_fails_when_the_primary_dies_among_20():
    done = play("playbooks/nodes.yml", *DEVPI)
    assert done.rc == 0, done.out
    failed, unfinished = install_while("index")
    assert failed == []
    assert unfinished >= 5


def test_publishing_says_that_the_primary_is_lost_and_what_to_do():
    done = play("playbooks/index.yml", *DEVPI)
    assert done.rc != 0
    last = done.out.rstrip().rpartition("\n")[2]
    assert "index, the first host of airgap_index, cannot be reached" in last
    assert "play promote_replica with -e promote_replica=index2" in last


def test_replica_becomes_the_primary_and_publishes():
    done = play("playbooks/promote_replica.yml", *DEVPI, "-e", "promote_replica=index2")
    assert done.rc == 0 and "index2 is the primary" in said(done), done.out
    assert ask("index2", "/+status")["role"] != "REPLICA"
    done = play_promoted("playbooks/index.yml", "--limit", "!index")
    assert done.rc == 0, done.out
    done = play_promoted("playbooks/withdraw.yml", "-e", json.dumps(WITHDRAW), "--limit", "index2")
    assert done.rc == 0, done.out
    assert versions("index2") == {}


def test_former_primary_becomes_a_replica_only_when_that_is_asked_for():
    start_again()
    done = play_promoted("playbooks/index.yml")
    assert done.rc != 0 and "devpi_replace_data" in said(done), done.out
    done = play_promoted("playbooks/index.yml", "-e", "devpi_replace_data=true")
    assert done.rc == 0, done.out
    assert ask("index", "/+status")["role"] == "REPLICA"
    assert served("index") == served("index2") and versions("index") == {}
    assert lab.read("index", "ls -A /var/lib/devpi-server/.replaced/.serverversion")
    done = play_promoted("playbooks/index.yml", "-e", "devpi_replace_data=true")
    assert (done.rc, done.changed) == (0, 0), done.out
