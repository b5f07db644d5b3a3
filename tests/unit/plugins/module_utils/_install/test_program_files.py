# SPDX-License-Identifier: GPL-3.0-or-later
"""install/ of a bundle holds exactly the files of this release that install.sh needs."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest
from ansible_collections.airgap.python.plugins.module_utils import _program_source
from ansible_collections.airgap.python.plugins.module_utils._bundle import _layout
from ansible_collections.airgap.python.plugins.module_utils._install import _program_files
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = pathlib.Path(__file__).resolve().parents[5]
SOURCES = ROOT / "plugins/module_utils"
PREFIX = "ansible_collections.airgap.python.plugins.module_utils."


def test_each_file_equals_that_of_the_release_byte_for_byte():
    for path, data in _program_files.release_files().items():
        assert data == (SOURCES / path[len("install/") :]).read_bytes()


def test_each_file_is_allowed_in_a_bundle():
    assert [path for path in _program_files.release_files() if not _layout.has_place(path)] == []


def test_files_are_exactly_those_that_the_program_loads():
    code = (
        "import sys, %s_install._program\n"
        "print(*(name[%d:].replace('.', '/') for name, one in sys.modules.items() if name.startswith(%r) and getattr(one, '__file__', None)))"
        % (PREFIX, len(PREFIX), PREFIX)
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        env=dict(os.environ, PYTHONPATH=str(ROOT / ".collections")),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout.split()
    assert sorted("install/%s.py" % name for name in loaded) == sorted(_program_files.release_files())


def test_the_program_needs_only_the_standard_library():
    code = "import sys\nsys.modules['ansible'] = None\nimport %s_install._program" % PREFIX
    environment = dict(os.environ, PYTHONPATH=str(ROOT / ".collections"))
    subprocess.run([sys.executable, "-S", "-c", code], env=environment, check=True)


@pytest.mark.parametrize(
    ("line", "paths"),
    [
        ("import json", set()),
        ("import %s_lock as lock" % PREFIX, {"_lock.py"}),
        ("from %s_lock import Pin, parse" % PREFIX, {"_lock.py", "_lock/Pin.py", "_lock/parse.py"}),
        ("from %s import _lock, _text" % PREFIX[:-1], {"_lock.py", "_text.py"}),
        ("def f():\n    from %s_bundle import verify" % PREFIX, {"_bundle.py", "_bundle/verify.py"}),
        ("from other.%s_x import y" % PREFIX, set()),
    ],
)
def test_imports_are_found_anywhere_in_a_source(line, paths):
    assert _program_source.imported_paths(line.encode()) == paths


def test_shell_script_of_the_role_is_short():
    script = (ROOT / "roles/stage/files/install.sh").read_text(encoding="utf-8")
    assert len(script.splitlines()) < 170


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(alphabet="aA_./-\n\u2028c\u0660", max_size=12))
def test_only_python_sources_are_allowed_in_install(name):
    if _layout.has_place("install/" + name):
        assert name.endswith(".py") and name.isascii() and "__pycache__" not in name
        assert all(part and part.strip("abcdefghijklmnopqrstuvwxyz0123456789_.") == "" for part in name.split("/"))


def test_texts_are_written_with_their_mode_and_only_when_they_change(tmp_path):
    texts = {"install.sh": (b"#!/bin/sh\n", 0o755), "README.md": (b"# Bundle\n", 0o644)}
    names = [os.path.basename(one["after_header"]) for one in _program_files.update(str(tmp_path), texts, True)]
    assert (names, os.listdir(str(tmp_path))) == (["install.sh", "README.md", "install"], [])
    assert len(_program_files.update(str(tmp_path), texts, False)) == 3
    assert _program_files.update(str(tmp_path), texts, False) == []
    os.chmod(str(tmp_path / "install.sh"), 0o700)
    again = _program_files.update(str(tmp_path), texts, False)
    assert [os.path.basename(one["after_header"]) for one in again] == ["install.sh"]
    assert (os.stat(tmp_path / "install.sh").st_mode & 0o777, (tmp_path / "README.md").read_bytes()) == (
        0o755,
        b"# Bundle\n",
    )


def test_without_the_script_its_program_is_left_as_it_is(tmp_path):
    _program_files.update(str(tmp_path), {"install.sh": (b"#!/bin/sh\n", 0o755)}, False)
    (tmp_path / "install" / "extra.py").write_bytes(b"")
    assert _program_files.update(str(tmp_path), {}, False) == []
    assert (tmp_path / "install" / "extra.py").exists()
