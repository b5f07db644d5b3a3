# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of someone else is saved once, never shown, and comes back; the role's own is written only if it differs."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._clients import _contents, _files_plan
from ansible_collections.airgap.python.plugins.module_utils._clients._files_plan import Found, Owner, Wanted
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError

ROOT = Owner(0, 0, 0o644)
OWN = (_contents.MARK + "\n[global]\n").encode()
NEW = OWN + b"timeout = 9\n"
FOREIGN = b"[global]\nindex-url = https://joe:hush@elsewhere/\n"
PRESENT = Wanted("/etc/pip.conf", NEW, ROOT, setting="set pip_conf_path")
ABSENT = PRESENT._replace(data=None)
SAVED = "/etc/pip.conf.before-airgap"


def plan(wanted, *found, **options):
    """Return what is done: the action and the second name."""
    change = _files_plan.plan(wanted, Found(*found, **options), "DATED")
    return change and (change.action, change.save_as)


def change_of(wanted, found):
    """Return the change of a file that must change."""
    change = _files_plan.plan(wanted, found, "DATED")
    assert change is not None
    return change


@pytest.mark.parametrize(
    ("found", "done"),
    [
        (Found(), ("write", "")),
        (Found("file", NEW, ROOT), None),
        (Found("file", NEW, ROOT, True), None),
        (Found("file", OWN, ROOT, True), ("write", "")),
        (Found("file", NEW, Owner(0, 0, 0o600)), ("write", "")),
        (Found("file", FOREIGN, ROOT), ("write", SAVED)),
        (Found("link"), ("write", SAVED)),
        (Found("file", FOREIGN, ROOT, True), ("write", "DATED")),
        (Found("link", saved=True), ("write", "DATED")),
    ],
)
def test_what_is_there_decides_whether_it_is_written_and_saved(found, done):
    assert plan(PRESENT, *found) == done


@pytest.mark.parametrize(
    ("found", "done"),
    [
        (Found(), None),
        (Found("file", OWN, ROOT), ("remove", "")),
        (Found("file", OWN, ROOT, True), ("restore", "")),
        (Found(saved=True), ("restore", "")),
        (Found("file", FOREIGN, ROOT), None),
        (Found("file", FOREIGN, ROOT, True), None),
        (Found("link", saved=True), None),
    ],
)
def test_absent_brings_back_what_was_saved_and_leaves_what_others_wrote(found, done):
    assert plan(ABSENT, *found) == done


def test_file_of_others_that_stays_is_named_with_the_former_one():
    said = _files_plan.note(ABSENT, Found("file", FOREIGN, ROOT, True))
    assert said == (
        "/etc/pip.conf was not written by this role and stays as it is. The former configuration is in %s." % SAVED
    )
    assert _files_plan.note(ABSENT, Found("file", OWN, ROOT)) == ""
    assert _files_plan.note(ABSENT, Found()) == ""


def test_folder_is_refused_and_the_fix_is_named():
    with pytest.raises(AirgapError, match=r"neither a file nor a link. Move it away, or set pip_conf_path\."):
        plan(PRESENT, "other")


@pytest.mark.parametrize("wanted", [PRESENT, ABSENT])
@pytest.mark.parametrize(
    "found", [Found("file", FOREIGN, ROOT), Found("file", FOREIGN, ROOT, True), Found("file", OWN, ROOT, True)]
)
def test_file_of_others_is_in_no_diff(wanted, found):
    change = _files_plan.plan(wanted, found, "DATED")
    shown = str(_files_plan.diff(change)) if change else ""
    assert "hush" not in shown and "elsewhere" not in shown


def test_diff_shows_the_roles_own_file_before_and_after_and_a_secret_never():
    change = change_of(PRESENT, Found("file", OWN, ROOT))
    shown = _files_plan.diff(change)
    assert (shown["before"], shown["after"]) == (OWN.decode(), NEW.decode())
    secret = PRESENT._replace(is_secret=True, data=NEW + b"password = hush\n")
    for wanted in (secret, secret._replace(data=None)):
        change = change_of(wanted, Found("file", NEW + b"password = hush\n", Owner(0, 0, 0o600)))
        assert "hush" not in str(_files_plan.diff(change)) + _files_plan.step(change)


def test_of_a_file_that_others_write_too_only_the_roles_lines_are_shown():
    before = _contents.with_block("10.1.1.1 private\n", ["10.0.0.1 index"])
    after = _contents.with_block(before, ["10.0.0.2 index"])
    wanted = Wanted("/etc/hosts", after.encode(), ROOT, marked=False, shared=True)
    change = change_of(wanted, Found("file", before.encode(), ROOT))
    shown = _files_plan.diff(change)
    assert "10.0.0.1" in shown["before"] and "10.0.0.2" in shown["after"] and "private" not in str(shown)
    assert change.save_as == ""


def test_file_at_a_place_of_the_role_needs_no_mark():
    wanted = Wanted("/etc/airgap/ca.pem", b"new", ROOT, marked=False)
    assert plan(wanted, "file", b"old", ROOT) == ("write", "")
    assert plan(wanted._replace(data=None), "file", b"old", ROOT) == ("remove", "")
