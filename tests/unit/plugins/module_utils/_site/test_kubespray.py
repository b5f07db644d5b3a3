# SPDX-License-Identifier: GPL-3.0-or-later
"""What Kubespray needs is tried in an environment whose programs answer as a test says."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._site import _kubespray

HASH = "$2b$12$" + "a" * 53
PROBE = {"versions": {"ansible-core": "2.18.19", "bcrypt": "4.3.0", "passlib": "1.7.4"}, "wrong": {}}
PLAYBOOK = "- hosts: all\n"


class Venv:
    """A folder with programs that print and end as they should here."""

    def __init__(self, path):
        self.path = path
        (path / "bin").mkdir(parents=True)
        self.probe(PROBE)
        self.program("ansible-playbook", "true")
        self.ansible()

    def program(self, name, script):
        """Write a program."""
        path = self.path / "bin" / name
        path.write_text("#!/bin/sh\n" + script + "\n")
        path.chmod(0o755)

    def probe(self, answer, verified=True):
        """Let the interpreter answer which projects it has, and whether a hash is valid."""
        status = 0 if verified else 1
        (self.path / "answer.json").write_text(json.dumps(answer))
        self.program("python", 'case "$3" in *passlib.hash*) exit %d;; esac\ncat %s/answer.json' % (status, self.path))

    def ansible(self, hashing="echo '%s'" % HASH):
        """Let Ansible evaluate both filters, and hash as said."""
        script = (
            'case "$*" in *password_hash*) %s;; *json_query*) echo 10.9.8.7/24;; *ipaddr*) echo 10.9.8.0;; esac'
            % hashing
        )
        self.program("ansible", script)

    def check(self, **options):
        """Run the checks."""
        return _kubespray.check(str(self.path), **options)


@pytest.fixture(name="venv")
def venv_fixture(tmp_path):
    """Return an environment in which everything works."""
    return Venv(tmp_path / "venv")


def test_environment_in_which_everything_works_has_no_problem(venv):
    assert venv.check(playbook=PLAYBOOK) == {
        "versions": PROBE["versions"],
        "played": True,
        "passwords": "bcrypt",
        "problems": [],
    }
    assert not venv.check()["played"]


def test_reason_of_kubesprays_own_gate_is_named(venv, tmp_path):
    text = "Ansible must be between 2.17.3 and 2.18.0 exclusive - you have 2.18.19"
    answer = json.dumps({"assertion": "x", "msg": text})
    venv.program("ansible-playbook", "cat <<'X'\nfatal: [localhost]: FAILED! => %s\nX\nexit 2" % answer)
    (tmp_path / "checkout/playbooks").mkdir(parents=True)
    (tmp_path / "checkout/playbooks/ansible_version.yml").write_text(PLAYBOOK)
    (problem,) = venv.check(checkout=str(tmp_path / "checkout"))["problems"]
    assert problem.startswith("Kubespray's ansible_version.yml fails with ansible-core 2.18.19: " + text)


def test_bcrypt_that_passlib_cannot_use_is_a_problem_only_where_passlib_is_required(venv):
    venv.ansible(hashing="""echo '"msg": "password cannot be longer than 72 bytes"'; exit 1""")
    (problem,) = venv.check()["problems"]
    assert "passlib 1.7.4 cannot hash a password with bcrypt 4.3.0: password cannot be longer" in problem
    assert "constraints: [bcrypt<5]" in problem
    venv.probe({"versions": {"ansible-core": "2.18.19"}, "wrong": {}})
    assert venv.check()["problems"] == []
    assert venv.check()["passwords"] == "password cannot be longer than 72 bytes"


def test_hash_that_is_not_valid_is_a_problem(venv):
    venv.probe(PROBE, verified=False)
    assert "passlib does not accept the hash" in venv.check()["problems"][0]


def test_project_that_cannot_be_imported_and_filter_that_does_not_run_are_named(venv):
    venv.probe(dict(PROBE, wrong={"netaddr": "ModuleNotFoundError: No module named 'netaddr'"}))
    venv.program("ansible", "echo '[ERROR]: no filter'; exit 1")
    problems = venv.check()["problems"]
    assert problems[0].startswith("netaddr cannot be imported: ModuleNotFoundError")
    assert [one.partition(" does not run")[0] for one in problems[1:3]] == [
        "The filter json_query (jmespath)",
        "The filter ipaddr (netaddr)",
    ]


def test_settings_and_cached_facts_of_the_host_have_no_effect(venv, monkeypatch, tmp_path):
    monkeypatch.setenv("ANSIBLE_CACHE_PLUGIN", "jsonfile")
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "mine")
    venv.program("ansible-playbook", "env > %s; cat ansible.cfg >> %s" % (tmp_path / "env", tmp_path / "env"))
    venv.check(playbook=PLAYBOOK)
    lines = (tmp_path / "env").read_text().splitlines()
    assert "ANSIBLE_CACHE_PLUGIN=memory" in lines
    assert "ANSIBLE_COLLECTIONS_PATH=/nonexistent" in lines
    assert not [line for line in lines if line.startswith("ANSIBLE_STDOUT_CALLBACK")]
    home = next(line for line in lines if line.startswith("HOME="))
    assert not os.path.exists(home[5:])


def test_folder_without_an_environment_or_a_checkout_is_refused(venv, tmp_path):
    with pytest.raises(AirgapError, match=r"is not a checkout of Kubespray"):
        venv.check(checkout=str(tmp_path))
    with pytest.raises(AirgapError, match=r"is not an environment. Install the set first"):
        _kubespray.check(str(tmp_path))
    venv.program("python", "echo broken; exit 1")
    with pytest.raises(AirgapError, match=r"does not run: broken"):
        venv.check()


def test_message_that_ansible_repeats_is_named_once():
    assert _kubespray.reason('"msg": "No passlib. No passlib"') == "No passlib"
    assert _kubespray.reason("a\n[ERROR]: no  filter") == "no filter"
    assert _kubespray.reason("") == "no output"
