# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that are not as one would like: each gets its set, or says in one line why not, with nothing changed."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests.integration import interpreters
from tests.integration.simple_index import make_wheel
from tests.integration.test_closure import COLLECTIONS, RUN
from tests.integration.test_requirement_sets import (  # noqa: F401  # pylint: disable=unused-import
    action,
    app,
    empty_fixture,
    home_fixture,
    node_fixture,
    pip_fixture,
)

# Anyone else.
NOBODY = 65534


def run_after(node, commands, environment=None, **options):
    """Run the module after shell commands in a mount namespace of its own; skips the test where there can be none."""
    if subprocess.run(["unshare", "--mount", "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this needs root and a mount namespace of its own")
    command = [sys.executable, "-c", RUN, "requirement_sets", json.dumps(node.arguments(**options)), COLLECTIONS]
    shell = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", commands + '\nexec "$@"', "sh", *command]
    done = subprocess.run(shell, stdout=subprocess.PIPE, check=False, env=dict(os.environ, **(environment or {})))
    assert done.stdout, "the commands before the module failed"
    return json.loads(done.stdout)


def in_one_line(result):
    """Return the message of a run that failed, which has one line."""
    assert result.get("failed") and "\n" not in result["msg"], result
    return result["msg"]


@pytest.mark.parametrize("version", interpreters.each())
def test_each_python_gets_a_set_whatever_python_ansible_uses(empty, version):
    empty.python = interpreters.find(version)
    name, data = interpreters.pip(empty.python)
    empty.set_lock("airgap-pip", [(name, data)])
    assert action(empty.install()) == "built"
    assert empty.serves() == "1.0"
    done = subprocess.run(
        [str(empty.root / "base/bin/python"), "-m", "pip", "--version"], stdout=subprocess.PIPE, check=True
    )
    assert ("(python %s)" % version) in done.stdout.decode() and str(empty.root / "base") in done.stdout.decode()
    assert not empty.install()["changed"]


def test_python_without_venv_is_named_and_without_pip_is_enough(empty, tmp_path):
    python = tmp_path / "python"
    real = 'case "$*" in *"-m %s"*) echo "No module named %s" >&2; exit 1;; esac\nexec ' + sys.executable + ' "$@"\n'
    python.write_text("#!/bin/sh\n" + real % ("venv", "venv"))
    python.chmod(0o755)
    empty.python = str(python)
    message = in_one_line(empty.install())
    assert "%s cannot create a virtual environment at %s/base: No module named venv" % (python, empty.root) in message
    assert "Install it (Debian: python3-venv), or name another interpreter" in message
    assert not empty.root.exists()
    python.write_text("#!/bin/sh\n" + real % ("pip", "pip") + real % ("ensurepip", "ensurepip"))
    assert action(empty.install()) == "built"


def test_python_that_is_not_there_is_named_with_the_option(empty):
    empty.python = "/nonexistent/bin/python3"
    message = in_one_line(empty.install())
    assert "There is no usable Python at /nonexistent/bin/python3: No such file or directory." in message
    assert not empty.root.exists()


def test_folder_that_cannot_be_written_is_named_and_what_is_right_needs_no_writing(empty, node):
    read_only = "mount --bind %s %s; mount -o remount,bind,ro %s" % ((node.root.parent,) * 3)
    assert run_after(node, read_only)["changed"] is False
    node.set_lock("base", app("2.0"))
    message = in_one_line(run_after(node, read_only))
    assert "Read-only file system" in message and str(node.root) in message
    assert node.serves() == "1.0" and len(node.environments()) == 1


def test_tmp_from_which_nothing_can_be_run_is_enough(empty, tmp_path):
    (tmp_path / "tmp").mkdir()
    places = {"TMPDIR": str(tmp_path / "tmp"), "HOME": str(tmp_path / "tmp")}
    result = run_after(empty, "mount -t tmpfs -o noexec tmpfs %s" % (tmp_path / "tmp"), places)
    assert action(result) == "built" and empty.serves() == "1.0"


def test_strict_umask_does_not_keep_others_from_using_a_set(empty):
    result = run_after(empty, "umask 077", bin_dir=str(empty.root.parent / "bin"))
    assert action(result) == "built"
    for path in [empty.root, empty.root.parent / "bin", *empty.root.rglob("*")]:
        if not path.is_symlink():
            assert path.stat().st_mode & (0o005 if path.is_dir() else 0o004), path


def test_disk_that_fills_up_leaves_what_served_and_is_named(node, tmp_path):
    """The environment that serves fits on the disk, and a second one does not."""
    size = sum(path.lstat().st_size for path in node.root.rglob("*"))
    kept = tmp_path / "kept"
    kept.mkdir()
    small = "mkdir %s/opt; mount -t tmpfs -o size=%d tmpfs %s/opt; cp -a %s/. %s/opt; mount --bind %s/opt %s" % (
        (kept, size * 3 // 2) + (kept, node.root, kept, kept, node.root)
    )
    look = "\n%s/base/bin/python -I -c 'import app; print(app.version)'; ls %s/.sets/base"
    node.set_lock("base", app("2.0"))
    command = [sys.executable, "-c", RUN, "requirement_sets", json.dumps(node.arguments()), COLLECTIONS]
    shell = small + '\n"$@" || true\necho' + look % (node.root, node.root)
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-ec", shell, "sh", *command],
        stdout=subprocess.PIPE,
        check=False,
    )
    if not done.stdout:
        pytest.skip("this needs root and a mount namespace of its own")
    answer, version, *names = [line for line in done.stdout.decode().split("\n") if line]
    message = in_one_line(json.loads(answer))
    assert "the disk is full: %s has " % node.root in message and " bytes free" in message
    assert version == "1.0" and sorted(names) == sorted([*node.environments(), "history"])


def test_user_who_owns_an_environment_is_not_trusted_with_the_next_one(node):
    if os.geteuid() != 0:
        pytest.skip("only root can give files to another user")
    owner = {"owner": str(NOBODY), "group": str(NOBODY), "file_mode": "0640"}
    assert action(node.install(**owner)) == "changed"
    folder = (node.root / "base").resolve()
    for path in [folder, *folder.rglob("*")]:
        status = path.lstat()
        assert (status.st_uid, status.st_gid) == (NOBODY, NOBODY), path
        if path.is_dir() and not path.is_symlink():
            assert status.st_mode & 0o777 == 0o750, path
    assert node.root.lstat().st_uid == 0 and (node.root / "base").lstat().st_uid == 0
    assert not node.install(**owner)["changed"]
    # What a user wrote there would be run by root in a copy.
    pth = next(folder.glob("lib/python*/site-packages")) / "evil.pth"
    pth.write_text("import os; open('%s', 'w')\n" % (node.root / "evil"))
    node.set_lock("base", app("2.0"))
    result = node.install(**owner)
    assert action(result) == "built" and "others can change it: user %d owns it" % NOBODY in result["sets"][0]["reason"]
    assert not (node.root / "evil").exists() and not list((node.root / "base").resolve().rglob("evil.pth"))


def test_programs_are_linked_into_a_folder_and_files_of_others_stay(node, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "other").write_text("mine")
    node.set_lock("other", [make_wheel("other", "1", programs=["other", "another"])])
    result = node.install(bin_dir=str(folder))
    assert action(result, "other") == "built"
    assert "something else created a file of that name" in str(result["warnings"][0])
    assert sorted(os.listdir(str(folder))) == ["another", "app", "other"]
    done = subprocess.run([str(folder / "app")], stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"1.0\n" and (folder / "other").read_text() == "mine"
    assert not node.install(bin_dir=str(folder))["changed"]
    node.set_lock("base", [make_wheel("app", "2.0", programs=["app2"])])
    node.install(bin_dir=str(folder), bin_sets=["base"])
    assert sorted(os.listdir(str(folder))) == ["app2", "other"]
    node.install(rollback=["base"], sets=[], bin_dir=str(folder), bin_sets=["base"])
    assert sorted(os.listdir(str(folder))) == ["app", "other"]
    second = tmp_path / "second"
    assert node.install(bin_dir=str(second))["changed"]
    assert os.listdir(str(folder)) == ["other"] and "app2" in os.listdir(str(second))
    assert node.install()["changed"] and os.listdir(str(second)) == []


def test_what_is_installed_is_compiled_where_that_is_asked_for(node):
    assert not list((node.root / "base").resolve().rglob("app.*.pyc"))
    node.set_lock("base", app("2.0"))
    node.install(compile=True)
    assert list((node.root / "base").resolve().rglob("app.*.pyc"))


def test_set_is_installed_into_an_interpreter_itself_where_that_is_asked_for_by_name(empty, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "system")], check=True)
    empty.python = str(tmp_path / "system/bin/python")
    result = empty.install(system=["base"])
    assert action(result) == "installed" and result["sets"][0]["path"] == empty.python
    code = [empty.python, "-I", "-c", "import app; print(app.version)"]
    assert subprocess.run(code, stdout=subprocess.PIPE, check=True).stdout == b"1.0\n"
    assert not (empty.root / "base").exists()
    before = len(empty.index.requests)
    assert not empty.install(system=["base"])["changed"] and len(empty.index.requests) == before
    empty.set_lock("base", [*app("2.0")[:1], make_wheel("part", "1.0", payload=b"#")])
    assert empty.install(system=["base"])["sets"][0]["changes"] == ["app 1.0 becomes 2.0"]
    assert subprocess.run(code, stdout=subprocess.PIPE, check=True).stdout == b"2.0\n"
    part = next(pathlib.Path(tmp_path / "system/lib").glob("python*/site-packages/part.py"))
    assert part.read_bytes().endswith(b"#")
    part.write_text("version = '6.6.6'\n")
    assert not empty.install(system=["base"])["changed"]
    assert action(empty.install(system=["base"], repair=["base"])) == "installed"
    assert part.read_bytes().endswith(b"#")
    empty.index.files[make_wheel("app", "3.0")[0]] = b"something else"
    empty.locks["base"] = empty.locks["base"].replace("2.0", "3.0")
    assert empty.install(system=["base"])["failed"]
    assert subprocess.run(code, stdout=subprocess.PIPE, check=True).stdout == b"2.0\n"
    empty.install(state="absent", sets=["base"], all=True, system=["base"])
    assert subprocess.run(code, stdout=subprocess.PIPE, check=True).stdout == b"2.0\n"


def test_interpreter_that_the_system_reserves_is_left_alone(empty, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "system")], check=True)
    empty.python = str(tmp_path / "system/bin/python")
    code = "import sysconfig; print(sysconfig.get_path('stdlib'))"
    stdlib = subprocess.run([empty.python, "-c", code], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    mark = "mount -t overlay -o lowerdir=%s,upperdir=%s/up,workdir=%s/work overlay %s; touch %s/EXTERNALLY-MANAGED" % (
        (stdlib, tmp_path, tmp_path) + (stdlib, stdlib)
    )
    mark = "mkdir %s/up %s/work; " % (tmp_path, tmp_path) + mark
    probe = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", mark]
    if subprocess.run(probe, check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this machine mounts no overlay, so no interpreter can be marked for this test alone")
    mark = mark.replace("mkdir", "mkdir -p")
    message = in_one_line(run_after(empty, mark, system=["base"]))
    assert "because the system reserves it for its own packages (%s/EXTERNALLY-MANAGED, PEP 668)" % stdlib in message
    assert not empty.root.exists()
    assert action(run_after(empty, mark, system=["base"], break_system_packages=True)) == "installed"
