# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The closure check finds what a target would lack, and nothing else."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._target import _target_parser
from ansible_collections.airgap.python.plugins.module_utils._wheels import _closure, _packaging

PACKAGING = _packaging.load()
EL9 = _target_parser.parse({"name": "el9", "python": "3.9.18", "libc": "glibc-2.34"})[0]
WINDOWS = _target_parser.parse({"name": "desktop", "python": "3.12.1", "os": "windows"})[0]
MAC = _target_parser.parse({"name": "mac", "python": "3.12.1", "os": "macos", "arch": "arm64"})[0]


def wheel(name, version="1.0", requires=(), extras=(), tag="py3-none-any", python="", **other):
    """Return a wheel whose file name, pin and METADATA agree, except for what ``other`` changes."""
    lines = ["Metadata-Version: 2.1", "Name: " + other.get("declared_name", name)]
    lines.append("Version: " + other.get("declared_version", version))
    lines += ["Requires-Dist: " + one for one in requires] + ["Provides-Extra: " + one for one in extras]
    lines += ["Requires-Python: " + python] if python else []
    filename = other.get("filename", "%s-%s-%s.whl" % (name.replace("-", "_"), version, tag))
    return _closure.Wheel(name, version, filename, "\n".join(lines) + "\n\nText\nRequires-Dist: not-a-header\n")


def prove(roots, wheels, target=EL9, constraints=()):
    """Return the closure of a lock."""
    return _closure.check(PACKAGING, roots, constraints, wheels, target.name, target.markers(), target.tags())


def kinds(proof):
    """Return the kinds of failures of a closure."""
    return [failure.kind for failure in proof.failures]


FLASK = wheel("flask", "3.1.1", ["werkzeug>=3.1", 'importlib-metadata>=3.6; python_version < "3.10"'])
WERKZEUG = wheel("werkzeug", "3.1.3")
METADATA = wheel("importlib-metadata", "8.5.0", ["zipp>=3.20"])
ZIPP = wheel("zipp", "3.21.0", python=">=3.9")


def test_complete_lock_is_closed_and_its_edges_are_returned():
    proof = prove(["flask>=3"], [FLASK, WERKZEUG, METADATA, ZIPP])
    assert proof.failures == ()
    assert proof.unused == ()
    assert proof.edges == (
        _closure.Edge("", "flask", "flask>=3"),
        _closure.Edge("flask", "importlib-metadata", "importlib-metadata>=3.6"),
        _closure.Edge("flask", "werkzeug", "werkzeug>=3.1"),
        _closure.Edge("importlib-metadata", "zipp", "zipp>=3.20"),
    )


def test_what_plain_pip_misses_on_another_python_is_named_with_parent_marker_target_and_fix():
    proof = prove(["flask>=3"], [FLASK, WERKZEUG])
    assert kinds(proof) == ["missing"]
    failure = proof.failures[0]
    assert failure.requirement == "importlib-metadata>=3.6"
    assert failure.chain == ("flask 3.1.1", "the requirement flask>=3")
    assert failure.marker == 'python_version < "3.10"'
    assert failure.message == (
        "flask 3.1.1 (required by the requirement flask>=3) needs importlib-metadata>=3.6 on target el9 (python 3.9.18; "
        'its marker python_version < "3.10" is true there): the lock has no file of importlib-metadata. Stage the set '
        "for this target again; if that does not help, add importlib-metadata>=3.6 to the set's requirements."
    )


def test_chain_leads_from_the_parent_to_the_root():
    proof = prove(["flask>=3"], [FLASK, WERKZEUG, METADATA])
    assert proof.failures[0].chain == ("importlib-metadata 8.5.0", "flask 3.1.1", "the requirement flask>=3")


@pytest.mark.parametrize("target, lacks", [(WINDOWS, ["tzdata"]), (EL9, []), (MAC, [])])
def test_markers_are_evaluated_for_the_target_and_not_for_this_interpreter(target, lacks):
    django = wheel("django", "5.2", ['tzdata; sys_platform == "win32"'])
    assert [failure.requirement for failure in prove(["django"], [django], target).failures] == lacks


@pytest.mark.parametrize(
    "marker, counts",
    [
        ('python_full_version < "3.9.19"', True),
        ('python_full_version < "3.9.18"', False),
        ('platform_machine == "x86_64" and platform_system == "Linux"', True),
        ('implementation_name == "pypy"', False),
        ('platform_release >= "20.0"', False),
    ],
)
def test_every_marker_variable_is_the_targets(marker, counts):
    proof = prove(["a"], [wheel("a", requires=["b; " + marker])])
    assert bool(proof.failures) is counts


def test_root_that_is_missing_is_a_failure():
    proof = prove(["flask>=3"], [])
    assert kinds(proof) == ["missing"]
    assert proof.failures[0].message.startswith("The requirement flask>=3 applies to target el9")


def test_root_whose_marker_is_false_is_reported_and_requires_nothing():
    proof = prove(["winlib; sys_platform == 'win32'", "a"], [wheel("a")])
    assert proof.failures == ()
    assert proof.excluded == ("winlib; sys_platform == 'win32'",)


def test_version_outside_the_specifier_is_named_with_what_the_lock_has():
    proof = prove(["boto3"], [wheel("boto3", requires=["urllib3<2"]), wheel("urllib3", "2.5.0")])
    assert kinds(proof) == ["version"]
    assert "needs urllib3<2" in proof.failures[0].message
    assert "the lock has urllib3 2.5.0" in proof.failures[0].message


@pytest.mark.parametrize("specifier", ["==2.0b1", ">=1.0", ">=2.0a1"])
def test_prerelease_that_is_pinned_meets_a_requirement(specifier):
    assert prove(["a" + specifier], [wheel("a", "2.0b1")]).failures == ()


def test_local_version_meets_its_public_one():
    assert prove(["torch==2.0"], [wheel("torch", "2.0+cpu")]).failures == ()


def test_extras_are_followed_through_requirements_and_through_the_project_itself():
    app = wheel("app", requires=["app[web]; extra == 'all'", "server; extra == 'web'"], extras=["all", "web"])
    top = wheel("top", requires=["app[all]"])
    assert [failure.requirement for failure in prove(["top"], [top, app]).failures] == ["server"]
    proof = prove(["top"], [top, app, wheel("server")])
    assert proof.failures == () and proof.unused == ()
    assert _closure.Edge("app", "server", "server") in proof.edges
    assert not [edge for edge in proof.edges if edge.parent == edge.child]


def test_failure_in_an_extra_names_the_extra():
    app = wheel("app", requires=["server; extra == 'web'"], extras=["web"])
    failure = prove(["app[web]"], [app]).failures[0]
    assert failure.chain == ("app[web] 1.0", "the requirement app[web]")


def test_extra_that_is_not_required_requires_nothing():
    app = wheel("app", requires=["server; extra == 'web'"], extras=["web"])
    assert prove(["app"], [app]).failures == ()
    assert prove(["app"], [app, wheel("server")]).unused == ("server-1.0-py3-none-any.whl",)


def test_extra_is_recognized_in_any_spelling():
    app = wheel("app", requires=["server; extra == 'web_server'"], extras=["web_server"])
    proof = prove(["app[Web-Server]"], [app])
    assert kinds(proof) == ["missing"]
    assert proof.unknown_extras == ()


def test_extra_that_the_project_does_not_have_is_reported_with_its_parent_and_those_that_exist():
    wheels = [wheel("app", extras=["web", "db"]), wheel("other", requires=["app[bd]"])]
    proof = prove(["app[wbe]", "other"], wheels)
    by_other, by_root = proof.unknown_extras
    assert (by_other.root, by_root.root) == ("", "app[wbe]")
    assert by_other.message == (
        "other 1.0 (required by the requirement other) requires the extra bd of app, but app 1.0 does not have it. "
        "It has: db, web."
    )
    assert by_root.message.startswith("app[wbe] requires the extra wbe of app, but app 1.0 does not have it.")
    assert prove(["app[x]"], [wheel("app")]).unknown_extras[0].message.endswith("It has: none.")


def test_marker_of_lock_files_in_a_wheels_metadata_is_a_failure_with_its_name_and_no_crash():
    app = wheel("app", requires=["six; 'dev' in dependency_groups"])
    proof = prove(["app"], [app])
    assert kinds(proof) == ["marker"]
    assert "app 1.0" in proof.failures[0].message


def test_extra_marker_is_joined_with_the_targets():
    app = wheel("app", requires=["winlib; extra == 'web' and sys_platform == 'win32'"], extras=["web"])
    assert prove(["app[web]"], [app]).failures == ()
    assert kinds(prove(["app[web]"], [app], WINDOWS)) == ["missing"]


def test_cycle_ends():
    assert prove(["a"], [wheel("a", requires=["b"]), wheel("b", requires=["a"])]).failures == ()


def test_file_that_nothing_requires_is_reported_and_not_a_failure():
    proof = prove(["a"], [wheel("a"), wheel("b", requires=["c"]), wheel("c")])
    assert proof.failures == ()
    assert proof.unused == ("b-1.0-py3-none-any.whl", "c-1.0-py3-none-any.whl")


def test_two_files_of_one_project_are_refused():
    proof = prove(["a"], [wheel("a", "1.0"), wheel("A", "2.0")])
    assert kinds(proof) == ["twice"]


def test_two_spellings_of_a_name_are_one_project():
    assert (
        prove(["Ruamel_Yaml"], [wheel("ruamel.yaml", "0.18", filename="ruamel.yaml-0.18-py3-none-any.whl")]).failures
        == ()
    )


@pytest.mark.parametrize(
    "tag, target, fits",
    [
        ("cp39-cp39-manylinux_2_34_x86_64", EL9, True),
        ("cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64", EL9, True),
        ("cp39-cp39-manylinux_2_35_x86_64", EL9, False),
        ("cp39-cp39-musllinux_1_1_x86_64", EL9, False),
        ("cp310-cp310-manylinux_2_17_x86_64", EL9, False),
        ("cp36-abi3-manylinux_2_17_x86_64", EL9, True),
        ("cp310-abi3-manylinux_2_17_x86_64", EL9, False),
        ("py2.py3-none-any", EL9, True),
        ("py2-none-any", EL9, False),
        ("cp312-cp312-win_amd64", WINDOWS, True),
        ("cp312-cp312-win32", WINDOWS, False),
        ("cp312-cp312-macosx_11_0_arm64", MAC, True),
        ("cp312-cp312-macosx_11_0_x86_64", MAC, False),
    ],
)
def test_wheel_tags_must_fit_the_target(tag, target, fits):
    proof = prove(["a"], [wheel("a", tag=tag)], target)
    assert kinds(proof) == ([] if fits else ["tags"])
    assert fits or "does not fit target " + target.name in proof.failures[0].message


def test_requires_python_must_admit_the_full_version():
    assert prove(["a"], [wheel("a", python=">=3.9.18")]).failures == ()
    proof = prove(["top"], [wheel("top", requires=["a"]), wheel("a", python=">=3.9,!=3.9.18")])
    assert kinds(proof) == ["python"]
    assert "which is required by top 1.0, by the requirement top" in proof.failures[0].message


def test_requires_python_that_cannot_be_read_admits_all_as_in_pip():
    assert prove(["a"], [wheel("a", python=">=3.6.*")]).failures == ()


def test_file_that_nothing_requires_must_fit_as_well():
    assert kinds(prove([], [wheel("a", tag="cp313-cp313-win_amd64")])) == ["tags"]


@pytest.mark.parametrize(
    "other",
    [
        {"declared_name": "b"},
        {"declared_version": "1.1"},
        {"filename": "a-1.1-py3-none-any.whl", "declared_version": "1.1"},
        {"filename": "b-1.0-py3-none-any.whl", "declared_name": "b"},
        {"filename": "a.zip"},
    ],
)
def test_pin_file_name_and_metadata_must_agree(other):
    assert kinds(prove(["a"], [wheel("a", **other)])) == ["metadata"]


def test_constraint_applies_to_projects_of_the_lock_if_its_marker_is_true():
    wheels = [wheel("a", "2.0")]
    assert prove(["a"], wheels, constraints=["a>=2", "b==1", "a<2; python_version > '3.9'"]).failures == ()
    assert kinds(prove(["a"], wheels, constraints=["a<2; python_version == '3.9'"])) == ["constraint"]


def test_direct_reference_of_the_set_is_met_by_its_name():
    assert prove(["a @ https://index.example/a-9-py3-none-any.whl"], [wheel("a")]).failures == ()
    assert kinds(prove(["a @ https://index.example/a-9-py3-none-any.whl"], [])) == ["missing"]


def test_direct_reference_in_a_wheel_is_a_failure_because_pip_would_use_the_url():
    url = "https://elsewhere.example/a-9-py3-none-any.whl"
    top = wheel("top", requires=["a @ " + url + "?sig=canary"])
    proof = prove(["top"], [top, wheel("a")])
    assert kinds(proof) == ["direct"]
    assert "top 1.0 (required by the requirement top) needs a @ %s on target" % url in proof.failures[0].message
    elsewhere = wheel("top", requires=["a @ %s ; sys_platform == 'win32'" % url, "a @ %s ; extra == 'more'" % url])
    assert prove(["top"], [elsewhere]).failures == ()


def test_requirement_that_cannot_be_read_is_a_failure():
    assert kinds(prove(["a b c"], [])) == ["input"]
    assert kinds(prove(["a"], [wheel("a", requires=["b (=>1"])])) == ["marker"]


def test_description_is_not_a_header():
    assert prove(["a"], [wheel("a")]).failures == ()


def test_same_requirement_of_one_parent_is_reported_once():
    requires = ["b; extra == 'x'", "c", "c", 'd; python_version < "4"']
    proof = prove(["a[x,y]"], [wheel("a", requires=requires, extras=["x", "y"])])
    assert sorted(failure.requirement for failure in proof.failures) == ["b", "c", "d"]


def test_long_list_of_failures_is_cut_with_the_number_of_the_rest():
    proof = prove(["p%02d" % number for number in range(25)], [])
    lines = _closure.describe_failures(proof.failures).splitlines()
    assert len(lines) == 11
    assert lines[-1] == "and 15 more."
