# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pip is run, and which of its settings count: the same that pip itself says."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._pip import _command


@pytest.fixture(name="host")
def host_fixture(tmp_path, monkeypatch):
    """Return a function that writes a configuration file below a home of the test's own."""
    for key in [key for key in os.environ if key.startswith(("PIP_", "XDG_"))]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_DIRS", "%s:%s" % (tmp_path / "one", tmp_path / "two"))

    def write(path, timeout):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("[global]\ntimeout = %d\n" % timeout)
        return str(tmp_path / path)

    return write


def places():
    """Return the configuration files that pip itself says it reads, where it says each level, in its documented order."""
    out = subprocess.check_output([sys.executable, "-m", "pip", "config", "debug"], stderr=subprocess.DEVNULL).decode()
    found: dict = {}
    for line in out.splitlines():
        level = re.match(r"^([a-z_]+):$", line)
        if level:
            here = found.setdefault(level.group(1), [])
        elif re.match(r"^  .+, exists: ", line):
            here.append(line.strip().partition(", exists")[0])
    return [path for level in ("global", "user", "site", "env") for path in found.get(level, [])]


@pytest.mark.parametrize("named", [None, "named.conf", "missing.conf"])
@pytest.mark.parametrize("home", [None, "elsewhere"])
def test_configuration_files_are_those_that_pip_reports(host, tmp_path, monkeypatch, named, home):
    host("named.conf", 1)
    if named:
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / named))
    if home:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / home))
    assert _command.config_files(sys.prefix, os.environ) == places()


def test_the_strongest_configuration_file_applies(host, monkeypatch):
    files = ["one/pip/pip.conf", "two/pip/pip.conf", ".pip/pip.conf", ".config/pip/pip.conf"]
    for number, path in enumerate(files):
        host(path, number)
        assert _command.Pip(sys.executable, {}, None).settings["timeout"] == str(number)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert _command.Pip(sys.executable, {}, None).settings == {}


def test_pip_has_its_version_and_its_folder(host):
    pip = _command.Pip(sys.executable, {}, None)
    assert os.path.isdir(os.path.join(pip.folder, "pip", "_vendor"))
    assert re.match(r"\d+\.\d+", pip.version)


def test_interpreter_without_pip_is_named_with_the_fix(host, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    with pytest.raises(AirgapError, match="bare/bin/python has no pip.*virtualenv"):
        _command.Pip(str(tmp_path / "bare/bin/python"), {}, None)
