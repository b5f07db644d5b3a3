# SPDX-License-Identifier: GPL-3.0-or-later
"""The survey writes stable files that belong to it, and airgap_targets can name them."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._target import _target_file, _target_parser

NODE39 = {
    "name": "cp39-linux-x86_64-glibc-2.31",
    "python": "3.9.2",
    "os": "linux",
    "arch": "x86_64",
    "libc": "glibc-2.31",
}
NEWER = dict(NODE39, python="3.9.18")


def found(host, entry=None):
    """Return the answer of a host; by default that of node39."""
    return _target_file.Found(host, "/usr/bin/python3", _target_parser.parse(entry or NODE39)[0].as_dict())


def on_disk(plan):
    """Return the files of a plan as the next survey reads them."""
    return {name: (text, yaml.safe_load(text)) for name, text in plan.files.items()}


def test_interpreters_of_one_kind_share_a_file_that_names_their_hosts():
    plan = _target_file.plan([found("b"), found("a")], {}, ["a", "b"])
    assert list(plan.files) == ["cp39-linux-x86_64-glibc-2.31.target.txt"]
    text = plan.files["cp39-linux-x86_64-glibc-2.31.target.txt"]
    assert text.index("# host: a /usr/bin/python3") < text.index("# host: b /usr/bin/python3")
    assert plan.hosts == {"a": ["cp39-linux-x86_64-glibc-2.31"], "b": ["cp39-linux-x86_64-glibc-2.31"]}


def test_file_contains_the_entry_and_nothing_else():
    entry = dict(
        NODE39,
        markers={"platform_release": "6.1", "sys_platform": "linux"},
        tags=["cp39-cp39-linux_x86_64", "py3-none-any"],
    )
    plan = _target_file.plan([found("a", entry)], {}, ["a"])
    (content,) = [content for dummy, content in on_disk(plan).values()]
    assert _target_parser.parse(content) == _target_parser.parse(entry)


def test_second_survey_of_the_same_site_writes_the_same_bytes():
    answers = [found("a"), found("b", NEWER), found("c", dict(NODE39, name="x", libc="glibc-2.36"))]
    first = _target_file.plan(answers, {}, "abc")
    again = _target_file.plan(answers[::-1], on_disk(first), "abc")
    assert again == first._replace(hosts=again.hosts)
    assert again.hosts == {host: first.hosts[host] for host in again.hosts}


def test_two_versions_of_one_name_are_two_files_and_the_oldest_keeps_the_name():
    plan = _target_file.plan([found("new", NEWER), found("old")], {}, ["new", "old"])
    assert plan.hosts == {
        "old": ["cp39-linux-x86_64-glibc-2.31"],
        "new": ["cp39-linux-x86_64-glibc-2.31-python-3.9.18"],
    }


def test_interpreters_that_differ_in_tags_alone_are_two_files():
    tags = ["cp39-cp39-linux_x86_64", "py3-none-any"]
    plan = _target_file.plan(
        [found("a"), found("b", dict(NODE39, tags=tags)), found("c", dict(NODE39, tags=tags[::-1]))], {}, "abc"
    )
    assert len(plan.files) == 3
    assert len({tuple(names) for names in plan.hosts.values()}) == 3


def test_host_that_was_not_asked_keeps_its_entries():
    first = _target_file.plan([found("old"), found("new", NEWER)], {}, ["old", "new"])
    assert _target_file.plan([found("new", NEWER)], on_disk(first), ["old", "new"]).files == first.files


def test_no_other_host_can_claim_the_name_of_a_file_in_use():
    alone = _target_file.plan([found("new", NEWER)], {}, ["old", "new"])
    both = _target_file.plan([found("old"), found("new", NEWER)], on_disk(alone), ["old", "new"])
    assert len(both.files) == 2
    assert {name: both.files[name] for name in alone.files} == alone.files


def test_file_that_no_host_needs_any_more_stays_and_is_reported():
    first = _target_file.plan([found("a"), found("gone", dict(NODE39, name="other"))], {}, ["a", "gone"])
    later = _target_file.plan([found("a")], on_disk(first), ["a"])
    assert later.left == ["other.target.txt"]
    assert "other.target.txt" not in later.files


def test_file_that_the_survey_did_not_write_is_neither_replaced_nor_read():
    assert _target_file.plan([found("a")], {"mine.yml": ("name: mine\n", None)}, ["a"]).left == []
    with pytest.raises(AirgapError, match="Move it away"):
        _target_file.plan([found("a")], {NODE39["name"] + ".target.txt": ("name: mine\n", None)}, ["a"])


FILES = {"targets/a.yml": NODE39, "targets/b.yml": dict(NEWER, name="b")}


def read_targets(*terms):
    """Return the targets of airgap_targets, with prepared files."""

    def find(path):
        return sorted(FILES) if "*" in path else [path]

    return _target_file.resolve_targets(terms, find, FILES.get)


def test_path_and_pattern_give_their_targets_in_order():
    described = {"name": "desktop", "python": "3.13.5", "os": "windows"}
    assert read_targets([described, "targets/a.yml"]) == [described, NODE39]
    assert read_targets(["targets/*.yml"]) == [FILES["targets/a.yml"], FILES["targets/b.yml"]]
    assert read_targets([]) == []


def test_file_can_be_given_a_name_of_the_site():
    assert read_targets([{"file": "targets/a.yml", "name": "el9"}]) == [dict(NODE39, name="el9")]
    assert read_targets([{"file": "targets/a.yml"}]) == [NODE39]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"file": "targets/*.yml", "name": "el9"}, "must name exactly one target file"),
        ({"file": "targets/a.yml", "python": "3.9.1"}, "python"),
        ("targets/empty.yml", "it does not contain a target"),
        (39, "the path of a target file"),
    ],
)
def test_entry_that_is_not_a_target_is_refused(entry, said):
    with pytest.raises(AirgapError, match=said):
        read_targets([entry])
