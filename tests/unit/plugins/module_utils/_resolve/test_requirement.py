# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A requirement keeps its meaning, its hashes and its place, and shows no secret."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._resolve import _requirement

from tests.unit.plugins.module_utils._resolve.examples import parse

VARIABLES = {
    "TOKEN": "canary-1",
    "HOST": "canary.example",
    "VERSION": "1.2",
    "ALL": "demo @ https://canary/demo-1-py3-none-any.whl",
    "BASE": "https://canary/files",
    "FILE": "demo-1-py3-none-any.whl",
}


@pytest.mark.parametrize("line", ["${ALL}", "demo @ ${BASE}/${FILE}", "${BASE}/${FILE}", "demo[x] @ ${BASE}/${FILE}"])
def test_engine_gets_the_expanded_url_and_never_the_name_alone(line):
    (parsed,) = parse({"r.txt": line + "\n"}, variables=VARIABLES).requirements
    assert _requirement.engine_line(parsed, {}, False).endswith(" @ " + parsed.url)
    assert parsed.url.startswith("https://canary/")


@pytest.mark.parametrize(
    "line",
    [
        "demo",
        "demo[x] @ https://u:${PW}@h/demo-1-py3-none-any.whl?sig=a ; os_name == 'x'",
        "demo @ ${BASE}/demo-1-py3-none-any.whl",
    ],
)
def test_line_that_is_sent_to_the_internet_host_keeps_its_whole_url(line):
    assert _requirement.with_full_url(parse({"r.txt": line + "\n"}).requirements[0]) == line


def test_lines_for_the_engine_have_users_and_paths_that_the_closure_check_does_not_need():
    parsed = parse(
        {"r.txt": "demo @ https://user:pw@host/demo-1.0-py3-none-any.whl ; os_name == 'nt' --hash=sha256:aa\n"}
    )
    (line,) = parsed.requirements
    assert line.text == "demo @ https://host/demo-1.0-py3-none-any.whl ; os_name == 'nt'"
    assert _requirement.with_full_url(line) == "demo @ https://user:pw@host/demo-1.0-py3-none-any.whl ; os_name == 'nt'"


def test_lines_of_a_requirement_are_found_by_the_spelling_of_an_engine():
    text = "distro-info===1.1build1\nFlask >= 3 ,<4 ; os_name == 'posix'\nflask[dotenv]>2\nsix\n"
    lines = parse({"r.txt": text}).requirements
    assert _requirement.places_of(lines, "distro-info===1.1build1") == ["r.txt, line 1"]
    assert _requirement.places_of(lines, "flask<4,>=3") == ["r.txt, line 2"]
    assert _requirement.places_of(lines, "flask[dotenv]>2") == ["r.txt, line 3"]
    assert _requirement.places_of(lines, "flask==9") == []
    assert _requirement.places_of(lines, "six") == ["r.txt, line 4"]
