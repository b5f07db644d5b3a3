# SPDX-License-Identifier: GPL-3.0-or-later
"""What a small site does where every host is honest: each tag plays what it names, and nothing else of the playbook."""

from __future__ import annotations

import pytest

from tests.hostile.site import HOP, HOSTS, INDEX, NODE, STAGE

pytestmark = pytest.mark.devpi_server

# A playbook, a tag of it, and a task that it brings, with its host; in this order, each finds what it needs.
TAGS = [
    ("outside", "stage", STAGE, "airgap.python.stage : Seal the bundle"),
    ("outside", "media", STAGE, "airgap.python.media : Check the bundle, and plan the volumes"),
    ("approve", "approve", STAGE, "Sign it"),
    ("transfer", "transfer", HOP, "airgap.python.transfer : Check what is here, and plan what is missing"),
    ("inside", "media", INDEX, "airgap.python.media : Check what lies in the open on the medium"),
    ("index", "devpi", INDEX, "airgap.python.devpi : Ask the server until it answers"),
    ("index", "publish", INDEX, "airgap.python.publish : Publish the wheels that the index lacks"),
    ("site", "index", INDEX, "airgap.python.devpi : Ask the server until it answers"),
    ("history", "history", INDEX, "Read the ledger"),
    ("survey", "survey", NODE, "airgap.python.survey : Ask each interpreter what it is"),
    ("nodes", "install", NODE, "airgap.python.install : Install the set"),
    ("nodes", "pip_conf", NODE, "airgap.python.pip_conf : Write the configuration"),
    ("site", "nodes", NODE, "airgap.python.install : Install the set"),
    ("kubespray", "kubespray", NODE, "Run a filter of Kubespray's with the environment's own Ansible"),
    ("teardown", "nodes", NODE, "airgap.python.pip_conf : Remove the configuration"),
    ("teardown", "devpi", INDEX, "airgap.python.devpi : Remove the unit"),
]
ROLES = ("stage", "media", "transfer", "devpi", "publish", "survey", "install", "pip_conf")


def test_each_tag_plays_its_step_and_nothing_else(site):
    for name, tag, host, task in TAGS:
        site.behave()
        rc, output = site.play(name, tags=tag)
        assert rc == 0, (name, tag, output.decode())
        answered = {one: set(site.answered(one)) for one in HOSTS}
        assert task in answered[host], (name, tag, answered)
        if tag in ROLES:
            roles = {one.split(" : ")[0] for tasks in answered.values() for one in tasks}
            assert roles == {"airgap.python." + tag}, (name, tag)
