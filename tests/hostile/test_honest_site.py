# SPDX-License-Identifier: GPL-3.0-or-later
"""What a small site does where every host is honest: each tag plays what it names, and nothing else of the playbook."""

from __future__ import annotations

import pytest

from tests.hostile.site import HOP, HOSTS, NODE, STAGE

pytestmark = pytest.mark.devpi_server

# A playbook, a tag of it, and the last task that it brings on the node, which is included at run time where it can be.
TAGS = [
    ("survey", "survey", "airgap.python.survey : Ask each interpreter what it is"),
    ("nodes", "install", "airgap.python.install : Install the set"),
    ("nodes", "pip_conf", "airgap.python.pip_conf : Write the configuration"),
    ("site", "nodes", "airgap.python.install : Install the set"),
    ("teardown", "nodes", "airgap.python.pip_conf : Remove the configuration"),
]


def test_tag_plays_its_step_and_nothing_else(site):
    site.restore("after")
    for name, tag, task in TAGS:
        site.behave()
        rc, output = site.play(name, tags=tag)
        assert rc == 0, (name, tag, output.decode())
        answered = {host: {line["task"] for line in site.answered(host)} for host in HOSTS}
        assert task in answered[NODE], (name, tag, answered)
        assert not answered[STAGE] | answered[HOP], (name, tag, answered)
        if tag in ("install", "pip_conf"):
            assert {one.split(" : ")[0] for one in answered[NODE]} == {"airgap.python." + tag}, (name, tag)
