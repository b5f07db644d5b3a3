# SPDX-License-Identifier: GPL-3.0-or-later
"""pip and the pool read the same pins from a lock."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

FLASK = _lock.Pin("flask", "3.1.1", "a" * 64, "flask-3.1.1-py3-none-any.whl", 103305, "https://index.example/flask.whl")
LOCAL = _lock.Pin("torch", "2.0+cpu", "b" * 64, "torch-2.0+cpu-cp311-cp311-linux_x86_64.whl", 7)


def test_lock_is_read_as_it_was_written():
    lock = _lock.parse_lock(_lock.render([LOCAL, FLASK], "node39", "sha256:1"))
    assert lock.pins == (FLASK, LOCAL)
    assert lock.inputs == "sha256:1"


def test_same_pins_give_the_same_bytes_in_any_order():
    assert _lock.render([LOCAL, FLASK], "x", "y") == _lock.render([FLASK, LOCAL], "x", "y")


def test_pip_reads_version_and_hash_and_ignores_the_comment():
    line = [one for one in _lock.render([FLASK], "x", "y").splitlines() if not one.startswith("#")]
    assert line[0].split("  # ")[0] == "flask==3.1.1 --hash=sha256:" + "a" * 64


@pytest.mark.parametrize(
    "line", ["flask>=3", "--index-url https://evil.example", "flask==3 --hash=sha256:abc  # f.whl 1"]
)
def test_line_that_is_not_a_pin_is_refused_with_its_number(line):
    with pytest.raises(AirgapError, match="node.txt, line 2"):
        _lock.parse_pins("# comment\n%s\n" % line, "node.txt")


def test_file_name_that_leads_elsewhere_is_refused():
    text = "flask==3.1.1 --hash=sha256:%s  # ../flask-3.1.1-py3-none-any.whl 3\n" % ("a" * 64)
    with pytest.raises(AirgapError):
        _lock.parse_pins(text)


def test_project_pinned_twice_is_refused():
    text = _lock.render([FLASK], "x", "y")
    with pytest.raises(AirgapError, match="twice, in lines 4 and 8"):
        _lock.parse_pins(text + text)


@pytest.mark.parametrize(("name", "normal"), [("Flask", "flask"), ("ruamel.yaml", "ruamel-yaml"), ("a__b-.c", "a-b-c")])
def test_names_are_normalized_by_pep_503(name, normal):
    assert _lock.normalize(name) == normal


def test_lock_names_its_requirements_in_comments_for_pip():
    text = _lock.render([FLASK], "x", "y", ["flask>=3", "b; python_version < '4'", "flask>=3"])
    assert _lock.parse_lock(text).roots == ("b; python_version < '4'", "flask>=3")
    assert all(line.startswith("#") for line in text.splitlines() if "root:" in line)


def test_lock_of_an_earlier_version_is_read_and_names_no_requirements():
    assert _lock.parse_lock(_lock.render([FLASK], "x", "y")).roots is None


@pytest.mark.parametrize("root", ["a\nevil==1", "", "a\x85b"])
def test_requirement_that_would_be_another_line_of_the_lock_is_refused(root):
    with pytest.raises(AirgapError, match="on one line"):
        _lock.render([FLASK], "x", "y", [root])


def lock_of(line):
    """Return a lock with one more line before its pin."""
    pin = _lock.Pin("app", "1.0", "a" * 64, "app-1.0-py3-none-any.whl", 5)
    return _lock.render([pin], "here", "x").replace("# inputs", line + "# inputs")


@pytest.mark.parametrize(
    "text",
    [
        lock_of("# a\u2028evil==1 --hash=sha256:%s\n" % ("b" * 64)),
        lock_of("# a\x85b\n"),
        lock_of("# a\x0cb\n"),
        lock_of("# coding: utf-7\n")[len(_lock.HEADER) + 1 :],
        lock_of("").replace("\n", "\r\n"),
        lock_of("")[:-1],
        lock_of("").replace(" 5\n", " 5 x\\\n"),
        "\ufeff" + lock_of(""),
        "",
        lock_of("").replace("app==", "\tapp=="),
        lock_of("").replace(" 5\n", " %s\n" % ("9" * 5000)),
    ],
)
def test_lock_that_pip_could_read_differently_is_refused(text):
    with pytest.raises(AirgapError):
        _lock.parse_pins(text)


@pytest.mark.parametrize("text", ["app\n", "-e .\n", "--index-url http://x\n"])
def test_line_with_another_meaning_for_pip_is_refused_with_its_number(text):
    with pytest.raises(AirgapError, match="lock, line"):
        _lock.parse_pins(text)
