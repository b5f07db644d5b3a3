# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a folder of wheels is good for, by the wheels' names and METADATA."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser
from ansible_collections.airgap.python.plugins.module_utils._wheels import _packaging, _wheel_name, _wheelhouse

PACKAGING = _packaging.load()
OLD = _target_parser.parse({"name": "old", "python": "3.9.2", "libc": "glibc-2.31"})[0]
NEW = _target_parser.parse({"name": "new", "python": "3.13.5", "libc": "glibc-2.41"})[0]


def found(name, version="1.0", requires=(), tag="py3-none-any", python="", extras=()):
    """Return a wheel."""
    lines = ["Metadata-Version: 2.1", "Name: " + name, "Version: " + version]
    lines += ["Requires-Dist: " + one for one in requires] + ["Provides-Extra: " + one for one in extras]
    lines += ["Requires-Python: " + python] if python else []
    filename = "%s-%s-%s.whl" % (name.replace("-", "_"), version, tag)
    parsed = _wheel_name.parse_wheel_name(PACKAGING, filename)
    text = "\n".join(lines) + "\n"
    return _wheelhouse.Found(filename, parsed.project, parsed.version, parsed.build, parsed.tags, version, text, python)


def house(*wheels, target=NEW, sdists=()):
    """Return a folder for a target."""
    return _wheelhouse.Wheelhouse(PACKAGING, _wheelhouse.Stock(wheels, tuple(sdists)), target)


def whole(*wheels, target=NEW):
    """Return the pins of what is whole."""
    return ["%s==%s" % (one.project, one.text) for one in house(*wheels, target=target).whole()]


def lacks(*wheels, roots, target=NEW, constraints=(), sdists=()):
    """Return what requirements lack, as lines."""
    missing = house(*wheels, target=target, sdists=sdists).missing(roots, constraints)
    return [_wheelhouse.describe(one) for one in missing]


def test_newest_version_that_fits_the_target_is_chosen_and_a_final_one_before_a_prerelease():
    wheels = [
        found("a", "1.0"),
        found("a", "2.0", python=">=3.10"),
        found("a", "3.0rc1"),
        found("a", "2.5", tag="cp39-cp39-win_amd64"),
        found("b", "1.0", tag="cp313-cp313-manylinux_2_36_x86_64"),
        found("c", "1.0"),
        found("c", "1.0", tag="cp313-cp313-manylinux_2_36_x86_64"),
    ]
    assert whole(*wheels) == ["a==2.0", "b==1.0", "c==1.0"]
    assert whole(*wheels, target=OLD) == ["a==1.0", "c==1.0"]
    assert house(*wheels).candidates["c"][0].filename == "c-1.0-cp313-cp313-manylinux_2_36_x86_64.whl"


def test_what_needs_something_that_is_missing_is_not_whole_and_neither_is_what_needs_that():
    wheels = [found("app", requires=["lib"]), found("lib", requires=["gone>=2"]), found("other")]
    assert whole(*wheels) == ["other==1.0"]
    assert lacks(*wheels, roots=["app"]) == ["lib 1.0 (required by app 1.0) needs gone>=2: the folder does not have it"]


def test_dependency_is_missing_only_for_the_target_whose_marker_is_true():
    wheels = [found("app", requires=["backport; python_version < '3.10'"])]
    assert whole(*wheels) == ["app==1.0"]
    assert whole(*wheels, target=OLD) == []
    (line,) = lacks(*wheels, roots=["app"], target=OLD)
    assert 'app 1.0 needs backport; python_version < "3.10": the folder does' in line


def test_older_version_is_used_where_a_requirement_excludes_the_newer():
    wheels = [found("app", requires=["lib<2"]), found("lib", "1.5"), found("lib", "2.0"), found("lib", "1.0")]
    assert whole(*wheels) == ["app==1.0", "lib==1.5"]
    assert lacks(*wheels, roots=["app"]) == []
    assert lacks(*wheels, roots=["lib"], constraints=["lib<1.5"]) == []


def test_older_version_is_used_where_the_newer_needs_what_is_missing():
    wheels = [found("app", "2.0", requires=["gone"]), found("app", "1.0", requires=["lib"]), found("lib")]
    assert whole(*wheels) == ["app==1.0", "lib==1.0"]
    assert lacks(*wheels, roots=["app"]) == []
    assert lacks(*wheels, roots=["app>=2"])[0].startswith("app 2.0")


def test_extra_that_lacks_something_breaks_what_requires_it_and_not_its_project():
    lib = found("lib", requires=["gone; extra == 'more'"], extras=["more"])
    assert whole(lib, found("app", requires=["lib[more]"]), found("web", requires=["lib[more]"])) == ["lib==1.0"]


def test_two_that_exclude_each_other_are_not_both_whole():
    wheels = [found("a", requires=["lib<2"]), found("b", requires=["lib>=2"]), found("lib", "1.0"), found("lib", "2.0")]
    assert whole(*wheels) in (["a==1.0", "lib==1.0"], ["b==1.0", "lib==2.0"])


@pytest.mark.parametrize(
    ("wheels", "sdists", "reason"),
    [
        ((), (), "lib>=2: the folder does not have it"),
        ((found("lib", "1.0"),), (), "lib>=2: the folder has lib 1.0"),
        (
            (found("lib", "2.0", tag="cp39-cp39-win_amd64"),),
            (),
            "lib>=2: none of its wheels fits: lib-2.0-cp39-cp39-win_amd64.whl",
        ),
        ((), (("lib", "2.0", "lib-2.0.tar.gz"),), "lib>=2: the folder has no wheel of it, only lib-2.0.tar.gz"),
    ],
)
def test_reason_names_what_the_folder_has_instead(wheels, sdists, reason):
    assert lacks(*wheels, roots=["lib>=2"], sdists=sdists) == [reason]


def test_sdists_are_found_by_their_names_and_only_those_without_a_wheel_are_reported():
    names = ["Some.Lib-1.0.tar.gz", "some_lib-2.0.zip", "lib-1.0.doc.zip", "notes.zip", "lib-1.0-py3-none-any.whl"]
    assert [_wheelhouse.parse_sdist(name) for name in names] == [
        ("some-lib", "1.0"),
        ("some-lib", "2.0"),
        None,
        None,
        None,
    ]
    stock = _wheelhouse.Stock(
        (found("some-lib", "1.0"),), (("some-lib", "1.0", names[0]), ("some-lib", "2.0", names[1]), ("x", "zz", "x"))
    )
    assert _wheelhouse.sdists_without_wheel(PACKAGING, stock) == ["some_lib-2.0.zip", "x"]


def test_targets_with_the_same_pins_share_a_set():
    one, two = [found("a")], [found("a"), found("b")]
    assert _wheelhouse.adopted_sets({"x": one, "y": one, "z": []}) == [
        {"name": "adopted", "requirements": ["a==1.0"], "targets": ["x", "y"]}
    ]
    assert [each["name"] for each in _wheelhouse.adopted_sets({"X": one, "y": two})] == ["adopted-x", "adopted-y"]
