# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks do about several index hosts before devpi-server is involved; every host is this machine."""

from __future__ import annotations

import json
import os
import sys

import pytest

from tests.integration.test_playbooks import control_fixture  # noqa: F401  # pylint: disable=unused-import

LOST = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
HOSTS = {"airgap_index": ["first", "second"]}


@pytest.mark.parametrize(
    ("kind", "fix"), [("devpi", "play promote_replica with -e promote_replica=second"), ("static", "take it out")]
)
def test_lost_first_index_host_is_reported_in_one_line_with_what_to_do(control, kind, fix):
    control.write(HOSTS, first=LOST)
    rc, said = control.play("index", airgap_index_kind=kind)
    assert rc != 0, said
    assert "first, the first host of airgap_index, cannot be reached" in control.last, said
    assert "nodes still install from second" in control.last and fix in control.last


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "Set promote_replica to the host that is made the primary, one of second."),
        ({"promote_replica": "first"}, "one of second."),
        ({"promote_replica": "second", "airgap_index_kind": "static"}, "A static index has no primary"),
    ],
)
def test_host_that_cannot_be_promoted_is_refused_with_those_that_can(control, variables, message):
    control.write(HOSTS)
    rc, said = control.play("promote_replica", **variables)
    assert rc != 0 and message in said, said


def test_disk_is_passed_on_to_further_index_hosts_where_the_inventory_has_no_internet_host(control, tmp_path):
    control.write(
        dict(HOSTS, airgap_nodes=["node"]),
        **{name: {"airgap_dir": str(tmp_path / name)} for name in HOSTS["airgap_index"]},
    )
    rc, said = control.play("inside", "--tags", "media", "--skip-tags", "always", "--limit", "second")
    assert rc != 0 and "%s/bundle/SHA256SUMS is missing" % (tmp_path / "first") in said, said


def test_secrets_of_the_primary_reach_a_replica_and_no_output_has_them(control, tmp_path):
    pytest.importorskip("cryptography")
    secrets = {"secret": "Secret-of-the-server-0123456789abcdefghijk", "root.password": "Password-of-root-0123"}
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    for name, text in secrets.items():
        (tmp_path / "first" / name).write_text(text + "\n")
    environment = tmp_path / "front/bin"
    environment.mkdir(parents=True)
    (environment / "python").write_text('#!/bin/sh\nexec "%s" "$@"\n' % sys.executable)
    (environment / "python").chmod(0o755)
    play = {
        "hosts": "second",
        "gather_facts": False,
        "tasks": [
            {"ansible.builtin.include_role": {"name": "airgap.python.devpi", "tasks_from": "secrets"}},
            {"ansible.builtin.debug": {"var": "vars"}},
        ],
    }
    (tmp_path / "carry.yml").write_text(json.dumps([play]))
    front = {"front_venv": str(tmp_path / "front")}
    control.write(
        HOSTS,
        first={"devpi_config_dir": str(tmp_path / "first"), **front},
        second={"devpi_config_dir": str(tmp_path / "second"), **front},
    )
    rc, said = control.play(os.path.relpath(tmp_path / "carry", "playbooks"), "-vvv")
    assert rc == 0, said
    for name, text in secrets.items():
        assert (tmp_path / "second" / name).read_text() == text + "\n"
        assert text not in said
