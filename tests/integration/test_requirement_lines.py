# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A message of pip_download about a line of the user's files names the file and the line, with either engine, and no scratch file."""

from __future__ import annotations

import hashlib

import pytest

from tests.integration.pip_download import OLD, WINDOWS, pins
from tests.integration.simple_index import make_sdist, make_wheel


@pytest.fixture(name="of_lines")
def of_lines_fixture(download, tmp_path):
    """Return a function that downloads a requirements file that was copied from another machine, as by the role."""

    def of_lines(*lines, targets=(OLD,), constraints=(), **options):
        path, limits = tmp_path / "base.txt", tmp_path / "limits.txt"
        path.write_text("".join("%s  # airgap: reqs/base.txt, line %d\n" % (one, n) for n, one in enumerate(lines, 1)))
        limits.write_text("".join("%s\n" % one for one in constraints))
        result = download(
            requirements=None,
            requirements_files=[str(path)],
            constraints_files=[str(limits)],
            targets=list(targets),
            **options,
        )
        assert ".tmp-airgap" not in result.get("msg", "")
        return result

    return of_lines


@pytest.mark.parametrize(
    ("resolver", "first"),
    [("pip", "distro-info===1.1build1"), ("uv", "distro-info===1.1build1"), ("uv", "backport==9")],
)
def test_all_lines_that_cannot_be_met_are_reported_at_once(of_lines, resolver, first):
    lines = ["app", first, "extra==1", "ufw==0.36.1", "winlib==9; sys_platform == 'win32'"]
    said = of_lines(*lines, resolver=resolver)["msg"]
    assert first + " (reqs/base.txt, line 2)" in said
    assert "ufw==0.36.1 (reqs/base.txt, line 4)" in said
    assert "winlib" not in said
    assert "extra==1" not in said


def test_lines_that_contradict_each_other_are_named_with_uv(of_lines, index):
    index.add("extra", "2")
    index.add("other", "1")
    said = of_lines("app", "extra<2", "other", "extra>=2", resolver="uv")["msg"]
    assert "extra<2 (reqs/base.txt, line 2)" in said
    assert "extra>=2 (reqs/base.txt, line 4)" in said


def test_line_that_others_contradict_is_named_in_a_conflict(of_lines, index):
    index.add("other", "1", requires=["native<2"])
    said = of_lines("app", "native>=2", "other")["msg"]
    assert "native>=2 (reqs/base.txt, line 2)" in said
    assert "other 1 depends on native<2" in said


def test_constraint_that_contradicts_is_named(of_lines, tmp_path):
    said = of_lines("app>=1", constraints=["six", "app<1"])["msg"]
    assert "app<1 (%s, line 2)" % (tmp_path / "limits.txt") in said


def test_metadata_that_pip_refuses_are_the_reason_and_the_line_is_named(of_lines, index):
    index.add("omega", "2.0.5")
    index.add("omega", "2.0.6", requires=["extra (>=0.1.*)"])
    said = of_lines("app", "omega==2.0.6")["msg"]
    # Older pips accept it, and the closure check finds it.
    assert "omega==2.0.6 (reqs/base.txt, line 2)" in said
    assert ".* suffix" in said or "cannot read" in said
    assert "no wheel" not in said


def test_file_of_another_machine_is_refused_with_its_line_before_any_request(of_lines, index):
    said = of_lines("app", "tool @ file:///croot/tool_1/work")["msg"]
    assert said.startswith("reqs/base.txt, line 2: tool comes from /croot/tool_1/work")
    assert index.requests == []


def test_line_that_no_tool_can_read_is_named_before_any_request(of_lines, index):
    said = of_lines("app", "extra==1.1build1", "native=>2")["msg"]
    assert "reqs/base.txt, line 2: 'extra==1.1build1' cannot be read" in said
    assert "reqs/base.txt, line 3: 'native=>2' cannot be read" in said
    assert index.requests == []


def test_extra_that_does_not_exist_is_named_with_its_line(of_lines):
    assert "app[more] (reqs/base.txt, line 1) requires the extra more of app" in of_lines("app[more]")["msg"]


def test_hash_in_a_file_is_enforced_by_uv_as_well(of_lines, index):
    good = hashlib.sha256(index.files["backport-1.2-py3-none-any.whl"]).hexdigest()
    assert pins(of_lines("backport==1.2 --hash=sha256:" + good, resolver="uv"), "old") == ["backport==1.2"]
    said = of_lines("backport==1.2 --hash=sha256:" + "0" * 64, resolver="uv")["msg"]
    assert "backport==1.2 (reqs/base.txt, line 1)" in said
    assert "not one of its hashes" in said


def test_hash_of_another_algorithm_is_enforced_by_pip(of_lines, index):
    good = hashlib.sha512(index.files["backport-1.2-py3-none-any.whl"]).hexdigest()
    assert pins(of_lines("backport==1.2 --hash=sha512:" + good), "old") == ["backport==1.2"]
    said = of_lines("backport==1.2 --hash=sha512:" + "0" * 128)["msg"]
    assert "expected hash" in said


@pytest.mark.parametrize("resolver", ["pip", "uv"])
def test_hash_of_a_constraint_is_enforced_and_only_where_the_constraint_applies(of_lines, index, resolver):
    good = hashlib.sha256(index.files["backport-1.2-py3-none-any.whl"]).hexdigest()
    limits = ["backport==1.2 --hash=sha256:%s --hash=sha256:%s" % (good, "0" * 64)]
    limits += ["extra==1 ; sys_platform == 'win32' --hash=sha256:" + "0" * 64]
    assert "backport==1.2" in pins(of_lines("app", constraints=limits, resolver=resolver), "old")
    said = of_lines("app", constraints=["backport==1.2 --hash=sha256:" + "0" * 64], resolver=resolver)["msg"]
    assert "limits.txt, line 1): the index's file for it has the SHA-256 " + good in said


def test_requirement_without_a_hash_is_named_with_the_line_that_requires_it(of_lines, index):
    good = hashlib.sha256(index.files["app-1.0-py3-none-any.whl"]).hexdigest()
    said = of_lines("app==1.0 --hash=sha256:" + good)["msg"]
    assert "backport>=1 (from app==1.0->app==1.0 (reqs/base.txt, line 1))" in said
    assert "or give no line a hash" in said


def test_lock_for_several_systems_gives_one_warning_for_each_target(of_lines, tmp_path):
    windows = ["winlib==3; sys_platform == 'win32'"]
    windows += ["extra==1; sys_platform == 'win32' and python_version > '3.%d'" % n for n in range(9)]
    result = of_lines("app", *windows, targets=[OLD, WINDOWS])
    (warning,) = [one for one in result["warnings"] if "winlib" in str(one) or "count" in str(one)]
    assert "target old: 10 of 11 requirements do not apply there" in str(warning)
    assert "winlib==3; sys_platform == 'win32' (reqs/base.txt, line 2)" in str(warning)
    log = tmp_path / "pip.log"
    assert "and 7 more, listed in %s" % log in str(warning)
    last = "extra==1; sys_platform == 'win32' and python_version > '3.8' (reqs/base.txt, line 11)"
    assert last in log.read_text()


@pytest.mark.parametrize("resolver", ["pip", "uv"])
def test_constraint_by_the_url_of_a_wheel_applies_to_what_only_another_wheel_requires(of_lines, index, resolver):
    url = index.url.replace("/simple/", "/files/backport-1.2-py3-none-any.whl")
    assert "backport==1.2" in pins(of_lines("app", constraints=["backport @ " + url], resolver=resolver), "old")


@pytest.mark.parametrize("resolver", ["pip", "uv"])
def test_constraint_that_would_be_built_is_named_where_only_another_wheel_requires_it(
    of_lines, index, tmp_path, resolver
):
    name, data = make_sdist("backport", "1.2")
    index.files[name] = data
    url = index.url.replace("/simple/", "/files/" + name)
    said = of_lines("app", constraints=["backport @ " + url], resolver=resolver)["msg"]
    assert "%s, line 1" % (tmp_path / "limits.txt") in said
    assert "app-1.0" not in said


@pytest.mark.parametrize("resolver", ["pip", "uv"])
@pytest.mark.parametrize("line", ["${BASE}/backport-1.2-py3-none-any.whl", "backport @ ${WHOLE}", "${LINE}"])
def test_url_that_starts_with_a_variable_is_used_and_not_the_name_on_the_index(of_lines, index, resolver, line):
    index.add("backport", "9")
    base = index.url.replace("/simple/", "/files")
    whole = base + "/backport-1.2-py3-none-any.whl"
    environment = {"BASE": base, "WHOLE": whole, "LINE": "backport @ " + whole}
    assert pins(of_lines(line, resolver=resolver, environment=environment), "old") == ["backport==1.2"]


@pytest.mark.parametrize("resolver", ["pip", "uv"])
def test_missing_local_wheel_that_no_target_needs_is_accepted(of_lines, resolver):
    line = "pywin @ file:///C:/wheels/pywin-1.0-py3-none-any.whl ; sys_platform == 'win32'"
    assert "app==1.0" in pins(of_lines("app", line, resolver=resolver), "old")


def test_local_wheel_that_the_pool_has_can_be_removed(of_lines, tmp_path):
    name, data = make_wheel("probe", "1.0")
    (tmp_path / name).write_bytes(data)
    line = "probe @ file://%s/%s" % (tmp_path, name)
    assert of_lines(line)["changed"] is True
    (tmp_path / name).unlink()
    assert of_lines(line)["changed"] is False
    assert "reqs/base.txt, line 1: probe comes from" in of_lines(line, refresh=True)["msg"]
