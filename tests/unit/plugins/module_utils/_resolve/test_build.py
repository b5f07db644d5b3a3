# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be built, who may use it, and what is written down about it."""

from __future__ import annotations

import json

import pytest
import yaml
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import _build
from ansible_collections.airgap.python.plugins.module_utils._target import _target
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HERE = _target.parse({"name": "here", "python": "3.11.7", "libc": "glibc-2.36"})[0]


def target(**fields):
    """Return a target like this host but for some fields."""
    return _target.parse(dict({"name": "t", "python": "3.11.2", "libc": "glibc-2.36"}, **fields))[0]


def built(filename="tool-1.0-py3-none-any.whl", **fields):
    """Return a built wheel from a record."""
    order = _build.order(fields.pop("order", {"name": "tool", "vcs": "git+https://h.example/tool@" + COMMIT}))
    record = {
        "format": 1,
        "name": "tool",
        "version": "1.0",
        "filename": filename,
        "sha256": "a" * 64,
        "size": 3,
        "tags": ["-".join(filename[: -len(".whl")].split("-")[-3:])],
        "origin": "built:x",
        "inputs": _build.inputs(order, "", HERE, "26.3"),
    }
    record.update(fields)
    return _build.built(json.dumps(record), "/built/tool.json")


@pytest.mark.parametrize("revision", ["main", "v1.0", COMMIT[:12], COMMIT.upper(), "HEAD", COMMIT + "0"])
def test_what_is_no_full_commit_is_refused_by_name(revision):
    with pytest.raises(AirgapError, match="forked.*full commit.*" + revision):
        _build.order({"name": "forked", "vcs": "git+https://h.example/forked.git@" + revision})


def test_url_without_commit_is_refused():
    for url in ("git+https://h.example/forked.git", "git+ssh://git@h.example/forked.git"):
        with pytest.raises(AirgapError, match="missing"):
            _build.order({"name": "forked", "vcs": url})


def test_password_or_token_in_a_vcs_url_is_refused_and_not_repeated():
    for login in ("user:s3cr3t", "s3cr3t"):
        with pytest.raises(AirgapError, match="git-credential") as error:
            _build.order({"name": "x", "vcs": "git+https://%s@h.example/x.git@%s" % (login, COMMIT)})
        assert "s3cr3t" not in str(error.value)
    assert _build.order({"name": "x", "vcs": "git+ssh://git@h.example/x.git@" + COMMIT}).commit == COMMIT


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"name": "x y"}, "no name"),
        ({"name": "--index-url"}, "no name"),
        ({"name": "x", "version": ">=1"}, "no range"),
        ({"name": "x", "version": "1 --pre"}, "no version"),
        ({"name": "x", "sha256": "a" * 64}, "Name the version"),
        ({"name": "x", "version": "1", "sha256": "abc"}, "64 hex digits"),
        ({"name": "x", "vcs": "git+https://h.example/x@" + COMMIT, "sha256": "a" * 64}, "commit in vcs vouches"),
        ({"name": "x", "vcs": "git+https://h.example/x@" + COMMIT, "version": "1"}, "Leave version out"),
        ({"name": "x", "vcs": "git+https://h.example/x@" + COMMIT, "source_name": "x"}, "both vcs and source"),
        ({"name": "x", "vcs": "hg+https://h.example/x@" + COMMIT}, "must begin with"),
        ({"name": "x", "vcs": "git+https://h.example/x@%s#egg=y" % COMMIT}, "only subdirectory"),
        ({"name": "x", "vcs": "git+https://h.example/x@%s#subdirectory=../y" % COMMIT}, "only subdirectory"),
    ],
)
def test_order_that_contradicts_itself_or_says_too_much_is_refused(raw, reason):
    with pytest.raises(AirgapError, match=reason):
        _build.order(raw)


def test_origin_is_the_source_and_never_a_path_or_a_login():
    sdist = _build.order({"name": "x"})
    url = "https://user:word@h.example/files/x-1.tar.gz#sha256=dd"
    assert _build.origin(sdist, url, "ee") == "built:https://h.example/files/x-1.tar.gz#sha256=ee"
    vcs = _build.order({"name": "x", "vcs": "git+ssh://git@h.example/x.git@%s#subdirectory=a/b" % COMMIT})
    assert _build.origin(vcs, "", "") == "built:git+ssh://h.example/x.git@%s#subdirectory=a/b" % COMMIT
    local = _build.order({"name": "x", "vcs": "git+file:///home/me/x.git@" + COMMIT})
    assert _build.origin(local, "", "") == "built:git+file:x.git@" + COMMIT
    source = _build.order({"name": "x", "source_name": "own tool"})
    assert _build.origin(source, "file:///tmp/x.tar", "ee") == "built:source:own%20tool#sha256=ee"


def test_origin_can_stand_in_a_lock():
    source = _build.order({"name": "x", "source_name": "own tool"})
    pin = _lock.Pin("x", "1", "a" * 64, "x-1-py3-none-any.whl", 3, _build.origin(source, "", "ee"))
    assert _lock.parse(_lock.render([pin], "t", "i")) == [pin]


def test_version_of_pip_host_and_source_are_inputs_and_a_name_is_not():
    order = _build.order({"name": "x", "source_name": "x"})
    first = _build.inputs(order, "aa", HERE, "26.3")
    assert _build.inputs(order, "aa", HERE._replace(name="other"), "26.3") == first
    assert _build.inputs(order, "bb", HERE, "26.3") != first
    assert _build.inputs(order, "aa", HERE, "26.4") != first
    assert _build.inputs(order, "aa", HERE._replace(python="3.11.8"), "26.3") != first


def test_build_requirements_are_all_that_pip_installed_whatever_stands_before():
    output = (
        "  Running command pip subprocess to install build dependencies\n"
        "  Installing collected packages: setuptools, ruamel.yaml\n"
        "2026-01-01T00:00:00,1   Successfully installed ruamel.yaml-0.18 setuptools-84.2.1\n"
        "  Installing collected packages: types-x-y\n"
        "  Successfully installed types-x-y-1.0.post1\n"
    )
    assert _build.build_requirements(output) == [
        {"name": "ruamel-yaml", "version": "0.18"},
        {"name": "setuptools", "version": "84.2.1"},
        {"name": "types-x-y", "version": "1.0.post1"},
    ]
    assert _build.build_requirements("Successfully built x\n") == []


def test_build_requirement_whose_version_pip_does_not_say_is_an_error():
    with pytest.raises(AirgapError, match="setuptools"):
        _build.build_requirements("  Installing collected packages: setuptools\n  Installed it.\n")


@pytest.mark.parametrize("tags", [["py3-none-any"], ["py2-none-any", "py3-none-any"]])
def test_wheel_without_compiled_code_fits_every_target(tags):
    for one in (target(os="windows", libc=""), target(python="3.8.0"), target(arch="aarch64")):
        assert _build.unfit(tags, HERE, one) == ""


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, ""),
        ({"python": "3.11.9", "libc": "glibc-2.31"}, ""),
        ({"libc": "glibc-2.16"}, "it is for manylinux_2_17_x86_64"),
        ({"python": "3.12.1"}, "python is 3.11, here 3.12"),
        ({"os": "windows", "libc": ""}, "os is linux, here windows"),
        ({"arch": "aarch64"}, "arch is x86_64, here aarch64"),
        ({"libc": "musl-1.2"}, "libc is glibc-2.36, here musl-1.2"),
        ({"implementation": "pypy"}, "implementation is cpython, here pypy"),
    ],
)
def test_compiled_wheel_fits_only_its_own_kind(fields, reason):
    assert _build.unfit(["cp311-cp311-manylinux_2_17_x86_64"], HERE, target(**fields)) == reason


def test_compiled_wheel_with_a_stable_or_no_abi_is_for_other_minor_versions_too():
    for tag in ("cp38-abi3", "py3-none"):
        assert _build.unfit([tag + "-manylinux_2_17_x86_64"], HERE, target(python="3.13.0")) == ""
        assert _build.unfit([tag + "-manylinux_2_17_x86_64"], HERE, target(os="windows", libc=""))


def test_only_linux_wheels_that_name_no_library_need_a_repair():
    assert _build.needs_repair(["cp311-cp311-linux_x86_64"])
    assert not _build.needs_repair(["cp311-cp311-manylinux2014_x86_64", "cp311-cp311-manylinux_2_17_x86_64"])
    assert not _build.needs_repair(["py3-none-any"])


def test_project_from_a_source_of_the_site_is_taken_from_nowhere_else():
    pins = [_lock.Pin("tool", "9.0", "b" * 64, "tool-9.0-py3-none-any.whl", 0, "https://h.example/tool-9.0.whl")]
    with pytest.raises(AirgapError, match="tool 9.0 from https://h.example/tool-9.0.whl was chosen"):
        _build.claim(pins, [built()], target())
    assert _build.claim(pins, [built(order={"name": "tool"})], target()) == pins


def test_origin_of_a_built_file_is_its_source():
    pins = [_lock.Pin("tool", "1.0", "a" * 64, "tool-1.0-py3-none-any.whl", 0, "file:///srv/tool-1.0-py3-none-any.whl")]
    assert _build.claim(pins, [built()], target())[0].origin == "built:x"


def test_digest_changes_with_the_content_of_a_built_wheel():
    assert _build.digest_lines([built()]) != _build.digest_lines([built(sha256="b" * 64)])


@pytest.mark.parametrize(
    "broken",
    [
        {"filename": "../x.whl"},
        {"origin": "/srv/x"},
        {"origin": "built:a b"},
        {"format": 2},
        {"size": "3"},
        {"tags": ["any"]},
    ],
)
def test_record_that_could_lead_elsewhere_is_refused(broken):
    with pytest.raises(AirgapError, match="Remove it"):
        built(**broken)


def test_refused_targets_are_named_with_their_reasons():
    wheel = built("tool-1.0-cp311-cp311-manylinux_2_17_x86_64.whl")
    targets = [target(name="same"), target(name="desktop", os="windows", libc="")]
    said = _build.told_unfit([wheel], ["tool"], targets)
    assert "desktop (os is linux, here windows)" in said
    assert "same" not in said
    assert _build.told_unfit([wheel], ["other"], targets) == ""


def test_of_a_source_folder_caches_and_output_stay_behind_and_packages_of_that_name_do_not():
    for path in (".git", "a/__pycache__", "a/b.pyc", "x.egg-info", "src/x.egg-info", ".venv"):
        assert _build.is_skipped(path, False), path
    assert _build.is_skipped("build", True)
    for path in ("build", "src/build", "dist.py", "a/.venv", "tool/git"):
        assert not _build.is_skipped(path, False), path
    assert not _build.is_skipped("src/build", True)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("ERROR: Cannot find command 'git' - do you have 'git' installed?", "Install git"),
        ("error: command 'gcc' failed: No such file or directory", "compiler"),
        ("ERROR: No matching distribution found for x==9", "check name and version"),
        (
            "  WARNING: Requested x from file:///s has inconsistent name: expected 'x', but metadata has 'y'",
            "itself has",
        ),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n  Expected sha256 aa\n  Got        " + "b" * 64,
            "Do not go on",
        ),
        ("  RuntimeError: no such header\nERROR: Failed to build", "no such header"),
    ],
)
def test_failure_says_its_reason_and_what_to_do(output, said):
    assert said in _build.why_not_built(output, _build.order({"name": "x"}))


def test_log_of_a_failed_build_is_named_with_its_path():
    assert "/srv/pip.log has all that the build said" in _build.why_not_built(
        "odd\n", _build.order({"name": "x"}), "/srv/pip.log"
    )


def test_library_that_auditwheel_does_not_find_is_named():
    output = (
        'INFO: {"libodd.so.7": null}\nTraceback:\n'
        'ValueError: Cannot repair wheel, because required library "libodd.so.7" could not be located\n'
    )
    assert "libodd.so.7" in _build.external(output)
    assert _build.grafted("DEBUG: Grafting: /lib/libodd.so.7 -> x.libs/libodd-1.so.7\n") == ["/lib/libodd.so.7"]


def test_commit_that_pip_built_is_read_from_what_it_says():
    output = "  Resolved https://h.example/x.git to commit %s\n  Running command\n" % COMMIT
    assert _build.resolved_commit(output) == COMMIT
    assert _build.resolved_commit("Cloning\n") == ""


@pytest.mark.parametrize(
    ("reference", "entry"),
    [
        ("", "{name: thing}"),
        (
            "git+https://u:pw@git.example/t.git@" + "a" * 40,
            '{name: thing, vcs: "git+https://git.example/t.git@%s"}' % ("a" * 40),
        ),
        (
            "git+ssh://git@git.example/t.git@v1#subdirectory=py/t",
            '{name: thing, vcs: "git+ssh://git@git.example/t.git@COMMIT#subdirectory=py/t"}, where COMMIT is what '
            "'git ls-remote ssh://git@git.example/t.git v1' prints",
        ),
        (
            "git+https://git.example/t.git",
            '{name: thing, vcs: "git+https://git.example/t.git@COMMIT"}, where COMMIT is what '
            "'git ls-remote https://git.example/t.git HEAD' prints",
        ),
        ("git+file:///srv/t.git@" + "a" * 40, '{name: thing, vcs: "git+file:///srv/t.git@%s"}' % ("a" * 40)),
        ("file:///srv/my%20thing", '{name: thing, source: "/srv/my thing"}'),
        ("../thing", "{name: thing, source: ../thing}"),
        (
            "https://host.example/thing-1.0.tar.gz?sig=secret#sha256=" + "b" * 64,
            "{name: thing, source: thing-1.0.tar.gz, sha256: %s}, where thing-1.0.tar.gz is a copy of "
            "https://host.example/thing-1.0.tar.gz on the control host" % ("b" * 64),
        ),
    ],
)
def test_entry_of_stage_build_is_ready_to_paste_and_has_no_secret(reference, entry):
    assert _build.build_entry("thing", reference) == entry
    pasted = yaml.safe_load(entry.split("}")[0] + "}")
    assert pasted["name"] == "thing"
    assert "COMMIT" in entry or _build.order({**pasted, "source_name": pasted.pop("source", "")}).name == "thing"


def test_only_a_file_that_is_called_a_wheel_is_one():
    assert _build.is_wheel("https://h/a-1-py3-none-any.whl?sig=x#sha256=0")
    for one in ("https://h/a.tar.gz?x=.whl", "git+https://h/a.whl", "file:///srv/a", "https://h/a.zip#egg=a.whl"):
        assert not _build.is_wheel(one)


def test_origin_of_an_sdist_has_no_signature():
    origin = _build.origin(_build.order({"name": "a"}), "https://u:pw@h/a-1.tar.gz?sig=canary#x", "c" * 64)
    assert origin == "built:https://h/a-1.tar.gz#sha256=" + "c" * 64


def test_constraints_on_what_builds_are_part_of_the_inputs_and_of_the_origin():
    plain = _build.order({"name": "a"})
    held = _build.order({"name": "a", "build_constraints": ["setuptools < 82", "cython<3"]})
    assert "build_constraints" not in _build.inputs(plain, "", HERE, "26.3")["order"]
    inputs = json.loads(json.dumps(_build.inputs(held, "", HERE, "26.3")))
    assert inputs == _build.inputs(held, "", HERE, "26.3")
    assert inputs["order"]["build_constraints"] == ["cython<3", "setuptools<82"]
    assert _build.origin(held, "https://h/a-1.tar.gz", "c" * 64) == (
        "built:https://h/a-1.tar.gz#sha256=%s&build-constraints=cython%%3C3,setuptools%%3C82" % ("c" * 64)
    )
    vcs = _build.order({"name": "a", "vcs": "git+https://h/a.git@" + COMMIT, "build_constraints": ["cython<3"]})
    assert _build.origin(vcs, "", "") == "built:git+https://h/a.git@%s#build-constraints=cython%%3C3" % COMMIT


@pytest.mark.parametrize(
    ("version", "answer"),
    [
        ("26.3", (["--build-constraint", "/c"], {})),
        ("25.3", (["--build-constraint", "/c"], {})),
        ("25.2", ([], {"PIP_CONSTRAINT": "/c"})),
        ("23.2.1", ([], {"PIP_CONSTRAINT": "/c"})),
    ],
)
def test_each_pip_is_given_constraints_on_what_builds_as_it_heeds_them(version, answer):
    held = _build.order({"name": "a", "build_constraints": ["cython<3"]})
    assert _build.constrain(held, version, "/c") == answer
    assert _build.constrain(_build.order({"name": "a"}), version, "/c") == ([], {})


@pytest.mark.parametrize("one", ["-r x", "setuptools", "x @ https://h/x.whl", "a<1 # b", "a<1@b", "a<1; x"])
def test_what_is_no_constraint_is_refused(one):
    with pytest.raises(AirgapError, match="no constraint"):
        _build.order({"name": "a", "build_constraints": [one]})
