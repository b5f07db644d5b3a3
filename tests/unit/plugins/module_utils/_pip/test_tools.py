# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tools of the internet host: created once, checked without an index, installed without a password in a command line."""

from __future__ import annotations

import os
import stat

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._pip import _tools

URL = "https://user:secret-word@index.example/simple"


class Host:
    """Stands in for Ansible's module: it records commands, and creates what ``python -m venv`` creates."""

    def __init__(self, folder, check_mode=False, installed=True, has_venv=True):
        self.check_mode = check_mode
        self.no_log_values = set()
        self.installed = installed
        self.has_venv = has_venv
        self.commands = []
        self.variables = []
        self.params = {
            "folders": [str(folder / "bundle")],
            "virtualenv": str(folder / "venv"),
            "python": "/usr/bin/python3",
            "requirements": ["pip>=25.0", "jinja2"],
            "index_url": URL,
            "no_index": False,
            "find_links": [],
            "proxy": None,
            "cert": None,
        }

    def run_command(self, command, environ_update=None, **dummy):
        self.commands.append(command[1:])
        self.variables.append(environ_update)
        if command[1] == "-c":
            return int(not self.has_venv), "", "" if self.has_venv else "Traceback\nNo module named 'ensurepip'\n"
        if "venv" in command:
            for name in ("python", "pip"):
                path = os.path.join(command[-1], "bin", name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8"):
                    pass
        if "--dry-run" in command:
            return int(not self.installed), "", ""
        return 0, "", ""


def test_second_run_asks_no_index_and_changes_nothing(tmp_path):
    assert _tools.run_module(Host(tmp_path)) == {"changed": True, "exists": True}
    again = Host(tmp_path)
    assert _tools.run_module(again) == {"changed": False, "exists": True}
    assert [command[2:5] for command in again.commands] == [["install", "--dry-run", "--no-index"]]
    assert stat.S_IMODE(os.stat(tmp_path / "bundle").st_mode) == 0o755


def test_pip_is_upgraded_before_the_others_and_passwords_are_in_no_command(tmp_path):
    host = Host(tmp_path, installed=False)
    assert _tools.run_module(host)["changed"] is True
    installs = [command for command in host.commands if "--upgrade" in command]
    assert [command[command.index("--upgrade") + 1 :] for command in installs] == [
        ["pip>=25.0"],
        ["pip>=25.0", "jinja2"],
    ]
    assert host.variables[-1] == {"PIP_INDEX_URL": URL}
    assert "secret-word" in host.no_log_values
    assert not any("secret-word" in word for command in host.commands for word in command)


def test_check_mode_creates_nothing(tmp_path):
    host = Host(tmp_path, check_mode=True)
    assert _tools.run_module(host) == {"changed": True, "exists": False}
    assert os.listdir(str(tmp_path)) == []


def test_interpreter_that_cannot_create_an_environment_is_an_error_before_anything_is_created(tmp_path):
    with pytest.raises(AirgapError, match="No module named 'ensurepip'. Install python3-venv"):
        _tools.run_module(Host(tmp_path, has_venv=False))
    assert os.listdir(str(tmp_path)) == []


def test_folder_that_others_can_write_to_is_corrected(tmp_path):
    _tools.run_module(Host(tmp_path))
    os.chmod(str(tmp_path / "bundle"), 0o777)
    assert _tools.run_module(Host(tmp_path))["changed"] is True
    assert stat.S_IMODE(os.stat(tmp_path / "bundle").st_mode) == 0o755
