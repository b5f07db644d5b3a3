# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of pip that are used here, each with its reason, and those that every call of pip gets. No I/O happens here."""

from __future__ import annotations

import typing as t

# Without this, pip prompts for a password and waits until the run is stopped.
NO_INPUT = "--no-input"
# The check for a newer pip is one more request, and its notice would be read as output.
NO_VERSION_CHECK = "--disable-pip-version-check"
# A bar is redrawn with control characters, which a log keeps.
NO_PROGRESS_BAR = "--progress-bar=off"
# Building a source runs its code.
ONLY_WHEELS = "--only-binary=:all:"
# Each file is compared with the hash in the lock or on the index; a file without one is refused.
REQUIRE_HASHES = "--require-hashes"
# The requirements are complete, so that pip must add nothing.
NO_DEPENDENCIES = "--no-deps"
# The user's cache must neither decide what is used nor be filled.
NO_CACHE = "--no-cache-dir"
# Everything is in find-links; there is no network.
NO_INDEX = "--no-index"
# Resolves without installing, as if nothing were installed here.
RESOLVE_ONLY = ("--dry-run", "--ignore-installed")
# Installs the same version again from another file.
REINSTALL = "--force-reinstall"

# The commands of pip that have --progress-bar.
_SHOW_PROGRESS = ("install", "download", "wheel")


def pip_arguments(command: str, *more: str) -> t.List[str]:
    """Return pip's arguments for a command: those of every call, then ``more``."""
    always = [NO_INPUT, NO_VERSION_CHECK]
    if command in _SHOW_PROGRESS:
        always.append(NO_PROGRESS_BAR)
    return [command, *always, *more]


def options(flag: str, values: t.Iterable[str]) -> t.List[str]:
    """Return an option for each of several values, such as those of --find-links."""
    return ["%s=%s" % (flag, value) for value in values]
