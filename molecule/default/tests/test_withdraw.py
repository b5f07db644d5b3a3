# SPDX-License-Identifier: GPL-3.0-or-later
"""What is withdrawn is not served, is in the ledger, and the environments that have it are named; restoring undoes it."""

from __future__ import annotations

import json

from conftest import fetch, lock_pins, on, play, read

SIMPLE = "application/vnd.pypi.simple.v1+json"


def files():
    """Return the files of one project that the index lists; a project without files has no page."""
    if {"name": "jmespath"} not in fetch("airgap/prod/+simple/", SIMPLE)["projects"]:
        return []
    return [one["filename"] for one in fetch("airgap/prod/+simple/jmespath/", SIMPLE)["files"]]


def withdraw(**variables):
    """Play withdraw.yml; return the result and its output in one line."""
    result = play("playbooks/withdraw.yml", "-e", json.dumps(variables))
    return result, " ".join(result.out.split())


def test_version_is_withdrawn_with_a_reason_and_restored():
    version = lock_pins("base", "node311")["jmespath"]
    pin = "jmespath==%s" % version
    before = files()
    gone, text = withdraw(withdraw=[pin], withdraw_reason="it is broken")
    try:
        assert gone.failed == 0, gone.out[-2000:]
        assert [name for name in files() if name.startswith("jmespath-%s-" % version)] == []
        assert "/opt/airgap/base has %s" % pin in text
        assert "it is broken" in read("index", "tail -n 3 /srv/airgap/ledger.jsonl")
        pip = on("node311", "/opt/airgap/base/bin/python -m pip download --no-deps --dest /tmp/withdrawn %s" % pin)
        assert pip.rc != 0 and "No matching distribution" in pip.out
        again, _text = withdraw(withdraw=[pin], withdraw_reason="it is broken")
        assert (again.failed, again.changed) == (0, 0), again.out[-2000:]
        usual = play("playbooks/index.yml")
        assert (usual.failed, usual.changed) == (0, 0), usual.out[-2000:]
    finally:
        back, _text = withdraw(withdraw=[pin], withdraw_how="restored")
    assert back.failed == 0, back.out[-2000:]
    assert files() == before


def test_typo_and_missing_reason_are_refused_before_anything_is_changed():
    ledger = read("index", "sha256sum /srv/airgap/ledger.jsonl")
    result, text = withdraw(withdraw=["jmespath==0.0.1"], withdraw_reason="typo")
    assert result.failed == 1 and "is not in the bundle, which has" in text
    result, text = withdraw(withdraw=["jmespath==%s" % lock_pins("base", "node311")["jmespath"]])
    assert result.failed == 1 and "withdraw_reason is empty" in text
    assert read("index", "sha256sum /srv/airgap/ledger.jsonl") == ledger
