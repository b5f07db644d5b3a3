# SPDX-License-Identifier: GPL-3.0-or-later
"""The layout of a real devpi-server, of the current and of the next version: who publishes where, and what is inherited."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.integration import devpi_server, kept
from tests.integration.devpi_server import (  # noqa: F401  # pylint: disable=unused-import
    devpi_bin,
    next_process,
    process,
)
from tests.integration.test_devpi_modules import wheel

pytestmark = pytest.mark.devpi_server
LAYOUT = {
    "users": [
        {"name": "site"},
        {"name": "olga", "password": "olgas-secret", "email": "olga@example.org"},
        {"name": "airgap"},
    ],
    "indexes": [
        {"name": "site/dev", "volatile": True, "acl_upload": ["olga"], "bases": ["airgap/prod"]},
        {"name": "site/staging", "bases": ["airgap/prod"]},
        {"name": "site/prod"},
    ],
    "existing": ["airgap/prod"],
}


@pytest.fixture(name="server", params=[devpi_server.VERSION, devpi_server.NEXT])
def server_fixture(request):
    """An empty server of each version."""
    found = request.getfixturevalue("process" if request.param == devpi_server.VERSION else "next_process")
    found.clear()
    return found


@pytest.fixture(name="passwords")
def passwords_fixture(tmp_path):
    folder = tmp_path / "passwords"
    folder.mkdir(mode=0o700)
    return folder


def indexes(server):
    found = server.get("/")["result"]
    return sorted("%s/%s" % (user, index) for user in found for index in found[user].get("indexes", {}))


def test_a_layout_is_made_once_and_put_right_after_a_change_by_hand(server, passwords):
    args = dict(LAYOUT, password_dir=str(passwords))
    planned = server.run("devpi_layout", check=True, **args)
    assert planned["changed"] and indexes(server) == [] and not list(passwords.iterdir())
    done = server.run("devpi_layout", **args)
    assert done["indexes"] == ["site/dev", "site/staging", "site/prod", "airgap/prod"], done
    assert "olgas-secret" not in json.dumps(done).split('"invocation"')[0]
    assert sorted(path.name for path in passwords.iterdir()) == ["airgap.password", "site.password"]
    assert {path.stat().st_mode & 0o777 for path in passwords.iterdir()} == {0o600}
    assert server.get("/site/dev")["result"]["bases"] == ["airgap/prod"]
    assert server.get("/site/prod")["result"]["acl_upload"] == ["site"]
    again = server.run("devpi_layout", **args)
    assert not again["changed"], again
    client = server.client()
    client.request("PATCH", "/site/prod", {"acl_upload": ["site", "olga"]})
    client.request("PATCH", "/airgap/prod", {"bases": ["site/prod"], "title": "Served"})
    client.close()
    right = server.run("devpi_layout", **args)
    assert right["indexes"] == ["site/prod"] and right["diff"]["before"]["site/prod"]["acl_upload"] == ["site", "olga"]
    # What something else manages stays as that set it, and indexes may inherit from each other.
    assert server.get("/airgap/prod")["result"]["title"] == "Served"


def test_what_does_not_exist_is_named_before_anything_changes(server):
    wrong = {"users": [{"name": "site", "password": "x-secret"}]}
    refused = server.run("devpi_layout", indexes=[{"name": "site/dev", "bases": ["site/pord"]}], **wrong)
    assert refused["failed"] and "site/dev inherits from site/pord, and that does not exist" in refused["msg"]
    refused = server.run("devpi_layout", indexes=[{"name": "stie/dev"}], **wrong)
    assert refused["failed"] and "stie/dev needs the user stie" in refused["msg"]
    refused = server.run("devpi_layout", indexes=[{"name": "site/dev", "acl_uplaod": []}], **wrong)
    assert refused["failed"] and "The index site/dev in indexes" in refused["msg"] and "acl_uplaod" in refused["msg"]
    refused = server.run("devpi_layout", indexes=[{"name": "site/dev"}, {"name": "site/dev"}], **wrong)
    assert refused["failed"] and "site/dev twice" in refused["msg"]
    assert list(server.get("/")["result"]) == ["root"]
    typo = server.run("devpi_layout", indexes=[{"name": "site/dev", "acl_upload": ["olag"]}], **wrong)
    assert "acl_upload of site/dev names olag" in json.dumps(typo["warnings"])


def test_users_and_indexes_are_removed_together(server, passwords):
    server.run("devpi_layout", **dict(LAYOUT, password_dir=str(passwords)))
    gone = {
        "users": [{"name": "site", "state": "absent"}],
        "indexes": [{"name": "site/" + name, "state": "absent"} for name in ("dev", "staging", "prod")],
    }
    assert server.run("devpi_layout", **gone)["users"] == ["site"]
    assert indexes(server) == ["airgap/prod"] and "site" not in server.get("/")["result"]
    assert not server.run("devpi_layout", **gone)["changed"]


@pytest.fixture(name="program", scope="session")
def program_fixture():
    """Return twine, which is installed once."""
    return kept.environment("twine-venv", "twine") / "twine"


def test_a_publisher_uploads_with_twine_to_dev_and_not_to_prod(server, passwords, tmp_path, program):
    server.run("devpi_layout", **dict(LAYOUT, password_dir=str(passwords)))
    entry = wheel(tmp_path)

    def twine(index, password):
        return subprocess.run(
            [program, "upload", "--non-interactive", "--repository-url"]
            + ["%s/%s/" % (server.url, index), entry["path"]],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "TWINE_USERNAME": "olga",
                "TWINE_PASSWORD": password,
                "NO_PROXY": "*",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    done = twine("site/dev", "olgas-secret")
    assert done.returncode == 0, done.stdout + done.stderr
    for index in ("site/staging", "site/prod", "airgap/prod"):
        refused = twine(index, "olgas-secret")
        assert refused.returncode != 0 and "403" in refused.stdout + refused.stderr
        assert server.get("/%s" % index)["result"]["projects"] == []
    assert twine("site/dev", "wrong").returncode != 0
    promoted = server.run(
        "devpi_promote",
        from_index="site/dev",
        to_index="site/staging",
        versions=["demo==1.0"],
        login_user="site",
        login_password_file=str(passwords / "site.password"),
    )
    assert promoted["promoted_count"] == 1, promoted
    assert server.get("/site/prod")["result"]["projects"] == []
