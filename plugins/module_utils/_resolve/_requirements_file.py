# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requirements files, read strictly: what they require, what they constrain, and which options they hold.

The rules are those of pip's documentation, "Requirements File Format". The
resolver reads the same files by itself; this reads them for the check of the
locks, and to report what would otherwise be dropped.
"""

from __future__ import annotations

import codecs
import os
import re
import shlex
import typing as t
import urllib.parse

from ansible_collections.airgap.python.plugins.module_utils import _secrets
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._resolve._build_advice import replacement_advice
from ansible_collections.airgap.python.plugins.module_utils._resolve._requirement import (
    VARIABLE,
    Line,
    parse_requirement,
)
from ansible_collections.airgap.python.plugins.module_utils._secrets import without_secrets
from ansible_collections.airgap.python.plugins.module_utils._wheels._lock import normalize

_COMMENT = re.compile(r"(^|\s+)#.*$")
# It precedes the place of a line on the machine that the line was copied from.
ORIGIN = "  # airgap: "
_SHORT = {"-i": "--index-url", "-f": "--find-links", "-r": "--requirement", "-c": "--constraint", "-e": "--editable"}


class Option(t.NamedTuple):
    """An option in a file; ``value`` may contain a password."""

    name: str
    value: str
    where: str


class Parsed(t.NamedTuple):
    """The content of all files together.

    ``files`` has the text of each file that was read, by its path; ``secrets`` maps each value that must not be shown
    anywhere to its replacement.
    """

    requirements: t.Tuple[Line, ...]
    constraints: t.Tuple[Line, ...]
    options: t.Tuple[Option, ...]
    files: t.Dict[str, str]
    secrets: t.Dict[str, str]


def logical_lines(text: str) -> t.Iterator[t.Tuple[int, str]]:
    """Yield (number, line) with continued lines joined, without comments and empty lines."""
    parts: t.List[str] = []
    first = 0
    for number, raw in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        first = first if parts else number
        # As for pip, a comment line is not continued.
        alone = _COMMENT.match(raw) is not None
        if raw.endswith("\\") and not alone:
            parts.append(raw.strip("\\"))
            continue
        parts.append(" " + raw if alone else raw)
        line = _COMMENT.sub("", "".join(parts)).strip()
        parts = []
        if line:
            yield first, line
    line = _COMMENT.sub("", "".join(parts)).strip()
    if line:
        yield first, line


# Byte order marks, the longer ones first: the mark of UTF-32 starts with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode(data: bytes) -> str:
    """Return the text of a requirements file: by its byte order mark, by a coding in its first two lines, or UTF-8, as pip does.

    Raises UnicodeDecodeError, and LookupError for an unknown coding.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding)
    for line in data.split(b"\n")[:2]:
        match = re.search(rb"coding[:=]\s*([-\w.]+)", line) if line.startswith(b"#") else None
        if match:
            return data.decode(match.group(1).decode("ascii", "replace"))
    return data.decode("utf-8")


def read_file(path: str) -> str:
    """Return the text of a requirements file; raises OSError, and what decode() raises."""
    with open(path, "rb") as stream:
        return decode(stream.read())


class _Reader:
    """Reads files and the files that they name."""

    def __init__(self, read: t.Callable[[str], str], variables: t.Mapping[str, str]) -> None:
        self.read = read
        self.variables = variables
        self.requirements: t.List[Line] = []
        self.constraints: t.List[Line] = []
        self.options: t.List[Option] = []
        self.files: t.Dict[str, str] = {}
        self.secrets: t.Dict[str, str] = {}
        self.errors: t.List[str] = []

    def add_requirement(self, raw: str, where: str, constraint: bool) -> None:
        """Add a requirement or constraint, or record what is wrong with it, without the values of its variables."""
        line = self.expand(raw)
        try:
            found = self.read_requirement(raw, where)
            extras = re.match(r"^([A-Za-z0-9._-]+)\s*\[[^\]]*\]\s*", found.text) if constraint else None
            if extras:
                raise AirgapError(
                    "%s: the constraint %s has an extra, but a constraint can only restrict versions. "
                    "Write %s%s." % (where, found.text, extras.group(1), found.text[extras.end() :])
                )
            (self.constraints if constraint else self.requirements).append(found)
        except AirgapError as error:
            message = str(error)
            if line != raw:
                message = "%s: %r cannot be read after its variables are expanded. Correct it, or their values." % (
                    where,
                    raw,
                )
            self.errors.append(message)

    def expand(self, line: str) -> str:
        """Return a line in which each ${NAME} whose variable is set is replaced, as pip does."""
        return VARIABLE.sub(lambda match: self.variables.get(match.group("name")) or match.group(), line)

    def read_requirement(self, written: str, where: str) -> Line:
        """Return a requirement, and record what is secret in it."""
        line = parse_requirement(self.expand(written), where, written)
        if line.url:
            values = {name: self.variables.get(name, "") for name in VARIABLE.findall(written)}
            self.secrets.update(_secrets.masks(_secrets.passwords([line.url])))
            for name, value in values.items():
                if len(value) >= _secrets.SHORTEST:
                    self.secrets.update({one: "${%s}" % name for one in (value, urllib.parse.quote(value))})
        return line

    def read_file(self, path: str, constraint: bool, inside: t.Tuple[str, ...] = (), named_in: str = "") -> None:
        """Read a file and the files that it names; ``named_in`` is the line that names it."""
        prefix = named_in + ": " if named_in else ""
        if path in inside:
            raise AirgapError(
                "%s%s includes itself through %s. Remove one of the -r or -c lines." % (prefix, path, ", ".join(inside))
            )
        if re.match(r"^[A-Za-z][A-Za-z0-9+.-]+://", path):
            raise AirgapError(
                "%s%s is a file on the network. Download it, read it, and name the copy."
                % (prefix, without_secrets(path))
            )
        if path not in self.files:
            try:
                self.files[path] = self.read(path)
            except (OSError, UnicodeDecodeError, LookupError) as error:
                raise AirgapError(
                    "%s%s cannot be read: %s. Name a file that exists, in UTF-8 or UTF-16." % (prefix, path, error)
                ) from error
        physical = self.files[path].lstrip("\ufeff").splitlines()
        for number, raw in logical_lines(self.files[path]):
            line = self.expand(raw)
            origin = physical[number - 1].partition(ORIGIN)[2].strip()
            where = origin or "%s, line %d" % (path, number)
            if line.startswith("-"):
                self.read_option(line, raw, where, path, constraint, inside)
            else:
                self.add_requirement(raw, where, constraint)

    def read_option(
        self, line: str, raw: str, where: str, path: str, constraint: bool, inside: t.Tuple[str, ...]
    ) -> None:
        """Follow -r and -c, refuse an editable project, and record all other options."""
        name, value = self.split_option(line)
        if name in ("--requirement", "--constraint"):
            try:
                words = shlex.split(value)
            except ValueError as error:
                raise AirgapError("%s: a quote is not closed (%s). Close it." % (where, error)) from error
            if len(words) != 1:
                raise AirgapError(
                    "%s: %s must be followed by one file, not by %d. If the path has spaces, put it in quotes."
                    % (where, name, len(words))
                )
            value = words[0]
            if "://" not in value:
                value = os.path.normpath(os.path.join(os.path.dirname(path), value))
            # As for pip, -r in a constraints file requires.
            self.read_file(value, name == "--constraint", inside + (path,), where)
        elif name == "--editable":
            self.refuse_editable(self.split_option(raw)[1], where)
        else:
            self.options.append(Option(name, value, where))

    def refuse_editable(self, value: str, where: str) -> None:
        """Record that a project cannot be editable, and what to write instead."""
        egg = re.search(r"[#&]egg=([A-Za-z0-9._-]+)", value)
        direct = re.match(r"^([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\]\s*)?@\s*(?=\S+:|[./])", value)
        name = egg.group(1) if egg else direct.group(1) if direct else "NAME"
        reference = value[direct.end() :] if direct else re.sub(r"\[[^\]]*\]$", "", value)
        fix = replacement_advice(name, reference)
        if "://" not in reference:
            # Tools that export a lock write the project itself in this form.
            fix = fix[:-1] + "; or remove it, if only the project's requirements are wanted and the file has them."
        self.errors.append(
            "%s: %s is editable, which no other machine can install. %s" % (where, without_secrets(value), fix)
        )

    @staticmethod
    def split_option(line: str) -> t.Tuple[str, str]:
        """Return the option's long name and its value."""
        match = re.match(r"^(--[a-z-]+)(?:(?:\s*=\s*|\s+)(.*))?$", line) or re.match(r"^(-[A-Za-z])\s*=?\s*(.*)$", line)
        if match is None:
            return line, ""
        return _SHORT.get(match.group(1), match.group(1)), (match.group(2) or "").strip()


def parse(
    requirements: t.Sequence[str],
    files: t.Sequence[str],
    constraints_files: t.Sequence[str],
    read: t.Callable[[str], str],
    variables: t.Optional[t.Mapping[str, str]] = None,
) -> Parsed:
    """Return the content of requirement strings, requirements files and constraints files together.

    ``read`` returns the text of a file, ``variables`` has the values of ${NAME}.
    Raises AirgapError.
    """
    reader = _Reader(read, variables or {})
    for text in requirements:
        for _number, line in logical_lines(text):
            if line.startswith("-"):
                name, value = reader.split_option(line)
                if name == "--editable":
                    reader.refuse_editable(value, "requirements")
                else:
                    fix = _option_fix(Option(name, value, ""), "")
                    reader.errors.append("The requirement %r is an option of pip. %s" % (without_secrets(line), fix))
                continue
            reader.add_requirement(line, "requirements", False)
    for path in files:
        reader.read_file(path, False)
    for path in constraints_files:
        reader.read_file(path, True)
    if reader.errors:
        raise AirgapError(*reader.errors)
    return Parsed(
        tuple(reader.requirements), tuple(reader.constraints), tuple(reader.options), reader.files, reader.secrets
    )


# The variables that replace an option in a file.
_PLACES = {
    "--requirement": "requirements_files (requirements_file of a set)",
    "--constraint": "constraints_files (constraints_file of a set)",
    "--index-url": "index_url (stage_index_url in the role stage)",
    "--extra-index-url": "extra_index_urls (stage_extra_index_urls in the role stage)",
    "--find-links": "find_links (stage_find_links in the role stage)",
    "--trusted-host": "the configuration of pip on the internet host",
}
_WHEELS = "Remove it: only wheels are used, except for what stage_build lists."
_BUILDS = "Remove it: only what stage_build lists is built."
# The fix for an option that no variable replaces.
_FIXES = {
    "--only-binary": _WHEELS,
    "--prefer-binary": _WHEELS,
    "--require-hashes": "Remove it: hashes in a file are always enforced.",
    "--pre": "Remove it, and require the pre-releases that you want, such as NAME>=2.0rc1.",
    "--no-index": "Remove it, and name folders with wheels in find_links (stage_find_links in the role stage).",
    "--config-settings": _BUILDS,
    "--global-option": _BUILDS,
}


def _option_fix(option: Option, remove: str = " Remove it from the file.") -> str:
    """Return how to replace an option in a file."""
    if option.name in _PLACES:
        return "Use %s instead.%s" % (_PLACES[option.name], remove)
    if option.name != "--no-binary":
        return _FIXES.get(option.name, "Remove it: it is a setting of pip on another machine.")
    names = [normalize(name.strip()) for name in option.value.split(",") if name.strip()]
    if not names or any(name.startswith(":") for name in names):
        return "Remove it. Add the projects that must be built to stage_build, such as {name: NAME}."
    return "Remove it. Add to stage_build: %s." % ", ".join("{name: %s}" % name for name in names)


def refuse_options(parsed: Parsed) -> None:
    """Raise AirgapError for all options in files: an option applies to the whole resolution, not to a file."""
    errors = [
        "%s: the option %s cannot be set in a file. %s" % (option.where, option.name, _option_fix(option))
        for option in parsed.options
    ]
    if errors:
        raise AirgapError(*errors)
