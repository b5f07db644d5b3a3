# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of an environment finds every difference from its lock, and nothing where there is none."""

from __future__ import annotations

import base64
import hashlib
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _hashes
from ansible_collections.airgap.python.plugins.module_utils._install import _venv_plan
from ansible_collections.airgap.python.plugins.module_utils._site import _environment_check, _node_check
from ansible_collections.airgap.python.plugins.module_utils._wheels import _lock

PIN = _lock.Pin("demo", "1.0", "a" * 64, "demo-1.0-py3-none-any.whl", 10)
LOCK = _lock.render([PIN], "node", "x")
SHA256 = _hashes.sha256_bytes(LOCK.encode())
FILES = {"demo/__init__.py": "VALUE = 1\n", "demo/more.py": "", "../../../bin/demo": "#!x\n"}
LIB = "lib/python%d.%d/site-packages" % sys.version_info[:2]


def run(argv: t.List[str], data: str) -> t.Tuple[int, str, str]:
    """Run a command, apart from pip check, which has no pip here."""
    if argv[2:4] == ["-m", "pip"]:
        return 0, "", ""
    done = subprocess.run(argv, input=data, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


class Environment:
    """A virtual environment with one project, as an installation leaves it."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(path)], check=True)
        self.folder = path / LIB
        self.install(
            "demo", "1.0", {"demo/__init__.py": "VALUE = 1\n", "demo/more.py": "", "../../../bin/demo": "#!x\n"}
        )
        (path / _venv_plan.OWNER_FILE).write_text(_venv_plan.OWNER_TEXT)
        (path / _venv_plan.LOCK_COPY).write_text(LOCK)
        self.path.chmod(0o755)

    def install(self, name: str, version: str, files: t.Dict[str, str]) -> None:
        """Write the files of a project and its RECORD."""
        info = "%s-%s.dist-info" % (name, version)
        lines = []
        for file, text in dict(files, **{info + "/METADATA": "Name: %s\nVersion: %s\n" % (name, version)}).items():
            place = self.folder / file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            lines.append("%s,sha256=%s,%d\n" % (file, digest, len(text)))
        lines += ["%s/RECORD,,\n" % info, "%s/__pycache__/__init__.cpython-311.pyc,,\n" % name]
        (self.folder / info / "RECORD").write_text("".join(lines))

    def check(self, in_full: bool = True, wanted: str = SHA256) -> t.Tuple[str, ...]:
        """Return the problems that the check finds."""
        return _environment_check.check(str(self.path), wanted, run, in_full).problems


@pytest.fixture
def environment(tmp_path: pathlib.Path) -> Environment:
    return Environment(tmp_path / "base")


@pytest.mark.parametrize("in_full", [True, False])
def test_what_an_installation_left_is_right(environment: Environment, in_full: bool) -> None:
    assert environment.check(in_full) == ()


def test_a_link_to_an_environment_is_right(environment: Environment, tmp_path: pathlib.Path) -> None:
    (tmp_path / "link").symlink_to(environment.path)
    assert _environment_check.check(str(tmp_path / "link"), SHA256, run, True).problems == ()


@pytest.mark.parametrize("in_full", [True, False])
def test_a_missing_file_is_named(environment: Environment, in_full: bool) -> None:
    (environment.folder / "demo/more.py").unlink()
    assert environment.check(in_full) == ("files are missing: %s/demo/more.py" % LIB,)


@pytest.mark.parametrize("in_full", [True, False])
def test_a_changed_file_is_named(environment: Environment, in_full: bool) -> None:
    (environment.folder / "demo/__init__.py").write_text("VALUE = 12\n")
    assert environment.check(in_full) == ("files were changed: %s/demo/__init__.py" % LIB,)


def test_a_changed_file_of_the_same_size_and_time_is_found_by_its_hash(environment: Environment) -> None:
    file = environment.folder / "demo/__init__.py"
    before = file.stat()
    file.write_text("VALUE = 2\n")
    os.utime(file, (before.st_atime, before.st_mtime))
    assert environment.check(False) == ()
    assert environment.check() == ("files were changed: %s/demo/__init__.py" % LIB,)


def test_a_changed_program_is_named(environment: Environment) -> None:
    (environment.path / "bin/demo").write_text("#!y\n")
    assert environment.check() == ("files were changed: bin/demo",)


def test_a_file_that_nothing_installed_is_named(environment: Environment) -> None:
    (environment.folder / "sitecustomize.py").write_text("")
    (environment.path / "bin/more").write_text("")
    assert environment.check() == ("files do not belong there: bin/more, %s/sitecustomize.py" % LIB,)


def test_compiled_files_are_not_compared(environment: Environment) -> None:
    (environment.folder / "demo/__pycache__").mkdir(exist_ok=True)
    (environment.folder / "demo/__pycache__/more.cpython-311.pyc").write_bytes(b"x")
    assert environment.check() == ()


def test_a_package_in_another_version_is_named_with_both(environment: Environment) -> None:
    info = environment.folder / "demo-1.0.dist-info"
    record = (info / "RECORD").read_text().replace("demo-1.0", "demo-2.0")
    (info / "RECORD").write_text(record)
    info.rename(environment.folder / "demo-2.0.dist-info")
    assert environment.check() == ("in another version: demo (2.0, and its lock has 1.0)",)


def test_packages_that_are_missing_or_too_many_are_named(environment: Environment) -> None:
    environment.install("extra", "3", {})
    pins = [PIN, PIN._replace(name="gone")]
    projects = _environment_check.read_projects(str(environment.path))
    assert _environment_check.compare_versions(projects, pins) == [
        "gone missing",
        "installed and not in its lock: extra",
    ]
    assert _environment_check.compare_versions(projects, pins, is_additive=True) == ["gone missing"]


def test_a_damaged_record_is_named(environment: Environment) -> None:
    (environment.folder / "demo-1.0.dist-info/RECORD").write_text("demo/__init__.py,,x\n")
    found = environment.check()
    assert found[0] == "the list of files (RECORD) is missing or damaged: demo"


def test_a_package_that_cannot_be_imported_is_named_with_the_reason(environment: Environment) -> None:
    environment.install("demo", "1.0", dict(FILES, **{"demo/__init__.py": "import none_such\n"}))
    assert environment.check() == ("cannot be imported: demo (ModuleNotFoundError: No module named 'none_such')",)
    assert _environment_check.check(str(environment.path), SHA256, run, True, ["demo"]).problems == ()


def test_a_package_that_ends_python_does_not_hide_the_others(environment: Environment) -> None:
    environment.install("demo", "1.0", dict(FILES, **{"demo/__init__.py": "import os; os.abort()\n"}))
    environment.install("other", "1.0", {"other.py": "1 / 0\n"})
    lock = _lock.render([PIN, PIN._replace(name="other", filename="other-1.0-py3-none-any.whl")], "node", "x")
    (environment.path / _venv_plan.LOCK_COPY).write_text(lock)
    assert environment.check(wanted="") == (
        "cannot be imported: demo (the import ended with signal 6), other (ZeroDivisionError: division by zero)",
    )


def test_another_lock_than_that_of_the_bundle_is_a_problem(environment: Environment) -> None:
    assert environment.check(wanted="b" * 64) == (
        "it has the packages of another lock than that of the bundle that is served",
    )


def test_what_is_no_complete_environment_is_not_checked_further(environment: Environment) -> None:
    (environment.path / _venv_plan.LOCK_COPY).unlink()
    assert environment.check() == ("an earlier run did not complete it",)
    (environment.path / _venv_plan.OWNER_FILE).unlink()
    assert environment.check() == ("it was not created by this collection",)
    environment.path.rename(environment.path.parent / "away")
    assert environment.check() == ("it does not exist",)


def test_nothing_is_run_in_an_environment_that_others_can_change(environment: Environment) -> None:
    environment.path.chmod(0o777)
    (environment.path / "bin/python").unlink()
    assert environment.check() == ("others can change it: its mode 0777 lets others write",)


def test_the_python_of_an_environment_must_run(environment: Environment) -> None:
    (environment.path / "bin/python").unlink()
    (environment.path / "bin/python").symlink_to("/bin/false")
    assert environment.check(False) == ("its Python does not run: no output",)


def test_many_names_are_counted() -> None:
    assert _environment_check.few(list("abcdefgh")) == "a, b, c, d, e and 3 more"


def test_the_sets_of_a_node_are_those_of_the_targets_of_their_interpreters() -> None:
    options = {
        "sets": [
            {"name": "one", "targets": ["node"]},
            {"name": "two", "targets": ["other"]},
            {"name": "all"},
            {"name": "sys"},
        ],
        "python": "/usr/bin/python3",
        "pythons": {"two": "/opt/python"},
        "system": ["sys"],
        "only": [],
    }
    targets = {"/usr/bin/python3": "node", "/opt/python": "other"}
    assert _node_check.sets_of(options, targets) == [
        ("one", "node"),
        ("two", "other"),
        ("all", "node"),
        ("sys", "node"),
    ]
    assert _node_check.sets_of(dict(options, only=["all"]), targets) == [("all", "node")]
    assert _node_check.sets_of(options, dict.fromkeys(targets, "")) == []


def test_the_canary_is_the_smallest_file() -> None:
    assert _node_check.smallest([PIN, PIN._replace(name="tiny", size=1)]) == PIN._replace(name="tiny", size=1)
    assert _node_check.smallest([]) is None
