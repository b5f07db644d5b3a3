# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pip is asked to build, and what its output means."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve import _build_commands

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_build_requirements_are_everything_that_pip_installed():
    output = (
        "  Running command pip subprocess to install build dependencies\n"
        "  Installing collected packages: setuptools, ruamel.yaml\n"
        "2026-01-01T00:00:00,1   Successfully installed ruamel.yaml-0.18 setuptools-84.2.1\n"
        "  Installing collected packages: types-x-y\n"
        "  Successfully installed types-x-y-1.0.post1\n"
    )
    assert _build_commands.build_requirements(output) == [
        {"name": "ruamel-yaml", "version": "0.18"},
        {"name": "setuptools", "version": "84.2.1"},
        {"name": "types-x-y", "version": "1.0.post1"},
    ]
    assert _build_commands.build_requirements("Successfully built x\n") == []


def test_build_requirement_whose_version_pip_does_not_report_is_an_error():
    with pytest.raises(AirgapError, match="setuptools"):
        _build_commands.build_requirements("  Installing collected packages: setuptools\n  Installed it.\n")


def test_library_that_auditwheel_does_not_find_is_named():
    output = (
        'INFO: {"libodd.so.7": null}\nTraceback:\n'
        'ValueError: Cannot repair wheel, because required library "libodd.so.7" could not be located\n'
    )
    assert "libodd.so.7" in _build_commands.repair_failure(output)
    assert _build_commands.grafted_libraries("DEBUG: Grafting: /lib/libodd.so.7 -> x.libs/libodd-1.so.7\n") == [
        "/lib/libodd.so.7"
    ]


def test_commit_that_pip_built_is_read_from_its_output():
    output = "  Resolved https://h.example/x.git to commit %s\n  Running command\n" % COMMIT
    assert _build_commands.resolved_commit(output) == COMMIT
    assert _build_commands.resolved_commit("Cloning\n") == ""
