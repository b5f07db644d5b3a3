# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of an engine about scratch files become messages about the user's lines."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._resolve import _inputs, _requirements_file

TEXT = "six>=1  # airgap: base.txt, line 1\nflask[dotenv]>2 ; os_name == 'posix'\nold==1 --hash=sha256:aa\n"


@pytest.fixture(name="inputs")
def inputs_fixture():
    """Return the inputs of a file and an option."""
    parsed = _requirements_file.parse(
        ["attrs"], ["r.txt"], ["c.txt"], {"r.txt": TEXT, "c.txt": "six<2 --hash=sha256:dd\n"}.__getitem__
    )
    return _inputs.Inputs(parsed, {"old": ("1", "bb"), "flask": ("3", "cc")})


def test_engine_gets_one_requirement_or_constraint_per_line_with_hashes_of_built_wheels(inputs, tmp_path):
    (requirements,), (constraints,) = inputs.write(str(tmp_path))
    with open(requirements, encoding="utf-8") as stream:
        assert stream.read().splitlines() == [
            "attrs",
            "six>=1",
            "flask[dotenv]>2==3 ; os_name == 'posix' --hash=sha256:cc".replace(">2==3", ">2,==3"),
            "old==1 --hash=sha256:aa --hash=sha256:bb",
        ]
    with open(constraints, encoding="utf-8") as stream:
        assert stream.read() == "six<2\n"


def test_line_of_a_scratch_file_becomes_the_users(inputs):
    said = "Cannot install -r /s t/requirements.txt (line 2) and attrs; -c /s t/constraints.txt (line 1); see /s t/x/kept.txt"
    assert inputs.relocate(said, "/s t") == (
        "Cannot install six>=1 (base.txt, line 1) and attrs; six<2 (c.txt, line 1); see the set's requirements"
    )
    assert inputs.relocate("in /s/requirements.txt (line 1)", "/s") == "in attrs"


@pytest.mark.parametrize(
    "said",
    [
        "The user requested six>=1\nThe user requested (constraint) six<2\n",
        "ERROR: No matching distribution found for six>=1\nERROR: No matching distribution found for six<2 (from x)\n",
        "  cause: Because you require six<2 and you require\n six>=1, we can conclude",
    ],
)
def test_lines_that_an_engine_names_are_shown_with_their_places(inputs, said):
    assert sorted(inputs.places(said)) == ["six<2 (c.txt, line 1)", "six>=1 (base.txt, line 1)"]


def test_requirement_and_constraint_have_their_place_in_messages_of_the_closure_check(inputs):
    said = "Flask 3 (asked for by the requirement six>=1) needs x"
    assert inputs.place_in(said, "six>=1") == "Flask 3 (asked for by the requirement six>=1 (base.txt, line 1)) needs x"
    assert inputs.place_in("The constraint six<2 counts", "six<2") == "The constraint six<2 (c.txt, line 1) counts"
    assert inputs.place_in("the requirement attrs counts", "attrs") == "the requirement attrs counts"


def test_option_of_the_module_is_shown_without_a_place(inputs):
    assert inputs.places("The user requested attrs\n") == []
    assert inputs.unmet_lines({"old": ["attrs", "six>=1"], "new": ["six>=1"]}) == {
        "attrs": ["old"],
        "six>=1 (base.txt, line 1)": ["old", "new"],
    }
