# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requirements of one set as an engine reads them, and the lines of the user's files that its messages mean."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.airgap.python.plugins.module_utils._resolve import (
    _requirement,
    _requirement_checks,
    _requirements_file,
)

REQUIREMENTS = "requirements.txt"
CONSTRAINTS = "constraints.txt"
# The place of requirements that are an option of the module: there is no file to name.
OPTION = "requirements"
# What each entry of the option sets has, for a module's argument_spec.
SET: t.Dict[str, t.Any] = {
    "name": {"type": "str", "required": True},
    "requirements": {"type": "list", "elements": "str", "default": []},
    "requirements_lines": {"type": "list", "elements": "str", "default": []},
    "constraints_lines": {"type": "list", "elements": "str", "default": []},
    "targets": {"type": "list", "elements": "str", "required": True},
}


class EngineInputs(t.NamedTuple):
    """What an engine reads: files of requirements, files of constraints, and folders with wheels."""

    requirements: t.Sequence[str]
    constraints: t.Sequence[str]
    find_links: t.Sequence[str]


class Inputs:
    """Requirements and constraints of all files, written to two files in a scratch folder, one per line."""

    def __init__(self, parsed: _requirements_file.Parsed, built: t.Mapping[str, t.Tuple[str, str]]) -> None:
        self.requirements = parsed.requirements
        self.constraints = parsed.constraints
        self.built = built
        self.where: t.Dict[str, str] = {}
        for line in reversed(parsed.requirements + parsed.constraints):
            self.where[line.text] = line.where

    def check(self, read: t.Callable[[str], t.Any]) -> None:
        """Raise AirgapError for all lines that no engine can read; ``read`` raises ValueError (PEP 508)."""
        _requirement_checks.refuse_unreadable(self.requirements + self.constraints, read)

    def write(self, folder: str) -> t.Tuple[t.List[str], t.List[str]]:
        """Write the files for an engine; return those of requirements, and those of constraints.

        pip and uv differ in which files they read, and how; both read these.
        """
        paths: t.Tuple[t.List[str], t.List[str]] = ([], [])
        is_hashed = any(line.hashes for line in self.requirements)
        # If one constraint has a hash, pip requires one of everything; the chosen files are compared here instead.
        constraints = [line._replace(hashes=()) for line in self.constraints]
        for found, name, lines in zip(paths, (REQUIREMENTS, CONSTRAINTS), (self.requirements, constraints)):
            # uv warns of an empty file of constraints.
            if lines or name == REQUIREMENTS:
                found.append(os.path.join(folder, name))
                with open(found[0], "w", encoding="utf-8") as stream:
                    for line in lines:
                        stream.write(_requirement.engine_line(line, self.built, is_hashed) + "\n")
        return paths

    def label(self, text: str) -> str:
        """Return a requirement with its place, if it is in a file."""
        where = self.where.get(text, OPTION)
        return text if where == OPTION else "%s (%s)" % (text, where)

    def place_in(self, message: str, requirement: str) -> str:
        """Return a message of the closure check in which a requirement or constraint has its place."""
        return re.sub(
            r"(the (?:requirement|constraint) )%s" % re.escape(requirement),
            lambda match: match.group(1) + self.label(requirement),
            message,
            count=1,
            flags=re.IGNORECASE,
        )

    def relocate(self, message: str, folder: str) -> str:
        """Return an engine's message in which lines of the scratch files are replaced by those of the user's files."""
        lines = {REQUIREMENTS: self.requirements, CONSTRAINTS: self.constraints}

        def line_of(match: t.Match[str]) -> str:
            some, number = lines[match.group("name")], int(match.group("number"))
            return self.label(some[number - 1].text) if 0 < number <= len(some) else match.group()

        scratch_file = re.escape(folder + os.sep) + r"(?:[^\s/]+/)?"
        message = re.sub(
            r"(?:-[rc] )?%s(?P<name>%s|%s) \(line (?P<number>\d+)\)" % (scratch_file, REQUIREMENTS, CONSTRAINTS),
            line_of,
            message,
        )
        return re.sub(r"`?%s\S*`?" % scratch_file, "the set's requirements", message)

    def places(self, output: str) -> t.List[str]:
        """Return the lines, with their places, that the output of a failed engine names."""
        found = []
        for mentioned in _requirement.mentioned_requirements(output):
            for line in self.requirements + self.constraints:
                if line.where != OPTION and line.where in _requirement.places_of([line], mentioned):
                    found.append(self.label(line.text))
        return list(dict.fromkeys(found))

    def unmet_lines(self, unmet: t.Mapping[str, t.Iterable[str]]) -> t.Dict[str, t.List[str]]:
        """Return, from target to requirements that no file meets there, each such line with its targets."""
        lines: t.Dict[str, t.List[str]] = {}
        for target, missing in unmet.items():
            for mentioned in missing:
                for line in self.requirements:
                    if _requirement.places_of([line], mentioned):
                        lines.setdefault(self.label(line.text), []).append(target)
        return lines
