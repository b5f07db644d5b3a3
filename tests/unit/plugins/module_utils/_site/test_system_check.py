# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of a set in an interpreter finds differences of the set's packages, and leaves those of the system alone."""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest
from ansible_collections.airgap.python.plugins.module_utils._site import _environment_check, _system_check

from tests.unit.plugins.module_utils._site.test_environment_check import LOCK, SHA256, Environment, run


class Interpreter(Environment):
    """A Python of its own that stands for that of the system, with a project of the set and one of the system."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__(path)
        self.install("distro_tool", "1.0", {"distro_tool.py": "raise RuntimeError\n"})
        self.root = path.parent / "opt"
        (self.root / ".system").mkdir(parents=True)
        (self.root / ".system/demo.txt").write_text(LOCK)

    def checked(self, in_full: bool = True, wanted: str = SHA256) -> _environment_check.Checked:
        """Return what the check finds."""
        python = str(self.path / "bin/python")
        return _system_check.check(str(self.root), "demo", python, wanted, run, in_full)


@pytest.fixture
def interpreter(tmp_path: pathlib.Path) -> Interpreter:
    return Interpreter(tmp_path / "system")


@pytest.mark.parametrize("in_full", [True, False])
def test_packages_of_the_set_alone_are_looked_at(interpreter: Interpreter, in_full: bool) -> None:
    found = interpreter.checked(in_full)
    assert (found.problems, found.packages, found.is_current) == ((), 1, True)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda one: (one.folder / "demo/more.py").unlink(), "files are missing: "),
        (lambda one: (one.folder / "demo/more.py").write_text("x"), "files were changed: "),
        (lambda one: (one.folder / "demo-1.0.dist-info/METADATA").unlink(), "demo missing"),
        (lambda one: (one.root / ".system/demo.txt").unlink(), "it was not installed into this interpreter"),
        (lambda one: (one.root / ".system/demo.txt").write_text("x"), "the copy of its lock is damaged"),
    ],
)
def test_each_difference_is_named(
    interpreter: Interpreter, change: t.Callable[[Interpreter], object], problem: str
) -> None:
    change(interpreter)
    assert problem in "; ".join(interpreter.checked().problems)


def test_changed_file_of_the_same_size_and_time_is_found_by_its_hash(interpreter: Interpreter) -> None:
    file = interpreter.folder / "demo/__init__.py"
    before = file.stat()
    file.write_text("VALUE = 2\n")
    os.utime(file, (before.st_atime, before.st_mtime))
    assert interpreter.checked(in_full=False).problems == ()
    assert "demo/__init__.py" in interpreter.checked().problems[0]


def test_package_that_cannot_be_imported_is_named(interpreter: Interpreter) -> None:
    interpreter.install("demo", "1.0", {"demo/__init__.py": "import nothing_of_that_name\n"})
    os.utime(interpreter.root / ".system/demo.txt")
    assert "cannot be imported: demo (ModuleNotFoundError" in interpreter.checked().problems[0]


def test_another_lock_than_that_of_the_bundle_is_a_problem(interpreter: Interpreter) -> None:
    assert "another lock" in interpreter.checked(wanted="b" * 64).problems[0]
