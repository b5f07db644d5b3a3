# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role publish promises: each import is in the ledger, and a bundle that may not come in changes nothing.

The role is played on this machine against a real devpi-server on a loopback port.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.integration.devpi_server import devpi_bin, process  # noqa: F401  # pylint: disable=unused-import
from tests.integration.test_closure import index_fixture, seal, stage_fixture  # noqa: F401  # pylint: disable=unused-import
from tests.integration.test_closure import run as module
from tests.integration.test_signatures import Officer, state

pytestmark = pytest.mark.devpi_server
PLAY = """
- hosts: localhost
  gather_facts: false
  roles: [airgap.python.publish]
"""


class Publisher:
    """The role, the bundle, and the server that it publishes to."""

    def __init__(self, server, stage, folder):
        self.server = server
        self.stage = stage
        self.folder = folder
        self.officer = Officer(folder, "alice")
        self.passwords = folder / "passwords"
        self.passwords.mkdir(mode=0o700)
        (self.passwords / "root.password").write_bytes((server.folder / "root.password").read_bytes())
        (self.passwords / "root.password").chmod(0o600)
        self.book = str(folder / "play.yml")
        with open(self.book, "w", encoding="utf-8") as stream:
            stream.write(PLAY)
        assert "msg" not in self.stage()
        seal(self.stage)
        sums = (self.stage.bundle / "SHA256SUMS").read_bytes()
        (self.stage.bundle / "SHA256SUMS.sig").write_bytes(self.officer.sign(sums))

    def play(self, *arguments, **variables):
        """Play the role; return its status, how many tasks changed something, and what it printed."""
        values = {
            "ansible_python_interpreter": sys.executable,
            "airgap_dir": str(self.folder),
            "publish_index": "%s/prod" % self.folder.name.lower().replace("_", "").replace("-", ""),
            "publish_url": self.server.url,
            "publish_password_dir": str(self.passwords),
            "publish_operator": "olga",
            "publish_allowed_signers": [self.officer.line()],
        }
        values.update(variables)
        settings = dict(
            os.environ, ANSIBLE_CONFIG=os.path.abspath("ansible.cfg"), ANSIBLE_FORCE_COLOR="0", ANSIBLE_PIPELINING="1"
        )
        command = [os.path.join(os.path.dirname(sys.executable), "ansible-playbook"), "-i", "localhost,", "-c", "local"]
        done = subprocess.run(
            command + ["-e", json.dumps(values), self.book] + list(arguments),
            env=settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        output = done.stdout.decode()
        changed = int(output.rpartition("changed=")[2].split()[0])
        return done.returncode, changed, " ".join(output.split())

    def imports(self):
        """Return what the ledger has."""
        return self.ledger()["imports"]

    def ledger(self):
        """Return the ledger as it is shown."""
        return module("bundle_ledger_info", path=str(self.folder / "ledger.jsonl"))


@pytest.fixture(name="publisher")
def publisher_fixture(process, stage, tmp_path):  # noqa: F811
    """Return a publisher of a signed bundle."""
    return Publisher(process, stage, tmp_path)


def test_import_is_in_the_ledger_and_a_second_one_writes_nothing_in_five_calls_of_modules(publisher):
    rc, changed, output = publisher.play("--check")
    assert (rc, publisher.imports()) == (0, []), output
    rc, changed, output = publisher.play()
    assert rc == 0, output
    (done,) = publisher.imports()
    assert (done["operator"], done["result"], done["uploaded"], done["files"]) == ("olga", "ok", 3, 3)
    assert [one["principal"] for one in done["signers"]] == ["alice@example"]
    before = state(str(publisher.folder))
    rc, changed, output = publisher.play("-vvv")
    assert (rc, changed) == (0, 0), output
    assert "got 0 files" in output
    assert output.count(" EXEC ") <= 5
    assert state(str(publisher.folder)) == before


def test_unapproved_bundle_is_refused_before_the_ledger_or_the_index_changes(publisher):
    (publisher.stage.bundle / "SHA256SUMS.sig").unlink()
    before = state(str(publisher.folder))
    rc, changed, output = publisher.play()
    assert (rc, changed) == (2, 0), output
    assert "1 of 1 required signatures is missing, the bundle is not signed at all" in output
    assert state(str(publisher.folder)) == before
    rc, changed, output = publisher.play(publish_required_signatures=0)
    assert rc == 0, output


def test_import_that_fails_is_in_the_ledger_with_the_reason(publisher):
    rc, changed, output = publisher.play(publish_bases=["nobody/nothing"])
    assert rc != 0
    (failed,) = publisher.imports()
    assert failed["result"] == "failed"
    assert "nobody/nothing" in failed["message"]
    assert "Report the failure" in output
    rc, changed, output = publisher.play()
    assert rc == 0, output
    assert [one["result"] for one in publisher.imports()] == ["failed", "ok"]


def test_index_that_lost_files_is_filled_again_and_that_is_in_the_ledger(publisher):
    assert publisher.play()[0] == 0
    rc, changed, output = publisher.play(publish_index="elsewhere/prod")
    assert rc == 0, output
    # The second index gets what the server has already.
    assert [(one["uploaded"], one["present"]) for one in publisher.imports()] == [(3, 0), (0, 3)]
    assert [one["published_to"] for one in publisher.imports()][1] == "elsewhere/prod"


def another_bundle(publisher, index):
    """Stage a bundle with one more project into the same folder, and sign it."""
    index.add("addon", "1")
    requirements = ["app[more]", "addon"]
    assert "msg" not in publisher.stage(requirements)
    seal(publisher.stage, requirements=requirements)
    sums = (publisher.stage.bundle / "SHA256SUMS").read_bytes()
    (publisher.stage.bundle / "SHA256SUMS.sig").write_bytes(publisher.officer.sign(sums))


def test_rollback_is_in_the_ledger_and_a_later_run_does_not_undo_it(publisher, index):
    assert publisher.play()[0] == 0
    another_bundle(publisher, index)
    rc, changed, output = publisher.play()
    assert rc == 0, output
    first, second = (one["id"] for one in publisher.imports())
    rc, changed, output = publisher.play(publish_rollback=first[:12])
    assert rc == 0 and "serves bundle " + first in output, output
    (back,) = publisher.ledger()["rollbacks"]
    assert (back["id"], back["replaced"], back["operator"]) == (first, second, "olga")
    assert publisher.ledger()["served"] == first
    assert "served again instead of " + second[:12] in publisher.ledger()["table"][-1]
    before = state(str(publisher.folder))
    rc, changed, output = publisher.play(publish_rollback=first[:12])
    assert (rc, changed) == (0, 0), output
    rc, changed, output = publisher.play()
    assert rc != 0
    assert "Bundle %s was rolled back on" % second in output and "publish_rollback=" + second[:12] in output
    assert [one["result"] for one in publisher.imports()] == ["ok", "ok", "failed"]
    # Serving it again makes it the bundle that runs publish.
    assert publisher.play(publish_rollback=second)[0] == 0
    rc, changed, output = publisher.play()
    assert (rc, publisher.ledger()["served"]) == (0, second), output
    assert before != state(str(publisher.folder))
