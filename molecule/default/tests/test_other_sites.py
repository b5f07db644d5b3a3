# SPDX-License-Identifier: GPL-3.0-or-later
"""A site is a copy of inventories/lab with other hosts in it."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from conftest import INVENTORY, ROOT, on, play, read

SMALL = {
    "airgap_dir": "/var/tmp/airgap-elsewhere",
    "airgap_sets": [{"name": "base", "requirements": ["jmespath", "netaddr"], "targets": ["node311"]}],
    "airgap_targets": [{"name": "node311", "python": "3.11.2", "os": "linux", "arch": "x86_64", "libc": "glibc-2.36"}],
}


# In the scenario single, the machine that stages is the control host, too.
@pytest.mark.long
def test_internet_host_may_be_the_control_host_itself(tmp_path):
    site = str(tmp_path / "site")
    shutil.copytree(INVENTORY, site)
    hosts = os.path.join(site, "hosts.yml")
    with open(hosts, encoding="utf-8") as stream:
        text = stream.read()
    with open(hosts, "w", encoding="utf-8") as stream:
        stream.write(
            text.replace(
                "internet:\n          ansible_host: 10.213.70.10", "control:\n          ansible_connection: local"
            )
        )
    values = json.dumps(dict(SMALL, lab_dir=os.path.join(ROOT, ".lab")))
    try:
        for playbook in ("playbooks/stage.yml", "playbooks/transfer.yml"):
            result = play(playbook, "-e", values, inventory=site)
            assert result.failed == 0, result.out[-2000:]
            assert "internet" not in result.hosts
        assert read("index", "cd /var/tmp/airgap-elsewhere/bundle && sha256sum --quiet -c SHA256SUMS") == ""
        again = play("playbooks/stage.yml", "-e", values, inventory=site)
        assert (again.failed, again.changed) == (0, 0), again.out[-2000:]
    finally:
        shutil.rmtree("/var/tmp/airgap-elsewhere", ignore_errors=True)
        for host in ("bastion", "index"):
            on(host, "rm -rf /var/tmp/airgap-elsewhere")
