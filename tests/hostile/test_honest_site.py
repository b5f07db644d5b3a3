# SPDX-License-Identifier: GPL-3.0-or-later
"""What a small site does if every host is honest: each tag plays the step that it names, and nothing else."""

from __future__ import annotations

import pytest

from tests.hostile.site import HOSTS, INDEX, NODE, STAGE

pytestmark = pytest.mark.devpi_server

# A playbook, a tag of it, a host, a role that must run on it, and the roles that may run anywhere. Those that play what others
# play, too, are long.
TAGS = [
    ("survey", "survey", NODE, "survey", {"survey"}),
    ("site", "stage", STAGE, "stage", {"stage"}),
    ("site", "transfer", INDEX, "transfer", {"transfer"}),
    pytest.param("outside", "media", STAGE, "media", {"media"}, marks=pytest.mark.long),
    ("site", "devpi", INDEX, "devpi", {"devpi"}),
    ("site", "publish", INDEX, "publish", {"publish"}),
    pytest.param("site", "index", INDEX, "publish", {"devpi", "front", "publish", "backup"}, marks=pytest.mark.long),
    pytest.param("site", "nodes", NODE, "install", {"pip_conf", "install"}, marks=pytest.mark.long),
    ("nodes", "install", NODE, "install", {"install"}),
    ("nodes", "pip_conf", NODE, "pip_conf", {"pip_conf"}),
    ("approve", "approve", STAGE, "", {""}),
    ("history", "history", INDEX, "", {""}),
    ("kubespray", "kubespray", NODE, "pip_conf", {"", "pip_conf", "install"}),
    ("teardown", "teardown", NODE, "pip_conf", {"", "pip_conf"}),
    pytest.param("teardown", "nodes", NODE, "pip_conf", {"", "pip_conf"}, marks=pytest.mark.long),
]


def role_of(task):
    """Return the role of a task's name, "" for a task of a playbook."""
    role, colon, dummy = task.partition(" : ")
    return role.rpartition(".")[2] if colon else ""


@pytest.mark.parametrize(
    ("name", "tag", "host", "role", "roles"),
    TAGS,
    ids=["%s --tags %s" % getattr(one, "values", one)[:2] for one in TAGS],
)
def test_tag_plays_its_step_and_nothing_else(site, name, tag, host, role, roles):
    site.restore("after")
    # On the index host teardown needs systemd, which does not exist here.
    rc, output = site.play(name, tags=tag, limit=NODE if name == "teardown" else None)
    assert rc == 0, output.decode()
    answered = {one: {role_of(line["task"]) for line in site.answered(one)} for one in HOSTS}
    assert role in answered[host], answered
    assert set().union(*answered.values()) <= roles, answered
