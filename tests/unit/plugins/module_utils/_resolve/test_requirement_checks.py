# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requirements that cannot be met are refused with their place."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import _requirement_checks

from tests.unit.plugins.module_utils._resolve.examples import parse


def test_variable_of_a_url_that_is_not_set_is_named_with_its_line():
    (line,) = parse({"r.txt": "demo @ ${UNSET}/demo-1-py3-none-any.whl\n"}).requirements
    with pytest.raises(AirgapError, match=r"^r.txt, line 1: \$\{UNSET\} is not set"):
        _requirement_checks.refuse_unreadable([line], str)


def test_path_on_the_machine_where_a_list_was_written_is_refused_with_the_version_to_write():
    text = "numpy @ file:///croot/numpy_1/work/dist/numpy-1.26.4-cp311-cp311-linux_x86_64.whl#sha256=aa\n"
    text += "tool @ file:///home/conda/feedstock_root/tool_1/work ; os_name == 'nt'\nsix @ file:///there/six-1-py3-none-any.whl\n"
    lines = parse({"r.txt": text}).requirements
    with pytest.raises(AirgapError) as error:
        _requirement_checks.refuse_missing_files(lines, lambda path: path.startswith("/there/"))
    first, second = str(error.value).split("\n")
    assert first.startswith("r.txt, line 1: numpy comes from /croot/numpy_1/work/dist/")
    assert "Write numpy==1.26.4" in first
    assert second.startswith("r.txt, line 2: tool comes from /home/conda/feedstock_root/tool_1/work,")
    assert "Write tool==VERSION" in second


def missing(text, variables=None):
    """Return the message about lines if only files below /there exist."""
    try:
        lines = parse({"r.txt": text + "\n"}, variables=variables).requirements
        _requirement_checks.refuse_missing_files(lines, lambda path: path.startswith("/there/"))
    except AirgapError as error:
        return str(error)
    return ""


def test_missing_wheel_of_the_site_is_not_replaced_by_that_name_on_the_index():
    said = missing("probe @ file:///wheels/probe-1.0+mine-py3-none-any.whl")
    assert said.startswith(
        "r.txt, line 1: probe comes from /wheels/probe-1.0+mine-py3-none-any.whl, which is not on this"
    )
    assert "Copy it there" in said
    assert "stage_find_links" in said
    assert "pip list" not in said
    assert "stage_build: {name: tool, source: " in missing("tool @ file:///home/me/tool")


def test_file_whose_folder_is_a_variable_is_found_by_its_value_and_shown_as_it_is_written():
    line = "probe @ file:///${DIR}/probe-1.0-py3-none-any.whl"
    assert missing(line, {"DIR": "there"}) == ""
    assert "comes from /${DIR}/probe-1.0" in missing(line, {"DIR": "canary"})


def test_unreadable_requirements_are_all_reported_at_once_with_their_lines():
    def read(text):
        if "build" in text:
            raise ValueError("Invalid version")

    lines = parse({"r.txt": "six\na==1.1build1\nb==2.2build2\n"}).requirements
    with pytest.raises(AirgapError) as error:
        _requirement_checks.refuse_unreadable(lines, read)
    first, second = str(error.value).split("\n")
    assert first.startswith("r.txt, line 2: 'a==1.1build1' cannot be read: Invalid version")
    assert second.startswith("r.txt, line 3: 'b==2.2build2'")


def other_hashes(text, have, **options):
    """Return the message if the file that an engine chose has this SHA-256."""
    try:
        _requirement_checks.refuse_other_hashes(parse({"r.txt": text + "\n"}).requirements, {"demo": have}, **options)
    except AirgapError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("others", ["", " --hash=sha512:cc", " --hash=sha256:bb"])
def test_file_without_one_of_the_required_hashes_is_refused_by_its_line(others):
    assert other_hashes("demo==1 --hash=sha256:aa" + others, "aa") == ""
    said = other_hashes("demo==1 --hash=sha256:aa" + others, "dd")
    assert "demo==1 (r.txt, line 1)" in said
    assert "Find out why before you continue" in said


def test_hash_in_another_algorithm_is_left_to_an_engine_that_compares_it_and_refused_for_any_other():
    assert other_hashes("demo==1 --hash=sha512:aa --hash=sha384:bb", "dd", is_checked=True) == ""
    windows = "demo==1 ; os_name == 'nt' --hash=sha256:aa\ndemo==1 ; os_name != 'nt' --hash=sha512:bb"
    assert other_hashes(windows, "dd", is_checked=True) == ""
    said = other_hashes("demo==1 --hash=sha512:aa", "dd")
    assert "demo==1 (r.txt, line 1)" in said
    assert "Add --hash=sha256:HEX to it" in said
