# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a server ended is read from its journal."""

from __future__ import annotations

import pytest
from ansible_collections.airgap.python.plugins.module_utils._index import _journal


@pytest.mark.parametrize(
    ("lines", "line", "fix"),
    [
        (
            [
                "Started devpi-server.service - devpi-server, the Python index of this site.",
                "Traceback (most recent call last):",
                '  File "/opt/airgap/x.py", line 3, in <module>',
                "    sys.exit(main())",
                "PermissionError: [Errno 13] Permission denied: '/var/lib/devpi-server/.nodeinfo'",
                "devpi-server.service: Main process exited, code=exited, status=1/FAILURE",
                "devpi-server.service: Failed with result 'exit-code'.",
            ],
            "PermissionError: [Errno 13] Permission denied: '/var/lib/devpi-server/.nodeinfo'",
            "owner",
        ),
        (
            ["OSError: [Errno 98] Address already in use", "2026 INFO NOCTX done"],
            "OSError: [Errno 98] Address already in use",
            "devpi_port",
        ),
        (
            [
                "devpi-server.service: Failed at step EXEC spawning /opt/x: No such file or directory",
                "Failed to start x",
            ],
            "devpi-server.service: Failed at step EXEC spawning /opt/x: No such file or directory",
            "is missing",
        ),
        (
            ["usage: devpi-server [-h]", "devpi-server: error: argument --threads: invalid int value: 'x'"],
            "--threads",
            "devpi_options",
        ),
        (
            ["fatal: The backend 'x' can't be found, is the plugin not installed?.", "Started x"],
            "fatal: The backend 'x' can't be found, is the plugin not installed",
            "devpi_options",
        ),
        (["x.service: Main process exited, code=killed, status=9/KILL"], "code=killed", ""),
        ([], "it wrote nothing", ""),
    ],
)
def test_the_one_line_that_explains_the_exit_is_reported(lines, line, fix):
    found, advice = _journal.explain_exit(lines)
    assert line in found and fix in advice


def test_option_that_devpi_only_warns_about_is_found():
    output = "NOCTX Unknown devpi-server option 'trheads' in /etc/x.yml\nNOCTX Unknown devpi-server option 'a-b' in /etc/x.yml\n"
    assert _journal.unknown_options(output) == ["a-b", "trheads"]
