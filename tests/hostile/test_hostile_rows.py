# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks that once worked: each is refused, and nothing changes outside of the hostile host."""

from __future__ import annotations

import json
import pathlib
import shutil
import sys

import pytest

from tests.hostile.site import HOP, INDEX, NODE, SECRET, SECRET_OF_INDEX, STAGE, shown
from tests.integration import small_bundle
from tests.integration.test_signatures import run as module

pytestmark = pytest.mark.devpi_server


def lie(site, host, task, answer):
    """Make a host give another answer to one task."""
    site.set_behaviour(host, {"tasks": [task], "answer": dict({"failed": False, "changed": False}, **answer)})


def assert_no_effect(site, host, rc, output):
    """Check that the host lied, and that the lie had no effect."""
    assert [line for line in site.answered(host) if line["changed"]], output.decode()
    found = site.found(host, rc, output, [site.saved("before"), site.saved("after")])
    assert found == [], "%s\n%s" % ("\n".join(found), shown(output.decode("utf-8", "replace")))


@pytest.mark.parametrize(("sender", "receiver"), [(STAGE, HOP), (HOP, INDEX)])
def test_sender_cannot_name_the_signers_of_its_bundle(site, sender, receiver):
    """Row 1: the answer of bundle_verify contains a list of allowed signers, and only they signed the bundle."""
    bundle = pathlib.Path(site.path(sender, "airgap/bundle"))
    if sender == HOP:
        shutil.copytree(site.path(STAGE, "airgap/bundle"), bundle)
    (bundle / "SHA256SUMS.sig").unlink()
    small_bundle.put(bundle / "README.md", b"Not what the officer signed.\n")
    (bundle / "SHA256SUMS").unlink()
    small_bundle.seal(bundle)
    small_bundle.sign(bundle, site.foreign_key)
    offer = module("bundle_verify", path=str(bundle), required_signatures=0)
    assert not offer.get("failed"), offer
    signers = {"publish_allowed_signers": [site.attacker]}
    lie(
        site,
        sender,
        "airgap.python.transfer : Verify the bundle on the sending host",
        dict(offer, ansible_facts=signers),
    )
    rc, output = site.play("transfer", limit=receiver)
    assert rc != 0, output.decode()
    assert not pathlib.Path(site.path(receiver, "airgap/bundle")).exists()
    assert_no_effect(site, sender, rc, output)


def test_node_cannot_choose_where_the_survey_writes(site):
    """Row 4: the name of a target is a path, and its interpreter has lines of its own."""
    answer = module("python_target_info", python=sys.executable)
    answer["description"]["name"] = "../../../canary/dir/elsewhere"
    answer["info"]["executable"] = "/usr/bin/python3\nname: canary\n#"
    lie(site, NODE, "airgap.python.survey : Describe the interpreters", answer)
    rc, output = site.play("survey", limit=NODE)
    assert not pathlib.Path(site.path("canary/dir/elsewhere.target.txt")).exists(), output.decode()
    assert_no_effect(site, NODE, rc, output)


def test_node_cannot_have_files_of_the_index_host_read(site):
    """Row 5: a node says that it is the target ../../../secret/note, which is joined to a path on the index host."""
    site.restore("after")
    lock = pathlib.Path(site.path(INDEX, "airgap/bundle/locks/airgap-pip/here.txt")).read_text(encoding="utf-8")
    small_bundle.put(
        pathlib.Path(site.path(INDEX, "airgap/secret/note.txt")), (lock + "# %s\n" % SECRET_OF_INDEX).encode()
    )
    answer = module("python_target_info", python=sys.executable)
    lie(
        site,
        NODE,
        "airgap.python.install : Find the target of the interpreter",
        dict(answer, target="../../../secret/note"),
    )
    rc, output = site.play("nodes")
    pathlib.Path(site.path(INDEX, "airgap/secret/note.txt")).unlink()
    pathlib.Path(site.path(INDEX, "airgap/secret")).rmdir()
    assert_no_effect(site, NODE, rc, output)


def test_internet_host_cannot_have_files_of_the_control_host_read(site):
    """Row 6: an answer of the internet host sets variables of the site to files of the control host, which are then sent."""
    inside = json.loads(pathlib.Path(site.seed, "after", INDEX, "airgap/inventory.json").read_text(encoding="utf-8"))
    base = pathlib.Path(site.path("control/secret.json"))
    small_bundle.put(base, json.dumps(dict(inside, note=SECRET)).encode())
    sets = [{"name": "base", "requirements": ["app"], "constraints_file": site.path("control/secret.txt")}]
    facts = {"stage_base": str(base), "stage_sets": sets, "airgap_sets": sets}
    answer = {"changed": False, "exists": True, "ansible_facts": facts}
    lie(site, STAGE, "airgap.python.stage : Install the tools", answer)
    rc, output = site.play("stage")
    base.unlink()
    assert_no_effect(site, STAGE, rc, output)
