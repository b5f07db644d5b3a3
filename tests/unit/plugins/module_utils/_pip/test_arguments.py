# SPDX-License-Identifier: GPL-3.0-or-later
"""Every call of pip gets the same flags, and each of them from one place."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest
from ansible_collections.airgap.python.plugins.module_utils._pip import _arguments

PLUGINS = pathlib.Path(_arguments.__file__).parent.parent


@pytest.mark.parametrize("command", ["install", "download", "wheel", "uninstall"])
def test_pip_never_prompts_checks_for_no_newer_version_and_draws_no_bar(command):
    arguments = _arguments.pip_arguments(command, "more")
    assert arguments[0] == command
    assert {"--no-input", "--disable-pip-version-check"} < set(arguments)
    assert ("--progress-bar=off" in arguments) == (command != "uninstall")
    assert arguments[-1] == "more"
    said = subprocess.run(
        [sys.executable, "-m", "pip", *arguments[:-1], "--help"], check=False, capture_output=True, text=True
    )
    assert "no such option" not in said.stderr
    assert said.returncode == 0


def test_flags_of_every_call_are_written_in_one_place():
    flags = _arguments.pip_arguments("install")[1:]
    pattern = re.compile("|".join(re.escape(flag.partition("=")[0]) for flag in flags))
    found = [path.name for path in PLUGINS.rglob("*.py") if pattern.search(path.read_text(encoding="utf-8"))]
    assert found == ["_arguments.py"]
