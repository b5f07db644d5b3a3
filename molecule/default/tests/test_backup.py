# SPDX-License-Identifier: GPL-3.0-or-later
"""The index host comes back from a backup: the timer's own unit makes it, and a fresh host gets all of it."""

from __future__ import annotations

import json
import re
import threading
import typing as t

import pytest
from conftest import BUNDLE, fetch, on, play, read, run

UNIT = "airgap-backup.service"
BACKUPS = "/var/backups/airgap"
SIMPLE = "application/vnd.pypi.simple.v1+json"


def last():
    """Return how the last backup went."""
    return json.loads(read("index", "cat %s/last.json" % BACKUPS))


def everything():
    """Return all files of the index with their sums, and all secrets, as they are served and stored now."""
    projects = [one["name"] for one in fetch("airgap/prod/+simple/", SIMPLE)["projects"]]
    pages = {name: fetch("airgap/prod/+simple/%s/" % name, SIMPLE)["files"] for name in projects}
    sums = {name: sorted((one["filename"], one["hashes"]["sha256"]) for one in files) for name, files in pages.items()}
    return sums, read("index", "cd /etc/devpi-server && sha256sum * && stat -c '%n %U %G %a' *")


def test_timer_is_enabled_and_its_unit_is_sandboxed():
    assert read("index", "systemctl is-enabled airgap-backup.timer") == "enabled"
    assert read("index", "systemctl is-active airgap-backup.timer") == "active"
    line = read("index", "systemd-analyze --no-pager security %s | tail -1" % UNIT)
    exposure = re.search(r"([0-9.]+) ", line)
    assert exposure and float(exposure.group(1)) <= 1.0, line


def test_timer_that_was_stopped_is_started_again_by_a_run_that_changes_nothing_else():
    read("index", "systemctl disable --now airgap-backup.timer")
    result = play("playbooks/index.yml")
    assert (result.failed, result.changed) == (0, 1), result.out[-2000:]
    assert read("index", "systemctl is-active airgap-backup.timer") == "active"


def test_backup_while_the_index_is_read_is_whole_and_only_root_can_read_it():
    answers: t.List[t.Any] = []
    reader = threading.Thread(
        target=lambda: answers.extend(fetch("airgap/prod/+simple/", SIMPLE) for _unused in range(5))
    )
    reader.start()
    result = play("playbooks/index.yml", "--tags", "backup", "-e", "backup_now=true")
    reader.join()
    assert result.failed == 0, result.out[-2000:]
    assert len(answers) == 5
    state = last()
    assert state["ok"] and state["files"] > 100, state
    assert read("index", "stat -c '%%U %%a' %s %s/%s" % (BACKUPS, BACKUPS, state["backup"])) == "root 700\nroot 700"


def test_failed_backup_fails_the_run_with_its_reason():
    read("index", "mv /srv/airgap/ledger.jsonl /srv/airgap/away")
    try:
        result = play("playbooks/index.yml", "--tags", "backup", "-e", "backup_now=true")
    finally:
        read("index", "mv /srv/airgap/away /srv/airgap/ledger.jsonl")
    assert result.failed == 1
    assert "ledger.jsonl, which every backup contains, does not exist" in " ".join(result.out.split())
    assert not last()["ok"]


def test_restore_never_replaces_what_a_host_has():
    read("index", "cp -p %s/README.md /srv/airgap/away && echo changed >> %s/README.md" % (BUNDLE, BUNDLE))
    try:
        result = play("playbooks/restore.yml")
        kept = read("index", "tail -1 %s/README.md" % BUNDLE)
    finally:
        read("index", "mv /srv/airgap/away %s/README.md" % BUNDLE)
    assert result.failed == 1 and kept == "changed"
    assert "%s exists on this host and differs from the backup" % BUNDLE in " ".join(result.out.split())


# Both restore the last good backup: nothing has changed since, and the failed one does not count.
def test_data_that_are_restored_next_to_a_front_that_runs_are_what_it_serves():
    before = everything()
    read("index", "systemctl stop devpi-server && mv /var/lib/devpi-server /var/lib/away")
    try:
        restored = play("playbooks/restore.yml")
        assert restored.failed == 0, restored.out[-3000:]
    finally:
        read("index", "test -e /var/lib/devpi-server || mv /var/lib/away /var/lib/devpi-server; rm -rf /var/lib/away")
        read("index", "systemctl start devpi-server")
    assert everything() == before
    pid = read("index", "systemctl show --value -p MainPID airgap-front.service")
    seen = read("index", "stat -c %%i /proc/%s/root/srv/airgap-front /var/lib/devpi-server/+files" % pid).split()
    assert len(seen) == 2 and seen[0] == seen[1]


@pytest.mark.long
def test_fresh_host_gets_the_state_of_the_backup_and_nodes_install_from_it(tmp_path):
    before = everything()
    ledger = read("index", "sha256sum /srv/airgap/ledger.jsonl")
    # The disk with the backups outlives the host.
    disk = str(tmp_path / "disk.tar")
    copied = run(["sh", "-c", "podman exec airgap-index tar -C %s -cf - . > %s" % (BACKUPS, disk)])
    assert copied.rc == 0, copied.out
    assert run(["podman", "rm", "--force", "airgap-index"]).rc == 0
    created = play("molecule/lab/create.yml")
    assert created.failed == 0, created.out[-2000:]
    assert on("index", "test -e %s" % BUNDLE).rc != 0
    read("index", "mkdir -m 700 /mnt/backup")
    copied = run(["sh", "-c", "podman exec --interactive airgap-index tar -C /mnt/backup -xf - < " + disk])
    assert copied.rc == 0, copied.out
    restored = play("playbooks/restore.yml", "-e", "backup_restore_from=/mnt/backup")
    assert restored.failed == 0, restored.out[-3000:]
    assert everything() == before
    assert read("index", "sha256sum /srv/airgap/ledger.jsonl") == ledger
    again = play("playbooks/restore.yml", "-e", "backup_restore_from=/mnt/backup")
    assert (again.failed, again.changed) == (0, 0), again.out[-3000:]
    read("node311", "rm -rf /opt/airgap/base")
    installed = play("playbooks/nodes.yml", "--limit", "node311")
    assert installed.failed == 0, installed.out[-2000:]
    read("node311", "/opt/airgap/base/bin/python -c 'import flask'")
