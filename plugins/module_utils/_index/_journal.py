# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why devpi-server did not start, from what it wrote to the journal."""

from __future__ import annotations

import re
import typing as t

_CAUSES = (
    (
        r"Permission denied|PermissionError|Operation not permitted",
        "The account or the unit's sandbox may not do that: check the owner and the mode of the path ('ls -ld').",
    ),
    (r"Address already in use|Errno 98", "Something else listens on that address. Stop it, or set devpi_port."),
    (
        r"Cannot assign requested address|Errno 99|Address family not supported",
        "This host does not have that address. Set devpi_host.",
    ),
    (r"No space left on device|Errno 28|disk I/O error|disk is full", "A disk is full: 'df -h' shows which."),
    (
        r"Unknown devpi-server option|unrecognized arguments|You can use either|invalid (?:\w+ )?value",
        "Correct devpi_options.",
    ),
    (
        r"Failed to set up mount namespacing|status=226",
        "A folder of the unit is missing, or this container forbids it.",
    ),
    (r"No such file or directory|Failed at step EXEC|status=203", "Something that it needs is missing."),
    (
        r"ModuleNotFoundError|ImportError|cannot open shared object|failed to map segment",
        "Stage the bundle for this host's target again.",
    ),
    (r"MemoryError|Cannot allocate memory|oom", "It needs more memory, or a smaller devpi_argon2_memory_cost."),
    (r"\bfatal: ", "Correct what the message names, in devpi_options or devpi_config_dir."),
)
_NOISE = re.compile(
    r"^\s*$|^(Started|Starting|Stopping|Stopped|Failed to start) |^Traceback|^  |: (Failed with result|Main process exited|Scheduled restart|"
    r"Consumed|Control process exited|Deactivated|Service has no|Start request)|INFO|^\s*(raise|return|File) |^During handling|^The above"
)


def explain_exit(lines: t.Sequence[str]) -> t.Tuple[str, str]:
    """Return the one line that explains why the server ended, and the fix."""
    relevant = [line.strip() for line in lines if not _NOISE.search(line)]
    for cause, fix in _CAUSES:
        for line in reversed(relevant):
            if re.search(cause, line):
                return _short(line), fix
    exits = [line.strip() for line in lines if "exited, code=" in line]
    last = (relevant or exits or ["it wrote nothing"])[-1]
    return _short(last), "Read the journal before that line."


def unknown_options(output: str) -> t.List[str]:
    """Return the options that devpi-server does not know; it only warns of them."""
    return sorted(set(re.findall(r"Unknown devpi-server option '?([^' ]+)'?", output)))


def _short(line: str, width: int = 300) -> str:
    line = re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip(" .?!")
    return line if len(line) <= width else line[: width - 1] + "…"
