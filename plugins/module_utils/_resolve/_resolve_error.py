# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The failures of a resolution that callers tell apart."""

from __future__ import annotations

from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError


class ResolveError(AirgapError):
    """Something cannot be resolved or fetched; the message names it, the reason and the fix.

    ``output`` is the whole output of the engine, if the engine failed.
    """

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(*message.split("\n"))
        self.output = output


class UnreadError(ResolveError):
    """An index did not answer about a project, so that it is unknown whether the index has it."""


class RefusedError(ResolveError):
    """A requirement by URL, repository or folder that an engine refused.

    ``asker`` is the wheel or project that requires it, "" for a requirement or constraint of the set.
    """

    def __init__(self, name: str, reference: str, asker: str) -> None:
        super().__init__("%s @ %s is refused" % (name, reference))
        self.name = name
        self.reference = reference
        self.asker = asker
